"""Samples that are put into the rows of a batch, without the interpreter: see compiler/resident/rows.py."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from ..compiler import resident
from ..compiler.kernel import Kernel
from ..runtime import cpu
from ..runtime.native import FASTCALL, ROOT, pyfunction
from . import code

OBJECTS, ARRAYS, TENSORS, INTEGERS, FLOATS = range(5)
_HEAD, _COLUMN = 16, 8  # words


@cache
def _constants() -> tuple[int, ...]:
    """What all batches know of Python's types, and of a tensor's slots."""
    roots = code.native().roots
    slots = [roots[ROOT[f"at_{name}"]] for name in ("layout", "storage", "offset", "needs")]
    return tuple.__basicsize__, id(tuple), id(list), id(None), id(True), *slots


@cache
def prepare() -> Callable[[int, Iterator[Any]], Any]:
    """The function of the resident code. Processes that are forked later have it, too."""
    code.native()
    triple = cpu.host_target().triple
    kernel = Kernel("rows of a batch", "put_rows", lambda: resident.rows_ir(triple))
    return pyfunction("put_rows", code.address(kernel), FASTCALL)


def column(
    form: int, place: int, nbytes: int = 0, kind: type | None = None, like: Any = None, sizes: tuple[int, int] = (0, 0)
) -> list[int]:
    """The words of a column: where its rows begin, or its list of values lies; and of the values the type and what
    they have. Whoever asks keeps it all alive. Of sizes it is where they lie and how many they are.
    """
    return [form, place, nbytes, id(kind), id(like), sizes[1], sizes[0], 0]


class Rows:
    """A batch with room for some samples: tuples, lists, dictionaries with the keys, or values by themselves."""

    def __init__(self, kind: type | None, columns: Sequence[list[int]], room: int, keys: Sequence[Any] = ()) -> None:
        for key, words in zip(keys, columns):
            words[-1] = id(key)
        words = [len(columns), id(kind) if kind else 0, 0, room, 0, *_constants(), 0, 0, *chain.from_iterable(columns)]
        self._words = array("q", words)
        self._address = self._words.buffer_info()[0]

    def replace(self, number: int, column: list[int]) -> None:
        """Has a column be another one from now on."""
        begin = _HEAD + _COLUMN * number
        self._words[begin : begin + _COLUMN - 1] = array("q", column[:-1])

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


__all__ = ["ARRAYS", "FLOATS", "INTEGERS", "OBJECTS", "Rows", "TENSORS", "column", "prepare"]
