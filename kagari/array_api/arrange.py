"""Arrays in other shapes and orders, joined, taken apart, sorted and searched, as the array API spells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..base.dtypes import int64
from ..eager import Tensor, operators
from .dtypes import result_type
from .elementwise import together

# Shapes and orders


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The arrays joined along an axis; with None their elements in one row.

    >>> import kagari as torch
    >>> torch.array_api.concat((torch.zeros(1), torch.ones(1)))
    tensor([0., 1.])
    """
    dt = result_type(*arrays)
    parts = [x.to(dt) if axis is not None else x.to(dt).reshape(-1) for x in arrays]
    return operators.cat(parts, 0 if axis is None else axis)


def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """The array with an axis of size 1 more.

    >>> import kagari as torch
    >>> torch.array_api.expand_dims(torch.ones(2), axis=1).shape
    torch.Size([2, 1])
    """
    return operators.unsqueeze(x, axis)


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The elements in the opposite order along axes, along all with None.

    >>> import kagari as torch
    >>> torch.array_api.flip(torch.tensor([1, 2]))
    tensor([2, 1])
    """
    return operators.flip(x, _axes(axis, x.ndim))


def _axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """The axes `source` moved to `destination`.

    >>> import kagari as torch
    >>> torch.array_api.moveaxis(torch.ones(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    return operators.movedim(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The axes in another order.

    >>> import kagari as torch
    >>> torch.array_api.permute_dims(torch.ones(2, 3), (1, 0)).shape
    torch.Size([3, 2])
    """
    return operators.permute(x, tuple(axes))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The matrices transposed.

    >>> import kagari as torch
    >>> torch.array_api.matrix_transpose(torch.ones(2, 3)).shape
    torch.Size([3, 2])
    """
    return x.mT


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element so many times.

    >>> import kagari as torch
    >>> torch.array_api.repeat(torch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    counts = repeats.to(int64) if isinstance(repeats, Tensor) else repeats
    return operators.repeat_interleave(x, counts, axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The elements in another shape; a copy with `copy=True`, never one with `copy=False`.

    >>> import kagari as torch
    >>> torch.array_api.reshape(torch.ones(4), (2, 2)).shape
    torch.Size([2, 2])
    """
    if copy is False:
        return x.view(tuple(shape))
    made = operators.reshape(x, tuple(shape))
    return operators.clone(made) if copy and made.data_ptr() == x.data_ptr() else made


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """The elements moved along axes, those at the end to the beginning; with None along the flattened array.

    >>> import kagari as torch
    >>> torch.array_api.roll(torch.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    if axis is None:
        return operators.roll(x, shifts)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    return operators.roll(x, shifts if len(shifts) == len(axes) else shifts * len(axes), axes)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """The array without axes of size 1. Raises ValueError for other sizes.

    >>> import kagari as torch
    >>> torch.array_api.squeeze(torch.ones(1, 2), 0).shape
    torch.Size([2])
    """
    axes = _axes(axis, x.ndim)
    for a in axes:
        if x.size(a) != 1:
            raise ValueError(f"squeeze(): axis {a} has size {x.size(a)}, not 1")
    return operators.squeeze(x, axes)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """The arrays joined along a new axis.

    >>> import kagari as torch
    >>> torch.array_api.stack((torch.zeros(2), torch.ones(2))).shape
    torch.Size([2, 2])
    """
    dt = result_type(*arrays)
    return operators.stack([x.to(dt) for x in arrays], axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The array repeated as a whole.

    >>> import kagari as torch
    >>> torch.array_api.tile(torch.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return operators.tile(x, tuple(repetitions))


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis.

    >>> import kagari as torch
    >>> torch.array_api.unstack(torch.tensor([1, 2]))
    (tensor(1), tensor(2))
    """
    return tuple(operators.unbind(x, axis))


# Elements by place


def _counted(indices: Tensor, size: int) -> Tensor:
    """Indices that count from the front."""
    return operators.where(indices < 0, indices + size, indices).to(int64)


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices of an axis that the indices name; an array of one dimension needs no axis.

    >>> import kagari as torch
    >>> torch.array_api.take(torch.tensor([1, 2, 3]), torch.tensor([2, 0]))
    tensor([3, 1])
    """
    if axis is None and x.ndim != 1:
        raise ValueError(f"take(): axis must be given for an array of {x.ndim} dimensions")
    dim = 0 if axis is None else axis
    places = _counted(indices, x.size(dim))
    return operators.index_select(x, dim, places)


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Of each row along an axis the elements that the indices name.

    >>> import kagari as torch
    >>> torch.array_api.take_along_axis(torch.tensor([[1, 2]]), torch.tensor([[1]]))
    tensor([[2]])
    """
    places = _counted(indices, x.size(axis))
    return operators.take_along_dim(x, places, axis)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The place of the largest element.

    >>> import kagari as torch
    >>> torch.array_api.argmax(torch.tensor([1, 3, 2]))
    tensor(1)
    """
    return _place("argmax", x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The place of the smallest element.

    >>> import kagari as torch
    >>> torch.array_api.argmin(torch.tensor([1, 3, 2]))
    tensor(0)
    """
    return _place("argmin", x, axis, keepdims)


def _place(name: str, x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    found = getattr(operators, name)(x, axis, keepdims)
    return found.reshape((1,) * x.ndim) if axis is None and keepdims else found


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The places of the elements that are not zero, an array for each axis. Raises ValueError where there are none.

    >>> import kagari as torch
    >>> torch.array_api.nonzero(torch.tensor([0, 3]))
    (tensor([1]),)
    """
    if not x.ndim:
        raise ValueError("nonzero() does not support arrays without dimensions")
    return tuple(operators.nonzero(x, as_tuple=True))


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """Elements of `x1` where the condition holds, of `x2` elsewhere.

    >>> import kagari as torch
    >>> torch.array_api.where(torch.tensor([True, False]), torch.ones(2), torch.zeros(2))
    tensor([1., 0.])
    """
    return operators.where(condition, *together(x1, x2))


def searchsorted(x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where in sorted `x1` the elements of `x2` belong.

    >>> import kagari as torch
    >>> torch.array_api.searchsorted(torch.tensor([1, 3]), torch.tensor([2]))
    tensor([1])
    """
    a, b = together(x1, x2)
    if sorter is not None:
        a = take(a, sorter)
    return operators.searchsorted(a.contiguous(), b, right=side == "right")


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis.

    >>> import kagari as torch
    >>> torch.array_api.sort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return operators.sort(x, dim=axis, descending=descending, stable=stable)[0]


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The places of the elements in order along an axis.

    >>> import kagari as torch
    >>> torch.array_api.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return operators.sort(x, dim=axis, descending=descending, stable=stable)[1]


# Sets


class UniqueAll(NamedTuple):
    """The distinct values, where each is first, which of them each element is, how often each occurs."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """The distinct values and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """The distinct values and which of them each element is."""

    values: Tensor
    inverse_indices: Tensor


def _unique(x: Tensor, **asked: bool) -> Any:
    """`torch.unique`, of complex numbers too: in the order of their real parts, then of the imaginary ones."""
    if not x.is_complex():
        return operators.unique(x, **asked)
    found = operators.unique(operators.view_as_real(x.reshape(-1)), dim=0, **asked)
    if not asked:
        return operators.view_as_complex(found)
    values, *rest = found
    if "return_inverse" in asked:
        rest[0] = rest[0].reshape(x.shape)
    return operators.view_as_complex(values), *rest


def unique_all(x: Tensor, /) -> UniqueAll:
    """The distinct values in order, and all that is known of them. Each NaN is a value of its own.

    >>> import kagari as torch
    >>> torch.array_api.unique_all(torch.tensor([2, 1, 2])).counts
    tensor([1, 2])
    """
    values, inverse, counts = _unique(x, return_inverse=True, return_counts=True)
    first = operators.index_select(argsort(inverse.reshape(-1)), 0, operators.cumsum(counts, 0) - counts)
    return UniqueAll(values, first, inverse, counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The distinct values in order, and how often each occurs.

    >>> import kagari as torch
    >>> torch.array_api.unique_counts(torch.tensor([2, 1, 2])).values
    tensor([1, 2])
    """
    return UniqueCounts(*_unique(x, return_counts=True))


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The distinct values in order, and which of them each element is.

    >>> import kagari as torch
    >>> torch.array_api.unique_inverse(torch.tensor([2, 1, 2])).inverse_indices
    tensor([1, 0, 1])
    """
    return UniqueInverse(*_unique(x, return_inverse=True))


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct values in order.

    >>> import kagari as torch
    >>> torch.array_api.unique_values(torch.tensor([2, 1, 2]))
    tensor([1, 2])
    """
    values: Tensor = _unique(x)
    return values


FUNCTIONS = (
    argmax, argmin, argsort, concat, expand_dims, flip, matrix_transpose, moveaxis, nonzero, permute_dims, repeat,
    reshape, roll, searchsorted, sort, squeeze, stack, take, take_along_axis, tile, unique_all, unique_counts,
    unique_inverse, unique_values, unstack, where,
)  # fmt: skip
