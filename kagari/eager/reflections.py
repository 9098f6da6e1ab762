"""Householder's reflections, as a decomposition leaves them, and decompositions of low rank by random projections."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.check import TYPE_NAMES
from . import random
from .calls import call
from .decompositions import linalg_qr, linalg_svd
from .lapack import adjoint, array, floating, made, named, of_linalg, with_out

# Reflections


@with_out
def geqrf(input: Any) -> Any:
    """The decomposition `A = Q R` as it is made: R, and below it the vectors of reflections; and their factors.

    No gradient passes through.

    >>> import kagari as torch
    >>> torch.geqrf(torch.tensor([[2.0]])).a
    tensor([[2.]])
    """
    if input.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    floating("geqrf", input, "geqrf_cpu", numbers=True)
    vectors, tau = np.linalg.qr(array(input), "raw")
    return named("geqrf", "a tau", made(np.swapaxes(vectors, -1, -2), input.dtype), made(tau, input.dtype))


def _check_reflections(name: str, a: Any, tau: Any) -> None:
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    m, n = a.shape[-2:]
    if m < n and name != "torch.ormqr":
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if tau.ndim != a.ndim - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
            f"input.ndim is equal to {a.ndim}"
        )
    if tau.dtype is not a.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {TYPE_NAMES[tau.dtype]} does not match input dtype {TYPE_NAMES[a.dtype]}"
        )
    floating(name, a)


def _reflected(a: Any, tau: Any, x: Any, backwards: bool) -> Any:
    """The product of `1 - tau_i v_i v_i^H` with x; backwards that of the adjoints in reverse order.

    The vector v_i has 0 above the diagonal, 1 on it, and column i of `a` below it.
    """
    count = tau.shape[-1]
    vectors = a[..., :count].tril(-1) + made(np.eye(a.shape[-2], count), a.dtype)
    tau = tau.conj() if backwards else tau
    for i in range(count) if backwards else reversed(range(count)):
        v = vectors[..., i : i + 1]
        x = x - tau[..., i, None, None] * (v @ (adjoint(v) @ x))
    return x


def _columns(name: str, a: Any, tau: Any) -> Any:
    _check_reflections(name, a, tau)
    eye = made(np.broadcast_to(np.eye(*a.shape[-2:]), tuple(a.shape)), a.dtype)
    return _reflected(a, tau, eye, False)


@of_linalg
def householder_product(input: Any, tau: Any) -> Any:
    """The first columns of the product of reflections `1 - tau_i v_i v_i^H`, as many as `input` has.

    The vector v_i has 0 above the diagonal, 1 on it, and column i of `input` below it: what `torch.geqrf` returns.

    >>> import kagari as torch
    >>> torch.linalg.householder_product(torch.zeros(2, 1), torch.tensor([2.0]))
    tensor([[-1.],
            [ 0.]])
    """
    return _columns("torch.linalg.householder_product", input, tau)


@with_out
def orgqr(input: Any, input2: Any) -> Any:
    """The first columns of a product of reflections: `torch.linalg.householder_product`.

    >>> import kagari as torch
    >>> torch.orgqr(*torch.geqrf(torch.tensor([[2.0]])))
    tensor([[1.]])
    """
    return _columns("torch.linalg.householder_product", input, input2)


@with_out
def ormqr(input: Any, input2: Any, input3: Any, left: bool = True, transpose: bool = False) -> Any:
    """`Q C` for the Q whose reflections are `input` and `input2`, and C = `input3`; or `C Q`, or with the adjoint of Q.

    >>> import kagari as torch
    >>> torch.ormqr(*torch.geqrf(torch.tensor([[2.0]])), torch.tensor([[3.0]]))
    tensor([[3.]])
    """
    name = "torch.ormqr"
    _check_reflections(name, input, input2)
    if input3.ndim < 2:
        raise RuntimeError(f"{name}: other must have at least 2 dimensions.")
    which = -2 if left else -1
    if input3.shape[which] != input.shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{which}] must be equal to input.shape[-2]")
    if left:
        return _reflected(input, input2, input3, transpose)
    return adjoint(_reflected(input, input2, adjoint(input3), not transpose))


# Low rank


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> tuple[Any, Any, Any]:
    """Approximates the q largest singular values of a large matrix `A - M`, and their vectors, as `(U, S, V)`.

    The matrix is projected on the span of what it makes of q random vectors, after `niter` iterations.
    N. Halko, P.-G. Martinsson, J. Tropp, *Finding structure with randomness*, arXiv:0909.4061.

    >>> import kagari as torch
    >>> torch.svd_lowrank(torch.diag(torch.tensor([3.0, 0.0, 0.0])), q=2)[1]
    tensor([3., 0.])
    """
    a = A if M is None else A - M
    wide = a.shape[-2] < a.shape[-1]
    a = adjoint(a) if wide else a
    back = adjoint(a)
    basis = linalg_qr(a @ random.randn(a.shape[-1], 6 if q is None else q, dtype=a.dtype))[0]
    for _ in range(niter or 0):
        basis = linalg_qr(a @ linalg_qr(back @ basis)[0])[0]
    u, s, vh = linalg_svd(adjoint(basis) @ a, False)
    u, v = basis @ u, adjoint(vh)
    return (v, s, u) if wide else (u, s, v)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Any, Any, Any]:
    """The q largest principal components of the rows of a matrix, approximately: `svd_lowrank` of the matrix, from
    which the mean of the rows is taken if `center`. By default q is at most 6.

    >>> import kagari as torch
    >>> torch.pca_lowrank(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), q=1)[1].round(decimals=4)
    tensor([1.4142])
    """
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)


def norm_except_dim(v: Any, pow: int = 2, dim: int = 0) -> Any:
    """The norms over all dimensions but one, which stay as size 1; over all, as a number, for `dim=-1`.

    >>> import kagari as torch
    >>> torch.norm_except_dim(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    tensor([[5.],
            [2.]])
    """
    if dim == -1:
        return call("norm")(v, pow)
    rest = tuple(d for d in range(v.ndim) if d != dim)
    return call("norm")(v, pow, rest, True) if rest else v.abs()


FUNCTIONS = (geqrf, norm_except_dim, orgqr, ormqr, pca_lowrank, svd_lowrank)
METHODS = (geqrf, orgqr, ormqr)
LINALG = {"householder_product": householder_product}
