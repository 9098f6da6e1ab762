"""Triangular matrices: equations with them, and what they are factors of, by Cholesky's method and Gauss's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function
from ..base.dtypes import int32
from ..base.errors import LinAlgError
from . import lapack, views
from .calls import call
from .lapack import adjoint, array, codes, elements, floating, made, named, of_linalg, square, with_out

# Equations


class LinalgSolveTriangular(Function, node="Backward0"):
    """The solution of `AX = B` for triangular A: `dX = A^-1 (dB - dA X)`."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any, upper: bool, unit: bool) -> Any:
        """Substitutes row by row."""
        x = made(lapack.substituted(array(a), array(b), upper, unit), a.dtype)
        ctx.save_for_backward(a, x)
        ctx.how = upper, unit
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`A^-H G` for B, and the triangle of this times `-X^H` for A."""
        a, x = ctx.saved_tensors
        upper, unit = ctx.how
        of_b = LinalgSolveTriangular.apply(adjoint(a), grads[0], not upper, unit)
        if not ctx.needs_input_grad[0]:
            return None, of_b, None, None
        of_a = -(of_b @ adjoint(x))
        return of_a.triu(int(unit)) if upper else of_a.tril(-int(unit)), of_b, None, None


def _solved(a: Any, b: Any, upper: bool, unit: bool = False) -> Any:
    a, b = lapack.broadcast_batches(a, b)
    return LinalgSolveTriangular.apply(a, b, upper, unit)


@of_linalg
def solve_triangular(input: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """The solution of `AX = B`, or with `left=False` of `XA = B`, for triangular A; leading dimensions broadcast.

    Elements in the other triangle are not looked at, nor the diagonal if it is one of ones (`unitriangular`).

    >>> import kagari as torch
    >>> torch.linalg.solve_triangular(torch.tensor([[1.0, 1.0], [0.0, 2.0]]), torch.ones(2, 1), upper=True)
    tensor([[0.5000],
            [0.5000]])
    """
    name = "linalg.solve_triangular"
    lapack.same_dtype(name, input, B)
    square(name, input)
    lapack.matrices(name, B, "B")
    lapack.fitting(name, input, B, left)
    floating(name, input)
    if left:
        return _solved(input, B, upper, unitriangular)
    return _solved(input.mT, B.mT, not upper, unitriangular).mT


@with_out
def triangular_solve(
    input: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """The solution of `AX = B` for B = `input` and triangular A, and a copy of A: `torch.linalg.solve_triangular`.

    >>> import kagari as torch
    >>> torch.triangular_solve(torch.ones(1, 1), torch.ones(1, 1)).solution
    tensor([[1.]])
    """
    for x, which in ((input, "b"), (A, "A")):
        if x.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {which} to have at least 2 dimensions, but it has {x.ndim} "
                "dimensions instead"
            )
    lapack.fitting("triangular_solve", A, input, True)
    floating("triangular_solve", A)
    x = _solved(A.mT if transpose else A, input, upper != transpose, unitriangular)
    return named("triangular_solve", "solution cloned_coefficient", x, call("clone")(A))


# Cholesky's method


class LinalgCholeskyEx(Function, node="Backward0"):
    """The lower factor of `A = L L^H`: `dL = L Φ(L^-1 dA L^-H)`, Φ the lower triangle with half the diagonal.

    I. Murray, *Differentiation of the Cholesky decomposition*, arXiv:1602.07527.
    """

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        """Factors each matrix; NaN where one is not positive definite."""
        factor = made(_cholesky(array(a)), a.dtype)
        ctx.save_for_backward(factor)
        return factor

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The Hermitian part of `L^-H Φ(L^H G) L^-1`."""
        (factor,) = ctx.saved_tensors
        conjugate = adjoint(factor)
        inner = conjugate @ grads[0]
        half = (inner.tril() + inner.tril(-1)) * 0.5
        left = _solved(conjugate, half, True)
        x = adjoint(_solved(conjugate, adjoint(left), True))
        return (x + adjoint(x)) * 0.5


def _cholesky(a: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        if a.ndim == 2:
            return np.full(a.shape, np.nan, a.dtype)
        return np.stack([_cholesky(x) for x in a])


def _factored(name: str, a: Any, upper: bool, check: bool) -> tuple[Any, Any]:
    """The factor and, for each matrix, the order of its first minor that is not positive."""
    checked = name.removesuffix("_ex")
    square(checked, a)
    floating(checked, a, "cholesky_cpu")
    factor = LinalgCholeskyEx.apply(adjoint(a) if upper else a)
    lost = np.isnan(elements(factor)).any((-2, -1))
    info = np.zeros(lost.shape, np.int32)
    if lost.any():
        info = np.where(lost, lapack.bad_minors(elements(adjoint(a) if upper else a)), 0)
    if check and info.any():
        order, matrix = lapack.element(info)
        raise LinAlgError(
            f"{name}: {matrix}The factorization could not be completed because the input is not positive-definite (the "
            f"leading minor of order {order} is not positive-definite)."
        )
    return adjoint(factor) if upper else factor, info


@of_linalg
def linalg_cholesky(input: Any, *, upper: bool = False) -> Any:
    """The lower triangular factor of a Hermitian positive definite `A = L L^H`, or the upper one of `A = U^H U`.

    Raises torch.linalg.LinAlgError, a RuntimeError, for a matrix that is not positive definite.

    >>> import kagari as torch
    >>> torch.linalg.cholesky(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    return _factored("linalg.cholesky", input, upper, True)[0]


@with_out
def cholesky(input: Any, upper: bool = False) -> Any:
    """The triangular factor of a Hermitian positive definite matrix: `torch.linalg.cholesky`.

    >>> import kagari as torch
    >>> torch.cholesky(torch.tensor([[4.0]]))
    tensor([[2.]])
    """
    return _factored("cholesky", input, upper, True)[0]


@of_linalg
def cholesky_ex(input: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The factor, and 0 or the order of the first leading minor that is not positive; then the factor is NaN.

    >>> import kagari as torch
    >>> torch.linalg.cholesky_ex(-torch.ones(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    factor, info = _factored("linalg.cholesky_ex", input, upper, check_errors)
    return named("linalg_cholesky_ex", "L info", factor, codes(info, factor))


@with_out
def cholesky_solve(input: Any, L: Any, upper: bool = False) -> Any:
    """The solution of `L L^H X = B` for B = `input`, or of `U^H U X = B`.

    >>> import kagari as torch
    >>> torch.cholesky_solve(torch.ones(1, 1), torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    for x, which in ((input, "b"), (L, "u")):
        if x.ndim < 2:
            raise RuntimeError(f"{which} should have at least 2 dimensions, but has {x.ndim} dimensions instead")
    square("cholesky_solve", L)
    if L.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by {L.shape[-1]} but each b "
            f"matrix is {input.shape[-2]} by {input.shape[-1]}"
        )
    floating("cholesky_solve", L)
    lower = adjoint(L) if upper else L
    return _solved(adjoint(lower), _solved(lower, input, False), True)


@with_out
def cholesky_inverse(L: Any, upper: bool = False) -> Any:
    """The inverse of `L L^H`, or of `U^H U`, from the factor.

    >>> import kagari as torch
    >>> torch.cholesky_inverse(torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    square("cholesky_inverse", L)
    floating("cholesky_inverse", L)
    return cholesky_solve(made(np.broadcast_to(np.eye(L.shape[-1]), tuple(L.shape)), L.dtype), L, upper)


# Gauss's method


class LinalgLuFactorEx(Function, node="Backward0"):
    """Both factors of `A = P L U` in one matrix, the exchanges, and the places of zeros on the diagonals of U. What
    depends on A without a jump is told by :class:`LinalgLu`.
    """

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        """Factors each matrix."""
        packed, pivots, info = lapack.lu(array(a))
        found = made(packed, a.dtype), made(pivots, int32), made(info, int32)
        ctx.mark_non_differentiable(*found)
        return found


class LinalgPermutation(Function, node="Backward0"):
    """The matrix P of exchanges, with `A = P (LU)`."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, pivots: Any, m: int, kind: Any) -> Any:
        """Row i of LU is row `order_i` of A, which has m rows."""
        order = lapack.order_of_rows(array(pivots), m)
        p = np.zeros((*order.shape, m))
        np.put_along_axis(p, order[..., None, :], 1, -2)
        found = made(p, kind)
        ctx.mark_non_differentiable(found)
        return found


class LinalgLu(Function, node="Backward0"):
    """The factors of a square `A = L U` whose rows are in order: `dL = L tril(L^-1 dA U^-1, -1)`, `dU = triu(...) U`.

    S. Axen, *Differentiating the LU decomposition*, 2021.
    """

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, packed: Any) -> Any:
        """Takes both factors out of one matrix."""
        values = array(packed)
        eye = np.eye(values.shape[-1], dtype=values.dtype)
        lower, upper = made(np.tril(values, -1) + eye, a.dtype), made(np.triu(values), a.dtype)
        ctx.save_for_backward(lower, upper)
        return lower, upper

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`L^-H (tril(L^H G_L, -1) + triu(G_U U^H)) U^-H`."""
        lower, upper = ctx.saved_tensors
        inner = (adjoint(lower) @ grads[0]).tril(-1) + (grads[1] @ adjoint(upper)).triu()
        left = _solved(adjoint(lower), inner, True, True)
        return adjoint(_solved(upper, adjoint(left), True)), None


def _gauss(name: str, a: Any, pivot: bool) -> tuple[Any, Any, Any, Any, Any]:
    """P, L, U, the exchanges, and the places of zeros on the diagonals of U."""
    lapack.matrices(name, a)
    floating(name, a, "lu_cpu", numbers=True)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    packed, pivots, info = LinalgLuFactorEx.apply(a.detach())
    m, n = a.shape[-2:]
    k = min(m, n)
    p = LinalgPermutation.apply(pivots, m, a.dtype)
    rows = p.mT @ a
    lower, upper = LinalgLu.apply(rows[..., :k, :k], packed[..., :k, :k])
    if n > k:
        upper = views.cat([upper, _solved(lower, rows[..., k:], False, True)], -1)
    if m > k:
        lower = views.cat([lower, _solved(upper.mT, rows[..., k:, :].mT, False).mT], -2)
    return p, lower, upper, pivots, info


@of_linalg
def linalg_lu(A: Any, *, pivot: bool = True) -> Any:
    """The factors of `A = P L U`: a permutation, a lower triangle with ones on its diagonal, an upper triangle.

    >>> import kagari as torch
    >>> torch.linalg.lu(torch.tensor([[0.0, 1.0], [2.0, 0.0]])).U
    tensor([[2., 0.],
            [0., 1.]])
    """
    return named("linalg_lu", "P L U", *_gauss("linalg.lu", A, pivot)[:3])


def _packed(name: str, a: Any, pivot: bool, check: bool) -> tuple[Any, Any, Any]:
    """Both factors in one matrix, the exchanges, the places of zeros."""
    _, lower, upper, pivots, info = _gauss(name, a, pivot)
    m, n = a.shape[-2:]
    both = lower.tril(-1)
    if n > m:
        both = call("pad")(both, (0, n - m))
    both = both + (call("pad")(upper, (0, 0, 0, m - n)) if m > n else upper)
    zeros = elements(info)
    if check and zeros.any():
        place, matrix = lapack.element(zeros)
        raise RuntimeError(
            f"torch.linalg.lu_factor: {matrix}U[{place},{place}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )
    return both, pivots, info


@of_linalg
def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """The factors L and U in one matrix, and the rows that were exchanged, counted from 1: what `lu_solve` takes.

    >>> import kagari as torch
    >>> torch.linalg.lu_factor(torch.tensor([[0.0, 1.0], [2.0, 0.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    return named("linalg_lu_factor", "LU pivots", *_packed("linalg.lu_factor", A, pivot, True)[:2])


@of_linalg
def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """As `lu_factor`, and 0 or the place of the first zero on the diagonal of U.

    >>> import kagari as torch
    >>> torch.linalg.lu_factor_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    return named("linalg_lu_factor_ex", "LU pivots info", *_packed("linalg.lu_factor_ex", A, pivot, check_errors))


def _unpacked(both: Any, pivots: Any) -> tuple[Any, Any, Any]:
    m, n = both.shape[-2:]
    k = min(m, n)
    eye = made(np.eye(m, k), both.dtype)
    p = LinalgPermutation.apply(pivots, m, both.dtype)
    return p, both[..., :k].tril(-1) + eye, both[..., :k, :].triu()


@with_out
def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U from what `torch.linalg.lu_factor` returns.

    >>> import kagari as torch
    >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[2.0]]))).U
    tensor([[2.]])
    """
    p, lower, upper = _unpacked(LU_data, LU_pivots)
    none = made(np.zeros(0), LU_data.dtype)
    factors = (lower, upper) if unpack_data else (none, none)
    return named("lu_unpack", "P L U", p if unpack_pivots else none, *factors)


@of_linalg
def linalg_lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """The solution of `AX = B` from what `lu_factor` returns of A; of `XA = B`, or of `A^H X = B`.

    >>> import kagari as torch
    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(torch.tensor([[2.0]])), torch.ones(1, 1))
    tensor([[0.5000]])
    """
    name = "linalg.lu_solve"
    square(name, LU, "LU")
    lapack.matrices(name, B, "B")
    lapack.fitting(name, LU, B, left)
    floating(name, LU)
    p, lower, upper = _unpacked(LU, pivots)
    if left != adjoint:
        b = B if left else lapack.adjoint(B)
        x = _solved(upper, _solved(lower, p.mT @ b, False, True), True)
        return x if left else lapack.adjoint(x)
    # A^H = U^H L^H P^T, and XA = B is A^H X^H = B^H.
    b = B if left else lapack.adjoint(B)
    inner = _solved(lapack.adjoint(upper), b, False)
    x = p @ _solved(lapack.adjoint(lower), inner, True, True)
    return x if left else lapack.adjoint(x)


@with_out
def lu_solve(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """The solution of `AX = B` for B = `input`: `torch.linalg.lu_solve`.

    >>> import kagari as torch
    >>> torch.lu_solve(torch.ones(1, 1), *torch.linalg.lu_factor(torch.tensor([[2.0]])))
    tensor([[0.5000]])
    """
    return linalg_lu_solve(LU_data, LU_pivots, input)


@with_out
def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """L and U in one matrix, the exchanges and, if asked for, the places of zeros on the diagonal of U.

    >>> import kagari as torch
    >>> torch.lu(torch.tensor([[2.0]]))
    (tensor([[2.]]), tensor([1], dtype=torch.int32))
    """
    found = _packed("torch.lu", A, pivot, False)
    return found if get_infos else found[:2]


FUNCTIONS = (cholesky, cholesky_inverse, cholesky_solve, lu, lu_solve, lu_unpack, triangular_solve)
METHODS = (cholesky, cholesky_inverse, cholesky_solve, lu, lu_solve, triangular_solve)
LINALG = {
    "cholesky": linalg_cholesky, "cholesky_ex": cholesky_ex, "lu": linalg_lu, "lu_factor": lu_factor,
    "lu_factor_ex": lu_factor_ex, "lu_solve": linalg_lu_solve, "solve_triangular": solve_triangular,
}  # fmt: skip
