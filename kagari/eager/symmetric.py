"""Factors of symmetric and Hermitian matrices that need not be positive definite, and equations solved with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Function
from ..base.dtypes import int32
from ..base.errors import LinAlgError
from ..ops.check import TYPE_NAMES
from . import lapack
from .lapack import array, elements, floating, made, named, of_linalg, square

_ALPHA = (1 + math.sqrt(17)) / 8
"""How small a pivot may be against its column, which bounds the growth of elements most."""


def _sizes(x: np.ndarray) -> np.ndarray:
    """What LAPACK compares."""
    return np.abs(x.real) + np.abs(x.imag) if np.iscomplexobj(x) else np.abs(x)


def _choice(w: np.ndarray, k: int) -> tuple[int, int]:
    """The row that row k is exchanged with, or row k + 1 where the pivot is a block of two; and the pivot's size."""
    n, here = len(w), _sizes(w[k, k])
    if k == n - 1:
        return k, 1
    column = _sizes(w[k + 1 :, k])
    at = k + 1 + int(column.argmax())
    largest = column.max()
    if max(here, largest) == 0 or here >= _ALPHA * largest:
        return k, 1
    row = _sizes(w[at, k:])
    row[at - k] = 0
    if here >= _ALPHA * largest * (largest / row.max()):
        return k, 1
    return at, 1 if _sizes(w[at, at]) >= _ALPHA * row.max() else 2


def _factored(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """L and D of one matrix, of which the lower triangle is read, the exchanges, and the place of the first zero pivot.

    J. R. Bunch and L. Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems"
    (1977). The matrix that is left is kept whole; columns of L that are done take no part in exchanges.
    """
    w = np.tril(a)
    mirrored = np.tril(a, -1).T
    w = w + (mirrored.conj() if hermitian else mirrored)
    if hermitian:
        np.fill_diagonal(w, w.diagonal().real)
    n, k, info = len(w), 0, 0
    pivots = np.zeros(n, np.int32)
    while k < n:
        other, size = _choice(w, k)
        end = k + size
        pivots[k:end] = other + 1 if size == 1 else -(other + 1)
        order = np.arange(k, n)
        order[[end - 1 - k, other - k]] = order[[other - k, end - 1 - k]]
        w[k:, k:] = w[np.ix_(order, order)]
        pivot = w[k:end, k:end]
        if size == 1 and pivot[0, 0] == 0:
            info = info or k + 1
        else:
            factors = w[end:, k:end] @ np.linalg.inv(pivot)
            w[end:, end:] -= factors @ w[k:end, end:]
            w[end:, k:end] = factors
            if hermitian:
                np.fill_diagonal(w[end:, end:], w.diagonal()[end:].real)
        k = end
    return np.tril(w), pivots, info


class LinalgLdlFactorEx(Function, node="Backward0"):
    """The factors of each matrix in one, the exchanges, and the places of zeros on the diagonals of D."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, hermitian: bool) -> Any:
        """Factors them one by one."""
        values = array(a)
        flat = values.reshape(math.prod(values.shape[:-2]), *values.shape[-2:])
        parts = [_factored(x, hermitian) for x in flat]
        batch, n = values.shape[:-2], values.shape[-1]
        ld = np.array([x for x, _, _ in parts], values.dtype).reshape(values.shape)
        pivots, info = (np.array([x[i] for x in parts], np.int32) for i in (1, 2))
        found = made(ld, a.dtype), made(pivots.reshape(*batch, n), int32), made(info.reshape(batch), int32)
        ctx.mark_non_differentiable(*found)
        return found


def _packed(name: str, a: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    square(name, a)
    floating(name, a, "ldl_factor_kernel_cpu")
    found: tuple[Any, Any, Any] = LinalgLdlFactorEx.apply(a.detach(), hermitian)
    return found


def _checked(name: str, info: Any) -> None:
    codes = elements(info)
    if codes.any():
        code, which = lapack.element(codes)
        raise LinAlgError(f"{name}: {which}The factorization could not be completed because D[{code - 1}] is zero.")


@of_linalg
def ldl_factor(A: Any, *, hermitian: bool = False) -> Any:
    """The factors of a symmetric matrix `A = P L D L^T P^T`, or of a Hermitian one, in one matrix, and the exchanges P.

    D has blocks of one and two elements on its diagonal, L ones. Only the lower triangle is looked at. Where a row was
    exchanged, `pivots` has the other one's number, from 1; two negative numbers belong to a block of two. No gradient
    passes through. Raises LinAlgError where D is singular.

    >>> import kagari as torch
    >>> torch.linalg.ldl_factor(torch.tensor([[2.0, 0.0], [1.0, 2.0]])).LD
    tensor([[2.0000, 0.0000],
            [0.5000, 1.5000]])
    """
    ld, pivots, info = _packed("torch.linalg.ldl_factor_ex", A, hermitian)
    _checked("torch.linalg.ldl_factor", info)
    return named("linalg_ldl_factor", "LD pivots", ld, pivots)


@of_linalg
def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """As `ldl_factor`, with the number, from 1, of the first zero on the diagonal of D in place of an exception.

    >>> import kagari as torch
    >>> torch.linalg.ldl_factor_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    name = "torch.linalg.ldl_factor_ex"
    ld, pivots, info = _packed(name, A, hermitian)
    if check_errors:
        _checked(name, info)
    return named("linalg_ldl_factor_ex", "LD pivots info", ld, pivots, info)


def _solved(ld: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """The solution for one matrix: exchanges and columns of L forwards, D, and all of it backwards."""
    x, n = np.array(b), len(ld)
    starts, k = [], 0
    while k < n:
        size = 1 if pivots[k] > 0 else 2
        starts.append((k, k + size))
        k += size
    for k, end in starts:
        other = abs(int(pivots[k])) - 1
        x[[end - 1, other]] = x[[other, end - 1]]
        x[end:] -= ld[end:, k:end] @ x[k:end]
        block = np.tril(ld[k:end, k:end])
        mirrored = np.tril(block, -1).T
        x[k:end] = np.linalg.solve(block + (mirrored.conj() if hermitian else mirrored), x[k:end])
    for k, end in reversed(starts):
        column = ld[end:, k:end].T
        x[k:end] -= (column.conj() if hermitian else column) @ x[end:]
        other = abs(int(pivots[k])) - 1
        x[[end - 1, other]] = x[[other, end - 1]]
    return x


class LinalgLdlSolve(Function, node="Backward0"):
    """The solution of `AX = B` for each pair of matrices."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, ld: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
        """Solves them one by one."""
        count = math.prod(b.shape[:-2])
        factors, exchanges, sides = (
            array(t).reshape(count, *t.shape[t.ndim - n :]) for t, n in ((ld, 2), (pivots, 1), (b, 2))
        )
        solved = [_solved(*each, hermitian) for each in zip(factors, exchanges, sides)]
        found = made(np.array(solved).reshape(tuple(b.shape)), ld.dtype)
        ctx.mark_non_differentiable(found)
        return found


@of_linalg
def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False) -> Any:
    """The solution of `AX = B` from what `ldl_factor` returns of A. No gradient passes through.

    >>> import kagari as torch
    >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(torch.tensor([[2.0]])), torch.ones(1, 1))
    tensor([[0.5000]])
    """
    name = "torch.linalg.ldl_solve"
    square(name, LD)
    _check_solve(name, LD, pivots, B)
    batch = np.broadcast_shapes(tuple(LD.shape[:-2]), tuple(B.shape[:-2]))
    own = ((LD, 2), (pivots, 1), (B, 2))
    return LinalgLdlSolve.apply(*[t.detach().expand(*batch, *t.shape[t.ndim - n :]) for t, n in own], hermitian)


def _check_solve(name: str, ld: Any, pivots: Any, b: Any) -> None:
    if ld.shape[-1] != b.size(-2):
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {ld.shape[-1]} by {ld.shape[-1]} but each b "
            f"matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    if tuple(ld.shape[:-1]) != tuple(pivots.shape):
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if pivots.dtype.category != 1:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {TYPE_NAMES[pivots.dtype]}")
    if ld.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {TYPE_NAMES[b.dtype]} and A of type "
            f"{TYPE_NAMES[ld.dtype]} instead."
        )
    floating(name, ld)


FUNCTIONS: tuple[Any, ...] = ()
METHODS: tuple[Any, ...] = ()
LINALG = {"ldl_factor": ldl_factor, "ldl_factor_ex": ldl_factor_ex, "ldl_solve": ldl_solve}
