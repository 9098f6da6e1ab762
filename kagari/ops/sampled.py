"""Functions known at sample points: integrals and slopes; and lengths of differences and of parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.dtypes import bool_, uint8
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import TYPE_NAMES, for_tensors
from .operator import Number, Operator, Tensor, operator
from .reduce import norm, summed
from .samples import Make, Sample, args, wanted
from .shapes import narrowed, settled

# Integrals by the trapezoidal rule


def _pairs(y: Value, dim: int) -> tuple[Value, Value]:
    """All elements along a dimension but the first, and all but the last."""
    if isinstance(y.shape[dim], int) and y.shape[dim] == 0:
        return y, y
    count = settled(y.shape[dim] - 1)
    return narrowed(y, dim, 1, count), narrowed(y, dim, 0, count)


def _steps(name: str, y: Value, x: Value, dim: int) -> Value:
    """The distances between sample points, which broadcast against the elements of y but one."""
    if x.dtype is bool_:
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = graph.reshape(x, tuple([x.shape[0] if d == dim else 1 for d in range(y.ndim)]))
    elif x.ndim < y.ndim:
        x = graph.reshape(x, (1,) * (y.ndim - x.ndim) + x.shape)
    return ir.sub(*_pairs(x, dim))


def _checked(name: str, y: Value, dim: int) -> int:
    if y.dtype is bool_:
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    if not y.ndim:
        raise IndexError(
            f"Dimension specified as {dim} but tensor has no dimensions"
            if name == "trapezoid"
            else "slice() cannot be applied to a 0-dim tensor."
        )
    return ir.normalize_dim(dim, y.ndim)


def _integrands(make: Make) -> Iterator[Sample]:
    yield (make(3, 4),), {}
    yield (make(3, 4, noncontiguous=True),), {"dx": 2, "dim": 0}
    yield (make(3, 4),), {"dx": 0.5}
    yield (make(3, 4), make(4)), {}
    yield (make(3, 4), make(3)), {"dim": 0}
    yield (make(3, 4), make(3, 4)), {}
    yield (make(2, 3, 4, low=1), make(values=[[0, 1, 2, 3], [2, 2, 3, 5], [3, 4, 4, 6]])), {"dim": 1}
    yield (make(3, 1),), {}


_NO_DIMENSIONS = {
    "trapezoid": "Dimension specified as -1 but tensor has no dimensions",
    "cumulative_trapezoid": r"slice\(\) cannot be applied to a 0-dim tensor.",
}


def _no_bool(name: str) -> list[tuple[Sample, type, str]]:
    return [
        (
            args(wanted(3, dtype="bool")),
            RuntimeError,
            f"{name}: received a bool input for `y`, but bool is not supported",
        ),
        (args(wanted(3, 4), wanted(3)), RuntimeError, f"{name}: There must be one `x` value for each sample point"),
        (args(wanted()), IndexError, _NO_DIMENSIONS[name]),
    ]


@operator(
    method=False,
    out=False,
    dtypes="fic",
    aliases=("trapz",),
    samples=_integrands,
    errors=_no_bool("trapezoid"),
    node="MulBackward1",
)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Number = 1, dim: int = -1) -> Value:
    """The integral along `dim` by the trapezoidal rule, `sum (y_i + y_(i-1)) / 2 * (x_i - x_(i-1))`; without `x` the
    sample points are `dx` apart.

    >>> import kagari as torch
    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    at = _checked("trapezoid", y, dim)
    if x is None:
        if isinstance(y.shape[at], int) and y.shape[at] == 0:
            return ir.div(ir.sum_(y, at), 2)
        ends = [graph.reduce("sum", narrowed(y, at, first, 1), (at,)) for first in (0, y.shape[at] - 1)]
        return ir.mul(ir.sub(ir.sum_(summed(y), at), ir.div(ir.add(*ends), 2)), dx)
    upper, lower = _pairs(y, at)
    return ir.div(ir.sum_(summed(ir.mul(ir.add(upper, lower), _steps("trapezoid", y, x, at))), at), 2)


@operator(
    method=False,
    out=False,
    dtypes="fic",
    samples=_integrands,
    errors=_no_bool("cumulative_trapezoid"),
    node="CumsumBackward0",
)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Number = 1, dim: int = -1) -> Value:
    """The integrals along `dim` up to each sample point but the first, by the trapezoidal rule.

    >>> import kagari as torch
    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    at = _checked("cumulative_trapezoid", y, dim)
    upper, lower = _pairs(y, at)
    total = ir.add(upper, lower)
    if x is None:
        return graph.scan("cumsum", ir.mul(total, ir.div(dx, 2)), at)
    parts = ir.mul(total, _steps("cumulative_trapezoid", y, x, at))
    return ir.div(graph.scan("cumsum", summed(parts), at), 2)


# Slopes


@operator(function=False, method=False, out=False)
def slope(input: Tensor, spacing: Tensor | Number, dim: int, edge_order: int) -> Value:
    """Slopes along `dim`: by central differences inside, at both ends by differences of first or second order.

    `spacing` is the distance of sample points, or a vector with their coordinates.
    """
    dim = ir.normalize_dim(dim, input.ndim)
    if input.dtype is uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    size = input.shape[dim]
    if size < edge_order + 1:
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    gaps = _gaps(ir.lift(spacing), input, dim)
    inside = settled(size - 2)
    parts = [_edge(input, gaps, dim, 0, edge_order)]
    if not (isinstance(inside, int) and inside == 0):
        parts.append(_central(input, gaps, dim, inside))
    parts.append(_edge(input, gaps, dim, size - 1, edge_order))
    dt = ir.result_type(*parts)
    return graph.cat(tuple([graph.cast(p, dt) for p in parts]), dim)


def _gaps(spacing: Value, x: Value, dim: int) -> Value:
    """The distances of neighbouring sample points, so that they broadcast along a dimension; a number as it is."""
    if not spacing.ndim:
        return spacing
    if spacing.shape[0] != x.shape[dim]:
        raise RuntimeError(
            "torch.gradient expected each element in the coordinates list to have as many elements as the dimension"
        )
    line = ir.sub(*_pairs(spacing, 0))
    return graph.reshape(line, tuple([line.shape[0] if d == dim else 1 for d in range(x.ndim)]))


def _gap(gaps: Value, dim: int, start: Size, count: Size) -> Value:
    return narrowed(gaps, dim, start, count) if gaps.ndim else gaps


def _weighted(x: Value, dim: int, starts: list[Size], count: Size, weights: list[Value]) -> Value:
    terms = [ir.mul(narrowed(x, dim, s, count), w) for s, w in zip(starts, weights)]
    total = terms[0]
    for term in terms[1:]:
        total = ir.add(total, term)
    return total


def _central(x: Value, gaps: Value, dim: int, count: Size) -> Value:
    if not gaps.ndim:
        return ir.div(ir.sub(narrowed(x, dim, 2, count), narrowed(x, dim, 0, count)), ir.mul(gaps, 2))
    a, b = _gap(gaps, dim, 0, count), _gap(gaps, dim, 1, count)
    both = ir.add(a, b)
    weights = [ir.div(ir.neg(b), ir.mul(a, both)), ir.div(ir.sub(b, a), ir.mul(a, b)), ir.div(a, ir.mul(b, both))]
    return _weighted(x, dim, [0, 1, 2], count, weights)


def _edge(x: Value, gaps: Value, dim: int, at: Size, order: int) -> Value:
    """The slope at the first element or at the last."""
    last = not (isinstance(at, int) and at == 0)
    if order == 1:
        step = ir.sub(narrowed(x, dim, at if last else 1, 1), narrowed(x, dim, at - 1 if last else 0, 1))
        return ir.div(step, _gap(gaps, dim, at - 1 if last else 0, 1))
    a = _gap(gaps, dim, at - 2 if last else 0, 1)
    b = _gap(gaps, dim, at - 1 if last else 1, 1)
    both = ir.add(a, b)
    starts: list[Size] = [at - 2, at - 1, at] if last else [0, 1, 2]
    if last:
        weights = [ir.div(b, ir.mul(a, both)), ir.div(ir.neg(both), ir.mul(a, b)),
                   ir.div(ir.add(both, b), ir.mul(b, both))]  # fmt: skip
    else:
        weights = [ir.div(ir.neg(ir.add(both, a)), ir.mul(a, both)), ir.div(both, ir.mul(a, b)),
                   ir.div(ir.neg(a), ir.mul(b, both))]  # fmt: skip
    return _weighted(x, dim, starts, 1, weights)


# Lengths


def _dist_gradient(g: Value, input: Value, other: Value, p: float = 2) -> list[Value | None]:
    assert norm.gradient is not None
    (toward,) = norm.gradient(g, ir.sub(input, other), p)
    return [toward, None if toward is None else ir.neg(toward)]


def _differences(make: Make) -> Iterator[Sample]:
    for p in (2, 1, 3, 0, float("inf"), float("-inf")):
        yield (make(3, 4), make(3, 4), p), {}
    yield (make(3, 4, noncontiguous=True), make(4)), {}
    yield (make(), make()), {}


@operator(
    dtypes="fc",
    out=False,
    gradient=_dist_gradient,
    samples=_differences,
    errors=[
        (
            args(wanted(2, dtype="int64"), wanted(2, dtype="int64")),
            RuntimeError,
            r"norm\(\): input dtype should be either floating point or complex. Got Long instead.",
        )
    ],
)
def dist(input: Tensor, other: Tensor, p: float = 2) -> Value:
    """The length of a difference, `sum(|input_i - other_i| ** p) ** (1 / p)`.

    >>> import kagari as torch
    >>> torch.dist(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    difference = ir.sub(input, other)
    if difference.dtype.category < 2:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. "
            f"Got {TYPE_NAMES[difference.dtype]} instead."
        )
    return norm.define(difference, p)


def _lengths(x: Value, p: float, dim: int) -> tuple[Value, tuple[int, ...]]:
    dims = tuple([d for d in range(x.ndim) if d != dim])
    return norm.define(x, p, dims, True), dims


def _renorm_gradient(g: Value, input: Value, p: float, dim: int, maxnorm: float) -> list[Value]:
    # Where a part is scaled, the gradient along the part itself is taken off; the derived one divides 0 by 0.
    size, dims = _lengths(input, p, ir.normalize_dim(dim, input.ndim))
    assert norm.gradient is not None
    along = ir.real(ir.sum_(ir.mul(ir.conj(input), g), dims, True))
    (toward,) = norm.gradient(along, input, p, dims, True)
    inverse = ir.div(1, ir.add(size, 1e-7))
    scaled = ir.mul(ir.mul(inverse, maxnorm), ir.sub(g, ir.mul(inverse, toward)))
    return for_tensors((input, ir.where(ir.lt(maxnorm, size), scaled, g)))


def _parts(make: Make) -> Iterator[Sample]:
    for p, dim, most in ((2, 0, 3.0), (1, 1, 2.5), (2.5, -1, 1.0), (float("inf"), 0, 2.0)):
        yield (make(3, 4), p, dim, most), {}
    yield (make(2, 3, 4, noncontiguous=True), 2, 1, 3.0), {}
    yield (make(values=[[0, 0], [3, 4]]), 2, 0, 2.0), {}


@operator(
    inplace=True,
    dtypes="fc",
    gradient=_renorm_gradient,
    samples=_parts,
    errors=[
        (args(wanted(3), 2, 0, 5), RuntimeError, "renorm: input needs at least 2 dimensions, got 1 dimensions"),
        (args(wanted(3, 4), 0, 0, 5), RuntimeError, "renorm: non-positive-norm not supported"),
        (args(wanted(3, 4), 2, 0, -5), RuntimeError, "renorm: expected maxnorm to be >= 0 but got -5"),
        (args(wanted(3, 4), 2, 5, 5), IndexError, "Dimension out of range"),
    ],
)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Value:
    """The parts of `input` along `dim`, those whose p-norm is above `maxnorm` scaled down to it.

    >>> import kagari as torch
    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.6, 0.8]]), 2, 0, 2.5)
    tensor([[1.5000, 2.0000],
            [0.6000, 0.8000]])
    """
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    size, _ = _lengths(input, p, ir.normalize_dim(dim, input.ndim))
    scale: Any = ir.where(ir.lt(maxnorm, size), ir.div(maxnorm, ir.add(size, 1e-7)), 1)
    return graph.cast(ir.mul(input, scale), input.dtype)


OPERATORS: tuple[Operator, ...] = (trapezoid, cumulative_trapezoid, slope, dist, renorm)
