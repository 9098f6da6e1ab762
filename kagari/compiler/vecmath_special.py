"""The error function and its kin, and the gamma function's logarithm and derivative, of lanes."""

from __future__ import annotations

import math

from . import vecmath_tables as tables
from .vecmath_exp import exp_scaled, expm1_negative, log
from .vecmath_lanes import Lanes, fma, horner, in_double, where
from .vecmath_trig import sin_cos_reduced

ERF_HIGH = {"float": 3.95, "double": 5.95}
ERFC_HIGH = {"float": 10.1, "double": 27.3}


def erf(x: Lanes) -> Lanes:
    """1 - e^-(2a / sqrt(pi) + a^2 P(a)), a = |x|, through expm1, and the sign of x; P of degree 7 (float) or 25."""
    element = x.format.element
    a = x.abs().at_most(ERF_HIGH[element])
    high, low = x.format.split(tables.TWO_OVER_ROOT_PI)
    exponent = fma(a, -high, a * horner(a, [-low, *(-c for c in tables.ERF[element])]))
    return expm1_negative(exponent).copysign(x)


def erfc(x: Lanes) -> Lanes:
    """1 - erf x below 1/2, else e^(-a^2) P(t) / (1 + 2a), t = (a - 3) / (a + 3), P of degree 9 (float) or 20."""
    element = x.format.element
    a = x.abs().at_most(ERFC_HIGH[element])
    square = a * a
    e = exp_scaled(-square, fma(-a, a, square))
    tail = e * (horner((a - 3.0) / (a + 3.0), tables.ERFCX[element]) / fma(a, 2.0, 1.0))
    return where(x < 0.5, 1.0 - erf(x), tail)


def erfinv(x: Lanes) -> Lanes:
    """x P(w), or x Q(sqrt(w) - 4) from 6 on, w = -log(1 - x^2); degrees 10 and 8 (float), 22 and 27."""
    element = x.format.element
    w = -log(fma(-x, x, 1.0))
    centre = horner(w, tables.ERFINV_CENTRE[element])
    tail = horner(w.sqrt() - 4.0, tables.ERFINV_TAIL[element])
    return where(x.abs().eq(1.0), x * math.inf, where(w < 6.0, centre, tail) * x)


def _sin_cos_pi(a: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """|sin(pi a)| and |cos(pi a)| up to a common sign, and the mask of odd half-turns where the two are exchanged."""
    twice = a + a
    n = twice.rint()
    sine, cosine = sin_cos_reduced((twice - n) * tables.HALF_PI[0])
    half = n * 0.5
    return sine, cosine, half.ne(half.rint())


@in_double
def lgamma(x: Lanes) -> Lanes:
    """log |Gamma(x)|: h P(h) less the log of the steps below 2.5, Stirling's formula above.

    h = y - 2 with y = x, x + 1 or x + 2, P of degree 16; Stirling's remainder is P(1/x) / x, P of degree 14.
    Negative x: log(pi / |sin(pi x)|) - lgamma(1 - x).
    """
    negative = x < 0.0
    a = where(negative, 1.0 - x, x)
    near = a < 2.5
    low, middle = a < 0.5, a < 1.5
    steps = where(low, fma(a, a, a), where(middle, a, 1.0))
    h = where(low, a, where(middle, a - 1.0, a - 2.0))
    log_term = log(where(near, steps, a))
    t = 1.0 / a
    tail = fma(t, horner(t, tables.STIRLING["double"]), math.log(2 * math.pi) / 2 - 0.5)
    value = where(
        near,
        fma(h, horner(h, tables.LGAMMA2["double"]), -log_term),
        fma(a - 0.5, log_term - 1.0, tail),
    )
    sine, cosine, odd = _sin_cos_pi(x)
    reflected = log(math.pi / where(odd, cosine, sine).abs()) - value
    return where(negative, where(x.eq(x.rint()), math.inf, reflected), value)


@in_double
def digamma(x: Lanes) -> Lanes:
    """(log Gamma)'(x): h P(h) below 2, log x - P(1/x) / x above, of degrees 20 and 17.

    h = y - root with y = x, or x + 1, and then less 1/x. Negative x: digamma(1 - x) - pi cot(pi x), NaN at integers.
    """
    negative = x < 0.0
    a = where(negative, 1.0 - x, x)
    t = 1.0 / a
    low = a < 1.0
    h = where(low, a + 1.0, a) - tables.DIGAMMA_ROOT[0] - tables.DIGAMMA_ROOT[1]
    near = fma(h, horner(h, tables.DIGAMMA1["double"]), where(low, -t, 0.0))
    far = fma(-t, horner(t, tables.DIGAMMA_TAIL["double"]), log(a))
    sine, cosine, odd = _sin_cos_pi(x)
    cotangent = where(odd, -sine, cosine) / where(odd, cosine, sine)
    value = where(a < 2.0, near, far)
    value = where(negative, fma(cotangent, -math.pi, value), value)
    return where(negative & x.eq(x.rint()), math.nan, value)
