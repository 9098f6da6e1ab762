"""The linear algebra extension of the array API: matrices, and stacks of matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..base.dtypes import dtype as Dtype
from ..eager import Tensor, operators
from ..eager.linalg import LINALG
from .arrange import matrix_transpose
from .elementwise import together
from .reduce import Axis, matmul, sum_, tensordot, vecdot


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangle."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its magnitude."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """Left singular vectors, singular values in descending order, right singular vectors in rows."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangle whose product with its adjoint is the matrix.

    >>> import kagari as torch
    >>> torch.array_api.linalg.cholesky(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    return LINALG["cholesky"](x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The vectors of three elements that are at right angles to pairs of others.

    >>> import kagari as torch
    >>> torch.array_api.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    return operators.linalg_cross(*operators.broadcast_tensors(*together(x1, x2)), dim=axis)


def det(x: Tensor, /) -> Tensor:
    """The determinants.

    >>> import kagari as torch
    >>> torch.array_api.linalg.det(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor(6.)
    """
    return LINALG["det"](x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of the matrices.

    >>> import kagari as torch
    >>> torch.array_api.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return operators.diagonal(x, offset, -2, -1)


def eigh(x: Tensor, /) -> EighResult:
    """The eigenvalues and eigenvectors of symmetric or Hermitian matrices.

    >>> import kagari as torch
    >>> torch.array_api.linalg.eigh(torch.eye(2)).eigenvalues
    tensor([1., 1.])
    """
    return EighResult(*LINALG["eigh"](x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """The eigenvalues of symmetric or Hermitian matrices.

    >>> import kagari as torch
    >>> torch.array_api.linalg.eigvalsh(torch.eye(2))
    tensor([1., 1.])
    """
    return LINALG["eigvalsh"](x)


def inv(x: Tensor, /) -> Tensor:
    """The inverses.

    >>> import kagari as torch
    >>> torch.array_api.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return LINALG["inv"](x)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norms of the matrices.

    >>> import kagari as torch
    >>> torch.array_api.linalg.matrix_norm(torch.ones(2, 2))
    tensor(2.)
    """
    return LINALG["matrix_norm"](x, ord, (-2, -1), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """The matrices to a whole power.

    >>> import kagari as torch
    >>> torch.array_api.linalg.matrix_power(torch.tensor([[2.0]]), 3)
    tensor([[8.]])
    """
    return LINALG["matrix_power"](x, n)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values are larger than `rtol` times the largest.

    >>> import kagari as torch
    >>> torch.array_api.linalg.matrix_rank(torch.ones(2, 2))
    tensor(1)
    """
    return LINALG["matrix_rank"](x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """All products of two vectors' elements.

    >>> import kagari as torch
    >>> torch.array_api.linalg.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    return operators.outer(*together(x1, x2))


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverses, of singular values larger than `rtol` times the largest.

    >>> import kagari as torch
    >>> torch.array_api.linalg.pinv(torch.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return LINALG["pinv"](x, rtol=rtol)


def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """Orthonormal columns times an upper triangle.

    >>> import kagari as torch
    >>> torch.array_api.linalg.qr(torch.ones(3, 2)).R.shape
    torch.Size([2, 2])
    """
    return QRResult(*LINALG["qr"](x, mode))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """The signs of the determinants, and the logarithms of their magnitudes.

    >>> import kagari as torch
    >>> torch.array_api.linalg.slogdet(torch.eye(2)).logabsdet
    tensor(0.)
    """
    return SlogdetResult(*LINALG["slogdet"](x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """What the matrices `x1` are to be multiplied with to give `x2`: a vector where that has one dimension.

    >>> import kagari as torch
    >>> torch.array_api.linalg.solve(torch.tensor([[2.0]]), torch.tensor([6.0]))
    tensor([3.])
    """
    a, b = together(x1, x2)
    if b.ndim == 1:
        return LINALG["solve"](a, b[:, None].expand(*a.shape[:-1], 1))[..., 0]
    return LINALG["solve"](a, b)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition.

    >>> import kagari as torch
    >>> torch.array_api.linalg.svd(torch.ones(3, 2)).U.shape
    torch.Size([3, 3])
    """
    return SVDResult(*LINALG["svd"](x, full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values in descending order.

    >>> import kagari as torch
    >>> torch.array_api.linalg.svdvals(torch.eye(2))
    tensor([1., 1.])
    """
    return LINALG["svdvals"](x)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Dtype | None = None) -> Tensor:
    """The sums of the diagonals.

    >>> import kagari as torch
    >>> torch.array_api.linalg.trace(torch.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    return sum_(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """The norms of vectors along axes, of the flattened array with None.

    >>> import kagari as torch
    >>> torch.array_api.linalg.vector_norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return LINALG["vector_norm"](x, ord, axis, keepdims)


__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip
