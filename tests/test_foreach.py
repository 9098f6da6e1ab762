"""Operators on lists of tensors, hooks on several tensors, and tensors that change places, next to the oracle."""

from __future__ import annotations

import weakref
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

CALLS = (
    "add(a, 1)", "add(a, b, alpha=2)", "add(a, [1, 2])", "add(a, lib.tensor(2.0))", "add_(a, 1)", "sub(a, b)",
    "mul(a, [1.0, 2.0])", "norm(a, 1)", "norm(a)", "max(a)", "addcmul(a, a, b, 2.0)", "addcmul(a, a, b, [1.0, 2.0])",
    "addcmul(a, a, b, lib.tensor([1.0, 2.0]))", "addcdiv(a, a, b)", "addcdiv(a, a, b, value=2)", "lerp(a, b, 0.5)",
    "lerp(a, b, a)", "lerp(a, b, [0.25, 0.75])", "pow(a, 2)", "pow(2, a)", "pow(a, [1, 2])", "pow(a, b)", "zero_(a)",
    "copy_(a, b)", "clamp_min(a, 1.5)", "clamp_max(a, b)", "maximum(a, b)", "maximum(a, 1.5)", "minimum_(a, [1, 2])",
    "add(a, scalar=2)", "mul_(a, 3)", "div(a, 2)", "addcmul_(a, a, b, value=0.5)", "lerp_(a, b, 0.1)", "clone(a)",
    "mm([m], [m])", "sub_(a, b)", "div_(a, b)",
)  # fmt: skip
UNARY = tuple(
    f"{name}{end}(a)"
    for name in ("abs", "sqrt", "exp", "neg", "log", "sigmoid", "round", "trunc", "lgamma", "rsqrt", "tan", "frac")
    for end in ("", "_")
)


@pytest.mark.parametrize("text", [*CALLS, *UNARY])
def test_foreach(oracle: ModuleType, text: str) -> None:
    found: list[Any] = []
    for lib in (kagari, oracle):
        a = [lib.tensor([0.5, 2.0]), lib.arange(1.0, 4.0)]
        names = {"lib": lib, "a": a, "b": [t * 2 - 1.5 for t in a], "m": lib.ones(2, 2)}
        result = eval(f"lib._foreach_{text}", names)
        found.append((type(result), [np.asarray(t.tolist()) for t in result], [t.tolist() for t in a]))
    assert found[0][0] is found[1][0]
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(np.concatenate(found[0][2]), np.concatenate(found[1][2]), rtol=1e-5)


def test_gradients_pass_through_lists() -> None:
    x = kagari.ones(2, requires_grad=True)
    y, z = kagari._foreach_mul([x, x], [2.0, 3.0])
    (y + z).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [5.0, 5.0]


@pytest.mark.parametrize("text", ["add([], 1)", "add(a, [1])", "add(a, a[:1])"])
def test_lists_amiss(oracle: ModuleType, text: str) -> None:
    assert_same_error(
        lambda lib: eval(f"lib._foreach_{text}", {"lib": lib, "a": [lib.ones(1), lib.ones(2)]}), oracle, kagari
    )


def test_no_list() -> None:
    with pytest.raises(TypeError, match="must be tuple of Tensors, not int"):
        kagari._foreach_add(1, [kagari.ones(1)])


def test_hooks_on_several_tensors(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        log: list[Any] = []
        x, y = (lib.ones(2, requires_grad=True) for _ in range(2))
        z = y * 2
        register = lib.autograd.graph.register_multi_grad_hook
        handle = register((x, z), lambda gs, log=log: log.append([None if g is None else g.tolist() for g in gs]))
        first = register((x, z), lambda g, log=log: log.append(tuple(g.shape)), mode="any")
        (x * 2).sum().backward()
        (x * 2 + z * 3).sum().backward(retain_graph=True)
        assert isinstance(handle, lib.utils.hooks.RemovableHandle)
        handle.remove()
        (x * 2 + z * 3).sum().backward()
        first.remove()
        x.sum().backward()
        found.append(sorted(log, key=str))
    assert found[0] == found[1]


def test_a_pass_that_fails_leaves_nothing() -> None:
    log: list[Any] = []

    def fail(grad: Any) -> None:
        raise ArithmeticError

    x, y = (kagari.ones(2, requires_grad=True) for _ in range(2))
    z = y * 2
    kagari.autograd.graph.register_multi_grad_hook((z, x), log.append)
    handle = y.register_hook(fail)
    with pytest.raises(ArithmeticError):
        (z + x).sum().backward()
    handle.remove()
    (y * 2 + x).sum().backward()
    assert [[g is None for g in grads] for grads in log] == [[True, False]]


@pytest.mark.parametrize("call", [
    "lib.autograd.graph.register_multi_grad_hook((x,), print, mode='some')",
    "lib.autograd.graph.register_multi_grad_hook((lib.ones(1),), print)",
])  # fmt: skip
def test_hooks_amiss(oracle: ModuleType, call: str) -> None:
    assert_same_error(lambda lib: eval(call, {"lib": lib, "x": lib.ones(1, requires_grad=True)}), oracle, kagari)


def test_tensors_change_places(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        a, b = lib.ones(2), lib.nn.Parameter(lib.zeros(3))
        a.note = 1
        held = [a, b]
        c = b * 2
        lib.utils.swap_tensors(a, c)
        lib.utils.swap_tensors(a, held[0])
        d = lib.nn.Parameter(lib.zeros(1))
        lib.utils.swap_tensors(c, d)
        kinds = [type(t).__name__ for t in (a, b, c, d)]
        found.append((kinds, [t.tolist() for t in (a, b, c, d)], a.grad_fn is None, d.__dict__, c.requires_grad))
        reference = weakref.ref(a)
        with pytest.raises(RuntimeError, match="Cannot swap t2 because it has weakref"):
            lib.utils.swap_tensors(b, a)
        assert reference() is a
    assert found[0] == found[1]
