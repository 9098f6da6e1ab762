"""Expressions over lanes: a `Val` that remembers its builder, so that a formula reads as mathematics.

Arithmetic is emitted without fast-math flags, so that `two_sum` and `two_product` are exact.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .text import Builder, Val, float_literal, vector

Operand: TypeAlias = "Lanes | float | int"


@dataclass(frozen=True, slots=True)
class Format:
    """An IEEE binary format: `mantissa` stored bits; `magic` + i, for a small integer i, has i in its lowest bits."""

    element: str
    integer: str
    mantissa: int
    bias: int

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa

    @property
    def sign(self) -> int:
        return -1 << (11 + 52 if self.integer == "i64" else 31)

    @property
    def smallest(self) -> float:
        """The least positive denormal."""
        return 2.0 ** (1 - self.bias - self.mantissa)

    def bits(self, value: float) -> int:
        """The representation of a number, as an integer."""
        if self.element == "float":
            return int(struct.unpack("i", struct.pack("f", value))[0])
        return int(struct.unpack("q", struct.pack("d", value))[0])

    def round(self, value: float) -> float:
        return float(struct.unpack("f", struct.pack("f", value))[0]) if self.element == "float" else value

    def split(self, parts: Sequence[float]) -> tuple[float, float]:
        """A constant given as a sum of doubles, as a sum of two numbers of this format."""
        high = self.round(parts[0])
        return high, self.round(parts[0] - high + parts[1])


FORMATS = {"float": Format("float", "i32", 23, 127), "double": Format("double", "i64", 52, 1023)}
_FLOAT_OPS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


class Lanes:
    """A value in an expression. A Python number on either side takes the type of the other operand."""

    __slots__ = ("b", "val")

    def __init__(self, b: Builder, val: Val) -> None:
        self.b, self.val = b, val

    @property
    def format(self) -> Format:
        return FORMATS[self.val.element]

    def _lift(self, other: Operand) -> Val:
        """The operand as a value of this type; a constant vector is spelled as LLVM's short `splat`."""
        if isinstance(other, Lanes):
            return other.val
        element, lanes = self.val.element, self.val.lanes
        literal = float_literal(other, element) if element in FORMATS else str(other)
        return Val(f"splat ({element} {literal})" if lanes else literal, self.val.type)

    def const(self, value: float) -> Lanes:
        return Lanes(self.b, self._lift(value))

    def _arith(self, op: str, a: Operand, c: Operand) -> Lanes:
        name = _FLOAT_OPS.get(op, op) if self.val.element in FORMATS else op
        return Lanes(self.b, self.b.binary(name, self._lift(a), self._lift(c)))

    def __add__(self, other: Operand) -> Lanes:
        return self._arith("add", self, other)

    def __radd__(self, other: Operand) -> Lanes:
        return self._arith("add", other, self)

    def __sub__(self, other: Operand) -> Lanes:
        return self._arith("sub", self, other)

    def __rsub__(self, other: Operand) -> Lanes:
        return self._arith("sub", other, self)

    def __mul__(self, other: Operand) -> Lanes:
        return self._arith("mul", self, other)

    def __rmul__(self, other: Operand) -> Lanes:
        return self._arith("mul", other, self)

    def __truediv__(self, other: Operand) -> Lanes:
        return self._arith("div", self, other)

    def __rtruediv__(self, other: Operand) -> Lanes:
        return self._arith("div", other, self)

    def __neg__(self) -> Lanes:
        return Lanes(self.b, self.b.fneg(self.val))

    # Integers and masks

    def __and__(self, other: Operand) -> Lanes:
        return self._arith("and", self, other)

    def __or__(self, other: Operand) -> Lanes:
        return self._arith("or", self, other)

    def __xor__(self, other: Operand) -> Lanes:
        return self._arith("xor", self, other)

    def __lshift__(self, count: int) -> Lanes:
        return self._arith("shl", self, count)

    def __rshift__(self, count: int) -> Lanes:
        """Arithmetic shift."""
        return self._arith("ashr", self, count)

    # Comparisons: ordered, so false where an operand is NaN (but `ne`, the negation of `eq`)

    def _compare(self, predicate: str, other: Operand) -> Lanes:
        if self.val.element in FORMATS:
            predicate = ("u" if predicate == "ne" else "o") + predicate
            return Lanes(self.b, self.b.fcmp(predicate, self.val, self._lift(other)))
        predicate = predicate if predicate in ("eq", "ne") else "s" + predicate
        return Lanes(self.b, self.b.icmp(predicate, self.val, self._lift(other)))

    def __lt__(self, other: Operand) -> Lanes:
        return self._compare("lt", other)

    def __le__(self, other: Operand) -> Lanes:
        return self._compare("le", other)

    def __gt__(self, other: Operand) -> Lanes:
        return self._compare("gt", other)

    def __ge__(self, other: Operand) -> Lanes:
        return self._compare("ge", other)

    def eq(self, other: Operand) -> Lanes:
        return self._compare("eq", other)

    def ne(self, other: Operand) -> Lanes:
        return self._compare("ne", other)

    # Functions of one instruction or two

    def _call(self, name: str, *others: Operand) -> Lanes:
        return Lanes(self.b, self.b.intrinsic(name, self.val.type, self.val, *(self._lift(o) for o in others)))

    def abs(self) -> Lanes:
        return self._call("fabs")

    def sqrt(self) -> Lanes:
        return self._call("sqrt")

    def rint(self) -> Lanes:
        return self._call("roundeven")

    def copysign(self, sign: Operand) -> Lanes:
        return self._call("copysign", sign)

    def at_least(self, low: float) -> Lanes:
        """max(x, low) that keeps NaN; compare and select in this order are one x86 instruction."""
        bound = self.const(low)
        return where(bound > self, bound, self)

    def at_most(self, high: float) -> Lanes:
        bound = self.const(high)
        return where(bound < self, bound, self)

    def clamp(self, low: float, high: float) -> Lanes:
        return self.at_least(low).at_most(high)

    def cast(self, op: str, element: str) -> Lanes:
        return Lanes(self.b, self.b.cast(op, self.val, vector(self.val.lanes, element)))

    def bits(self) -> Lanes:
        """The representation as integers."""
        return self.cast("bitcast", self.format.integer)

    def as_float(self) -> Lanes:
        """The number whose representation these integers are."""
        return self.cast("bitcast", "float" if self.val.element == "i32" else "double")

    def to_float(self) -> Lanes:
        """Integers below 2^22 as numbers. AVX2 cannot convert i64, so doubles are made by adding into a mantissa."""
        if self.val.element == "i32":
            return self.cast("sitofp", "float")
        magic = FORMATS["double"].magic
        return (self + FORMATS["double"].bits(magic)).as_float() - magic


def where(condition: Lanes, a: Operand, c: Operand) -> Lanes:
    """`a` where the condition holds, else `c`; at least one of them is an expression."""
    like = a if isinstance(a, Lanes) else c
    assert isinstance(like, Lanes)
    return Lanes(like.b, like.b.select(condition.val, like._lift(a), like._lift(c)))


def fma(a: Operand, c: Operand, d: Operand) -> Lanes:
    """a * c + d in one rounding; a constant factor or term 0 or 1 costs nothing."""
    if isinstance(a, (int, float)):
        a, c = c, a
    assert isinstance(a, Lanes)
    if isinstance(d, (int, float)) and d == 0:
        return a * c
    if isinstance(c, (int, float)) and c in (0, 1):
        return a + d if c else d if isinstance(d, Lanes) else a.const(d)
    return Lanes(a.b, a.b.fma(a.val, a._lift(c), a._lift(d)))


def horner(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """The polynomial with these coefficients, lowest power first."""
    total = fma(x, coefficients[-1], coefficients[-2])
    for c in coefficients[-3::-1]:
        total = fma(total, x, c)
    return total


def fast_two_sum(a: Operand, c: Lanes) -> tuple[Lanes, Lanes]:
    """a + c as the rounded sum and its exact error, where |a| >= |c| or a = 0."""
    total = a + c
    return total, c - (total - a)


def two_sum(a: Operand, c: Lanes) -> tuple[Lanes, Lanes]:
    """a + c as the rounded sum and its exact error."""
    total = a + c
    rest = total - a
    return total, (a - (total - rest)) + (c - rest)


def two_product(a: Lanes, c: Operand) -> tuple[Lanes, Lanes]:
    """a * c as the rounded product and its exact error."""
    total = a * c
    return total, fma(a, c, -total)


def power_of_two(x: Lanes, scale: float, offset: int = 0) -> tuple[Lanes, Lanes]:
    """The integer n nearest to x * scale, as a number, and 2^(n + offset), where that is normal or just infinity.

    Adding 1.5 * 2^mantissa rounds to an integer and leaves it in the low bits, one shift away from the exponent field.
    """
    f = x.format
    magic = f.magic + f.bias + offset
    shifted = fma(x, scale, magic)
    return shifted - magic, (shifted.bits() << f.mantissa).as_float()


def frexp(x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """m, e as a number, and e as integers: x = m * 2^e, sqrt(1/2) <= m < sqrt(2), for finite x > 0.

    The integers are those of a scaled x where x is denormal.
    """
    f = x.format
    denormal = x < 2.0 ** (1 - f.bias)
    scaled = where(denormal, x * 2.0 ** (f.mantissa + 2), x).bits()
    exponent = (scaled - f.bits(0.5**0.5)) >> f.mantissa
    m = (scaled - (exponent << f.mantissa)).as_float()
    e = exponent.to_float()
    return m, where(denormal, e - float(f.mantissa + 2), e), exponent


def in_double(f: Callable[[Lanes], Lanes]) -> Callable[[Lanes], Lanes]:
    """Floats go through double: rarely used functions need one set of tables only."""

    def wrapped(x: Lanes) -> Lanes:
        if x.val.element == "double":
            return f(x)
        return f(x.cast("fpext", "double")).cast("fptrunc", "float")

    wrapped.__name__, wrapped.__doc__ = f.__name__, f.__doc__
    return wrapped
