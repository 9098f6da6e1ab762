"""Element-wise arithmetic."""

from __future__ import annotations

from ..ir import build as ir
from ..ir.graph import Value
from .operator import Number, Operator, Tensor, operator


@operator(inplace=True, dunder="__add__", reflected="__radd__", pointwise=True)
def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Value:
    """Adds `other`, scaled by `alpha`, to `input`."""
    return ir.add(input, other if alpha == 1 else ir.mul(other, alpha))


@operator(inplace=True, dunder="__mul__", reflected="__rmul__", pointwise=True)
def mul(input: Tensor | Number, other: Tensor | Number) -> Value:
    """Multiplies `input` by `other`."""
    return ir.mul(input, other)


OPERATORS: tuple[Operator, ...] = (add, mul)
