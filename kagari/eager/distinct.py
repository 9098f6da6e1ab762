"""What there is among the elements: different values and their number. Results have sizes that depend on the values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import modes
from ..base import dtypes
from ..engine.function import Hooks
from ..ops.check import TYPE_NAMES
from . import convert
from .calls import call
from .results import kind_of
from .tensor import Tensor
from .views import checked_dim


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in ascending order, or the different slices along `dim` in lexicographic order.

    Args:
        input: any tensor.
        sorted: in order; they are in any case.
        return_inverse: also for each element, or slice, its index among the different ones.
        return_counts: also how often each occurs.
        dim: the dimension along which slices are compared.

    Each NaN differs from all others. No gradient passes through.

    >>> import kagari as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    _check("unique", input)
    with modes.no_grad():
        if dim is None:
            line = input.reshape(-1)
            values, order = call("sort")(line, 0, False, stable=True)
            starts = _starts(convert.array_of(values).reshape(-1, 1))
            return _results(values, 0, order, starts, return_inverse, return_counts, tuple(input.shape))
        dim = _along(input, dim)
        _, ranks = unique(input, return_inverse=True)
        rows = _rows(convert.raw_array(ranks), dim)
        # Bytes with the highest one first compare as the numbers do.
        order = np.argsort(_bytes(rows), kind="stable") if rows.size else np.zeros(len(rows), np.int64)
        starts = _starts(rows[order])
        order = convert.copied(order, dtypes.int64)
        ordered = call("index_select")(input, dim, order)
        return _results(ordered, dim, order, starts, return_inverse, return_counts, (len(rows),))


def _bytes(rows: np.ndarray) -> np.ndarray:
    """Each row of numbers from 0 on as one item that is compared byte by byte."""
    return np.ascontiguousarray(rows.astype(">u8")).view(f"V{8 * rows.shape[1]}").ravel()


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first element of each run of equal ones, or the first of equal slices along `dim` that follow each other.

    The other results are those of `unique`.

    >>> import kagari as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    _check("unique_consecutive", input)
    with modes.no_grad():
        if dim is None:
            line = input.reshape(-1)
            starts = _starts(convert.array_of(line).reshape(-1, 1))
            return _results(line, 0, None, starts, return_inverse, return_counts, tuple(input.shape))
        dim = _along(input, dim)
        rows = _rows(convert.array_of(input), dim)
        return _results(input, dim, None, _starts(rows), return_inverse, return_counts, (len(rows),))


def _check(name: str, input: Any) -> None:
    if not isinstance(input, Hooks.tensor_types):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if name.startswith("unique") and input.is_complex():
        raise NotImplementedError(f"\"unique\" not implemented for '{input.dtype.type_name}'")


def _along(input: Tensor, dim: int) -> int:
    """The dimension of the slices. Raises IndexError and RuntimeError where there are none to compare."""
    if not input.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = checked_dim(dim, input.ndim)
    if any(n == 0 for d, n in enumerate(input.shape) if d != dim):
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return dim


def _rows(array: np.ndarray, dim: int) -> np.ndarray:
    """The slices along a dimension as rows of a matrix."""
    first = np.moveaxis(array, dim, 0)
    return first.reshape(len(first), math.prod(first.shape[1:]))


def _starts(rows: np.ndarray) -> np.ndarray:
    """Whether each row differs from the one before it."""
    starts = np.ones(len(rows), bool)
    if rows.shape[1] == 1:
        np.not_equal(rows[1:, 0], rows[:-1, 0], out=starts[1:])
    else:
        starts[1:] = (rows[1:] != rows[:-1]).any(1)
    return starts


def _results(
    ordered: Tensor,
    dim: int,
    order: Any,
    starts: np.ndarray,
    return_inverse: bool,
    return_counts: bool,
    shape: tuple[int, ...],
) -> Any:
    """What starts a run, and what else is asked for; `order` says where the elements come from."""
    firsts = np.flatnonzero(starts)
    results = [call("index_select")(ordered, dim, convert.copied(firsts, dtypes.int64))]
    if return_inverse:
        numbers = np.cumsum(starts, dtype=np.int64) - 1
        if order is not None:
            inverse = np.empty_like(numbers)
            inverse[convert.raw_array(order)] = numbers
            numbers = inverse
        results.append(convert.copied(numbers.reshape(shape), dtypes.int64))
    if return_counts:
        results.append(convert.copied(np.diff(firsts, append=len(starts)), dtypes.int64))
    return tuple(results) if len(results) > 1 else results[0]


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of the numbers 0, 1, ... occurs in a vector, or the sum of the `weights` at its places.

    There are as many as the largest number needs, and at least `minlength`. Sums of float32 weights are float32, others
    float64.

    >>> import kagari as torch
    >>> torch.bincount(torch.tensor([1, 1, 3]))
    tensor([0, 2, 0, 1])
    """
    _check("bincount", input)
    if input.dtype.category != 1:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    numbers = convert.raw_array(input)
    if input.ndim != 1 or (numbers.size and numbers.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and numbers.size and tuple(weights.shape) != numbers.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    length = max(minlength, int(numbers.max()) + 1 if numbers.size else 0)
    dt = dtypes.int64
    with modes.no_grad():
        if weights is None or not numbers.size:
            source = convert.full((1,), 1, dt).expand(numbers.shape)
        else:
            dt = weights.dtype if weights.dtype is dtypes.float32 else dtypes.float64
            source = convert.to(weights, dt)
        return call("scatter_add_")(convert.full((length,), 0, dt), 0, convert.to(input, dtypes.int64), source)


def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """The pair (hist, bin_edges) of the number of points in each cell of a grid, or of their `weight`.

    Args:
        input: points, `(*, D)`.
        bins: for all dimensions or for each how many intervals there are, or for each their edges.
        range: the smallest and the largest edge of each dimension, one after the other; by default of the points.
        weight: `(*,)`.
        density: so that the sum of the products of values and volumes is 1.

    >>> import kagari as torch
    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), bins=2).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    _check("histogramdd", input)
    several, limits = _grid(input, bins, range)
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )
    points: Any = input.detach().reshape(-1, len(several))
    place: Any = convert.full(points.shape[:1], 0, dtypes.int64)
    inside: Any = convert.full(points.shape[:1], True, dtypes.bool_)
    edges = []
    for d, (n, ends) in enumerate(zip(several, limits)):
        column = points[:, d]
        edge = call("histogram")(column, n, range=ends)[1]
        count = len(edge) - 1
        at = call("clamp")(call("searchsorted")(edge, column, right=True), max=count) - 1
        inside, place = inside & (column >= edge[0]) & (column <= edge[-1]), place * count + at
        edges.append(edge)
    shape = [len(edge) - 1 for edge in edges]
    amount = convert.full(place.shape, 1, input.dtype) if weight is None else weight.detach().reshape(-1)
    hist: Any = convert.full((math.prod(shape),), 0, input.dtype)
    hist = call("scatter_add_")(hist, 0, place * inside, amount * inside).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for d, edge in enumerate(edges):
            hist = hist / (edge[1:] - edge[:-1]).reshape([-1] + [1] * (len(edges) - 1 - d))
    return kind_of("histogramdd", ("hist", "bin_edges"))((hist, tuple(edges)))


def _grid(input: Tensor, bins: Any, limits: Any) -> tuple[list[Any], list[Any]]:
    """The bins and the range of each dimension. Raises RuntimeError where their number does not fit."""
    if input.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    dims = input.shape[-1]
    several = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(several) != dims:
        if isinstance(several[0], int):
            raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
        raise RuntimeError(
            f"torch.histogramdd: expected {dims} sequences of bin edges for a {dims}-dimensional histogram but got "
            f"{len(several)}"
        )
    if limits is None:
        return several, [None] * dims
    if len(limits) != 2 * dims:
        raise RuntimeError(
            f"torch.histogramdd: for a {dims}-dimensional histogram range should have {2 * dims} elements, but got "
            f"{len(limits)}"
        )
    for d, (low, high) in enumerate(zip(limits[::2], limits[1::2])):
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {d}"
            )
    return several, [(float(low), float(high)) for low, high in zip(limits[::2], limits[1::2])]


METHODS = (bincount, unique, unique_consecutive)
FUNCTIONS = (*METHODS, histogramdd)
