"""Orthogonal factors, singular values, eigenvalues, and what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function
from ..base.errors import LinAlgError
from ..ops.check import TYPE_NAMES
from . import views
from .calls import call
from .equations import LinalgSolveEx
from .indexing import recorded
from .lapack import adjoint, array, floating, made, matrices, named, of_linalg, square, with_out
from .triangular import LinalgSolveTriangular


def _diagonal(x: Any) -> Any:
    """Matrices with the last dimension of x on their diagonals."""
    return call("diag_embed")(x)


def _differences(x: Any) -> Any:
    """`x_j - x_i`, with ones on the diagonal, to divide by."""
    return x.unsqueeze(-2) - x.unsqueeze(-1) + made(np.eye(x.shape[-1]), x.dtype)


# Orthogonal and triangular


class LinalgQr(Function, node="Backward0"):
    """The factors of `A = Q R` for matrices that are not wide.

    H.-J. Liao et al., *Differentiable programming tensor networks*, arXiv:1903.09650.
    """

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, complete: bool) -> Any:
        """Reflects column by column."""
        q, r = np.linalg.qr(array(a), "complete" if complete else "reduced")
        made_q, made_r = made(q, a.dtype), made(r, a.dtype)
        ctx.save_for_backward(made_q, made_r)
        return made_q, made_r

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`(G_Q + Q M) R^-H`, M the Hermitian matrix with the upper triangle of `G_R R^H - Q^H G_Q`."""
        q, r = ctx.saved_tensors
        if r.shape[-2] > r.shape[-1]:
            raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols")
        g_q, g_r = grads
        inner = (g_r @ adjoint(r) - adjoint(q) @ g_q).triu()
        # Both triangles, the real part of the diagonal once.
        both = inner + adjoint(inner)
        whole = g_q + q @ (both - _diagonal(both.diagonal(dim1=-2, dim2=-1)) * 0.5)
        return adjoint(LinalgSolveTriangular.apply(r, adjoint(whole), True, False)), None


def _qr(name: str, a: Any, mode: str) -> tuple[Any, Any]:
    matrices(name, a)
    floating(name, a, "geqrf_cpu")
    if mode not in ("reduced", "r", "complete"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    m, n = a.shape[-2:]
    if n <= m:
        return LinalgQr.apply(a, mode == "complete")
    q, r = LinalgQr.apply(a[..., :m], False)
    return q, views.cat([r, adjoint(q) @ a[..., m:]], -1)


@of_linalg
def linalg_qr(A: Any, mode: str = "reduced") -> Any:
    """The factors of `A = Q R`: orthonormal columns and an upper triangle.

    `mode="complete"` makes Q square, `"r"` leaves it out.

    >>> import kagari as torch
    >>> torch.linalg.qr(torch.tensor([[2.0, 1.0], [0.0, 3.0]])).R
    tensor([[2., 1.],
            [0., 3.]])
    """
    q, r = _qr("linalg.qr", A, mode)
    return named("linalg_qr", "Q R", made(np.zeros(0), A.dtype) if mode == "r" else q, r)


@with_out
def qr(input: Any, some: bool = True) -> Any:
    """The factors of `A = Q R`: `torch.linalg.qr`, complete unless `some`.

    >>> import kagari as torch
    >>> torch.qr(torch.tensor([[1.0]])).R
    tensor([[1.]])
    """
    return named("qr", "Q R", *_qr("linalg.qr", input, "reduced" if some else "complete"))


# Singular values


class LinalgSvd(Function, node="Backward0"):
    """The factors of `A = U diag(S) V^H`.

    Z.-Q. Wan and S.-X. Zhang, *Automatic differentiation for complex valued SVD*, arXiv:1909.02659.
    """

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, full: bool) -> Any:
        """Decomposes each matrix."""
        parts = svd_of(array(a), full)
        u, s, vh = made(parts[0], a.dtype), made(parts[1], a.dtype.to_real()), made(parts[2], a.dtype)
        ctx.save_for_backward(u, s, vh)
        ctx.set_materialize_grads(False)
        return u, s, vh

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The parts that turn U and V within the spaces that they span, and those that turn them out of these."""
        u, s, vh = ctx.saved_tensors
        k = s.shape[-1]
        g_u, g_s, g_vh = grads
        u, vh = u[..., :k], vh[..., :k, :]
        inner = None if g_s is None else _diagonal(g_s).to(u.dtype)
        if g_u is None and g_vh is None:
            return None if inner is None else (u @ inner @ vh, None)
        v, squares = adjoint(vh), _differences(s * s)
        result: Any = 0
        if g_u is not None:
            g_u = g_u[..., :k]
            turn = adjoint(u) @ g_u
            skew = turn - adjoint(turn)
            part = skew / squares * s.unsqueeze(-2)
            inner = part if inner is None else inner + part
            if skew.is_complex():
                inner = inner + _diagonal(skew.diagonal(dim1=-2, dim2=-1) / (2 * s))
            if u.shape[-2] > k:
                result = (g_u - u @ turn) / s.unsqueeze(-2) @ vh
        if g_vh is not None:
            g_v = adjoint(g_vh[..., :k, :])
            turn = vh @ g_v
            part = s.unsqueeze(-1) * ((turn - adjoint(turn)) / squares)
            inner = part if inner is None else inner + part
            if v.shape[-2] > k:
                result = result + u @ adjoint((g_v - v @ turn) / s.unsqueeze(-2))
        return u @ inner @ vh + result, None


def svd_of(a: Any, full: Any, vectors: Any = True) -> Any:
    """NumPy's decomposition, of numbers that are all finite. Raises LinAlgError for others."""
    try:
        return np.linalg.svd(a, full, vectors)
    except np.linalg.LinAlgError:
        reason = "the input matrix contained non-finite values"
        if np.isfinite(a).all():
            reason = "the input matrix is ill-conditioned or has too many repeated singular values"
        raise LinAlgError(f"linalg.svd: The algorithm failed to converge because {reason}.") from None


def _svd(name: str, a: Any, full: bool) -> tuple[Any, Any, Any]:
    matrices(name, a)
    floating(name, a, "linalg_svd_cpu")
    return LinalgSvd.apply(a, full)


@of_linalg
def linalg_svd(A: Any, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """The factors of `A = U diag(S) Vh`: orthonormal columns, singular values in descending order, orthonormal rows.

    U and Vh are square, unless `full_matrices=False`. Gradients of U and Vh exist where the singular values differ.

    >>> import kagari as torch
    >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    return named("linalg_svd", "U S Vh", *_svd("linalg.svd", A, full_matrices))


@with_out
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """The factors of `A = U diag(S) V^H`, with V in place of its adjoint: `torch.linalg.svd`.

    >>> import kagari as torch
    >>> torch.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if not compute_uv:
        s = svdvals(input)
        u, v = (made(np.zeros((*input.shape[:-2], n, n)), input.dtype) for n in input.shape[-2:])
        return named("svd", "U S V", u, s, v)
    u, s, vh = _svd("linalg.svd", input, not some)
    return named("svd", "U S V", u, s, adjoint(vh))


@of_linalg
def svdvals(A: Any, *, driver: str | None = None) -> Any:
    """The singular values in descending order.

    >>> import kagari as torch
    >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    if recorded(A):
        return _svd("linalg.svd", A, False)[1]
    matrices("linalg.svd", A)
    floating("linalg.svd", A, "linalg_svd_cpu")
    return made(svd_of(array(A), False, False), A.dtype.to_real())


# Eigenvalues


class LinalgEigh(Function, node="Backward0"):
    """The factors of a Hermitian `A = V diag(L) V^H`."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, triangle: Any) -> Any:
        """Decomposes each matrix, of which it reads one triangle."""
        values, vectors = np.linalg.eigh(array(a), triangle)
        w, v = made(values, a.dtype.to_real()), made(vectors, a.dtype)
        ctx.save_for_backward(w, v)
        ctx.set_materialize_grads(False)
        return w, v

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`V (diag(G_L) + M / (L_j - L_i)) V^H`, M the part of `V^H G_V` that turns V."""
        w, v = ctx.saved_tensors
        g_w, g_v = grads
        inner = None if g_w is None else _diagonal(g_w).to(v.dtype)
        if g_v is not None:
            turn = adjoint(v) @ g_v
            skew = (turn - adjoint(turn)) * 0.5
            part = (skew - _diagonal(skew.diagonal(dim1=-2, dim2=-1))) / _differences(w)
            inner = part if inner is None else inner + part
        return None if inner is None else (v @ inner @ adjoint(v), None)


def _eigh(name: str, a: Any, triangle: Any, vectors: bool = True) -> tuple[Any, ...]:
    """The eigenvalues, and the eigenvectors where they are asked for: a gradient needs them."""
    square(name, a)
    floating(name, a, "linalg_eigh_cpu", numbers=True)
    if triangle.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {triangle}")
    try:
        if not vectors:
            return (made(np.linalg.eigvalsh(array(a), triangle.upper()), a.dtype.to_real()),)
        return LinalgEigh.apply(a, triangle.upper())
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
            "repeated eigenvalues."
        ) from None


@of_linalg
def eigh(input: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of a Hermitian matrix in ascending order, and orthonormal eigenvectors as columns.

    Only the lower triangle is looked at, or with `UPLO="U"` the upper one. Gradients of the eigenvectors exist where
    the eigenvalues differ.

    >>> import kagari as torch
    >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    return named("linalg_eigh", "eigenvalues eigenvectors", *_eigh("linalg.eigh", input, UPLO))


@of_linalg
def eigvalsh(input: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of a Hermitian matrix in ascending order.

    >>> import kagari as torch
    >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    return _eigh("linalg.eigh", input, UPLO, vectors=recorded(input))[0]


class LinalgEig(Function, node="Backward0"):
    """The factors of `A = V diag(L) V^-1`, with eigenvectors of length 1."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        """Decomposes each matrix."""
        values, vectors = np.linalg.eig(array(a))
        w, v = (made(x, a.dtype.to_complex()) for x in (values, vectors))
        ctx.save_for_backward(w, v)
        ctx.set_materialize_grads(False)
        ctx.real = not a.is_complex()
        return w, v

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`V^-H (diag(G_L) + (V^H G_V - V^H V diag(Re V^H G_V)) / conj(L_j - L_i)) V^H`."""
        w, v = ctx.saved_tensors
        g_w, g_v = grads
        inner = None if g_w is None else _diagonal(g_w)
        if g_v is not None:
            turn = adjoint(v) @ g_v
            lengths = turn.diagonal(dim1=-2, dim2=-1).real
            part = turn - adjoint(v) @ (v * lengths.unsqueeze(-2))
            part = (part - _diagonal(part.diagonal(dim1=-2, dim2=-1))) / _differences(w).conj()
            inner = part if inner is None else inner + part
        if inner is None:
            return None
        found = LinalgSolveEx.apply(adjoint(v), inner @ adjoint(v))
        return found.real if ctx.real else found


def _eig(name: str, a: Any, vectors: bool = True) -> tuple[Any, ...]:
    """The eigenvalues, and the eigenvectors where they are asked for: a gradient needs them."""
    if a.dtype.category < 2:
        raise RuntimeError(f"Unknown Complex ScalarType for {TYPE_NAMES[a.dtype]}")
    square(name, a)
    floating(name, a, "linalg_eig_out_cpu")
    try:
        if not vectors:
            return (made(np.linalg.eigvals(array(a)), a.dtype.to_complex()),)
        return LinalgEig.apply(a)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{name}: {error}") from None


@of_linalg
def eig(input: Any) -> Any:
    """The eigenvalues of a square matrix, and eigenvectors of length 1 as columns. Both are complex.

    >>> import kagari as torch
    >>> torch.linalg.eig(torch.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
    tensor([0.+1.j, 0.-1.j])
    """
    return named("linalg_eig", "eigenvalues eigenvectors", *_eig("linalg.eig", input))


@of_linalg
def eigvals(input: Any) -> Any:
    """The eigenvalues of a square matrix, which are complex.

    >>> import kagari as torch
    >>> torch.linalg.eigvals(torch.tensor([[2.0, 1.0], [0.0, 2.0]]))
    tensor([2.+0.j, 2.+0.j])
    """
    return _eig("linalg.eig", input, vectors=recorded(input))[0]


FUNCTIONS = (qr, svd)
METHODS = FUNCTIONS
LINALG = {
    "eig": eig, "eigh": eigh, "eigvals": eigvals, "eigvalsh": eigvalsh, "qr": linalg_qr, "svd": linalg_svd,
    "svdvals": svdvals,
}  # fmt: skip
