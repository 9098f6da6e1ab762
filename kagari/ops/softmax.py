"""Exponentials that sum to one along a dimension.

Forward and backward, each is one kernel that keeps its row in cache.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..base.dtypes import accumulate, dtype
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted


def spread(x: Value, row: Value, dims: tuple[int, ...]) -> Value:
    """What a reduction of x over `dims` gave for each row, repeated to the shape of x."""
    return graph.expand(ir.keep(row, x.shape, dims), x.shape)


def shifted(x: Value, dims: tuple[int, ...]) -> tuple[Value, Value]:
    """x less its largest element in each row, and that element: a constant to differentiation, as it cancels out."""
    largest = graph.detach(graph.reduce("max", x, dims))
    return ir.sub(x, spread(x, largest, dims)), largest


def log_probabilities(x: Value, dims: tuple[int, ...]) -> Value:
    """`x - log(sum(exp(x)))` over `dims`, without overflow."""
    below, _ = shifted(x, dims)
    return ir.sub(below, spread(x, ir.log(graph.reduce("sum", ir.exp(below), dims)), dims))


def _row(kernel: str, input: Value, dim: int, dtype: dtype | None) -> tuple[Value, tuple[int, ...], dtype]:
    """The input in the type it is computed in, the dimensions of a row, and the dtype of the result."""
    dt = dtype or input.dtype
    dim = ir.normalize_dim(dim, input.ndim)
    require(kernel, dt)
    return graph.cast(graph.cast(input, dt), accumulate(dt)), (dim,) if input.ndim else (), dt


def _rows(make: Make) -> Iterator[Sample]:
    for shape, dim in (
        ((2, 3), 1),
        ((2, 3), 0),
        ((3, 4, 5), -2),
        ((7,), 0),
        ((), 0),
        ((0, 3), 1),
        ((2, 0), 1),
        ((5, 70), -1),
    ):
        yield (make(*shape), dim), {}
    yield (make(4, 5, noncontiguous=True), 1), {}
    yield (make(4, 5, noncontiguous=True), 0), {}
    yield (make(values=[[1e4, -1e4, 0.0], [float("-inf"), 1.0, 2.0]]), 1), {}


def _errors(name: str) -> list[tuple[Sample, type, str]]:
    return [
        (
            args(wanted(2, 3), 2),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)",
        ),
        (args(wanted(2, 3, dtype="int64"), 1), NotImplementedError, f"{name}.* not implemented for 'Long'"),
    ]


def _softmax(input: Value, dim: int, dtype: dtype | None = None) -> Value:
    x, dims, dt = _row("softmax_lastdim_kernel_impl", input, dim, dtype)
    below, _ = shifted(x, dims)
    powers = ir.exp(below)
    return graph.cast(ir.div(powers, spread(x, graph.reduce("sum", powers, dims), dims)), dt)


def _softmax_gradient(g: Value, input: Value, dim: int, dtype: dtype | None = None) -> list[Value]:
    """`y (g - sum(g y))`, from the result alone."""
    x, dims, _ = _row("softmax", input, dim, dtype)
    y, g = (graph.cast(v, x.dtype) for v in (_softmax(input, dim, dtype), g))
    return [ir.mul(y, ir.sub(g, spread(x, graph.reduce("sum", ir.mul(g, y), dims), dims)))]


@operator(dtypes="f", out=False, gradient=_softmax_gradient, samples=_rows, errors=_errors("softmax"))
def softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Value:
    """`exp(x_i) / sum_j exp(x_j)` along `dim`, of `input` cast to `dtype` where that is given.

    >>> import kagari as torch
    >>> torch.softmax(torch.zeros(4), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return _softmax(input, dim, dtype)


def _log_softmax(input: Value, dim: int, dtype: dtype | None = None) -> Value:
    x, dims, dt = _row("log_softmax_lastdim_kernel_impl", input, dim, dtype)
    return graph.cast(log_probabilities(x, dims), dt)


def _log_softmax_gradient(g: Value, input: Value, dim: int, dtype: dtype | None = None) -> list[Value]:
    """`g - exp(y) sum(g)`, from the result alone."""
    x, dims, _ = _row("log_softmax", input, dim, dtype)
    y, g = (graph.cast(v, x.dtype) for v in (_log_softmax(input, dim, dtype), g))
    return [ir.sub(g, ir.mul(ir.exp(y), spread(x, graph.reduce("sum", g, dims), dims)))]


@operator(dtypes="f", out=False, gradient=_log_softmax_gradient, samples=_rows, errors=_errors("log_softmax"))
def log_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Value:
    """`log(softmax(x))` along `dim`, without the loss of precision of doing the two in turn."""
    return _log_softmax(input, dim, dtype)


OPERATORS: tuple[Operator, ...] = (softmax, log_softmax)
