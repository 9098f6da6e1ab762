"""Transforms of vectors into points of a simplex and into matrices, and of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..eager import Size, Tensor
from ..eager import operators as ops
from ..linalg import cholesky
from . import constraints
from .transform import Transform
from .utils import tril_matrix_to_vec, vec_to_tril_matrix

__all__ = [
    "CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "SoftmaxTransform",
    "StickBreakingTransform",
]  # fmt: skip


def _at_least(shape: Sequence[int], dims: int) -> Sequence[int]:
    if len(shape) < dims:
        raise ValueError("Too few dimensions on input")
    return shape


class SoftmaxTransform(Transform):
    r""":math:`y_k = e^{x_k} / \sum_j e^{x_j}`, whose inverse is the logarithm.

    >>> import kagari as torch
    >>> torch.distributions.SoftmaxTransform()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return ops.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result."""
        return Size(_at_least(shape, 1))

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    r"""K numbers to K + 1 parts of one: :math:`y_k = z_k \prod_{j < k} (1 - z_j)` with
    :math:`z_k = \sigma(x_k - \log (K + 1 - k))` for k from 1 on, and what is left.

    >>> import kagari as torch
    >>> torch.distributions.StickBreakingTransform()(torch.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    def _call(self, x: Tensor) -> Tensor:
        limits = ops.finfo(x.dtype)
        z = ops.sigmoid(x - _parts_left(x)).clamp(min=limits.tiny, max=1.0 - limits.eps)
        return ops.pad(z, (0, 1), value=1.0) * ops.pad((1 - z).cumprod(-1), (1, 0), value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        part = y[..., :-1]
        left = (1 - part.cumsum(-1)).clamp(min=ops.finfo(y.dtype).tiny)
        return part.log() - left.log() + _parts_left(part)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the determinant of the slopes."""
        x = x - _parts_left(x)
        return (ops.logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, which has one number more."""
        _at_least(shape, 1)
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the argument, which has one number less."""
        _at_least(shape, 1)
        return Size((*shape[:-1], shape[-1] - 1))


def _parts_left(x: Tensor) -> Tensor:
    """The logarithms of K, K - 1, ... 1."""
    n = x.shape[-1]
    return ops.arange(n, 0, -1, dtype=x.dtype).log()


class CorrCholeskyTransform(Transform):
    r"""D (D - 1) / 2 numbers to a lower triangular D x D matrix with rows of length one: with the partial correlations
    :math:`r = \tanh x` below the diagonal and 1 on it, :math:`y_{ij} = r_{ij} \prod_{k < j} \sqrt{1 - r_{ik}^2}`.

    Source: Lewandowski, Kurowicka, Joe, *Generating random correlation matrices based on vines and extended onion
    method* (2009).

    >>> import kagari as torch
    >>> torch.distributions.CorrCholeskyTransform()(torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain, bijective = constraints.real_vector, constraints.corr_cholesky, True

    def _call(self, x: Tensor) -> Tensor:
        eps = ops.finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - r * r).sqrt().cumprod(-1)
        return (r + ops.eye(r.shape[-1], dtype=r.dtype)) * ops.pad(left[..., :-1], (1, 0), value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        left = ops.pad(1 - (y * y).cumsum(-1)[..., :-1], (1, 0), value=1.0)
        r = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (r.log1p() - (-r).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the determinant of the slopes."""
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        slopes = 2 * (math.log(2.0) - x - ops.softplus(-2 * x))
        return 0.5 * left.log().sum(-1) + slopes.sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the matrices."""
        n = _at_least(shape, 1)[-1]
        rows = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if rows * (rows - 1) // 2 != n:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], rows, rows))

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the vectors."""
        _at_least(shape, 2)
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class LowerCholeskyTransform(Transform):
    """What is below the diagonal of matrices, and the exponentials of the diagonal.

    >>> import kagari as torch
    >>> torch.distributions.LowerCholeskyTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    r""":math:`y = L L^T` with L as :class:`LowerCholeskyTransform` makes it.

    >>> import kagari as torch
    >>> torch.distributions.PositiveDefiniteTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))
