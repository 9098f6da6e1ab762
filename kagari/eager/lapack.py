"""What functions of linear algebra share: checks of matrices, and the algorithms on arrays that NumPy lacks.

NumPy's LAPACK does the work on stacks of matrices. Gradients are rules of `torch.autograd.Function`, written with
tensors, so that they can be differentiated themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..autograd.casting import in_float32
from ..autograd.node import is_standing
from ..base.dtypes import dtype, int32
from ..ops.check import TYPE_NAMES
from . import convert, inplace
from .parts import adjoint as adjoint  # the rules of gradients take it from here
from .results import kind_of

_BLOCK = 32
"""So many columns are factored one by one before the others are brought up to date by a matrix product."""


# Checks


def matrices(name: str, a: Any, argument: str = "A") -> None:
    """Raises RuntimeError unless there are matrices."""
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def square(name: str, a: Any, argument: str = "A") -> None:
    """Raises RuntimeError unless the matrices are square."""
    matrices(name, a, argument)
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} "
            "matrices"
        )


def floating(name: str, a: Any, kernel: str = "", numbers: bool = False) -> None:
    """Raises an error unless LAPACK has the dtype: float32, float64, complex64, complex128.

    It is a RuntimeError, or NotImplementedError with the name of a kernel; for integers only with `numbers`.
    """
    dt = a.dtype
    if (kernel and dt.to_real().itemsize < 4 and dt.category > 1) or (numbers and dt.category < 2):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dt]}'")
    if dt.category < 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {TYPE_NAMES[dt]}")
    if dt.to_real().itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {TYPE_NAMES[dt]}")


def same_dtype(name: str, a: Any, b: Any) -> None:
    """Raises RuntimeError unless A and B have one dtype."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {TYPE_NAMES[a.dtype]} and B of type "
            f"{TYPE_NAMES[b.dtype]} instead"
        )


def fitting(name: str, a: Any, b: Any, left: bool) -> None:
    """Raises RuntimeError unless the sizes fit `AX = B`, or `XA = B`."""
    if a.shape[-1] != b.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


def element(failed: np.ndarray) -> tuple[int, str]:
    """The first code that is not 0, and the words for its matrix in a message."""
    flat = failed.ravel()
    first = int(np.flatnonzero(flat)[0])
    return int(flat[first]), f"(Batch element {first}): " if failed.ndim else ""


def broadcast_batches(a: Any, b: Any) -> tuple[Any, Any]:
    """Both with the same leading dimensions."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])


# Arrays and results


def array(t: Any) -> np.ndarray:
    """The elements of a tensor."""
    return convert.array_of(t)


def made(values: Any, dt: dtype) -> Any:
    """A tensor with the elements of an array."""
    return convert.copied(np.asarray(values), dt)


def elements(t: Any) -> np.ndarray:
    """The elements of a tensor; of all examples where it stands for one of many."""
    while is_standing(t):
        t = t._value
    return array(t)


def codes(info: Any, like: Any) -> Any:
    """A number for each matrix of `like`, as a tensor."""
    found = made(info, int32)
    return like.filled_with(found) if is_standing(like) else found


def named(name: str, fields: str, *parts: Any) -> Any:
    """Results with names, which are separated by spaces."""
    return kind_of(name, tuple(fields.split()))(parts)


_TENSORS = frozenset(
    ["A", "B", "L", "LD", "LU", "LU_data", "LU_pivots", "b", "input", "input2", "input3", "other", "pivots", "tau"]
)
"""The parameters of functions of linear algebra that take tensors."""
_SYNONYMS = {"a": "input", "x": "input", "x1": "input", "x2": "other", "axis": "dim", "keepdims": "keepdim"}
"""NumPy's names of parameters."""
_COMPOSED = frozenset([
    "chain_matmul", "frobenius_norm", "lu_unpack", "matrix_norm", "matrix_power", "multi_dot", "norm", "nuclear_norm",
    "pinv", "vector_norm",
])  # fmt: skip
"""Under autocast these compute as the operators do that they are made of, and all others in float32."""


def of_linalg(function: Callable[..., Any]) -> Callable[..., Any]:
    """`with_out` for functions of `torch.linalg`, which PyTorch's messages name `linalg_inv` and so on."""
    return with_out(function, "linalg_")


def with_out(function: Callable[..., Any], prefix: str = "") -> Callable[..., Any]:
    """A function that takes `out=` too, a tensor or one for each result, and refuses what are no tensors."""
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount]
    function.__qualname__ = name = prefix + function.__name__.removeprefix(prefix)
    written = function if name.removeprefix("linalg_") in _COMPOSED else in_float32(function)

    @wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        kwargs = {_SYNONYMS.get(n, n) if n not in parameters else n: x for n, x in kwargs.items()}
        for i, parameter in enumerate(parameters):
            given = args[i] if i < len(args) else kwargs.get(parameter)
            if parameter in _TENSORS and not convert.is_tensor(given) and (i < len(args) or parameter in kwargs):
                raise TypeError(
                    f"{name}(): argument '{parameter}' (position {i + 1}) must be Tensor, not {type(given).__name__}"
                )
        result = written(*args, **kwargs)
        if out is None:
            return result
        several = isinstance(result, tuple)
        for target, part in zip(out if several else (out,), result if several else (result,)):
            inplace.write_out(target, part)
        return type(result)(out) if several else out

    return call


def epsilon(dt: dtype) -> float:
    """The distance from 1 to the next number of the parts of a dtype."""
    return float(np.finfo(convert.numpy_dtype(dt.to_real())).eps)


# Algorithms


def lu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The factors of stacked matrices in one, the rows exchanged counted from 1, and the first zero on the diagonal.

    Crout's scheme by blocks: columns of a block one by one, then the rest of the matrix by a product.
    """
    shape, (m, n) = a.shape, a.shape[-2:]
    work = np.array(a).reshape(math.prod(shape[:-2]), m, n)
    stack, k = np.arange(len(work)), min(m, n)
    pivots = np.zeros((len(work), k), np.int32)
    for start in range(0, k, _BLOCK):
        end = min(start + _BLOCK, k)
        for j in range(start, end):
            # As LAPACK does, complex numbers are compared by the sums of their parts' sizes.
            column = work[:, j:, j]
            row = (np.abs(column.real) + np.abs(column.imag)).argmax(1) + j if len(work) else stack
            pivots[:, j] = row + 1
            work[stack, j], work[stack, row] = work[stack, row], work[stack, j].copy()
            divisor = work[:, j, j, None]
            work[:, j + 1 :, j] /= np.where(divisor == 0, 1, divisor)
            work[:, j + 1 :, j + 1 : end] -= work[:, j + 1 :, j, None] * work[:, j, None, j + 1 : end]
        corner = work[:, start:end, start:end]
        work[:, start:end, end:] = substituted(corner, work[:, start:end, end:], upper=False, unit=True)
        work[:, end:, end:] -= work[:, end:, start:end] @ work[:, start:end, end:]
    zero = work[:, range(k), range(k)] == 0
    info = np.where(zero.any(1), zero.argmax(1) + 1, 0) if k else np.zeros(len(work))
    batch = shape[:-2]
    return work.reshape(shape), pivots.reshape(*batch, k), info.astype(np.int32).reshape(batch)


def substituted(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """The solution of `AX = B` for triangular A, row by row; the other triangle is not looked at."""
    n = a.shape[-1]
    x = np.array(np.broadcast_to(b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])))
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        x[..., i, :] -= (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
        if not unit:
            with np.errstate(divide="ignore", invalid="ignore"):
                x[..., i, :] /= a[..., i, i, None]
    return x


def order_of_rows(pivots: np.ndarray, m: int) -> np.ndarray:
    """Which row of a matrix of m rows stands where after exchanges."""
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.tile(np.arange(m), (len(flat), 1))
    stack = np.arange(len(flat))
    for j in range(flat.shape[1]):
        row = flat[:, j] - 1
        order[stack, j], order[stack, row] = order[stack, row], order[stack, j].copy()
    return order.reshape(*pivots.shape[:-1], m)


def bad_minors(a: np.ndarray) -> np.ndarray:
    """For each matrix the order of the first leading minor that is not positive definite; 0 where there is none."""
    flat = a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])
    return np.array([_bad_minor(x) for x in flat], np.int32).reshape(a.shape[:-2])


def _bad_minor(a: np.ndarray) -> int:
    good, bad = 0, len(a) + 1
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            fine = not np.isnan(np.linalg.cholesky(a[:middle, :middle])).any()  # LAPACK may let them pass
        except np.linalg.LinAlgError:
            fine = False
        good, bad = (middle, bad) if fine else (good, middle)
    return bad if bad <= len(a) else 0
