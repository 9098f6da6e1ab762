"""Where dense tensors and sparse ones meet: functions that make sparse tensors, and methods that every tensor has.

All of it is in `sparse`, which is imported when the first of them is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..engine.function import Hooks
from .formats import sparse_coo, strided

if TYPE_CHECKING:
    from .tensor import Tensor


def sparse_coo_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A sparse tensor in coordinate form, `sparse_coo_tensor(indices, values, size=None, *, dtype=None, device=None,
    pin_memory=False, requires_grad=False, check_invariants=None, is_coalesced=None)`.

    `indices`, `(s, nnz)`, has a column for each place, `values`, `(nnz, D...)`, what is there; a place may occur
    several times, and has the sum then. `size` is by default the smallest that has all places. With sizes in place of
    `indices` the tensor is of zeros. `check_invariants` has places looked at, which are not looked at otherwise.
    Raises RuntimeError for what does not fit one another.

    >>> import kagari as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    >>> s.to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    return Hooks.sparse.making.sparse_coo_tensor(*args, **kwargs)


def to_sparse(
    self: Tensor, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None, dense_dim: Any = None
) -> Tensor:
    """The elements that are not zero as a sparse tensor, `sparse_dim` of whose dimensions are sparse.

    >>> import kagari as torch
    >>> torch.tensor([0.0, 2.0]).to_sparse()
    tensor(indices=tensor([[1]]),
           values=tensor([2.]),
           size=(2,), nnz=1, layout=torch.sparse_coo)
    """
    if layout is strided:
        return self
    if layout not in (None, sparse_coo):
        raise NotImplementedError(f"sparse tensors of the layout {layout}")
    return Hooks.sparse.making.to_sparse_coo(self, sparse_dim)


def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements at the places of a sparse tensor."""
    if not mask.is_sparse:
        raise NotImplementedError("Could not run 'aten::sparse_mask' with arguments from the 'CPU' backend.")
    return Hooks.sparse.members.sparse_mask(self, mask)


def sparse_dim(self: Tensor) -> int:
    """The number of sparse dimensions: none."""
    return 0


def dense_dim(self: Tensor) -> int:
    """The number of dense dimensions: all."""
    return self.ndim


def _of_sparse(name: str, wanted: str = "") -> Callable[..., Any]:
    """A method that sparse tensors alone have."""

    def method(self: Tensor, *args: Any) -> Any:
        if wanted:
            raise RuntimeError(f"{name} expected sparse {wanted} layout but got Strided")
        raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'CPU' backend.")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "What a sparse tensor has. Raises an error for a dense one."
    return method


def _product(name: str, doc: str) -> Callable[..., Any]:
    """A function that has a sparse factor."""

    def function(*args: Any, **kwargs: Any) -> Any:
        return Hooks.sparse.product.ANSWERS[name](*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def resize_as_sparse_(input: Tensor, the_template: Tensor) -> Tensor:
    """Gives a sparse tensor the sizes of another one, of which dimensions are sparse.

    >>> import kagari as torch
    >>> torch.resize_as_sparse_(torch.sparse_coo_tensor((2,)), torch.sparse_coo_tensor((3, 4))).shape
    torch.Size([3, 4])
    """
    return Hooks.sparse.members.resize_as_sparse_(input, the_template)


_PRODUCTS = {
    "dsmm": "The product of a sparse and a dense matrix, dense.",
    "hsmm": "The product of a sparse and a dense matrix, with one sparse dimension.",
    "hspmm": "The product of a sparse and a dense matrix, with one sparse dimension.",
    "smm": "The product of a sparse and a dense matrix, sparse.",
    "spmm": "The product of a sparse and a dense matrix, dense.",
    "sspaddmm": "`beta * input + alpha * mat1 @ mat2` of sparse `input` and `mat1`, sparse.",
}
_PRIVATE = (
    "_coalesced_", "_dimI", "_dimV", "_indices", "_nnz", "_values", "sparse_resize_", "sparse_resize_and_clear_",
)  # fmt: skip
FUNCTIONS = (resize_as_sparse_, sparse_coo_tensor, *[_product(*item) for item in _PRODUCTS.items()])
METHODS = (
    dense_dim, resize_as_sparse_, sparse_dim, sparse_mask, to_sparse,
    *[_of_sparse(name, "coordinate tensor") for name in ("coalesce", "indices", "is_coalesced")],
    _of_sparse("values", "tensor"),
    *[_of_sparse(name) for name in _PRIVATE],
)  # fmt: skip
