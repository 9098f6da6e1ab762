"""Exponentials, logarithms, powers and hyperbolic functions of lanes."""

from __future__ import annotations

import math

from . import vecmath_tables as tables
from .vecmath_lanes import (
    Lanes,
    fast_two_sum,
    fma,
    frexp,
    horner,
    power_of_two,
    two_product,
    two_sum,
    where,
)

INF, NAN = math.inf, math.nan
LOG2E = tables.LOG2E[0]

# Arguments are cut off where the result is 0, infinity or a bound. EXP: e^x and e^x / 2 are 0 or infinity; NORMAL: 2^n
# has the exponent of a normal number or of infinity; EXPM1: e^x - 1 rounds to -1; TANH: to 1; SQUARE: x * x is finite.
EXP_LOW = {"float": -104.5, "double": -746.0}
EXP_HIGH = {"float": 89.5, "double": 710.5}
NORMAL_LOW = {"float": -87.0, "double": -708.0}
NORMAL_HIGH = {"float": 88.9, "double": 710.1}
EXPM1_LOW = {"float": -17.5, "double": -37.5}
TANH_HIGH = {"float": 9.1, "double": 19.1}
SQUARE_HIGH = {"float": 1e18, "double": 1e150}


def _minus_multiple_of_ln2(x: Lanes, n: Lanes, factor: int = 1) -> Lanes:
    """x - n * factor * log 2; the first step is exact, so the error is half an ulp of the result."""
    high, low = x.format.split(tables.LN2)
    return fma(n, -factor * low, fma(n, -factor * high, x))


def exp_scaled(x: Lanes, low: Lanes | None = None, scale: float = 1.0) -> Lanes:
    """e^(x + low) * scale: x = 2n log 2 + r, a polynomial in r of degree 7 (float) or 13, times 2^n twice.

    The exponent is even so that neither factor leaves the normal range: overflow and denormals come from the products.
    """
    f = x.format
    x = x.clamp(EXP_LOW[f.element], EXP_HIGH[f.element])
    n, power = power_of_two(x, LOG2E / 2)
    r = _minus_multiple_of_ln2(x, n, 2)
    r = r if low is None else r + low
    p = horner(r, (1.0, 1.0, *tables.EXP[f.element]))
    return p * power * (power if scale == 1.0 else power * scale)


def _expm1_reduced(x: Lanes, offset: int = 0) -> tuple[Lanes, Lanes]:
    """p and 2^(n + offset) with e^x = 2^n (1 + p), |log(1 + p)| <= log(2) / 2; degree 6 (float) or 11."""
    n, power = power_of_two(x, LOG2E, offset)
    r = _minus_multiple_of_ln2(x, n)
    return fma(r * r, horner(r, tables.EXPM1[x.format.element]), r), power


def expm1_negative(x: Lanes) -> Lanes:
    """e^x - 1 = 2^n p + (2^n - 1) for -87 < x <= 0 (the sign of zero is lost)."""
    p, power = _expm1_reduced(x)
    return fma(power, p, power - 1.0)


def exp(x: Lanes) -> Lanes:
    """e^x; see `exp_scaled`."""
    return exp_scaled(x)


def exp2(x: Lanes) -> Lanes:
    """2^x = 2^2n e^(r log 2), x = 2n + r exactly; polynomial as for exp."""
    f = x.format
    x = x.clamp(-(f.bias + f.mantissa + 2.0), f.bias + 2.0)
    n, power = power_of_two(x, 0.5)
    r = fma(n, -2.0, x) * tables.LN2[0]
    return horner(r, (1.0, 1.0, *tables.EXP[f.element])) * power * power


def exp2_negative(x: Lanes) -> Lanes:
    """2^x for x <= 0, with 0 in place of denormals: one power of two, and log 2 inside the polynomial."""
    f = x.format
    x = x.at_least(-float(f.bias))
    n, power = power_of_two(x, 1.0)
    scaled = [c * math.log(2.0) ** k for k, c in enumerate((1.0, 1.0, *tables.EXPM1[f.element]))]
    return horner(x - n, scaled) * power


def expm1(x: Lanes) -> Lanes:
    """e^x - 1 = 2 (2^(n-1) p + (2^(n-1) - 1/2)), which does not overflow early."""
    f = x.format
    p, half = _expm1_reduced(x.clamp(EXPM1_LOW[f.element], NORMAL_HIGH[f.element]), -1)
    return (fma(half, p, half - 0.5) * 2.0).copysign(x)


def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e^-x), e^-x becoming infinity where the result would be denormal."""
    f = x.format
    x = (-x).clamp(NORMAL_LOW[f.element], NORMAL_HIGH[f.element])
    n, power = power_of_two(x, LOG2E)
    r = _minus_multiple_of_ln2(x, n)
    return 1.0 / fma(power, horner(r, (1.0, 1.0, *tables.EXPM1[f.element])), 1.0)


def tanh(x: Lanes) -> Lanes:
    """u / (u + 2) with u = e^2|x| - 1 for |x| < 0.6, else 1 - 2 / (u + 2), and the sign of x."""
    a = x.abs().at_most(TANH_HIGH[x.format.element])
    p, power = _expm1_reduced(a + a)
    u = fma(power, p, power - 1.0)
    near = a < 0.6
    ratio = where(near, u, -2.0) / (u + 2.0)
    return where(near, ratio, ratio + 1.0).copysign(x)


def sinh(x: Lanes) -> Lanes:
    """x + x^3 P(x^2) for |x| < 1 (degree 9 in float, 15), else h - 1 / 4h with h = e^|x| / 2, and the sign of x."""
    a = x.abs()
    z = x * x
    near = fma(a * z, horner(z, tables.SINH[x.format.element]), a)
    h = exp_scaled(a, scale=0.5)
    return where(a < 1.0, near, h - 0.25 / h).copysign(x)


def cosh(x: Lanes) -> Lanes:
    """h + 1 / 4h with h = e^|x| / 2."""
    h = exp_scaled(x.abs(), scale=0.5)
    return h + 0.25 / h


def _log(
    x: Lanes,
    unit: tuple[float, float],
    of_two: tuple[float, float],
    low: Lanes | None = None,
    lift: Lanes | None = None,
) -> Lanes:
    """unit * log((x + low) * 2^lift) = e * of_two + unit * (f + f^2 P(f)), 1 + f in [sqrt(1/2), sqrt(2)).

    P has degree 8 (float) or 19. `unit` is log_base(e) and `of_two` log_base(2), each in two parts.
    """
    m, e, exponent = frexp(x)
    f = m - 1.0
    if low is not None:
        exponent = where(exponent < x.format.bias, exponent, x.format.bias - 1)
        f = fma(low, ((x.format.bias - exponent) << x.format.mantissa).as_float(), f)
    e = e if lift is None else e + lift
    table = [c * unit[0] for c in tables.LOG[x.format.element]]
    small = f * horner(f, (unit[1], *table))
    value = fma(e, of_two[0], fma(f, unit[0], fma(e, of_two[1], small)))
    value = where(x > 0.0, value, where(x.eq(0.0), x.const(-INF), NAN))
    return where(x < INF, value, x)


def log(x: Lanes) -> Lanes:
    """Natural logarithm; see `_log`."""
    return _log(x, (1.0, 0.0), x.format.split(tables.LN2))


def log2(x: Lanes) -> Lanes:
    """Logarithm to base 2; see `_log`."""
    return _log(x, x.format.split(tables.LOG2E), (1.0, 0.0))


def log10(x: Lanes) -> Lanes:
    """Logarithm to base 10; see `_log`."""
    return _log(x, x.format.split(tables.LOG10E), x.format.split(tables.LOG10_2))


def _log1p(x: Lanes, lift: Lanes | None = None) -> Lanes:
    """log((1 + x) * 2^lift), the rounding error of 1 + x added to f."""
    total, low = two_sum(1.0, x)
    return _log(total, (1.0, 0.0), x.format.split(tables.LN2), low, lift)


def log1p(x: Lanes) -> Lanes:
    """log(1 + x); see `_log1p`. The sign is that of x, zeros included."""
    return _log1p(x).copysign(x)


def asinh(x: Lanes) -> Lanes:
    """log1p(a + a^2 / (1 + sqrt(a^2 + 1))), a = |x|; log(2a) where a^2 would overflow."""
    a = x.abs()
    large = a > SQUARE_HIGH[x.format.element]
    u = fma(a, a / ((fma(a, a, 1.0)).sqrt() + 1.0), a)
    return _log1p(where(large, a, u), where(large, x.const(1.0), 0.0)).copysign(x)


def acosh(x: Lanes) -> Lanes:
    """log1p(t + sqrt(t^2 + 2t)), t = x - 1; log(2x) where t^2 would overflow."""
    t = x - 1.0
    large = x > SQUARE_HIGH[x.format.element]
    u = t + fma(t, t, t + t).sqrt()
    return where(x < 1.0, NAN, _log1p(where(large, x, u), where(large, x.const(1.0), 0.0)))


def atanh(x: Lanes) -> Lanes:
    """log1p(2a / (1 - a)) / 2, a = |x|, and the sign of x."""
    a = x.abs()
    return (_log1p((a + a) / (1.0 - a)) * 0.5).copysign(x)


def _log_in_two_parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """log x to about 1.2 times the precision, unevaluated: e log 2 + 2 atanh(s), s = (m - 1) / (m + 1), x = m 2^e.

    atanh s = s + s (z (1/3 + z P(z))), z = s^2: every term above z P(z) is kept in two parts.
    """
    f = x.format
    m, e, _ = frexp(x)
    numerator, denominator = m - 1.0, m + 1.0
    inverse = 1.0 / denominator
    s = numerator * inverse
    s_low = fma(-s, m - (denominator - 1.0), fma(-s, denominator, numerator)) * inverse
    z, z_low = two_product(s, s)
    z_low = fma(s + s, s_low, z_low)
    third = f.round(1 / 3)
    q, q_low = fast_two_sum(x.const(third), z * horner(z, tables.ATANH[f.element]))
    q_low = q_low + (1 / 3 - third if f.element == "float" else 1 / 3 * 2.0**-54)
    t, t_low = two_product(q, z)
    t_low = fma(q, z_low, fma(q_low, z, t_low))
    u, u_low = two_product(s, t)
    u_low = fma(s, t_low, fma(s_low, t, u_low))
    atanh_s, atanh_low = fast_two_sum(s, u)
    atanh_low = atanh_low + (u_low + s_low)
    high, low = f.split(tables.LN2)
    of_e, of_e_low = two_product(e, high)
    of_e_low = fma(e, low, of_e_low)
    total, rest = fast_two_sum(of_e, atanh_s + atanh_s)
    return fast_two_sum(total, rest + fma(atanh_low, 2.0, of_e_low))


def pow(x: Lanes, y: Lanes) -> Lanes:
    """x^y = e^(y log |x|) with log and product in two parts, then C's special cases."""
    f = x.format
    a = x.abs()
    high, low = _log_in_two_parts(a)
    # Beyond the bound every result but that of |x| = 1 is 0 or infinity, and the product stays finite.
    bounded = y.clamp(-(2.0 ** (f.mantissa + 12)), 2.0 ** (f.mantissa + 12))
    product, product_low = two_product(bounded, high)
    product_low = fma(bounded, low, product_low).clamp(-0.001, 0.001)
    value = exp_scaled(product, product_low)

    fractional = y.ne(y.rint())
    half = y * 0.5
    odd = half.ne(half.rint()) & y.eq(y.rint())
    infinite = (a > 1.0) ^ (y < 0.0)
    value = where(a.eq(0.0) | a.eq(INF), where(infinite, x.const(INF), 0.0), value)
    value = where((x < 0.0) & (x > -INF) & fractional, NAN, value)
    value = where(odd, value.copysign(x), value)
    value = where(x.eq(x) & y.eq(y), value, NAN)
    return where(x.eq(1.0) | y.eq(0.0), 1.0, value)


def rsqrt(x: Lanes) -> Lanes:
    """1 / sqrt(x), both correctly rounded."""
    return 1.0 / x.sqrt()
