"""A contraction in numbers: where its operands lie, and how their dimensions go together."""

from __future__ import annotations

from dataclasses import dataclass

from .contract_slab import Slab
from .contract_windows import Windows


@dataclass(slots=True)
class Matrix:
    """An operand in memory: its buffer number and element strides (batch..., row, column)."""

    buf: int
    batch: tuple[int, ...]
    row: int
    col: int

    @property
    def turned(self) -> Matrix:
        return Matrix(self.buf, self.batch, self.col, self.row)


@dataclass(slots=True)
class Problem:
    """A contraction in terms of P[rows, k], Q[k, lanes] and C[m, n]."""

    element: str
    batch: tuple[int, ...]
    rows: int
    lanes: int
    k: int
    p: Matrix
    q: Matrix
    c: Matrix
    transposed: bool
    windows: Windows | None = None  # what Q is made of, in place of its strides
    outer: tuple[int, int] = (1, 0)  # k is so many parts, between which P steps by so much
    inner: int = 0  # where tiles do so, of so many k each
    image: tuple[int, int] = (0, 0)  # where lanes are those of several images: how many of each, and C's step between
    slab: Slab | None = None  # how tiles read windows in place, where they do

    @property
    def batches(self) -> int:
        count = 1
        for size in self.batch:
            count *= size
        return count
