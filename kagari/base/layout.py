"""Interned layouts:

shape, strides, dtype and device of a tensor. Equal layouts are one object, so a look-up by layout is one by identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsIndex, overload

from .dtypes import dtype

Ints = tuple[int, ...]


class Size(tuple[int, ...]):
    """A shape: a tuple of integers that knows its number of elements.

    >>> import kagari
    >>> kagari.zeros(2, 3).shape
    torch.Size([2, 3])
    >>> kagari.Size([2, 3]).numel()
    6
    """

    __slots__ = ()

    def numel(self) -> int:
        """The product of the sizes."""
        n = 1
        for s in self:
            n *= s
        return n

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size(tuple(self) + tuple(other))

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...
    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found  # type: ignore[arg-type, return-value]


class Layout:
    """Shape, strides (in elements), dtype, and whether the device is `meta`, where tensors have no memory.

    Made by `layout()`, never directly. `dense` are elements that fill a block of memory: none do on `meta`. Those of
    a `compound` tensor lie in other tensors, so no plan can be made for it.
    """

    __slots__ = (
        "shape", "strides", "dtype", "meta", "compound", "ndim", "numel", "nbytes", "contiguous", "dense", "rows",
        "_element",
    )  # fmt: skip

    def __init__(self, shape: Ints, strides: Ints, dt: dtype, meta: bool, compound: bool = False) -> None:
        self.shape, self.strides, self.dtype, self.meta = Size(shape), strides, dt, meta
        self.compound = compound
        self.ndim, self.numel = len(shape), self.shape.numel()
        self.nbytes = self.numel * dt.itemsize
        if self.nbytes >> 63:
            raise RuntimeError(
                f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(strides)}"
            )
        self.rows = strides == contiguous_strides(shape)
        self.contiguous = self.rows or self.numel == 0 or is_contiguous(shape, strides)
        self.dense = not meta and not compound and (self.contiguous or is_dense(shape, strides))
        self._element: tuple[Layout, int, int] | None = None

    @property
    def element(self) -> tuple[Layout, int, int]:
        """The layout of an element along the first dimension, how many there are, and the bytes between them."""
        if self._element is None:
            shape, step = tuple(self.shape), self.strides[0] * self.dtype.itemsize
            self._element = layout(shape[1:], self.strides[1:], self.dtype, self.meta), shape[0], step
        return self._element

    def __repr__(self) -> str:
        return f"Layout({list(self.shape)}, {list(self.strides)}, {self.dtype.name}{', meta' * self.meta})"


_layouts: dict[tuple[Ints, Ints, dtype, bool], Layout] = {}
_compounds: dict[tuple[Ints, dtype], Layout] = {}


def layout(shape: Ints, strides: Ints | None, dt: dtype, meta: bool = False) -> Layout:
    """The one layout with this shape, these strides (None: contiguous), this dtype and this device."""
    if strides is None:
        strides = contiguous_strides(shape)
    key = (shape, strides, dt, meta)
    found = _layouts.get(key)
    if found is None:
        found = _layouts[key] = Layout(shape, strides, dt, meta)
    return found


def compound_layout(shape: Ints, dt: dtype) -> Layout:
    """The one layout with this shape and this dtype of tensors whose elements lie in other tensors."""
    found = _compounds.get((shape, dt))
    if found is None:
        found = _compounds[shape, dt] = Layout(shape, contiguous_strides(shape), dt, False, compound=True)
    return found


def contiguous_strides(shape: Iterable[int]) -> Ints:
    """Strides of a row-major tensor; sizes of 0 count as 1, as in PyTorch."""
    strides: list[int] = []
    step = 1
    for n in reversed(tuple(shape)):
        strides.append(step)
        step *= n if n > 1 else 1
    return tuple(reversed(strides))


def is_contiguous(shape: Ints, strides: Ints) -> bool:
    """Row-major without gaps; strides of dimensions of size 1 do not matter."""
    step = 1
    for n, s in zip(reversed(shape), reversed(strides)):
        if n != 1:
            if s != step:
                return False
            step *= n
    return True


def _channels_last(rank: int) -> Ints:
    """The dimensions of images or volumes with their channels last, from the innermost outwards."""
    return (1, *range(rank - 1, 1, -1), 0)


def channels_last_strides(shape: Ints) -> Ints:
    """Strides of images (N, C, H, W) or volumes (N, C, D, H, W) whose channels lie next to each other."""
    strides, step = [0] * len(shape), 1
    for d in _channels_last(len(shape)):
        strides[d] = step
        step *= shape[d] if shape[d] > 1 else 1
    return tuple(strides)


def is_channels_last(shape: Ints, strides: Ints) -> bool:
    """Channels last without gaps; strides of dimensions of size 1 do not matter."""
    step = 1
    for d in _channels_last(len(shape)):
        if shape[d] != 1:
            if strides[d] != step:
                return False
            step *= shape[d]
    return True


def suggests_channels_last(shape: Ints, strides: Ints) -> bool:
    """Whether results should have their channels last: the strides have that order, be it with gaps.

    What is in row-major order, too, as images of one pixel are, doesn't suggest it.
    """
    least = 0
    if strides[1] == 0:
        return False
    for d in _channels_last(len(shape)):
        n, s = shape[d], strides[d]
        if n == 0 or s < least or (d == 0 and least == strides[1]):
            return False
        least = s * n if n > 1 else s
    return True


def is_dense(shape: Ints, strides: Ints) -> bool:
    """Without gaps and overlaps, in any order of the dimensions."""
    step = 1
    for s, n in sorted((s, n) for n, s in zip(shape, strides) if n != 1):
        if s != step:
            return False
        step *= n
    return True


def reshape_strides(shape: Ints, strides: Ints, new: Ints) -> Ints | None:
    """Strides of a view with another shape, or None where only a copy can have it."""
    if 0 in shape:
        return contiguous_strides(new)
    old = [(n, s) for n, s in zip(shape, strides) if n != 1]
    # Runs of dimensions that lie behind each other as one: [size, stride of the innermost].
    runs: list[list[int]] = []
    for n, s in old:
        if runs and runs[-1][1] == n * s:
            runs[-1][0] *= n
            runs[-1][1] = s
        else:
            runs.append([n, s])
    result = [0] * len(new)
    run = len(runs) - 1
    left, step = (runs[run][0], runs[run][1]) if runs else (1, 1)
    for d in range(len(new) - 1, -1, -1):
        n = new[d]
        if n == 1:
            result[d] = step
            continue
        if left == 1:
            run -= 1
            if run < 0:
                return None
            left, step = runs[run]
        if left % n:
            return None
        result[d] = step
        step *= n
        left //= n
    return tuple(result) if run <= 0 and left == 1 else None
