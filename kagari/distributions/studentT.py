"""Student's distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .normal import standard_normal
from .utils import broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    r"""Normal numbers divided by the root of an independent chi-squared number over its degrees of freedom:
    :math:`p(x) \propto (1 + z^2 / \nu)^{-(\nu + 1) / 2}` with :math:`z = (x - \mu) / \sigma`.

    Args:
        df (float or Tensor): the degrees of freedom, :math:`\nu > 0`.
        loc (float or Tensor): :math:`\mu`. Default: 0
        scale (float or Tensor): :math:`\sigma > 0`. Default: 1
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.StudentT(3.0).variance
        tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> StudentT:
        """The same distribution, with its batch expanded to a shape."""
        made = super().expand(Size(batch_shape))
        made._chi2 = self._chi2.expand(batch_shape)
        return made

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance."""
        found = self.scale.pow(2) * self.df / (self.df - 2)
        return ops.where(self.df <= 1, math.nan, ops.where(self.df <= 2, math.inf, found))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        drawn = standard_normal(self._extended_shape(sample_shape), self.df)
        return self.loc + self.scale * drawn * ops.rsqrt(self._chi2.rsample(sample_shape) / self.df)

    def _log_beta(self) -> Tensor:
        """The logarithm of the beta function of half the degrees of freedom and one half."""
        return ops.lgamma(0.5 * self.df) + 0.5 * math.log(math.pi) - ops.lgamma(0.5 * (self.df + 1.0))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        constant = self.scale.log() + 0.5 * self.df.log() + self._log_beta()
        return -0.5 * (self.df + 1.0) * ops.log1p(z**2.0 / self.df) - constant

    def entropy(self) -> Tensor:
        """The entropy."""
        half = 0.5 * (self.df + 1.0)
        slope = half * (ops.digamma(half) - ops.digamma(0.5 * self.df))
        return self.scale.log() + slope + 0.5 * self.df.log() + self._log_beta()
