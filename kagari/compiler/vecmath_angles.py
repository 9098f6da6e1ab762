"""Angles that are too large for a few parts of pi/2: x modulo pi/2 with the bits of 2/pi that matter for x.

M. H. Payne and R. N. Hanek, "Radian reduction for trigonometric functions" (1983). With x = m 2^e, the bits of 2/pi
before the one of weight 2^(1-e) give multiples of four quadrants and are left out; of the product of m with the next
192 the first two bits are the quadrant, and the rest is what is left of the angle.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from . import vecmath_tables as tables
from .text import Builder, Val

NEAR = 2.0**45
"""Angles below this one are reduced by parts of pi/2."""

_WORDS = 21
_LEADING = 64  # zeros before the bits of 2/pi, so that no place is negative


@cache
def two_over_pi(bits: int) -> int:
    """2/pi 2^bits, rounded down: pi by J. Machin's series of 1706, in integers with a few more bits."""
    one = 1 << (bits + 32)

    def atan_of_inverse(n: int) -> int:
        total, power, k = 0, one // n, 1
        while power:
            total, power, k = total + (power // k if k % 4 == 1 else -(power // k)), power // (n * n), k + 2
        return total

    pi = 4 * (4 * atan_of_inverse(5) - atan_of_inverse(239))
    return (2 * one << bits) // pi


def reduce_far(b: Builder, angles: Val, quadrants: Val, count: int) -> None:
    """For so many doubles x in memory: in place of those of NEAR and above, and finite, puts r, |r| <= pi/4, and their
    quadrants n as integers, with x = n pi/2 + r but for multiples of 2 pi. All others it leaves alone.
    """
    b.call_local(b.beside("reduce_far", _write), angles, quadrants, b.int(count))


def _write(b: Builder, name: str) -> None:
    number = two_over_pi(64 * _WORDS - _LEADING)
    b.words("two_over_pi", [number >> (64 * i) & (1 << 64) - 1 for i in reversed(range(_WORDS))])
    angles, quadrants, count = b.begin_function(
        name, [("angles", "ptr"), ("quadrants", "ptr"), ("count", "i64")], linkage="internal", attributes="noinline"
    )
    with b.loop(b.int(0), count) as i:
        at = b.gep(angles, i, "double")
        x = b.load(at, "double")
        low, high = (b.fcmp(p, x, b.float(n, "double")) for p, n in (("oge", NEAR), ("olt", float("inf"))))
        with b.when(b.binary("and", low, high)):
            n, r = _reduced(b, x)
            b.store(n, b.gep(quadrants, i, "i64"))
            b.store(r, at)
    b.ret()
    b.end_function()


def _reduced(b: Builder, x: Val) -> tuple[Val, Val]:
    """n and r of one angle, in integers of 128 bits."""
    representation = b.bitcast(x, "i64")
    mantissa = b.binary("or", b.binary("and", representation, b.int((1 << 52) - 1)), b.int(1 << 52))
    place = b.add(b.binary("lshr", representation, b.int(52)), b.int(_LEADING - 1075 - 2))
    first = b.gep(Val("@two_over_pi", "ptr"), b.binary("lshr", place, b.int(6)), "i64")
    words = [b.load(b.gep(first, b.int(k), "i64"), "i64") for k in range(4)]
    shift = b.binary("and", place, b.int(63))
    m, *parts = (
        b.cast("zext", v, "i128")
        for v in (mantissa, *(b.intrinsic("fshl", "i64", v, w, shift) for v, w in pairwise(words)))
    )
    high, middle, low = (b.mul(m, part) for part in parts)
    turns = b.add(b.add(b.binary("shl", high, b.int(64, "i128")), middle), b.binary("lshr", low, b.int(64, "i128")))
    # The nearest quadrant: the two first bits, and one more where the next bit says that more than half is left.
    half = b.add(turns, b.int(1 << 125, "i128"))
    n = b.cast("trunc", b.binary("lshr", half, b.int(126, "i128")), "i64")
    left = b.binary("shl", turns, b.int(2, "i128"))
    return n, _times_half_pi(b, left)


def _times_half_pi(b: Builder, left: Val) -> Val:
    """left 2^-128 pi/2, for a signed integer: as a sum of two doubles, times pi/2 in two parts."""
    upper = b.cast("trunc", b.binary("ashr", left, b.int(65, "i128")), "i64")
    lower = b.cast("trunc", b.binary("lshr", left, b.int(1, "i128")), "i64")
    large = b.cast("sitofp", upper, "double")
    rest = b.cast("sitofp", b.sub(upper, b.cast("fptosi", large, "i64")), "double")
    small = b.fma(b.cast("uitofp", lower, "double"), b.float(2.0**-64, "double"), rest)
    first, second = (b.float(part, "double") for part in tables.HALF_PI[:2])
    product = b.fma(large, first, b.fma(large, second, b.fmul(small, first)))
    return b.fmul(product, b.float(2.0**-63, "double"))
