"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ..autograd.modes import no_grad
from ..eager import Size, Tensor
from ..eager import operators as ops
from ..linalg import cholesky
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import factor_of_inverse, half_log_det
from .shapes import ByMatrix, given_matrix

__all__ = ["Wishart"]


class Wishart(ByMatrix, ExponentialFamily):
    r"""Positive definite D x D matrices, :math:`p(X) \propto |X|^{(\nu - D - 1) / 2} e^{-\text{tr}(V^{-1} X) / 2}`: for
    a whole :math:`\nu` the sum of the outer products of so many normal vectors with the covariances V.

    Args:
        df (float or Tensor): the degrees of freedom, :math:`\nu > D - 1`.
        covariance_matrix (Tensor, optional): V, :math:`(*, D, D)`.
        precision_matrix (Tensor, optional): :math:`V^{-1}`, :math:`(*, D, D)`.
        scale_tril (Tensor, optional): the lower triangular :math:`L` of :math:`V = L L^T`, :math:`(*, D, D)`. Exactly
            one of the three is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Raises ValueError for matrices of less than two dimensions and for too few degrees of freedom.

    Source: Bartlett, *On the theory of statistical regression* (1933), for the draws.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2)).mean
        tensor([[3., 0.],
                [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = given_matrix(AssertionError, covariance_matrix, precision_matrix, scale_tril)
        if matrix.ndim < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = ops.as_tensor(df, dtype=matrix.dtype)
        batch, event = ops.broadcast_shapes(df.shape, matrix.shape[:-2]), matrix.shape[-2:]
        if (df <= event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        self.df = df.expand(batch)
        super().__init__(batch, event, validate_args)
        if (self.df < event[-1]).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        if covariance_matrix is not None:
            self._factor = cholesky(covariance_matrix)
        else:
            self._factor = factor_of_inverse(matrix) if scale_tril is None else matrix
        self._chi2 = Chi2(self.df.unsqueeze(-1) - ops.arange(event[-1], dtype=self.df.dtype).expand((*batch, -1)))

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """That the matrices are positive definite and the degrees of freedom enough."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Wishart:
        """The same distribution, with its batch expanded to a shape."""
        made = super().expand(Size(batch_shape))
        made._chi2 = self._chi2.expand((*batch_shape, self._event_shape[-1]))
        return made

    def _matrix(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape))

    def _over_matrix(self, x: Tensor) -> Tensor:
        return x.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self._over_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._over_matrix(factor.masked_fill(factor <= 0, float("nan"))) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        """The variance."""
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._over_matrix(self.df) * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        with no_grad():
            self._draw(sample_shape)  # PyTorch draws twice and gives the second: so its numbers come from a seed, too
        return self._draw(sample_shape)

    def _draw(self, sample_shape: Sequence[int]) -> Tensor:
        n = self._event_shape[-1]
        noise = self._chi2.rsample(sample_shape).sqrt().diag_embed()
        rows, columns = ops.tril_indices(n, n, -1)
        shape = (*sample_shape, *self._batch_shape, n * (n - 1) // 2)
        noise[..., rows, columns] = ops.randn(shape, dtype=noise.dtype)
        factor = self._factor @ noise
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        nu, n = self.df, self._event_shape[-1]
        half_log_det_value = half_log_det(cholesky(value))
        trace = ops.cholesky_solve(value, self._factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        constant = nu * (n * math.log(2) / 2 + half_log_det(self._factor)) + ops.mvlgamma(nu / 2, n)
        return (nu - n - 1) * half_log_det_value - trace / 2 - constant

    def entropy(self) -> Tensor:
        """The entropy."""
        nu, n = self.df, self._event_shape[-1]
        slopes = ops.digamma(nu.unsqueeze(-1) / 2 - ops.arange(n, dtype=nu.dtype) / 2).sum(-1)
        size = (n + 1) * (half_log_det(self._factor) + 0.5 * n * math.log(2))
        return size + ops.mvlgamma(nu / 2, n) - (nu - n - 1) / 2 * slopes + nu * n / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        matrix, power = natural_params
        n = self._event_shape[-1]
        log_det = 2 * half_log_det(cholesky(-2 * matrix))
        return (power + (n + 1) / 2) * (n * math.log(2) - log_det) + ops.mvlgamma(power + (n + 1) / 2, n)

    @property
    def _mean_carrier_measure(self) -> Any:
        return 0
