"""Transforms made of others: one after another, and with events of more dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .independent import summed
from .transform import Transform

__all__ = ["ComposeTransform", "IndependentTransform", "identity_transform"]


class ComposeTransform(Transform):
    """Transforms one after another.

    Args:
        parts (list of Transform): the transforms, the first of which is applied first.
        cache_size (int): as for :class:`Transform`.

    >>> import kagari as torch
    >>> kinds = torch.distributions
    >>> kinds.ComposeTransform([kinds.AffineTransform(1.0, 2.0), kinds.ExpTransform()])(torch.tensor(-0.5))
    tensor(1.)
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)

    @property
    def domain(self) -> Any:
        """What may be given."""
        if not self.parts:
            return constraints.real
        first, dims = self.parts[0].domain, self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            dims = max(dims + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        return _with_event_dim(first, dims)

    @property
    def codomain(self) -> Any:
        """What comes out."""
        if not self.parts:
            return constraints.real
        last, dims = self.parts[-1].codomain, self.parts[0].domain.event_dim
        for part in self.parts:
            dims = max(dims + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        return _with_event_dim(last, dims)

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of the signs."""
        return math.prod(part.sign for part in self.parts)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inverse_of(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of those of the parts."""
        dims, total = self.domain.event_dim, summed(ops.zeros_like(x), self.domain.event_dim)
        for i, part in enumerate(self.parts):
            result = y if i == len(self.parts) - 1 else part(x)
            total = total + summed(part.log_abs_det_jacobian(x, result), dims - part.domain.event_dim)
            dims += part.codomain.event_dim - part.domain.event_dim
            x = result
        return total

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, from that of the argument."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the argument, from that of the result."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return Size(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        parts = ",\n    ".join(repr(part) for part in self.parts)
        return f"{type(self).__name__}(\n    {parts}\n)"


def _with_event_dim(constraint: Any, dims: int) -> Any:
    """The constraint, of events of so many dimensions at least."""
    more = dims - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


class IndependentTransform(Transform):
    """A transform whose events take in more dimensions: the logarithm of its slope is summed over them.

    Args:
        base_transform (Transform): the transform.
        reinterpreted_batch_ndims (int): how many dimensions more.
        cache_size (int): as for :class:`Transform`.

    Raises ValueError for tensors of fewer dimensions.

    >>> import kagari as torch
    >>> f = torch.distributions.IndependentTransform(torch.distributions.ExpTransform(), 1)
    >>> f.log_abs_det_jacobian(torch.ones(3), f(torch.ones(3)))
    tensor(3.)
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.bijective = base_transform.bijective

    @property
    def domain(self) -> Any:
        """What may be given."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Any:
        """What comes out."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def sign(self) -> Any:
        """The sign of the transform."""
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(_deep_enough(x, self.domain.event_dim))

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform.inverse_of(_deep_enough(y, self.codomain.event_dim))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum over the dimensions taken in."""
        return summed(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, from that of the argument."""
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the argument, from that of the result."""
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


def _deep_enough(x: Tensor, dims: int) -> Tensor:
    if x.ndim < dims:
        raise ValueError("Too few dimensions on input")
    return x


identity_transform = ComposeTransform([])
"""What changes nothing."""
