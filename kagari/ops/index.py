"""Elements looked up, and written, at places that tensors hold.

Indices out of range are errors that the kernels find.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.dtypes import int32, int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .check import TYPE_NAMES
from .complex import scatter as scatter_of
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, together, wanted
from .shapes import listed, narrowed, replaced, without


def at_least_1d(x: Value) -> Value:
    """A number as a vector of one element."""
    return x if x.ndim else graph.reshape(x, (1,))


def _fits(index: Value, shape: tuple[Size, ...], dim: int | None) -> bool:
    """Whether an index is no larger than a shape, apart from `dim`."""
    return all(i <= s for d, (i, s) in enumerate(zip(index.shape, shape)) if d != dim)


def _require_index(name: str, index: Value) -> None:
    if index.dtype not in (int32, int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def along(index: Value, shape: tuple[Size, ...], dim: int) -> Value:
    """A vector of places along `dim` as the index of a gather or scatter, repeated over the other dimensions."""
    line = graph.reshape(index, tuple(index.shape[0] if d == dim else 1 for d in range(len(shape))))
    return graph.expand(graph.cast(line, int64), replaced(shape, dim, index.shape[0]))


def vector(index: Value, message: str) -> Value:
    """An index as a vector. Raises IndexError with a message for one of more dimensions."""
    if index.ndim > 1:
        raise IndexError(message)
    return at_least_1d(index)


_SQUARE = [[0, 1, 1], [2, 0, 2]]


def _gathered(make: Make) -> Iterator[Sample]:
    yield (make(3, 3), 0, make(values=_SQUARE, dtype="int64")), {}
    yield (make(2, 4), -1, make(values=[[3, 0], [1, 1]], dtype="int64")), {}
    yield (make(4, 5, noncontiguous=True), 1, make(values=[[4, 0, 0]], dtype="int64")), {}
    yield (make(3), 0, make(values=[2, 2, 0, 1], dtype="int64")), {}
    yield (make(2, 3), 0, make(values=[[1, 0, 1]], dtype="int32")), {}
    yield (make(), 0, make(values=0, dtype="int64")), {}


@operator(
    index_error=RuntimeError,
    samples=_gathered,
    errors=[
        (
            args(wanted(2, 3), 0, wanted(2, dtype="int64")),
            RuntimeError,
            "Index tensor must have the same number of dimensions as input",
        ),
        (args(wanted(2, 3), 2, wanted(2, 3, dtype="int64")), IndexError, "Dimension out of range"),
        (
            args(wanted(2, 3), 0, wanted(2, 4, dtype="int64")),
            RuntimeError,
            r"Size does not match at dimension 1 expected index \[2, 4\]",
        ),
        (args(wanted(2, 3), 0, wanted(2, 3)), RuntimeError, r"gather\(\): Expected dtype int32/int64 for index"),
    ],
)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Value:
    """Elements of `input` looked up along `dim`: `out[i][j] = input[index[i][j]][j]` for `dim=0`.

    >>> import kagari as torch
    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    dim = ir.normalize_dim(dim, input.ndim)
    _require_index("gather", index)
    x, at = at_least_1d(input), at_least_1d(index)
    if x.ndim != at.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (i, s) in enumerate(zip(at.shape, x.shape)):
        if d != dim and i > s:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {listed(index.shape)} to be no larger than "
                f"self {listed(input.shape)} "
                f"apart from dimension {dim}"
            )
    return graph.reshape(graph.gather(x, graph.cast(at, int64), dim), index.shape)


def scatter_parts(x: Value, dim: int, index: Value, src: Value | float) -> tuple[Value, Value, Value, int]:
    """What a scatter takes: x, the index and the source with as many dimensions, and the dimension counted from the
    front. With PyTorch's checks.
    """
    dim = ir.normalize_dim(dim, x.ndim)
    _require_index("scatter", index)
    target, at = at_least_1d(x), at_least_1d(index)
    if target.ndim != at.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if isinstance(src, Value) and not src.weak:
        if src.dtype is not x.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        source = at_least_1d(src)
        if src.dtype.is_complex and not src.ndim:  # a number: of complex ones there are no operands but tensors
            source = ir.broadcast_to(src, at.shape)
        if source.ndim != at.ndim:
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        if not (_fits(at, target.shape, dim) and _fits(at, source.shape, None)):
            raise RuntimeError(
                f"Expected index {listed(index.shape)} to be no larger than self {listed(x.shape)} apart from "
                f"dimension {dim} and to be no "
                f"larger size than src {listed(src.shape)}"
            )
        for d, size in enumerate(at.shape):
            if source.shape[d] != size:
                source = narrowed(source, d, 0, size)
    else:
        if not _fits(at, target.shape, dim):
            raise RuntimeError(
                f"Expected index {listed(index.shape)} to be no larger than self {listed(x.shape)} apart from "
                f"dimension {dim}"
            )
        source = ir.full(at.shape, src, x.dtype)
    return target, graph.cast(at, int64), source, dim


def scattered(op: str, x: Value, dim: int, index: Value, src: Value | float) -> Value:
    """x after one of the primitives that scatter."""
    target, at, source, dim = scatter_parts(x, dim, index, src)
    return graph.reshape(scatter_of(op, target, at, source, dim), x.shape)


def _scatter_samples(make: Make) -> Iterator[Sample]:
    yield (make(3, 3), 0, make(values=[[0, 1, 2], [2, 0, 0]], dtype="int64"), make(2, 3)), {}
    yield (make(2, 4), -1, make(values=[[3, 0], [1, 2]], dtype="int64"), make(2, 2)), {}
    yield (make(4, 5, noncontiguous=True), 0, make(values=[[3, 0]], dtype="int64"), make(1, 2)), {}
    yield (make(4), 0, make(values=[2, 0], dtype="int64"), make(2)), {}


def _scatter_values(make: Make) -> Iterator[Sample]:
    yield from _scatter_samples(make)
    yield (make(3, 3), 1, make(values=[[0], [2]], dtype="int64"), 2), {}
    yield (make(), 0, make(values=0, dtype="int64"), 3), {}


_SCATTER_ERRORS = [
    (
        args(wanted(2, 3), 0, wanted(2, 3), wanted(2, 3)),
        RuntimeError,
        r"scatter\(\): Expected dtype int32/int64 for index",
    ),
    (
        args(wanted(2, 3), 0, wanted(2, dtype="int64"), wanted(2, 3)),
        RuntimeError,
        "Index tensor must have the same number of dimensions as self tensor",
    ),
    (
        args(wanted(2, 3), 0, wanted(2, 3, dtype="int64"), wanted(2, 2)),
        RuntimeError,
        r"Expected index \[2, 3\] to be no larger than self \[2, 3\] apart from dimension 0 and to be no larger size "
        r"than src \[2, 2\]",
    ),
    (
        args(wanted(2, 3), 0, wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="float64")),
        RuntimeError,
        r"scatter\(\): Expected self.dtype to be equal to src.dtype",
    ),
]


def _scatter_steps(make: Make) -> Iterator[Sample]:
    """PyTorch has no gradient of those with `reduce`: the samples want none."""
    index = make(values=[[0, 1, 2], [2, 0, 0]], dtype="int64")
    for reduce in ("add", "multiply"):
        yield (make(3, 3, constant=True), 0, index, make(2, 3, constant=True)), {"reduce": reduce}
        yield (make(3, 3, constant=True), 0, index, 2), {"reduce": reduce}


@operator(
    index_error=RuntimeError,
    inplace=True,
    samples=together(_scatter_values, _scatter_steps),
    synonyms={"value": "src"},
    errors=[
        *_SCATTER_ERRORS,
        (
            args(wanted(2, 3), 0, wanted(2, 3, dtype="int64"), wanted(2, 3), reduce="sum"),
            RuntimeError,
            "reduce argument must be either add or multiply.",
        ),
    ],
    node=lambda args: f"ScatterBackward{int(not nodes.is_tensor(args[3]))}",
)
def scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Number, *, reduce: str | None = None) -> Value:
    """`input` with `src` written at places along `dim`: `out[index[i][j]][j] = src[i][j]` for `dim=0`.

    With `reduce` `"add"` or `"multiply"`, `src` is added or multiplied there.
    """
    steps = {None: "scatter", "add": "scatter_add", "multiply": "scatter_prod"}
    if reduce not in steps:
        raise RuntimeError("reduce argument must be either add or multiply.")
    return scattered(steps[reduce], input, dim, index, src)


@operator(index_error=RuntimeError, inplace=True, samples=_scatter_samples, errors=_SCATTER_ERRORS, dtypes="fibc")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Value:
    """`input` with `src` added at places along `dim`: `out[index[i][j]][j] += src[i][j]` for `dim=0`."""
    return scattered("scatter_add", input, dim, index, src)


def _rows(make: Make) -> Iterator[Sample]:
    yield (make(4, 5), 0, make(values=[3, 0, 0], dtype="int64")), {}
    yield (make(2, 3, 4), 1, make(values=[2, 1], dtype="int32")), {}
    yield (make(4, 5, noncontiguous=True), -1, make(values=[4, 1], dtype="int64")), {}
    yield (make(3), 0, make(values=1, dtype="int64")), {}
    yield (make(), 0, make(values=[0], dtype="int64")), {}
    yield (make(4, 5), 0, make(0, dtype="int64")), {}


@operator(
    samples=_rows,
    errors=[
        (
            args(wanted(2, 3), 0, wanted(2, 2, dtype="int64")),
            IndexError,
            r"index_select\(\): Index is supposed to be a vector",
        ),
        (args(wanted(2, 3), 0, wanted(2)), RuntimeError, r"index_select\(\): Expected dtype int32 or int64 for index"),
        (args(wanted(2, 3), 3, wanted(2, dtype="int64")), IndexError, "Dimension out of range"),
        (
            args(wanted(), 0, wanted(2, dtype="int64")),
            RuntimeError,
            r"Index to scalar can have only 1 value, got 2 value",
        ),
    ],
)
def index_select(input: Tensor, dim: int, index: Tensor) -> Value:
    """The elements along `dim` that the vector `index` names."""
    dim = ir.normalize_dim(dim, input.ndim)
    at = vector(index, "index_select(): Index is supposed to be a vector")
    if index.dtype not in (int32, int64):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if not input.ndim and at.shape[0] != 1:
        count = hint(at.shape[0])
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {count} value(s)")
    x = at_least_1d(input)
    taken = graph.gather(x, along(at, x.shape, dim), dim)
    return taken if input.ndim else graph.reshape(taken, ())


def _taken(make: Make) -> Iterator[Sample]:
    yield (make(3, 4), make(values=[[0, 3], [1, 1], [2, 0]], dtype="int64"), 1), {}
    yield (make(3, 4), make(values=[[2], [0]], dtype="int64"), 0), {}
    yield (make(3, 4), make(values=[11, 0, 5], dtype="int64")), {}
    yield (make(1, 4), make(values=[[0, -1], [1, 2]], dtype="int64"), -1), {}


@operator(
    index_error=RuntimeError,
    samples=_taken,
    errors=[
        (args(wanted(2, 3), wanted(2, 3), 0), RuntimeError, "dtype of indices should be Long but got Float"),
        (
            args(wanted(2, 3), wanted(2, dtype="int64"), 0),
            RuntimeError,
            "input and indices should have the same number of dimensions",
        ),
    ],
    node="GatherBackward0",
)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Value:
    """As `gather`, with shapes that broadcast and indices that may count from the end.

    Without `dim`, of the elements as one row. Raises RuntimeError for an index out of bounds, which in PyTorch goes
    around, as often as it takes.
    """
    if indices.dtype is not int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {TYPE_NAMES[indices.dtype]}"
        )
    if dim is None:
        x, at, axis = graph.reshape(input, (numel(input),)), graph.reshape(indices, (numel(indices),)), 0
    else:
        if input.ndim != indices.ndim:
            raise RuntimeError(
                "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
                f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
            )
        axis = ir.normalize_dim(dim, input.ndim)
        others = ir.broadcast_shape(replaced(input.shape, axis, 1), replaced(indices.shape, axis, 1))
        x = graph.expand(input, replaced(others, axis, input.shape[axis]))
        at = graph.expand(indices, replaced(others, axis, indices.shape[axis]))
    wrapped = ir.where(ir.lt(at, 0), ir.add(at, x.shape[axis]), at)
    return graph.gather(x, wrapped, axis)


def numel(x: Value) -> Size:
    """The number of elements."""
    return ir.count(x, tuple(range(x.ndim)))


def _classes(make: Make) -> Iterator[Sample]:
    yield (make(values=[[0, 2], [1, 1]], dtype="int64"), 3), {}
    yield (make(values=[4, 0], dtype="int64"), 5), {}
    yield (make(values=1, dtype="int64"), 2), {}
    yield (make(0, dtype="int64"), 3), {}


def _no_class(input: Any = None) -> str:
    limit = "smaller than num_classes" if input is None or input.min() >= 0 else "non-negative"
    return f"Class values must be {limit}."


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    differentiable=False,
    dtypes="i",
    refusal=_no_class,
    samples=_classes,
    errors=[
        (args(wanted(2), 3), RuntimeError, "one_hot is only applicable to index tensor of type LongTensor"),
        (args(wanted(0, dtype="int64"), -1), RuntimeError, "Can not infer total number of classes from empty tensor"),
    ],
)
def one_hot(input: Tensor, num_classes: int = -1) -> Value:
    """Zeros, and a 1 at the place that `input` holds: `(*,)` to `(*, num_classes)`.

    The number of classes has to be given: its value can't be known before the elements are.
    """
    if input.dtype is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if num_classes <= 0:
        empty = any(s == 0 for s in input.shape)
        raise RuntimeError("Can not infer total number of classes from empty tensor." if empty else _no_class())
    known = ir.require(ir.bitand(ir.ge(input, 0), ir.lt(input, num_classes)), input)
    classes = graph.iota((*input.shape, num_classes), input.ndim)
    return graph.cast(ir.eq(graph.reshape(known, (*input.shape, 1)), classes), int64)


def checked_rows(name: str, x: Value, dim: int, index: Value, source: Value) -> tuple[Value, Value, Value, int]:
    """The tensor, a vector as the index of a scatter, and the source, all of at least one dimension."""
    dim = ir.normalize_dim(dim, x.ndim)
    at = vector(
        index,
        f"{name}_(): Index is supposed to be a vector, but got dim: {index.ndim} with type: "
        f"{TYPE_NAMES[index.dtype]} and size: "
        f"{listed(index.shape)}",
    )
    if index.dtype not in (int32, int64):
        raise RuntimeError(f"{name}_(): Expected dtype int32/int64 for index but got: {TYPE_NAMES[index.dtype]}")
    if x.dtype is not source.dtype:
        raise RuntimeError(
            f"{name}_(): self ({TYPE_NAMES[x.dtype]}) and source ({TYPE_NAMES[source.dtype]}) must have the same "
            f"scalar type"
        )
    target, src = at_least_1d(x), at_least_1d(source)
    size = src.shape[dim] if dim < src.ndim else 1
    if at.shape[0] != size:
        raise RuntimeError(
            f"{name}_(): Number of indices ({hint(at.shape[0])}) should be equal to source.size(dim): "
            f"({hint(size)}), for dim: {dim}"
        )
    if target.ndim != src.ndim or any(a != b for a, b in zip(without(target.shape, dim), without(src.shape, dim))):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {listed(x.shape)} source.shape = {listed(source.shape)}"
        )
    return target, along(at, target.shape, dim), src, dim


def _added(make: Make) -> Iterator[Sample]:
    yield (make(4, 3), 0, make(values=[2, 0, 2], dtype="int64"), make(3, 3)), {}
    yield (make(2, 5, noncontiguous=True), -1, make(values=[4, 1], dtype="int32"), make(2, 2)), {}
    yield (make(4), 0, make(values=1, dtype="int64"), make(1)), {}


_ROW_ERRORS = [
    (
        args(wanted(2, 3), 0, wanted(2, dtype="int64"), wanted(2, 4)),
        RuntimeError,
        "source tensor shape must match self tensor shape",
    ),
    (
        args(wanted(2, 3), 0, wanted(2, dtype="int64"), wanted(3, 3)),
        RuntimeError,
        r"Number of indices \(2\) should be equal to source",
    ),
    (
        args(wanted(2, 3), 0, wanted(2, 2, dtype="int64"), wanted(2, 3)),
        IndexError,
        "Index is supposed to be a vector, but got dim: 2",
    ),
    (
        args(wanted(2, 3), 0, wanted(2, dtype="int64"), wanted(2, 3, dtype="float64")),
        RuntimeError,
        r"self \(Float\) and source \(Double\) must have the same scalar type",
    ),
]


@operator(inplace=True, samples=_added, errors=_ROW_ERRORS, dtypes="fibc")
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Value:
    """`input` with rows of `source`, times `alpha`, added at the places along `dim` that `index` names."""
    x, at, src, dim = checked_rows("index_add", input, dim, index, source)
    scaled = src if isinstance(alpha, int) and alpha == 1 else graph.cast(ir.mul(src, alpha), x.dtype)
    return graph.reshape(graph.scatter("scatter_add", x, at, scaled, dim), input.shape)


def _filled(make: Make) -> Iterator[Sample]:
    yield (make(4, 3), 0, make(values=[2, 0], dtype="int64"), 2), {}
    yield (make(2, 5, noncontiguous=True), 1, make(values=[4, 1], dtype="int64"), 3), {}


@operator(inplace=True, samples=_filled, dtypes="fibc")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Value:
    """`input` with `value` at the places along `dim` that the vector `index` names."""
    dim = ir.normalize_dim(dim, input.ndim)
    if index.dtype is not int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    at = vector(index, "index_fill_(): Index is supposed to be a vector")
    if isinstance(value, Value) and value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    x = at_least_1d(input)
    places = along(at, x.shape, dim)
    return graph.reshape(
        graph.scatter("scatter", x, places, ir.full(places.shape, value, input.dtype), dim), input.shape
    )


OPERATORS: tuple[Operator, ...] = (
    gather, scatter, scatter_add, index_select, take_along_dim, one_hot, index_add, index_fill,
)  # fmt: skip
