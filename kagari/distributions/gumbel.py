"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import broadcast_all

__all__ = ["EULER", "Gumbel"]


EULER = 0.57721566490153286060
"""The constant of Euler."""


class Gumbel(TransformedDistribution):
    r"""The largest of many numbers, :math:`p(x) = \frac{1}{\beta} e^{-z - e^{-z}}` with :math:`z = (x - \mu) / \beta`.

    Args:
        loc (float or Tensor): :math:`\mu`.
        scale (float or Tensor): :math:`\beta > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Gumbel(0.0, 1.0).mean
        tensor(0.5772)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = ops.finfo(self.loc.dtype)
        base = Uniform(
            ops.full_like(self.loc, limits.tiny), ops.full_like(self.loc, 1 - limits.eps), validate_args=validate_args
        )
        log, minus = ExpTransform().inv, AffineTransform(0, -ops.ones_like(self.scale))
        super().__init__(base, [log, minus, log, AffineTransform(self.loc, -self.scale)], validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.stddev.pow(2)

    def entropy(self) -> Tensor:
        """The entropy."""
        return self.scale.log() + (1 + EULER)
