"""Sparse tensors: `torch.sparse`. They are made by `torch.sparse_coo_tensor` and by `to_sparse` of a dense tensor."""

from __future__ import annotations

from typing import Any

from .eager import Tensor
from .eager.answering import told as _told
from .eager.sparse import product as _product
from .eager.sparse import reduce as _reduce
from .eager.sparse.invariants import check_sparse_tensor_invariants


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, of which at least one is sparse; sparse if both are. Gradients pass to both, to a
    sparse one at its places.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0])
    >>> torch.sparse.mm(s, torch.tensor([[1.0], [10.0]]))
    tensor([[20.],
            [ 3.]])
    """
    return _product.masked_mm(mat1, mat2)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """`beta * mat + alpha * mat1 @ mat2` with a sparse `mat1`.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0])
    >>> torch.sparse.addmm(torch.ones(2, 1), s, torch.ones(2, 1), alpha=2)
    tensor([[5.],
            [7.]])
    """
    return _product.addmm(mat, mat1, mat2, beta=beta, alpha=alpha, multiply=_product.masked_mm)


def sum(input: Tensor, dim: int | tuple[int, ...] | None = None, dtype: Any = None) -> Tensor:
    """The sum over all elements, or over dimensions; sparse as long as a sparse dimension is left.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0])
    >>> torch.sparse.sum(s, dim=0).to_dense()
    tensor([4., 0., 8.])
    """
    return _reduce.sum(input, dim, dtype=dtype)


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Softmax over the elements that are there: those that are not count as minus infinity.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0])
    >>> torch.sparse.softmax(s, 1).to_dense()
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    return _reduce.softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of :func:`softmax`, at the places of the tensor.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0])
    >>> torch.sparse.log_softmax(s, 1).values()
    tensor([0., 0.])
    """
    return _reduce.log_softmax(input, dim, dtype=dtype)


for _function in (addmm, mm, log_softmax, softmax, sum):
    _told(_function, "torch.sparse", types=False)

__all__ = ["addmm", "check_sparse_tensor_invariants", "log_softmax", "mm", "softmax", "sum"]
