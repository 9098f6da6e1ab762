"""The mean of each window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from ..base.dtypes import accumulate, int32, int64
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .check import require
from .operator import Operator, Tensor, operator
from .pool_windows import MAX_TAPS, Axis, along, axes_of, padded, shown, tap_count, taps_of
from .samples import Make, Sample, args, wanted
from .shapes import narrowed, replaced

Ints = Any
"""One number for all dimensions, or one for each."""


def _sums(x: Value, axes: Sequence[Axis]) -> Value:
    """The sum of each window; outside of the input there are zeros."""
    if tap_count(axes) > MAX_TAPS:
        return _sums_by_axis(x, axes)
    taps = [tap for _, tap in taps_of(padded(x, axes), axes)]
    return reduce(ir.add, taps)


def _sums_by_axis(x: Value, axes: Sequence[Axis]) -> Value:
    """One axis after the other: the work is that of the sum of the window's sizes, not of their product."""
    for axis in reversed(axes):
        x = graph.reduce("sum", shown(padded(x, [axis]), axis), (x.ndim,))
    return x


def _lengths(axis: Axis, count_include_pad: bool) -> Value | int:
    """How many elements along an axis count: as a vector over the windows where it is not the same for all."""
    if count_include_pad and not axis.ceil:
        return axis.taps
    if not axis.pad and not axis.ceil:
        return axis.taps
    start = axis.positions(0)
    limit = graph.cast(ir.lift(axis.size + axis.pad if count_include_pad else axis.size), int32)
    end = ir.minimum(ir.add(start, axis.taps), limit)
    return ir.sub(end, start if count_include_pad else ir.maximum(start, 0))


def _means(x: Value, axes: Sequence[Axis], count_include_pad: bool, divisor: int | None) -> Value:
    """Sums of windows, divided by how many elements count; those of integers are cut to integers."""
    divide = ir.idiv if x.dtype is int64 else ir.div
    if divisor is not None:
        return divide(x, divisor)
    constant: int = 1
    for axis in axes:
        length = _lengths(axis, count_include_pad)
        if isinstance(length, int):
            constant *= length
        else:
            x = divide(x, along(graph.cast(length, x.dtype), axis, x.ndim))
    return x if constant == 1 else divide(x, constant)


def _returned(g: Value, axis: Axis) -> Value:
    """The transpose of the sums along one axis: each element gets the sum over the windows that show it.

    Elements q * step + r are made together, for one r after the other: they are in as many windows each, and in windows
    that are neighbours where they are.
    """
    size, step, dim = axis.size, axis.step, axis.dim
    whole = size % step == 0
    count = size // step if whole else size // step + 1
    if axis.taps == step and not axis.pad and whole:
        each = ir.unsqueeze(g, dim + 1)
        spread = narrowed(graph.expand(each, replaced(each.shape, dim + 1, step)), dim, 0, count)
        return graph.reshape(spread, replaced(g.shape, dim, size))
    overlap = -(-axis.taps // step)
    last = (step - 1 + axis.pad) // step
    low: list[Size] = [0] * g.ndim
    high: list[Size] = [0] * g.ndim
    low[dim], high[dim] = overlap - 1, count + last - axis.count
    g = graph.pad(g, tuple(low), tuple(high))
    phases = []
    for r in range(step):
        behind, tap = divmod(r + axis.pad, step)
        starts = [overlap - 1 + behind - a for a in range(overlap) if tap + a * step < axis.taps]
        parts = [narrowed(g, dim, start, count) for start in starts]
        phases.append(reduce(ir.add, parts) if parts else ir.full(replaced(g.shape, dim, count), 0, g.dtype))
    joined = graph.cat(tuple(ir.unsqueeze(phase, dim + 1) for phase in phases), dim + 1) if step > 1 else phases[0]
    total = size if whole else count * step
    lined = graph.reshape(joined, replaced(g.shape, dim, total))
    return lined if whole else narrowed(lined, dim, 0, size)


def _windows(rank: int) -> Any:
    shape = (2, 3, 7, 6)[: rank + 2] if rank < 3 else (2, 2, 4, 5, 4)
    large = (1, 2, *(70, 20)[:rank])

    def samples(make: Make) -> Iterator[Sample]:
        yield (make(*shape), 3, 2, 1), {"ceil_mode": True, "count_include_pad": False}
        yield (make(*shape[1:]), 2, 3, 1), {"ceil_mode": True}
        if rank > 1:
            yield (make(*shape), 3, 2, 1), {"divisor_override": 5}
        if rank == 3:
            return
        yield (make(*shape), 2), {}
        yield (make(*shape), 3, 2, 1), {}
        yield (make(*shape, noncontiguous=True), 2, 1, 1), {"count_include_pad": False}
        yield (make(0, *shape[1:]), 2), {}
        yield (make(*large), {1: 65, 2: 9}[rank], 2, 1), {}

    return samples


def _errors(rank: int) -> list[tuple[Sample, type, str]]:
    shape = (2, 3, 7, 6, 5)[: rank + 2]
    more: list[tuple[Sample, type, str]] = []
    if rank > 1:
        more = [
            (args(wanted(*shape), 2, divisor_override=0), RuntimeError, "divisor must be not zero"),
            (args(wanted(*shape), (2,) * 5), RuntimeError, "kernel_size must (either )?be a single int, or a tuple of"),
        ]
    small = r"Given input size: \(.*\). Calculated output size: \(.*x0\). Output|smaller than kernel size \(kT: 9 kH: 9"
    return [
        (args(wanted(*shape), 9), RuntimeError, small),
        (args(wanted(*shape), 2, 2, 2), RuntimeError, "pad should be at most half of effective kernel size, but got"),
        (args(wanted(*shape), 2, 2, -1), RuntimeError, "pad must be non-negative, but got pad: -1"),
        (args(wanted(*shape), 2, 0), RuntimeError, "stride should not be zero"),
        (args(wanted(*shape, dtype="bool"), 2), NotImplementedError, "not implemented for 'Bool'"),
        *more,
    ]


def _averaged(
    name: str, rank: int, input: Value, window: tuple[Ints, Ints, Ints, bool], include: bool, divisor: int | None
) -> Value:
    kernel_size, stride, padding, ceil_mode = window
    axes = axes_of(name, input, rank, kernel_size, stride, padding, 1, ceil_mode)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    if input.dtype is not int64:
        require("avg_pool3d_out_frame" if rank == 3 else "avg_pool2d", input.dtype)
    if rank == 3 and input.dtype.itemsize == 2:
        raise NotImplementedError(f"\"avg_pool3d_out_frame\" not implemented for '{input.dtype.type_name}'")
    x = graph.cast(input, accumulate(input.dtype))
    return graph.cast(_means(_sums(x, axes), axes, include, divisor), input.dtype)


def _gradient(name: str, rank: int) -> Any:
    def gradient(
        g: Value,
        input: Value,
        kernel_size: Ints,
        stride: Ints = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> list[Value | None]:
        axes = axes_of(name, input, rank, kernel_size, stride, padding, 1, ceil_mode)
        shares = _means(graph.cast(g, accumulate(input.dtype)), axes, count_include_pad, divisor_override)
        return [reduce(_returned, reversed(axes), shares)]

    return gradient


_HOW: dict[str, Any] = {"method": False, "out": False, "dtypes": "f", "fresh": True, "order": "channels"}


@operator(samples=_windows(1), gradient=_gradient("avg_pool1d", 1), errors=_errors(1), **_HOW, node="SqueezeBackward1")
def avg_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Value:
    """The mean of each window of the last dimension: `(*, C, L)` to `(*, C, L_out)`.

    >>> import kagari as torch
    >>> torch.avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _averaged("avg_pool1d", 1, input, (kernel_size, stride, padding, ceil_mode), count_include_pad, None)


@operator(
    namespace="nn.functional", samples=_windows(2), gradient=_gradient("avg_pool2d", 2), errors=_errors(2), **_HOW
)
def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window of the last two dimensions: `(*, C, H, W)` to `(*, C, H_out, W_out)`."""
    window = kernel_size, stride, padding, ceil_mode
    return _averaged("avg_pool2d", 2, input, window, count_include_pad, divisor_override)


@operator(
    autocast=single, namespace="nn.functional", samples=_windows(3), gradient=_gradient("avg_pool3d", 3),
    errors=_errors(3),
    **_HOW | {"order": ""},  # PyTorch's results have their channels apart
)  # fmt: skip
def avg_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window of the last three dimensions: `(*, C, D, H, W)` to `(*, C, D_out, H_out, W_out)`."""
    window = kernel_size, stride, padding, ceil_mode
    return _averaged("avg_pool3d", 3, input, window, count_include_pad, divisor_override)


OPERATORS: tuple[Operator, ...] = (avg_pool1d, avg_pool2d, avg_pool3d)
