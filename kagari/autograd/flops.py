"""How many operations on floating-point numbers a call takes, by PyTorch's formulas."""

from __future__ import annotations

from math import prod
from typing import Any

from ..engine.function import Hooks

# Which tensor says over how many numbers each element of the result is a sum of products: by its last dimension, or by
# all but the first one.
_PRODUCTS = {"mm": 0, "bmm": 0, "matmul": 0, "linear": 0, "addmm": 1, "baddbmm": 1}
_CONVOLUTIONS = frozenset(["conv1d", "conv2d", "conv3d"])
_ELEMENTWISE = frozenset(["add", "mul"])


def flops_of(name: str, given: tuple[Any, ...], result: Any) -> int:
    """The operations of a call of an operator; 0 for those without a formula."""
    if not isinstance(result, Hooks.tensor_types):
        return 0
    shapes = [a._layout.shape for a in given if isinstance(a, Hooks.tensor_types)]
    count: int = result._layout.numel
    if name in _PRODUCTS:
        return 2 * count * shapes[_PRODUCTS[name]][-1]
    if name in _CONVOLUTIONS:
        return 2 * count * prod(shapes[1][1:])
    return count if name in _ELEMENTWISE else 0


__all__ = ["flops_of"]
