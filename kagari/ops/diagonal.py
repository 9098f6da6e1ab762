"""Diagonals: seen, taken, made into matrices, and written."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.dtypes import bool_, int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import single
from .check import require
from .movement import calls
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import listed, narrowed, settled

_DIAGONALS = calls(
    ((3, 4), args()), ((4, 3), args(1)), ((4, 4), args(-2)), ((2, 3, 4), args(0, 1, 2)), ((2, 3, 4), args(1, -1, 0)),
    ((3, 4), args(9)), ((3, 4), args(-9)), ((0, 3), args()), ((1, 5), args(2)),
)  # fmt: skip
_DIMENSIONS: list[tuple[Sample, type, str]] = [
    (args(wanted(2, 3), 0, 0, 0), RuntimeError, "diagonal dimensions cannot be identical 0, 0"),
    (
        args(wanted(2, 3), 0, 0, 2),
        IndexError,
        r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)",
    ),
    (args(wanted(3)), IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)"),
]


def _two(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    """The two dimensions of matrices. Raises where they are out of range or the same."""
    first, second = ir.normalize_dim(dim1, ndim), ir.normalize_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


def _length(rows: Size, columns: Size, offset: int) -> Size:
    """How many elements a diagonal has."""
    down, right = rows - max(-offset, 0), columns - max(offset, 0)
    shorter = down if down <= right else right
    return settled(shorter) if shorter > 0 else 0


def diagonal_of(x: Value, offset: int, dim1: int, dim2: int) -> Value:
    """The diagonal of matrices in two dimensions as the last dimension of what is left."""
    first, second = _two(dim1, dim2, x.ndim)
    length = _length(x.shape[first], x.shape[second], offset)
    square = narrowed(x, first, max(-offset, 0) if hint(length) else 0, length)
    square = narrowed(square, second, max(offset, 0) if hint(length) else 0, length)
    return graph.diagonal(square, first, second)


def _beside(x: Value, shape: tuple[Size, ...], first: int, second: int, offset: int) -> tuple[Value, Value]:
    """Where the diagonal of a shape is, and its elements x[.., n] laid out over the rows of that shape."""
    low = max(-offset, 0)
    high = shape[first] - low - x.shape[-1]
    if not (isinstance(high, int) and high == low == 0):
        nothing = (0,) * (x.ndim - 1)
        x = graph.pad(x, (*nothing, low), (*nothing, high))
    a, b = min(first, second), max(first, second)
    line = graph.permute(x, (*range(a), x.ndim - 1, *range(a, x.ndim - 1))) if a == first else x
    if a != first:
        line = graph.permute(x, (*range(b - 1), x.ndim - 1, *range(b - 1, x.ndim - 1)))
    spread = graph.expand(ir.unsqueeze(line, second), shape)
    right = ir.sub(graph.iota(shape, second), graph.iota(shape, first))
    return ir.eq(right, offset), spread


@operator(out=False, samples=_DIAGONALS, errors=_DIMENSIONS)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """The diagonals of the matrices in `dim1` and `dim2` as the last dimension; a view.

    `offset` counts from the main diagonal to the right.

    >>> import kagari as torch
    >>> torch.diagonal(torch.arange(4).reshape(2, 2))
    tensor([0, 3])
    """
    return diagonal_of(input, offset, dim1, dim2)


@operator(
    samples=calls(
        ((3,), args()), ((3,), args(1)), ((2,), args(-2)), ((3, 4), args()), ((4, 3), args(-1)), ((0,), args()),
        ((3, 4), args(7)),
    ),
    fresh=True,
    errors=[
        (args(wanted(2, 2, 2)), RuntimeError, r"diag\(\): Supports 1D or 2D tensors. Got 3D"),
        (args(wanted()), RuntimeError, r"diag\(\): Supports 1D or 2D tensors. Got 0D"),
    ],
    node=lambda args: "DiagEmbedBackward0" if nodes.rank(args) == 1 else "DiagonalBackward0_copy",
)  # fmt: skip
def diag(input: Tensor, diagonal: int = 0) -> Value:
    """A matrix with a vector as its diagonal, or the diagonal of a matrix, `diagonal` places to the right.

    >>> import kagari as torch
    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return diagonal_of(input, diagonal, 0, 1) if input.ndim == 2 else _embedded(input, diagonal, 0, 1)


def _embedded(x: Value, offset: int, dim1: int, dim2: int) -> Value:
    """Zeros, with x as the diagonal in two new dimensions."""
    first, second = _two(dim1, dim2, x.ndim + 1)
    size = x.shape[-1] + abs(offset)
    others = iter(x.shape[:-1])
    shape = tuple([size if d in (first, second) else next(others) for d in range(x.ndim + 1)])
    on, spread = _beside(x, shape, first, second, offset)
    return ir.where(on, spread, ir.full(shape, 0, x.dtype))


@operator(
    out=False,
    samples=calls(
        ((3,), args()), ((2, 3), args()), ((2, 3), args(1)), ((2, 3), args(-2, 0, 2)), ((2, 3), args(1, 2, 0)),
        ((2, 3), args(0, 1, 0)), ((2, 0), args(1)),
    ),
    errors=[
        (args(wanted(2, 3), 0, 0, 0), RuntimeError, "diagonal dimensions cannot be identical 0, 0"),
        (
            args(wanted(2, 3), 0, 0, 5),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-3, 2\], but got 5\)",
        ),
    ],
)  # fmt: skip
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Value:
    """Matrices of zeros in `dim1` and `dim2`, with the last dimension of `input` as their diagonals."""
    return _embedded(input, offset, dim1, dim2)


@operator(
    out=False,
    samples=calls(((3,), args()), ((2, 3), args(1)), ((), args(-1))),
    node="DiagEmbedBackward0",
)
def diagflat(input: Tensor, offset: int = 0) -> Value:
    """A matrix with all elements of `input`, in their order, as its diagonal."""
    return _embedded(graph.reshape(input, (ir.count(input, tuple(range(input.ndim))),)), offset, 0, 1)


@operator(
    autocast=single,
    fresh=True,
    samples=calls(((3, 3), args()), ((2, 4), args()), ((4, 2), args()), ((0, 3), args())),
    dtypes="fic",
    out=False,
    errors=[
        (args(wanted(3)), RuntimeError, "trace: expected a matrix, but got tensor with dim 1"),
        (args(wanted(2, 2, dtype="bool")), NotImplementedError, "\"trace\" not implemented for 'Bool'"),
    ],
)
def trace(input: Tensor) -> Value:
    """The sum of the main diagonal of a matrix; of integers as int64.

    >>> import kagari as torch
    >>> torch.trace(torch.ones(3, 3))
    tensor(3.)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    require("trace", input.dtype, lowest=1, highest=3)
    line = diagonal_of(input, 0, 0, 1)
    return ir.sum_(line if input.dtype.is_differentiable else ir.astype(line, int64))


# Copies with a part replaced


def _require_part(src: Value, shape: tuple[Size, ...]) -> None:
    if src.ndim != len(shape) or any(a != b for a, b in zip(src.shape, shape)):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{listed(src.shape)}, slice size = {listed(shape)}"
        )


def _diagonals_written(make: Make) -> Iterator[Sample]:
    yield (make(3, 4), make(3)), {}
    yield (make(4, 3, noncontiguous=True), make(2), 1), {}
    yield (make(4, 3), make(2), -2), {}
    yield (make(2, 3, 4), make(3, 2), 0, 2, 0), {}
    yield (make(2, 3, 4), make(3, 2, dtype="float32"), 1, 0, 2), {}


@operator(
    fresh=True,
    out=False,
    samples=_diagonals_written,
    errors=[
        (
            args(wanted(3, 4), wanted(2)),
            RuntimeError,
            r"expected src to have a size equal to the slice of self. src size = \[2\], slice size = \[3\]",
        )
    ],
)
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """A copy of `input` with `src` on the diagonals that `diagonal` shows."""
    first, second = _two(dim1, dim2, input.ndim)
    rest = tuple([s for d, s in enumerate(input.shape) if d not in (first, second)])
    length = _length(input.shape[first], input.shape[second], offset)
    _require_part(src, (*rest, length))
    if isinstance(length, int) and length == 0:
        return input
    on, spread = _beside(graph.cast(src, input.dtype), input.shape, first, second, offset)
    return ir.where(on, spread, input)


def _selections_written(make: Make) -> Iterator[Sample]:
    yield (make(3, 4), make(4), 0, 1), {}
    yield (make(3, 4, noncontiguous=True), make(3), -1, -2), {}
    yield (make(3), make(), 0, 2), {}
    yield (make(3, 4), make(4, dtype="float64"), 0, 0), {}


@operator(
    out=False,
    samples=_selections_written,
    errors=[
        (
            args(wanted(3, 4), wanted(3), 0, 0),
            RuntimeError,
            r"expected src to have a size equal to the slice of self. src size = \[3\], slice size = \[4\]",
        ),
        (
            args(wanted(3, 4), wanted(4), 0, 7),
            IndexError,
            r"select\(\): index 7 out of range for tensor of size \[3, 4\] at dimension 0",
        ),
        (args(wanted(), wanted(), 0, 0), IndexError, r"select\(\) cannot be applied to a 0-dim tensor"),
    ],
)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Value:
    """A copy of `input` with `src` as element `index` along `dim`."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = ir.normalize_dim(dim, input.ndim)
    size = input.shape[dim]
    if (size <= index) if index >= 0 else (size < -index):
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {listed(input.shape)} at dimension {dim}"
        )
    _require_part(src, (*input.shape[:dim], *input.shape[dim + 1 :]))
    chosen = ir.eq(graph.iota(input.shape, dim), index if index >= 0 else size + index)
    return ir.where(chosen, graph.expand(ir.unsqueeze(graph.cast(src, input.dtype), dim), input.shape), input)


def _slices_written(make: Make) -> Iterator[Sample]:
    yield (make(5, 4), make(2, 4), 0, 1, 3), {}
    yield (make(5, 4, noncontiguous=True), make(5, 2), 1, -3, -1), {}
    yield (make(5, 4), make(2, 4), 0, 1, 9, 2), {}
    yield (make(5), make(5)), {}
    yield (make(5), make(0), 0, 3, 2), {}


@operator(
    out=False,
    samples=_slices_written,
    errors=[
        (
            args(wanted(3, 4), wanted(3), 0, 0, 2),
            RuntimeError,
            r"expected src to have a size equal to the slice of self. src size = \[3\], slice size = \[2, 4\]",
        ),
        (args(wanted(3, 4), wanted(2, 4), 0, 0, 2, 0), RuntimeError, "slice step must be positive"),
        (args(wanted(3, 4), wanted(2, 4), 5, 0, 2), IndexError, "Dimension out of range"),
    ],
)
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Value:
    """A copy of `input` with `src` in place of `input[..., start:end:step, ...]` at `dim`."""
    dim = ir.normalize_dim(dim, input.ndim)
    first, count = bounds(input.shape[dim], start, end, step)
    _require_part(src, (*input.shape[:dim], count, *input.shape[dim + 1 :]))
    index = graph.iota(src.shape, dim) * step + first
    return graph.scatter("scatter", input, index, graph.cast(src, input.dtype), dim)


def bounds(size: Size, start: int | None, end: int | None, step: int) -> tuple[Size, Size]:
    """The first place of a slice, and how many it has."""
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first = _bound(0 if start is None else start, size)
    last = size if end is None else _bound(end, size)
    return first, settled((last - first + step - 1) // step) if last > first else 0


def _bound(at: int, size: Size) -> Size:
    """A bound of a slice, counted from the front and within the size."""
    if at < 0:
        return size + at if size > -at else 0
    return at if size > at else size


def _filled(make: Make) -> Iterator[Sample]:
    yield (make(3, 4, constant=True), 2), {}
    yield (make(7, 3, noncontiguous=True, constant=True), 2), {}
    yield (make(7, 3, constant=True), 2, True), {}
    yield (make(3, 7, constant=True), 2, True), {}
    yield (make(3, 3, 3, constant=True), 1), {}


@operator(function=False, method=False, inplace=True, out=False, samples=_filled)
def fill_diagonal(input: Tensor, fill_value: Number, wrap: bool = False) -> Value:
    """Writes one value to the main diagonal: where all indices are equal.

    With `wrap` the diagonal of a matrix begins anew below a free row, each time it has reached the last column.
    """
    if input.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if input.ndim > 2 and any(s != input.shape[0] for s in input.shape):
        raise RuntimeError("all dimensions of input must be of equal length")
    row = graph.iota(input.shape, 0)
    if wrap and input.ndim == 2:
        row = ir.rem(row, input.shape[1] + 1)
    on = ir.full(input.shape, True, bool_)
    for d in range(1, input.ndim):
        on = on & ir.eq(row, graph.iota(input.shape, d))
    return ir.where(on, ir.full(input.shape, fill_value, input.dtype), input)


OPERATORS: tuple[Operator, ...] = (
    diagonal, diag, diag_embed, diagflat, trace, diagonal_scatter, select_scatter, slice_scatter, fill_diagonal,
)  # fmt: skip
