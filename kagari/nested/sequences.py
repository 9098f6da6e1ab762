"""Where sequences of different lengths lie along one dimension of a tensor."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..eager import Tensor
from ..eager import operators as ops
from .symbols import NestedInt, symbol_of


class Sequences:
    """Sequence i begins at `offsets[i]`. It ends where the next one begins, or after `lengths[i]` elements."""

    def __init__(self, offsets: Tensor, lengths: Tensor | None = None) -> None:
        self.offsets, self.lengths = offsets, lengths

    def __len__(self) -> int:
        return int(self.offsets.shape[0]) - 1

    @property
    def symbol(self) -> NestedInt:
        """Their size in a shape."""
        return symbol_of(self.offsets if self.lengths is None else self.lengths)

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """The begin and the length of each."""
        begins = [int(n) for n in self.offsets.tolist()]
        ends = begins[1:] if self.lengths is None else [b + int(n) for b, n in zip(begins, self.lengths.tolist())]
        return [(b, e - b) for b, e in zip(begins, ends)]

    @property
    def sizes(self) -> list[int]:
        """The length of each."""
        return [n for _, n in self.bounds]

    @property
    def longest(self) -> int:
        """The length of the longest."""
        return max(self.sizes, default=0)

    @property
    def shortest(self) -> int:
        """The length of the shortest."""
        return min(self.sizes, default=0)

    def fill(self, total: int) -> bool:
        """Whether they lie without gaps in a tensor of this length, and nothing else does."""
        at = 0
        for begin, n in self.bounds:
            if begin != at:
                return False
            at += n
        return at == total

    def owners(self, total: int) -> np.ndarray:
        """For each position of a tensor of this length the number of the sequence in whose part it lies."""
        begins = [begin for begin, _ in self.bounds]
        return np.searchsorted(begins[1:], np.arange(total), side="right")

    def places(self, length: int, beyond: int) -> Tensor:
        """For each sequence the positions of its first `length` elements, and `beyond` where it has fewer."""
        table = np.full((len(self), length), beyond, np.int64)
        for row, (begin, n) in zip(table, self.bounds):
            n = min(n, length)
            row[:n] = np.arange(begin, begin + n)
        return ops.from_numpy(table)

    def places_in_padded(self, total: int, length: int) -> np.ndarray:
        """For each position where it lies among rows of `length`, one after the other; what lies in a gap anywhere."""
        if not total:
            return np.zeros(0, np.int64)
        owners = self.owners(total)
        within = np.arange(total) - np.array([begin for begin, _ in self.bounds])[owners]
        return owners * length + within.clip(0, max(length - 1, 0))


def of_lengths(lengths: list[int]) -> Sequences:
    """Sequences of these lengths, one after the other."""
    return Sequences(ops.from_numpy(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])))
