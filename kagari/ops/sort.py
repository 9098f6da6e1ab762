"""Order along a dimension: sorting, the largest and smallest few, medians.

NaN counts as the largest number. Equal elements stay in order, whether a stable order is asked for or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, dtype, int32, int64
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.differentiate import differentiate
from ..ir.graph import Value
from . import nodes
from .check import require
from .index import numel
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import narrowed, replaced

_INF, _NAN = math.inf, math.nan
_RANGE = args(wanted(2, 3), dim=2), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\]"
_COMPLEX = args(wanted(2, dtype="complex64")), RuntimeError, "Sort does not support complex dtypes on CPU"
_PAIR = ("values", "indices")


def order(x: Value, dim: int, descending: bool = False, count: Size | None = None) -> Value:
    """The places of the elements in order along a dimension, of all or of the first `count`; 0 without dimensions."""
    return graph.argsort(x, dim, descending, count) if x.ndim else ir.full((), 0, int64)


def taken(x: Value, places: Value, dim: int) -> Value:
    """The elements at places along a dimension; x itself where it has no dimensions."""
    return graph.gather(x, places, dim) if x.ndim else x


def in_order(x: Value, dim: int) -> Value:
    """The elements in ascending order along a dimension."""
    return taken(x, order(x, dim), dim)


def _ordered(name: str, kernel: str, x: Value) -> None:
    """Raises RuntimeError for complex numbers, which have no order, NotImplementedError for floats of eight bits."""
    if x.dtype.is_complex:
        raise RuntimeError(f" {name} does not support complex dtypes on CPU")
    require(kernel, x.dtype, 0)


# Sorting


def _distinct(make: Make, *shape: int, noncontiguous: bool = False) -> Any:
    """A tensor of numbers of which no two are equal, in any dtype but bool."""
    count = math.prod(shape)
    numbers = [float(i * 7919 % 251) for i in range(count)]
    lines: Any = numbers
    for size in reversed(shape[1:]):
        lines = [lines[i : i + size] for i in range(0, len(lines), size)]
    return make(values=lines if shape else 2.0, noncontiguous=noncontiguous)


def _sorted(make: Make) -> Iterator[Sample]:
    yield (make(3, 4, 5),), {"dim": 1, "stable": True}
    yield (make(40, 3, noncontiguous=True),), {"dim": 0, "descending": True, "stable": True}
    yield (make(3, 30),), {"stable": True, "descending": True}
    yield (make(1000),), {"dim": -1, "stable": True}
    yield (make(values=[[0.5, -2.0, 3.0], [4.0, 1.0, -1.0]], dtype="float32"), 0, True), {}
    yield (make(values=[0.5, -2.0, 3.0], dtype="float32"),), {}
    yield (make(),), {}
    yield (make(0, 3), 0), {}
    yield (make(0, 3),), {}
    yield (make(2, 1),), {}
    for descending in (False, True):
        rows = [[1.0, _NAN, 2.0, _INF, -0.0], [-_INF, 0.0, _NAN, -0.0, _NAN]]
        yield (make(values=rows),), {"dim": 1, "descending": descending, "stable": True}


@operator(
    pointwise=True,
    returns=_PAIR,
    samples=_sorted,
    errors=[_RANGE, _COMPLEX],
    node=lambda args: f"SortBackward{int(nodes.given(args, 3) is not None)}",
)
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> tuple[Value, Value]:
    """The pair (values, indices) of the elements in ascending or `descending` order along `dim`.

    NaN counts as the largest number. Equal elements stay in order, also without `stable`.

    >>> import kagari as torch
    >>> torch.sort(torch.tensor([3.0, 1.0, 2.0]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    dim = ir.normalize_dim(dim, input.ndim)
    _ordered("Sort", "sorting_kernel_method_name", input)
    places = order(input, dim, bool(descending))
    return taken(input, places, dim), places


@operator(pointwise=True, out=False, differentiable=False, samples=_sorted, errors=[_RANGE, _COMPLEX])
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Value:
    """The indices of the elements in ascending or `descending` order along `dim`, as `sort` gives them.

    >>> import kagari as torch
    >>> torch.argsort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    dim = ir.normalize_dim(dim, input.ndim)
    _ordered("Sort", "sorting_kernel_method_name", input)
    return order(input, dim, bool(descending))


def _rows(make: Make) -> Iterator[Sample]:
    yield (make(30, 4),), {}
    yield (make(4, 5, noncontiguous=True),), {}
    yield (make(3, 2, 2),), {}
    yield (make(),), {}
    yield (make(0, 3),), {}


@operator(pointwise=True, samples=_rows, errors=[_COMPLEX], node="SortBackward0")
def msort(input: Tensor) -> Value:
    """The elements in ascending order along the first dimension.

    >>> import kagari as torch
    >>> torch.msort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    _ordered("Sort", "sorting_kernel_method_name", input)
    return in_order(input, 0)


# The first few


def _few(make: Make) -> Iterator[Sample]:
    yield (_distinct(make, 4, 30), 3), {}
    yield (_distinct(make, 30, 4), 30, 0), {}
    yield (_distinct(make, 3, 4, 5), 2, 1, False), {}
    yield (_distinct(make, 6, 35, noncontiguous=True), 5, -1, False, True), {}
    yield (_distinct(make), 1), {}
    yield (_distinct(make, 5), 0), {}
    yield (make(0, 3), 2), {}
    yield (make(values=[1.0, _NAN, _INF, -5.0]), 3), {}
    yield (make(values=[1.0, _NAN, _INF, -5.0]), 3, 0, False), {}


@operator(
    fresh=True,
    returns=_PAIR,
    samples=_few,
    dtypes="fi",
    errors=[
        (args(wanted(2, 3), 4), RuntimeError, "selected index k out of range"),
        (args(wanted(3), -1), RuntimeError, "selected index k out of range"),
        (args(wanted(3), 1.5), TypeError, r"topk\(\): argument 'k' \(position 2\) must be int, not float"),
        (args(wanted(3, dtype="bool"), 1), RuntimeError, "topk does not support bool dtypes on CPU"),
        (args(wanted(2, 3), 1, 2), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\]"),
    ],
)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Value, Value]:
    """The pair (values, indices) of the `k` largest elements along `dim`, or with `largest=False` the smallest.

    They come in order whether `sorted` or not. Which of equal elements are among them may differ from PyTorch: here
    those that come first.

    >>> import kagari as torch
    >>> torch.topk(torch.tensor([1.0, 4.0, 3.0]), 2).values
    tensor([4., 3.])
    """
    dim = ir.normalize_dim(dim, input.ndim)
    _ordered("topk", "topk_cpu", input)
    if input.dtype.category == 0:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if k < 0 or k > (input.shape[dim] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    places = order(input, dim, bool(largest), k)
    return taken(input, places, dim), places


def _not_empty(name: str, x: Value, dim: int) -> None:
    if x.ndim and x.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _single(x: Value, places: Value, dim: int, keepdim: bool) -> tuple[Value, Value]:
    """The elements at places of size 1 along a dimension, and these places."""
    pair = taken(x, places, dim), places
    if keepdim or not x.ndim:
        return pair
    shape = (*x.shape[:dim], *x.shape[dim + 1 :])
    return graph.reshape(pair[0], shape), graph.reshape(pair[1], shape)


def _kth(make: Make) -> Iterator[Sample]:
    yield (_distinct(make, 4, 30), 3), {}
    yield (_distinct(make, 30, 4), 30, 0, True), {}
    yield (_distinct(make, 6, 35, noncontiguous=True), 1, -1), {}
    yield (_distinct(make), 1), {}
    yield (make(0, 3), 2), {}
    yield (make(values=[1.0, _NAN, _INF, -5.0]), 3), {}
    yield (make(values=[1.0, _NAN, _INF, -5.0]), 4), {}


def _empty(name: str, *more: Any) -> tuple[Any, type, str]:
    return args(wanted(2, 0), *more), IndexError, rf"{name}\(\): Expected reduction dim 1 to have non-zero size"


@operator(
    fresh=True,
    returns=_PAIR,
    samples=_kth,
    dtypes="fi",
    errors=[
        (args(wanted(3), 4), RuntimeError, r"kthvalue\(\): selected number k out of range for dimension 0"),
        (args(wanted(3), 0), RuntimeError, r"kthvalue\(\): selected number k out of range for dimension 0"),
        (args(wanted(3), "1"), TypeError, r"kthvalue\(\): argument 'k' \(position 2\) must be int, not str"),
        (args(wanted(3, dtype="bool"), 1), NotImplementedError, "\"kthvalue_cpu\" not implemented for 'Bool'"),
        _empty("kthvalue", 1),
    ],
)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Value, Value]:
    """The pair (values, indices) of the `k`-th smallest element along `dim`, counted from 1.

    Of equal elements the index may differ from PyTorch's.

    >>> import kagari as torch
    >>> torch.kthvalue(torch.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    dim = ir.normalize_dim(dim, input.ndim)
    _not_empty("kthvalue", input, dim)
    if k < 1 or k > (input.shape[dim] if input.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    require("kthvalue_cpu", input.dtype, 1)
    if not input.ndim:
        places = order(input, dim)
    elif 8 * k < input.shape[dim]:
        places = narrowed(order(input, dim, False, k), dim, k - 1, 1)
    else:
        places = graph.nth(input, ir.full(replaced(input.shape, dim, 1), k - 1, int64), dim)
    return _single(input, places, dim, keepdim)


# Medians


def _median_place(x: Value, dim: int, skip_nan: bool) -> Value:
    """Where the median is along a dimension, of size 1; the first NaN where there is one that is not to be skipped."""
    if not x.ndim:
        return order(x, dim)
    last = ir.sub(ir.lift(x.shape[dim]), 1)
    if x.dtype.category < 2:
        at = ir.full((*x.shape[:dim], 1, *x.shape[dim + 1 :]), ir.idiv(last, 2), int64)
    else:
        nans = ir.sum_(ir.astype(ir.ne(x, x), int64), dim, True)
        if skip_nan:
            at = ir.idiv(ir.maximum(last - nans, 0), 2)
        else:
            at = ir.where(ir.gt(nans, 0), last + 1 - nans, ir.idiv(last, 2))
    return graph.nth(x, ir.astype(at, int64), dim)


def _lowest(dt: dtype) -> float:
    """What the median of no elements is: NaN, as the type of integers holds it."""
    return _NAN if dt.category == 2 else -(1 << (8 * dt.itemsize - 1)) if dt in (int32, int64) else 0


def _medians(make: Make) -> Iterator[Sample]:
    for shape in ((5,), (4, 30), (3, 4, 5)):
        yield (_distinct(make, *shape),), {}
        yield (_distinct(make, *shape), 0), {}
    yield (_distinct(make, 6, 35, noncontiguous=True), 1, True), {}
    yield (_distinct(make),), {}
    yield (_distinct(make), 0), {}
    yield (make(0, 3), 1), {}
    yield (make(0),), {}
    yield (make(values=[3.0, 1.0, 1.0, 1.0, 0.0]),), {}
    yield (make(values=[1.0, _NAN, _NAN, 0.0]),), {}
    yield (make(values=[[1.0, _NAN, _INF, 0.5], [3.0, 2.0, -_INF, 1.0]]), 1), {}


def _median(name: str, skip_nan: bool) -> Operator:
    def define(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Value | tuple[Value, Value]:
        if dim is None:
            require("median_cpu", input.dtype, 1)
            x = graph.reshape(input, (numel(input),))
            if x.shape[0] == 0:
                return ir.full((), _lowest(x.dtype), x.dtype)
            return _single(x, _median_place(x, 0, skip_nan), 0, False)[0]
        at = ir.normalize_dim(dim, input.ndim)
        _not_empty("median", input, at)
        require("median_out", input.dtype, 1)
        return _single(input, _median_place(input, at, skip_nan), at, keepdim)

    def gradient(g: Any, input: Value, dim: int | None = None, keepdim: bool = False) -> list[Value | None]:
        # Over all elements those that are equal to the median share the gradient; the derived one has it at one place.
        found = define(input, dim, keepdim)
        if not isinstance(found, Value):
            return differentiate(found, g, [input])
        equal = ir.where(ir.ne(found, found), ir.ne(input, input), ir.eq(input, found))
        share = g / ir.sum_(ir.astype(equal, accumulate(g.dtype)))
        return [ir.where(equal, share, 0)]

    which = "that are not NaN" if skip_nan else "(NaN if one of them is)"
    define.__doc__ = f"""The median of all elements {which}; with `dim` the pair (values, indices) along it.

    Of an even number it is the lower one of the two in the middle. Of equal elements the index may differ from
    PyTorch's.

    >>> import kagari as torch
    >>> torch.{name}(torch.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    return operator(
        name=name,
        fresh=True,
        returns=_PAIR,
        gradient=gradient,
        samples=_medians,
        dtypes="fi",
        node=nodes.if_given(name.capitalize()),
        errors=[
            (args(wanted(2, 3), 2), IndexError, "Dimension out of range"),
            (args(wanted(2, dtype="bool")), NotImplementedError, "\"median_cpu\" not implemented for 'Bool'"),
            _empty("median", 1),
        ],
    )(define)


median, nanmedian = _median("median", False), _median("nanmedian", True)


def _modes(make: Make) -> Iterator[Sample]:
    yield (make(values=[2.0, 1.0, 2.0, 1.0, 3.0]),), {}
    yield (make(values=[[0.0, 3.0, 3.0, 1.0], [2.0, 2.0, 1.0, 1.0], [4.0, 4.0, 4.0, 4.0]]), -1, True), {}
    yield (make(values=[[0.0, 3.0], [2.0, 1.0], [2.0, 3.0], [0.0, 3.0]]), 0), {}
    yield (make(6, 12, noncontiguous=True), 1), {}
    yield (make(),), {}
    yield (make(0, 3),), {}


@operator(fresh=True, returns=_PAIR, samples=_modes, errors=[_RANGE, _empty("mode")])
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> tuple[Value, Value]:
    """The pair (values, indices) of the most frequent element along `dim`: of several the smallest, and its last place.

    >>> import kagari as torch
    >>> torch.mode(torch.tensor([3, 1, 2, 1])).values
    tensor(1)
    """
    dim = ir.normalize_dim(dim, input.ndim)
    _not_empty("mode", input, dim)
    require("mode_cpu", input.dtype, 0)
    if not input.ndim:
        return input, order(input, dim)
    places = order(input, dim)
    ordered = taken(input, places, dim)
    rest = input.shape[dim] - 1
    changed = ir.ne(narrowed(ordered, dim, 1, rest), narrowed(ordered, dim, 0, rest))
    # How far each element is from the start of its run: first at its longest where the most frequent one ends.
    at = graph.iota(input.shape, dim)
    starts = ir.where(changed, narrowed(at, dim, 1, rest), 0)
    starts = graph.pad(starts, *(tuple(int(d == dim and low) for d in range(input.ndim)) for low in (True, False)))
    starts = graph.gather(starts, graph.arg_scan("argcummax", starts, dim), dim)
    best = graph.reduce("argmax", at - starts, (dim,))
    return _single(input, graph.gather(places, ir.unsqueeze(best, dim), dim), dim, keepdim)


OPERATORS: tuple[Operator, ...] = (sort, argsort, msort, topk, kthvalue, median, nanmedian, mode)
