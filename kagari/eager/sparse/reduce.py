"""Sums and softmax of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base import dtypes
from .. import convert
from ..calls import call
from ..views import checked_dim
from . import places, tape
from .coo import Coo


def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum over all elements, or over dimensions; sparse as long as a sparse dimension is left."""
    if not isinstance(input, Coo):
        kind = {"strided": "Strided"}.get(input.layout.name, input.layout.name.title().replace("_", ""))
        raise RuntimeError(f"coalesce expected sparse coordinate tensor layout but got {kind}")
    values = tape.opened(input)
    if dtype is not None:
        values = values.to(dtype)
    if dim is None or dim == ():
        return call("sum")(values)
    dims = {checked_dim(d, input.ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))}
    sparse_dim = len(input.sparse_sizes)
    inner = tuple([d - sparse_dim + 1 for d in sorted(dims) if d >= sparse_dim])
    if inner:
        values = call("sum")(values, inner, keepdim)
    kept = [d for d in range(sparse_dim) if d not in dims]
    sizes = [1 if d in dims else n for d, n in enumerate(input.shape) if d not in dims or keepdim]
    if not kept:
        return call("reshape")(call("sum")(values, (0,)), tuple(sizes))
    return _regrouped(input, values, kept, sizes, keepdim)


def _regrouped(s: Coo, values: Any, kept: list[int], size: list[int], keepdim: bool) -> Any:
    """Values added up where places differ in dropped sparse dimensions alone."""
    sparse_dim = len(s.sparse_sizes)
    if len(kept) == sparse_dim:
        return tape.closed("SparseSum", values, s._at, size, s._ordered)
    sizes = [s.shape[d] for d in kept]
    at = call("index_select")(s._at, 0, places.whole_numbers(np.array(kept, np.int64)))
    different, numbers = places.grouped(places.positions(at, sizes))
    found = places.columns(different, sizes)
    if keepdim:
        full = np.zeros((sparse_dim, different.size), np.int64)
        full[kept] = convert.array_of(found)
        found = places.whole_numbers(full)
    return tape.closed("SparseSum", places.summed(values, numbers, different.size), found, size, True)


def softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """Softmax over the elements that are there."""
    return _softmax("softmax", input, dim, dtype, _shares)


def log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """The logarithm of `softmax`."""
    return _softmax("log_softmax", input, dim, dtype, _log_shares)


def _softmax(name: str, s: Any, dim: int, dtype: Any, shares: Callable[..., Any]) -> Any:
    if not isinstance(s, Coo):
        raise NotImplementedError(f"Could not run 'aten::_sparse_{name}' with arguments from the 'CPU' backend.")
    dim = checked_dim(dim, s.ndim)
    if dtype is not None:
        s = s.to(dtype)
    if s.dtype.category < 2:
        raise NotImplementedError(f"\"{name}\" not implemented for '{s.dtype.type_name}'")
    s = tape.coalesced(s)
    sparse_dim, values = len(s.sparse_sizes), tape.opened(s)
    node = "SparseSoftmax" if name == "softmax" else "SparseLogSoftmax"
    if dim >= sparse_dim:
        return tape.like(node, call(name)(values, dim - sparse_dim + 1), s)
    others = [d for d in range(sparse_dim) if d != dim]
    at = call("index_select")(s._at, 0, places.whole_numbers(np.array(others, np.int64)))
    different, numbers = places.grouped(places.positions(at, [s.shape[d] for d in others]))
    return tape.like(node, shares(values, numbers, different.size), s)


def _shifted(values: Any, numbers: Any, count: int) -> Any:
    """Values less the largest of their group, which no gradient passes."""
    flat = values.detach()
    lowest = convert.full((count, *values.shape[1:]), float("-inf"), values.dtype)
    largest = call("index_reduce")(lowest, 0, numbers, flat, "amax")
    return call("sub")(values, call("index_select")(largest, 0, numbers))


def _shares(values: Any, numbers: Any, count: int) -> Any:
    powers = call("exp")(_shifted(values, numbers, count))
    total = places.summed(powers, numbers, count)
    return call("div")(powers, call("index_select")(total, 0, numbers))


def _log_shares(values: Any, numbers: Any, count: int) -> Any:
    shifted = _shifted(values, numbers, count)
    total = places.summed(call("exp")(shifted), numbers, count)
    return call("sub")(shifted, call("index_select")(call("log")(total), 0, numbers))


def sum_of_any(input: Coo, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`Tensor.sum`, which adds up integers as those of 64 bits."""
    if dtype is None and input.dtype.category <= 1:
        dtype = dtypes.int64
    if dim in (None, ()) and dtype is None:
        return tape.called(_Total, "Sum").apply(input)
    return sum(input, dim, keepdim, dtype=dtype)


class _Total(tape.Function):
    """The sum of all elements, whose gradient has all of them: it is dense, as PyTorch's is."""

    @staticmethod
    def forward(ctx: Any, s: Coo) -> Any:
        """The sum of the values."""
        ctx.size = tuple(s.shape)
        return call("sum")(s._elements)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient for each element."""
        return call("expand")(grad, ctx.size)


ANSWERS: dict[str, Callable[..., Any]] = {
    "sum": sum_of_any,
    "_sparse_sum": sum,
    "_sparse_softmax": softmax,
    "_sparse_log_softmax": log_softmax,
}
