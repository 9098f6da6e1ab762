"""How many elements lie in intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, float32, float64, int64
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import C_NAMES, TYPE_NAMES, require
from .index import numel
from .operator import Operator, Static, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import listed

_NAN, _INF = math.nan, math.inf


def _bins(bins: Any) -> Any:
    if bins < 1:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    return bins


def _limits(x: Value, low: Any, high: Any, found: bool) -> tuple[Value, Value]:
    """The range of a histogram: as given, or that of the elements; a half more on both sides where it is a point.

    Running it is an error where it is not finite.
    """
    if found:
        empty = x.shape[0] == 0
        low, high = (0, 1) if empty else (graph.reduce("min", x, (0,)), graph.reduce("max", x, (0,)))
    low, high = (ir.full((), v, x.dtype) if not isinstance(v, Value) else v for v in (low, high))
    point = ir.eq(low, high)
    low, high = ir.where(point, low - 0.5, low), ir.where(point, high + 0.5, high)
    finite = ir.lt(ir.abs_(high - low), _INF)
    return ir.require(finite, low), ir.require(finite, high)


def _counted(at: Value, inside: Value, weight: Value | None, bins: Size, dt: Any) -> Value:
    """How often each bin occurs where an element is inside, or the sum of its weights."""
    ones = ir.full(at.shape, 1, int64) if weight is None else weight
    sums = graph.scatter("scatter_add", ir.full((bins,), 0, ones.dtype), ir.where(inside, at, 0),
                         ir.where(inside, ones, 0), 0)  # fmt: skip
    return ir.astype(sums, dt)


def _counts(make: Make) -> Iterator[Sample]:
    yield (make(50), 7), {}
    yield (make(6, 35, noncontiguous=True), 10, -2, 2), {}
    yield (make(50),), {"bins": 4, "min": -1.5, "max": 2}
    yield (make(values=[1.0, 1.0, 1.0]), 4), {}
    yield (make(values=[1.0, _NAN, _INF, -_INF, 0.0, 3.0]), 3, 0, 3), {}
    yield (make(), 3), {}
    yield (make(0), 4), {}


@operator(
    fresh=True,
    differentiable=False,
    samples=_counts,
    dtypes="f",
    refusal="torch.histc: range of the elements is not finite",
    errors=[
        (args(wanted(2), 0), RuntimeError, "bins must be > 0, but got 0 for dimension 0"),
        (args(wanted(2), 4.0), TypeError, r"histc\(\): argument 'bins' \(position 2\) must be int, not float"),
        (args(wanted(2), 4, 3, 0), RuntimeError, "torch.histc: max must be larger than min"),
        (args(wanted(2), 4, 0, _INF), RuntimeError, r"torch.histc: range of \[0, inf\] is not finite"),
        (args(wanted(2, dtype="int64"), 4), NotImplementedError, "\"histogram_cpu\" not implemented for 'Long'"),
    ],
)
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Value:
    """How many elements lie in each of `bins` intervals of equal width between `min` and `max`.

    Where both are equal the intervals are between the smallest and the largest element. Others are not counted.

    >>> import kagari as torch
    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    bins = _bins(bins)
    require("histogram_cpu", input.dtype)
    if min > max:
        raise RuntimeError("torch.histc: max must be larger than min")
    if not math.isfinite(max - min):
        raise RuntimeError(f"torch.histc: range of [{min:g}, {max:g}] is not finite")
    x = ir.astype(graph.reshape(input, (numel(input),)), accumulate(input.dtype))
    low, high = _limits(x, min, max, min == max)
    inside = ir.ge(x, low) & ir.le(x, high)
    place = (ir.where(inside, x, low) - low) * bins / (high - low)
    at = ir.minimum(graph.cast(place, int64), bins - 1)
    return _counted(at, inside, None, bins, input.dtype)


def _binned(make: Make) -> Iterator[Sample]:
    for dt in ("float32", "float64"):
        yield (make(50, dtype=dt, constant=True), 7), {}
        yield (make(6, 35, dtype=dt, noncontiguous=True, constant=True), 10), {"range": (-2.0, 2.0)}
        yield (
            (make(5, 6, dtype=dt, constant=True), 4),
            {"weight": make(5, 6, dtype=dt, low=0.5, constant=True), "density": True},
        )
        yield (
            (make(50, dtype=dt, constant=True), make(values=[-2.0, -0.5, 1.0, 3.0], dtype=dt, constant=True)),
            {"density": True},
        )
        yield (make(values=[1.0, 1.0], dtype=dt, constant=True), 3), {}
        yield (make(values=[1.0, _NAN, 0.0, 3.0], dtype=dt, constant=True), 3), {"range": (0.0, 3.0)}
        yield (make(0, dtype=dt, constant=True), 3), {}


@operator(
    fresh=True,
    differentiable=False,
    samples=_binned,
    dtypes="f",
    returns=("hist", "bin_edges"),
    refusal="torch.histogramdd: dimension 0's range is not finite",
    errors=[
        (args(wanted(2), 0), RuntimeError, "bins must be > 0, but got 0 for dimension 0"),
        (args(wanted(2, dtype="int64"), 3), NotImplementedError, "\"histogramdd\" not implemented for 'Long'"),
        (
            args(wanted(2), wanted(2, dtype="int64")),
            RuntimeError,
            "should have the same dtype, but got input with dtype",
        ),
        (args(wanted(2), wanted(0)), RuntimeError, "bins tensor should have at least 1 element, but got 0 elements"),
        (args(wanted(2), wanted(1)), RuntimeError, "bins must be > 0, but got 0 for dimension 0"),
        (
            args(wanted(2), 3, weight=wanted(2, dtype="float64")),
            RuntimeError,
            "weight tensor should have the same dtype",
        ),
        (args(wanted(2), wanted(1, 3)), RuntimeError, "bins tensor should have one dimension, but got 2 dimensions"),
        (args(wanted(2), 3, range=(3.0, 1.0)), RuntimeError, "min should not exceed max, but got min 3 max 1"),
        (args(wanted(2), 3, range=(0.0, 1.0, 2.0)), RuntimeError, "range should have 2 elements, but got 3"),
        (
            args(wanted(3), 3, weight=wanted(2)),
            RuntimeError,
            "if weight tensor is provided it should have the same shape as the input tensor",
        ),
    ],
)
def histogram(
    input: Tensor,
    bins: Tensor | Static = 100,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> tuple[Value, Value]:
    """The pair (hist, bin_edges) of the number of elements between neighbouring edges, or of their `weight`.

    `bins` are the edges, or how many intervals of equal width there are in the `range`, by default that of the
    elements. An interval has its lower edge and not its upper one, but for the last. With `density` the sum of the
    products of values and widths is 1.

    >>> import kagari as torch
    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0)).hist
    tensor([2., 1.])
    """
    x = graph.reshape(input, (numel(input),))
    edges = _edges(x, bins, range)
    if input.dtype not in (float32, float64):
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same "
            f"dtype, but got input({C_NAMES[input.dtype]}), and weight({C_NAMES[weight.dtype]})"
        )
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor, but "
            f"got input with shape {listed(input.shape)} and weight with shape {listed(weight.shape)}"
        )
    count = edges.shape[0] - 1
    first, final = (graph.gather(edges, ir.full((1,), ir.lift(i), int64), 0) for i in (0, count))
    inside = ir.ge(x, first) & ir.le(x, final)
    at = ir.minimum(graph.searchsorted(edges, x, True), count) - 1
    flat = None if weight is None else graph.reshape(weight, x.shape)
    hist = _counted(at, inside, flat, count, x.dtype)
    if density:
        width = graph.slice_(edges, (1,), (1,), (count,)) - graph.slice_(edges, (0,), (1,), (count,))
        hist = hist / ir.sum_(hist) / width
    return hist, edges


def _edges(x: Value, bins: Any, limits: Any) -> Value:
    """The edges of bins: those given, or so many at equal distances, counted from the nearer end."""
    prefix = "torch.histogramdd: "
    if isinstance(bins, Value):
        if bins.ndim != 1:
            raise RuntimeError(
                f"{prefix}bins tensor should have one dimension, but got {bins.ndim} dimensions in the bins tensor for "
                "dimension 0"
            )
        if bins.dtype is not x.dtype:
            raise RuntimeError(
                f"{prefix}input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{C_NAMES[x.dtype]} and bins for dimension 0 with dtype {C_NAMES[bins.dtype]}"
            )
        if bins.shape[0] == 0:
            raise RuntimeError(
                f"{prefix}bins tensor should have at least 1 element, but got 0 elements in the bins tensor for "
                "dimension 0"
            )
        _bins(bins.shape[0] - 1)
        return bins
    if not isinstance(bins, int) or isinstance(bins, bool):
        raise TypeError(f"histogram(): argument 'bins' (position 2) must be Tensor or int, not {type(bins).__name__}")
    bins = _bins(bins)
    low = high = 0.0
    if limits is not None:
        if len(limits) != 2:
            raise RuntimeError(
                f"{prefix}for a 1-dimensional histogram range should have 2 elements, but got {len(limits)}"
            )
        low, high = limits
        if low > high:
            raise RuntimeError(f"{prefix}min should not exceed max, but got min {low:g} max {high:g} for dimension 0")
    start, end = _limits(x, low, high, limits is None)
    at = ir.astype(graph.iota((bins + 1,), 0), x.dtype)
    step = (end - start) / bins
    return ir.where(ir.lt(at, (bins + 1) // 2), start + step * at, end - step * (bins - at))


OPERATORS: tuple[Operator, ...] = (histc, histogram)
