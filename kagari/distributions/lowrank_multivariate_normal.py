"""The normal distribution of vectors whose covariances are of low rank, but for the diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from ..linalg import cholesky
from . import constraints
from .distribution import Distribution
from .multivariate_normal import half_log_det, squared_length
from .normal import standard_normal
from .shapes import Centred
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Centred, Distribution):
    r"""The normal distribution of vectors of length D with the covariances :math:`W W^T + \text{diag}(d)`.

    Args:
        loc (Tensor): the means, :math:`(*, D)`.
        cov_factor (Tensor): W, :math:`(*, D, M)`.
        cov_diag (Tensor): d, :math:`(*, D)`, positive.
        validate_args (bool, optional): as for :class:`Distribution`.

    What is computed takes time in proportion to :math:`D M^2`: determinant and inverse are those of the small matrix
    :math:`I + W^T \text{diag}(d)^{-1} W`.

    Raises ValueError for shapes that do not fit.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2)).variance
        tensor([2., 2.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.ndim < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        batch = ops.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand((*batch, -1)), cov_diag.expand((*batch, -1))
        self.cov_factor = cov_factor.expand((*batch, -1, -1))
        super().__init__(batch, event, validate_args)
        self._factor, self._diag = cov_factor, cov_diag
        self._capacitance_tril = cholesky(_capacitance(cov_factor, cov_diag))

    def _matrix(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @lazy_property
    def variance(self) -> Tensor:
        """The variance."""
        made = self._factor.pow(2).sum(-1) + self._diag
        return made.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular factor of the covariances."""
        root = self._diag.sqrt().unsqueeze(-1)
        scaled = self._factor / root
        inner = scaled @ scaled.mT + ops.eye(self._event_shape[0], dtype=scaled.dtype)
        return self._matrix(root * cholesky(inner))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        return self._matrix(self._factor @ self._factor.mT + ops.diag_embed(self._diag))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariances."""
        inverse = self._diag.reciprocal()
        scaled = self._factor.mT * inverse.unsqueeze(-2)
        part = ops.cholesky_solve(scaled, self._capacitance_tril)
        return self._matrix(ops.diag_embed(inverse) - scaled.mT @ part)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        shape = self._extended_shape(sample_shape)
        common = standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc)
        own = standard_normal(shape, self.loc)
        return self.loc + (self._factor @ common.unsqueeze(-1)).squeeze(-1) + self._diag.sqrt() * own

    def _log_det(self) -> Tensor:
        """The logarithm of the determinant of the covariances."""
        return 2 * half_log_det(self._capacitance_tril) + self._diag.log().sum(-1)

    def _squared_length(self, difference: Tensor) -> Tensor:
        """Products of vectors with the inverse of the covariances and with themselves."""
        scaled = (self._factor.mT @ (difference / self._diag).unsqueeze(-1)).squeeze(-1)
        return (difference.pow(2) / self._diag).sum(-1) - squared_length(self._capacitance_tril, scaled)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        distance = self._squared_length(value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + distance)

    def entropy(self) -> Tensor:
        """The entropy."""
        made = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return made.expand(self._batch_shape)


def _capacitance(factor: Tensor, diag: Tensor) -> Tensor:
    """I + W^T diag(d)^-1 W."""
    scaled = factor.mT / diag.unsqueeze(-2)
    return scaled @ factor + ops.eye(factor.shape[-1], dtype=factor.dtype)
