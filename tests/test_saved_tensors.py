"""Hooks on what nodes save, and the names of what is saved."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from programs import Program, collector, outcome

import kagari
from kagari.autograd import modes
from kagari.autograd.graph import saved_tensors_hooks
from kagari.engine.code import native

PROGRAMS, program = collector()


def hooked(t: Any, notes: list[str] | None = None) -> Any:
    """Hooks that keep the numbers of a tensor."""

    def pack(x: Any) -> Any:
        if notes is not None:
            notes.append(f"pack {tuple(x.shape)} {t.is_grad_enabled()}")
        return x.tolist(), x.dtype

    def unpack(kept: Any) -> Any:
        if notes is not None:
            notes.append(f"unpack {t.is_grad_enabled()}")
        return t.tensor(kept[0], dtype=kept[1])

    return t.autograd.graph.saved_tensors_hooks(pack, unpack)


class _Cube:
    """The same custom function on both."""

    def __new__(cls, t: Any) -> Any:
        class Cube(t.autograd.Function):  # type: ignore[misc, name-defined]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                y = x * x
                ctx.save_for_backward(x, None, y)
                return y * x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                x, nothing, y = ctx.saved_tensors
                return grad * (y + 2 * x * x if nothing is None else None)

        return Cube.apply


def network(t: Any, x: Any) -> Any:
    y = t.nn.functional.gelu(x * x.exp()).softmax(1)
    return (_Cube(t)(y).sigmoid() @ x.T).sort(1)[0].sum()


@program
def nodes_are_told_by_their_class(t: Any) -> Any:
    x = t.ones(3, requires_grad=True)
    y = (x * 2).exp()
    z = t.zeros(4)
    z[:2] = x[:2]
    fn = y.grad_fn
    seen = [type(f).__name__ for f in (fn, fn.next_functions[0][0], z.grad_fn, z[1:].grad_fn, (x + 1).sum().grad_fn)]
    (y.sum() + z.sum()).backward()
    return seen, str(type(fn)), isinstance(fn, t.autograd.graph.Node), y.grad_fn is fn, x.grad


@program
def no_such_attribute_of_a_node(t: Any) -> Any:
    return t.ones(3, requires_grad=True).exp().grad_fn._nothing


@program
def hooks_on_one_saved_tensor(t: Any) -> Any:
    x = t.arange(3.0, requires_grad=True)
    seen = []
    for name in ("self", "other"):
        y = x * (x + 1)
        getattr(y.grad_fn, f"_raw_saved_{name}").register_hooks(lambda kept: kept.tolist(), lambda kept: t.tensor(kept))
        seen += [type(getattr(y.grad_fn, f"_raw_saved_{name}")).__name__, *t.autograd.grad(y.sum(), x)]
    return seen


@program
def a_hook_that_changes_what_was_saved(t: Any) -> Any:
    x = t.arange(3.0, requires_grad=True)
    y = x.exp()
    y.grad_fn._raw_saved_result.register_hooks(lambda kept: kept.detach() * 4, lambda kept: kept / 2)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return x.grad


@program
def hooks_on_what_a_function_saved(t: Any) -> Any:
    x = t.arange(3.0, requires_grad=True)
    y = _Cube(t)(x)
    first, *_ = y.grad_fn._raw_saved_tensors
    first.register_hooks(lambda kept: 5.0, lambda number: t.full((3,), number))
    y.sum().backward()
    return x.grad


@program
def places_of_what_a_function_let_go(t: Any) -> Any:
    y = _Cube(t)(t.arange(3.0, requires_grad=True))
    assert len(y.grad_fn._raw_saved_tensors) == 3
    y.sum().backward()
    return y.grad_fn._raw_saved_tensors


@program
def hooks_are_set_once(t: Any) -> Any:
    y = t.ones(3, requires_grad=True).exp()  # the oracle's place does not keep the node alive
    place = y.grad_fn._raw_saved_result
    place.register_hooks(lambda kept: kept, lambda kept: kept)
    place.register_hooks(lambda kept: kept, lambda kept: kept)


@program
def hooks_on_what_was_let_go(t: Any) -> Any:
    y = t.ones(3, requires_grad=True).exp()
    place = y.grad_fn._raw_saved_result
    y.sum().backward()
    place.register_hooks(lambda kept: kept, lambda kept: kept)


@program
def gradients_are_the_same(t: Any) -> Any:
    x = t.linspace(-1, 1, 6).view(2, 3).requires_grad_()
    with hooked(t):
        y = network(t, x)
    y.backward()
    return x.grad


@program
def gradients_of_gradients(t: Any) -> Any:
    x = t.linspace(-1, 1, 3, dtype=t.float64).requires_grad_()
    with hooked(t):
        y = (x.exp() * x * x.sin()).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    (g * g).sum().backward()
    return g, x.grad


@program
def what_hooks_are_called_with(t: Any) -> Any:
    x, notes = t.ones(3, requires_grad=True), []
    with hooked(t, notes):
        y = x.exp()
        with t.no_grad():
            x.exp()
        y.detach() * 2
    z = y.exp()
    notes.append("backward")
    z.sum().backward(retain_graph=True)
    z.sum().backward()
    return notes, x.grad


@program
def the_innermost_counts(t: Any) -> Any:
    x, notes = t.ones(2, requires_grad=True), []
    region = t.autograd.graph.saved_tensors_hooks
    with region(lambda v: notes.append("outer") or v, lambda v: v):
        with region(lambda v: notes.append("inner") or v, lambda v: v):
            x.exp()
        x.exp()
    x.exp()
    return notes


@program
def what_is_unpacked_counts(t: Any) -> Any:
    x = t.ones(3, requires_grad=True)
    with t.autograd.graph.saved_tensors_hooks(lambda v: v + 1, lambda v: v):
        y = x * x
    y.sum().backward()
    return x.grad


@program
def overwriting_what_was_packed_is_allowed(t: Any) -> Any:
    x = t.ones(3, requires_grad=True)
    a = x * 2
    with hooked(t):
        y = a * a
    a.data.add_(5)
    a.add_(1)
    y.sum().backward()
    return x.grad


@program
def saved_tensors_of_a_custom_function(t: Any) -> Any:
    x = t.ones(2, requires_grad=True)
    with hooked(t):
        y = _Cube(t)(x)
    before = y.grad_fn.saved_tensors
    return [v if v is None else (v.tolist(), v.requires_grad) for v in before]


@program
def save_on_cpu(t: Any) -> Any:
    x = t.ones(2, requires_grad=True)
    with t.autograd.graph.save_on_cpu():
        y = x.exp() * x
    y.sum().backward()
    return x.grad


@program
def names_of_what_is_saved(t: Any) -> Any:
    x = t.ones(2, requires_grad=True)
    y, z = x.exp(), x * x.detach()
    found = [y.grad_fn._saved_result.equal(y), z.grad_fn._saved_self is x, z.grad_fn._saved_other]
    found.append(y.grad_fn._saved_result.grad_fn is y.grad_fn)
    y.sum().backward()
    try:
        y.grad_fn._saved_result  # noqa: B018
    except RuntimeError as error:
        found.append(str(error)[:50])
    return found, hasattr(z.grad_fn, "_saved_foo")


def _no_tensor(t: Any) -> Any:
    x = t.ones(2, requires_grad=True)
    with t.autograd.graph.saved_tensors_hooks(lambda v: 3, lambda v: v):
        y = x.exp()
    y.sum().backward()


def _overwrites(t: Any) -> Any:
    x = t.ones(2, requires_grad=True)
    with t.autograd.graph.saved_tensors_hooks(lambda v: v.add_(1), lambda v: v):
        (x * 1).exp()


def _forbidden(t: Any) -> Any:
    with t.autograd.graph.disable_saved_tensors_hooks("not here"), hooked(t):
        pass


def _forbidden_too_late(t: Any) -> Any:
    with hooked(t), t.autograd.graph.disable_saved_tensors_hooks("not here"):
        pass


FAILING = [_no_tensor, _overwrites, _forbidden, _forbidden_too_late]


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda p: p.__name__)
def test_program(run: Program, oracle: ModuleType) -> None:
    assert outcome(run, kagari) == outcome(run, oracle)


@pytest.mark.parametrize("failing", FAILING, ids=lambda f: f.__name__)
def test_error(failing: Any, oracle: ModuleType) -> None:
    caught = []
    for t in (kagari, oracle):
        with pytest.raises((RuntimeError, TypeError)) as found:
            failing(t)
        caught.append((found.type, str(found.value)[:60]))
    assert caught[0] == caught[1]
    assert not kagari.autograd.packing._region.hooks


def test_a_region_may_be_entered_again() -> None:
    x, packed = kagari.ones(2, requires_grad=True), []
    region = saved_tensors_hooks(lambda t: packed.append(1) or t, lambda t: t)  # type: ignore[func-returns-value]
    before = modes.mode()
    with region, region:
        x.exp()
    assert packed == [1]
    assert modes.mode() == before


def test_hooks_have_to_be_functions() -> None:
    region = saved_tensors_hooks(1, "a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected two functions, got int and str"), region:
        pass


def test_what_was_saved_is_let_go() -> None:
    x, stats = kagari.ones(1000, requires_grad=True), native().stats
    with saved_tensors_hooks(lambda t: None, lambda kept: kagari.full((1000,), 2.0)):
        y, z = x.exp(), x.exp()
    node, before = y.grad_fn, stats[0]
    del y
    assert node.name() == "ExpBackward0"
    assert stats[0] <= before - 4000
    z.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0] * 1000


@pytest.mark.parametrize("wrong", [kagari.ones(1), kagari.ones(5), kagari.ones(2, dtype=kagari.float64)])
def test_another_tensor_is_an_error(wrong: Any) -> None:
    x = kagari.ones(2, requires_grad=True)
    with saved_tensors_hooks(lambda t: t, lambda t: wrong):
        y = x * x
    with pytest.raises(RuntimeError, match=r"MulBackward0: unpack_hook returned a tensor of shape .* saved with"):
        y.sum().backward()


def test_hooks_that_are_no_functions() -> None:
    place = kagari.ones(3, requires_grad=True).exp().grad_fn._raw_saved_result
    with pytest.raises(TypeError, match="expected two functions, got int and str"):
        place.register_hooks(1, "x")


# Changes of what was saved


def changed(torch: Any) -> list[Any]:
    """Gradients of results whose arguments, results and views of arguments are overwritten meanwhile."""
    x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
    w = torch.tensor([[1.0, 2, 3], [4, 5, 6]], requires_grad=True)
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        first = y**2
        y.sin_()
        second = y**3
        y[:1] = 7
        y.mul_(2)
        third = y.exp()
        fourth = third * y
        third.zero_()
        copied = w.clone()
        fifth = copied @ y
        copied.fill_(0)
        (first + second + fourth).sum().backward(retain_graph=True)
        before = x.grad.clone()
        fifth.sum().backward()
    return [before.tolist(), x.grad.tolist(), w.grad.tolist()]


def test_what_was_saved_may_be_changed_in_a_region(oracle: ModuleType) -> None:
    for ours, theirs in zip(changed(kagari), changed(oracle), strict=True):
        assert kagari.tensor(ours).flatten().tolist() == pytest.approx(oracle.tensor(theirs).flatten().tolist())


def test_hooks_get_what_an_operator_in_place_overwrites() -> None:
    x = kagari.tensor([0.5, 2.0], requires_grad=True)
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        y = x.clone().sin_().mul_(x)
    y.sum().backward()
    expected = x.detach().cos() * x.detach() + x.detach().sin()
    assert x.grad.tolist() == pytest.approx(expected.tolist())


def test_views_of_what_is_changed_are_copied() -> None:
    """PyTorch looks for the very elements that are changed, and computes with the new ones."""
    x = kagari.tensor([0.5, 1.0, 2.0], requires_grad=True)
    with kagari.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        part = y[1:].cos()
        y.add_(1)
        part.sum().backward()
    assert x.grad.tolist() == pytest.approx([0, *(-x.detach()[1:].sin()).tolist()])


def test_only_what_is_changed_is_copied() -> None:
    x = kagari.ones(1000, requires_grad=True)
    with kagari.autograd.graph.allow_mutation_on_saved_tensors() as region:
        y = x.exp()
        z = y * y
        kept = [k for group in region._kept.values() for k in group]
        assert {k.tensor.data_ptr() for k in kept} == {y.data_ptr()}
        y.zero_()
        assert not {k.tensor.data_ptr() for k in kept} & {y.data_ptr()}
        z.sum().backward()
    assert x.grad[0].item() == pytest.approx(2 * 2.718281828**2)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "out": lambda y: kagari.add(y.detach(), 1, out=y.detach()),
    "fill": lambda y: y.detach().fill_(3),
    "zero": lambda y: y.detach().zero_(),
    "index": lambda y: y.detach().__setitem__(0, 7),
    "copy": lambda y: y.detach().copy_(kagari.zeros(2)),
    "foreach": lambda y: kagari._foreach_mul_([y.detach()], 5),
    "set": lambda y: y.data.add_(1),
    "random": lambda y: y.detach().uniform_(),
    "optimizer": lambda y: _stepped(y.detach()),
}


def _stepped(x: Any) -> None:
    x.requires_grad_()
    x.grad = kagari.ones(2)
    kagari.optim.SGD([x], lr=1.0).step()


@pytest.mark.parametrize("name", CHANGES)
def test_every_way_to_change_is_seen_or_refused(name: str) -> None:
    x = kagari.tensor([0.5, 2.0], requires_grad=True)
    with kagari.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        loss = (y * y).sum()
        with kagari.no_grad():
            CHANGES[name](y)
        if name in ("optimizer", "random"):
            with pytest.raises(RuntimeError, match="modified by an inplace operation that"):
                loss.backward()
        else:
            loss.backward()
            assert x.grad.tolist() == [1.0, 4.0]


def test_regions_of_changes_end() -> None:
    x = kagari.ones(2, requires_grad=True)
    y = x.clone()
    early = y**2
    with kagari.autograd.graph.allow_mutation_on_saved_tensors():
        z = y**3
        y.sin_()
        with (
            pytest.raises(RuntimeError, match="cannot be nested"),
            kagari.autograd.graph.allow_mutation_on_saved_tensors(),
        ):
            pass
    with pytest.raises(AssertionError, match="outside of the 'allow_mutation_on_saved_tensors' context"):
        z.sum().backward()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        early.sum().backward()
    with kagari.autograd.graph.allow_mutation_on_saved_tensors() as region:
        z = y**3
        region.clear()
        with pytest.raises(AssertionError):
            z.sum().backward()
