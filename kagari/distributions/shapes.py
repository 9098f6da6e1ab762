"""What distributions of one kind have in common."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform
from .utils import lazy_property

__all__ = ["ByMatrix", "Centred", "Half", "Relaxed", "given_matrix"]


class Centred:
    """A distribution that is symmetric around `loc`, its mean and its mode."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return self.loc


class Half(TransformedDistribution):
    """The absolute values of numbers whose distribution, `base_dist`, is symmetric around 0."""

    arg_constraints: ClassVar[dict[str, Any]] = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Any

    def __init__(self, base: Any, validate_args: bool | None = None) -> None:
        super().__init__(base, AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """The scale of the numbers with sign."""
        return self.base_dist.scale

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return ops.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        found = self.base_dist.log_prob(value) + math.log(2)
        return ops.where(value >= 0, found, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        """The entropy."""
        return self.base_dist.entropy() - math.log(2)


class Relaxed(TransformedDistribution):
    """A distribution that comes close to a discrete one as the temperature of `base_dist` falls."""

    has_rsample = True
    base_dist: Any

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """Logarithms of the odds, or of the probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs


def given_matrix(
    error: type[Exception], covariance_matrix: Any, precision_matrix: Any, scale_tril: Any
) -> tuple[str, Tensor]:
    """The one of three matrices that is given, after its name. Raises an error unless it is one."""
    matrices = {
        "covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril
    }  # fmt: skip
    given = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
    if len(given) != 1:
        raise error("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
    return given[0]


class ByMatrix:
    """A distribution with a positive definite matrix, of which `_factor` is the lower triangular factor."""

    _factor: Tensor

    def _matrix(self, matrix: Tensor) -> Tensor:
        """A matrix for each distribution of the batch."""
        raise NotImplementedError

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular factor of the matrix."""
        return self._matrix(self._factor)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The matrix."""
        return self._matrix(self._factor @ self._factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the matrix."""
        return self._matrix(ops.cholesky_inverse(self._factor))
