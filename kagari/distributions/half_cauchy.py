"""The Cauchy distribution of numbers without sign."""

from __future__ import annotations

import math
from typing import Any

from ..eager import Tensor
from ..eager import operators as ops
from .cauchy import Cauchy
from .shapes import Half

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    r"""The absolute values of numbers that have a Cauchy distribution around 0.

    Args:
        scale (float or Tensor): the scale of those numbers, :math:`\gamma > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.HalfCauchy(1.0).cdf(torch.tensor(1.0))
        tensor(0.5000)
    """

    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return ops.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.base_dist.variance
