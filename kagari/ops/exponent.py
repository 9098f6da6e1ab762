"""Element-wise functions about powers: of two and of e, and the numbers next to others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import bfloat16, complex128, dtype, float16, float32, float64, int32
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .check import LARGEST, require, result_type
from .operator import Number, Operator, Sample, Static, Tensor, operator
from .pointwise import pow_
from .samples import SPECIAL, args, binary, special_pairs, together, unary, wanted

_two_ints = args(wanted(2, dtype="int64"), wanted(2, dtype="int64"))


def _sinc_gradient(g: Value, input: Value) -> list[Value]:
    # The derived gradient would be NaN at 0.
    zero = ir.eq(input, 0)
    x = math.pi * ir.where(zero, 1, input)
    slope = (x * ir.cos(x) - ir.sin(x)) / (x * ir.where(zero, 1, input))
    return [g * ir.conj(ir.where(zero, 0, slope))]


@operator(inplace=True, pointwise=True, gradient=_sinc_gradient, samples=unary())
def sinc(input: Tensor) -> Value:
    """`out_i = sin(pi * input_i) / (pi * input_i)`, 1 at 0.

    >>> import kagari as torch
    >>> torch.sinc(torch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    zero = ir.eq(input, 0)
    x = math.pi * ir.where(zero, 1, input)
    return ir.where(zero, 1, ir.sin(x) / x)


def _exponents(make: Callable[..., Any]) -> Iterator[Sample]:
    # None below 0: PyTorch's gradient takes 2 to the power of an integer as one.
    yield (make(2, 3), make(2, 3, dtype="int64", low=0)), {}
    yield (make(4, 5, noncontiguous=True), make(5)), {}
    yield (make(), make(3, dtype="int32", low=0)), {}
    yield (make(0, 3), make(3)), {}


@operator(inplace=True, pointwise=True, samples=_exponents, dtypes="fibc")
def ldexp(input: Tensor, other: Tensor) -> Value:
    """`out_i = input_i * 2 ** other_i`.

    >>> import kagari as torch
    >>> torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([2, 3]))
    tensor([ 4., 24.])
    """
    dt = result_type(input, other)
    dt = dt if dt.category >= 2 else ir.default_dtype()
    return ir.mul(graph.cast(input, dt), ir.exp2(graph.cast(other, dt)))


_FORMATS = {float16: (11, -24), bfloat16: (8, -133), float32: (24, -149), float64: (53, -1074)}
"""For each floating-point type the bits of its significand, and the exponent of its least positive number."""


def _power_of_two(exponent: Value) -> Value:
    """2 to an integral exponent, in two steps: one would leave the range of the type near its ends."""
    half = ir.floor(exponent * 0.5)
    return ir.exp2(half) * ir.exp2(exponent - half)


def _split(x: Value) -> tuple[Value, Value]:
    """A significand from 0.5 to 1 and the exponent of finite numbers, for 16-bit types in float32."""
    wide = graph.cast(x, float64 if x.dtype is float64 else float32)
    ordinary = ir.bitand(ir.ne(wide, 0), ir.lt(ir.abs_(wide), math.inf))
    safe = ir.where(ordinary, wide, 1)
    # Numbers too small for full precision are lifted to where the logarithm has it.
    lift = _FORMATS[wide.dtype][0]
    small = ir.lt(ir.abs_(safe), 2.0 ** (_FORMATS[wide.dtype][1] + 2 * lift))
    safe = ir.where(small, safe * 2.0**lift, safe)
    guess = graph.detach(ir.floor(ir.log2(ir.abs_(safe))) + 1)
    significand = safe * _power_of_two(ir.neg(guess))
    above, below = ir.ge(ir.abs_(significand), 1), ir.lt(ir.abs_(significand), 0.5)
    significand = ir.where(above, significand * 0.5, ir.where(below, significand * 2, significand))
    exponent = guess + ir.where(above, 1, ir.where(below, -1, 0)) - ir.where(small, float(lift), 0.0)
    return ir.where(ordinary, significand, wide), ir.where(ordinary, exponent, 0)


def _numbers(make: Callable[..., Any]) -> Iterator[Sample]:
    yield from unary()(make)
    yield (make(values=[1.0, 2.0, 4.0, 1024.0, 0.25, 3.0, -7.5, 1e-3, 6e4, -6.1e-5]),), {}


@operator(
    pointwise=True,
    dtypes="f",
    samples=_numbers,
    returns=("mantissa", "exponent"),
    errors=[
        (args(wanted(2, dtype="int64")), RuntimeError, r"torch.frexp\(\) only supports floating-point dtypes"),
    ],
)
def frexp(input: Tensor) -> tuple[Value, Value]:
    """The parts of `input_i = mantissa_i * 2 ** exponent_i`: the mantissa's magnitude is from 0.5 to below 1.

    >>> import kagari as torch
    >>> torch.frexp(torch.tensor([8.0, 0.75])).exponent
    tensor([4, 0], dtype=torch.int32)
    """
    if input.dtype.category != 2:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    significand, exponent = _split(input)
    return graph.cast(significand, input.dtype), graph.cast(exponent, int32)


def _floats_only(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(2, 3, low=0.5, high=3), make(2, 3)), {}
    yield (make(4, 5, low=0.5, high=3, noncontiguous=True), 2), {}
    yield (make(3, low=0.5, high=3), 0.5), {}
    yield (2, make(3)), {}
    yield (make(0, 3), make(3)), {}


@operator(pointwise=True, samples=_floats_only, node=nodes.power)
def float_power(input: Tensor | Number, exponent: Tensor | Static) -> Value:
    """`out_i = input_i ** exponent_i` in double precision, of complex numbers in that of their parts.

    >>> import kagari as torch
    >>> torch.float_power(torch.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    either = any(x.dtype.is_complex if isinstance(x, Value) else isinstance(x, complex) for x in (input, exponent))
    dt = complex128 if either else float64
    base, power = (graph.cast(x, dt) if isinstance(x, Value) else x for x in (input, exponent))
    return pow_.define(base, power if isinstance(power, Value | complex) else float(power))


def _logaddexp2_gradient(g: Value, input: Value, other: Value) -> list[Value]:
    # The derived gradient would be that of the maximum, too.
    return [g / (1 + ir.exp2(other - input)), g / (1 + ir.exp2(input - other))]


def _with_booleans(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(2, 3), make(3, dtype="bool")), {}


@operator(
    pointwise=True,
    dtypes="f",
    gradient=_logaddexp2_gradient,
    errors=[(_two_ints, NotImplementedError, "\"logaddexp2_cpu\" not implemented for 'Long'")],
    samples=together(binary(numbers=()), special_pairs, _with_booleans),
)
def logaddexp2(input: Tensor, other: Tensor) -> Value:
    """`out_i = log_2(2 ** input_i + 2 ** other_i)`, without overflow on the way.

    >>> import kagari as torch
    >>> torch.logaddexp2(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor([2.])
    """
    dt = result_type(input, other)
    require("logaddexp2_cpu", dt)
    input, other = graph.cast(input, dt), graph.cast(other, dt)
    large = ir.maximum(input, other)
    same = ir.eq(input, other) & ir.eq(ir.abs_(input), math.inf)
    tail = ir.log1p(ir.exp2(ir.neg(ir.abs_(input - other)))) * (1 / math.log(2))
    return ir.where(same, input, large + tail)


def _neighbours(make: Callable[..., Any]) -> Iterator[Sample]:
    """PyTorch has no gradient: the samples want none."""
    how = {"constant": True}
    yield (make(2, 3, **how), make(2, 3, **how)), {}
    yield (make(4, 5, noncontiguous=True, **how), make(5, **how)), {}
    n = len(SPECIAL)
    yield (make(values=[x for x in SPECIAL for _ in range(n)], **how), make(values=SPECIAL * n, **how)), {}


def _spacing(x: Value, dt: dtype, toward_zero: Value) -> Value:
    """The distance from x to the next number of a type."""
    digits, least = _FORMATS[dt]
    significand, exponent = _split(x)
    shrinks = ir.bitand(toward_zero, ir.eq(ir.abs_(significand), 0.5))
    exponent = ir.where(ir.eq(x, 0), float(least), exponent - float(digits) - ir.where(shrinks, 1.0, 0.0))
    return _power_of_two(ir.maximum(exponent, float(least)))


@operator(
    inplace=True,
    pointwise=True,
    dtypes="f",
    samples=_neighbours,
    errors=[(_two_ints, NotImplementedError, "\"nextafter_cpu\" not implemented for 'Long'")],
)
def nextafter(input: Tensor, other: Tensor) -> Value:
    """The number next to `input_i` on the way to `other_i`.

    >>> import kagari as torch
    >>> torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])) == 1 + torch.finfo(torch.float32).eps
    tensor([True])
    """
    dt = result_type(input, other)
    require("nextafter_cpu", dt)
    wide = float64 if dt is float64 else float32
    x, to = (graph.cast(v, wide) for v in (graph.cast(input, dt), graph.cast(other, dt)))
    infinite = ir.eq(ir.abs_(x), math.inf)
    start = ir.where(infinite | ir.ne(x, x), 1, x)
    up = ir.lt(x, to)
    step = _spacing(start, dt, ir.ne(up, ir.lt(0, start)))
    moved = ir.where(infinite, ir.sign(x) * LARGEST[dt], ir.where(up, start + step, start - step))
    nothing = ir.ne(x, x) | ir.ne(to, to)
    result = ir.where(nothing, x + to, ir.where(ir.eq(x, to), to, moved))
    return graph.cast(result, dt)


OPERATORS: tuple[Operator, ...] = (sinc, ldexp, frexp, float_power, logaddexp2, nextafter)
