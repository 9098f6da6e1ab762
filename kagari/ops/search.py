"""Places among ordered numbers, and membership."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.dtypes import int32, int64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import TYPE_NAMES, require, result_type
from .index import numel
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import listed
from .sort import in_order, order, taken

_EDGES = [1.0, 3.0, 3.0, 5.0]
_ROWS = [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]
_NAN = float("nan")


def _placed(edges: Value, x: Value, right: bool, out_int32: bool) -> Value:
    """How many edges of its row lie below each element, or not above it with `right`."""
    dt = result_type(edges, x)
    require("searchsorted_out_cpu", dt, 1)
    values = graph.cast(x, dt) if x.ndim else ir.full((1,), x, dt)
    rows = ir.broadcast_to(graph.cast(edges, dt), (*values.shape[:-1], edges.shape[-1]))
    found = graph.reshape(graph.searchsorted(rows, values, right), x.shape)
    return ir.astype(found, int32) if out_int32 else found


def _searched(make: Make) -> Iterator[Sample]:
    values = make(values=[[0.0, 1.0, 3.0], [4.0, 9.0, 3.5]])
    yield (make(values=_EDGES), values), {}
    yield (make(values=_EDGES), values), {"right": True}
    yield (make(values=_EDGES, noncontiguous=True), values), {"side": "right", "out_int32": True}
    yield (make(values=_ROWS), values), {"side": "left"}
    yield (make(values=_ROWS), make(values=[[3.0], [6.0]], noncontiguous=True)), {"right": True, "side": "right"}
    yield (make(values=_EDGES), 3), {}
    yield (make(values=_EDGES), 3.5), {"right": True}
    yield (make(values=_EDGES), make(values=3.0)), {}
    yield (make(values=[3.0, 1.0, 2.0]), values), {"sorter": make(values=[1, 2, 0], dtype="int64")}
    yield (make(0), values), {}
    yield (make(values=_EDGES), make(0, 3)), {}
    yield (make(values=[1.0, _NAN, _NAN], dtype="float32"), make(values=[0.0, _NAN, 2.0], dtype="float32")), {}
    yield (make(values=_EDGES, dtype="float64"), make(values=[1.0, 3.0], dtype="int64")), {}
    yield (make(values=_EDGES, dtype="int64"), make(values=[2.5, 3.0], dtype="float32")), {"right": True}


@operator(
    method=False,
    differentiable=False,
    samples=_searched,
    dtypes="fi",
    errors=[
        (
            args(wanted(2, 3), wanted(3)),
            RuntimeError,
            r"boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
            r"tensor must match, but we got boundaries tensor \[2, 3\] and input value tensor \[3\]",
        ),
        (
            args(wanted(2, 3), 3),
            RuntimeError,
            r"input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor "
            r"dim\(2\) and input value's dim\(0\) numel\(1\)",
        ),
        (
            args(wanted(3), 3, side="middle"),
            RuntimeError,
            r"torch.searchsorted\(\): side can only be 'left' or 'right' but got middle",
        ),
        (
            args(wanted(3), 3, side="left", right=True),
            RuntimeError,
            "side and right can't be set to opposites, got side of left while right was True",
        ),
        (
            args(wanted(3), 3, sorter=wanted(3)),
            RuntimeError,
            "sorter must be a tensor of long dtype but got dtype Float",
        ),
        (
            args(wanted(3), 3, sorter=wanted(2, dtype="int64")),
            RuntimeError,
            r"boundary and sorter must have the same size, but got boundary tensor \[3\]\s?and got sorter tensor \[2\]",
        ),
        (
            args(wanted(2, dtype="bool"), wanted(2, dtype="bool")),
            NotImplementedError,
            "\"searchsorted_out_cpu\" not implemented for 'Bool'",
        ),
    ],
)
def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | Number,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Value:
    """The index in the last dimension of `sorted_sequence` before which each element of `input` keeps the order.

    The sequence is one for all elements, `(n,)` and `(*,)` to `(*,)`, or one for each row, `(*, n)` and `(*, m)` to
    `(*, m)`. With `right`, or `side="right"`, it is the index behind elements that are equal. `sorter` holds the
    indices that put a sequence in order.

    >>> import kagari as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6]))
    tensor([1, 3])
    """
    edges, x = sorted_sequence, ir.lift(input)
    prefix = "torch.searchsorted(): "
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{prefix}side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(f"{prefix}side and right can't be set to opposites, got side of left while right was True")
    if not x.ndim and edges.ndim != 1:
        raise RuntimeError(
            f"{prefix}input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
            f"tensor dim({edges.ndim}) and input value's dim(0) numel(1)"
        )
    if edges.ndim != 1 and (edges.ndim != x.ndim or edges.shape[:-1] != x.shape[:-1]):
        raise RuntimeError(
            f"{prefix}boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {listed(edges.shape)} and input value tensor "
            f"{listed(x.shape)}"
        )
    if sorter is not None:
        if sorter.dtype is not int64:
            raise RuntimeError(
                f"{prefix}sorter must be a tensor of long dtype but got dtype {TYPE_NAMES[sorter.dtype]}"
            )
        if sorter.shape != edges.shape:
            raise RuntimeError(
                f"{prefix}boundary and sorter must have the same size, but got boundary tensor {listed(edges.shape)} "
                f"and got sorter tensor {listed(sorter.shape)}"
            )
        edges = graph.gather(edges, sorter, edges.ndim - 1)
    return _placed(edges, x, bool(right) or side == "right", bool(out_int32))


def _bucketized(make: Make) -> Iterator[Sample]:
    values = make(values=[[0.0, 1.0, 3.0], [4.0, 9.0, 3.5]])
    yield (values, make(values=_EDGES)), {}
    yield (values, make(values=_EDGES)), {"right": True}
    yield (3, make(values=_EDGES)), {"out_int32": True}
    yield (make(values=3.0), make(values=_EDGES)), {}
    yield (make(0, 3), make(values=_EDGES)), {}
    yield (values, make(0)), {}
    yield (make(4, 5, noncontiguous=True), make(values=_EDGES)), {}


@operator(
    method=False,
    differentiable=False,
    samples=_bucketized,
    dtypes="fi",
    errors=[
        (args(wanted(3), wanted(2, 3)), RuntimeError, r"boundaries tensor must be 1 dimension, but got dim\(2\)"),
        (
            args(wanted(2, dtype="bool"), wanted(2, dtype="bool")),
            NotImplementedError,
            "\"searchsorted_out_cpu\" not implemented for 'Bool'",
        ),
    ],
)
def bucketize(input: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Value:
    """The number of the bucket between ordered `boundaries` that each element falls into.

    It is the `i` for which `boundaries[i - 1] < x <= boundaries[i]`, or with `right`, `boundaries[i - 1] <= x <
    boundaries[i]`.

    >>> import kagari as torch
    >>> torch.bucketize(torch.tensor([0, 3, 9]), torch.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return _placed(boundaries, ir.lift(input), bool(right), bool(out_int32))


def _members(make: Make) -> Iterator[Sample]:
    for flags in ({}, {"invert": True}, {"assume_unique": True}):
        yield (make(4, 5), make(values=[1.0, 2.0, -1.0, 0.0])), flags
    yield (make(values=[0.5, 2.0, -3.0]), make(values=[[-3.0, 0.5], [7.0, 0.5]], noncontiguous=True)), {}
    yield (make(3, 4), 2), {}
    yield (2, make(3, 4)), {"invert": True}
    yield (make(3, 4), make(0)), {}
    yield (make(0, 3), make(3)), {}
    yield (make(), make(3)), {}
    yield (make(3), make()), {}
    yield (make(values=[1.0, 2.0], dtype="int64"), make(values=[1.5, 2.0], dtype="float32")), {}
    for tests in ([_NAN, 1.0, float("inf")], [_NAN, _NAN, _NAN], [_NAN, float("-inf"), _NAN]):
        elements = make(values=[1.0, _NAN, float("inf"), float("-inf"), 0.0], dtype="float32")
        yield (elements, make(values=tests, dtype="float32")), {}


@operator(
    method=False,
    differentiable=False,
    samples=_members,
    dtypes="fi",
    synonyms={"element": "elements", "test_element": "test_elements"},
    errors=[
        (args(5, 5), TypeError, r"isin\(\) received an invalid combination of arguments - got \(int, int\)"),
        (
            args(wanted(2), wanted(2, dtype="bool")),
            RuntimeError,
            r"Unsupported input type encountered for isin\(\): Bool",
        ),
    ],
)
def isin(
    elements: Tensor | Number, test_elements: Tensor | Number, *, assume_unique: bool = False, invert: bool = False
) -> Value:
    """Whether each of `elements` is among `test_elements`; with `invert`, whether it is not. NaN is among nothing.

    `assume_unique` promises that neither has an element twice, which is of no use here.

    >>> import kagari as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    x, tests = ir.lift(elements), ir.lift(test_elements)
    if x.weak and tests.weak:
        kinds = ", ".join({0: "bool", 1: "int", 2: "float"}[v.dtype.category] for v in (x, tests))
        raise TypeError(f"isin() received an invalid combination of arguments - got ({kinds}), but expected a Tensor")
    for v in (x, tests):
        if v.dtype.category in (0, 3):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {v.dtype.type_name}")
    dt = result_type(x, tests)
    found = _among(graph.cast(x, dt), graph.cast(tests, dt))
    return ir.bitnot(found) if invert else found


def _among(x: Value, tests: Value) -> Value:
    """Whether elements are among others, which are put in order and searched."""
    count = numel(tests)
    if isinstance(count, int) and count < 2:
        return ir.eq(x, graph.reshape(tests, ())) if count else ir.full(x.shape, False, ir.eq(x, x).dtype)
    line = graph.reshape(tests, (count,))
    if x.dtype.category == 2:
        # Negative and from the largest one on: so NaN comes first, where a search takes it for what is below.
        x, line = ir.neg(x), ir.neg(taken(line, order(line, 0, True), 0))
    else:
        line = in_order(line, 0)
    flat = graph.reshape(x, (numel(x),))
    at = graph.searchsorted(line, flat, False)
    inside = ir.lt(at, count)
    found = inside & ir.eq(graph.gather(line, ir.where(inside, at, 0), 0), flat)
    return graph.reshape(found, x.shape)


OPERATORS: tuple[Operator, ...] = (searchsorted, bucketize, isin)
