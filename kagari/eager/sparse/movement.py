"""Sparse tensors seen otherwise: dimensions in another order, parts of them, several joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...base import dtypes
from .. import convert
from ..calls import call
from ..views import checked_dim
from . import coo, members, places, tape
from .coo import Coo


def _chosen(at: Any, columns: np.ndarray) -> Any:
    return call("index_select")(at, 1, places.whole_numbers(columns))


def _line(at: Any, dim: int) -> np.ndarray:
    return convert.array_of(at)[dim]


# Order


def transpose(input: Coo, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged, both sparse or both dense."""
    d0, d1 = checked_dim(dim0, input.ndim), checked_dim(dim1, input.ndim)
    sparse_dim = len(input.sparse_sizes)
    if (d0 < sparse_dim) != (d1 < sparse_dim) or (d0 >= sparse_dim and d0 != d1):
        raise RuntimeError(
            f"sparse transpose: transposed dimensions must be sparse Got sparse_dim: {sparse_dim}, d0: {d0}, d1: {d1}"
        )
    order = list(range(input.ndim))
    order[d0], order[d1] = order[d1], order[d0]
    return Transpose.apply(input, order)


def permute(input: Coo, *dims: Any) -> Any:
    """The dimensions in another order; sparse ones stay in front of dense ones."""
    order = tuple(dims[0]) if len(dims) == 1 and not isinstance(dims[0], int) else dims
    if len(order) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(order)}"
        )
    order = tuple([checked_dim(d, input.ndim) for d in order])
    if len(set(order)) < len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    sparse_dim = len(input.sparse_sizes)
    if any(d >= sparse_dim for d in order[:sparse_dim]):
        raise RuntimeError(
            "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed.Only "
            "transpositions within sparse and dense dimensions are supported."
        )
    return Permute.apply(input, order)


class Permute(tape.Function, node="Backward0"):
    """The dimensions in another order."""

    @staticmethod
    def forward(ctx: Any, s: Coo, order: Sequence[int]) -> Any:
        """Indices and values with their dimensions in that order."""
        ctx.order = np.argsort(order).tolist()
        return _permuted(s, order)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient in the former order."""
        return grad.permute(ctx.order), None


class Transpose(Permute, node="Backward0"):
    """Two dimensions exchanged."""


def _permuted(s: Coo, order: Sequence[int]) -> Any:
    sparse_dim = len(s.sparse_sizes)
    if list(order) == list(range(s.ndim)):
        return s.bare()
    at = call("index_select")(s._at, 0, places.whole_numbers(np.array(order[:sparse_dim], np.int64)))
    values = s._elements
    inner = tuple([d - sparse_dim + 1 for d in order[sparse_dim:]])
    if list(inner) != sorted(inner):
        values = call("permute")(values, (0, *inner))
    kept = list(order[:sparse_dim]) == list(range(sparse_dim))
    return coo.made(at, values, [s.shape[d] for d in order], s._ordered and kept)


def t(input: Coo) -> Any:
    """The transpose of a matrix."""
    sparse_dim, dense_dim = len(input.sparse_sizes), len(input.dense_sizes)
    if sparse_dim > 2 or dense_dim:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {sparse_dim} sparse and "
            f"{dense_dim} dense dimensions"
        )
    return transpose(input, 0, 1 if input.ndim == 2 else 0) if input.ndim else input


def matrix_transpose(input: Coo) -> Any:
    """The last two dimensions exchanged."""
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def reversed_(input: Coo) -> Any:
    """The dimensions in the opposite order."""
    return permute(input, tuple(range(input.ndim - 1, -1, -1)))


def adjoint(input: Coo) -> Any:
    """The conjugates with the last two dimensions exchanged."""
    turned = matrix_transpose(input)
    return tape.like("Conj", call("conj_physical")(tape.opened(turned)), turned) if input.is_complex() else turned


def movedim(input: Coo, source: Any, destination: Any) -> Any:
    """Dimensions at other positions."""
    sources, targets = ([x] if isinstance(x, int) else list(x) for x in (source, destination))
    sources, targets = ([checked_dim(d, input.ndim) for d in ds] for ds in (sources, targets))
    order = [d for d in range(input.ndim) if d not in sources]
    for target, d in sorted(zip(targets, sources)):
        order.insert(target, d)
    return permute(input, order)


def unsqueeze(input: Coo, dim: int) -> Any:
    """A dimension of size 1: a sparse one up to the place behind the sparse ones, else a dense one."""
    dim, sparse_dim = checked_dim(dim, input.ndim + 1), len(input.sparse_sizes)
    size = [*input.shape[:dim], 1, *input.shape[dim:]]
    if dim > sparse_dim:
        values = call("unsqueeze")(tape.opened(input), dim - sparse_dim + 1)
        return tape.closed("Unsqueeze", values, input._at, size, input._ordered)
    row = places.whole_numbers(np.zeros((1, input._at.shape[1])))
    at = call("cat")(0, input._at.narrow(0, 0, dim), row, input._at.narrow(0, dim, sparse_dim - dim))
    return tape.closed("Unsqueeze", tape.opened(input), at, size)


# Parts


def select(input: Coo, dim: int, index: int) -> Any:
    """The slice at an index of a dimension, without that; dense where no sparse dimension is left."""
    dim = checked_dim(dim, input.ndim)
    n = input.shape[dim]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return tape.called(_Select, "Select").apply(input, dim, index % n)


class _Select(tape.Function):
    """A slice of a sparse tensor. Its gradient is sparse or dense as that of the slice is."""

    @staticmethod
    def forward(ctx: Any, s: Coo, dim: int, index: int) -> Any:
        """The places at the index, or the slices of the values."""
        ctx.of = tuple(s.shape), len(s.sparse_sizes), dim, index
        return _selected(s, dim, index)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient in its place, zeros elsewhere."""
        size, sparse_dim, dim, index = ctx.of
        if isinstance(grad, Coo) and len(grad.sparse_sizes) == sparse_dim - (dim < sparse_dim):
            return _inserted(grad, size, sparse_dim, dim, index), None, None
        grad = grad.to_dense()
        return call("select_scatter")(places.zeros(size, grad.dtype), grad, dim, index), None, None


def _selected(s: Coo, dim: int, index: int) -> Any:
    sparse_dim, size = len(s.sparse_sizes), [*s.shape[:dim], *s.shape[dim + 1 :]]
    if dim >= sparse_dim:
        values = call("clone")(call("select")(s._elements, dim - sparse_dim + 1, index))
        return coo.made(s._at, values, size, s._ordered)
    columns = (_line(s._at, dim) == index).nonzero()[0]
    values = call("index_select")(s._elements, 0, places.whole_numbers(columns))
    if sparse_dim == 1:
        return call("sum")(values, (0,)).to(s.dtype)
    others = places.whole_numbers(np.delete(np.arange(sparse_dim), dim))
    return coo.made(call("index_select")(_chosen(s._at, columns), 0, others), values, size, s._ordered)


def _inserted(s: Coo, size: Sequence[int], sparse_dim: int, dim: int, index: int) -> Any:
    """A sparse tensor as the slice of a larger one."""
    values, at = tape.opened(s), s._at
    if dim < sparse_dim:
        at = places.whole_numbers(np.insert(convert.array_of(at), dim, index, 0))
    else:
        zeros = places.zeros((at.shape[1], *size[sparse_dim:]), s.dtype)
        values = call("select_scatter")(zeros, values, dim - sparse_dim + 1, index)
    return tape.closed("SparseCooTensorWithDims", values, at, size, s._ordered)


def narrow_copy(input: Coo, dim: int, start: int, length: int) -> Any:
    """A part of a dimension."""
    dim, sparse_dim = checked_dim(dim, input.ndim), len(input.sparse_sizes)
    n = input.shape[dim]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    start += n if start < 0 else 0
    if start < 0 or start + length > n:
        raise RuntimeError(f"Invalid range to narrow. range(start, start+length) must be a subset of range(0, {n}).")
    size = [*input.shape[:dim], length, *input.shape[dim + 1 :]]
    if dim >= sparse_dim:
        values = call("narrow")(tape.opened(input), dim - sparse_dim + 1, start, length)
        return tape.closed("NarrowCopy", call("clone")(values), input._at, size, input._ordered)
    line = _line(input._at, dim)
    columns = ((line >= start) & (line < start + length)).nonzero()[0]
    at = convert.array_of(input._at)[:, columns]
    at[dim] -= start
    values = call("index_select")(tape.opened(input), 0, places.whole_numbers(columns))
    return tape.closed("NarrowCopy", values, places.whole_numbers(at), size, input._ordered)


def index_select(input: Coo, dim: int, index: Any) -> Any:
    """Slices of a dimension, by their numbers."""
    if isinstance(index, Coo) or index.ndim != 1 or index.dtype not in (dtypes.int64, dtypes.int32):
        raise IndexError("index_select() argument index must be 1-D strided (non-sparse) long-tensor.")
    dim, sparse_dim = checked_dim(dim, input.ndim), len(input.sparse_sizes)
    n, wanted = input.shape[dim], convert.array_of(index).astype(np.int64)
    outside = (wanted < -n) | (wanted >= n)
    if outside.any():
        raise IndexError(
            f"index_select(): index contains {wanted[outside][0]} that is out of range for tensor of size "
            f"{list(input.shape)} at dimension {dim}"
        )
    wanted = np.where(wanted < 0, wanted + n, wanted)
    size = [*input.shape[:dim], wanted.size, *input.shape[dim + 1 :]]
    if dim >= sparse_dim:
        values = call("index_select")(tape.opened(input), dim - sparse_dim + 1, places.whole_numbers(wanted))
        return tape.closed("IndexSelect", values, input._at, size, input._ordered)
    line = _line(input._at, dim)
    order = np.argsort(line, kind="stable")
    begins, ends = (np.searchsorted(line[order], wanted, side) for side in ("left", "right"))
    counts = ends - begins
    columns = order[places.runs(begins, counts)]
    at = convert.array_of(input._at)[:, columns]
    at[dim] = np.repeat(np.arange(wanted.size), counts)
    values = call("index_select")(tape.opened(input), 0, places.whole_numbers(columns))
    return tape.closed("IndexSelect", values, places.whole_numbers(at), size)


def unbind(input: Coo, dim: int = 0) -> tuple[Any, ...]:
    """The slices along a dimension."""
    return tuple([select(input, dim, i) for i in range(input.shape[checked_dim(dim, input.ndim)])])


def iterated(s: Any) -> Iterator[Any]:
    """The slices along the first dimension, one after the other."""
    return iter(unbind(s))


def getitem(s: Coo, index: Any) -> Any:
    """Integers, whole slices and None. Raises NotImplementedError for other slices and for indices of tensors."""
    items = list(index) if isinstance(index, tuple) else [index]
    dims = sum(i is not None and i is not Ellipsis for i in items)
    if dims > s.ndim:
        raise IndexError(f"too many indices for tensor of dimension {s.ndim}")
    if any(i is Ellipsis for i in items):
        at = items.index(Ellipsis)
        items[at : at + 1] = [slice(None)] * (s.ndim - dims)
    dim, result = 0, s
    for i in items:
        if i is None:
            result = result.unsqueeze(dim)
        elif isinstance(i, slice):
            if i.indices(result.shape[dim]) != (0, result.shape[dim], 1):
                raise Coo.cannot("as_strided")
        elif isinstance(i, int | np.integer) and not isinstance(i, bool):
            n = result.shape[dim]
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
            result = result.select(dim, int(i))
            continue
        else:
            raise Coo.cannot("index.Tensor")
        dim += 1
    return alias(s) if result is s else result


# Several


def cat(tensors: Sequence[Any], dim: int = 0, **further: Any) -> Any:
    """Sparse tensors one after the other along a dimension."""
    tensors = list(tensors)
    for i, other in enumerate(tensors):
        if not isinstance(other, Coo):
            raise RuntimeError(f"Concatenating sparse tensors, but a dense tensor was found at position {i}.")
    first = tensors[0]
    dim, sparse_dim = checked_dim(dim, first.ndim), len(first.sparse_sizes)
    for i, other in enumerate(tensors):
        same = [d for d in range(first.ndim) if d != dim]
        if other.ndim != first.ndim or any(other.shape[d] != first.shape[d] for d in same):
            raise RuntimeError(
                f"All tensors must have the same shape: {list(first.shape)} (except in the concatenating dimension), "
                f"but found shape: {list(other.shape)} at position {i}."
            )
        if len(other.sparse_sizes) != sparse_dim:
            raise RuntimeError(
                "All tensors must have the same sparse_dim and dense_dim: "
                f"{sparse_dim}, {len(first.dense_sizes)}, but tensor at position {i} has "
                f"{len(other.sparse_sizes)}, {len(other.dense_sizes)}."
            )
    lengths = [other.shape[dim] for other in tensors]
    size = [*first.shape[:dim], sum(lengths), *first.shape[dim + 1 :]]
    ats, values, begin = [], [], 0
    for other, length in zip(tensors, lengths):
        own = tape.opened(other)
        if dim < sparse_dim:
            at = np.array(convert.array_of(other._at))
            at[dim] += begin
            ats.append(places.whole_numbers(at))
        else:
            ats.append(other._at)
            own = _padded(own, dim - sparse_dim + 1, begin, size[dim])
        values.append(own)
        begin += length
    return tape.closed("Cat", call("cat")(0, *values), call("cat")(1, *ats), size)


def _padded(values: Any, dim: int, begin: int, length: int) -> Any:
    """Values with zeros in front and behind along a dimension."""
    parts = [values]
    for n, first in ((begin, True), (length - begin - values.shape[dim], False)):
        shape = [*values.shape[:dim], n, *values.shape[dim + 1 :]]
        parts.insert(0 if first else len(parts), places.zeros(shape, values.dtype))
    return call("cat")(dim, *parts)


def stack(tensors: Sequence[Any], dim: int = 0, **further: Any) -> Any:
    """Sparse tensors along a new dimension."""
    return cat([unsqueeze(s, dim) for s in tensors], checked_dim(dim, tensors[0].ndim + 1))


def hstack(tensors: Sequence[Any], **further: Any) -> Any:
    """Side by side."""
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Any], **further: Any) -> Any:
    """One below the other."""
    return cat([s.unsqueeze(0) if s.ndim == 1 else s for s in tensors], 0)


def _exchanged(s: Coo, *dims: Any) -> Any:
    """`transpose_` and `t_`: the tensor itself turned."""
    members.check_changeable(s)
    turned = transpose(s, *dims) if dims else t(s)
    s.take_over(turned)
    s._grad_fn, s._needs = turned._grad_fn, turned._needs
    return s


def alias(s: Coo) -> Any:
    """The same places and values."""
    return tape.like("Alias", tape.opened(s), s)


ANSWERS: dict[str, Callable[..., Any]] = {
    "H": adjoint, "T": reversed_, "__getitem__": getitem, "adjoint": adjoint,
    "cat": cat, "concat": cat, "concatenate": cat, "hstack": hstack, "index_select": index_select,
    "mH": adjoint, "mT": matrix_transpose, "movedim": movedim, "moveaxis": movedim, "narrow_copy": narrow_copy,
    "permute": permute, "row_stack": vstack, "select": select, "stack": stack, "swapaxes": transpose,
    "swapdims": transpose, "t": t, "t_": _exchanged, "transpose": transpose, "transpose_": _exchanged, "unbind": unbind,
    "unsqueeze": unsqueeze, "vstack": vstack,
}  # fmt: skip
