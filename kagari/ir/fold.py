"""Arithmetic on literals while a graph is simplified: Python numbers, doubles whatever the dtype."""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from ..base.dtypes import bool_, dtype, float16, float32, float64

Number: TypeAlias = float | int | bool


def wrap(value: Number, dt: dtype) -> Number:
    """The number as Python's type for a dtype; integers wrap around."""
    if dt.category == 2:
        return float(value)
    if dt is bool_:
        return bool(value)
    bits = dt.itemsize * 8
    value = int(value) & ((1 << bits) - 1)
    return value - (1 << bits) if dt.is_signed and value >> (bits - 1) else value


def convert(value: Number, source: dtype | None, target: dtype) -> Number:
    """A cast. A Python number (`source` is None) is a double; a literal of a dtype is rounded to that first."""
    return wrap(value if source is None else _rounded(value, source), target)


def _rounded(value: Number, dt: dtype) -> Number:
    if dt.category < 2 or dt is float64 or math.isinf(value) or math.isnan(value):
        return value
    try:
        if dt is float16:
            return struct.unpack("<e", struct.pack("<e", value))[0]
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return value if dt is float32 else _bfloat16(value)


def _bfloat16(value: float) -> float:
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return struct.unpack("<f", struct.pack("<I", rounded))[0]


def _idiv(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _rem(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return a - b * _idiv(a, b)
    return math.fmod(a, b)


def _pow(a: Number, b: Number) -> Number:
    if isinstance(a, float):
        return math.pow(a, b)
    if not 0 <= b < 64:
        raise ValueError("left to the kernel")
    return a**b


def _extremum(choose: Callable[..., Number]) -> Callable[[Number, Number], Number]:
    def run(a: Number, b: Number) -> Number:
        return math.nan if a != a or b != b else choose(a, b)

    return run


def _shift(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def run(a: int, b: int) -> int:
        if not 0 <= b < 64:
            raise ValueError("left to the kernel")
        return function(a, b)

    return run


def _on_floats(function: Callable[[float], int]) -> Callable[[Number], Number]:
    """Python's floor and the like make integers, which lose the sign of zero."""
    return lambda x: math.copysign(function(x), x) if isinstance(x, float) else x


_MATH = (
    "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "atan2",
)  # fmt: skip

FOLD: dict[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in _MATH},
    "neg": operator.neg,
    "abs": operator.abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "floor": _on_floats(math.floor),
    "ceil": _on_floats(math.ceil),
    "trunc": _on_floats(math.trunc),
    "round": _on_floats(round),
    "bitnot": lambda x: not x if isinstance(x, bool) else ~x,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "idiv": _idiv,
    "rem": _rem,
    "pow": _pow,
    "maximum": _extremum(max),
    "minimum": _extremum(min),
    "bitand": operator.and_,
    "bitor": operator.or_,
    "bitxor": operator.xor,
    "shl": _shift(operator.lshift),
    "shr": _shift(operator.rshift),
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "where": lambda condition, a, b: a if condition else b,
}
"""For each primitive its meaning on Python numbers. ArithmeticError or ValueError: the kernel is to do it."""
