"""Every operator once, by family."""

from __future__ import annotations

from . import memory, pointwise
from .operator import Operator

OPERATORS: tuple[Operator, ...] = (*memory.OPERATORS, *pointwise.OPERATORS)
