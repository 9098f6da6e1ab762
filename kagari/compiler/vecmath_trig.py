"""Circular functions of lanes and their inverses."""

from __future__ import annotations

import math

from . import vecmath_angles as angles
from . import vecmath_tables as tables
from .vecmath_lanes import FORMATS, Lanes, fma, horner, in_double, where


def _quadrant(x: Lanes) -> tuple[Lanes, Lanes]:
    """The integer n nearest to x / (pi/2), modulo 4, and r = x - n pi/2 in |r| <= pi/4, for x >= 0.

    Floats are reduced in double with pi/2 in two parts, doubles with three: exact to about half an ulp of r. From
    2^45 on n might not be the nearest integer: such angles go to vecmath_angles.py. Of infinity r is NaN.
    """
    magic = FORMATS["double"].magic
    wide = x.cast("fpext", "double") if x.val.element == "float" else x
    shifted = fma(wide, 1 / tables.HALF_PI[0], magic)
    n, r = shifted - magic, wide
    for part in tables.HALF_PI[: 2 if x.val.element == "float" else 3]:
        r = fma(n, -part, r)
    quadrant, r = _beyond(wide, shifted.bits(), r)
    if x.val.element == "double":
        return quadrant, r
    return quadrant.cast("trunc", "i32"), r.cast("fptrunc", "float")


def _beyond(x: Lanes, n: Lanes, r: Lanes) -> tuple[Lanes, Lanes]:
    """n and r, but those of large angles where there are any: a branch that is hardly ever taken."""
    b, lanes = x.b, x.val.lanes
    far = (x >= angles.NEAR) & (x < math.inf)
    any_far = b.intrinsic("vector.reduce.or", far.val.type, far.val, returns="i1") if lanes else far.val
    results = [(v, b.var(v.val.type, v.val)) for v in (n, r)]
    quadrants, rest = (b.var(v.val.type) for v in (n, r))
    with b.when(any_far):
        b.store(x.val, rest)
        angles.reduce_far(b, rest, quadrants, max(1, lanes))
        for (near, result), found in zip(results, (quadrants, rest)):
            b.set(result, b.select(far.val, b.load(found, near.val.type), near.val))
    near_or_far = [Lanes(b, b.get(result, v.val.type)) for v, result in results]
    return near_or_far[0], near_or_far[1]


def sin_cos_reduced(r: Lanes) -> tuple[Lanes, Lanes]:
    """sin r and cos r for |r| <= pi/4: r + r^3 S(r^2), 1 - r^2/2 + r^4 C(r^2); degrees 7 and 8 (float), 13 and 14."""
    element = r.format.element
    z = r * r
    sine = fma(r * z, horner(z, tables.SIN[element]), r)
    return sine, fma(z * z, horner(z, tables.COS[element]), fma(z, -0.5, 1.0))


def _odd(n: Lanes) -> Lanes:
    return (n & 1).ne(0)


def _flip(value: Lanes, *signs: Lanes) -> Lanes:
    """Changes the sign of the value by the sign bits of each of these integers."""
    bits = value.bits()
    for sign in signs:
        bits = bits ^ (sign & value.format.sign)
    return bits.as_float()


def _sign_of_half_turn(n: Lanes) -> Lanes:
    """Bit 1 of n, moved to the sign."""
    return n << (30 if n.val.element == "i32" else 62)


def sin(x: Lanes) -> Lanes:
    """sin or cos of the reduced |x| by quadrant, and the sign of x."""
    n, r = _quadrant(x.abs())
    sine, cosine = sin_cos_reduced(r)
    return _flip(where(_odd(n), cosine, sine), _sign_of_half_turn(n), x.bits())


def cos(x: Lanes) -> Lanes:
    """cos or sin of the reduced |x| by quadrant."""
    n, r = _quadrant(x.abs())
    sine, cosine = sin_cos_reduced(r)
    return _flip(where(_odd(n), sine, cosine), _sign_of_half_turn(n + 1))


@in_double
def tan(x: Lanes) -> Lanes:
    """sin / cos of the reduced |x|, -cos / sin in odd quadrants, and the sign of x."""
    n, r = _quadrant(x.abs())
    sine, cosine = sin_cos_reduced(r)
    odd = _odd(n)
    value = where(odd, cosine, sine) / where(odd, sine, cosine)
    return _flip(value, n << 63, x.bits())


def _asin_reduced(x: Lanes) -> tuple[Lanes, Lanes]:
    """asin s and the mask |x| > 1/2: s = |x|, under the mask sqrt((1 - |x|) / 2); s + s^3 P(s^2), degree 11 or 25."""
    a = x.abs()
    far = a > 0.5
    z = where(far, fma(a, -0.5, 0.5), x * x)
    s = where(far, z.sqrt(), a)
    return fma(s * z, horner(z, tables.ASIN[x.format.element]), s), far


def asin(x: Lanes) -> Lanes:
    """asin |x|, or pi/2 - 2 asin(sqrt((1 - |x|) / 2)) where |x| > 1/2, and the sign of x."""
    p, far = _asin_reduced(x)
    high, low = x.format.split(tables.HALF_PI)
    return where(far, (low - (p + p)) + high, p).copysign(x)


def acos(x: Lanes) -> Lanes:
    """pi/2 - asin x; for |x| > 1/2, with p = asin(sqrt((1 - |x|) / 2)), 2p or pi - 2p."""
    p, far = _asin_reduced(x)
    high, low = x.format.split(tables.HALF_PI)
    signed = p.copysign(x)
    outer = where(x < 0.0, 2.0 * high - fma(p, 2.0, -2.0 * low), p + p)
    return where(far, outer, high - (signed - low))


def _atan_reduced(t: Lanes) -> Lanes:
    """atan t for 0 <= t <= 1: t + t^3 P(t^2), degree 19 (float) or 43."""
    z = t * t
    return fma(t * z, horner(z, tables.ATAN[t.format.element]), t)


def atan2(y: Lanes, x: Lanes) -> Lanes:
    """atan of the smaller over the larger of |x|, |y|, then pi/2 - a, pi - a, and the sign of y."""
    a, c = y.abs(), x.abs()
    steep = a > c
    t = where(steep, c, a) / where(steep, a, c).at_least(x.format.smallest)
    p = _atan_reduced(where(a.eq(math.inf) & c.eq(math.inf), 1.0, t))
    high, low = x.format.split(tables.HALF_PI)
    p = where(steep, high - (p - low), p)
    return where(x.bits() < 0, 2.0 * high - (p - 2.0 * low), p).copysign(y)


def atan(x: Lanes) -> Lanes:
    """atan |x|, or pi/2 - atan(1 / |x|) where |x| > 1, and the sign of x."""
    a = x.abs()
    steep = a > 1.0
    p = _atan_reduced(where(steep, 1.0, a) / where(steep, a, 1.0))
    high, low = x.format.split(tables.HALF_PI)
    return where(steep, high - (p - low), p).copysign(x)
