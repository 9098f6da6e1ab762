"""What autocast makes of an operator's arguments: the rules that records name.

A rule gets the arguments and the dtype of lower precision, and returns the arguments that the definition gets. So the
conversion is a part of the operator's graph: it is fused where others would be, and gradients come back in the dtypes
that the arguments have. As in PyTorch, numbers, integers and float64 stay as they are.
"""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype, float32, float64
from ..ir.graph import Value, cast


def lower(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """For products and what is made of them: in lower precision."""
    return _all(args, low)


def single(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """For losses and long sums: in float32."""
    return _all(args, float32)


def widest(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """For operators that want one dtype: in float32 where an argument has it, else in lower precision.

    Raises RuntimeError where arguments have two dtypes of lower precision.
    """
    dtypes = {a.dtype for a in args if _takes_part(a)}
    if not dtypes <= {low, float32}:
        raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return _all(args, float32 if float32 in dtypes else low)


def _all(args: tuple[Any, ...], target: dtype) -> tuple[Any, ...]:
    return tuple([cast(a, target) if _takes_part(a) else a for a in args])


def _takes_part(a: Any) -> bool:
    """Whether an argument is a floating-point tensor, but not of double precision."""
    return isinstance(a, Value) and a.op == "input" and a.dtype.category == 2 and a.dtype is not float64
