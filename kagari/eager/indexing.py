"""Basic indexing: integers, slices, `...` and None, read and written."""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import Any

from ..autograd.library import function
from ..autograd import modes
from ..engine.function import Hooks
from . import convert, inplace

Basic = int | slice | EllipsisType | None


def get(t: Any, index: Any) -> Any:
    """`t[index]` as a view; with index tensors, lists and masks a copy."""
    items = _items(t, index)
    if any(not isinstance(i, int | slice | EllipsisType | None) for i in items):
        return _advanced(t, items)
    result = _basic(t, items)
    return function("alias").run((t,)) if result is t else result


def _items(t: Any, index: Any) -> tuple[Any, ...]:
    items = index if isinstance(index, tuple) else (index,)
    result = []
    for i in items:
        if isinstance(i, bool):
            result.append(convert.full((), i, convert.dtypes.bool_))
        elif isinstance(i, int | slice | EllipsisType) or i is None:
            result.append(i)
        elif isinstance(i, Hooks.tensor_types):
            whole = i._layout.dtype.category == 1 and not i._layout.ndim
            result.append(i.item() if whole else i)
        elif isinstance(i, list) or hasattr(i, "__array__"):
            result.append(convert.from_data(i, None))
        elif hasattr(i, "__index__"):
            result.append(operator.index(i))
        else:
            raise TypeError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
                f"{type(i).__name__})"
            )
    return tuple(result)


def _basic(t: Any, items: tuple[Basic, ...]) -> Any:
    ndim = t._layout.ndim
    used = sum(1 for i in items if isinstance(i, int | slice) and not isinstance(i, bool))
    if used > ndim:
        if not ndim and any(isinstance(i, int) for i in items):
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert "
                             "a 0-dim tensor to a number")  # fmt: skip
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    dim = 0
    for i in items:
        if i is None:
            t = function("unsqueeze").run((t, dim))
            dim += 1
        elif i is Ellipsis:
            dim += ndim - used
        elif isinstance(i, int):
            t = _select(t, dim, i)
        else:
            t = _slice(t, dim, i)
            dim += 1
    return t


def _select(t: Any, dim: int, i: int) -> Any:
    n = t._layout.shape[dim]
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
    return function("select").run((t, dim, i))


def _slice(t: Any, dim: int, s: slice) -> Any:
    if s.step is not None and operator.index(s.step) <= 0:
        raise ValueError("step must be greater than zero")
    if s.start is None and s.stop is None and s.step is None:
        return t
    start, stop, step = s.indices(t._layout.shape[dim])
    return function("slice").run((t, dim, start, stop, step))


def _advanced(t: Any, items: tuple[Any, ...]) -> Any:
    """Index tensors and masks among the items: the basic ones are applied first, then all others at once."""
    flat, where = _spread(t, items)
    t = flat
    index = {d: i for d, i in where}
    if len(index) == 1:
        ((dim, i),) = index.items()
        return _take(t, dim, i)
    return _take_many(t, index)


def _spread(t: Any, items: tuple[Any, ...]) -> tuple[Any, list[tuple[int, Any]]]:
    """The tensor after its basic indices, and the dimension of each index tensor. Masks become indices."""
    parts: list[Any] = []
    for i in items:
        if isinstance(i, Hooks.tensor_types) and i._layout.dtype.name in ("bool", "uint8"):
            parts.extend(convert.copied(x, convert.dtypes.int64) for x in convert.raw_array(i).nonzero())
        else:
            parts.append(i)
    ndim = t._layout.ndim
    used = sum(1 for i in parts if i is not None and i is not Ellipsis)
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    where: list[tuple[int, Any]] = []
    dim = 0
    for i in parts:
        if i is None:
            t = function("unsqueeze").run((t, dim))
            dim += 1
        elif i is Ellipsis:
            dim += ndim - used
        elif isinstance(i, int):
            t = _select(t, dim, i)
        elif isinstance(i, slice):
            t = _slice(t, dim, i)
            dim += 1
        else:
            where.append((dim, i))
            dim += 1
    return t, where


def _wrapped(i: Any, size: int) -> Any:
    """Indices with the negative ones counted from the end."""
    if i._layout.dtype.category != 1:
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    i = i.to(convert.dtypes.int64)
    return function("where").run((i < 0, i + size, i))


def _take(t: Any, dim: int, i: Any) -> Any:
    """One index tensor: rows of the dimension, the index's shape in its place."""
    shape = t._layout.shape
    flat = _wrapped(i, shape[dim]).reshape(-1)
    taken = function("index_select").run((t, dim, flat))
    return taken.reshape(*shape[:dim], *i._layout.shape, *shape[dim + 1 :])


def _take_many(t: Any, index: dict[int, Any]) -> Any:
    """Several index tensors, broadcast against each other: one flat index into the joined dimensions, which come first
    unless they are neighbours."""
    dims = sorted(index)
    shape = t._layout.shape
    rest = [d for d in range(len(shape)) if d not in index]
    flat: Any = None
    for d in dims:
        part = _wrapped(index[d], shape[d])
        flat = part if flat is None else flat * shape[d] + part
    joined = t.permute(*dims, *rest).reshape(-1, *[shape[d] for d in rest])
    taken = function("index_select").run((joined, 0, flat.reshape(-1))).reshape(*flat.shape, *[shape[d] for d in rest])
    if dims == list(range(dims[0], dims[-1] + 1)) and dims[0]:
        n = flat.ndim
        order = [*range(n, n + dims[0]), *range(n), *range(n + dims[0], taken.ndim)]
        return taken.permute(*order)
    return taken


def put(t: Any, index: Any, value: Any) -> None:
    """`t[index] = value`."""
    items = _items(t, index)
    if any(not isinstance(i, int | slice | EllipsisType | None) for i in items):
        _put_advanced(t, items, value)
        return
    if modes.is_grad_enabled() and t._needs and t._grad_fn is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    target = _basic(t, items)
    if not isinstance(value, Hooks.tensor_types):
        value = convert.from_data(value, t._layout.dtype)
    function("copy_").miss(target, _fitting(value, target))


def _fitting(value: Any, target: Any) -> Any:
    """Leading dimensions of size 1 that the target lacks are dropped, as PyTorch does."""
    while value._layout.ndim > target._layout.ndim and value._layout.shape[0] == 1:
        value = value.squeeze(0)
    return value


def _put_advanced(t: Any, items: tuple[Any, ...], value: Any) -> None:
    """Index tensors and masks: through NumPy's own assignment, without history."""
    if modes.is_grad_enabled() and (t._needs or getattr(value, "_needs", False)):
        mask = items[0]
        single = len(items) == 1 and isinstance(mask, Hooks.tensor_types) and mask._layout.dtype.name == "bool"
        if single and mask._layout.shape == t._layout.shape:
            if not isinstance(value, Hooks.tensor_types):
                value = convert.full((), value, t._layout.dtype)
            inplace.with_gradient(function("masked_fill_"), (t, mask, value))
            return
        raise NotImplementedError("assigning through index tensors is not recorded for gradients yet; use scatter or where")
    key = tuple(convert.raw_array(i) if isinstance(i, Hooks.tensor_types) else i for i in items)
    array = convert.raw_array(t)
    if isinstance(value, Hooks.tensor_types):
        array[key] = convert.raw_array(value.to(t._layout.dtype))
    else:
        array[key] = convert.raw_array(convert.from_data(value, t._layout.dtype))
    t._storage.version += 1
