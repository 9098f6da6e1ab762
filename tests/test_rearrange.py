"""torch.func.rearrange, beside PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import kagari as torch
from kagari.func.rearrange import DimensionBindError

GOOD: list[tuple[str, dict[str, int]]] = [
    ("a b c -> c b a", {}),
    ("a b c->a (b c)", {}),
    ("a b (c d) -> a b c d", {"c": 2}),
    ("a b (c d) -> (b d) (c a)", {"d": 2}),
    ("a b (c d e) -> e d c a b", {"c": 2, "d": 2}),
    (" ... c ->  c ... ", {}),
    ("a ... -> ... a", {}),
    ("... -> (...)", {}),
    ("... c -> c (...)", {}),
    ("... a b c -> a b c ...", {}),
    ("a b c -> a 1 b () c", {}),
    ("a b c -> (a b c) 1 1", {}),
    ("a b c -> a b c", {"a": 2}),
]


@pytest.mark.parametrize("pattern, lengths", GOOD)
def test_is_the_oracles(pattern: str, lengths: dict[str, int], oracle: ModuleType) -> None:
    ours = torch.func.rearrange(torch.arange(24).reshape(2, 3, 4), pattern, **lengths)
    theirs = oracle.func.rearrange(oracle.arange(24).reshape(2, 3, 4), pattern, **lengths)
    assert ours.tolist() == theirs.tolist()


BAD: list[tuple[Any, dict[str, Any]]] = [
    ("a b (c d) -> a b c d", {"c": 3}),
    ("a b c -> a b", {}),
    ("a b c -> a b c d", {}),
    ("a b -> b a", {}),
    ("a b c d -> b a c d", {}),
    ("... a b c d -> a b c d ...", {}),
    ("a a c -> a c", {}),
    ("a b c", {}),
    ("a b c -> (a b (c))", {}),
    ("a b c -> (a b c", {}),
    ("a b c -> a b c)", {}),
    ("a b c -> a b c", {"d": 3}),
    ("a b c -> a b c", {"a": 2.5}),
    ("a b c -> a b 2 c", {}),
    ("(...) -> ...", {}),
    ("... ... c -> c", {}),
    ("a b c -> ... a b c", {}),
    ("a b c -> a.. b c", {}),
    ("a b _c -> a b _c", {}),
    ("a b 3c -> a b 3c", {}),
    (3, {}),
]


@pytest.mark.parametrize("pattern, lengths", BAD)
def test_errors_are_the_oracles(pattern: Any, lengths: dict[str, Any], oracle: ModuleType) -> None:
    with pytest.raises(Exception) as ours:
        torch.func.rearrange(torch.arange(24).reshape(2, 3, 4), pattern, **lengths)
    with pytest.raises(Exception) as theirs:
        oracle.func.rearrange(oracle.arange(24).reshape(2, 3, 4), pattern, **lengths)
    assert (ours.type.__name__, str(ours.value)) == (theirs.type.__name__, str(theirs.value))


def test_sizes_that_do_not_fit() -> None:
    x = torch.zeros(2, 3, 4)
    with pytest.raises(DimensionBindError, match="cannot infer the sizes of two dimensions at once c and d"):
        torch.func.rearrange(x, "a b (c d) -> a b c d")
    with pytest.raises(DimensionBindError, match=r"do not match \(2 != 3\) when matching dimension pack \(a\)"):
        torch.func.rearrange(x, "a b c -> a b c", a=3)
    with pytest.raises(DimensionBindError, match="does not evenly fit"):
        torch.func.rearrange(x, "a b (c d) -> a b c d", c=0)
    with pytest.raises(DimensionBindError, match=r"do not match \(3 != 1\)"):  # PyTorch reads other elements
        torch.func.rearrange(x, "a 1 c -> a c")


def test_lists_gradients_scalars_and_nothing() -> None:
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = torch.func.rearrange([x, x], "n a b -> a (n b)")
    assert y.tolist() == [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5]]
    y.sum().backward()
    assert x.grad.tolist() == [[2, 2, 2], [2, 2, 2]]
    assert torch.func.rearrange(torch.tensor(3), " -> 1").shape == (1,)
    assert torch.func.rearrange(torch.zeros(0, 3, 4), "a b c -> (a b) c").shape == (0, 4)
    assert torch.func.rearrange(torch.zeros(2, 1, 4), "a 1 c -> a c").shape == (2, 4)
    with pytest.warns(RuntimeWarning, match="axes names that are keywords: if"):
        torch.func.rearrange(x, "a if -> if a")
