"""Sparse matrices, and stacks of them, whose rows or columns are compressed.

Of the two dimensions of a matrix one, the *major* one, is compressed: `starts`, `(B..., n + 1)`, says where the
elements of each row begin; `others`, `(B..., nnz)`, where in its row each element lies. In CSR and BSR rows are major,
in CSC and BSC columns. What lies at a place is an element of `values`, `(B..., nnz, D...)`; in BSR and BSC a block of
the matrix, `(B..., nnz, b0, b1, D...)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...autograd.node import bare
from ...base import dtypes
from .. import convert
from ..calls import call
from ..compound import Compound
from ..formats import layout, sparse_bsc, sparse_bsr, sparse_csc, sparse_csr
from . import places, tape
from .coo import Coo

NAMES = {sparse_csr: "SparseCsr", sparse_csc: "SparseCsc", sparse_bsr: "SparseBsr", sparse_bsc: "SparseBsc"}
TURNED = {sparse_csr: sparse_csc, sparse_csc: sparse_csr, sparse_bsr: sparse_bsc, sparse_bsc: sparse_bsr}
BY_ROWS, BLOCKED = (sparse_csr, sparse_bsr), (sparse_bsr, sparse_bsc)


class Compressed(Compound):
    """A sparse matrix with compressed rows or columns, or a stack of them."""

    _backend, _precedence = "SparseCsrCPU", 1
    _kind: layout
    _starts: Any
    _others: Any
    _elements: Any

    @property
    def layout(self) -> layout:
        """`torch.sparse_csr`, or another of the four."""
        return self._kind

    @property
    def is_sparse_csr(self) -> bool:
        """Whether it is of the first of the four."""
        return self._kind is sparse_csr

    @property
    def _version(self) -> int:
        return self._edits + self._elements._version

    @property
    def batch(self) -> tuple[int, ...]:
        """The sizes of the stack."""
        return tuple(self._others.shape)[:-1]

    @property
    def block(self) -> tuple[int, int]:
        """The size of a block: 1 by 1 where there are none."""
        if self._kind not in BLOCKED:
            return 1, 1
        first = len(self.batch) + 1
        return self._elements.shape[first], self._elements.shape[first + 1]

    @property
    def dense_sizes(self) -> tuple[int, ...]:
        """The sizes of the dense dimensions."""
        return tuple(self.shape)[len(self.batch) + 2 :]

    def bare(self) -> Compressed:
        """The same without history."""
        return self.with_values(self._elements)

    def with_values(self, elements: Any) -> Compressed:
        """Other values without history at these places."""
        return made(self._kind, self._starts, self._others, elements, tuple(self.shape))

    def parts(self) -> tuple[Any, ...]:
        """What a file has of it: both kinds of indices, values, size."""
        return self._starts, self._others, self._elements, self.shape

    def take_over(self, other: Compressed) -> None:
        """Becomes what another one is, but for its history."""
        self._edits = self._version + 1
        self._layout, self._kind = other._layout, other._kind
        self._starts, self._others, self._elements = other._starts, other._others, other._elements

    def has_places_of(self, other: Any) -> bool:
        """Whether another tensor has the same places in the same order."""
        if not isinstance(other, Compressed) or self._kind is not other._kind or self.shape != other.shape:
            return False
        pairs = (self._starts, other._starts), (self._others, other._others)
        return all(a is b or np.array_equal(convert.array_of(a), convert.array_of(b)) for a, b in pairs)

    def blocks_at(self) -> np.ndarray:
        """The place of each value, or block, in a stack that is counted through: `(stack, row, column)`."""
        starts, others = (convert.array_of(t).astype(np.int64) for t in (self._starts, self._others))
        matrices, nnz = math.prod(self.batch), others.shape[-1]
        starts, others = starts.reshape(matrices, starts.shape[-1]), others.reshape(matrices, nnz)
        counts = np.diff(starts)
        lines = np.tile(np.arange(counts.shape[1]), len(counts))
        major = np.repeat(lines, counts.reshape(-1))
        stack = np.repeat(np.arange(len(others)), nnz)
        minor = others.reshape(-1)
        return np.stack([stack, major, minor] if self._kind in BY_ROWS else [stack, minor, major])

    def elements_at(self) -> Any:
        """The indices of each element, in the order of the values: a column for each."""
        stack, rows, columns = self.blocks_at()
        b0, b1 = self.block
        grid = np.indices((b0, b1)).reshape(2, -1)
        rows = (rows[:, None] * b0 + grid[0]).reshape(-1)
        columns = (columns[:, None] * b1 + grid[1]).reshape(-1)
        stacks = np.unravel_index(np.repeat(stack, b0 * b1), self.batch) if self.batch else ()
        return places.whole_numbers(np.stack([*stacks, rows, columns]))


def made(kind: layout, starts: Any, others: Any, elements: Any, size: Sequence[int]) -> Compressed:
    """A sparse tensor over indices and values without history."""
    t = Compressed()._fill(tuple(size), elements.dtype)
    t._kind, t._starts, t._others, t._elements = kind, starts, others, elements
    return t


# On the tape


def opened(s: Compressed) -> Any:
    """The values with their place on the tape."""
    return tape.called(_Values, "Values").apply(s) if s._needs and places.recording() else s._elements


def closed(name: str, values: Any, like: Compressed) -> Any:
    """Values at the places of a tensor; `name` is that of the operation, which its node is called by."""
    if values._needs and places.recording():
        return tape.called(_Closed, name).apply(values, like.bare())
    return like.with_values(bare(values))


def at_places(t: Any, of: Compressed) -> Any:
    """The values of a tensor of any layout at the places of one."""
    if of.has_places_of(t):
        return opened(t)
    if isinstance(t, Compressed):
        t = to_coo(t)
    return call("reshape")(tape.at_places(t, of.elements_at()), tuple(of._elements.shape))


class _Values(tape.Function):
    """The values of a sparse tensor."""

    @staticmethod
    def forward(ctx: Any, s: Compressed) -> Any:
        """The memory itself."""
        ctx.of = s.bare()
        return bare(s._elements)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient at the places of the tensor."""
        return closed("SparseCompressedTensor", grad, ctx.of)


class _Closed(tape.Function):
    """A sparse tensor of values."""

    @staticmethod
    def forward(ctx: Any, values: Any, like: Compressed) -> Any:
        """The sparse tensor sees the memory of the values."""
        ctx.like = like
        return like.with_values(bare(values))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient at the places."""
        return at_places(grad, ctx.like), None


# To coordinates and back


def flat_values(s: Compressed) -> Any:
    """The elements one by one, `(count, D...)`, with their place on the tape."""
    b0, b1 = s.block
    return call("reshape")(opened(s), (s._others.numel() * b0 * b1, *s.dense_sizes))


def to_coo(s: Compressed) -> Any:
    """The tensor in coordinate form, coalesced."""
    at, sizes = s.elements_at(), tuple(s.shape)[: len(s.batch) + 2]
    order = np.argsort(places.positions(at, sizes), kind="stable")
    values = flat_values(s)
    if (np.diff(order) != 1).any():
        numbers = places.whole_numbers(order)
        at, values = call("index_select")(at, 1, numbers), call("index_select")(values, 0, numbers)
    return tape.closed("ToSparse", values, at, s.shape, True)


def of_coo(name: str, c: Coo, kind: layout, block: tuple[int, int] = (1, 1)) -> Any:
    """A coalesced tensor in coordinate form, of which the last two sparse dimensions are those of matrices, in another
    form. Raises RuntimeError where matrices of a stack have different numbers of places.
    """
    at = convert.array_of(c._at)
    batch, (height, width) = c.sparse_sizes[:-2], c.sparse_sizes[-2:]
    stack = places.positions(places.whole_numbers(at[:-2]), batch) if batch else np.zeros(at.shape[1], np.int64)
    rows, columns = at[-2] // block[0], at[-1] // block[1]
    lines, width = height // block[0], width // block[1]
    if kind in BY_ROWS:
        major, minor = rows, columns
    else:
        major, minor, lines, width = columns, rows, width, lines
    matrices = math.prod(batch)
    different, numbers = np.unique((stack * lines + major) * max(width, 1) + minor, return_inverse=True)
    counts = np.bincount(different // max(width, 1), minlength=matrices * lines).reshape(matrices, lines)
    if matrices and (counts.sum(1) != counts.sum(1)[0]).any():
        raise RuntimeError("Expect the same number of specified elements per batch.")
    starts = np.concatenate([np.zeros((matrices, 1), np.int64), counts.cumsum(1)], 1)
    nnz = different.size // max(matrices, 1)
    values = _arranged(c, at, numbers.reshape(-1), different.size, kind in BLOCKED, block)
    values = call("reshape")(values, (*batch, nnz, *values.shape[1:]))
    shapes = (*batch, lines + 1), (*batch, nnz)
    begins, others = [
        convert.copied(x.astype(np.int64).reshape(n), dtypes.int64)
        for x, n in zip((starts, different % max(width, 1)), shapes)
    ]
    return closed(name, values, made(kind, begins, others, bare(values), c.shape))


def _arranged(c: Coo, at: np.ndarray, numbers: np.ndarray, count: int, blocked: bool, block: tuple[int, int]) -> Any:
    """The elements in the order of their places, or in blocks."""
    values = tape.opened(c)
    if not blocked:
        return call("index_select")(values, 0, places.whole_numbers(np.argsort(numbers, kind="stable")))
    inside = (at[-2] % block[0]) * block[1] + at[-1] % block[1]
    flat = places.summed(
        values, places.whole_numbers(numbers * block[0] * block[1] + inside), count * block[0] * block[1]
    )
    return call("reshape")(flat, (count, *block, *c.dense_sizes))
