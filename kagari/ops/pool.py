"""The largest element of each window, and where it was."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..base.dtypes import dtype, int32, int64
from ..base.symbols import Size
from ..base.symbols import product as product_of
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .check import require
from .operator import Operator, Tensor, operator
from .pool_windows import MAX_TAPS, Axis, along, axes_of, masked, padded, shown, tap_count, taps_of
from .samples import Make, Sample, args, wanted
from .shapes import listed

Ints = Any
"""One number for all dimensions, or one for each."""


def lowest(dt: dtype) -> Any:
    """What no element is below."""
    if dt.is_floating_point:
        return -math.inf
    return -(2 ** (8 * dt.itemsize - 1)) if dt.is_signed else 0


def _above(tap: Value, best: Value) -> Value:
    """Where a tap takes the place of the best one before it: NaN is above all."""
    above = ir.gt(tap, best)
    return ir.bitor(above, ir.ne(tap, tap)) if tap.dtype.is_floating_point else above


def _values(x: Value, axes: Sequence[Axis]) -> Value:
    """The largest element of each window."""
    if tap_count(axes) > MAX_TAPS:
        return _values_of_large(x, axes)
    best: Value | None = None
    for numbers, tap in taps_of(padded(x, axes), axes):
        tap = masked(tap, axes, numbers, lowest)
        best = tap if best is None else ir.where(_above(tap, best), tap, best)
    assert best is not None
    return best


def _surrounded(x: Value, axis: Axis) -> Value:
    """x with the lowest number around it along an axis."""
    whole = padded(x, [axis])
    if whole is x:
        return x
    at = graph.iota(whole.shape, axis.dim)
    return ir.where(ir.bitand(ir.ge(at, axis.pad), ir.lt(at, axis.size + axis.pad)), whole, lowest(x.dtype))


def _values_of_large(x: Value, axes: Sequence[Axis]) -> Value:
    """One axis after the other: the work is that of the sum of the window's sizes, not of their product."""
    for axis in reversed(axes):
        x = graph.reduce("max", shown(_surrounded(x, axis), axis), (x.ndim,))
    return x


def _row_major(axes: Sequence[Axis]) -> list[Size]:
    """How far apart neighbours along each axis are in the elements of one channel."""
    return [product_of(tuple(axis.size for axis in axes[i + 1 :])) for i in range(len(axes))]


def _first_inside(axis: Axis) -> Value | None:
    """How far behind its start each window has its first element inside of the input; None where that is 0."""
    outside = [graph.cast(ir.lt(axis.positions(t), 0), int32) for t in range(axis.taps) if t * axis.dilation < axis.pad]
    total: Value | None = None
    for before in outside:
        total = before if total is None else ir.add(total, before)
    return None if total is None else ir.mul(total, axis.dilation)


def _starts(axes: Sequence[Axis], strides: Sequence[Size], shape: tuple[Size, ...]) -> Value:
    """Where each window starts, counted in the elements of one channel."""
    total: Value | None = None
    for axis, stride in zip(axes, strides):
        start = ir.mul(ir.sub(ir.mul(graph.iota(shape, axis.dim), axis.step), axis.pad), stride)
        total = start if total is None else ir.add(total, start)
    assert total is not None
    return total


def _values_and_indices(x: Value, axes: Sequence[Axis]) -> tuple[Value, Value]:
    """The largest elements, and their places in the elements of one channel. Of equal ones the first counts."""
    if tap_count(axes) > MAX_TAPS:
        return _large_with_indices(x, axes)
    strides = _row_major(axes)
    narrow = [graph.cast(ir.lift(s), int32) for s in strides]
    shape = tuple(next((a.count for a in axes if a.dim == d), size) for d, size in enumerate(x.shape))
    best, at = ir.full(shape, lowest(x.dtype), x.dtype), ir.full(shape, 0, int32)
    for axis, stride in zip(axes, narrow):
        first = _first_inside(axis)
        if first is not None:
            at = ir.add(at, along(ir.mul(first, stride), axis, x.ndim))
    for numbers, element in taps_of(padded(x, axes), axes):
        tap = masked(element, axes, numbers, lowest)
        offset = ir.full((), 0, int32)
        for axis, number, stride in zip(axes, numbers, narrow):
            offset = ir.add(offset, ir.mul(stride, number * axis.dilation))
        better = _above(tap, best)
        best, at = ir.where(better, tap, best), ir.where(better, offset, at)
    return best, ir.add(graph.cast(at, int64), _starts(axes, strides, shape))


def _large_with_indices(x: Value, axes: Sequence[Axis]) -> tuple[Value, Value]:
    """One axis after the other, from the last: the places along those done are looked up where the next one points."""
    strides = _row_major(axes)
    at: Value | None = None
    for axis, stride in reversed(list(zip(axes, strides))):
        windows, last = shown(_surrounded(x, axis), axis), x.ndim
        x, tap = graph.reduce("max", windows, (last,)), graph.reduce("argmax", windows, (last,))
        if x.dtype.is_floating_point:  # of numbers that are NaN the last one counts
            at_nan = ir.where(ir.ne(windows, windows), graph.iota(windows.shape, last), -1)
            tap = ir.maximum(graph.reduce("max", at_nan, (last,)), ir.where(ir.ne(x, x), -1, tap))
        position = ir.add(ir.mul(tap, axis.dilation), along(graph.cast(axis.positions(0), int64), axis, x.ndim))
        here = ir.mul(ir.maximum(position, 0), stride)
        at = here if at is None else ir.add(here, graph.pick(shown(padded(at, [axis]), axis), tap, last))
    assert at is not None
    return x, at


# Gradients


def _planes(x: Value, rank: int) -> tuple[Size, Size]:
    """Channels of all samples, and elements of each."""
    return product_of(x.shape[: x.ndim - rank]), product_of(x.shape[x.ndim - rank :])


def scattered(g: Value, indices: Value, x: Value, rank: int) -> Value:
    """Each element of g added at its index in the elements of a channel of x; the others are 0."""
    rows, size = _planes(x, rank)
    _, count = _planes(g, rank)
    zeros = ir.full((rows, size), 0, g.dtype)
    index, src = (graph.reshape(v, (rows, count)) for v in (indices, g))
    return graph.reshape(graph.scatter("scatter_add", zeros, index, src, 1), x.shape)


def _placed_gradient(g: Value, input: Value, values: Value, indices: Value, rank: int) -> list[Value | None]:
    return [scattered(g, indices, input, rank), None, None]


def _pairs_node(rank: int) -> str:
    return "SqueezeBackward1" if rank == 1 else f"MaxPool{rank}DWithIndicesBackward0"


@operator(
    function=False,
    method=False,
    out=False,
    fresh=True,
    order="channels",
    gradient=_placed_gradient,
    node=lambda args: _pairs_node(args[3]),
)
def placed(input: Tensor, values: Tensor, indices: Tensor, rank: int) -> Value:
    """`values`, known to be the elements of `input` at `indices`: that is where the gradient goes."""
    return values


# Operators


def _windows(rank: int) -> Any:
    shape = (2, 3, 7, 6, 5)[: rank + 2] if rank < 3 else (2, 2, 4, 5, 4)
    large = (1, 2, *(70, 20)[:rank])

    def samples(make: Make) -> Iterator[Sample]:
        yield (make(*shape), 3, 2, 1, 1, True), {}
        yield (make(*shape, noncontiguous=True), 2), {"dilation": 2}
        if rank == 3:
            return
        yield (make(*shape), 3, 2, 1), {}
        yield (make(*shape), [2] * rank, (1,) * rank), {"ceil_mode": True}
        yield (make(*shape[1:]), 2, 3, 1, 2), {"ceil_mode": True}
        yield (make(0, *shape[1:]), 2), {}
        yield (make(*large), {1: 65, 2: 9}[rank], 2, 1), {}
        row = [math.nan, -math.inf, -math.inf, 1.0, 1.0, -math.inf]
        values: Any = [row, [-math.inf] * 6]
        for _ in range(rank - 1):
            values = [values, values[::-1]]
        yield (make(values=values), 2, 2, 1), {}

    return samples


def _errors(name: str, rank: int) -> list[tuple[Sample, type, str]]:
    shape = (2, 3, 7, 6, 5)[: rank + 2]
    if rank == 1:
        return [
            (args(wanted(2, 3, 4, 5), 2), RuntimeError, r"Expected 2D or 3D \(batch mode\) tensor with optional 0 dim"),
            (args(wanted(*shape), 9), RuntimeError, r"max_pool1d\(\) Invalid computed output size: 0"),
            (
                args(wanted(*shape), 2, 2, 2),
                RuntimeError,
                r"max_pool1d\(\) padding should be at most half of kernel size",
            ),
            (args(wanted(*shape), 0), RuntimeError, r"max_pool1d\(\) kernel_size must be greater than zero, but got 0"),
            (args(wanted(*shape), (2, 3)), RuntimeError, "tuple of ints of size 1 but got size 2"),
        ]
    kernels = f"{name}: kernel_size must either be a single int, or a tuple of"
    return [
        (args(wanted(2), 2), RuntimeError, rf"non-empty {rank + 1}D or {rank + 2}D \(batch mode\) tensor expected"),
        (args(wanted(*shape), 9), RuntimeError, r"Given input size: \(.*\). Calculated output size: \(.*x0\). Output"),
        (args(wanted(*shape), 2, 2, 2), RuntimeError, "pad should be at most half of effective kernel size, but got"),
        (args(wanted(*shape), 2, 2, -1), RuntimeError, "pad must be non-negative, but got pad: -1"),
        (args(wanted(*shape), 2, 0), RuntimeError, "stride should not be zero"),
        (args(wanted(*shape), 2, 3, 0, -1), RuntimeError, "dilation should be greater than zero, but got dilation"),
        (args(wanted(*shape), (2,) * 5), RuntimeError, kernels),
        (args(wanted(*shape, dtype="bool"), 2), NotImplementedError, "not implemented for 'Bool'"),
    ]


def _max_pool(rank: int) -> tuple[Operator, Operator]:
    name = f"max_pool{rank}d"
    place = f"{'L' if rank == 1 else 'D, H, W'[-4:] if rank == 2 else 'D, H, W'}"

    def values(
        input: Tensor,
        kernel_size: Ints,
        stride: Ints = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
    ) -> Value:
        axes = axes_of(name, input, rank, kernel_size, stride, padding, dilation, ceil_mode)
        require(name if rank > 1 else "max_pool1d_impl", input.dtype, lowest=1 if rank > 1 else 2)
        return _values(input, axes)

    def pairs(
        input: Tensor,
        kernel_size: Ints,
        stride: Ints = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
    ) -> tuple[Value, Value]:
        axes = axes_of(name, input, rank, kernel_size, stride, padding, dilation, ceil_mode)
        require(name, input.dtype, lowest=1)
        return _values_and_indices(input, axes)

    values.__doc__ = (
        f"The largest element of each window of the last dimensions, ({place}). NaN counts as the largest; outside of "
        "the input there is nothing."
    )
    pairs.__doc__ = f"What `{name}` gives, and where in the elements of its channel each element was."
    how: dict[str, Any] = {
        "namespace": "nn.functional", "method": False, "out": False, "differentiable": False, "fresh": True,
        "order": "channels",
    }  # fmt: skip
    return (
        operator(
            name=name, samples=_windows(rank), dtypes="f" if rank == 1 else "fi", errors=_errors(name, rank), **how
        )(values),
        operator(name=f"{name}_with_indices", samples=_windows(rank), dtypes="f", node=_pairs_node(rank), **how)(pairs),
    )


# Back to the windows


def _max_unpool(rank: int) -> Operator:
    name = f"max_unpool{rank}d"

    def unpool(input: Tensor, indices: Tensor, output_size: Ints) -> Value:
        if indices.dtype is not int64:
            raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype.type_name}")
        if input.ndim not in (rank + 1, rank + 2):
            raise RuntimeError(
                f"Input to max_unpooling{rank}d should be a {rank + 1}d or {rank + 2}d Tensor, but got a tensor with "
                f"{input.ndim} dimensions."
            )
        if input.shape != indices.shape:
            raise RuntimeError(
                f"Expected shape of indices to be same as that of the input tensor ({listed(input.shape)}) but got "
                f"indices tensor with shape: {listed(indices.shape)}"
            )
        require(name, input.dtype)
        rows, count = _planes(input, rank)
        zeros = ir.full((rows, math.prod(output_size)), 0, input.dtype)
        index, src = (graph.reshape(v, (rows, count)) for v in (indices, input))
        return graph.reshape(graph.scatter("scatter", zeros, index, src, 1), (*input.shape[:-rank], *output_size))

    unpool.__doc__ = "Zeros, and the elements of `input` at the places in a channel that `indices` has for them."
    return operator(
        name=name, namespace="nn.functional", method=False, out=False, autocast=single, index_error=RuntimeError
    )(unpool)


OPERATORS: tuple[Operator, ...] = (
    placed,
    *(record for rank in (1, 2, 3) for record in _max_pool(rank)),
    *map(_max_unpool, (1, 2, 3)),
)
