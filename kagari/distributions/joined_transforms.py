"""Transforms side by side along a dimension, and into another shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .independent import summed
from .transform import Transform

__all__ = ["CatTransform", "ReshapeTransform", "StackTransform"]

Each = Callable[[Transform, Tensor], Tensor]


class _Joined(Transform):
    """Transforms of parts of a tensor along a dimension."""

    _constraint: Any

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = [t.with_cache(cache_size) for t in tseq], dim

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(t.bijective for t in self.transforms)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        raise NotImplementedError

    def _joined(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def _call(self, x: Tensor) -> Tensor:
        return self._joined([t(part) for t, part in zip(self.transforms, self._parts(x))])

    def _inverse(self, y: Tensor) -> Tensor:
        return self._joined([t.inverse_of(part) for t, part in zip(self.transforms, self._parts(y))])


class CatTransform(_Joined):
    """Transforms of the pieces of a tensor along a dimension.

    Args:
        tseq (list of Transform): the transforms.
        dim (int): the dimension. Default: 0
        lengths (list of int, optional): how long each piece is. Default: 1
        cache_size (int): as for :class:`Transform`.

    Raises ValueError for tensors of another length.

    >>> import kagari as torch
    >>> kinds = torch.distributions
    >>> kinds.CatTransform([kinds.ExpTransform(), kinds.TanhTransform()], 0, [1, 2])(torch.zeros(3))
    tensor([1., 0., 0.])
    """

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(f"CatTransform: {len(self.transforms)} transforms, but {len(self.lengths)} lengths")

    @property
    def event_dim(self) -> int:
        """The largest of those of the parts."""
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The length of all pieces together."""
        return sum(self.lengths)

    @property
    def domain(self) -> Any:
        """What may be given."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:
        """What comes out."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        if x.size(self.dim) != self.length:
            raise ValueError(
                f"CatTransform: expected a length of {self.length} along dimension {self.dim}, got {x.size(self.dim)}"
            )
        return x.split(self.lengths, self.dim)

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return ops.cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Those of the pieces side by side, or their sum where the dimension is part of an event."""
        found = [
            summed(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim)
            for t, a, b in zip(self.transforms, self._parts(x), self._parts(y))
        ]
        dim = (self.dim if self.dim < 0 else self.dim - x.ndim) + self.event_dim
        return ops.cat(found, dim) if dim < 0 else sum(found[1:], found[0])


class StackTransform(_Joined):
    """Transforms of the slices of a tensor along a dimension.

    Args:
        tseq (list of Transform): the transforms.
        dim (int): the dimension. Default: 0
        cache_size (int): as for :class:`Transform`.

    Raises ValueError for tensors of another length.

    >>> import kagari as torch
    >>> kinds = torch.distributions
    >>> kinds.StackTransform([kinds.ExpTransform(), kinds.TanhTransform()])(torch.zeros(2))
    tensor([1., 0.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    @property
    def domain(self) -> Any:
        """What may be given."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:
        """What comes out."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        n = len(self.transforms)
        if x.size(self.dim) != n:
            raise ValueError(f"StackTransform: {n} transforms, but length {x.size(self.dim)} along {self.dim}")
        return x.unbind(self.dim)

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return ops.stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Those of the slices, stacked."""
        pairs = zip(self.transforms, self._parts(x), self._parts(y))
        return self._joined([t.log_abs_det_jacobian(a, b) for t, a, b in pairs])


class ReshapeTransform(Transform):
    """Events in another shape.

    Args:
        in_shape (Size): the shape of what may be given.
        out_shape (Size): the shape of what comes out.
        cache_size (int): as for :class:`Transform`.

    Raises ValueError for shapes of other numbers of elements.

    >>> import kagari as torch
    >>> torch.distributions.ReshapeTransform((4,), (2, 2))(torch.ones(3, 4)).shape
    torch.Size([3, 2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if math.prod(in_shape) != math.prod(out_shape):
            raise ValueError("in_shape, out_shape have different numbers of elements")

    @property
    def domain(self) -> Any:
        """All numbers."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @property
    def codomain(self) -> Any:
        """All numbers."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape((*x.shape[: x.ndim - len(self.in_shape)], *self.out_shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape((*y.shape[: y.ndim - len(self.out_shape)], *self.in_shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Zeros."""
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, from that of the argument."""
        return _replaced(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the argument, from that of the result."""
        return _replaced(shape, self.out_shape, self.in_shape)


def _replaced(shape: Sequence[int], old: Size, new: Size) -> Size:
    if len(shape) < len(old):
        raise ValueError("Too few dimensions on input")
    cut = len(shape) - len(old)
    if tuple(shape[cut:]) != tuple(old):
        raise ValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
    return Size((*shape[:cut], *new))
