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

    @cached_property
    def owners(self) -> Tensor:
        """For each position the number of the sequence in whose part it lies."""
        begins = np.array([int(n) for n in self.offsets.tolist()])
        return ops.from_numpy(np.repeat(np.arange(len(self)), np.diff(begins)))

    def places(self, length: int, beyond: int) -> Tensor:
        """For each sequence the positions of its first `length` elements, and `beyond` where it has fewer."""
        table = np.full((len(self), length), beyond, np.int64)
        for row, (begin, n) in zip(table, self.bounds):
            n = min(n, length)
            row[:n] = np.arange(begin, begin + n)
        return ops.from_numpy(table)

    def places_in_padded(self, length: int) -> Tensor:
        """For each position where it lies among rows of `length`, one after the other."""
        rows = [np.arange(i * length, i * length + n) for i, (_, n) in enumerate(self.bounds)]
        return ops.from_numpy(np.concatenate(rows) if rows else np.zeros(0, np.int64))


def of_lengths(lengths: list[int]) -> Sequences:
    """Sequences of these lengths, one after the other."""
    return Sequences(ops.from_numpy(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])))
