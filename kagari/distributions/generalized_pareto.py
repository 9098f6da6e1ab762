"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    r"""How far values are above a threshold, given that they are:
    :math:`p(x) = \frac{1}{\sigma} (1 + \xi z)^{-1 / \xi - 1}` with :math:`z = (x - \mu) / \sigma`, and
    :math:`\frac{1}{\sigma} e^{-z}` for :math:`\xi = 0`.

    Args:
        loc (float or Tensor): :math:`\mu`.
        scale (float or Tensor): :math:`\sigma > 0`.
        concentration (float or Tensor): :math:`\xi`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
        tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """The numbers from the threshold on; where the concentration is negative, up to a bound."""
        upper = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, ops.where(self.concentration < 0, upper, math.inf))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        return self.icdf(ops.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def _shapes(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is 0, and it elsewhere."""
        zero = ops.isclose(self.concentration, ops.zeros_like(self.concentration))
        return zero, ops.where(zero, 1.0, self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        z, (zero, xi) = (value - self.loc) / self.scale, self._shapes()
        return ops.where(zero, -z, -(1 / xi + 1) * ops.log1p(xi * z)) - self.scale.log()

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values that are larger."""
        if self._validate_args:
            self._validate_sample(value)
        z, (zero, xi) = (value - self.loc) / self.scale, self._shapes()
        return ops.where(zero, -z, -ops.log1p(xi * z) / xi)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values that are not larger."""
        return ops.log1p(-ops.exp(self.log_survival_function(value)))

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        return ops.exp(self.log_cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        zero, xi = self._shapes()
        log_rest = ops.log1p(-value)
        return self.loc + self.scale * ops.where(zero, -log_rest, ops.expm1(-xi * log_rest) / xi)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        found = self.loc + self.scale / (1 - self.concentration)
        return ops.where(self.concentration < 1, found, math.nan)

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance."""
        xi = self.concentration
        found = self.scale.pow(2) / ((1 - xi).pow(2) * (1 - 2 * xi))
        return ops.where(xi < 0.5, found, math.nan)

    def entropy(self) -> Tensor:
        """The entropy."""
        return ops.log(self.scale) + self.concentration + 1
