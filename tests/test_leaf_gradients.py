"""How a leaf comes to its gradient: natively wherever no hook looks on, in memory of its own, in the leaf's layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kagari as torch
from kagari.autograd import engine

CASES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "one gradient for two": (lambda x, y: x + y, [(4,), (4,)]),
    "an expanded gradient": (lambda x: x.sum(), [(3, 4)]),
    "a view of what the caller holds": (torch.nn.functional.linear, [(1, 4), (4, 4), (4,)]),
    "a transposed gradient": (lambda x: x.t(), [(3, 4)]),
}


@pytest.mark.parametrize("case", CASES)
def test_needs_no_python(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the leaf's gradient went through Python")

    operation, shapes = CASES[case]
    leaves = [torch.randn(*shape, requires_grad=True) for shape in shapes]
    seed = torch.randn(operation(*leaves).shape)
    operation(*leaves).backward(seed)
    first = [leaf.grad.clone() for leaf in leaves]
    monkeypatch.setattr(engine, "_accumulate", refuse)
    operation(*leaves).backward(seed)
    assert all(torch.allclose(leaf.grad, 2 * once) for leaf, once in zip(leaves, first))
    if case == "a transposed gradient":
        return
    for leaf in leaves:
        leaf.grad = None
    operation(*leaves).backward(seed)
    assert all(torch.equal(leaf.grad, once) for leaf, once in zip(leaves, first))


@pytest.mark.parametrize("case", CASES)
def test_has_memory_and_strides_of_its_own(case: str) -> None:
    operation, shapes = CASES[case]
    leaves = [torch.randn(*shape, requires_grad=True) for shape in shapes]
    seed = torch.randn(operation(*leaves).shape)
    operation(*leaves).backward(seed)
    pointers = [seed.data_ptr(), *(leaf.grad.data_ptr() for leaf in leaves)]
    assert len(set(pointers)) == len(pointers)
    assert all(leaf.grad.stride() == leaf.stride() for leaf in leaves)
    assert not any(leaf.grad.requires_grad for leaf in leaves)
