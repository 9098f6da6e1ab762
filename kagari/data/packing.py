"""Long lists in data sets, packed for worker processes.

A worker that is forked shares the memory of the main process until one of them writes to it. Python writes to each
object that it looks at, a count of references, and so every worker ends up with a copy of its own of a list of a
million dictionaries. Packed, the list is one block of bytes that nobody writes to, and an element is made when it is
asked for.
"""

from __future__ import annotations

import io
import mmap
import operator
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from .dataset import Dataset

_LONG = 1 << 16  # elements from which a list is worth it
_MOST = 1 << 32  # bytes that a packed list may have: one with much that its elements share would have more
_MAKERS = ("numpy", "pathlib")


class PackedList(Sequence[Any]):
    """A list whose elements lie pickled in a block of memory.

    It passes for a list. What changes a list, or is not known here, makes one of it first, with all its elements.
    An element is a new object each time: a change of it is not kept.
    """

    def __init__(self, data: mmap.mmap, ends: np.ndarray) -> None:
        self._data, self._ends = memoryview(data), ends
        self._list: list[Any] | None = None

    __class__ = property(lambda self: list)

    def __len__(self) -> int:
        return len(self._ends) if self._list is None else len(self._list)

    def __getitem__(self, index: Any) -> Any:
        if self._list is not None:
            return self._list[index]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self._ends)))]
        at = operator.index(index)
        n = len(self._ends)
        at += n if at < 0 else 0
        if not 0 <= at < n:
            raise IndexError("list index out of range")
        return pickle.loads(self._data[self._ends[at - 1] if at else 0 : self._ends[at]])

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def _unpacked(self) -> list[Any]:
        if self._list is None:
            self._list = list(self)
        return self._list

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(list, name):
            raise AttributeError(f"'list' object has no attribute {name!r}")
        return getattr(self._unpacked(), name)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._unpacked()[index] = value

    def __delitem__(self, index: Any) -> None:
        del self._unpacked()[index]

    def __eq__(self, other: object) -> bool:
        return self._unpacked() == (other._unpacked() if type(other) is PackedList else other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> list[Any]:
        return self._unpacked() + list(other)

    def __radd__(self, other: Any) -> list[Any]:
        return list(other) + self._unpacked()

    def __mul__(self, times: int) -> list[Any]:
        return self._unpacked() * times

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return repr(self._unpacked())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (self._unpacked(),)


class _NotPlain(Exception):
    """An element is, or has, an object that may be more than its contents."""


class _Pickler(pickle.Pickler):
    """Is asked for what is none of Python's plain types."""

    def reducer_override(self, obj: Any) -> Any:
        is_value = isinstance(obj, np.ndarray | np.generic | np.dtype | PurePath)
        # By these values are made again.
        is_maker = isinstance(obj, type | FunctionType | BuiltinFunctionType) and obj.__module__.startswith(_MAKERS)
        if (is_value or is_maker) and not getattr(getattr(obj, "dtype", None), "hasobject", False):
            return NotImplemented
        raise _NotPlain


def pack(elements: list[Any]) -> PackedList | None:
    """A packed list of the same elements. None where they are not all numbers, texts, arrays and containers of them."""
    file = io.BytesIO()
    pickler = _Pickler(file, pickle.HIGHEST_PROTOCOL)
    ends = np.empty(len(elements), np.int64)
    try:
        for at, element in enumerate(elements):
            pickler.dump(element)
            pickler.clear_memo()  # an element is read by itself
            ends[at] = end = file.tell()
            if end > _MOST:
                return None
    except (_NotPlain, pickle.PicklingError, RecursionError):
        return None
    data = mmap.mmap(-1, len(file.getbuffer()))
    data[:] = file.getbuffer()
    return PackedList(data, ends)


@dataclass(frozen=True)
class Packed:
    """A packed list, and where it belongs: an attribute of an object, or in place of the data set itself."""

    owner: Any
    name: str
    elements: PackedList


def packed(dataset: Any) -> list[Packed]:
    """The long lists of a data set, and of those that it is made of, packed."""
    found: list[Packed] = []
    seen: set[int] = set()

    def look(value: Any, owner: Any, name: str) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if type(value) is list and len(value) >= _LONG:
            elements = pack(value)
            if elements is not None:
                found.append(Packed(owner, name, elements))
        elif isinstance(value, Dataset) or value is dataset:
            for inner, part in list(getattr(value, "__dict__", {}).items()):
                look(part, value, inner)
                if isinstance(part, list | tuple) and len(part) < _LONG:
                    for one in part:
                        if isinstance(one, Dataset):
                            look(one, value, inner)

    look(dataset, None, "")
    return found


def unpack(dataset: Any, lists: list[Packed]) -> Any:
    """Puts packed lists in their places, in a process that has the data set for itself. Returns the data set."""
    for one in lists:
        if one.owner is None:
            return one.elements
        vars(one.owner)[one.name] = one.elements
    return dataset


__all__ = ["PackedList", "pack", "packed", "unpack"]
