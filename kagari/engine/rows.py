"""Samples that are put into the rows of a batch, without the interpreter: see compiler/resident/rows.py."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from ..compiler import resident
from ..compiler.kernel import Kernel
from ..runtime import cpu
from ..runtime.native import FASTCALL, ROOT, pyfunction
from . import code

OBJECTS, ARRAYS, TENSORS, INTEGERS, FLOATS = range(5)
_HEAD, _COLUMN = 16, 8  # words


@cache
def prepare() -> Callable[[int, Iterator[Any]], Any]:
    """The function of the resident code. Processes that are forked later have it, too."""
    code.native()
    triple = cpu.host_target().triple
    kernel = Kernel("rows of a batch", "put_rows", lambda: resident.rows_ir(triple))
    return pyfunction("put_rows", code.address(kernel), FASTCALL)


class Rows:
    """A batch with room for some samples: tuples, lists, dictionaries with the keys, or values by themselves.

    Each column is to be described before samples come.
    """

    def __init__(self, kind: type | None, columns: int, room: int, keys: Sequence[Any] = ()) -> None:
        self._words = (ctypes.c_int64 * (_HEAD + _COLUMN * columns))()
        self._address = ctypes.addressof(self._words)
        self._kept: list[Any] = [None] * columns
        self._keys = keys
        roots = code.native().roots
        slots = [roots[ROOT[f"at_{name}"]] for name in ("layout", "storage", "offset", "needs")]
        objects = [id(o) for o in (tuple, list, None, True)]
        head = [columns, id(kind) if kind else 0, 0, room, 0, tuple.__basicsize__, *objects, *slots]
        for at, word in enumerate(head):
            self._words[at] = word

    def describe(
        self,
        number: int,
        form: int,
        place: int | list[Any],
        nbytes: int = 0,
        kind: type | None = None,
        like: Any = None,
        sizes: Sequence[int] = (),
    ) -> None:
        """A column: where its rows begin, or the list of its values; and of the values the type and what it has."""
        dims = (ctypes.c_int64 * len(sizes))(*sizes)
        key = self._keys[number] if self._keys else None
        self._kept[number] = place, kind, like, dims, key
        words = [
            form, place if isinstance(place, int) else id(place), nbytes, id(kind), id(like), len(sizes),
            ctypes.addressof(dims), id(key),
        ]  # fmt: skip
        for at, word in enumerate(words, _HEAD + _COLUMN * number):
            self._words[at] = word

    def put(self, samples: Iterator[Any]) -> Any:
        """Puts samples into the columns. Returns the first one that does not fit, where `is_over` is false then."""
        return prepare()(self._address, samples)

    @property
    def count(self) -> int:
        """How many samples there are."""
        return self._words[2]

    @count.setter
    def count(self, value: int) -> None:
        self._words[2] = value

    @property
    def is_over(self) -> bool:
        """Whether there are no more samples."""
        return bool(self._words[4])


__all__ = ["ARRAYS", "FLOATS", "INTEGERS", "OBJECTS", "Rows", "TENSORS", "prepare"]
