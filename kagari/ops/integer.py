"""Divisors and multiples of integers, element by element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import int32
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


@operator(
    inplace=True, pointwise=True, dtypes="i", samples=together(binary(numbers=()), _pairs), errors=_refused("gcd_cpu")
)
def gcd(input: Tensor, other: Tensor) -> Value:
    """The greatest common divisor of `input_i` and `other_i`; that of 0 and 0 is 0.

    >>> import kagari as torch
    >>> torch.gcd(torch.tensor([12, 7, 0]), torch.tensor([18, 5, 4]))
    tensor([6, 1, 4])
    """
    require("gcd_cpu", result_type(input, other), lowest=1, highest=1)
    return ir.gcd(input, other)


@operator(
    inplace=True, pointwise=True, dtypes="i", samples=together(binary(numbers=()), _pairs), errors=_refused("lcm_cpu")
)
def lcm(input: Tensor, other: Tensor) -> Value:
    """The least common multiple of `input_i` and `other_i`; that of 0 and any is 0.

    >>> import kagari as torch
    >>> torch.lcm(torch.tensor([4, 3]), torch.tensor([6, 0]))
    tensor([12,  0])
    """
    dt = result_type(input, other)
    require("lcm_cpu", dt, lowest=1, highest=1)
    # The magnitude of small integers is taken before they wrap.
    wide = int32 if dt.itemsize < 4 and dt.is_signed else dt
    a, b = graph.cast(input, wide), graph.cast(other, wide)
    divisor = ir.gcd(a, b)
    return graph.cast(ir.abs_(ir.idiv(a, ir.where(ir.eq(divisor, 0), 1, divisor)) * b), dt)


OPERATORS: tuple[Operator, ...] = (gcd, lcm)
