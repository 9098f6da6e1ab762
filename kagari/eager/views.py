"""Views that come as several tensors, composed of those that are operators."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from ..autograd.views import as_several
from ..base.layout import suggests_channels_last
from ..engine.function import Hooks
from . import inplace
from .calls import call
from .indexing import parts, recorded


def checked_dim(dim: int, ndim: int) -> int:
    """A dimension counted from the front. Raises IndexError as PyTorch does."""
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})")
    return dim % limit


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """The slices along a dimension, without it.

    >>> import kagari as torch
    >>> torch.unbind(torch.tensor([1, 2]))
    (tensor(1), tensor(2))
    """
    if not input._layout.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = checked_dim(dim, input._layout.ndim)
    if not recorded(input):
        return parts(input, dim, [(i, 1) for i in range(input._layout.shape[dim])], keep=False)
    select = call("select")
    return as_several("Unbind", tuple([select(input, dim, i) for i in range(input._layout.shape[dim])]))


def split(tensor: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Pieces along a dimension: of one size (the last may be smaller), or of the sizes listed.

    >>> import kagari as torch
    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    dim = checked_dim(dim, tensor._layout.ndim)
    if not tensor._layout.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    length = tensor._layout.shape[dim]
    if isinstance(split_size_or_sections, int) and not isinstance(split_size_or_sections, bool):
        size = split_size_or_sections
        if size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        if size == 0 and length:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}")
        sections = [min(size, length - at) for at in range(0, length, size)] if length else [0]
    elif not isinstance(split_size_or_sections, Sequence):
        kind = type(split_size_or_sections).__name__
        raise TypeError(f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not {kind}")
    else:
        sections = list(split_size_or_sections)
        if any(n < 0 for n in sections):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sections}"
            )
        if sum(sections) != length:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension "
                f"{dim}), but got "
                f"split_sizes={sections}"
            )
    bounds = [(at - n, n) for at, n in zip(accumulate(sections), sections)]
    if not recorded(tensor):
        return parts(tensor, dim, bounds)
    narrow = call("narrow")
    name = "Split" if isinstance(split_size_or_sections, int) else "SplitWithSizes"
    return as_several(name, tuple([narrow(tensor, dim, at, n) for at, n in bounds]))


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most so many pieces of equal size along a dimension; the last may be smaller.

    >>> import kagari as torch
    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if not input._layout.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = input._layout.shape[checked_dim(dim, input._layout.ndim)]
    return split(input, -(-length // chunks) if length else [0] * chunks, dim)


def split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Pieces of the sizes listed along a dimension.

    >>> import kagari as torch
    >>> torch.split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return split(input, list(split_sizes), dim)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces along a dimension: so many, of which the first may be larger by one; or cut before the indices listed.

    >>> import kagari as torch
    >>> torch.tensor_split(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    if not input._layout.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = checked_dim(dim, input._layout.ndim)
    length = input._layout.shape[dim]
    if isinstance(indices_or_sections, Hooks.tensor_types):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        if n <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {n}")
        cuts = [i * (length // n) + min(i, length % n) for i in range(1, n)]
    else:
        cuts = [min(max(i + length if i < 0 else i, 0), length) for i in indices_or_sections]
    bounds = [0, *cuts, length]
    return tuple([call("slice")(input, dim, a, max(a, b), 1) for a, b in pairwise(bounds)])


def cat(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """Joins tensors along a dimension they have.

    >>> import kagari as torch
    >>> torch.cat([torch.zeros(1), torch.ones(2)])
    tensor([0., 1., 1.])
    """
    given = tensors_of("cat", tensors)
    if not given:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    joined = _joined("cat", given, dim)
    return joined if out is None else written(out, joined)


def stack(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """Joins tensors of one shape along a new dimension.

    >>> import kagari as torch
    >>> torch.stack([torch.zeros(2), torch.ones(2)]).shape
    torch.Size([2, 2])
    """
    given = tensors_of("stack", tensors)
    if not given:
        raise RuntimeError("stack expects a non-empty TensorList")
    dim = checked_dim(dim, given[0]._layout.ndim + 1)
    shape = given[0]._layout.shape
    for i, t in enumerate(given):
        if t._layout.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(t.shape)} "
                f"at entry {i}"
            )
    rank = len(shape)
    if dim < rank and rank in (4, 5) and suggests_channels_last(shape, given[0]._layout.strides):
        joined = call("unflatten")(_joined("cat", given, dim), dim, (len(given), shape[dim]))  # channels stay the last
    else:
        unsqueeze = call("unsqueeze")
        joined = _joined("stacked", [unsqueeze(t, dim) for t in given], dim)
    return joined if out is None else written(out, joined)


def tensors_of(name: str, tensors: Any) -> list[Any]:
    """The tensors of a list. Raises TypeError for anything else."""
    if not isinstance(tensors, Sequence):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for i, t in enumerate(tensors):
        if not isinstance(t, Hooks.tensor_types):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return list(tensors)


def _joined(operator: str, parts: list[Any], dim: int) -> Any:
    """Joins any number of tensors, a dozen to a kernel."""
    while len(parts) > _PER_KERNEL:
        parts = [_joined(operator, parts[i : i + _PER_KERNEL], dim) for i in range(0, len(parts), _PER_KERNEL)]
    return call(operator)(dim, *parts)


def written(out: Any, result: Any) -> Any:
    """`out`, with a result written to it."""
    inplace.write_out(out, result)
    return out


_PER_KERNEL = 12

FUNCTIONS = (cat, chunk, split, split_with_sizes, stack, tensor_split, unbind)
METHODS = (chunk, split, split_with_sizes, tensor_split, unbind)
ALIASES = {"concat": cat, "concatenate": cat}
