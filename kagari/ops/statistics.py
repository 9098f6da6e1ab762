"""What describes a sample: quantiles and covariances."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, float32, float64, int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .check import TYPE_NAMES
from .index import numel
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .sort import in_order

_NAN, _INF = math.nan, math.inf


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
        x = graph.reshape(input, (numel(input),)) if at is None or not input.ndim else _last(input, at)
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
        autocast=single,
        samples=_quantiles,
        dtypes="f",
        node="SqueezeBackward4",
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
    if numel(w) != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{hint(numel(w))} != {hint(count)}"
        )


def _weight_error(name: str, w: Any, pattern: str) -> Any:
    return args(wanted(2, 3), **{name: w}), RuntimeError, pattern


@operator(
    fresh=True,
    out=False,
    samples=_weighted,
    dtypes="fic",
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
    node="SqueezeBackward0",
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
    x = input if input.ndim == 2 else graph.reshape(input, (1, numel(input)))
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
    recomputes=True,
    samples=_observations,
    dtypes="fic",
    errors=[
        (
            args(wanted(2, 3, 4)),
            RuntimeError,
            r"corrcoef\(\): expected input to have two or fewer dimensions but got an",
        ),
    ],
    node="ClampBackward1",
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
    variances = ir.real(graph.diagonal(c, 0, 1))
    deviations = ir.sqrt(variances)
    c = c / ir.unsqueeze(deviations, 1) / ir.unsqueeze(deviations, 0)
    return ir.complex_(_clipped(ir.real(c)), _clipped(ir.imag(c))) if c.dtype.is_complex else _clipped(c)


def _clipped(x: Value) -> Value:
    """x from -1 to 1, beyond which rounding may have led."""
    return ir.where(ir.gt(x, 1), 1, ir.where(ir.lt(x, -1), -1, x))


OPERATORS: tuple[Operator, ...] = (quantile, nanquantile, cov, corrcoef)
