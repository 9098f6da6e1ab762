"""Products of sparse matrices: with dense ones, with vectors, with one another.

A product with a dense matrix gathers the rows of that by the columns of the places, multiplies them by the values and
adds them up by the rows of the places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import convert
from ..calls import call
from . import coo, making, movement, places, pointwise, tape
from .coo import Coo


def _times_dense(s: Coo, dense: Any) -> Any:
    """The product of a sparse and a dense matrix, `(n, m) x (m, k)`."""
    if s.dtype is not dense.dtype:
        raise RuntimeError(f"expected scalar type {s.dtype.type_name} but found {dense.dtype.type_name}")
    rows, columns = places.rows(s._at)
    gathered = call("index_select")(dense, 0, columns)
    terms = call("mul")(call("unsqueeze")(tape.opened(s), 1), gathered)
    return places.summed(terms, rows, s.shape[0])


def _times_sparse(a: Coo, b: Coo) -> Any:
    """The product of two sparse matrices, which is sparse: each value of `a` meets a row of `b`."""
    if a.dtype is not b.dtype:
        raise RuntimeError(f"mat1 dtype {a.dtype.type_name} does not match mat2 dtype {b.dtype.type_name}")
    a, b = tape.coalesced(a), tape.coalesced(b)
    rows, inner = convert.array_of(a._at)
    left, columns = convert.array_of(b._at)
    begins, ends = (np.searchsorted(left, inner, side) for side in ("left", "right"))
    counts = ends - begins
    first = np.repeat(np.arange(rows.size), counts)
    second = places.runs(begins, counts)
    terms = call("mul")(
        call("index_select")(tape.opened(a), 0, places.whole_numbers(first)),
        call("index_select")(tape.opened(b), 0, places.whole_numbers(second)),
    )
    size = a.shape[0], b.shape[1]
    different, numbers = places.grouped(rows[first] * size[1] + columns[second])
    values = places.summed(terms, numbers, different.size)
    return tape.closed("SparseSparseMatmul", values, places.columns(different, size), size, True)


class _TimesDense(tape.Function):
    """The product of a sparse and a dense matrix. The gradient of the sparse one has all elements."""

    @staticmethod
    def forward(ctx: Any, s: Coo, dense: Any) -> Any:
        """The dense product."""
        ctx.save_for_backward(s, dense)
        return _times_dense(s, dense)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Products with the factors' conjugate transposes."""
        s, dense = ctx.saved_tensors
        of_s = call("matmul")(grad, dense.mH) if ctx.needs_input_grad[0] else None
        product = mm if grad.ndim == 2 else bmm
        return of_s, product(movement.adjoint(s), grad) if ctx.needs_input_grad[1] else None


class _TimesSparse(tape.Function):
    """The product of two sparse matrices. Gradients have the places that products of sparse gradients have."""

    @staticmethod
    def forward(ctx: Any, a: Coo, b: Coo) -> Any:
        """The sparse product."""
        ctx.save_for_backward(a, b)
        return _times_sparse(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Products with the factors' conjugate transposes."""
        a, b = ctx.saved_tensors
        return mm(grad, movement.adjoint(b)), mm(movement.adjoint(a), grad)


def mm(input: Any, mat2: Any, **further: Any) -> Any:
    """The product of two matrices, of which one is sparse or both are; sparse if both are."""
    _check_matrices(input, mat2)
    if isinstance(input, Coo):
        return tape.called(_TimesSparse if isinstance(mat2, Coo) else _TimesDense, "Mm").apply(input, mat2)
    return call("t")(tape.called(_TimesDense, "Mm").apply(movement.t(mat2), call("t")(input)))


def masked_mm(mat1: Any, mat2: Any) -> Any:
    """`mm`, where the gradient of a sparse matrix has the places of the matrix."""
    _check_matrices(mat1, mat2)
    if isinstance(mat1, Coo):
        product = _times_sparse if isinstance(mat2, Coo) else _times_dense
        return tape.named("SparseMm", product(mat1, mat2))
    return tape.named("SparseMm", call("t")(_times_dense(movement.t(mat2), call("t")(mat1))))


def _check_matrices(a: Any, b: Any) -> None:
    for i, x in ((1, a), (2, b)):
        if x.ndim != 2:
            if x.ndim < 2:
                raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
            raise RuntimeError(f"addmm: matrices expected, got {x.ndim}D tensor as argument {i}")
        if isinstance(x, Coo) and len(x.sparse_sizes) != 2:
            raise RuntimeError(f"addmm: Argument #2: 2D matrices expected, got {x._at.shape[0]}D tensor")
    if a.shape[1] != b.shape[0]:
        if isinstance(b, Coo):
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({_by(a)} and {_by(b)})")
        raise RuntimeError(f"addmm: Argument #3 (dense): Expected dim 0 size {a.shape[1]}, got {b.shape[0]}")


def _by(t: Any) -> str:
    return "x".join(map(str, t.shape))


def mv(input: Any, vec: Any) -> Any:
    """The product of a sparse matrix and a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(
            f"mv: two tensor dim should be 2 and 1, but got SparseTensor Dim: {input.ndim}Tensor Dim: {vec.ndim}"
        )
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError("mv: expected self.size(-1) == vec.size(-1)")
    return tape.named("Mv", call("squeeze")(mm(input, call("unsqueeze")(vec, 1)), 1))


def bmm(input: Any, mat2: Any, **further: Any) -> Any:
    """Products of a stack of sparse matrices and one of dense ones."""
    if not isinstance(input, Coo) or isinstance(mat2, Coo):
        raise RuntimeError("bmm_sparse: Tensor 'mat2' must be dense")
    if input.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError("bmm_sparse: Tensor 'self' and 'mat2' must be 3D")
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError("bmm_sparse: 'self.size(0)' and 'mat2.size(0)' must match")
    if input.shape[2] != mat2.shape[1]:
        raise RuntimeError("bmm_sparse: 'self.size(2)' and 'mat2.size(1)' must match")
    return tape.called(_StackTimesDense, "Bmm").apply(input, mat2)


def _stack_times_dense(s: Coo, dense: Any) -> Any:
    """Products of matrices one by one, as one of a matrix with all of them along its diagonal."""
    count, n, m = s.shape
    batch, rows, columns = convert.array_of(s._at)
    at = places.whole_numbers(np.stack([batch * n + rows, batch * m + columns]))
    flat = coo.made(at, s._elements, (count * n, count * m))
    found = _times_dense(flat, call("reshape")(dense, (count * m, dense.shape[2])))
    return call("reshape")(found, (count, n, dense.shape[2]))


class _StackTimesDense(_TimesDense):
    """Products of a stack of sparse matrices and one of dense ones."""

    @staticmethod
    def forward(ctx: Any, s: Coo, dense: Any) -> Any:
        """The dense products."""
        ctx.save_for_backward(s, dense)
        return _stack_times_dense(s, dense)


def matmul(input: Any, other: Any, **further: Any) -> Any:
    """`mm` or `mv`, as the dimensions ask for."""
    if not input.ndim or not other.ndim:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D"
        )
    if input.ndim == 2 and other.ndim == 2:
        return mm(input, other)
    if input.ndim == 2 and other.ndim == 1 and isinstance(input, Coo):
        return mv(input, other)
    if input.ndim == 1 and other.ndim == 2 and isinstance(other, Coo):
        return call("squeeze")(mm(call("unsqueeze")(input, 0), other), 0)
    if input.ndim == 1 and other.ndim == 1:
        raise Coo.cannot("dot")
    if input.ndim == 3 and other.ndim == 3:
        raise RuntimeError("expand is unsupported for Sparse tensors")
    raise RuntimeError("reshape is not implemented for sparse tensors")


def addmm(
    input: Any,
    mat1: Any,
    mat2: Any,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    multiply: Callable[..., Any] = mm,
    **further: Any,
) -> Any:
    """`beta * input + alpha * mat1 @ mat2`, with a sparse factor, and a sparse summand if both factors are."""
    product = multiply(mat1, mat2)
    if isinstance(product, Coo):
        if not isinstance(input, Coo):
            raise RuntimeError("addmm: expected a sparse summand of the product of two sparse matrices")
    elif isinstance(input, Coo):
        raise RuntimeError("addmm_sparse_dense: expected strided result tensor, got tensor with layout Sparse")
    if alpha != 1:
        product = pointwise.mul(product, alpha) if isinstance(product, Coo) else call("mul")(product, alpha)
    summand = input if beta == 1 else input * beta
    if isinstance(product, Coo):
        return pointwise.add(summand, product)
    return tape.named("Addmm", call("add")(call("expand")(summand, tuple(product.shape)), product))


def smm(input: Coo, mat: Any) -> Any:
    """The product with a dense matrix as a sparse one."""
    return making.to_sparse_coo(mm(input, mat))


def hspmm(mat1: Coo, mat2: Any, **further: Any) -> Any:
    """The product with a dense matrix, of which the rows that have places are stored."""
    _check_matrices(mat1, mat2)
    rows, columns = places.rows(mat1._at)
    terms = call("mul")(call("unsqueeze")(tape.opened(mat1), 1), call("index_select")(mat2, 0, columns))
    different, numbers = places.grouped(convert.array_of(rows))
    values = places.summed(terms, numbers, different.size)
    size = mat1.shape[0], mat2.shape[1]
    return tape.closed("Hspmm", values, places.columns(different, size[:1]), size, True)


def sspaddmm(input: Coo, mat1: Coo, mat2: Any, *, beta: Any = 1, alpha: Any = 1, **further: Any) -> Any:
    """`beta * input + alpha * mat1 @ mat2` as a sparse tensor."""
    product = smm(mat1, mat2)
    return pointwise.add(pointwise.mul(input, beta), product, alpha=alpha)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """The product with a weight's transpose."""
    found = matmul(input, weight.t())
    return found if bias is None else found + bias


ANSWERS: dict[str, Callable[..., Any]] = {
    "addmm": addmm, "bmm": bmm, "dsmm": mm, "hsmm": hspmm, "hspmm": hspmm, "linear": linear, "matmul": matmul, "mm": mm,
    "mv": mv, "smm": smm, "spmm": mm, "sspaddmm": sspaddmm,
}  # fmt: skip
