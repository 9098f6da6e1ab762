"""Invertible functions that turn one distribution into another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .independent import summed

__all__ = [
    "AffineTransform", "ComposeTransform", "ExpTransform", "SigmoidTransform", "TanhTransform", "Transform",
    "identity_transform",
]  # fmt: skip


class Transform:
    r"""A function with an inverse and the logarithm of its slope.

    A subclass has `domain` and `codomain`, which are constraints, `sign`, which is 1 where it rises and -1 where it
    falls, and the methods `_call`, `_inverse` and `log_abs_det_jacobian`.

    Args:
        cache_size (int): 1 keeps the last pair of argument and result, so that the inverse of that result is exact.
            Default: 0

    Raises ValueError for any other size.

    Example::

        >>> import kagari as torch
        >>> f = torch.distributions.ExpTransform()
        >>> f(torch.tensor(0.0)), f.inv(torch.tensor(1.0))
        (tensor(1.), tensor(0.))
    """

    bijective = True
    domain: Any
    codomain: Any
    sign: Any

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._last: tuple[Tensor | None, Tensor | None] = (None, None)

    @property
    def inv(self) -> Transform:
        """The inverse."""
        return _InverseTransform(self)

    def __call__(self, x: Tensor) -> Tensor:
        """The result for x."""
        if self._last[0] is x and x is not None:
            assert self._last[1] is not None
            return self._last[1]
        y = self._call(x)
        if self._cache_size:
            self._last = x, y
        return y

    def inverse_of(self, y: Tensor) -> Tensor:
        """The argument whose result is y."""
        if self._last[1] is y and y is not None:
            assert self._last[0] is not None
            return self._last[0]
        x = self._inverse(y)
        if self._cache_size:
            self._last = x, y
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the absolute value of the slope at x, whose result is y."""
        raise NotImplementedError

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, from that of the argument."""
        return Size(shape)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    """The inverse of a transform."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(transform._cache_size)
        self._of = transform
        self.domain, self.codomain, self.sign = transform.codomain, transform.domain, transform.sign

    @property
    def inv(self) -> Transform:
        return self._of

    def __call__(self, x: Tensor) -> Tensor:
        return self._of.inverse_of(x)

    def inverse_of(self, y: Tensor) -> Tensor:
        return self._of(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._of.log_abs_det_jacobian(y, x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._of == other._of

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._of!r})"


class ExpTransform(Transform):
    """`y = exp(x)`.

    >>> import kagari as torch
    >>> torch.distributions.ExpTransform()(torch.tensor(0.0))
    tensor(1.)
    """

    domain, codomain, sign = constraints.real, constraints.positive, 1

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the slope: x."""
        return x


class SigmoidTransform(Transform):
    """`y = 1 / (1 + exp(-x))`.

    >>> import kagari as torch
    >>> torch.distributions.SigmoidTransform()(torch.tensor(0.0))
    tensor(0.5000)
    """

    domain, codomain, sign = constraints.real, constraints.unit_interval, 1

    def _call(self, x: Tensor) -> Tensor:
        limits = ops.finfo(x.dtype)
        return ops.sigmoid(x).clamp(min=limits.tiny, max=1.0 - limits.eps)

    def _inverse(self, y: Tensor) -> Tensor:
        limits = ops.finfo(y.dtype)
        y = y.clamp(min=limits.tiny, max=1.0 - limits.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the slope."""
        return -ops.softplus(-x) - ops.softplus(x)


class TanhTransform(Transform):
    """`y = tanh(x)`. With `cache_size=1` the probability of what was just drawn is exact also near -1 and 1.

    >>> import kagari as torch
    >>> torch.distributions.TanhTransform()(torch.tensor(0.0))
    tensor(0.)
    """

    domain, codomain, sign = constraints.real, constraints.interval(-1.0, 1.0), 1

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return ops.atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the slope, which is precise for large x, too."""
        return 2.0 * (math.log(2.0) - x - ops.softplus(-2.0 * x))


class AffineTransform(Transform):
    r""":math:`y = \text{loc} + \text{scale} \cdot x`.

    Args:
        loc (float or Tensor): what is added.
        scale (float or Tensor): what is multiplied with.
        event_dim (int): how many of the last dimensions are one event. Default: 0
        cache_size (int): as for :class:`Transform`.

    >>> import kagari as torch
    >>> torch.distributions.AffineTransform(1.0, 2.0)(torch.tensor(3.0))
    tensor(7.)
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self.event_dim = loc, scale, event_dim
        self.domain = self.codomain = (
            constraints.independent(constraints.real, event_dim) if event_dim else constraints.real
        )

    @property
    def sign(self) -> Any:
        """The sign of the scale."""
        return self.scale.sign() if isinstance(self.scale, Tensor) else (self.scale > 0) - (self.scale < 0)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the absolute value of the scale, summed over the dimensions of an event."""
        scale = self.scale if isinstance(self.scale, Tensor) else ops.full_like(x, self.scale)
        shape = x.shape[: x.ndim - self.event_dim]
        return summed(ops.log(ops.abs(scale)).expand(x.shape), self.event_dim).expand(shape)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, which is that of all three broadcast."""
        return ops.broadcast_shapes(shape, *(v.shape for v in (self.loc, self.scale) if isinstance(v, Tensor)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AffineTransform) and all(
            bool((ops.tensor(a) == ops.tensor(b)).all()) if not isinstance(a, Tensor) else bool((a == b).all())
            for a, b in ((self.loc, other.loc), (self.scale, other.scale))
        )

    def __hash__(self) -> int:
        return id(self)


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


identity_transform = ComposeTransform([])
"""What changes nothing."""
