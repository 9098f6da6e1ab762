"""Divisors and multiples of integers, element by element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require, result_type
from .operator import Operator, Sample, Tensor, operator
from .samples import args, binary, together, wanted


def _pairs(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(values=[0, 0, 6, 4, 12, 90, 7]), make(values=[0, 4, 0, 6, 18, 36, 5])), {}
    yield (make(30, low=-100, high=100), make(30, low=-100, high=100)), {}
    yield (make(3, dtype="int32"), make(3, dtype="int64")), {}
    yield (make(2, dtype="int8"), make(2, dtype="uint8")), {}


def _refused(kernel: str) -> list[tuple[Sample, type, str]]:
    return [
        (
            args(wanted(2, dtype=d), wanted(2, dtype=d)),
            NotImplementedError,
            f"\"{kernel}\" not implemented for '{name}'",
        )
        for d, name in (("float32", "Float"), ("bool", "Bool"))
    ]


# Euclid's algorithm takes the most steps for neighbours in Fibonacci's series: so many for integers of so many bytes.
_STEPS = {1: 12, 2: 23, 4: 46, 8: 92}


def _divisor(a: Value, b: Value) -> Value:
    """The greatest common divisor by Euclid's algorithm, its steps written out: the graph has no loops."""
    a, b = ir.abs_(a), ir.abs_(b)
    for _ in range(_STEPS[a.dtype.itemsize]):
        done = ir.eq(b, 0)
        rest = ir.rem(a, ir.where(done, 1, b))
        a, b = ir.where(done, a, b), ir.where(done, 0, rest)
    return a


def _both(kernel: str, input: Value, other: Value) -> tuple[Value, Value]:
    dt = result_type(input, other)
    require(kernel, dt, lowest=1, highest=1)
    shape = ir.broadcast_shape(input.shape, other.shape)
    a, b = (ir.broadcast_to(graph.cast(x, dt), shape) for x in (input, other))
    return a, b


@operator(
    inplace=True, pointwise=True, dtypes="i", samples=together(binary(numbers=()), _pairs), errors=_refused("gcd_cpu")
)
def gcd(input: Tensor, other: Tensor) -> Value:
    """The greatest common divisor of `input_i` and `other_i`; that of 0 and 0 is 0.

    >>> import kagari as torch
    >>> torch.gcd(torch.tensor([12, 7, 0]), torch.tensor([18, 5, 4]))
    tensor([6, 1, 4])
    """
    return _divisor(*_both("gcd_cpu", input, other))


@operator(
    inplace=True, pointwise=True, dtypes="i", samples=together(binary(numbers=()), _pairs), errors=_refused("lcm_cpu")
)
def lcm(input: Tensor, other: Tensor) -> Value:
    """The least common multiple of `input_i` and `other_i`; that of 0 and any is 0.

    >>> import kagari as torch
    >>> torch.lcm(torch.tensor([4, 3]), torch.tensor([6, 0]))
    tensor([12,  0])
    """
    a, b = _both("lcm_cpu", input, other)
    divisor = _divisor(a, b)
    none = ir.eq(divisor, 0)
    return ir.abs_(ir.idiv(a, ir.where(none, 1, divisor)) * b)


OPERATORS: tuple[Operator, ...] = (gcd, lcm)
