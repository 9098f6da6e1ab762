"""autograd.Function: what users write, what they are told when it is wrong, and what it costs in memory."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from programs import Program, collector, outcome

import kagari

PROGRAMS, program = collector()


def leaf(t: Any) -> Any:
    """A tensor that wants a gradient."""
    return t.tensor([1.0, 2.0, 3.0], requires_grad=True)


def made(t: Any, **methods: Callable[..., Any]) -> Any:
    """The `apply` of a Function with these static methods."""
    return type("Fn", (t.autograd.Function,), {k: staticmethod(v) for k, v in methods.items()}).apply


def exp_forward(ctx: Any, x: Any) -> Any:
    """Saves its input, its result and nothing."""
    y = x.exp()
    ctx.save_for_backward(x, y, None)
    ctx.factor = 3
    return y


def exp_backward(ctx: Any, g: Any) -> Any:
    """Uses what was saved."""
    _, y, nothing = ctx.saved_tensors
    assert nothing is None
    return g * y * ctx.factor


@program
def saves_and_remembers(t: Any) -> Any:
    x = leaf(t)
    y = made(t, forward=exp_forward, backward=exp_backward)(x)
    y.sum().backward()
    return y, y.grad_fn.name(), x.grad


@program
def gradients_of_gradients(t: Any) -> Any:
    x = leaf(t)
    y = made(t, forward=exp_forward, backward=exp_backward)(x * 1)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    return g, t.autograd.grad((g * g).sum(), x)


@program
def what_backward_sees(t: Any) -> Any:
    seen = []

    def backward(ctx: Any, g: Any) -> Any:
        x, y, _ = ctx.saved_tensors
        seen.append((x.requires_grad, y.requires_grad, y.is_leaf, ctx.needs_input_grad, t.is_grad_enabled()))
        return g

    x = leaf(t)
    y = made(t, forward=exp_forward, backward=backward)(x)
    y.sum().backward(retain_graph=True)
    t.autograd.grad(y.sum(), x, create_graph=True)
    return seen


@program
def setup_context(t: Any) -> Any:
    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.k = inputs[1]
        ctx.save_for_backward(output)

    fn = made(t, forward=lambda a, b=2: a * b, setup_context=setup, backward=lambda ctx, g: (g * ctx.k, None))
    x = leaf(t)
    fn(x, 3).sum().backward()
    fn(x, b=4).sum().backward()
    fn(x).sum().backward()
    return x.grad


@program
def several_outputs(t: Any) -> Any:
    seen = []

    def backward(ctx: Any, *grads: Any) -> Any:
        seen.append(grads)
        return grads[0] + grads[1]

    x = leaf(t)
    _, b, n, text = made(t, forward=lambda ctx, x: (x * 1, x * 2, x.long(), "s"), backward=backward)(x)
    b.sum().backward()
    return seen, x.grad, b.output_nr, n.requires_grad, text


@program
def gradients_are_not_materialized(t: Any) -> Any:
    seen = []

    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 1, x * 2

    def backward(ctx: Any, *grads: Any) -> Any:
        seen.append(grads)
        return grads[1]

    x = leaf(t)
    made(t, forward=forward, backward=backward)(x)[1].sum().backward()
    return seen, x.grad


@program
def outputs_without_gradients(t: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        s = x.sign()
        ctx.mark_non_differentiable(s)
        return x * 2, s

    x = leaf(t)
    y, s = made(t, forward=forward, backward=lambda ctx, g, _: g * 2)(x)
    (y * s).sum().backward()
    return y, s, x.grad


@program
def an_input_returned_as_it_is(t: Any) -> Any:
    x = leaf(t)
    y = made(t, forward=lambda ctx, a: a, backward=lambda ctx, g: g * 5)(x)
    y.sum().backward()
    return y is x, y.requires_grad, y.is_leaf, y.data_ptr() == x.data_ptr(), x.grad


@program
def an_input_returned_twice(t: Any) -> Any:
    x = leaf(t)
    a, b = made(t, forward=lambda ctx, a: (a, a), backward=lambda ctx, g, h: g + h * 10)(x)
    (a + b).sum().backward()
    return x.grad


@program
def a_changed_input(t: Any) -> Any:
    def forward(ctx: Any, a: Any) -> Any:
        ctx.mark_dirty(a)
        return a.mul_(2)

    x = leaf(t)
    y = x * 1
    z = made(t, forward=forward, backward=lambda ctx, g: g * 2)(y)
    z.sum().backward()
    return z is y, y.grad_fn.name(), x.grad


@program
def a_changed_view(t: Any) -> Any:
    def forward(ctx: Any, a: Any) -> Any:
        ctx.mark_dirty(a)
        return a.mul_(2)

    x = leaf(t)
    y = x * 1
    z = made(t, forward=forward, backward=lambda ctx, g: g * 2)(y[1:])
    (y * y).sum().backward()
    return z, y.grad_fn.name(), x.grad


@program
def no_gradients(t: Any) -> Any:
    x = leaf(t)
    none = made(t, forward=lambda ctx, a: a * 2, backward=lambda ctx, g: None)(x)
    none.sum().backward()
    with t.no_grad():
        y = made(t, forward=exp_forward, backward=exp_backward)(x)
    return x.grad, y


@program
def larger_and_other_gradients_are_fitted(t: Any) -> Any:
    x = leaf(t)
    made(t, forward=lambda ctx, a: a * 2, backward=lambda ctx, g: g.expand(2, 3).double())(x).sum().backward()
    return x.grad


@program
def other_arguments(t: Any) -> Any:
    x, y = leaf(t), leaf(t)
    fn = made(t, forward=lambda ctx, a, b, c, d: a * b * c[0], backward=lambda ctx, g: (None, g, None, None, None))
    fn(x, y, [2], d := "s")
    fn(x, y, [2], d).sum().backward()
    return x.grad, y.grad


@program
def once(t: Any) -> Any:
    from torch.autograd.function import once_differentiable as theirs

    from kagari.autograd.function import once_differentiable as ours

    mark = ours if t is kagari else theirs
    x = leaf(t)
    w = leaf(t)
    fn = made(t, forward=lambda ctx, a: a.exp(), backward=mark(lambda ctx, g: g * 2))
    fn(x).sum().backward()
    (g,) = t.autograd.grad((fn(x) * w).sum(), x, create_graph=True)
    return x.grad, g.requires_grad, g.sum().backward()


@program
def a_pass_inside_backward(t: Any) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        with t.enable_grad():
            inner = leaf(t)
            (inner * inner).sum().backward()
        return g * inner.grad

    x = leaf(t)
    made(t, forward=lambda ctx, a: a * 1, backward=backward)(x).sum().backward()
    return x.grad


# Errors


def _failing(t: Any, backward: Callable[..., Any]) -> None:
    made(t, forward=lambda ctx, a, b: a * b, backward=backward)(leaf(t), 2.0).sum().backward()


@program
def error_too_few_gradients(t: Any) -> Any:
    _failing(t, lambda ctx, g: g)


@program
def error_too_many_gradients(t: Any) -> Any:
    _failing(t, lambda ctx, g: (g, None, g))


@program
def none_beyond_the_last_is_allowed(t: Any) -> Any:
    _failing(t, lambda ctx, g: (g, None, None))


@program
def error_gradient_for_a_number(t: Any) -> Any:
    _failing(t, lambda ctx, g: (g, g))


@program
def error_gradient_of_another_shape(t: Any) -> Any:
    _failing(t, lambda ctx, g: (g[:2], None))


@program
def error_gradient_is_no_tensor(t: Any) -> Any:
    _failing(t, lambda ctx, g: (3, None))


@program
def error_no_backward(t: Any) -> Any:
    made(t, forward=lambda ctx, a: a * 2)(leaf(t)).sum().backward()


@program
def error_no_forward(t: Any) -> Any:
    made(t, backward=lambda ctx, g: g)(leaf(t))


@program
def error_saved_is_no_tensor(t: Any) -> Any:
    def forward(ctx: Any, a: Any) -> Any:
        ctx.save_for_backward(a, 3)
        return a * 2

    made(t, forward=forward, backward=lambda ctx, g: g)(leaf(t))


@program
def error_freed(t: Any) -> Any:
    y = made(t, forward=exp_forward, backward=exp_backward)(leaf(t)).sum()
    y.backward()
    y.backward()


@program
def error_saved_and_changed(t: Any) -> Any:
    y = made(t, forward=exp_forward, backward=exp_backward)(leaf(t))
    y.add_(1)
    y.sum().backward()


@program
def error_changed_leaf(t: Any) -> Any:
    def forward(ctx: Any, a: Any) -> Any:
        ctx.mark_dirty(a)
        return a.mul_(2)

    made(t, forward=forward, backward=lambda ctx, g: g)(leaf(t))


@program
def error_changed_and_not_returned(t: Any) -> Any:
    def forward(ctx: Any, a: Any) -> Any:
        ctx.mark_dirty(a)
        return a * 2

    made(t, forward=forward, backward=lambda ctx, g: g)(leaf(t) * 1)


@program
def error_view_of_a_function_changed(t: Any) -> Any:
    made(t, forward=lambda ctx, a: a[:2], backward=lambda ctx, g: g)(leaf(t) * 1).mul_(2)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda p: p.__name__)
def test_like_the_oracle(run: Program, oracle: ModuleType) -> None:
    assert outcome(run, kagari) == outcome(run, oracle)


def test_calls_hold_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf(kagari)
        y = made(kagari, forward=exp_forward, backward=exp_backward)(x)
        held = [weakref.ref(y), weakref.ref(y.grad_fn)]
        del y
        assert [r() for r in held] == [None, None]
    finally:
        gc.enable()


def test_long_chains() -> None:
    x = leaf(kagari)
    double = made(kagari, forward=lambda ctx, a: a * 1, backward=lambda ctx, g: g)
    y = x
    for _ in range(20_000):
        y = double(y)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    del y


def test_a_name_of_its_own() -> None:
    y = made(kagari, forward=exp_forward, backward=exp_backward)(leaf(kagari))
    assert type(y.grad_fn).__name__ == "FnBackward"
    assert isinstance(y.grad_fn, kagari.autograd.Node)
    assert "grad_fn=<FnBackward>" in repr(y)
    assert y.grad_fn.factor == 3


def test_a_node_is_shown_with_the_module_of_functions(oracle: ModuleType) -> None:
    shown = []
    for lib in (kagari, oracle):
        y = made(lib, forward=exp_forward, backward=exp_backward)(leaf(lib))
        shown.append(re.sub("0x[0-9a-f]+", "", f"{y.grad_fn} {type(y.grad_fn)} {y}").replace(lib.__name__, "torch"))
    assert shown[0] == shown[1]
