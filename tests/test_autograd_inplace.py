"""In-place changes, views and versions on the tape."""

from __future__ import annotations

import gc
import weakref
from types import ModuleType
from typing import Any

import pytest
from programs import Program, collector, outcome

import kagari

PROGRAMS, program = collector()


def leaf(t: Any) -> Any:
    """A tensor that wants a gradient."""
    return t.tensor([1.0, 2.0, 3.0], requires_grad=True)


@program
def results(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    same = y.add_(x, alpha=2).mul_(3).sub_(1)
    (y * y).sum().backward()
    return same is y, y.grad_fn.name(), y.is_leaf, x.grad


@program
def quotients(t: Any) -> Any:
    """A result that the gradient does without may be overwritten: of div, and of what ends with one."""
    f, grads = t.nn.functional, []
    makers = (
        lambda x: x / (x + 1), lambda x: 2 / x, lambda x: f.normalize(x, dim=0), f.softsign, lambda x: (x / 4).erfinv(),
        lambda x: t.corrcoef(t.stack([x, x * x.flip(0)])),
    )  # fmt: skip
    for make in makers:
        x = leaf(t)
        make(x).sin_().sum().backward()
        grads.append(x.grad)
    return grads


@program
def retained_inputs(t: Any) -> Any:
    """`backward` retains the gradients of inputs that are no leaves, and adds each once."""
    x = leaf(t)
    y = x * 2
    y.retain_grad()
    z = x * 3
    (y * z).sum().backward(inputs=[y, z], retain_graph=True)
    once = y.grad.clone(), z.grad.clone(), y.retains_grad, z.retains_grad, x.grad is None
    (y * z).sum().backward()
    return once, y.grad, z.grad, x.grad


@program
def first_gradients(t: Any) -> Any:
    """The 1 that a pass starts from is its own, whoever writes to it or keeps it."""
    x, kept = leaf(t), []
    x.sum().backward()
    for _ in range(2):
        loss = x.sum()
        loss.register_hook(lambda g: g.mul_(3))
        loss.backward()
    for factor in (5, 7):
        loss = x.sum()
        loss.retain_grad()
        loss.backward()
        kept.append(loss.grad.mul_(factor))
    loss = x.sum()
    kept += t.autograd.grad(loss, loss, retain_graph=True)
    kept[-1].zero_()
    loss.backward()
    return kept, x.grad


@program
def leaves_that_want_none_any_more(t: Any) -> Any:
    x, layer = leaf(t), t.nn.Linear(2, 2)
    y, z = x * 2, layer(t.ones(1, 2))
    x.requires_grad_(False)
    layer.bias.detach_()
    y.sum().backward()
    z.sum().backward()
    return x.grad, layer.bias.grad, layer.weight.grad


@program
def recorded_gradients_are_copies(t: Any) -> Any:
    """What `create_graph` leaves in `grad` is added to by the next pass, and is nobody else's."""
    x, y = leaf(t), leaf(t)
    (x + y).sum().backward(create_graph=True)
    (x * 2).sum().backward()
    return x.grad, y.grad


@program
def retained_gradients_are_copies(t: Any) -> Any:
    x = leaf(t)
    y, z = x * 1, x * 2
    y.retain_grad(), z.retain_grad()
    (y + z).sum().backward()
    y.grad.mul_(5)
    return y.grad, z.grad, x.grad, y.grad.stride()


@program
def views_of_views_that_are_leaves(t: Any) -> Any:
    t.ones(6).view(2, 3).requires_grad_()[0].mul_(2)


@program
def other_data_than_saved(t: Any) -> Any:
    """Data of another size than was saved is an error, not memory beyond its end."""
    x = leaf(t)
    y = (x * x).sum()
    x.data = t.ones(0)
    try:
        y.backward()
    except RuntimeError:
        return "refused"


@program
def inputs_without_gradient(t: Any) -> Any:
    (leaf(t) * 2).sum().backward(inputs=[t.ones(3)])


@program
def memory_of_a_leaf(t: Any) -> Any:
    leaf(t).set_(t.ones(3))


@program
def shape_of_another(t: Any) -> Any:
    """What only lends its shape gets no gradient, and makes none wanted."""
    x = leaf(t)
    (t.ones(3).expand_as(x) * x).sum().backward()
    return t.ones(1).expand_as(x), x.grad


@program
def python_operators(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    before = y
    y += x
    y *= 2
    y.sum().backward()
    return before is y, x.grad


@program
def operators_that_need_what_they_overwrite(t: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y.mul_(x)
    y.sum().backward()
    first = x.grad.clone()
    x.grad = None
    z = x * 2
    z.pow_(3)
    z.sum().backward()
    return first, x.grad


@program
def operators_that_need_their_result(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    y.exp_()
    y.sum().backward()
    first = x.grad.clone()
    x.grad = None
    z = x * 0.1
    z.sigmoid_()
    (g,) = t.autograd.grad(z.sum(), x, create_graph=True)
    return first, g.detach(), t.autograd.grad(g.sum(), x)


@program
def tensors_that_wanted_no_gradient(t: Any) -> Any:
    x, y = leaf(t), t.ones(3)
    y.mul_(x)
    (y * y).sum().backward()
    return y.requires_grad, y.is_leaf, x.grad


@program
def overwritten_wholly(t: Any) -> Any:
    x = leaf(t)
    y, z = x * 2, x * 3
    y.copy_(x)
    z.zero_()
    (y + z).sum().backward()
    return x.grad


@program
def items_assigned(t: Any) -> Any:
    x, y = leaf(t), t.zeros(3)
    y[1:] = x[1:] * 3
    y[0] = 7
    (y * y).sum().backward()
    return y, x.grad


@program
def a_view_changed(t: Any) -> Any:
    x = leaf(t)
    y = x.clone()
    v = y[0]
    v.mul_(2)
    y.sum().backward()
    return x.grad, y.grad_fn.name(), v.grad_fn.name()


@program
def a_base_changed(t: Any) -> Any:
    x = leaf(t)
    y = x.clone()
    w = y[1:]
    y.mul_(3)
    w.sum().backward()
    return x.grad, w.grad_fn.name()


@program
def another_view_changed(t: Any) -> Any:
    x = leaf(t)
    y = x.clone()
    w, u = y[1:], y[:2]
    u.mul_(5)
    (w * w).sum().backward()
    return x.grad


@program
def views_of_views(t: Any) -> Any:
    x = leaf(t)
    y = t.ones(2, 3)
    y.t()[1].copy_(x[:2])
    y.view(-1)[3:].mul_(x)
    (y * y).sum().backward()
    return x.grad


@program
def views_that_wanted_no_gradient(t: Any) -> Any:
    x, y = leaf(t), t.ones(3)
    v, w = y[:1], y[1:]
    y.mul_(x)
    u = w[0]
    (v.sum() + (w * w).sum() + u).backward()
    return v.requires_grad, w.requires_grad, u.requires_grad, v.grad_fn.name(), x.grad


@program
def transposed_bases_twice_differentiated(t: Any) -> Any:
    x = leaf(t)
    y = (x.repeat(2).view(2, 3) * 1).t()
    y[1].mul_(3)
    y[0].add_(x[0])
    (g,) = t.autograd.grad((y * y * y).sum(), x, create_graph=True)
    return g.detach(), t.autograd.grad(g.sum(), x)


@program
def expanded_views(t: Any) -> Any:
    x = leaf(t)
    z = x.expand(2, 3).clone()
    e = z[0:1].expand(2, 3)
    z.mul_(2)
    (e * e).sum().backward()
    return x.grad


@program
def retained_gradients_move(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    return y.grad, x.grad


@program
def hooks_stay(t: Any) -> Any:
    x, seen = leaf(t), []
    y = x * 1
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(3)
    y.sum().backward()
    return seen


@program
def detached(t: Any) -> Any:
    x = leaf(t)
    y = x * 2
    d = y.detach()
    d.add_(1)
    y.sum().backward()
    e = x * 2
    e.detach_()
    return d._is_view(), d.requires_grad, e.requires_grad, e.is_leaf, x.grad


@program
def a_detached_leaf(t: Any) -> Any:
    x = leaf(t)
    y = x.detach().requires_grad_()
    (x * y).sum().backward()
    return x.grad, y.grad, y.is_leaf


@program
def without_gradients(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    with t.no_grad():
        x.mul_(2)
        y.add_(1)
        x[0] = 9
    return x, y, y.grad_fn.name()


@program
def versions(t: Any) -> Any:
    x = t.ones(3)
    seen = [x._version]
    x.add_(1)
    x[0].mul_(2)
    x.view(3)[1:] = 4
    return [*seen, x._version, x[1:]._version, x.detach()._version]


# Errors


@program
def error_leaf(t: Any) -> Any:
    leaf(t).mul_(2)


@program
def error_view_of_a_leaf(t: Any) -> Any:
    leaf(t)[0].mul_(2)


@program
def error_leaf_by_item(t: Any) -> Any:
    x = leaf(t)
    x[0] = 1


@program
def error_input_changed(t: Any) -> Any:
    y = leaf(t) * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


@program
def error_result_changed(t: Any) -> Any:
    y = leaf(t).exp()
    y.add_(1)
    y.sum().backward()


@program
def error_result_in_place_changed(t: Any) -> Any:
    y = leaf(t) * 2
    y.exp_()
    y.add_(1)
    y.sum().backward()


@program
def error_constant_changed(t: Any) -> Any:
    p = t.ones(3)
    z = leaf(t) * p
    p.add_(1)
    z.sum().backward()


@program
def error_changed_through_a_view(t: Any) -> Any:
    y = leaf(t) * 1
    z = y * y
    y[0].zero_()
    z.sum().backward()


@program
def error_untracked_view_changed(t: Any) -> Any:
    y = leaf(t) * 1
    with t.no_grad():
        v = y[0:1]
    v.mul_(2)


@program
def error_untracked_view_changed_with_a_gradient(t: Any) -> Any:
    y = t.ones(3)
    with t.no_grad():
        v = y[0:1]
    v.mul_(leaf(t)[:1])


@program
def untracked_views_of_constants(t: Any) -> Any:
    y = t.ones(3)
    with t.no_grad():
        v = y.view(3)
    v.mul_(2)
    return y


@program
def error_base_of_an_untracked_view_changed(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    with t.no_grad():
        v = y[0]
    y.mul_(x)
    return v.grad_fn


@program
def error_larger_result(t: Any) -> Any:
    y = leaf(t) * 1
    y.add_(t.ones(2, 3))


@program
def error_lower_dtype(t: Any) -> Any:
    t.ones(3, dtype=t.int64).mul_(leaf(t))


SPLITS = {
    "unbind": lambda x: x.unbind(0), "row by row": list, "split": lambda x: x.split(1),
    "chunk": lambda x: x.chunk(2, 1),
    "sizes": lambda x: x.split([1, 1]), "tensor_split": lambda x: x.tensor_split(2),
}  # fmt: skip


@program
def views_that_come_together(t: Any) -> Any:
    """None of them can be written to, nor used after their base was; what is not recorded does not count."""
    found = []
    for split in SPLITS.values():
        for change in (lambda x, views: views[1].mul_(2), lambda x, views: x.mul_(2)):
            y = t.ones(2, 2, requires_grad=True) * 1
            views = split(y)
            try:
                change(y, views)
                found.append((views[1].grad_fn is None, y))
            except RuntimeError as error:
                found.append(str(error))
    views = t.ones(2, 2).unbind(0)
    views[0].mul_(3)
    with t.no_grad():
        (t.ones(2, requires_grad=True) * 1).chunk(2)[0].mul_(3)
    return views, found


@program
def chosen_elements_remember_where_they_were(t: Any) -> Any:
    """The argument of what saves where it found its result may be overwritten."""
    found = []
    for choose in (
        lambda x: x.max(1, keepdim=True).values, lambda x: x.median(1).values, lambda x: x.kthvalue(1, 1, True).values,
        lambda x: x.mode(1).values,
    ):  # fmt: skip
        x = t.tensor([[3.0, 1.0, 2.0], [5.0, 4.0, 4.5]], requires_grad=True)
        y = x * 1
        total = (choose(y) * 2).sum()
        with t.no_grad():
            y.zero_()
        total.backward()
        found.append(x.grad)
    return found


@program
def zeros_may_be_overwritten(t: Any) -> Any:
    found = []
    for shape in ((), (1,), (1, 1), (3,)):
        x = t.ones(shape, requires_grad=True)
        y = (x * 1).zero_()
        (y.add_(1) * 2).sum().backward()
        found.append(x.grad)
    return found


@program
def numbers_are_as_they_were_made(t: Any) -> Any:
    return [t.tensor(x)._version for x in (0.5, 2, True, [0.5])], t.tensor(1.5).T, t.tensor(1.5).mT, t.tensor(1.5).H


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda p: p.__name__)
def test_like_the_oracle(run: Program, oracle: ModuleType) -> None:
    assert outcome(run, kagari) == outcome(run, oracle)


def test_with_itself() -> None:
    """PyTorch refuses this one; the value that is needed is kept, so it is right here."""
    x = leaf(kagari)
    y = x * 1
    y.mul_(y)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_repeated_changes() -> None:
    x = leaf(kagari)
    y = x * 1
    for _ in range(20_000):
        y.mul_(1.0)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    z = x * 1
    v = z[1:]
    for _ in range(500):
        v.mul_(1.0)
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_shape_that_changed_untracked() -> None:
    """The step that made it has no gradient of that shape to go on with, and reads no memory beyond it."""
    for change in (lambda y: y.t_(), lambda y: y.unsqueeze_(1)):
        y = kagari.ones(2, 3, requires_grad=True) * 2
        with kagari.no_grad():
            change(y)
        with pytest.raises(RuntimeError, match=r"got an invalid gradient at index 0 .* expected shape .* with .2, 3."):
            y.sum().backward()


def test_changed_views_hold_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf(kagari)
        y = x * 1
        v = y[:2]
        v.mul_(x[:2])
        w = y[1:]
        s = (w * w).sum()
        held = [weakref.ref(o) for o in (y, v, w, s, y.grad_fn, v.grad_fn)]
        del y, v, w, s
        assert [r() for r in held] == [None] * len(held)
    finally:
        gc.enable()


def test_the_storage_stays() -> None:
    y = leaf(kagari) * 1
    address = y.data_ptr()
    y.add_(1).exp_().mul_(y)
    assert y.data_ptr() == address


def test_a_shape_that_grows_is_reported_before_a_type_that_does(oracle: ModuleType) -> None:
    for m in (oracle, kagari):
        with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match the broadcast shape \[3, 2\]"):
            m.ones(2, dtype=m.int64).add_(m.ones(3, 2))
