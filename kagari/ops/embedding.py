"""Rows of a table looked up by number, one by one or in bags."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.dtypes import accumulate, int32, int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import TYPE_NAMES
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import narrowed, settled


def _require_indices(name: str, index: Value) -> None:
    if index.dtype not in (int32, int64):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{TYPE_NAMES[index.dtype]}Tensor instead (while checking arguments for {name})"
        )


def _flat(x: Value) -> Value:
    return graph.reshape(x, (ir.count(x, tuple(range(x.ndim))),))


def _by_row(line: Value, columns: Size) -> Value:
    """A number for each row, repeated over the columns."""
    return graph.expand(ir.unsqueeze(line, 1), (line.shape[0], columns))


def _index(line: Value, columns: Size) -> Value:
    return _by_row(graph.cast(line, int64), columns)


def _added_rows(rows: Value, flat: Value, weight: Value, by_frequency: bool) -> Value:
    """Zeros of the shape of the table with each row of a gradient added at its number.

    `by_frequency` divides each by how often its number occurs.
    """
    if by_frequency:
        at = graph.cast(flat, int64)
        ones = ir.full(at.shape, 1, rows.dtype)
        counts = graph.scatter("scatter_add", ir.full((weight.shape[0],), 0, rows.dtype), at, ones, 0)
        rows = ir.div(rows, _by_row(graph.gather(counts, at, 0), rows.shape[1]))
    zeros = ir.full(weight.shape, 0, weight.dtype)
    return graph.scatter("scatter_add", zeros, _index(flat, weight.shape[1]), graph.cast(rows, weight.dtype), 0)


def _embedding_gradient(
    g: Value,
    weight: Value,
    indices: Value,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> list[Value | None]:
    """The rows of g added up at their places, but for those of `padding_idx`."""
    flat = _flat(indices)
    rows = graph.reshape(g, (flat.shape[0], weight.shape[1]))
    if padding_idx >= 0:
        rows = ir.where(_by_row(ir.eq(flat, padding_idx), weight.shape[1]), 0, rows)
    return [_added_rows(rows, flat, weight, scale_grad_by_freq), None]


def _tables(make: Make) -> Iterator[Sample]:
    words = make(values=[[0, 3, 1], [3, 3, 2]], dtype="int64")
    yield (make(4, 5), words), {}
    yield (make(4, 5), words, 3), {}
    yield (make(4, 5), words, -1, True), {}
    yield (make(4, 5), words, 3), {"scale_grad_by_freq": True}
    yield (make(4, 5, noncontiguous=True), make(values=[1, 0], dtype="int32"), 0), {}
    yield (make(4, 5), make(values=2, dtype="int64")), {}
    yield (make(4, 5), make(0, 3, dtype="int64")), {}
    yield (make(4, 1), words), {}


@operator(
    method=False,
    out=False,
    dtypes="fibc",
    gradient=_embedding_gradient,
    samples=_tables,
    errors=[
        (
            args(wanted(3, 4), wanted(2)),
            RuntimeError,
            r"Expected tensor for argument #1 'indices' to have one of .*: Long, Int; but got torch.FloatTensor "
            r"instead \(while checking arguments for embedding\)",
        ),
        (args(wanted(3), wanted(2, dtype="int64")), RuntimeError, "'weight' must be 2-D"),
        (args(wanted(1, 2), wanted(1, dtype="int64")), IndexError, "index out of range in self"),
    ],
)
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Value:
    """Row `indices[i..]` of `weight` at each place: `(V, D)` and `(*,)` to `(*, D)`.

    Row `padding_idx` gets no gradient; `scale_grad_by_freq` divides that of a row by how often it was looked up.

    >>> import kagari as torch
    >>> torch.embedding(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 0, 1]))
    tensor([[3, 4],
            [1, 2],
            [3, 4]])
    """
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _require_indices("embedding", indices)
    flat = _flat(indices)
    return graph.reshape(graph.gather(weight, _index(flat, weight.shape[1]), 0), (*indices.shape, weight.shape[1]))


# Bags


def _bag_numbers(input: Value, offsets: Value) -> Value:
    """For each element of a vector the number of its bag: of the offsets that are not beyond it, less one."""
    size = input.shape[0]
    begins = graph.scatter(
        "scatter_add",
        ir.full((size + 1,), 0, int64),
        graph.cast(offsets, int64),
        ir.full(offsets.shape, 1, int64),
        0,
    )
    # Less one from the start: what follows the sum is then a view of it, not another vector to be repeated.
    begins = ir.sub(begins, graph.cast(ir.eq(graph.iota(begins.shape, 0), 0), int64))
    return narrowed(graph.scan("cumsum", begins, 0), 0, 0, size)


def _no_bags(offsets: Value) -> bool:
    return isinstance(offsets.shape[0], int) and offsets.shape[0] == 0


def _in_bags(rows: Value, input: Value, offsets: Value | None, bags: Size) -> Value:
    """The rows of each bag summed."""
    if offsets is None:
        return graph.reduce("sum", graph.reshape(rows, (*input.shape, rows.shape[1])), (1,))
    if _no_bags(offsets):
        return ir.full((0, rows.shape[1]), 0, rows.dtype)
    at = _index(_bag_numbers(input, offsets), rows.shape[1])
    zeros = ir.full((offsets.shape[0], rows.shape[1]), 0, rows.dtype)
    return narrowed(graph.scatter("scatter_add", zeros, at, rows, 0), 0, 0, bags)


def _from_bags(x: Value, input: Value, offsets: Value | None) -> Value:
    """The row of each element's bag; 0 for what comes after the last one."""
    columns = x.shape[1]
    if offsets is None:
        return graph.reshape(
            graph.expand(ir.unsqueeze(x, 1), (*input.shape, columns)), (_flat(input).shape[0], columns)
        )
    if _no_bags(offsets):
        return ir.full((input.shape[0], columns), 0, x.dtype)
    if x.shape[0] != offsets.shape[0]:
        x = graph.pad(x, (0, 0), (1, 0))
    return graph.gather(x, _index(_bag_numbers(input, offsets), columns), 0)


def _bag_sizes(input: Value, offsets: Value | None, bags: Size, counted: Value, wide: Value) -> Value:
    """How many elements of each bag count, at least 1, as a column."""
    ones = graph.cast(ir.unsqueeze(counted, 1), wide.dtype)
    return ir.maximum(_in_bags(ones, input, offsets, bags), 1)


def _bag_count(input: Value, offsets: Value | None, include_last_offset: bool) -> Size:
    if offsets is None:
        return input.shape[0]
    return settled(offsets.shape[0] - 1) if include_last_offset else offsets.shape[0]


def _counted(flat: Value, weight: Value, padding_idx: int | None) -> Value:
    """Which elements are not padding."""
    if padding_idx is None:
        return ir.full(flat.shape, True, ir.eq(flat, 0).dtype)
    return ir.ne(flat, padding_idx if padding_idx >= 0 else weight.shape[0] + padding_idx)


def _bag_gradient(
    g: Value,
    input: Value,
    weight: Value,
    offsets: Value | None = None,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Value | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> list[Value | None]:
    """The gradient of a bag goes to each of its elements, and is added up in the table."""
    flat = _flat(input)
    wide = graph.cast(g, accumulate(g.dtype))
    counted = _counted(flat, weight, padding_idx)
    if mode == "mean":
        bags = _bag_count(input, offsets, include_last_offset)
        wide = ir.div(wide, _bag_sizes(input, offsets, bags, counted, wide))
    each = ir.where(_by_row(counted, weight.shape[1]), _from_bags(wide, input, offsets), 0)
    grads: list[Value | None] = [None]
    factors = None if per_sample_weights is None else ir.unsqueeze(_flat(per_sample_weights), 1)
    rows = each if factors is None else ir.mul(each, graph.cast(factors, each.dtype))
    grads.append(_added_rows(rows, flat, weight, scale_grad_by_freq))
    if offsets is not None:
        grads.append(None)
    if per_sample_weights is not None:
        found = graph.cast(graph.gather(weight, _index(flat, weight.shape[1]), 0), each.dtype)
        products = graph.reduce("sum", ir.mul(found, each), (1,))
        grads.append(graph.cast(graph.reshape(products, input.shape), per_sample_weights.dtype))
    return grads


def _sacks(make: Make) -> Iterator[Sample]:
    table, words = make(4, 5), make(values=[[0, 3, 1], [3, 3, 2]], dtype="int64")
    line = make(values=[0, 3, 1, 3, 3, 2], dtype="int64")
    offsets, ends = make(values=[0, 2, 2, 5], dtype="int64"), make(values=[0, 2, 2, 6], dtype="int64")
    for mode in ("sum", "mean"):
        yield (words, table), {"mode": mode}
        yield (words, table), {"mode": mode, "padding_idx": 3, "scale_grad_by_freq": True}
        yield (line, table, offsets), {"mode": mode}
        yield (line, table, ends), {"mode": mode, "padding_idx": -1, "include_last_offset": True}
    yield (words, table), {"mode": "sum", "per_sample_weights": make(2, 3)}
    yield (line, table, offsets), {"mode": "sum", "per_sample_weights": make(6)}
    yield (make(0, dtype="int64"), table, make(values=[0, 0], dtype="int64")), {"mode": "sum"}
    yield (make(values=[3, 0], dtype="int32"), table, make(values=[0], dtype="int32")), {"mode": "mean"}


@operator(
    index_error=RuntimeError,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    gradient=_bag_gradient,
    samples=_sacks,
    errors=[
        (
            args(wanted(2, 2), wanted(3, 4)),
            RuntimeError,
            r"Expected tensor for argument #1 'indices' to have one of .* \(while checking arguments for embedding_bag",
        ),
        (
            args(wanted(1, 2, dtype="int64"), wanted(3, 4, dtype="int64"), mode="sum"),
            RuntimeError,
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, "
            "Float, Double; but got torch.LongTensor instead",
        ),
        (
            args(
                wanted(1, 2, dtype="int64"),
                wanted(9, 4),
                mode="sum",
                per_sample_weights=wanted(1, 2, dtype="float64"),
            ),
            RuntimeError,
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            "'per_sample_weights'; but type torch.FloatTensor does not equal torch.DoubleTensor",
        ),
        (
            args(wanted(1, 2, dtype="int64"), wanted(9, 4), padding_idx=9),
            RuntimeError,
            "padding_idx must be within the number of embeddings, -9 through 8, but got 9",
        ),
    ],
)
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Value:
    """The sum or mean of rows of `weight`, bag by bag: `(B, L)` and `(V, D)` to `(B, D)`.

    With `offsets` the input is a vector, and they say where each bag begins.
    """
    _require_bags(input, weight, offsets, per_sample_weights, padding_idx)
    flat, bags = _flat(input), _bag_count(input, offsets, include_last_offset)
    rows = graph.gather(weight, _index(flat, weight.shape[1]), 0)
    rows = graph.cast(rows, accumulate(weight.dtype))
    if per_sample_weights is not None:
        rows = ir.mul(rows, graph.cast(ir.unsqueeze(_flat(per_sample_weights), 1), rows.dtype))
    counted = _counted(flat, weight, padding_idx)
    if padding_idx is not None:
        rows = ir.where(_by_row(counted, weight.shape[1]), rows, 0)
    total = _in_bags(rows, input, offsets, bags)
    if mode == "mean":
        total = ir.div(total, _bag_sizes(input, offsets, bags, counted, total))
    return graph.cast(total, weight.dtype)


def _require_bags(
    input: Value, weight: Value, offsets: Value | None, per_sample_weights: Value | None, padding_idx: int | None
) -> None:
    for index in (input, offsets):
        if index is not None:
            _require_indices("embedding_bag", index)
    found = f"torch.{TYPE_NAMES[weight.dtype]}Tensor"
    where = "(while checking arguments for embedding_bag)"
    if not weight.dtype.is_floating_point:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, "
            f"Float, Double; but got {found} instead {where}"
        )
    if per_sample_weights is not None and per_sample_weights.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            f"'per_sample_weights'; but type {found} does not equal torch.{TYPE_NAMES[per_sample_weights.dtype]}Tensor "
            f"{where}"
        )
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-hint(weight.shape[0])} through "
            f"{hint(weight.shape[0]) - 1}, but got {padding_idx}"
        )


OPERATORS: tuple[Operator, ...] = (embedding, embedding_bag)
