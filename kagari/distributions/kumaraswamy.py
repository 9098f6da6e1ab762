"""The Kumaraswamy distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .gumbel import EULER
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform
from .utils import broadcast_all

__all__ = ["Kumaraswamy"]


class Kumaraswamy(TransformedDistribution):
    r"""Numbers between 0 and 1, :math:`p(x) = a b x^{a - 1} (1 - x^a)^{b - 1}`.

    Args:
        concentration1 (float or Tensor): :math:`a > 0`.
        concentration0 (float or Tensor): :math:`b > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    The mode is that of the density where both are above 1. PyTorch's is NaN there.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Kumaraswamy(1.0, 3.0).mean
        tensor(0.2500)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        zeros = ops.zeros_like(self.concentration0)
        base = Uniform(zeros, ops.ones_like(zeros), validate_args=validate_args)
        inner = PowerTransform(self.concentration0.reciprocal())
        outer = PowerTransform(self.concentration1.reciprocal())
        super().__init__(base, [inner, AffineTransform(1.0, -1.0), outer], validate_args)

    def _moment(self, n: int) -> Tensor:
        """The mean of the n-th power."""
        b, shifted = self.concentration0, 1 + n / self.concentration1
        return b * ops.exp(shifted.lgamma() + b.lgamma() - (shifted + b).lgamma())

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        a, b = self.concentration1, self.concentration0
        inside = ((a - 1) / (a * b - 1)) ** a.reciprocal()
        return ops.where((a < 1) | (b < 1) | ((a == 1) & (b == 1)), math.nan, inside)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self._moment(2) - self._moment(1).pow(2)

    def entropy(self) -> Tensor:
        """The entropy."""
        a, b = self.concentration1, self.concentration0
        harmonic = ops.digamma(b + 1) + EULER
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - ops.log(a) - ops.log(b)
