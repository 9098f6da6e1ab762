"""Floats of eight bits as arithmetic on the bytes that hold them: formulas, written once.

A byte is a sign, an exponent E of some bits and a fraction of m bits. Above E = 0 it stands for
:math:`(2^m + f) 2^{E - bias - m}`, at E = 0 for :math:`f 2^{1 - bias - m}` (P. Micikevicius et al., "FP8 formats for
deep learning", 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..base.dtypes import dtype, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float32, int32, uint8
from . import build as ir
from .graph import Value, cast


@dataclass(frozen=True, slots=True)
class Format:
    """How bytes stand for numbers.

    `last` is the code of the largest number; `infinite` says whether the next one is infinity; `unsigned_zero` that
    there is no -0, whose code is NaN.
    """

    fraction: int
    bias: int
    last: int
    infinite: bool = False
    unsigned_zero: bool = False


FORMATS: dict[dtype, Format] = {
    float8_e4m3fn: Format(3, 7, 0x7E),
    float8_e4m3fnuz: Format(3, 8, 0x7F, unsigned_zero=True),
    float8_e5m2: Format(2, 15, 0x7B, infinite=True),
    float8_e5m2fnuz: Format(2, 16, 0x7F, unsigned_zero=True),
}


def decode(bits: Value, dt: dtype) -> Value:
    """The numbers that bytes stand for, in float32."""
    f = FORMATS[dt]
    word = cast(bits, int32)
    code = word & 0x7F
    exponent, fraction = ir.shr(code, f.fraction), cast(code & ((1 << f.fraction) - 1), float32)
    scale: Value | float = 2.0 ** (1 - f.bias - f.fraction)
    above = cast(ir.where(ir.gt(exponent, 0), exponent - 1, 0), int32)
    for k in range(7 - f.fraction):
        scale = ir.where(ir.ne(above & (1 << k), 0), ir.mul(scale, 2.0 ** (1 << k)), scale)
    size = cast(ir.where(ir.gt(exponent, 0), fraction + float(1 << f.fraction), fraction) * scale, float32)
    if f.infinite:
        size = ir.where(ir.eq(code, f.last + 1), math.inf, size)
    signed = ir.where(ir.ge(word, 0x80), ir.neg(size), size)
    wrong = ir.eq(word, 0x80) if f.unsigned_zero else ir.gt(code, f.last + f.infinite)
    return ir.where(wrong, math.nan, signed)


def encode(x: Value, dt: dtype) -> Value:
    """The bytes nearest to numbers, ties to even.

    What is too large becomes infinity where there is one, NaN where its code is that of -0, else the largest number.
    """
    f = FORMATS[dt]
    x = cast(x, float32)
    size = ir.abs_(x)
    exponent = ir.full(x.shape, 0, float32)  # that of the smallest normal numbers counts as 0
    per_unit = ir.full(x.shape, 2.0 ** (f.bias + f.fraction - 1), float32)
    for k in range(2, (f.last >> f.fraction) + 1):
        reached = ir.ge(size, 2.0 ** (k - f.bias))
        exponent = ir.where(reached, float(k - 1), exponent)
        per_unit = ir.where(reached, 2.0 ** (f.bias + f.fraction - k), per_unit)
    code = exponent * float(1 << f.fraction) + ir.round_(ir.minimum(size, 2.0**20) * per_unit)
    above = f.last + 1 if f.infinite else 0x80 if f.unsigned_zero else f.last
    code = ir.where(ir.gt(code, f.last), float(above), code)
    code = ir.where(ir.ne(x, x), float(0x80 if f.unsigned_zero else 0x7F), code)
    below = (x < 0) | (ir.eq(x, 0) & ir.lt(1 / x, 0))
    if f.unsigned_zero:
        below = below & ir.gt(code, 0) & ir.lt(code, 0x80)
    return cast(cast(ir.where(below, code + 128.0, code), int32), uint8)
