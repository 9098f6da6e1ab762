"""Inverses, determinants, and systems of linear equations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Function
from ..autograd.function import once_differentiable
from ..base.errors import LinAlgError
from . import lapack
from .calls import call
from .lapack import adjoint, array, codes, elements, floating, made, named, of_linalg, square, with_out

# Inverses


class LinalgInvEx(Function, node="Backward0"):
    """The inverse, NaN where there is none: `dX = -X dA X`."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        """Inverts each matrix."""
        x = made(_inverted(array(a)), a.dtype)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`-X^H G X^H`."""
        x = adjoint(ctx.saved_tensors[0])
        return -(x @ grads[0] @ x)


def _inverted(a: np.ndarray) -> np.ndarray:
    return _solved(a, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape))


def _solved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The solutions of stacked equations, NaN for singular matrices."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        if a.ndim == 2:
            return np.full(b.shape, np.nan, b.dtype)
        return np.stack([_solved(x, y) for x, y in zip(a, b)])


def _zeros_met(a: Any, x: Any) -> np.ndarray:
    """For each matrix the place of the zero that its factor U has on the diagonal, where the solution x is NaN."""
    lost = np.isnan(elements(x)).any((-2, -1))
    if not lost.any():
        return np.zeros(lost.shape, np.int32)
    values = elements(a)
    found = lapack.lu(values)[2]
    unseen = lost & (found == 0) & np.isfinite(values).all((-2, -1))
    return np.where(unseen, values.shape[-1], np.where(lost, found, 0)).astype(np.int32)


def _require_regular(name: str, info: np.ndarray) -> None:
    if info.any():
        place, matrix = lapack.element(info)
        raise LinAlgError(
            f"{name}: {matrix}The diagonal element {place} is zero, the inversion could not be completed because the "
            "input matrix is singular."
        )


def _inverse(name: str, a: Any, check: bool) -> tuple[Any, np.ndarray]:
    """The inverse and, for each matrix, the place of the zero that its factor U has on the diagonal."""
    square("linalg.inv", a)
    floating("linalg.inv", a)
    x = LinalgInvEx.apply(a)
    info = _zeros_met(a, x)
    if check:
        _require_regular(name, info)
    return x, info


@of_linalg
def inv(A: Any) -> Any:
    """The inverse of a square matrix, or of each of a stack of them.

    Raises torch.linalg.LinAlgError, a RuntimeError, for a singular matrix.

    >>> import kagari as torch
    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inverse("linalg.inv", A, True)[0]


@with_out
def inverse(input: Any) -> Any:
    """The inverse of a square matrix: `torch.linalg.inv`.

    >>> import kagari as torch
    >>> torch.inverse(torch.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return _inverse("linalg.inv", input, True)[0]


@of_linalg
def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """The inverse, and 0 or the place where the matrix turned out to be singular; then the inverse is NaN.

    >>> import kagari as torch
    >>> torch.linalg.inv_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    x, info = _inverse("linalg.inv_ex", A, check_errors)
    return named("linalg_inv_ex", "inverse info", x, codes(info, x))


# Determinants


def _adjugate(a: np.ndarray) -> np.ndarray:
    """The conjugates of the cofactors, from singular values; of singular matrices too."""
    u, s, vh = np.linalg.svd(a)
    turn = np.conj(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    n = s.shape[-1]
    rest = np.stack([np.delete(s, i, -1).prod(-1) for i in range(n)], -1)
    return turn * (u * rest[..., None, :]) @ vh


class LinalgDet(Function, node="Backward0"):
    """The determinant: `d det A = det A tr(A^-1 dA)`, the cofactors of a singular matrix."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        """Computes each determinant."""
        d = made(np.linalg.det(array(a)), a.dtype)
        ctx.save_for_backward(a, d)
        return d

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`g conj(det A) A^-H`."""
        a, d = ctx.saved_tensors
        g = grads[0][..., None, None]
        if (elements(d) == 0).any():
            return _singular_det(a, g)
        return g * d.conj()[..., None, None] * adjoint(LinalgInvEx.apply(a))


@once_differentiable
def _singular_det(a: Any, g: Any) -> Any:
    return g * made(_adjugate(array(a)), a.dtype)


def _det(name: str, a: Any) -> Any:
    square(name, a)
    floating(name, a, "lu_cpu")
    return LinalgDet.apply(a)


@of_linalg
def linalg_det(A: Any) -> Any:
    """The determinant of a square matrix, or of each of a stack of them.

    >>> import kagari as torch
    >>> torch.linalg.det(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return _det("linalg.det", A)


@with_out
def det(input: Any) -> Any:
    """The determinant of a square matrix: `torch.linalg.det`.

    >>> import kagari as torch
    >>> torch.det(torch.tensor([[3.0]]))
    tensor(3.)
    """
    return _det("linalg.det", input)


class LinalgSlogdet(Function, node="Backward0"):
    """The sign of the determinant and the logarithm of its size."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        """Computes both for each matrix."""
        sign, size = np.linalg.slogdet(array(a))
        sign, size = made(sign, a.dtype), made(size, a.dtype.to_real())
        ctx.save_for_backward(a, sign)
        ctx.set_materialize_grads(False)
        if not a.is_complex():
            ctx.mark_non_differentiable(sign)
        return sign, size

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`g A^-H`; the sign of a complex determinant turns with its angle."""
        a, sign = ctx.saved_tensors
        g_sign, g = grads
        if a.is_complex() and g_sign is not None:
            turned = (g_sign.conj() * sign).imag * -1j
            g = turned if g is None else g + turned
        return None if g is None else g[..., None, None] * adjoint(LinalgInvEx.apply(a))


def _slogdet(kind: str, name: str, a: Any) -> Any:
    square(name, a)
    floating(name, a)
    return named(kind, "sign logabsdet", *LinalgSlogdet.apply(a))


@of_linalg
def linalg_slogdet(A: Any) -> Any:
    """The sign of the determinant and the logarithm of its absolute value, which does not overflow.

    >>> import kagari as torch
    >>> torch.linalg.slogdet(torch.tensor([[-1.0]]))
    torch.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.))
    """
    return _slogdet("linalg_slogdet", "linalg.slogdet", A)


@with_out
def slogdet(input: Any) -> Any:
    """The sign of the determinant and the logarithm of its absolute value: `torch.linalg.slogdet`.

    >>> import kagari as torch
    >>> torch.slogdet(torch.tensor([[-1.0]])).sign
    tensor(-1.)
    """
    return _slogdet("slogdet", "linalg.slogdet", input)


@with_out
def logdet(input: Any) -> Any:
    """The logarithm of the determinant; NaN for a negative one.

    >>> import kagari as torch
    >>> torch.logdet(torch.tensor([[1.0]]))
    tensor(0.)
    """
    sign, size = _slogdet("slogdet", "logdet", input)
    if input.is_complex():
        return size + sign.log()
    return call("where")(sign == -1, math.nan, size)


# Equations


class LinalgSolveEx(Function, node="Backward0"):
    """The solution of `AX = B`: `dX = A^-1 (dB - dA X)`."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        """Solves each system."""
        x = made(_solved(array(a), array(b)), a.dtype)
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`A^-H G` for B, and this times `-X^H` for A."""
        a, x = ctx.saved_tensors
        of_b = LinalgSolveEx.apply(adjoint(a), grads[0])
        return -(of_b @ adjoint(x)) if ctx.needs_input_grad[0] else None, of_b


def _is_vector(a: Any, b: Any) -> bool:
    """Whether B is one vector for each matrix A, and not a matrix."""
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and tuple(b.shape) == tuple(a.shape[:-1]))


def _solution(name: str, a: Any, b: Any, left: bool) -> tuple[Any, np.ndarray]:
    """The solution and, for each matrix, the place of the zero that its factor U has on the diagonal."""
    floating(name, a)
    square(name, a)
    lapack.same_dtype(name, a, b)
    vector = _is_vector(a, b)
    columns = b.unsqueeze(-1) if vector else b
    lapack.matrices(name, columns, "B")
    lapack.fitting(name, a, columns, left)
    if not left:
        a, columns = a.mT, columns.mT
    a, columns = lapack.broadcast_batches(a, columns)
    x = LinalgSolveEx.apply(a, columns)
    info = _zeros_met(a, x)
    x = x if left else x.mT
    return x.squeeze(-1) if vector else x, info


@of_linalg
def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The solution of `AX = B`, or with `left=False` of `XA = B`, for square A; leading dimensions broadcast.

    B is a matrix `(*, n, k)`, or a vector `(n,)`, or one vector for each matrix of a stack.
    Raises torch.linalg.LinAlgError, a RuntimeError, for a singular matrix.

    >>> import kagari as torch
    >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    x, info = _solution("linalg.solve", A, B, left)
    if info.any():
        matrix = lapack.element(info)[1]
        raise LinAlgError(f"torch.linalg.solve: {matrix}The solver failed because the input matrix is singular.")
    return x


@of_linalg
def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """The solution, and 0 or the place where A turned out to be singular; then the solution is NaN.

    >>> import kagari as torch
    >>> torch.linalg.solve_ex(torch.ones(1, 1), torch.ones(1)).result
    tensor([1.])
    """
    x, info = _solution("linalg.solve", A, B, left)
    if check_errors and info.any():
        matrix = lapack.element(info)[1]
        raise LinAlgError(f"torch.linalg.solve_ex: {matrix}The solver failed because the input matrix is singular.")
    return named("linalg_solve_ex", "result info", x, codes(info, x))


FUNCTIONS = (det, inverse, logdet, slogdet)
METHODS = FUNCTIONS
LINALG = {
    "det": linalg_det, "inv": inv, "inv_ex": inv_ex, "slogdet": linalg_slogdet, "solve": solve, "solve_ex": solve_ex,
}  # fmt: skip
