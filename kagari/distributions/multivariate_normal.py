"""The normal distribution of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from ..linalg import cholesky, solve_triangular
from . import constraints
from .distribution import Distribution
from .normal import standard_normal
from .shapes import ByMatrix, Centred, given_matrix

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Centred, ByMatrix, Distribution):
    r"""The normal distribution of vectors of length D,
    :math:`p(x) = (2 \pi)^{-D/2} |\Sigma|^{-1/2} e^{-\frac{1}{2} (x - \mu)^T \Sigma^{-1} (x - \mu)}`.

    Args:
        loc (Tensor): :math:`\mu`, :math:`(*, D)`.
        covariance_matrix (Tensor, optional): :math:`\Sigma`, :math:`(*, D, D)`.
        precision_matrix (Tensor, optional): :math:`\Sigma^{-1}`, :math:`(*, D, D)`.
        scale_tril (Tensor, optional): the lower triangular :math:`L` of :math:`\Sigma = L L^T`, :math:`(*, D, D)`.
            Exactly one of the three is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.zeros(2))
        tensor(-1.8379)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = given_matrix(ValueError, covariance_matrix, precision_matrix, scale_tril)
        if matrix.ndim < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = ops.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        self.loc = loc.expand((*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args)
        if covariance_matrix is not None:
            self._factor = cholesky(covariance_matrix)
        else:
            self._factor = factor_of_inverse(matrix) if scale_tril is None else matrix

    def _matrix(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self._factor.pow(2).sum(-1).expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        drawn = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._factor @ drawn.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        distance = squared_length(self._factor, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(self._factor)

    def entropy(self) -> Tensor:
        """The entropy."""
        made = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det(self._factor)
        return made.expand(self._batch_shape)


def factor_of_inverse(precision: Tensor) -> Tensor:
    """The lower triangular factor of the inverse of matrices: that of their mirror image, mirrored, and inverted."""
    mirrored = ops.flip(cholesky(ops.flip(precision, (-2, -1))), (-2, -1)).mT
    return solve_triangular(mirrored, ops.eye(precision.shape[-1], dtype=precision.dtype), upper=False)


def squared_length(factor: Tensor, difference: Tensor) -> Tensor:
    r"""The squares of the lengths of :math:`L^{-1} d`."""
    return solve_triangular(factor, difference.unsqueeze(-1), upper=False).squeeze(-1).pow(2).sum(-1)


def half_log_det(factor: Tensor) -> Tensor:
    """Half the logarithm of the determinant of the covariances."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
