"""Elements taken, written and reduced at places: of the elements as one row, along a dimension, or where a mask is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..base.dtypes import bool_, dtype, int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import widest
from .check import TYPE_NAMES, require
from .complex import scatter
from .index import along, at_least_1d, checked_rows, numel, scatter_parts, vector
from .operator import Operator, Tensor, operator
from .pointwise import floored
from .samples import Make, Sample, args, wanted
from .shapes import without

# Of the elements as one row


def _flat(x: Value) -> Value:
    return graph.reshape(x, (numel(x),))


def _row_index(name: str, index: Value, size: Size) -> Value:
    """A long index into one row as a vector; places from the end are counted from the front."""
    if index.dtype is not int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {TYPE_NAMES[index.dtype]}")
    at = _flat(index)
    return ir.where(ir.lt(at, 0), ir.add(at, size), at)


def _nothing(x: Value) -> bool:
    return any(isinstance(s, int) and s == 0 for s in x.shape)


def _from_row(make: Make) -> Iterator[Sample]:
    yield (make(3, 4), make(values=[0, 11, -1, 5], dtype="int64")), {}
    yield (make(3, 4, noncontiguous=True), make(values=[[0, 7], [7, -12]], dtype="int64")), {}
    yield (make(5), make(values=2, dtype="int64")), {}
    yield (make(), make(values=[0, 0], dtype="int64")), {}
    yield (make(0), make(0, dtype="int64")), {}


@operator(
    samples=_from_row,
    errors=[
        (args(wanted(3), wanted(2)), RuntimeError, r"take\(\): Expected a long tensor for index, but got Float"),
        (
            args(wanted(0), wanted(2, dtype="int64")),
            IndexError,
            r"take\(\): tried to take from an empty tensor",
        ),
    ],
)
def take(input: Tensor, index: Tensor) -> Value:
    """The elements of `input` as one row at the places in `index`, in its shape; negative ones count from the end.

    >>> import kagari as torch
    >>> torch.take(torch.tensor([[4, 5], [6, 7]]), torch.tensor([0, -1]))
    tensor([4, 7])
    """
    at = _row_index("take", index, numel(input))
    if _nothing(input) and not _nothing(index):
        raise IndexError("take(): tried to take from an empty tensor")
    return graph.reshape(graph.gather(_flat(input), at, 0), index.shape)


def _into_row(make: Make) -> Iterator[Sample]:
    yield (make(3, 4), make(values=[0, 11, -2], dtype="int64"), make(3)), {}
    yield (make(3, 4, noncontiguous=True), make(values=[[0, 7], [1, 3]], dtype="int64"), make(4)), {}
    yield (make(3, 4), make(values=[0, 7, 0, -12], dtype="int64"), make(2, 2)), {"accumulate": True}
    yield (make(2), make(0, dtype="int64"), make(0)), {}


@operator(
    inplace=True,
    dtypes="fibc",
    out=False,
    samples=_into_row,
    errors=[
        (
            args(wanted(3), wanted(2, dtype="int64"), wanted(1)),
            IndexError,
            r"put_\(\): Expected source and index to have the same number of elements, but got source.numel\(\) = 1, "
            r"index.numel\(\) = 2",
        ),
        (
            args(wanted(3), wanted(2, dtype="int64"), wanted(2, dtype="float64")),
            RuntimeError,
            r"put_\(\): self and source expected to have the same dtype, but got self.dtype = Float and source.dtype "
            "= Double",
        ),
        (args(wanted(3), wanted(2), wanted(2)), RuntimeError, r"put_\(\): Expected a long tensor for index, but got"),
        (
            args(wanted(0), wanted(1, dtype="int64"), wanted(1)),
            IndexError,
            r"put_\(\): Tried to put elements into an empty tensor",
        ),
    ],
)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Value:
    """`input` with the elements of `source` at the places in `index` of the elements as one row; or added there.

    >>> import kagari as torch
    >>> torch.put(torch.zeros(2, 2), torch.tensor([1, -1]), torch.tensor([5.0, 6.0]))
    tensor([[0., 5.],
            [0., 6.]])
    """
    at = _row_index("put_", index, numel(input))
    if input.dtype is not source.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{TYPE_NAMES[input.dtype]} and source.dtype = {TYPE_NAMES[source.dtype]}"
        )
    if numel(index) != numel(source):
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{hint(numel(source))}, index.numel() = {hint(numel(index))}"
        )
    if _nothing(input) and not _nothing(index):
        raise IndexError("put_(): Tried to put elements into an empty tensor")
    written = graph.scatter("scatter_add" if accumulate else "scatter", _flat(input), at, _flat(source), 0)
    return graph.reshape(written, input.shape)


# Along a dimension


def _rows_copied(make: Make) -> Iterator[Sample]:
    yield (make(4, 3), 0, make(values=[2, 0], dtype="int64"), make(2, 3)), {}
    yield (make(2, 5, noncontiguous=True), -1, make(values=[4, 1], dtype="int64"), make(2, 2)), {}
    yield (make(4, 3), 0, make(values=1, dtype="int64"), make(1, 3)), {}
    yield (make(4), 0, make(values=[1], dtype="int64"), make()), {}
    yield (make(), 0, make(values=[0], dtype="int64"), make(1)), {}


_FLOATS = wanted(2, 4)
_TWO = wanted(2, dtype="int64")


@operator(
    autocast=widest,
    inplace=True,
    samples=_rows_copied,
    errors=[
        (
            args(wanted(3, 4), 0, _TWO, wanted(3, 4)),
            IndexError,
            r"index_copy_\(\): Number of indices \(2\) should be equal to source.size\(dim\) \(3\)",
        ),
        (
            args(wanted(3, 4), 0, _TWO, wanted(2, 3)),
            RuntimeError,
            r"index_copy_\(\): Source/destination tensor must have same slice shapes. Destination slice shape: 4 at "
            "dimension 0 and source slice shape: 3 at dimension 0.",
        ),
        (
            args(wanted(3, 4), 0, _TWO, wanted(2, 4, dtype="float64")),
            RuntimeError,
            r"index_copy_\(\): self and source expected to have the same dtype, but got \(self\) Float and \(source\) "
            "Double",
        ),
        (
            args(wanted(3, 4), 0, wanted(2, 2, dtype="int64"), _FLOATS),
            IndexError,
            r"index_copy_\(\): Index should have dimension 1 or 0 \(got 2\)",
        ),
        (
            args(wanted(3, 4), 0, wanted(2), _FLOATS),
            RuntimeError,
            r"index_copy_\(\): Expected a long tensor for index, but got Float",
        ),
        (
            args(wanted(3, 4), 0, wanted(1, dtype="int64"), wanted(4)),
            IndexError,
            r"index_copy_\(\): When source and destination are not scalars, their dimensionality must match. Source "
            r"dimensionality \(1\), destination dimensionality \(2\)",
        ),
        (
            args(wanted(3, 4), 0, _TWO, wanted()),
            IndexError,
            r"index_copy_\(\): When source is scalar, index should have one element \(got 2\)",
        ),
    ],
)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Value:
    """`input` with the rows of `source` at the places along `dim` that the vector `index` names.

    >>> import kagari as torch
    >>> torch.index_copy(torch.zeros(3, 2), 0, torch.tensor([2]), torch.ones(1, 2))
    tensor([[0., 0.],
            [0., 0.],
            [1., 1.]])
    """
    dim = ir.normalize_dim(dim, input.ndim)
    at = vector(index, f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    _check_copied(input, dim, at, source)
    x = at_least_1d(input)
    return graph.reshape(graph.scatter("scatter", x, along(at, x.shape, dim), at_least_1d(source), dim), input.shape)


def _check_copied(x: Value, dim: int, at: Value, source: Value) -> None:
    count = at.shape[0]
    if not source.ndim and count != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {hint(count)})")
    if source.ndim and x.ndim and source.ndim != x.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({source.ndim}), destination dimensionality ({x.ndim})"
        )
    if at.dtype is not int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {TYPE_NAMES[at.dtype]}")
    if x.dtype is not source.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{TYPE_NAMES[x.dtype]} and (source) {TYPE_NAMES[source.dtype]}"
        )
    ours, theirs = without(x.shape, dim), without(source.shape, dim)
    if len(ours) == len(theirs) and any(a != b for a, b in zip(ours, theirs)):
        shapes = [" ".join(str(hint(s)) for s in shape) for shape in (ours, theirs)]
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{shapes[0]} at dimension {dim} and source slice shape: {shapes[1]} at dimension 0."
        )
    if source.ndim and count != source.shape[dim]:
        raise IndexError(
            f"index_copy_(): Number of indices ({hint(count)}) should be equal to source.size(dim) "
            f"({hint(source.shape[dim])})"
        )


# Reductions at places

_STEPS = {"sum": "scatter_add", "mean": "scatter_add", "prod": "scatter_prod", "amax": "scatter_max",
          "amin": "scatter_min"}  # fmt: skip


def _neutral(reduce: str, dt: dtype) -> float:
    """What changes nothing in a reduction of a dtype."""
    if reduce not in ("amax", "amin") or dt is bool_:
        return reduce in ("prod", "amin")
    if dt.category == 2:
        return -math.inf if reduce == "amax" else math.inf
    bits = dt.itemsize * 8 - dt.is_signed
    return -(dt.is_signed << bits) if reduce == "amax" else (1 << bits) - 1


def _reduced(x: Value, dim: int, index: Value, src: Value, reduce: str, include_self: bool) -> Value:
    """x after a reduction of src, and of x itself unless told otherwise, at places along a dimension."""
    if not include_self:
        x = graph.scatter("scatter", x, index, ir.full(index.shape, _neutral(reduce, x.dtype), x.dtype), dim)
    result = scatter(_STEPS[reduce], x, index, src, dim)
    if reduce != "mean":
        return result
    ones = ir.full(index.shape, 1, x.dtype)
    count = graph.scatter("scatter_add", ir.full(x.shape, int(include_self), x.dtype), index, ones, dim)
    count = ir.where(ir.eq(count, 0), ir.full(x.shape, 1, x.dtype), count)
    return floored(result, count) if x.dtype.category < 2 else ir.div(result, count)


def _reductions(make: Any) -> Iterator[Sample]:
    table = [[0, 1, 2], [2, 0, 0], [0, 0, 1]]
    index = make(values=table, dtype="int64")
    for reduce in _STEPS:
        if reduce == "mean" and make.dtype == "bool":
            continue
        yield (make(4, 3), 0, index, make(3, 3), reduce), {}
        yield (make(4, 3), 0, index, make(3, 3), reduce), {"include_self": False}
        # Of a source larger than the index PyTorch's gradient fails.
        how = {"noncontiguous": True, "constant": True}
        yield (make(3, 5, **how), -1, index, make(4, 3, **how), reduce), {}
    zeros = make(values=[0, 2, 0, 3, 0, 5])
    yield (make(3), 0, make(values=[0, 0, 1, 1, 2, 2], dtype="int64"), zeros, "prod"), {}
    yield (make(values=[2, 2, 2]), 0, make(values=[0, 0, 1], dtype="int64"), make(values=[2, 2, 3]), "amax"), {}
    yield (make(), 0, make(values=0, dtype="int64"), make(), "sum"), {}


@operator(
    index_error=RuntimeError,
    inplace=True,
    samples=_reductions,
    errors=[
        (
            args(wanted(2, 3), 0, wanted(2, 3, dtype="int64"), wanted(2, 3), "foo"),
            RuntimeError,
            "reduce argument must be either sum, prod, mean, amax or amin, got foo",
        ),
        (
            args(wanted(2, 3), 0, wanted(2, 3), wanted(2, 3), "sum"),
            RuntimeError,
            r"scatter\(\): Expected dtype int32/int64 for index",
        ),
        (
            args(wanted(2, 3), 0, wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="float64"), "sum"),
            RuntimeError,
            r"scatter\(\): Expected self.dtype to be equal to src.dtype",
        ),
        (
            args(wanted(2, 3), 0, wanted(2, 3, dtype="int64"), wanted(2, 2), "sum"),
            RuntimeError,
            r"Expected index \[2, 3\] to be no larger than self \[2, 3\] apart from dimension 0 and to be no larger "
            r"size than src \[2, 2\]",
        ),
    ],
)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Value:
    """`src` reduced at places along `dim`: for `dim=0`, `out[i][j]` is the sum, product, mean, largest or smallest of
    the `src[k][j]` with `index[k][j] == i`, and of `input[i][j]` unless `include_self` is False.

    >>> import kagari as torch
    >>> torch.zeros(2).scatter_reduce(0, torch.tensor([0, 1, 1]), torch.tensor([3.0, 5.0, 4.0]), "amax")
    tensor([3., 5.])
    """
    if reduce not in _STEPS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if reduce == "mean":
        require("scatter_gather_tensor_cpu_reduce_mean", input.dtype, lowest=1, highest=3)
    x, at, source, dim = scatter_parts(input, dim, index, src)
    return graph.reshape(_reduced(x, dim, at, source, reduce, include_self), input.shape)


def _rows_reduced(make: Any) -> Iterator[Sample]:
    for reduce in ("prod", "mean", "amax", "amin"):
        if reduce == "mean" and make.dtype == "bool":
            continue
        yield (make(4, 3), 0, make(values=[2, 0, 2], dtype="int64"), make(3, 3), reduce), {}
        index = make(values=[4, 1, 1], dtype="int64")
        yield (make(2, 5, noncontiguous=True), -1, index, make(2, 3), reduce), {"include_self": False}


@operator(
    inplace=True,
    samples=_rows_reduced,
    dtypes="fic",
    errors=[
        (
            args(wanted(2, 3), 0, _TWO, wanted(2, 3), "sum"),
            RuntimeError,
            r"index_reduce\(\): Expected reduce to be one of prod, mean, amax or amin but got sum.",
        ),
        (
            args(wanted(2, 3), 0, _TWO, wanted(3, 3), "amax"),
            RuntimeError,
            r"index_reduce_\(\): Number of indices \(2\) should be equal to source.size\(dim\): \(3\), for dim: 0",
        ),
        (
            args(wanted(2, 3), 0, _TWO, wanted(2, 3, dtype="float64"), "amax"),
            RuntimeError,
            r"index_reduce_\(\): self \(Float\) and source \(Double\) must have the same scalar type",
        ),
    ],
)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Value:
    """Rows of `source` reduced, with those of `input` unless `include_self` is False, at the places along `dim` that
    `index` names: products, means, largest or smallest elements.
    """
    if reduce not in _STEPS or reduce == "sum":
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    x, at, src, dim = checked_rows("index_reduce", input, dim, index, source)
    if reduce == "mean":
        require("div_floor_cpu", x.dtype, lowest=1, highest=3)
    if not include_self:
        require("index_reduce_func_exclude_input_init", x.dtype, lowest=1)
    return graph.reshape(_reduced(x, dim, at, src, reduce, include_self), input.shape)


# Where a mask is


def _masked(make: Make) -> Iterator[Sample]:
    mask = make(values=[[1, 0, 1, 0]], dtype="bool")
    yield (make(3, 4), mask, make(7)), {}
    yield (make(3, 4, noncontiguous=True), make(values=[[1], [0], [1]], dtype="bool"), make(4, 2)), {}
    yield (make(4), make(values=[0, 0, 0, 0], dtype="bool"), make(0)), {}
    yield (make(4), make(values=[1, 1, 1, 1], dtype="bool"), make(4)), {}


@operator(
    inplace=True,
    out=False,
    samples=_masked,
    refusal="Number of elements of source < number of ones in mask",
    errors=[
        (
            args(wanted(2, 3), wanted(2, 3, dtype="int64"), wanted(6)),
            RuntimeError,
            "masked_scatter_ only supports boolean masks, but got mask with dtype Long",
        ),
        (
            args(wanted(2, 3), wanted(2, 3, dtype="bool"), wanted(6, dtype="float64")),
            RuntimeError,
            "masked_scatter: expected self and source to have same dtypes but gotFloat and Double",
        ),
        (
            args(wanted(2, 3), wanted(4, dtype="bool"), wanted(6)),
            RuntimeError,
            r"The size of tensor a \(3\) must match the size of tensor b \(4\)|The size of tensor a \(4\)",
        ),
    ],
)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Value:
    """`input` with the elements of `source`, one after the other, where the mask is true.

    >>> import kagari as torch
    >>> torch.zeros(4).masked_scatter(torch.tensor([True, False, True, False]), torch.tensor([1.0, 2.0]))
    tensor([1., 0., 2., 0.])
    """
    if input.dtype is not source.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{TYPE_NAMES[input.dtype]} and {TYPE_NAMES[source.dtype]}"
        )
    if mask.dtype is not bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {TYPE_NAMES[mask.dtype]}"
        )
    shape = ir.broadcast_shape(input.shape, mask.shape)
    x, chosen = ir.broadcast_to(input, shape), ir.broadcast_to(mask, shape)
    count = numel(source)
    if isinstance(count, int) and count == 0:
        return ir.require(ir.bitnot(chosen), x)
    flat = graph.cast(_flat(chosen), int64)
    place = graph.scan("cumsum", flat, 0) - 1
    inside = ir.maximum(ir.minimum(place, ir.sub(count, 1)), 0)
    taken = graph.reshape(graph.gather(_flat(source), inside, 0), shape)
    there = graph.reshape(ir.lt(place, count), shape)
    return ir.where(chosen, ir.require(ir.bitnot(chosen) | there, taken), x)


OPERATORS: tuple[Operator, ...] = (
    take, put, index_copy, scatter_reduce, index_reduce, masked_scatter,
)  # fmt: skip
