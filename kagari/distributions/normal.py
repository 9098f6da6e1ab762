"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .exp_family import ExponentialFamily
from .shapes import Centred
from .utils import broadcast_all

__all__ = ["Normal"]


def standard_normal(shape: Size, like: Tensor) -> Tensor:
    """Numbers of mean 0 and variance 1, of the dtype of another tensor."""
    zeros = ops.zeros(shape, dtype=like.dtype)
    return ops.normal(zeros, ops.ones_like(zeros))


class Normal(Centred, ExponentialFamily):
    r"""The normal distribution,
    :math:`p(x) = \frac{1}{\sigma \sqrt{2 \pi}} e^{-\frac{(x - \mu)^2}{2 \sigma^2}}`.

    Args:
        loc (float or Tensor): :math:`\mu`.
        scale (float or Tensor): :math:`\sigma > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.0))
        tensor(-0.9189)
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
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.scale.pow(2)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return ops.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        return self.loc + standard_normal(self._extended_shape(sample_shape), self.loc) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        distance = ((value - self.loc) ** 2) / (2 * self.scale**2)
        return -distance - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 * (1 + ops.erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        return self.loc + self.scale * ops.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        """The entropy."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + ops.log(self.scale)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.loc / self.scale.pow(2), -0.5 * self.scale.pow(2).reciprocal()

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        return -0.25 * x.pow(2) / y + 0.5 * ops.log(-math.pi / y)

    @property
    def _mean_carrier_measure(self) -> Any:
        return 0
