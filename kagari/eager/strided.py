"""Views by sizes and strides alone, whatever the tensor's own shape; and views that no record makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..autograd.views import strided, tell_base
from ..base.layout import layout
from . import convert, inplace
from .calls import call
from .indexing import recorded

if TYPE_CHECKING:
    from .tensor import Tensor


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view of a tensor's memory by sizes, and steps in elements: element `i` is at `storage_offset + i . stride`.

    The offset counts from the start of the memory, and by default is the tensor's own. Gradients of elements that the
    view shows more than once add up. Raises RuntimeError for what lies outside of the memory.

    >>> import kagari as torch
    >>> torch.as_strided(torch.arange(5), (3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    """
    shape, strides = _checked(input, size, stride, storage_offset)
    item = input._layout.dtype.itemsize
    offset = input._offset if storage_offset is None else storage_offset * item
    lay = layout(shape, strides, input._layout.dtype, input._layout.meta)
    if recorded(input):
        return strided(input, lay, offset - input._offset)
    made = convert.wrap(lay, input._storage, offset)
    tell_base(made, input)
    return made


def _checked(t: Any, size: Any, stride: Any, offset: int | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    for i, (name, given) in enumerate((("size", size), ("stride", stride))):
        if not isinstance(given, Sequence):
            raise TypeError(
                f"as_strided(): argument '{name}' (position {i + 2}) must be tuple of ints, not {type(given).__name__}"
            )
    shape, strides = tuple(map(int, size)), tuple(map(int, stride))
    if len(shape) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(strides)}")
    if offset is not None and offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    item = t._layout.dtype.itemsize
    first = t._offset // item if offset is None else offset
    needed = 0 if 0 in shape else (first + 1 + sum((n - 1) * s for n, s in zip(shape, strides))) * item
    if needed > t.untyped_storage().nbytes():
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {first}, and itemsize {item} "
            f"requiring a storage size of {needed} are out of bounds for storage of size {t._storage.nbytes}"
        )
    return shape, strides


def as_strided_copy(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None, *, out: Any = None
) -> Tensor:
    """`as_strided` as a copy.

    >>> import kagari as torch
    >>> torch.as_strided_copy(torch.arange(5), (2,), (3,))
    tensor([0, 3])
    """
    made = call("contiguous")(as_strided(input, size, stride, storage_offset))
    if out is None:
        return made
    inplace.write_out(out, made)
    return out


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of `input` with `src` at the places that `as_strided` shows.

    >>> import kagari as torch
    >>> torch.as_strided_scatter(torch.zeros(2, 2), torch.ones(2), (2,), (3,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    made = call("contiguous")(input)
    part = as_strided(made, size, stride, storage_offset)
    if src.shape != part.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(part.shape)}"
        )
    call("copy_")(part, src)
    return made


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` neighbours along a dimension, `step` apart: a last dimension has their elements.

    >>> import kagari as torch
    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    return call("unfold_view")(self, dimension, size, step)


def ravel(input: Tensor) -> Tensor:
    """The elements in one dimension: a view where they lie in memory in that order, else a copy.

    >>> import kagari as torch
    >>> torch.ravel(torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    whole = input if input._layout.contiguous else call("contiguous")(input)
    return call("reshape")(whole, (-1,))


FUNCTIONS = (as_strided, as_strided_copy, as_strided_scatter, ravel)
METHODS = (as_strided, as_strided_scatter, ravel, unfold)
