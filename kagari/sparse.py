"""Sparse tensors: `torch.sparse`. They are made by `torch.sparse_coo_tensor` and by `to_sparse` of a dense tensor."""

from __future__ import annotations

from collections.abc import Callable as _Callable
from typing import Any

from .base.dtypes import bfloat16 as _bfloat16
from .base.dtypes import float16 as _float16
from .base.dtypes import float32 as _float32
from .base.dtypes import float64 as _float64
from .base.dtypes import int8 as _int8
from .base.dtypes import int16 as _int16
from .base.dtypes import int32 as _int32
from .base.dtypes import int64 as _int64
from .base.dtypes import uint8 as _uint8
from .eager import Tensor
from .eager.answering import told as _told
from .eager.formats import layout as _layout
from .eager.formats import sparse_coo as _sparse_coo
from .eager.legacy import tensortype as _tensortype
from .eager.sparse import checking as _checking
from .eager.sparse import compressing as _compressing
from .eager.sparse import making as _making
from .eager.sparse import matrices as _matrices
from .eager.sparse import reduce as _reduce
from .eager.sparse.invariants import check_sparse_tensor_invariants


def mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Tensor:
    """The product of two matrices, of which at least one is sparse; sparse if both are. Gradients pass to both, to a
    sparse one at its places.

    `reduce` says how the terms of an element are joined where a CSR matrix meets a dense one: `sum`, `mean`, `amax` or
    `amin`. Elements without a term are 0.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0])
    >>> torch.sparse.mm(s, torch.tensor([[1.0], [10.0]]))
    tensor([[20.],
            [ 3.]])
    """
    return _matrices.masked_mm(mat1, mat2) if reduce is None else _matrices.reduced_mm(mat1, mat2, reduce)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """`beta * mat + alpha * mat1 @ mat2` with a sparse `mat1`.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0])
    >>> torch.sparse.addmm(torch.ones(2, 1), s, torch.ones(2, 1), alpha=2)
    tensor([[5.],
            [7.]])
    """
    return _matrices.masked_addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


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


def sampled_addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0, out: Tensor | None = None
) -> Tensor:
    """`alpha * mat1 @ mat2 + beta * input` at the places of a CSR `input`: what lies elsewhere is not computed.

    >>> import kagari as torch
    >>> s = torch.eye(2).to_sparse_csr()
    >>> torch.sparse.sampled_addmm(s, torch.ones(2, 3), torch.ones(3, 2)).to_dense()
    tensor([[4., 0.],
            [0., 4.]])
    """
    found = _matrices.sampled_addmm(input, mat1, mat2, beta=beta, alpha=alpha)
    return found if out is None else out.copy_(found)


def spdiags(diagonals: Tensor, offsets: Tensor, shape: tuple[int, int], layout: _layout | None = None) -> Tensor:
    """A sparse matrix of which the rows of `diagonals` are diagonals: row k begins in column `offsets[k]`, or below the
    main diagonal where that is negative. Element j of a row lies in column j.

    >>> import kagari as torch
    >>> torch.sparse.spdiags(torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([0, 1]), (3, 3)).to_dense()
    tensor([[1, 5, 0],
            [0, 2, 6],
            [0, 0, 3]])
    """
    return _compressing.spdiags(diagonals, offsets, shape, layout)


def to_sparse_semi_structured(original_tensor: Tensor, transposed: bool = False) -> Tensor:
    """Raises RuntimeError: matrices of which two of four elements are zero are for GPUs."""
    raise RuntimeError(
        f"Error original_tensor.device= {original_tensor.device} is not supported! Only CUDA tensors are currently "
        "supported."
    )


def as_sparse_gradcheck(gradcheck: _Callable[..., bool]) -> _Callable[..., bool]:
    """A `gradcheck` that takes sparse inputs: it checks a function of their values, with their places as they are.

    >>> import kagari as torch
    >>> check = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
    >>> s = torch.eye(2, dtype=torch.float64).to_sparse().requires_grad_()
    >>> check(lambda x: torch.sparse.sum(x * x), (s,))
    True
    """
    return _checking.as_sparse_gradcheck(gradcheck)


class _sparsetype(_tensortype):
    """The type of `torch.sparse.FloatTensor` and its like: calling one makes a sparse tensor of its dtype, of indices,
    values and sizes, or of sizes alone.
    """

    is_sparse, layout = True, _sparse_coo

    def __instancecheck__(self, instance: Any) -> bool:
        return super().__instancecheck__(instance) and instance.layout is _sparse_coo

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """A sparse tensor."""
        if args and not isinstance(args[0], int):
            return _making.sparse_coo_tensor(*args, dtype=self.dtype) if len(args) > 1 else self(*args[0])
        return _making.sparse_coo_tensor(args or (0,), dtype=self.dtype)

    def __repr__(self) -> str:
        return f"<class 'torch.sparse.{self.__name__}'>"


BFloat16Tensor, ByteTensor, CharTensor = _sparsetype(_bfloat16), _sparsetype(_uint8), _sparsetype(_int8)
DoubleTensor, FloatTensor, HalfTensor = _sparsetype(_float64), _sparsetype(_float32), _sparsetype(_float16)
IntTensor, LongTensor, ShortTensor = _sparsetype(_int32), _sparsetype(_int64), _sparsetype(_int16)

for _function in (addmm, log_softmax, mm, sampled_addmm, softmax, spdiags, sum):
    _told(_function, "torch.sparse", types=False)

__all__ = [
    "BFloat16Tensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor", "addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants", "log_softmax", "mm",
    "sampled_addmm", "softmax", "spdiags", "sum", "to_sparse_semi_structured",
]  # fmt: skip
