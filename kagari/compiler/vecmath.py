"""Transcendental functions as LLVM IR: f(b, x) appends the instructions that compute f in every lane of x.

`x` is a float or double, a scalar or a vector of any number of lanes, and the result has its type. All is inline and
free of branches, but for angles beyond 2^45: polynomials found by tools/minimax.py, bit manipulation and selects, with
nothing that needs more than AVX2 and FMA. NaN, infinities, signed zeros, overflow and denormal results are as in C's
library, but that `sigmoid` gives 0 for denormals. tests/test_vecmath.py lists the largest errors in ulp.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from . import vecmath_exp, vecmath_special, vecmath_trig
from .text import Builder, Val
from .vecmath_lanes import Lanes

Function = Callable[..., Val]


def _emitter(formula: Callable[..., Lanes]) -> Function:
    """The formula over lanes as a function of a builder and values."""

    @functools.wraps(formula)
    def emit(b: Builder, *operands: Val) -> Val:
        return formula(*(Lanes(b, x) for x in operands)).val

    return emit


exp = _emitter(vecmath_exp.exp)
exp2 = _emitter(vecmath_exp.exp2)
exp2_negative = _emitter(vecmath_exp.exp2_negative)
expm1 = _emitter(vecmath_exp.expm1)
log = _emitter(vecmath_exp.log)
log2 = _emitter(vecmath_exp.log2)
log10 = _emitter(vecmath_exp.log10)
log1p = _emitter(vecmath_exp.log1p)
pow = _emitter(vecmath_exp.pow)
rsqrt = _emitter(vecmath_exp.rsqrt)
sigmoid = _emitter(vecmath_exp.sigmoid)
sinh = _emitter(vecmath_exp.sinh)
cosh = _emitter(vecmath_exp.cosh)
tanh = _emitter(vecmath_exp.tanh)
asinh = _emitter(vecmath_exp.asinh)
acosh = _emitter(vecmath_exp.acosh)
atanh = _emitter(vecmath_exp.atanh)
sin = _emitter(vecmath_trig.sin)
cos = _emitter(vecmath_trig.cos)
tan = _emitter(vecmath_trig.tan)
asin = _emitter(vecmath_trig.asin)
acos = _emitter(vecmath_trig.acos)
atan = _emitter(vecmath_trig.atan)
atan2 = _emitter(vecmath_trig.atan2)
erf = _emitter(vecmath_special.erf)
erfc = _emitter(vecmath_special.erfc)
erfinv = _emitter(vecmath_special.erfinv)
lgamma = _emitter(vecmath_special.lgamma)
digamma = _emitter(vecmath_special.digamma)

FUNCTIONS: dict[str, Function] = {
    "acos": acos,
    "acosh": acosh,
    "asin": asin,
    "asinh": asinh,
    "atan": atan,
    "atan2": atan2,
    "atanh": atanh,
    "cos": cos,
    "cosh": cosh,
    "digamma": digamma,
    "erf": erf,
    "erfc": erfc,
    "erfinv": erfinv,
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "lgamma": lgamma,
    "log": log,
    "log10": log10,
    "log1p": log1p,
    "log2": log2,
    "pow": pow,
    "rsqrt": rsqrt,
    "sigmoid": sigmoid,
    "sin": sin,
    "sinh": sinh,
    "tan": tan,
    "tanh": tanh,
}
