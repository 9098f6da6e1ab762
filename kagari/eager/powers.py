"""Products of matrices with themselves and in chains, and the exponential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..base.dtypes import bfloat16, float16, float32
from ..engine.function import Hooks
from ..ops.check import C_NAMES
from . import convert
from .calls import call
from .equations import LinalgSolveEx, inv, solve
from .lapack import elements, floating, made, of_linalg, square, with_out

# Powers


def _identity(a: Any) -> Any:
    return made(np.broadcast_to(np.eye(a.shape[-1]), tuple(a.shape)), a.dtype)


@with_out
def matrix_power(input: Any, n: int) -> Any:
    """The product of n factors that are a square matrix, or its inverse for negative n.

    >>> import kagari as torch
    >>> torch.matrix_power(torch.tensor([[1, 1], [0, 1]]), 5)
    tensor([[1, 5],
            [0, 1]])
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    square("linalg.matrix_power", input)
    if not n:
        return _identity(input)
    power, left, result = inv(input) if n < 0 else input, abs(n), None
    while True:
        if left & 1:
            result = power if result is None else result @ power
        left >>= 1
        if not left:
            return call("clone")(result) if result is input else result
        power = power @ power


# N. J. Higham, "The scaling and squaring method for the matrix exponential revisited", 2005: for each precision the
# degree of the approximation and the norm up to which it is as good as the numbers.
_APPROXIMATIONS = {4: (7, 3.925724783138660), 8: (13, 5.371920351148152)}


@with_out
def matrix_exp(input: Any) -> Any:
    r"""The exponential :math:`\sum_k A^k / k!` of a square matrix, by scaling, Padé's approximation, and squaring.

    >>> import kagari as torch
    >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    square("linalg.matrix_exp", input)
    if input.dtype in (float16, bfloat16):
        return convert.to(matrix_exp(convert.to(input, float32)), input.dtype)
    floating("linalg.matrix_exp", input)
    if not input.numel():
        return call("clone")(input)
    degree, limit = _APPROXIMATIONS[input.dtype.to_real().itemsize]
    size = float(np.abs(elements(input)).sum(-2).max())
    halvings = max(0, math.ceil(math.log2(size / limit))) if 0 < size < math.inf else 0
    result = _pade(input * 0.5**halvings, degree)
    for _ in range(halvings):
        result = result @ result
    return result


def _pade(a: Any, degree: int) -> Any:
    """`(V - U)^-1 (V + U)` with the odd and the even part of the approximation's numerator."""
    factors = [
        math.comb(degree, k) * math.factorial(2 * degree - k) / math.factorial(2 * degree) for k in range(degree + 1)
    ]
    eye, squares = _identity(a), a @ a
    odd, even = factors[degree] * eye, factors[degree - 1] * eye
    for k in range(degree - 2, 0, -2):
        odd, even = odd @ squares + factors[k] * eye, even @ squares + factors[k - 1] * eye
    u = a @ odd
    return LinalgSolveEx.apply(even - u, even + u)


# Chains


def _order(sizes: list[int]) -> list[list[int]]:
    """Where to split each chain of matrices of these sizes so that there are the fewest products of numbers."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            ways = [cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i][j] = min(ways)
            split[i][j] = i + ways.index(cost[i][j])
    return split


def _chain(matrices: Sequence[Any], split: list[list[int]], i: int, j: int) -> Any:
    if i == j:
        return matrices[i]
    k = split[i][j]
    return _chain(matrices, split, i, k) @ _chain(matrices, split, k + 1, j)


def _check_chain(tensors: Sequence[Any]) -> None:
    last = len(tensors) - 1
    for i, t in enumerate(tensors):
        ends = "first" if i == 0 else "last"
        if i in (0, last) and t.ndim not in (1, 2):
            raise RuntimeError(f"multi_dot(): the {ends} tensor must be 1D or 2D but got {t.ndim}D")
        if i not in (0, last) and t.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {t.ndim}D")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {C_NAMES[tensors[0].dtype]} and "
                f"tensor {i} {C_NAMES[t.dtype]}"
            )
    for i, (a, b) in enumerate(pairwise(tensors)):
        if a.shape[-1] != b.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} cannot be "
                "multiplied"
            )


@of_linalg
def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices, in the order that takes the fewest multiplications.

    The first may be a vector, which is a row, and the last one, which is a column.

    >>> import kagari as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
    tensor([12., 12.])
    """
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            "linalg_multi_dot(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    for i, t in enumerate(tensors):
        if not convert.is_tensor(t):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    _check_chain(tensors)
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    matrices = list(tensors)
    if row:
        matrices[0] = matrices[0].unsqueeze(0)
    if column:
        matrices[-1] = matrices[-1].unsqueeze(1)
    sizes = [matrices[0].shape[0], *[m.shape[1] for m in matrices]]
    product = _chain(matrices, _order(sizes), 0, len(matrices) - 1)
    product = product.squeeze(-1) if column else product
    return product.squeeze(0) if row else product


@with_out
def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices: `torch.linalg.multi_dot`.

    >>> import kagari as torch
    >>> torch.chain_matmul(torch.ones(1, 2), torch.ones(2, 1))
    tensor([[2.]])
    """
    given = tuple(matrices[0]) if len(matrices) == 1 and not isinstance(matrices[0], Hooks.tensor_types) else matrices
    for t in given:
        if t.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {t.ndim}, expected 2 instead.")
    if not given:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return given[0] if len(given) == 1 else multi_dot(given)


# Tensors as matrices


@of_linalg
def tensorinv(input: Any, ind: int = 2) -> Any:
    """The inverse of a tensor as a map from its last dimensions to its first `ind` ones.

    >>> import kagari as torch
    >>> torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    front, back = tuple(input.shape[:ind]), tuple(input.shape[ind:])
    if math.prod(front) != math.prod(back):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(back)} != {math.prod(front)}"
        )
    n = math.prod(front)
    return inv(input.reshape(n, n)).reshape(*back, *front)


@of_linalg
def tensorsolve(input: Any, other: Any, dims: Sequence[int] | None = None) -> Any:
    """The X with `tensordot(A, X, X.ndim) = B`; the dimensions `dims` of A are moved to its end first.

    >>> import kagari as torch
    >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        input = call("movedim")(input, tuple(dims), tuple(range(input.ndim - len(dims), input.ndim)))
    shape = tuple(input.shape[other.ndim :])
    rows, columns = other.numel(), math.prod(shape)
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {columns} != {rows}"
        )
    return solve(input.reshape(rows, rows), other.reshape(-1)).reshape(shape)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """A view of diagonals: `torch.diagonal`, of the last two dimensions if not said otherwise.

    >>> import kagari as torch
    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return call("diagonal")(A, offset, dim1, dim2)


FUNCTIONS = (chain_matmul, matrix_exp, matrix_power)
METHODS = (matrix_exp, matrix_power)
LINALG = {
    "diagonal": diagonal, "matrix_exp": matrix_exp, "matrix_power": matrix_power, "multi_dot": multi_dot,
    "tensorinv": tensorinv, "tensorsolve": tensorsolve,
}  # fmt: skip
