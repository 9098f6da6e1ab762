"""What singular values say of a matrix: norms, rank, condition, the pseudo-inverse, least squares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Function
from ..base.dtypes import dtype as Dtype
from ..base.dtypes import int64
from ..ops.check import TYPE_NAMES
from . import convert, lapack
from .calls import call
from .decompositions import eigh, eigvalsh, svd_of, svdvals
from .equations import LinalgInvEx
from .lapack import adjoint, array, elements, floating, made, named, of_linalg, with_out
from .views import checked_dim

# Norms


def _in_dtype(name: str, x: Any, dt: Dtype | None) -> Any:
    """x in a wider dtype. Raises RuntimeError where it is none, or x is no tensor of floats."""
    if x.dtype.category < 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {TYPE_NAMES[x.dtype]}")
    if dt is None or dt is x.dtype:
        return x
    if dt.category < 2:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {TYPE_NAMES[dt]}")
    if dt.category != x.dtype.category:
        kind = "complex" if x.dtype.is_complex else "real"
        raise RuntimeError(f"{name}: dtype should be {kind} for {kind} inputs, but got {TYPE_NAMES[dt]}")
    if dt.itemsize < x.dtype.itemsize:
        raise RuntimeError(
            f"{name}: the dtype of the input ({TYPE_NAMES[x.dtype]}) should be convertible without narrowing to the "
            f"specified dtype ({TYPE_NAMES[dt]})"
        )
    return convert.to(x, dt)


@of_linalg
def vector_norm(input: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    r"""The norm :math:`(\sum |x_i|^p)^{1/p}` of all elements, or along dimensions, with p = `ord`.

    Of infinity it is the largest magnitude, of minus infinity the smallest, of 0 the number of elements that are not 0.

    >>> import kagari as torch
    >>> torch.linalg.vector_norm(torch.tensor([3.0, -4.0]), 1)
    tensor(7.)
    """
    if isinstance(ord, str | bool) or not isinstance(ord, int | float):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    return call("norm")(_in_dtype("linalg.vector_norm", input, dtype), ord, dim, keepdim)


def _two(name: str, x: Any, dim: Any) -> tuple[int, int]:
    """Two different dimensions, counted from the front. Raises RuntimeError for others."""
    dims = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if len(dims) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(str(d) for d in dims)}")
    rows, columns = (checked_dim(d, x.ndim) for d in dims)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    return rows, columns


@of_linalg
def matrix_norm(
    input: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Dtype | None = None
) -> Any:
    """The norm of matrices, whose rows and columns are along the dimensions `dim`.

    `ord` is `"fro"` for the root of the sum of squares, `"nuc"` for the sum of singular values, 2 and -2 for the
    largest and the smallest of them, 1 and -1 for the largest and the smallest sum of magnitudes in a column, infinity
    and minus infinity for those in a row.

    >>> import kagari as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    name = "linalg.matrix_norm"
    lapack.matrices(name, input)
    x = _in_dtype(name, input, dtype)
    rows, columns = _two(name, input, dim)
    if ord == "fro":
        return call("norm")(x, 2, (rows, columns), keepdim)
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        values = svdvals(call("movedim")(x, (rows, columns), (-2, -1)))
        found = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                found = found.unsqueeze(d)
        return found
    if isinstance(ord, str) or abs(ord) not in (1, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = x.abs().sum(summed, keepdim=True)
    found = sums.amax(other, keepdim=True) if ord > 0 else sums.amin(other, keepdim=True)
    return found if keepdim else found.squeeze((rows, columns))


@of_linalg
def norm(input: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Any:
    """The norm of vectors or of matrices: `vector_norm` along one dimension, `matrix_norm` along two.

    Without `dim` a vector has the one and a matrix the other; without `ord` it is that of all elements as a vector.

    >>> import kagari as torch
    >>> torch.linalg.norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
    tensor(4.)
    """
    if dim is not None:
        dims = (dim,) if isinstance(dim, int) else tuple(dim)
        if len(dims) not in (1, 2):
            raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    elif ord is not None:
        if input.ndim not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.ndim}D."
            )
        dims = tuple(range(input.ndim))
    else:
        return vector_norm(input, 2, None, keepdim, dtype=dtype)
    if isinstance(ord, str) or (ord is not None and len(dims) == 2):
        return matrix_norm(input, ord, dims, keepdim, dtype=dtype)
    return vector_norm(input, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


@with_out
def nuclear_norm(input: Any, dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    """The sum of the singular values of matrices.

    >>> import kagari as torch
    >>> torch.nuclear_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(7.)
    """
    return matrix_norm(input, "nuc", dim, keepdim)


@with_out
def frobenius_norm(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """The root of the sum of squares along one or two dimensions.

    >>> import kagari as torch
    >>> torch.frobenius_norm(torch.tensor([[3.0, 4.0]]), 1)
    tensor([5.])
    """
    return call("norm")(input, 2, dim, keepdim)


def _norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None, dtype: Dtype | None = None
) -> Any:
    """The norm of a vector, `sum(|x_i| ** p) ** (1 / p)`, of all elements or along dimensions.

    For `p = inf` it is the largest magnitude, for 0 the count of non-zeros, for `"nuc"` the sum of singular values.

    >>> import kagari as torch
    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p == "nuc":
        return matrix_norm(input, p, tuple(range(input.ndim)) if dim is None else dim, keepdim, dtype=dtype, out=out)
    plain = call("norm")
    return plain(input, p, dim, keepdim, dtype) if out is None else plain(input, p, dim, keepdim, dtype, out=out)


_norm.__name__ = _norm.__qualname__ = "norm"


# Rank and condition


def _bound(name: str, values: Any, atol: Any, rtol: Any, fallback: float) -> Any:
    """What singular values have to exceed: `max(atol, rtol * largest)`, for each matrix."""
    for which, x in (("atol", atol), ("rtol", rtol)):
        if convert.is_tensor(x) and x.is_complex():
            raise RuntimeError(f"{name}: {which} tensor of complex type is not supported. Got {TYPE_NAMES[x.dtype]}")
    if rtol is None:
        rtol = np.where(_plain(atol) > 0, 0.0, fallback)
    absolute, relative = (_plain(x) for x in (atol, rtol))
    size = np.abs(array(values))
    largest = size.max(-1) if size.shape[-1] else np.zeros(size.shape[:-1])
    return np.maximum(absolute, relative * largest)


def _plain(x: Any) -> np.ndarray:
    """A bound as an array; 0 where there is none."""
    return array(x) if convert.is_tensor(x) else np.asarray(0.0 if x is None else x)


def _default(a: Any) -> float:
    return max(a.shape[-2:]) * lapack.epsilon(a.dtype)


@of_linalg
def matrix_rank(input: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """How many singular values exceed `max(atol, rtol * largest)`; `tol` is another name of `atol`.

    Without bounds `rtol` is the larger size times the distance from 1 to the next number. The singular values of a
    Hermitian matrix are the magnitudes of its eigenvalues.

    >>> import kagari as torch
    >>> torch.linalg.matrix_rank(torch.ones(3, 3))
    tensor(1)
    """
    name = "torch.linalg.matrix_rank"
    lapack.matrices(name, input, "input")
    values = (eigvalsh(input).abs() if hermitian else svdvals(input)).detach()
    bound = _bound(name, values, tol if atol is None else atol, rtol, 0.0 if tol is not None else _default(input))
    return made((array(values) > bound[..., None]).sum(-1), int64)


@of_linalg
def cond(input: Any, p: Any = None) -> Any:
    """The condition of a matrix: the product of its norm and that of its inverse; by default that of singular values.

    >>> import kagari as torch
    >>> torch.linalg.cond(torch.tensor([[3.0, 0.0], [0.0, 6.0]]))
    tensor(2.)
    """
    lapack.matrices("linalg.cond", input)
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        if not input.numel():
            return convert.full(tuple(input.shape[:-2]), 0, input.dtype.to_real())
        values = svdvals(input)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    if p not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    lapack.square(f"linalg.cond(ord={p})", input)
    floating("linalg.cond", input)
    found = matrix_norm(input, p) * matrix_norm(LinalgInvEx.apply(input), p)
    return call("where")(found.isnan() & ~input.isnan().any(-1).any(-1), math.inf, found)


# The pseudo-inverse


class LinalgPinv(Function, node="Backward0"):
    """The pseudo-inverse of matrices of constant rank, the singular values, and how many of them are inverted.

    G. H. Golub and V. Pereyra, *The differentiation of pseudo-inverses and nonlinear least squares problems*, 1973.
    """

    stacked = True

    @staticmethod
    def forward(ctx: Any, a: Any, bound: Any, hermitian: bool) -> Any:
        """Inverts the singular values that exceed the bound."""
        if hermitian:
            values, vectors = eigh(a)
            left = right = vectors
        else:
            u, values, vh = svd_of(array(a), False)
            left, right = made(u, a.dtype), adjoint(made(vh, a.dtype))
        values = array(values) if hermitian else values
        size = np.abs(values)
        large = size > bound(values)[..., None]
        inverse = np.where(large, 1 / np.where(large, values, 1), 0)
        p = right * made(inverse, a.dtype.to_real()).unsqueeze(-2) @ adjoint(left)
        ctx.save_for_backward(a, p)
        seen = made(values, a.dtype.to_real()), made(large.sum(-1), int64)
        ctx.mark_non_differentiable(*seen)
        return p, *seen

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """`-P^H G P^H + (1 - A P) G^H P P^H + P^H P G^H (1 - P A)`, ordered by the smaller size."""
        a, p = ctx.saved_tensors
        g, q = adjoint(grads[0]), adjoint(p)
        rest = g - a @ (p @ g)
        other = g - (g @ p) @ a
        return -(q @ grads[0] @ q) + rest @ p @ q + q @ p @ other, None, None


@of_linalg
def pinv(input: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """The pseudo-inverse of Moore and Penrose: singular values above `max(atol, rtol * largest)` are inverted.

    `rcond` is another name of `rtol`.

    >>> import kagari as torch
    >>> torch.linalg.pinv(torch.tensor([[2.0, 0.0]]))
    tensor([[0.5000],
            [0.0000]])
    """
    if input.ndim < 2 or input.dtype.category < 2 or input.dtype.to_real().itemsize < 4:
        raise RuntimeError(
            f"linalg.pinv({TYPE_NAMES[input.dtype]}{{{list(input.shape)}}}): expected a tensor with 2 or more "
            "dimensions of float, double, cfloat or cdouble types"
        )
    rtol = rcond if rtol is None else rtol
    if not input.numel():
        return input.mT * 1

    return _inverted("linalg.pinv", input, atol, rtol, hermitian)[0]


def _inverted(name: str, a: Any, atol: Any, rtol: Any, hermitian: bool = False) -> tuple[Any, Any, Any]:
    """The pseudo-inverse, and of the same decomposition the singular values and how many of them are inverted."""

    def bound(values: np.ndarray) -> np.ndarray:
        return _bound(name, made(values, a.dtype.to_real()), atol, rtol, _default(a))

    found: tuple[Any, Any, Any] = LinalgPinv.apply(a, bound, hermitian)
    return found


@with_out
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse: `torch.linalg.pinv`.

    >>> import kagari as torch
    >>> torch.pinverse(torch.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return pinv(input, rcond)


# Least squares

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@of_linalg
def lstsq(input: Any, b: Any, rcond: Any = None, *, driver: str | None = None) -> Any:
    """The X of least `|AX - B|`, and of these the one of least size.

    Returns the solution, sums of the squares of what is left over (where A has full rank and more rows than columns,
    and the driver is not `"gelsy"`), the rank (not with `"gels"`) and the singular values (with `"gelsd"` and
    `"gelss"`). All drivers use the pseudo-inverse.

    >>> import kagari as torch
    >>> torch.linalg.lstsq(torch.tensor([[1.0], [0.0]]), torch.tensor([[2.0], [3.0]])).solution
    tensor([[2.]])
    """
    name = "torch.linalg.lstsq"
    driver = driver or "gelsy"
    for which, x in (("input", input), ("other", b)):
        if x.ndim < (2 if which == "input" else 1):
            raise RuntimeError(f"{name}: {which} must have at least {2 if which == 'input' else 1} dimensions.")
    vector = b.ndim == 1 or (input.ndim - 1 == b.ndim and tuple(b.shape) == tuple(input.shape[:-1]))
    b = b.unsqueeze(-1) if vector else b
    m, n = input.shape[-2:]
    if m != b.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-{1 if vector else 2})")
    if driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    floating(name, input)
    if input.numel():
        inverse, values, rank = _inverted(name, input, None, _default(input) if rcond is None else rcond)
    else:
        inverse, batch = input.mT * 1, tuple(input.shape[:-2])
        values = convert.full((*batch, min(m, n)), 0, input.dtype.to_real())
        rank = convert.full(batch, 0, int64)
    x = inverse @ b
    left = convert.empty((0,), input.dtype)
    if driver != "gelsy" and m > n and (elements(rank) == n).all():
        left = (input @ x - b).abs().square().sum(-2)
    return named(
        "linalg_lstsq", "solution residuals rank singular_values", x.squeeze(-1) if vector else x, left,
        convert.empty((0,), int64) if driver == "gels" else rank,
        values if driver in ("gelsd", "gelss") else convert.empty((0,), input.dtype.to_real()),
    )  # fmt: skip


FUNCTIONS = (frobenius_norm, _norm, nuclear_norm, pinverse)
METHODS = (_norm, pinverse)
LINALG = {
    "cond": cond, "lstsq": lstsq, "matrix_norm": matrix_norm, "matrix_rank": matrix_rank, "norm": norm, "pinv": pinv,
    "vector_norm": vector_norm,
}  # fmt: skip
