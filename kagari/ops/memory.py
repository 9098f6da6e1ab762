"""Copies and aliases: what is needed of an operator's definition to move values, and nothing else."""

from __future__ import annotations

import warnings
from functools import cache

from ..base.dtypes import bool_, dtype
from ..ir import build as ir
from ..ir.build import broadcast_shape
from ..ir.graph import Value, cast
from .operator import Number, Operator, Tensor, operator
from .shapes import listed


@operator(pointwise=True, fresh=True)
def clone(input: Tensor) -> Value:
    """A copy of `input` with memory of its own, `out_i = input_i`."""
    return input


@operator(name="contiguous", method=False, function=False, fresh=True, out=False, node="CloneBackward0")
def contiguous(input: Tensor) -> Value:
    """A copy of `input` in row-major order."""
    return input


@operator(method=False, function=False, fresh=True, out=False, order="last")
def to_channels_last(input: Tensor) -> Value:
    """A copy of images or volumes with their channels next to each other."""
    return input


@operator(function=False, method=False, out=False)
def alias(input: Tensor) -> Value:
    """The same elements, as a view."""
    return input


@cache
def _warn_of_lost_part() -> None:
    """Warns, the first time that an imaginary part is lost."""
    warnings.warn("Casting complex values to real discards the imaginary part", stacklevel=8)


def _converted(x: Value, dt: dtype) -> Value:
    if x.dtype.is_complex and not dt.is_complex and dt is not bool_:
        _warn_of_lost_part()
    return cast(x, dt)


@operator(name="to_dtype", function=False, method=False, out=False, pointwise=True, node="ToCopyBackward0")
def to_dtype(input: Tensor, dtype: dtype) -> Value:
    """`input` in another dtype."""
    return _converted(input, dtype)


@operator(function=False, inplace=True, method=False, out=False, pointwise=True)
def copy(input: Tensor, src: Tensor | Number, non_blocking: bool = False) -> Value:
    """Overwrites `input` with `src`, broadcast and converted: `input_i = src_i`."""
    src = _converted(ir.lift(src), input.dtype)
    shape = broadcast_shape(input.shape, src.shape)
    if shape != input.shape:
        raise RuntimeError(f"output with shape {listed(input.shape)} doesn't match the broadcast shape {listed(shape)}")
    return ir.broadcast_to(src, input.shape)


@operator(function=False, inplace=True, method=False, out=False, pointwise=True)
def zero(input: Tensor) -> Value:
    """Overwrites `input` with zeros."""
    return ir.full(input.shape, 0, input.dtype)


@operator(function=False, inplace=True, method=False, out=False, pointwise=True)
def fill(input: Tensor, value: Tensor | Number) -> Value:
    """Overwrites `input` with one value."""
    return ir.full(input.shape, value, input.dtype)


OPERATORS: tuple[Operator, ...] = (clone, contiguous, to_channels_last, alias, to_dtype, copy, zero, fill)
