"""Batches that are made while their samples are read: what `default_collate` makes of the list of them.

A sample's arrays, tensors and numbers are copied into the batch when it comes. They are in the cache then, and their
memory is free for the next sample; and a worker has the batch where the main process can read it, without another copy.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..eager import Tensor, convert
from ..eager.rows import ARRAYS, FLOATS, INTEGERS, OBJECTS, TENSORS, Rows, column
from .collate import default_collate

Allocate = Callable[[tuple[int, ...], dtype], Tensor]


def collate_each(samples: Iterable[Any], n: int, allocate: Allocate = convert.empty) -> Any:
    """The batch of n samples, or of fewer where there are no more. Raises what `default_collate` raises."""
    stream = iter(samples)
    for first in stream:
        batch = _Batch(first, n, allocate)
        stream = chain((first,), stream)
        while True:
            sample = batch.rows.put(stream)
            if batch.rows.is_over:
                return batch.made()
            if not batch.put(sample):
                return default_collate([*batch.samples(), sample, *stream])
    return default_collate([])


class _Batch:
    """Samples in columns: one for each place in a tuple, list or dictionary, else a single one."""

    def __init__(self, first: Any, n: int, allocate: Allocate) -> None:
        kind = type(first)
        self.kind: Any = kind if kind is dict or (kind in (tuple, list) and first) else None
        self.keys = list(first) if kind is dict else []
        values = self._values(first)
        self.columns = [_column(value, n, allocate) for value in values]
        self.rows = Rows(self.kind, [c.words() for c in self.columns], n, self.keys)

    def _values(self, sample: Any) -> list[Any]:
        if self.kind is None:
            return [sample]
        return [sample[key] for key in self.keys] if self.kind is dict else list(sample)

    def put(self, sample: Any) -> bool:
        """Adds a sample with a value that does not fit as it is. False where the sample is of another kind."""
        if self.kind is not None and type(sample) is not self.kind:
            return False
        if self.kind is dict:
            if not all(key in sample for key in self.keys):
                return False
        elif self.kind is not None and len(sample) != len(self.columns):
            return False
        at = self.rows.count
        for number, value in enumerate(self._values(sample)):
            if not self.columns[number].put(at, value):
                self.columns[number] = _Values([*self.columns[number].samples(at), value])
                self.rows.replace(number, self.columns[number].words())
        self.rows.count = at + 1
        return True

    def samples(self) -> list[Any]:
        """The samples that were put."""
        count = self.rows.count
        columns = [c.samples(count) for c in self.columns]
        if self.kind is None:
            return columns[0]
        if self.kind is dict:
            return [dict(zip(self.keys, (values[at] for values in columns))) for at in range(count)]
        return [self.kind(values) for values in zip(*columns)]

    def made(self) -> Any:
        """The batch."""
        # The kind is that of the list which `default_collate` would get.
        kind = tuple if self.kind in (tuple, list) else list
        batch = [c.batch(kind, self.rows.count) for c in self.columns]
        if self.kind is None:
            return batch[0]
        return dict(zip(self.keys, batch)) if self.kind is dict else batch


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

    def words(self) -> list[int]:
        return column(OBJECTS, id(self.values))

    def put(self, at: int, value: Any) -> bool:
        """Adds a value. False where it is of another kind, and then it is not added."""
        self.values.append(value)
        return True

    def samples(self, count: int) -> list[Any]:
        """The values that were put."""
        return self.values

    def batch(self, kind: Callable[[list[Any]], Any], count: int) -> Any:
        """What they are in the batch."""
        return default_collate(kind(self.values))


class _InRows:
    """Values in the rows of a tensor."""

    def __init__(self, shape: tuple[int, ...], n: int, dt: dtype, allocate: Allocate) -> None:
        self.n = n
        self.made = allocate((n, *shape), dt)
        self.start = self.made._storage.data_ptr + self.made._offset

    @cached_property
    def view(self) -> np.ndarray:
        """The rows, for values that need more than to be copied."""
        return convert.raw_array(self.made)

    def batch(self, kind: Any, count: int) -> Tensor:
        return self.made if count == self.n else self.made[:count].clone()


class _Arrays(_InRows):
    """Arrays of one shape and dtype."""

    def __init__(self, first: np.ndarray, n: int, dt: dtype, allocate: Allocate) -> None:
        super().__init__(first.shape, n, dt, allocate)
        self.shape, self.dtype, self.nbytes = first.shape, first.dtype, first.nbytes
        self.sizes = array("q", first.shape)

    def words(self) -> list[int]:
        return column(ARRAYS, self.start, self.nbytes, np.ndarray, self.dtype, self.sizes.buffer_info())

    def put(self, at: int, value: Any) -> bool:
        if type(value) is not np.ndarray or value.dtype is not self.dtype or value.shape != self.shape:
            return False
        self.view[at] = value
        return True

    def samples(self, count: int) -> list[np.ndarray]:
        return [np.array(row) for row in self.view[:count]]


class _Tensors(_InRows):
    """Tensors of one layout."""

    def __init__(self, first: Tensor, n: int, allocate: Allocate) -> None:
        super().__init__(tuple(first.shape), n, first.dtype, allocate)
        self.layout = first._layout
        self.nbytes = self.layout.nbytes

    def words(self) -> list[int]:
        return column(TENSORS, self.start, self.nbytes, Tensor, self.layout)

    def put(self, at: int, value: Any) -> bool:
        if type(value) is not Tensor or value._layout is not self.layout or value.requires_grad:
            return False
        ctypes.memmove(self.start + at * self.nbytes, value._storage.data_ptr + value._offset, self.nbytes)
        return True

    def samples(self, count: int) -> list[Tensor]:
        return [row.clone() for row in self.made[:count].unbind()]


class _Numbers(_InRows):
    """Numbers of one of Python's types, which fit into 8 bytes."""

    def __init__(self, first: int | float, n: int, allocate: Allocate) -> None:
        self.type = type(first)
        super().__init__((), n, dtypes.int64 if self.type is int else dtypes.float64, allocate)

    def words(self) -> list[int]:
        return column(INTEGERS if self.type is int else FLOATS, self.start, 8, self.type)

    def put(self, at: int, value: Any) -> bool:
        if type(value) is not self.type or (self.type is int and not _is_word(value)):
            return False
        self.view[at] = value
        return True

    def samples(self, count: int) -> list[Any]:
        found: list[Any] = self.view[:count].tolist()
        return found


def _is_word(value: float) -> bool:
    return -(1 << 63) <= value < 1 << 63


def _column(first: Any, n: int, allocate: Allocate) -> _Values | _Arrays | _Tensors | _Numbers:
    """A place in the samples, for values like that of the first one."""
    kind = type(first)
    if kind is np.ndarray:
        dt = convert.FROM_NUMPY.get(first.dtype)
        if dt is not None and first.dtype.isnative and first.size:
            return _Arrays(first, n, dt, allocate)
    elif kind is Tensor:
        if first._layout.contiguous and first.numel() and not first.requires_grad and not first.is_meta:
            return _Tensors(first, n, allocate)
    elif kind is float or (kind is int and _is_word(first)):
        return _Numbers(first, n, allocate)
    return _Values([])


__all__ = ["Allocate", "collate_each", "rows_of"]
