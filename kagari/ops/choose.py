"""Element by element, one of several operands: extrema, bounds, masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import bool_, uint8
from ..ir import build as ir
from ..ir.graph import Value
from . import nodes
from .check import C_NAMES, TYPE_NAMES, for_tensors, result_type
from .operator import Number, Operator, Sample, Tensor, operator
from .samples import args, binary, mixed, special_pairs, together, wanted

TENSORS = together(binary(numbers=()), mixed(), special_pairs)
_sizes = (args(wanted(2), wanted(3)), RuntimeError, r"The size of tensor a \(2\) must match the size of tensor b \(3\)")


# Extrema


def _require_real(name: str, a: Value, b: Value) -> None:
    if result_type(a, b).is_complex:
        raise RuntimeError(f"{name} not implemented for complex tensors.")


@operator(pointwise=True, samples=TENSORS, errors=[_sizes])
def maximum(input: Tensor, other: Tensor) -> Value:
    """The larger of `input_i` and `other_i`, NaN if one of them is; a tie shares the gradient."""
    _require_real("maximum", input, other)
    return ir.maximum(input, other)


@operator(pointwise=True, samples=TENSORS, errors=[_sizes])
def minimum(input: Tensor, other: Tensor) -> Value:
    """The smaller of `input_i` and `other_i`, NaN if one of them is; a tie shares the gradient."""
    _require_real("minimum", input, other)
    return ir.minimum(input, other)


@operator(pointwise=True, samples=TENSORS, errors=[_sizes])
def fmax(input: Tensor, other: Tensor) -> Value:
    """The larger of `input_i` and `other_i`, or the one that is not NaN; of a tie `input_i` has the gradient."""
    return ir.where(ir.ge(input, other) | ir.ne(other, other), input, other)


@operator(pointwise=True, samples=TENSORS, errors=[_sizes])
def fmin(input: Tensor, other: Tensor) -> Value:
    """The smaller of `input_i` and `other_i`, or the one that is not NaN; of a tie `input_i` has the gradient."""
    return ir.where(ir.le(input, other) | ir.ne(other, other), input, other)


def _clamp_gradient(g: Value, input: Value, min: Any = None, max: Any = None) -> list[Value]:
    # Inside the bounds, and on them, the gradient is that of the input: the derived one would be split there.
    low = ir.lift(True) if min is None else ir.ge(input, min)
    high = ir.lift(True) if max is None else ir.le(input, max)
    to_min = ir.lt(input, min) if min is not None else None
    to_max = ir.lift(input) > max if max is not None else None
    if to_min is not None and to_max is not None:
        to_min, to_max = to_min & ir.lt(min, max), to_max | ir.lt(max, min)
    pairs = [(input, ir.where(low & high, g, 0))]
    pairs += [(bound, ir.where(chosen, g, 0)) for bound, chosen in ((min, to_min), (max, to_max)) if chosen is not None]
    return for_tensors(*pairs)


def _bounds(make: Callable[..., Any]) -> Iterator[Sample]:
    for bounds in ((-1, 2), (None, 1), (0, None), (2, -1)):
        yield (make(3, 7, low=-4, high=4), *bounds), {}
    yield (make(4, 5, low=-4, high=4, noncontiguous=True), make(5, low=-2, high=0), make(4, 1, low=-1, high=2)), {}
    yield (make(low=-4, high=4),), {"max": make(2, low=-1, high=1)}
    yield (make(0, 3), -1, 1), {}
    yield (make(values=[1.0, -1.0, float("nan"), float("inf")]), -1, 1), {}


_NO_BOUND = (args(wanted(2)), RuntimeError, "torch.clamp: At least one of 'min' or 'max' must not be None")


@operator(
    inplace=True,
    pointwise=True,
    gradient=_clamp_gradient,
    samples=_bounds,
    errors=[_NO_BOUND],
    aliases=("clip",),
    dtypes="fib",
    node=lambda args: f"ClampBackward{int(not any(map(nodes.is_tensor, args[1:])))}",
)
def clamp(input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Value:
    """`out_i = minimum(maximum(input_i, min_i), max_i)`; a bound may be left out.

    >>> import kagari as torch
    >>> torch.clamp(torch.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    dt = result_type(*[x for x in (input, min, max) if x is not None])
    if dt.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    if dt is bool_ and isinstance(min, Value) and isinstance(max, Value) and not (min.weak or max.weak):
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'")
    result = ir.astype(input, dt)
    if min is not None:
        result = ir.maximum(result, ir.astype(ir.lift(min), dt))
    return result if max is None else ir.minimum(result, ir.astype(ir.lift(max), dt))


@operator(
    inplace=True,
    pointwise=True,
    gradient=lambda g, input, min: _clamp_gradient(g, input, min),
    samples=binary(),
    dtypes="fib",
    node=nodes.if_tensor("ClampMin", 1),
)
def clamp_min(input: Tensor, min: Tensor | Number) -> Value:
    """`out_i = maximum(input_i, min_i)`."""
    return ir.maximum(input, min)


@operator(
    inplace=True,
    pointwise=True,
    gradient=lambda g, input, max: _clamp_gradient(g, input, None, max),
    samples=binary(),
    dtypes="fib",
    node=nodes.if_tensor("ClampMax", 1),
)
def clamp_max(input: Tensor, max: Tensor | Number) -> Value:
    """`out_i = minimum(input_i, max_i)`."""
    return ir.minimum(input, max)


# Masks


def _choices(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(2, 3, dtype="bool"), make(2, 3), make(2, 3)), {}
    yield (make(2, 1, dtype="bool"), make(3), make()), {}
    yield (make(4, 5, dtype="bool", noncontiguous=True), make(4, 5, noncontiguous=True), make(5)), {}
    yield (make(0, 3, dtype="bool"), make(3), make(0, 3)), {}
    yield (make(2, 9, dtype="bool"), make(2, 9), 2), {}
    yield (make(2, 9, dtype="bool"), 2.5, make(2, 9)), {}
    yield (make(2, 9, dtype="bool"), 1, 2), {}
    yield (make(dtype="bool"), make(), make()), {}
    yield (make(3, dtype="bool"), make(3, dtype="float32"), make(dtype="float64")), {}


@operator(
    method=False,
    pointwise=True,
    samples=_choices,
    errors=[
        (
            args(wanted(2, dtype="int64"), wanted(2), wanted(2)),
            RuntimeError,
            "where expected condition to be a boolean tensor, but got a tensor with dtype Long",
        ),
        (
            args(wanted(2, dtype="bool"), wanted(3), wanted(3)),
            RuntimeError,
            "The size of tensor a .* must match the size of tensor b",
        ),
    ],
)
def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Value:
    """`input_i` where the condition holds, `other_i` elsewhere.

    >>> import kagari as torch
    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if condition.dtype not in (bool_, uint8):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{TYPE_NAMES[condition.dtype]}"
        )
    return ir.where(condition, input, other)


def _masks(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(2, 3), make(2, 3, dtype="bool"), 2), {}
    yield (make(4, 5, noncontiguous=True), make(5, dtype="bool"), 1), {}
    yield (make(4, 5), make(4, 1, dtype="bool"), make()), {}
    yield (make(0, 3), make(3, dtype="bool"), 1), {}
    yield (make(), make(dtype="bool"), 1), {}
    yield (make(3), make(2, 1, dtype="bool"), 1), {}


@operator(
    inplace=True,
    pointwise=True,
    samples=_masks,
    out=False,
    dtypes="fibc",
    errors=[
        (
            args(wanted(2), wanted(2, dtype="int64"), 2),
            RuntimeError,
            "masked_fill_ only supports boolean masks, but got mask with dtype long int",
        ),
        (
            args(wanted(2), wanted(2, dtype="bool"), wanted(2)),
            RuntimeError,
            r"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with 1 dim",
        ),
    ],
    node=nodes.if_tensor("MaskedFill", 2),
)
def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Value:
    """`value` where the mask holds, `input_i` elsewhere, in the dtype of `input`."""
    value = ir.lift(value)
    if mask.dtype is not bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {C_NAMES[mask.dtype]}")
    if value.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    return ir.where(mask, ir.astype(value, input.dtype), input)


OPERATORS: tuple[Operator, ...] = (maximum, minimum, fmax, fmin, clamp, clamp_min, clamp_max, where, masked_fill)
