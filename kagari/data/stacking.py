"""Batches that are made while their samples are read: what `default_collate` makes of the list of them.

A sample's arrays and tensors are copied into the batch when it comes. They are in the cache then, and their memory is
free for the next sample; and a worker has the batch where the main process can read it, without another copy.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from ..base.dtypes import dtype
from ..eager import Tensor, convert
from .collate import default_collate

Allocate = Callable[[tuple[int, ...], dtype], Tensor]


def collate_each(samples: Iterable[Any], n: int, allocate: Allocate = convert.empty) -> Any:
    """The batch of n samples, or of fewer where there are no more. Raises what `default_collate` raises."""
    stream = iter(samples)
    for first in stream:
        kind = type(first)
        if kind in (tuple, list) and first:
            return _of_sequences(first, stream, n, allocate)
        if kind is dict:
            return _of_dicts(first, stream, n, allocate)
        column = _column(first, n, allocate)
        for sample in stream:
            if not column.put(sample):
                return default_collate([*column.samples(), sample, *stream])
        return column.batch(list)
    return default_collate([])


def _of_sequences(first: Any, stream: Iterable[Any], n: int, allocate: Allocate) -> list[Any]:
    kind, width = type(first), len(first)
    columns = [_column(value, n, allocate) for value in first]
    puts = [column.put for column in columns]
    stream = iter(stream)
    for sample in stream:
        if type(sample) is not kind or len(sample) != width:
            before = [kind(values) for values in zip(*(column.samples() for column in columns))]
            found: list[Any] = default_collate([*before, sample, *stream])
            return found
        for at, value in enumerate(sample):
            if not puts[at](value):
                columns[at] = _Values([*columns[at].samples(), value])
                puts[at] = columns[at].put
    return [column.batch(tuple) for column in columns]


def _of_dicts(first: dict[Any, Any], stream: Iterable[Any], n: int, allocate: Allocate) -> dict[Any, Any]:
    columns = {key: _column(value, n, allocate) for key, value in first.items()}
    stream = iter(stream)
    for sample in stream:
        if type(sample) is not dict or not columns.keys() <= sample.keys():
            values = zip(*(column.samples() for column in columns.values())) if columns else repeat((), 1)
            before = [dict(zip(columns, row)) for row in values]
            found: dict[Any, Any] = default_collate([*before, sample, *stream])
            return found
        for key, column in columns.items():
            if not column.put(sample[key]):
                columns[key] = _Values([*column.samples(), sample[key]])
    return {key: column.batch(list) for key, column in columns.items()}


def rows_of(tensors: Sequence[Tensor], index: Sequence[Any], allocate: Allocate) -> list[Tensor] | None:
    """The batch of a data set of tensors, taken from each at once; None where that can't be done."""
    if not tensors or not all(type(i) is int for i in index):
        return None
    where = np.array(index)
    n = min(len(t) for t in tensors)
    if not len(where) or where.min() < -n or where.max() >= n:
        return None
    if not all(type(t) is Tensor and t.numel() and not t.requires_grad for t in tensors):
        return None
    batch = []
    for t in tensors:
        batch.append(allocate((len(where), *t.shape[1:]), t.dtype))
        np.take(convert.raw_array(t), where, 0, convert.raw_array(batch[-1]), "wrap")
    return batch


class _Values:
    """The values of one place in the samples, whatever they are."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def put(self, value: Any) -> bool:
        """Adds a value. False where it is of another kind, and then it is not added."""
        self.values.append(value)
        return True

    def samples(self) -> list[Any]:
        """The values that were put."""
        return self.values

    def batch(self, kind: Callable[[list[Any]], Any]) -> Any:
        """What they are in the batch; `kind` is that of the list which `default_collate` would get."""
        return default_collate(kind(self.values))


class _Arrays:
    """Arrays of one shape and dtype, in the rows of the batch."""

    def __init__(self, first: np.ndarray, n: int, dt: dtype, allocate: Allocate) -> None:
        self.shape, self.dtype = first.shape, first.dtype
        self.made = allocate((n, *first.shape), dt)
        self.rows = convert.raw_array(self.made)
        self.count = 0
        self.put(first)

    def put(self, value: Any) -> bool:
        if type(value) is not np.ndarray or value.dtype is not self.dtype or value.shape != self.shape:
            return False
        self.rows[self.count] = value
        self.count += 1
        return True

    def samples(self) -> list[np.ndarray]:
        return [np.array(row) for row in self.rows[: self.count]]

    def batch(self, kind: Any) -> Tensor:
        return self.made if self.count == len(self.rows) else self.made[: self.count].clone()


class _Tensors:
    """Tensors of one layout, in the rows of the batch."""

    def __init__(self, first: Tensor, n: int, allocate: Allocate) -> None:
        self.layout = first._layout
        self.made = allocate((n, *first.shape), first.dtype)
        self.start = self.made.data_ptr()
        self.n, self.count, self.nbytes = n, 0, self.layout.nbytes
        self.put(first)

    def put(self, value: Any) -> bool:
        if type(value) is not Tensor or value._layout is not self.layout or value.requires_grad:
            return False
        source = value._storage.data_ptr + value._offset
        ctypes.memmove(self.start + self.count * self.nbytes, source, self.nbytes)
        self.count += 1
        return True

    def samples(self) -> list[Tensor]:
        return [row.clone() for row in self.made[: self.count].unbind()]

    def batch(self, kind: Any) -> Tensor:
        return self.made if self.count == self.n else self.made[: self.count].clone()


def _column(first: Any, n: int, allocate: Allocate) -> _Values | _Arrays | _Tensors:
    """A place in the samples, with the value of the first one in it."""
    if type(first) is np.ndarray:
        dt = convert.FROM_NUMPY.get(first.dtype)
        if dt is not None and first.dtype.isnative and first.size:
            return _Arrays(first, n, dt, allocate)
    elif type(first) is Tensor and first._layout.contiguous and first.numel() and not first.requires_grad:
        return _Tensors(first, n, allocate)
    return _Values([first])


__all__ = ["Allocate", "collate_each", "rows_of"]
