"""What describes a sample: quantiles, covariances, histograms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, float32, float64, int64
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import TYPE_NAMES, require
from .operator import Number, Operator, Static, Tensor, operator
from .samples import Make, Sample, args, wanted
from .sort import in_order

_NAN, _INF = math.nan, math.inf


def _numel(x: Value) -> Size:
    return ir.count(x, tuple(range(x.ndim)))


# Quantiles

_WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles(make: Make) -> Iterator[Sample]:
    some = [0.0, 0.3, 0.5, 1.0]
    for dt in ("float32", "float64"):
        q = make(values=some, dtype=dt, constant=True)
        yield (make(30, dtype=dt), 0.3), {}
        yield (make(3, 4, 5, dtype=dt), q, 1), {}
        yield (make(4, 7, dtype=dt, noncontiguous=True), q), {"dim": -1, "keepdim": True}
        yield (make(4, 7, dtype=dt), q), {"keepdim": True}
        yield (make(3, 4, dtype=dt), make(values=0.4, dtype=dt, constant=True), 0, True), {}
        yield (make(4, 7, dtype=dt), 1, 1), {}
        yield (make(dtype=dt), q), {}
        yield (make(values=[[1.0, _NAN, 3.0], [2.0, 0.0, 1.0], [_NAN, _NAN, _NAN]], dtype=dt), q, 1), {}
        for way in _WAYS:
            yield (make(3, 6, dtype=dt), q, 1), {"interpolation": way}


_QUANTILE_ERRORS = [
    (args(wanted(2, 3), 0.5, 2), IndexError, "Dimension out of range"),
    (args(wanted(2, dtype="int64"), 0.5), RuntimeError, "input tensor must be either float or double dtype"),
    (args(wanted(0), 0.5), RuntimeError, r"quantile\(\) input tensor must be non-empty"),
    (args(wanted(2), wanted(2, 2)), RuntimeError, r"quantile\(\) q must be a scalar or 1D tensor"),
    (args(wanted(2), wanted(2, dtype="float64")), RuntimeError, "q tensor must be same dtype as the input tensor"),
    (args(wanted(2), 1.5), RuntimeError, r"must be in the range \[0, 1\]"),
    (
        args(wanted(2), 0.5, interpolation="foo"),
        RuntimeError,
        r"interpolation must be one of linear, lower, higher, midpoint or nearest, but got foo",
    ),
]


def _quantile(name: str, skip_nan: bool) -> Operator:
    def define(
        input: Tensor,
        q: Tensor | Number,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Value:
        q = ir.lift(q)
        _check_quantile(input, q, interpolation)
        at = None if dim is None else ir.normalize_dim(dim, input.ndim)
        x = graph.reshape(input, (_numel(input),)) if at is None or not input.ndim else _last(input, at)
        places = graph.cast(q, x.dtype) if q.ndim else ir.full((1,), q, x.dtype)
        inside = ir.ge(places, 0) & ir.le(places, 1)
        found = _interpolated(in_order(x, x.ndim - 1), ir.require(inside, places), interpolation, skip_nan)
        found = graph.permute(found, (found.ndim - 1, *range(found.ndim - 1)))
        shape = input.shape if keepdim else ()
        if keepdim:
            shape = tuple(1 if at is None or d == at else s for d, s in enumerate(input.shape))
        elif at is not None and input.ndim:
            shape = found.shape[1:]
        return graph.reshape(found, (*q.shape, *shape))

    which = "that are not NaN" if skip_nan else "(NaN if one of them is)"
    define.__doc__ = f"""The quantiles of the elements {which}, of all or along `dim`: the smallest for `q = 0`.

    Between the two elements that are nearest to place `q (n - 1)` it is the `interpolation`: `linear`, `lower`,
    `higher`, `midpoint` or `nearest`. A vector `q` adds a dimension in front.

    >>> import kagari as torch
    >>> torch.{name}(torch.tensor([4.0, 1.0, 2.0]), torch.tensor([0.5, 0.75]))
    tensor([2., 3.])
    """
    return operator(
        name=name,
        fresh=True,
        samples=_quantiles,
        dtypes="f",
        errors=_QUANTILE_ERRORS,
        refusal="quantile() q values must be in the range [0, 1]",
    )(define)


def _check_quantile(x: Value, q: Value, interpolation: str) -> None:
    if any(s == 0 for s in x.shape):
        raise RuntimeError("quantile() input tensor must be non-empty")
    if x.dtype not in (float32, float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if q.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if not q.weak and q.dtype is not x.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in _WAYS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )


def _last(x: Value, dim: int) -> Value:
    """x with a dimension moved behind the others."""
    return graph.permute(x, (*(d for d in range(x.ndim) if d != dim), dim))


def _interpolated(x: Value, q: Value, way: str, skip_nan: bool) -> Value:
    """Quantiles of ordered rows: `[.., n]` and `[k]` to `[.., k]`."""
    size = x.shape[-1]
    shape = (*x.shape[:-1], q.shape[0])
    nans = ir.sum_(ir.astype(ir.ne(x, x), x.dtype), -1, True)
    last = ir.sub(ir.lift(size), 1)
    # NaN are the last ones: a row that has some is asked for its last element, or for its numbers alone.
    rank = ir.broadcast_to(q, shape) * (ir.maximum(last - nans, 0) if skip_nan else ir.astype(last, x.dtype))
    if not skip_nan:
        rank = ir.where(ir.gt(nans, 0), ir.astype(last, x.dtype), rank)
    if way in ("lower", "higher", "nearest"):
        rounded = {"lower": ir.floor, "higher": ir.ceil, "nearest": ir.round_}[way](rank)
        return graph.gather(x, graph.cast(rounded, int64), x.ndim - 1)
    low = ir.floor(rank)
    below, above = (graph.gather(x, graph.cast(r, int64), x.ndim - 1) for r in (low, ir.ceil(rank)))
    weight = ir.full(shape, 0.5, x.dtype) if way == "midpoint" else rank - low
    step = above - below
    return ir.where(ir.lt(weight, 0.5), below + weight * step, above - step * (1 - weight))


quantile, nanquantile = _quantile("quantile", False), _quantile("nanquantile", True)


# Covariances


def _observations(make: Make) -> Iterator[Sample]:
    yield (make(3, 7),), {}
    yield (make(4, 9, noncontiguous=True),), {}
    yield (make(7),), {}
    yield (make(),), {}
    yield (make(1, 5),), {}
    yield (make(2, 0),), {}


def _weighted(make: Make) -> Iterator[Sample]:
    yield from _observations(make)
    counts = make(values=[1.0, 2.0, 0.0, 4.0], dtype="int64")
    shares = make(values=[0.5, 1.0, 2.0, 0.25], constant=True, dtype="float32")
    x = make(3, 4, dtype="float32")
    yield (make(3, 7),), {"correction": 0}
    yield (x,), {"fweights": counts}
    yield (x,), {"aweights": shares}
    yield (x,), {"fweights": counts, "aweights": shares, "correction": 0}
    yield (x,), {"fweights": counts, "aweights": shares}
    yield (make(3, 4, dtype="int64"),), {"aweights": shares}


def _check_weights(name: str, w: Value, count: Size) -> None:
    if w.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w.ndim} dimensions"
        )
    kind, words = (1, "integral") if name == "fweights" else (2, "floating point")
    if w.dtype.category != kind:
        raise RuntimeError(
            f"cov(): expected {name} to have {words} dtype but got {name} with {TYPE_NAMES[w.dtype]} dtype"
        )
    if _numel(w) != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{_text(_numel(w))} != {_text(count)}"
        )


def _text(size: Size) -> int:
    return size if isinstance(size, int) else size.hint


def _weight_error(name: str, w: Any, pattern: str) -> Any:
    return args(wanted(2, 3), **{name: w}), RuntimeError, pattern


@operator(
    fresh=True,
    out=False,
    samples=_weighted,
    dtypes="fi",
    refusal="cov(): weights cannot be negative and cannot sum to zero",
    errors=[
        (args(wanted(2, 3, 4)), RuntimeError, r"cov\(\): expected input to have two or fewer dimensions but got an"),
        (args(wanted(2, 3, dtype="bool")), RuntimeError, r"cov\(\): bool dtype is not supported for input"),
        _weight_error("fweights", wanted(3), "expected fweights to have integral dtype but got fweights with Float"),
        _weight_error("fweights", wanted(2, dtype="int64"), r"numel as there are observations in the input .* 2 != 3"),
        _weight_error("fweights", wanted(1, 3, dtype="int64"), "expected fweights to have one or fewer dimensions"),
        _weight_error("aweights", wanted(3, dtype="int64"), "expected aweights to have floating point dtype but got"),
        _weight_error("aweights", wanted(2), r"numel as there are observations in the input but got 2 != 3"),
    ],
)
def cov(
    input: Tensor, *, correction: Number = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Value:
    r"""The covariances of variables, which are rows, over observations, which are columns: `(v, n)` to `(v, v)`.

    .. math:: c_{ab} = \frac{\sum_i w_i (x_{ai} - \mu_a) (x_{bi} - \mu_b)}{\sum_i w_i - \text{correction}}

    `fweights` says how often each observation counts, `aweights` how much. A vector is one variable.

    >>> import kagari as torch
    >>> torch.cov(torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype.category == 0:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.ndim == 2 else graph.reshape(input, (1, _numel(input)))
    x = ir.astype(x, float32) if x.dtype.category < 2 else x
    given = {"fweights": fweights, "aweights": aweights}
    weights = {name: w for name, w in given.items() if w is not None}
    for name, w in weights.items():
        _check_weights(name, w, x.shape[1])
    result = _covariances(x, correction, *(_one_row(weights.get(name), x) for name in given))
    return result if input.ndim == 2 and input.shape[0] != 1 else graph.reshape(result, ())


def _one_row(w: Value | None, x: Value) -> Value | None:
    """Weights as a row of the dtype of x. Running it is an error where one is negative."""
    if w is None:
        return None
    row = graph.reshape(w, (1, x.shape[1]))
    return ir.astype(ir.require(ir.ge(row, 0), row), x.dtype)


def _covariances(x: Value, correction: Any, counts: Value | None, shares: Value | None) -> Value:
    """`(v, n)` to `(v, v)`, in the precision of sums."""
    dt = x.dtype
    x = ir.astype(x, accumulate(dt) if not dt.is_complex else dt)
    counts, shares = (None if w is None else ir.astype(w, x.dtype) for w in (counts, shares))
    weights = shares if counts is None else counts if shares is None else counts * shares
    if weights is None:
        total: Any = ir.lift(x.shape[1])
        centred = weighted = x - ir.sum_(x, 1, True) / total
        free = total - correction
    else:
        total = ir.sum_(weights)
        total = ir.require(ir.ne(total, 0), total)
        centred = x - ir.sum_(x * weights, 1, True) / total
        weighted = centred * weights
        free = total - (correction if shares is None else correction * ir.sum_(weights * shares) / total)
    products = graph.dot(centred, ir.conj(ir.transpose(weighted)))
    return ir.astype(products / ir.where(ir.le(free, 0), 0, free), dt)


@operator(
    fresh=True,
    out=False,
    samples=_observations,
    dtypes="fi",
    errors=[
        (
            args(wanted(2, 3, 4)),
            RuntimeError,
            r"corrcoef\(\): expected input to have two or fewer dimensions but got an",
        ),
    ],
)
def corrcoef(input: Tensor) -> Value:
    r"""The correlation coefficients of variables, which are rows: covariances over standard deviations.

    .. math:: r_{ab} = \frac{c_{ab}}{\sqrt{c_{aa} c_{bb}}}

    >>> import kagari as torch
    >>> torch.corrcoef(torch.tensor([[1.0, 2.0, 4.0], [3.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov.define(input)
    if not c.ndim:
        return c / c
    variances = ir.real(graph.pick(c, graph.iota(c.shape[:1], 0), 1))
    deviations = ir.sqrt(variances)
    c = c / ir.unsqueeze(deviations, 1) / ir.unsqueeze(deviations, 0)
    return ir.complex_(_clipped(ir.real(c)), _clipped(ir.imag(c))) if c.dtype.is_complex else _clipped(c)


def _clipped(x: Value) -> Value:
    """x from -1 to 1, beyond which rounding may have led."""
    return ir.where(ir.gt(x, 1), 1, ir.where(ir.lt(x, -1), -1, x))


# Histograms


def _bins(bins: int) -> int:
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
    x = ir.astype(graph.reshape(input, (_numel(input),)), accumulate(input.dtype))
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
    x = graph.reshape(input, (_numel(input),))
    edges = _edges(x, bins, range)
    if input.dtype not in (float32, float64):
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    if weight is not None and weight.shape != input.shape:
        shapes = ([_text(s) for s in v.shape] for v in (input, weight))
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor, but "
            "got input with shape {} and weight with shape {}".format(*shapes)
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
                f"{x.dtype.name} and bins for dimension 0 with dtype {bins.dtype.name}"
            )
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


OPERATORS: tuple[Operator, ...] = (quantile, nanquantile, cov, corrcoef, histc, histogram)
