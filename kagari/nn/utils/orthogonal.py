"""Matrices whose columns, or rows, stay orthonormal while they are trained."""

from __future__ import annotations

from typing import TypeVar

from ...autograd import no_grad
from ...base.dtypes import dtype
from ...eager import Tensor
from ...eager import operators as ops
from ...eager.linalg import LINALG
from ...eager.types import finfo
from ..module import Module
from .parametrize import register_parametrization

_M = TypeVar("_M", bound=Module)
MAPS = ("matrix_exp", "cayley", "householder")


def _eye(like: Tensor) -> Tensor:
    return ops.eye(like.shape[-2], dtype=like.dtype, device=like.device)


def _orthonormal(x: Tensor) -> Tensor:
    """The columns of Q in `x = Q R`, with R's diagonal not negative."""
    vectors, tau = ops.geqrf(x)
    q = ops.orgqr(vectors, tau)
    return q * vectors.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthonormal(q: Tensor) -> bool:
    close = 10 * q.shape[-2] * finfo(_real(q.dtype)).eps
    return bool(ops.allclose(q.mH @ q, _eye(q.mH), atol=close))


def _real(dt: dtype) -> dtype:
    return dt.to_real() if dt.is_complex else dt


class _Orthogonal(Module):
    """An orthogonal matrix as a function of any matrix, times a `base` if there is one."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        tall = X.mT if wide else X
        made = self._reflected(tall) if self.orthogonal_map == "householder" else self._rotated(tall)
        if hasattr(self, "base"):
            made = self.base @ made
        return made.mT if wide else made

    def _reflected(self, x: Tensor) -> Tensor:
        """The product of reflections by the columns below the diagonal, with the signs on it."""
        vectors = x.tril(-1)
        tau = 2.0 / (1.0 + (vectors * vectors).sum(-2))
        return ops.orgqr(vectors, tau) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    def _rotated(self, x: Tensor) -> Tensor:
        """`e^A` or `(1 + A/2)(1 - A/2)^-1` of the skew matrix A that has x below its diagonal."""
        n, k = x.shape[-2:]
        x = x.tril()
        if n != k:
            x = ops.cat([x, x.new_zeros((*x.shape[:-1], n - k))], -1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = ops.matrix_exp(skew)
        else:
            q = LINALG["solve"](_eye(skew) - 0.5 * skew, _eye(skew) + 0.5 * skew)
        return q[..., :k]

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        tall = Q.mT if wide else Q
        if not hasattr(self, "base"):
            return self._factors(tall, wide)
        n, k = tall.shape[-2:]
        if n != k:
            rest = ops.randn((*tall.shape[:-1], n - k), dtype=Q.dtype, device=Q.device)
            self.base = _orthonormal(ops.cat([tall, rest], -1))
        else:
            self.base = tall.clone() if _is_orthonormal(tall) else _orthonormal(tall)
        # What every map makes the identity of.
        start = ops.zeros_like(Q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start

    def _factors(self, q: Tensor, wide: bool) -> Tensor:
        """The reflections that a matrix is the product of."""
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        vectors, tau = ops.geqrf(q)
        diagonal = vectors.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1
        return vectors.mT if wide else vectors


def orthogonal(
    module: _M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> _M:
    r"""Parametrizes a matrix as one with :math:`Q^H Q = 1`, or :math:`Q Q^H = 1` where it is wide.

    A matrix X is trained, and Q is ``e^A`` (``"matrix_exp"``) or :math:`(1 + A / 2) (1 - A / 2)^{-1}` (``"cayley"``)
    of the skew matrix A with the elements of X below its diagonal, or a product of reflections by the columns of X
    (``"householder"``).

    Args:
        module (Module): the module that has the weight.
        name (str): the weight. Default: ``"weight"``
        orthogonal_map (str, optional): one of the three. Default: ``"matrix_exp"`` for square and complex matrices,
            else ``"householder"``
        use_trivialization (bool): whether Q is multiplied by a matrix that is kept as a buffer, ``base``, so that X
            begins where it is well-behaved, and any matrix can be assigned. Default: ``True``

    Raises:
        ValueError: for vectors, unknown maps, and reflections by complex vectors.

    Source: Lezcano-Casado, *Trivializations for gradient-based optimization on manifolds* (2019).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(20, 40))
        >>> bool(torch.dist(layer.weight.T @ layer.weight, torch.eye(20)) < 1e-4)
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module


__all__ = ["orthogonal"]
