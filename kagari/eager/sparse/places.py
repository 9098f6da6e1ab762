"""Arithmetic with places: indices, a column for each, and their positions in row-major order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...autograd import modes
from ...base import dtypes
from ...base.dtypes import dtype
from .. import convert, indexing
from ..calls import call


def zeros(size: Sequence[int], dt: dtype) -> Any:
    """A plain tensor of zeros."""
    return convert.full(tuple(size), 0, dt)


def none(sparse_dim: int) -> Any:
    """The indices of no places."""
    return convert.empty((sparse_dim, 0), dtypes.int64)


def positions(at: Any, sizes: Sequence[int]) -> np.ndarray:
    """Where places lie in row-major order."""
    array = convert.array_of(at)
    if not len(sizes):
        return np.zeros(array.shape[1], np.int64)
    steps = np.array([math.prod(sizes[d + 1 :]) for d in range(len(sizes))], np.int64)
    return steps @ array


def columns(found: np.ndarray, sizes: Sequence[int]) -> Any:
    """The indices of positions in row-major order."""
    if not len(sizes) or not found.size:
        return convert.empty((len(sizes), found.size), dtypes.int64)
    return convert.copied(np.stack(np.unravel_index(found, tuple(sizes))), dtypes.int64)


def whole_numbers(array: np.ndarray) -> Any:
    """An array of integers as a tensor."""
    return convert.copied(np.ascontiguousarray(array, np.int64), dtypes.int64)


def rows(at: Any) -> tuple[Any, ...]:
    """Indices as an index of the sparse dimensions of a dense tensor."""
    return tuple([call("select")(at, 0, d) for d in range(at.shape[0])])


def taken(dense: Any, at: Any) -> Any:
    """The elements, or blocks, of a dense tensor at places."""
    if not at.shape[0]:
        return dense.unsqueeze(0).expand((at.shape[1], *dense.shape))
    return indexing.get(dense, rows(at))


def put(target: Any, at: Any, values: Any) -> Any:
    """A dense tensor with values added at places, which may occur several times."""
    if not at.shape[0]:
        return call("add")(target, call("sum")(values, (0,)).to(target.dtype))
    sizes = tuple(target.shape)[: at.shape[0]]
    blocks = call("reshape")(target, (math.prod(sizes), *values.shape[1:]))
    numbers = whole_numbers(positions(at, sizes))
    return call("reshape")(call("index_add")(blocks, 0, numbers, values), tuple(target.shape))


def summed(values: Any, groups: Any, count: int) -> Any:
    """The sums of rows of values with the same number, `(count, ...)`. Sums of booleans are disjunctions."""
    if values.dtype is dtypes.bool_:
        return call("ne")(summed(values.to(dtypes.int32), groups, count), 0)
    target = zeros((count, *values.shape[1:]), values.dtype)
    return call("index_add")(target, 0, groups, values)


def grouped(found: np.ndarray) -> tuple[np.ndarray, Any]:
    """The different positions in ascending order, and for each one given its number among them."""
    different, numbers = np.unique(found, return_inverse=True)
    return different, whole_numbers(numbers.reshape(-1))


def matched(wanted: np.ndarray, known: np.ndarray) -> tuple[Any, np.ndarray]:
    """For each wanted position where it is among known ones, which ascend, and whether it is."""
    if not known.size:
        return whole_numbers(np.zeros(wanted.size)), np.zeros(wanted.size, bool)
    where = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    return whole_numbers(where), known[where] == wanted


def recording() -> bool:
    """Whether gradients are recorded."""
    return modes.is_grad_enabled()


def first_of(found: np.ndarray) -> tuple[np.ndarray, Any]:
    """The different positions in ascending order, and the first one given of each."""
    different, first = np.unique(found, return_index=True)
    return different, whole_numbers(first)


def runs(begins: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The numbers from each beginning on, as many as are counted, one after the other."""
    return np.repeat(begins - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
