"""The size of a ragged dimension, which is none number: `j1`, `j2`, ...; equal only to that of the same sequences."""

from __future__ import annotations

import weakref
from itertools import count
from typing import Any


class NestedInt:
    """What stands for the lengths of sequences in a shape. It is at least 2, and otherwise not to be compared."""

    __slots__ = ("factor", "number")

    def __init__(self, number: int, factor: int = 1) -> None:
        self.number, self.factor = number, factor

    def __repr__(self) -> str:
        return f"j{self.number}" if self.factor == 1 else f"{self.factor}*j{self.number}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NestedInt) and (self.number, self.factor) == (other.number, other.factor)

    def __hash__(self) -> int:
        return hash((self.number, self.factor))

    def __mul__(self, other: int) -> NestedInt:
        return NestedInt(self.number, self.factor * other) if type(other) is int else NotImplemented

    __rmul__ = __mul__

    def __ge__(self, other: Any) -> bool:
        if isinstance(other, NestedInt) and other.number == self.number:
            return self.factor >= other.factor
        if isinstance(other, int) and other <= 2:
            return True
        raise ValueError("ge: relation is indeterminate")

    def __gt__(self, other: Any) -> bool:
        return self >= other and self != other and other != 2

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def __le__(self, other: Any) -> bool:
        return not self > other


_numbers = count(1)
_known: dict[int, tuple[weakref.ref[Any], NestedInt]] = {}


def symbol_of(lengths: Any) -> NestedInt:
    """The symbol of the tensor that says how long sequences are: one for each such tensor, as long as it lives."""
    found = _known.get(id(lengths))
    if found is None or found[0]() is not lengths:
        key = id(lengths)
        found = _known[key] = weakref.ref(lengths, lambda _: _known.pop(key, None)), NestedInt(next(_numbers))
    return found[1]
