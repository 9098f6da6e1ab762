"""The Laplace distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .distribution import Distribution
from .shapes import Centred
from .utils import broadcast_all

__all__ = ["Laplace"]


class Laplace(Centred, Distribution):
    r"""The Laplace distribution, :math:`p(x) = \frac{1}{2 b} e^{-\frac{|x - \mu|}{b}}`.

    Args:
        loc (float or Tensor): :math:`\mu`.
        scale (float or Tensor): :math:`b > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Laplace(0.0, 1.0).log_prob(torch.tensor(0.0))
        tensor(-0.6931)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return 2**0.5 * self.scale

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return 2 * self.scale.pow(2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        eps = ops.finfo(self.loc.dtype).eps
        drawn = self.loc.new_empty(self._extended_shape(sample_shape)).uniform_(eps - 1, 1)
        return self.loc - self.scale * drawn.sign() * ops.log1p(-drawn.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        return -ops.log(2 * self.scale) - ops.abs(value - self.loc) / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        if self._validate_args:
            self._validate_sample(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * ops.expm1(-distance.abs() / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        centred = value - 0.5
        return self.loc - self.scale * centred.sign() * ops.log1p(-2 * centred.abs())

    def entropy(self) -> Tensor:
        """The entropy."""
        return 1 + ops.log(2 * self.scale)
