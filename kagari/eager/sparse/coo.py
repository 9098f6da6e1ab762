"""Sparse tensors in coordinate form: where elements lie, and the elements.

A tensor of sizes `(S..., D...)` with s sparse and d dense dimensions has `indices`, `(s, nnz)`, a column for each
place, and `values`, `(nnz, D...)`. A place may occur several times; its element is the sum. *Coalesced* are places in
ascending order, each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base.dtypes import dtype
from ..compound import Compound
from ..formats import layout, sparse_coo
from . import places


class Coo(Compound):
    """A sparse tensor in coordinate form. Its history is its own: indices and values have none."""

    _backend = "SparseCPU"
    is_sparse = property(lambda self: True, doc="True.")
    _at: Any
    _elements: Any
    _ordered: bool

    @property
    def layout(self) -> layout:
        """`torch.sparse_coo`."""
        return sparse_coo

    @property
    def sparse_sizes(self) -> tuple[int, ...]:
        """The sizes of the sparse dimensions."""
        return tuple(self.shape)[: self._at.shape[0]]

    @property
    def dense_sizes(self) -> tuple[int, ...]:
        """The sizes of the dense dimensions."""
        return tuple(self.shape)[self._at.shape[0] :]

    def bare(self) -> Coo:
        """The same without history."""
        return made(self._at, self._elements, tuple(self.shape), self._ordered)

    def parts(self) -> tuple[Any, ...]:
        """What a file has of it: indices, values, size, and whether it is coalesced."""
        return self._at, self._elements, self.shape, self._ordered

    def take_over(self, other: Coo) -> None:
        """Becomes what another one is, but for its history."""
        self._edits = self._version + 1
        self._layout, self._at, self._elements, self._ordered = (
            other._layout, other._at, other._elements, other._ordered,
        )  # fmt: skip

    @property
    def _version(self) -> int:
        return self._edits + self._elements._version


def made(at: Any, elements: Any, size: Sequence[int], ordered: bool = False) -> Coo:
    """A sparse tensor over indices and values without history."""
    t = Coo()._fill(tuple(size), elements.dtype)
    t._at, t._elements, t._ordered = at, elements, ordered
    return t


def empty(size: Sequence[int], sparse_dim: int, dt: dtype) -> Coo:
    """A sparse tensor of zeros alone."""
    size = tuple(size)
    return made(places.none(sparse_dim), places.zeros((0, *size[sparse_dim:]), dt), size, True)
