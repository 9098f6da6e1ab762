"""Views that come as several tensors, composed of those that are operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.library import function


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
    select = function("select")
    return tuple([select.run((input, dim, i)) for i in range(input._layout.shape[dim])])


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
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and length):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        sections = [min(size, length - at) for at in range(0, length, size)] if length else [0]
    else:
        sections = list(split_size_or_sections)
        if sum(sections) != length:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension {dim}), but got "
                f"split_sizes={sections}"
            )
    narrow, at, parts = function("narrow"), 0, []
    for n in sections:
        parts.append(narrow.run((tensor, dim, at, n)))
        at += n
    return tuple(parts)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most so many pieces of equal size along a dimension; the last may be smaller.

    >>> import kagari as torch
    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = input._layout.shape[checked_dim(dim, input._layout.ndim)]
    return split(input, max(1, -(-length // chunks)), dim)


def cat(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """Joins tensors along a dimension they have.

    >>> import kagari as torch
    >>> torch.cat([torch.zeros(1), torch.ones(2)])
    tensor([0., 1., 1.])
    """
    parts = list(tensors)
    if not parts:
        raise ValueError("expected a non-empty list of Tensors")
    joined = _many("cat", parts, dim)
    return joined if out is None else out.copy_(joined)


def stack(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """Joins tensors of one shape along a new dimension.

    >>> import kagari as torch
    >>> torch.stack([torch.zeros(2), torch.ones(2)]).shape
    torch.Size([2, 2])
    """
    parts = list(tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, t in enumerate(parts):
        if t._layout.shape != parts[0]._layout.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} at entry 0 and {list(t.shape)} at entry {i}"
            )
    dim = dim % (parts[0]._layout.ndim + 1) if -parts[0]._layout.ndim - 1 <= dim else dim
    joined = _many("cat", [function("unsqueeze").run((t, dim)) for t in parts], dim)
    return joined if out is None else out.copy_(joined)


def _many(name: str, parts: list[Any], dim: int) -> Any:
    """Joins any number of tensors, a dozen to a kernel."""
    while len(parts) > 12:
        parts = [_many(name, parts[i : i + 12], dim) for i in range(0, len(parts), 12)]
    return function(name).miss(dim, *parts)
