"""Functions of numbers, one by one, with an inverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .distribution import Distribution
from .independent import summed
from .transform import Transform
from .utils import broadcast_all

__all__ = [
    "AbsTransform", "AffineTransform", "CumulativeDistributionTransform", "ExpTransform", "PowerTransform",
    "SigmoidTransform", "SoftplusTransform", "TanhTransform",
]  # fmt: skip


class ExpTransform(Transform):
    """`y = exp(x)`.

    >>> import kagari as torch
    >>> torch.distributions.ExpTransform()(torch.tensor(0.0))
    tensor(1.)
    """

    domain, codomain, sign = constraints.real, constraints.positive, 1
    bijective = True

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
    bijective = True

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
    bijective = True

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

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale = loc, scale
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

    inverse_shape = forward_shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AffineTransform) and all(
            bool((ops.tensor(a) == ops.tensor(b)).all()) if not isinstance(a, Tensor) else bool((a == b).all())
            for a, b in ((self.loc, other.loc), (self.scale, other.scale))
        )

    def __hash__(self) -> int:
        return id(self)


class AbsTransform(Transform):
    """`y = |x|`, whose inverse is y.

    >>> import kagari as torch
    >>> torch.distributions.AbsTransform()(torch.tensor(-2.0))
    tensor(2.)
    """

    domain, codomain = constraints.real, constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    r""":math:`y = x^\text{exponent}` of positive numbers.

    Args:
        exponent (float or Tensor): the exponent.
        cache_size (int): as for :class:`Transform`.

    >>> import kagari as torch
    >>> torch.distributions.PowerTransform(2.0)(torch.tensor(3.0))
    tensor(9.)
    """

    domain, codomain, bijective = constraints.positive, constraints.positive, True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    @property
    def sign(self) -> Any:
        """The sign of the exponent."""
        return self.exponent.sign()

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the slope."""
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, which is that of both broadcast."""
        return ops.broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool(self.exponent.eq(other.exponent).all())

    def __hash__(self) -> int:
        return id(self)


class SoftplusTransform(Transform):
    """`y = log(1 + exp(x))`.

    >>> import kagari as torch
    >>> torch.distributions.SoftplusTransform()(torch.tensor(0.0))
    tensor(0.6931)
    """

    domain, codomain, sign = constraints.real, constraints.positive, 1
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        return ops.softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the slope."""
        return -ops.softplus(-x)


class CumulativeDistributionTransform(Transform):
    """The distribution function, which makes uniform numbers between 0 and 1 of draws.

    Args:
        distribution (Distribution): the distribution, of numbers.
        cache_size (int): as for :class:`Transform`.

    >>> import kagari as torch
    >>> kinds = torch.distributions
    >>> kinds.CumulativeDistributionTransform(kinds.Normal(0.0, 1.0))(torch.tensor(0.0))
    tensor(0.5000)
    """

    codomain, sign, bijective = constraints.unit_interval, 1, True

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """What may be given: what the distribution can give."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the density."""
        return self.distribution.log_prob(x)
