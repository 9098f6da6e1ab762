"""Every operator once, by family."""

from __future__ import annotations

from . import activation, compare, memory, pointwise, reduce, unary
from .operator import Operator

OPERATORS: tuple[Operator, ...] = (
    *memory.OPERATORS,
    *unary.OPERATORS,
    *pointwise.OPERATORS,
    *compare.OPERATORS,
    *activation.OPERATORS,
    *reduce.OPERATORS,
)
