"""The normal distribution of numbers without sign."""

from __future__ import annotations

import math
from typing import Any

from ..eager import Tensor
from .normal import Normal
from .shapes import Half

__all__ = ["HalfNormal"]


class HalfNormal(Half):
    r"""The absolute values of numbers that are normally distributed around 0.

    Args:
        scale (float or Tensor): the standard deviation of those numbers, :math:`\sigma > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.HalfNormal(1.0).mean
        tensor(0.7979)
    """

    base_dist: Normal

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.scale.pow(2) * (1 - 2 / math.pi)
