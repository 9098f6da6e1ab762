"""Where dense tensors and sparse ones meet: functions that make sparse tensors, and methods that every tensor has.

All of it is in `sparse`, which is imported when the first of them is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..engine.function import Hooks
from .formats import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided

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
    if layout in (None, sparse_coo) and blocksize is None:
        return Hooks.sparse.making.to_sparse_coo(self, sparse_dim)
    kind = sparse_bsr if layout is None else layout
    return Hooks.sparse.compressing.converted("to_sparse", self, kind, blocksize, dense_dim)


def to_sparse_coo(self: Tensor) -> Tensor:
    """The elements that are not zero in coordinate form."""
    return self.to_sparse()


def _conversion(kind: Any, blocked: bool) -> Callable[..., Any]:
    """A method that makes a sparse tensor of a layout."""

    def of_lines(self: Tensor, dense_dim: int | None = None) -> Tensor:
        return Hooks.sparse.compressing.converted(f"to_{kind.name}", self, kind, None, dense_dim)

    def of_blocks(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Tensor:
        return Hooks.sparse.compressing.converted(f"to_{kind.name}", self, kind, blocksize, dense_dim)

    method = of_blocks if blocked else of_lines
    method.__name__ = method.__qualname__ = f"to_{kind.name}"
    method.__doc__ = f"The elements{', or blocks,' * blocked} that are not zero, in the layout `{kind}`."
    return method


def sparse_compressed_tensor(*args: Any, layout: Any = None, **kwargs: Any) -> Tensor:
    """A sparse tensor with compressed rows or columns, `sparse_compressed_tensor(compressed_indices, plain_indices,
    values, size=None, *, dtype=None, layout, device=None, pin_memory=False, requires_grad=False,
    check_invariants=None)`.

    `layout` says which: `torch.sparse_csr` and `torch.sparse_bsr` compress rows, `torch.sparse_csc` and
    `torch.sparse_bsc` columns; those with a `b` have blocks for elements. `compressed_indices`, `(B..., n + 1)`, says
    where in `plain_indices`, `(B..., nnz)`, each row begins. Raises RuntimeError for another layout, and where
    `check_invariants` finds what does not fit.

    >>> import kagari as torch
    >>> s = torch.sparse_compressed_tensor([0, 1, 3], [1, 0, 2], [5.0, 6.0, 7.0], layout=torch.sparse_csr)
    >>> s.to_dense()
    tensor([[0., 5., 0.],
            [6., 0., 7.]])
    """
    if layout not in _COMPRESSED:
        said = "none" if layout is None else {strided: "Strided", sparse_coo: "Sparse"}.get(layout, str(layout))
        raise RuntimeError(f"sparse_compressed_tensor expected sparse compressed tensor layout but got {said}")
    return _compressed("sparse_compressed_tensor", layout, args, kwargs)


def _compressed(name: str, kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    names = ("compressed_indices", "plain_indices", "crow_indices", "col_indices", "ccol_indices", "row_indices")
    indices = [kwargs.pop(n) for n in names if n in kwargs]
    if len(args) + len(indices) + ("values" in kwargs) < 3:
        kinds = ", ".join(type(a).__name__ for a in args)
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({kinds})")
    return Hooks.sparse.compressing.tensor(kind, *args, *indices, **kwargs)


def _maker(kind: Any, compressed: str, plain: str, values: str) -> Callable[..., Any]:
    """A function that makes tensors of one compressed layout."""
    name = f"{kind.name}_tensor"

    def function(*args: Any, **kwargs: Any) -> Tensor:
        return _compressed(name, kind, args, kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"A sparse tensor of the layout `{kind}`, `{name}({compressed}, {plain}, values, size=None, *, dtype=None, "
        "device=None, pin_memory=False, requires_grad=False, check_invariants=None)`, with "
        f"{values} in `values`: see `sparse_compressed_tensor`."
    )
    return function


def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements at the places of a sparse tensor."""
    if not mask._layout.compound:
        raise NotImplementedError("Could not run 'aten::sparse_mask' with arguments from the 'CPU' backend.")
    return Hooks.sparse.masked(self, mask)


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
_COMPRESSED = (sparse_csr, sparse_csc, sparse_bsr, sparse_bsc)
_BY_ROWS, _BY_COLUMNS = ("crow_indices", "col_indices"), ("ccol_indices", "row_indices")
_MAKERS = (
    _maker(sparse_csr, *_BY_ROWS, "elements"), _maker(sparse_csc, *_BY_COLUMNS, "elements"),
    _maker(sparse_bsr, *_BY_ROWS, "blocks"), _maker(sparse_bsc, *_BY_COLUMNS, "blocks"),
)  # fmt: skip
FUNCTIONS = (
    resize_as_sparse_,
    sparse_compressed_tensor,
    sparse_coo_tensor,
    *_MAKERS,
    *[_product(*item) for item in _PRODUCTS.items()],
)
METHODS = (
    dense_dim, resize_as_sparse_, sparse_dim, sparse_mask, to_sparse,
    *[_of_sparse(name, "coordinate tensor") for name in ("coalesce", "indices", "is_coalesced")],
    *[_of_sparse(name, "row compressed tensor") for name in ("col_indices", "crow_indices")],
    *[_of_sparse(name, "column compressed tensor") for name in ("ccol_indices", "row_indices")],
    *[_conversion(kind, kind in (sparse_bsr, sparse_bsc)) for kind in _COMPRESSED],
    _of_sparse("values", "tensor"), to_sparse_coo,
    *[_of_sparse(name) for name in _PRIVATE],
)  # fmt: skip
