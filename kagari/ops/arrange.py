"""Elements turned, repeated and counted out: what moves them and is no view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.dtypes import dtype, int64
from ..base.symbols import Size, hint, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import lower
from .check import require
from .movement import calls, turned
from .operator import Operator, Tensor, operator
from .reduce import cumprod
from .samples import Make, Sample, args, wanted
from .shapes import listed, settled


@operator(
    out=False,
    fresh=True,
    samples=calls(
        ((3, 4), args()), ((3, 4), args(2)), ((3, 4), args(-1)), ((3, 4), args(4)), ((2, 3, 4), args(1, (0, 2))),
        ((2, 3, 4), args(3, (-1, 1))), ((0, 3), args()),
    ),
    errors=[
        (args(wanted(2, 3), 1, (0,)), RuntimeError, "expected total rotation dims == 2, but got dims = 1"),
        (args(wanted(3), 1, (0, 1)), RuntimeError, "expected total dims >= 2, but got total dims = 1"),
        (
            args(wanted(2, 3), 1, (0, 0)),
            RuntimeError,
            "expected rotation dims to be different, but got dim0 = 0 and dim1 = 0",
        ),
        (args(wanted(2, 3), 1, (0, 3)), IndexError, "Dimension out of range"),
    ],
)  # fmt: skip
def rot90(input: Tensor, k: int = 1, dims: tuple[int, ...] = (0, 1)) -> Value:
    """`input` turned by `k` right angles in the plane of two dimensions, from the first towards the second; a copy.

    >>> import kagari as torch
    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (ir.normalize_dim(d, input.ndim) for d in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    if k % 2 == 0:
        return turned(input, (a, b)) if k % 4 else input
    return ir.transpose(turned(input, (b if k % 4 == 1 else a,)), a, b)


@operator(
    out=False,
    fresh=True,
    order="operands",
    samples=calls(((2, 3), args()), ((2, 3, 2), args()), ((0, 3), args())),
    errors=[(args(wanted(3)), RuntimeError, "Input must be >= 2-d.")],
    node="FlipBackward0",
)
def fliplr(input: Tensor) -> Value:
    """The order of the columns, dimension 1, reversed; a copy."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return turned(input, (1,))


@operator(
    out=False,
    fresh=True,
    order="operands",
    samples=calls(((2, 3), args()), ((3,), args()), ((0, 3), args())),
    errors=[(args(wanted()), RuntimeError, "Input must be >= 1-d.")],
    node="FlipBackward0",
)
def flipud(input: Tensor) -> Value:
    """The order of the rows, dimension 0, reversed; a copy."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return turned(input, (0,))


@operator(
    fresh=True,
    out=False,
    samples=calls(
        ((2, 3), args(2)), ((2, 3), args(2, 1)), ((2, 3), args(3, 0)), ((2, 3), args(1, -1)), ((2, 3), args(0, 1)),
        ((), args(3)), ((0, 3), args(2, 0)), ((2, 3), args(2, dim=1, output_size=6)),
    ),
    errors=[
        (args(wanted(2, 3), -1), RuntimeError, "Repeats must be non-negative"),
        (args(wanted(2, 3), 2, 3), IndexError, "Dimension out of range"),
        (
            args(wanted(3, 4), 2, 0, output_size=5),
            RuntimeError,
            "repeat_interleave: Invalid output_size, expected 6 but got 5",
        ),
    ],
    node="ViewBackward0",
)  # fmt: skip
def repeat_interleave(input: Tensor, repeats: int, dim: int | None = None, *, output_size: int | None = None) -> Value:
    """Each element along `dim` several times, one after the other; without `dim`, of the elements as one row.

    The function `repeat_interleave`, which also takes a number for each element, stands before this one.
    """
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    x = input if dim is not None else graph.reshape(input, (product(input.shape),))
    x = x if x.ndim else graph.reshape(x, (1,))
    at = ir.normalize_dim(dim or 0, x.ndim)
    size = settled(x.shape[at] * repeats)
    if output_size is not None and size != output_size:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {hint(size)} but got {output_size}")
    apart = ir.unsqueeze(x, at + 1)
    spread = graph.expand(apart, (*apart.shape[: at + 1], repeats, *apart.shape[at + 2 :]))
    return graph.reshape(spread, (*x.shape[:at], size, *x.shape[at + 1 :]))


def _bases(make: Make) -> Iterator[Sample]:
    """PyTorch has no gradient of its own result, which it changes in place: the samples want none."""
    for named in ({}, {"N": 5}, {"N": 2, "increasing": True}, {"N": 1}, {"N": 0}):
        yield (make(3, constant=True),), named
    yield (make(0, constant=True),), {}


@operator(
    method=False,
    out=False,
    samples=_bases,
    errors=[
        (args(wanted(2, 2)), RuntimeError, "x must be a one-dimensional tensor."),
        (args(wanted(2), -1), RuntimeError, "N must be non-negative."),
    ],
)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Value:
    """The Vandermonde matrix: powers of the elements of a vector in `N` (by default as many) columns.

    >>> import kagari as torch
    >>> torch.vander(torch.tensor([1, 2, 3]), increasing=True)
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    rows = x.shape[0]
    columns: Size = rows if N is None else N
    if columns < 0:
        raise RuntimeError("N must be non-negative.")
    x = x if x.dtype.is_differentiable else ir.astype(x, int64)
    ones = ir.full((rows, settled(columns) if columns == 1 else 1), 1, x.dtype)
    if columns <= 1:
        return ones if columns == 1 else ir.full((rows, 0), 1, x.dtype)
    factors = graph.cat((ones, graph.expand(ir.unsqueeze(x, 1), (rows, settled(columns - 1)))), 1)
    powers = cumprod.define(factors, 1)
    return powers if increasing else turned(powers, (1,))


def _places(make: Make) -> Iterator[Sample]:
    yield (make(values=[5, 0, 11], dtype="int64"), (3, 4)), {}
    yield (make(values=[[5, 0], [23, 7]], dtype="int32"), (2, 3, 4)), {}
    yield (make(values=3, dtype="int64"), 5), {}
    yield (make(values=[-1, 3], dtype="int64"), (2, 3)), {}
    yield (make(0, dtype="int64"), (2, 3)), {}


@operator(
    method=False,
    out=False,
    differentiable=False,
    dtypes="i",
    samples=_places,
    errors=[
        (
            args(wanted(2), (2, 3)),
            TypeError,
            "expected 'indices' to be integer dtype, but got torch.float32",
        ),
        (
            args(wanted(2, dtype="int64"), (2, -3)),
            ValueError,
            r"'shape' cannot have negative values, but got \(2, -3\)",
        ),
    ],
)
def unravel_index(indices: Tensor, shape: int | tuple[int, ...]) -> tuple[Value, ...]:
    """The places in a tensor of a shape that its elements, counted in row-major order, have: a tensor a dimension.

    >>> import kagari as torch
    >>> torch.unravel_index(torch.tensor([5, 2]), (2, 3))
    (tensor([1, 0]), tensor([2, 2]))
    """
    sizes = (shape,) if isinstance(shape, int) else shape
    if indices.dtype.category != 1:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype!r}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    left, parts = ir.astype(indices, int64), []
    for n in reversed(sizes):
        place = ir.rem(ir.add(ir.rem(left, n), n), n)
        parts.append(place)
        left = ir.idiv(ir.sub(left, place), n)
    return tuple(reversed(parts))


def _factors(make: Make) -> Iterator[Sample]:
    yield (make(3), make(3)), {}
    yield (make(2, 3), make(4, 3)), {}
    yield (make(2, 5, 3, noncontiguous=True), make(3)), {}
    yield (make(3), make(2, 2, 3)), {}
    yield (make(), make(2, 3)), {}
    yield (make(2, 0), make(3, 0)), {}


def _lower_matrices(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast products of matrices are in lower precision, those of two vectors or with a number are not."""
    return lower(args, low) if all(a.ndim for a in args) and max(a.ndim for a in args) > 1 else args


@operator(
    autocast=_lower_matrices,
    dtypes="fic",
    samples=_factors,
    errors=[
        (
            args(wanted(3), wanted(4)),
            RuntimeError,
            r"inner\(\) the last dimension must match on both input tensors but got shapes \[3\] and \[4\]",
        ),
        (args(wanted(2, 3), wanted(4, 3, dtype="float64")), RuntimeError, "both inputs should have same dtype"),
    ],
    node="ViewBackward0",
)
def inner(input: Tensor, other: Tensor) -> Value:
    """Sums of products over the last dimensions: `(*, k)` and `(+, k)` to `(*, +)`; with a number, the product.

    >>> import kagari as torch
    >>> torch.inner(torch.tensor([1, 2]), torch.tensor([[1, 0], [3, 4]]))
    tensor([ 1, 11])
    """
    if input.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    if not input.ndim or not other.ndim:
        return ir.mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{listed(input.shape)} and {listed(other.shape)}"
        )
    require("dot", input.dtype, lowest=1, highest=3)
    rows, columns = (graph.reshape(x, (product(x.shape[:-1]), x.shape[-1])) for x in (input, other))
    return graph.reshape(graph.dot(rows, ir.transpose(columns)), (*input.shape[:-1], *other.shape[:-1]))


def _summed(make: Make) -> Iterator[Sample]:
    for size in ((1, 3, 1), (3, 4), (1, 4), (2, 3, 4), (1,), ()):
        yield (make(2, 3, 4), size), {}


@operator(
    spread="size",
    function=False,
    out=False,
    samples=_summed,
    errors=[
        (
            args(wanted(2, 3), (2, 2)),
            RuntimeError,
            r"size \{\[2, 2\]\} is not expandable to size \{\[2, 3\]\}.",
        ),
        (args(wanted(2, 3), (1, 1, 3)), RuntimeError, r"size \{\[1, 1, 3\]\} is not expandable to size"),
    ],
    node="SumBackward1",
)
def sum_to_size(input: Tensor, size: tuple[int, ...]) -> Value:
    """`input` summed over the dimensions that a tensor of the given size would be repeated along to get its shape."""
    lead = input.ndim - len(size)
    if lead < 0 or any(n != 1 and have != n for n, have in zip(size, input.shape[lead:])):
        raise RuntimeError(f"size {{{listed(size)}}} is not expandable to size {{{listed(input.shape)}}}.")
    same = lead == 0 and all(have == n for n, have in zip(size, input.shape))
    return input if same else ir.sum_to(input if input.dtype.category > 1 else ir.astype(input, int64), size)


OPERATORS: tuple[Operator, ...] = (rot90, fliplr, flipud, repeat_interleave, vander, unravel_index, inner, sum_to_size)
