"""Arithmetic of complex numbers as arithmetic of their real and imaginary parts: formulas, written once.

A number is a pair of real values. Kernels know real numbers only: `lower.py` puts these formulas in the place of
primitives on complex values, and gradients are taken before it does.

The inverse functions are W. Kahan's, "Branch cuts for complex elementary functions, or much ado about nothing's sign
bit" (1987): on a branch cut the sign of a zero says on which side a number lies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from ..base.dtypes import float64
from . import build as ir
from .graph import Value, cast, literal

Pair: TypeAlias = tuple[Value, Value]


def _add(p: Pair, q: Pair) -> Pair:
    return ir.add(p[0], q[0]), ir.add(p[1], q[1])


def _neg(p: Pair) -> Pair:
    return ir.neg(p[0]), ir.neg(p[1])


def _times_i(p: Pair) -> Pair:
    return ir.neg(p[1]), p[0]


def _by_i(p: Pair) -> Pair:
    return p[1], ir.neg(p[0])


def _scaled(p: Pair, factor: float) -> Pair:
    return p[0] * factor, p[1] * factor


def mul(p: Pair, q: Pair) -> Pair:
    """(a + bi) (c + di)."""
    (a, b), (c, d) = p, q
    return ir.sub(a * c, b * d), ir.add(a * d, b * c)


def div(p: Pair, q: Pair) -> Pair:
    """(a + bi) / (c + di), scaled by the larger part of the divisor (R. L. Smith, 1962)."""
    (a, b), (c, d) = p, q
    wide = ir.ge(ir.abs_(c), ir.abs_(d))
    large, small = ir.where(wide, c, d), ir.where(wide, d, c)
    zero = ir.eq(large, 0)
    ratio = ir.where(zero, small, small / ir.where(zero, 1, large))
    scale = 1 / ir.add(large, small * ratio)
    real = ir.where(wide, ir.add(a, b * ratio), ir.add(a * ratio, b))
    imag = ir.where(wide, ir.sub(b, a * ratio), ir.sub(b * ratio, a))
    return real * scale, imag * scale


def absolute(p: Pair) -> Value:
    """The length sqrt(a² + b²), in double precision or scaled by the larger part, so that no square overflows."""
    a, b = (ir.abs_(x) for x in p)
    endless = ir.eq(a, math.inf) | ir.eq(b, math.inf)
    if a.dtype is not float64:
        wide = (cast(a, float64), cast(b, float64))
        return ir.where(endless, math.inf, cast(ir.sqrt(wide[0] * wide[0] + wide[1] * wide[1]), a.dtype))
    high = ir.maximum(a, b)
    ratio = ir.minimum(a, b) / ir.where(ir.eq(high, 0), 1, high)
    return ir.where(endless, math.inf, high * ir.sqrt(1 + ratio * ratio))


def sign(p: Pair) -> Pair:
    """z / |z|; 0 at 0."""
    size = absolute(p)
    nothing = ir.eq(size, 0)
    size = ir.where(nothing, 1, size)
    return ir.where(nothing, 0, p[0] / size), ir.where(nothing, 0, p[1] / size)


def _log_of_size(p: Pair) -> Value:
    """ln |z|; near |z| = 1 from |z|² - 1, which keeps its digits."""
    a, b = (ir.abs_(x) for x in p)
    if a.dtype is not float64:
        a, b = cast(a, float64), cast(b, float64)
    high, low = ir.maximum(a, b), ir.minimum(a, b)
    near = (high > 0.5) & (high < 2) & (low < 1.5)
    close = ir.log1p(ir.where(near, (high - 1) * (high + 1) + low * low, 0)) * 0.5
    return cast(ir.where(near, close, ir.log(absolute((a, b)))), p[0].dtype)


def log(p: Pair) -> Pair:
    """ln |z| + i arg z."""
    return _log_of_size(p), ir.atan2(p[1], p[0])


def _infinite(x: Value) -> Value:
    return ir.eq(ir.abs_(x), math.inf)


def _wild(x: Value) -> Value:
    """Whether x is infinite or NaN."""
    return ir.bitnot(ir.abs_(x) < math.inf)


def _below(x: Value) -> Value:
    """Whether the sign of x is minus, of zero too."""
    return (x < 0) | (ir.eq(x, 0) & ir.lt(1 / x, 0))


def _with_sign(x: Value | float, of: Value) -> Value:
    return ir.where(_below(of), ir.neg(x), x)


def exp(p: Pair) -> Pair:
    """e^a (cos b + i sin b)."""
    a, b = p
    size, real_number = ir.exp(a), ir.eq(b, 0)
    lost = _infinite(a) & _wild(b)
    real = ir.where(real_number | lost, size, size * ir.cos(b))
    return real, ir.where(real_number | (lost & (a < 0)), ir.where(lost, _with_sign(0.0, b), b), size * ir.sin(b))


def sqrt(p: Pair) -> Pair:
    """The root whose real part is not negative: t = sqrt((|a| + |z|) / 2) and |b| / 2t."""
    a, b = p
    t = ir.sqrt(ir.abs_(a) * 0.5 + absolute(p) * 0.5)
    other = ir.abs_(b) / ir.where(ir.eq(t, 0), 1, t * 2)
    right = ir.ge(a, 0)
    endless = ir.eq(ir.abs_(b), math.inf)
    real = ir.where(endless, math.inf, ir.where(right, t, other))
    imag = ir.where(endless, math.inf, ir.where(right, other, t))
    return real, _with_sign(imag, b)


def _sinh(p: Pair) -> Pair:
    a, b = p
    real = ir.where(ir.eq(a, 0) & _wild(b), a, ir.sinh(a) * ir.cos(b))
    real = ir.where(_infinite(a) & _wild(b), math.inf, real)
    return real, ir.where(ir.eq(b, 0), b, ir.cosh(a) * ir.sin(b))


def _cosh(p: Pair) -> Pair:
    a, b = p
    real = ir.where(_infinite(a) & _wild(b), math.inf, ir.cosh(a) * ir.cos(b))
    nothing = ir.eq(b, 0) | (ir.eq(a, 0) & _wild(b))
    imag = ir.where(nothing, ir.where(_wild(b), 0, ir.where(_below(a), ir.neg(b), b)), ir.sinh(a) * ir.sin(b))
    return real, imag


def _sin(p: Pair) -> Pair:
    return _by_i(_sinh(_times_i(p)))


def _cos(p: Pair) -> Pair:
    return _cosh(_times_i(p))


def _tanh(p: Pair) -> Pair:
    """For large |a| it is 1 + 4i sin b cos b / e^2|a|, with the sign of a."""
    a, b = p
    far = ir.abs_(a) > 20
    s = ir.sinh(ir.where(far, 0, a))
    t = ir.tan(b)
    beta = 1 + t * t
    below = 1 + beta * s * s
    tail = 4 * ir.sin(b) * ir.cos(b) * ir.exp(-2 * ir.abs_(a))
    edge = ir.where(_wild(b) & ir.bitnot(_infinite(a)), math.nan, ir.sign(a))
    real = ir.where(far, edge, ir.where(ir.eq(a, 0), a, beta * ir.sqrt(1 + s * s) * s / below))
    imag = ir.where(_infinite(a) & _wild(b), _with_sign(0.0, b), ir.where(far, tail, t / below))
    return real, ir.where(ir.eq(b, 0), b, imag)


# Of the inverse functions, numbers without end have the limits along their direction


def _endless(p: Pair) -> Value:
    return _infinite(p[0]) | _infinite(p[1])


def _acos(p: Pair) -> Pair:
    a, b = p
    low, high = sqrt((1 - a, ir.neg(b))), sqrt((1 + a, b))
    real = ir.where(ir.eq(a, 0), math.pi / 2, ir.atan2(low[0], high[0]) * 2)
    imag = ir.asinh(ir.sub(high[0] * low[1], high[1] * low[0]))
    endless = _endless(p)
    return (
        ir.where(endless, ir.atan2(ir.abs_(b), a), real),
        ir.where(endless, ir.neg(_with_sign(math.inf, b)), imag),
    )


def _asin(p: Pair) -> Pair:
    a, b = p
    low, high = sqrt((1 - a, ir.neg(b))), sqrt((1 + a, b))
    real = ir.where(ir.eq(a, 0), a, ir.atan2(a, mul(low, high)[0]))
    imag = ir.asinh(ir.sub(low[0] * high[1], low[1] * high[0]))
    endless = _endless(p)
    return (
        ir.where(endless, _with_sign(ir.atan2(ir.abs_(a), ir.abs_(b)), a), real),
        ir.where(endless, _with_sign(math.inf, b), imag),
    )


def _acosh(p: Pair) -> Pair:
    a, b = p
    low, high = sqrt((a - 1, b)), sqrt((1 + a, b))
    real = ir.asinh(ir.add(low[0] * high[0], low[1] * high[1]))
    imag = ir.where(ir.eq(a, 0), _with_sign(math.pi / 2, b), ir.atan2(low[1], high[0]) * 2)
    endless = _endless(p)
    return ir.where(endless, math.inf, real), ir.where(endless, ir.atan2(b, a), imag)


def _atanh(p: Pair) -> Pair:
    a, b = p
    endless = _endless(p)
    real = ir.log1p(4 * a / ((1 - a) * (1 - a) + b * b)) * 0.25
    imag = ir.atan2(2 * b, (1 - a) * (1 + a) - b * b) * 0.5
    limit = ir.where(ir.ne(b, b), math.nan, _with_sign(math.pi / 2, b))
    return ir.where(endless | ir.eq(a, 0), _with_sign(0.0, a), real), ir.where(endless, limit, imag)


def _log1p(p: Pair) -> Pair:
    a, b = p
    near = (ir.abs_(a) < 0.5) & (ir.abs_(b) < 0.5)
    close = ir.log1p(ir.where(near, a * (2 + a) + b * b, 0)) * 0.5
    whole = log((1 + a, b))
    return ir.where(near, close, whole[0]), whole[1]


def _expm1(p: Pair) -> Pair:
    a, b = p
    half = ir.sin(b * 0.5)
    return ir.sub(ir.expm1(a) * ir.cos(b), 2 * half * half), ir.exp(a) * ir.sin(b)


def _one(p: Pair) -> Pair:
    return ir.full(p[0].shape, 1, p[0].dtype), ir.full(p[0].shape, 0, p[0].dtype)


def reciprocal(p: Pair) -> Pair:
    """1 / z."""
    return div(_one(p), p)


def _power(p: Pair, q: Pair) -> Pair:
    """Small whole and half exponents as products and roots, others as e^(q ln p)."""
    known = literal(q[0]) if literal(q[1]) == 0 else None
    square = mul(p, p)
    ways: dict[Any, Callable[[], Pair]] = {
        0: lambda: _one(p), 1: lambda: p, 2: lambda: square, 3: lambda: mul(square, p), 0.5: lambda: sqrt(p),
        -0.5: lambda: reciprocal(sqrt(p)), -1: lambda: reciprocal(p), -2: lambda: reciprocal(square),
    }  # fmt: skip
    if known in ways:
        return ways[known]()
    general = exp(mul(q, log(p)))
    nothing = ir.eq(p[0], 0) & ir.eq(p[1], 0)
    return tuple(ir.where(nothing & (q[0] > 0), 0, x) for x in general)  # type: ignore[return-value]


FORMULAS: dict[str, Callable[..., Pair]] = {
    "mul": mul, "div": div, "pow": _power, "sign": sign, "exp": exp, "log": log, "sqrt": sqrt, "sin": _sin,
    "cos": _cos, "sinh": _sinh, "cosh": _cosh, "tanh": _tanh, "acos": _acos, "asin": _asin, "acosh": _acosh,
    "atanh": _atanh, "log1p": _log1p, "expm1": _expm1,
    "rsqrt": lambda p: reciprocal(sqrt(p)),
    "exp2": lambda p: exp(_scaled(p, math.log(2))),
    "log2": lambda p: _scaled(log(p), 1 / math.log(2)),
    "log10": lambda p: _scaled(log(p), 1 / math.log(10)),
    "tan": lambda p: _by_i(_tanh(_times_i(p))),
    "asinh": lambda p: _by_i(_asin(_times_i(p))),
    "atan": lambda p: _by_i(_atanh(_times_i(p))),
    "sigmoid": lambda p: reciprocal(_add(_one(p), exp(_neg(p)))),
}  # fmt: skip
"""For each primitive that does not act on the parts one by one: its parts from those of its arguments."""
