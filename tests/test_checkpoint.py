"""Checkpoints: the same gradients for less memory, the second call in the state of the first, and what is refused."""

from __future__ import annotations

from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.engine.code import native
from kagari.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, set_checkpoint_early_stop

nn = kagari.nn
VARIANTS = pytest.mark.parametrize("reentrant", [False, True])


def trained(how: Any, between: Any = None) -> list[Any]:
    """Gradients of a network with dropout, a norm, a gather and two results, and the next random number."""
    kagari.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Dropout(0.5), nn.LayerNorm(8), nn.Linear(8, 8), nn.Tanh())
    x = kagari.randn(3, 8).requires_grad_()

    def part(x: Any, scale: float) -> Any:
        y = net(x)
        return y.sort(1)[0] * scale, y.softmax(1)

    a, b = how(part, x, 2.0)
    loss = (a * kagari.rand(3, 8)).sum() + b.pow(2).sum()
    if between is not None:
        between()
    loss.backward()
    return [
        a.tolist(),
        b.tolist(),
        x.grad.tolist(),
        *[p.grad.tolist() for p in net.parameters()],
        kagari.rand(2).tolist(),
    ]


@VARIANTS
def test_results_are_those_without(reentrant: bool) -> None:
    plain = trained(lambda part, *args: part(*args))
    assert trained(lambda part, *args: checkpoint(part, *args, use_reentrant=reentrant)) == plain


def test_whether_the_second_call_ends_early_changes_nothing() -> None:
    plain = trained(lambda part, *args: part(*args))
    for early in (False, True):
        with set_checkpoint_early_stop(early):
            assert trained(lambda part, *args: checkpoint(part, *args, use_reentrant=False)) == plain


@VARIANTS
def test_other_random_numbers_without_their_state(reentrant: bool) -> None:
    plain = trained(lambda part, *args: part(*args))
    other = trained(lambda part, *args: checkpoint(part, *args, use_reentrant=reentrant, preserve_rng_state=False))
    assert other[0] == plain[0] and other[2] != plain[2]


def in_use(how: Any) -> tuple[int, Any]:
    """The bytes that a deep function holds after its forward pass, and the gradient."""
    x = kagari.ones(256, 256, requires_grad=True)

    def deep(x: Any) -> Any:
        for _ in range(20):
            x = x.sin().exp()
        return x

    before = native().stats[0]
    y = how(deep, x)
    held = native().stats[0] - before
    y.sum().backward()
    return held, x.grad


@VARIANTS
def test_intermediate_values_are_not_kept(reentrant: bool) -> None:
    size = 4 * 256 * 256
    plain, grad = in_use(lambda f, x: f(x))
    held, again = in_use(lambda f, x: checkpoint(f, x, use_reentrant=reentrant))
    assert plain > 15 * size and held < 3 * size and again.equal(grad)


def test_checkpoints_inside_of_checkpoints() -> None:
    x = kagari.ones(3, requires_grad=True)
    calls = []

    def inner(x: Any) -> Any:
        calls.append("inner")
        return x.sin().exp()

    def outer(x: Any) -> Any:
        calls.append("outer")
        y = checkpoint(inner, x.exp(), use_reentrant=False)
        return checkpoint(inner, y, use_reentrant=False) * y

    checkpoint(outer, x, use_reentrant=False).sum().backward()
    expected = kagari.ones(3, requires_grad=True)
    outer(expected).sum().backward()
    assert x.grad.equal(expected.grad) and calls.count("outer") == 3


@VARIANTS
def test_passes_one_after_the_other(reentrant: bool) -> None:
    x = kagari.ones(3, requires_grad=True)
    y = checkpoint(lambda x: x.sin().exp(), x, use_reentrant=reentrant).sum()
    y.backward(retain_graph=True)
    first = x.grad.clone()
    y.backward()
    assert x.grad.equal(2 * first)
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_gradients_of_gradients() -> None:
    def second(how: Any) -> Any:
        x = kagari.linspace(0, 1, 5).requires_grad_()
        (first,) = kagari.autograd.grad(how(lambda x: (x.sin() * x).tanh().exp(), x).sum(), x, create_graph=True)
        return kagari.autograd.grad(first.pow(2).sum(), x)[0]

    plain = second(lambda f, x: f(x))
    kagari.testing.assert_close(second(lambda f, x: checkpoint(f, x, use_reentrant=False)), plain)


def test_custom_functions_and_views_inside() -> None:
    class Square(kagari.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * grad

    def part(x: Any) -> Any:
        y = Square.apply(x.exp())
        y[0].mul_(3)
        return {"a": [y.view(6)], "b": None}

    grads = []
    for how in (lambda x: part(x), lambda x: checkpoint(part, x, use_reentrant=False)):
        x = kagari.arange(6.0).reshape(2, 3).requires_grad_()
        how(x)["a"][0].sum().backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


@VARIANTS
def test_autocast_is_the_same_again(reentrant: bool) -> None:
    seen = []

    def part(x: Any) -> Any:
        y = x @ x
        seen.append((y.dtype, kagari.is_autocast_enabled("cpu"), kagari.get_autocast_dtype("cpu")))
        return y

    x = kagari.ones(2, 2, requires_grad=True)
    with kagari.autocast("cpu", dtype=kagari.float16):
        y = checkpoint(part, x, use_reentrant=reentrant)
    y.sum().backward()
    assert seen == 2 * [(kagari.float16, True, kagari.float16)] and not kagari.is_autocast_enabled("cpu")


def test_contexts() -> None:
    seen = []

    @contextmanager
    def noted(name: str) -> Any:
        seen.append(name)
        yield

    x = kagari.ones(2, requires_grad=True)
    y = checkpoint(kagari.exp, x, use_reentrant=False, context_fn=lambda: (noted("forward"), noted("again")))
    assert seen == ["forward"]
    y.sum().backward()
    assert seen == ["forward", "again"]


def test_arguments_by_name_and_without_gradients() -> None:
    calls = []

    def part(x: Any, *, factor: Any) -> Any:
        calls.append(factor)
        return x.exp() * factor

    w = kagari.ones(2, requires_grad=True)
    checkpoint(part, kagari.ones(2), use_reentrant=False, factor=w).sum().backward()
    assert w.grad is not None and len(calls) == 2
    with kagari.no_grad():
        assert not checkpoint(part, w, use_reentrant=False, factor=2).requires_grad
    assert len(calls) == 3


@pytest.mark.parametrize("other", [
    lambda x: x.sum(), lambda x: x.double().exp().sum(), lambda x: x[:2].exp().sum(), lambda x: x.sin().sum(),
])  # fmt: skip
def test_something_else_the_second_time(other: Any) -> None:
    calls: list[int] = []

    def part(x: Any) -> Any:
        calls.append(0)
        return x.exp().sum() if len(calls) == 1 else other(x)

    y = checkpoint(part, kagari.ones(3, requires_grad=True), use_reentrant=False)
    with pytest.raises(CheckpointError, match=r"torch\.utils\.checkpoint: "):
        y.backward()


def test_a_check_that_is_left_out() -> None:
    """Another operator that saves a value of the same shape is not found to be another one."""
    x = kagari.ones(3, requires_grad=True)
    calls: list[int] = []

    def part(x: Any) -> Any:
        calls.append(0)
        return x.exp() if len(calls) == 1 else x.tanh()

    checkpoint(part, x, use_reentrant=False, determinism_check="none").sum().backward()
    assert x.grad.equal(kagari.ones(3).tanh())


def test_arguments_that_were_changed() -> None:
    x = kagari.ones(3, requires_grad=True)
    given = x * 1
    y = checkpoint(kagari.exp, given, use_reentrant=False)
    given.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def layers(torch: Any) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(*[torch.nn.Linear(4, 4), torch.nn.Tanh()] * 3)


@VARIANTS
@pytest.mark.parametrize("segments", [1, 2, 5])
def test_sequences(segments: int, reentrant: bool) -> None:
    net = layers(kagari)
    grads = []
    for how in (net, lambda x: checkpoint_sequential(net, segments, x, use_reentrant=reentrant)):
        net.zero_grad()
        x = kagari.linspace(-1, 1, 8).reshape(2, 4).requires_grad_()
        how(x).sum().backward()
        grads.append([x.grad.tolist(), *[p.grad.tolist() for p in net.parameters()]])
    assert grads[0] == grads[1]


@pytest.mark.filterwarnings("ignore")
def test_refused_and_warned_of_as_by_pytorch(oracle: ModuleType) -> None:
    import torch.utils.checkpoint

    calls = {
        "extra": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True, foo=1),
        "contexts": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True, context_fn=lambda: 1),
        "debug": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True, debug=True),
        "extra of a sequence": lambda t, c, x: c.checkpoint_sequential([t.exp], 1, x, use_reentrant=True, foo=1),
        "grad": lambda t, c, x: t.autograd.grad(c.checkpoint(t.exp, x, use_reentrant=True).sum(), x),
        "inputs": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True).sum().backward(inputs=[x]),
        "no gradient": lambda t, c, x: c.checkpoint(lambda x: (x.detach(),), x, use_reentrant=True)[0].sum().backward(),
    }
    for name, call in calls.items():
        errors = []
        for library, module in ((kagari, kagari.utils.checkpoint), (oracle, torch.utils.checkpoint)):
            with pytest.raises((RuntimeError, ValueError)) as caught:
                call(library, module, library.ones(3, requires_grad=True))
            errors.append((type(caught.value), str(caught.value)))
        assert errors[0] == errors[1], name
    warned = [
        lambda t, c: c.checkpoint(t.exp, t.ones(3, requires_grad=True)),
        lambda t, c: c.checkpoint(t.exp, t.ones(3), use_reentrant=True),
        lambda t, c: c.checkpoint_sequential([t.exp], 1, t.ones(3, requires_grad=True)),
    ]
    for call in warned:
        with pytest.warns(UserWarning) as ours:
            call(kagari, kagari.utils.checkpoint)
        with pytest.warns(UserWarning) as theirs:
            call(oracle, torch.utils.checkpoint)
        assert [str(w.message) for w in ours] == [str(w.message) for w in theirs]
