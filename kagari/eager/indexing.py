"""Indexing, read and written: integers, slices, `...` and None make views; index tensors, lists and masks copies."""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from ..autograd import modes
from ..autograd.node import is_standing
from ..autograd.views import check_writable, refresh, tell_base
from ..base import dtypes
from ..base.layout import layout
from ..engine.code import native
from ..engine.function import Hooks
from ..ops.check import TYPE_NAMES
from . import convert, inplace
from .calls import call
from .sizes import checked_value

Basic = int | slice | EllipsisType | None
_BASIC = (int, slice, EllipsisType, type(None))
_EVERYTHING = slice(None)
_NESTED = (list, tuple, slice, EllipsisType, type(None))
_MASKS = (dtypes.bool_, dtypes.uint8)
_size = tuple.__getitem__  # of a shape, without its care for slices


class _Keeping(threading.local):
    """How many regions this thread is in where an index of tensors, and numbers beside them, makes a copy."""

    regions = 0


KEEPING = _Keeping()


def get(t: Any, index: Any) -> Any:
    """`t[index]`.

    Raises IndexError for an index out of range, too many of them, and what can't be an index; ValueError for a slice's
    step that is not positive.
    """
    if type(index) is int and t._layout.ndim and not recorded(t):
        lay, n, step = t._layout.element
        view = native().make_tensor(lay, t._storage, t._offset + step * _wrapped_int(index, 0, n))
        tell_base(view, t)
        return view
    if KEEPING.regions:
        tensors = index if isinstance(index, tuple) else (index,)
        known = [isinstance(i, Hooks.tensor_types) for i in tensors]
        if any(known) and all(k or type(i) is int for k, i in zip(known, tensors)):
            return _advanced(t, tuple(i if k else convert.full((), i, dtypes.int64) for k, i in zip(known, tensors)))
    items = _items(t, index)
    if not all(isinstance(i, _BASIC) for i in items):
        return _advanced(t, items)
    return _recorded_view(t, items) if recorded(t) else _view(t, items)


def recorded(t: Any) -> bool:
    """Whether what is made of the tensor has to be an operator's: the tape, a mode or a transformation wants to know of
    it.
    """
    mode = modes.mode()
    if t._base is not None and mode & modes.GRADIENTS:
        refresh(t)
    if mode & modes.WATCHED or (t._needs and mode & modes.GRADIENTS):
        return True
    return is_standing(t)


def _items(t: Any, index: Any) -> tuple[Any, ...]:
    """The index as a tuple of integers, slices, `...`, None and tensors. What can't be an index is an error unless
    there is one in front of it.
    """
    if isinstance(index, list) and any(isinstance(i, (*_NESTED, *Hooks.tensor_types)) for i in index):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] instead of "
            "x[seq].",
            stacklevel=4,
        )
        index = tuple(index)
    if isinstance(index, tuple) and sum(_consumed(i) for i in index) > t._layout.ndim > 0:
        raise IndexError(f"too many indices for tensor of dimension {t._layout.ndim}")
    items: list[Any] = []
    for i in index if isinstance(index, tuple) else (index,):
        try:
            items.append(_item(i))
        except (IndexError, TypeError, ValueError):
            basic = [(i,) if isinstance(i, _BASIC) else (_EVERYTHING,) * _consumed(i) for i in items]
            _view(t, tuple([i for part in basic for i in part]))
            raise
    return tuple(items)


def _item(i: Any) -> Any:
    if isinstance(i, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(i, bool):
        return convert.full((), i, dtypes.bool_)
    if isinstance(i, slice) and i.step is not None and operator.index(i.step) <= 0:
        raise ValueError("slice step cannot be zero" if not i.step else "step must be greater than zero")
    if isinstance(i, _BASIC):
        return i
    if isinstance(i, Hooks.tensor_types):
        return i.item() if not i._layout.ndim and i._layout.dtype.category == 1 and not is_standing(i) else i
    if isinstance(i, list | tuple | range) or hasattr(i, "__array__"):
        made = convert.from_data(i, None)
        if not made._layout.ndim and made._layout.dtype.category == 1:
            return made.item()
        return made if made._layout.numel else convert.empty(tuple(made.shape), dtypes.int64)
    if hasattr(i, "__index__"):
        return operator.index(i)
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{type(i).__name__})"
    )


# Views


def _walk(t: Any, items: tuple[Basic, ...], at: Callable[..., None]) -> None:
    """Calls `at(item, dim, size)` for each item with the dimension that it is for, of the tensor as it was."""
    ndim = t._layout.ndim
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    if used > ndim:
        if not ndim and any(isinstance(i, int) for i in items):
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                "convert a 0-dim tensor "
                "to a number"
            )
        if not ndim:
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    dim, spread = 0, False
    for i in items:
        if i is None:
            at(None, dim, _size(t._layout.shape, dim) if dim < ndim else 1)
        elif i is Ellipsis:
            for _ in range(0 if spread else ndim - used):
                at(_EVERYTHING, dim, _size(t._layout.shape, dim))
                dim += 1
            spread = True
        else:
            at(i, dim, _size(t._layout.shape, dim))
            dim += 1
    for d in range(dim, ndim):
        at(_EVERYTHING, d, _size(t._layout.shape, d))


def _wrapped_int(i: int, dim: int, n: int) -> int:
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
    return i + n if i < 0 else i


def parts(t: Any, dim: int, bounds: Sequence[tuple[int, int]], keep: bool = True) -> tuple[Any, ...]:
    """Views of ranges (begin, length) along a dimension, without history; without `keep` each is one element, and
    the dimension goes.
    """
    lay, storage, offset = t._layout, t._storage, t._offset
    step = lay.strides[dim] * lay.dtype.itemsize
    before, after = slice(None, dim), slice(dim + 1, None)
    shape, strides = tuple(lay.shape), lay.strides
    make = native().make_tensor
    made = []
    laid: dict[int, Any] = {}  # pieces of one length have one layout
    for begin, n in bounds:
        found = laid.get(n)
        if found is None:
            new = (*shape[before], n, *shape[after]) if keep else (*shape[before], *shape[after])
            found = laid[n] = layout(new, strides if keep else (*strides[before], *strides[after]), lay.dtype, lay.meta)
        view = make(found, storage, offset + begin * step)
        tell_base(view, t)
        made.append(view)
    return tuple(made)


def _view(t: Any, items: tuple[Basic, ...]) -> Any:
    """The view that basic items make, without history."""
    lay = t._layout
    strides = lay.strides
    shape: list[int] = []
    steps: list[int] = []
    begin = 0

    def at(i: Basic, dim: int, n: int) -> None:
        nonlocal begin
        if i is None:
            shape.append(1)
            steps.append(n * strides[dim] if dim < len(strides) else 1)
        elif isinstance(i, int):
            begin += _wrapped_int(i, dim, n) * strides[dim]
        elif i is _EVERYTHING:
            shape.append(n)
            steps.append(strides[dim])
        else:
            chosen = range(*i.indices(n))  # type: ignore[union-attr]
            begin += (chosen.start if chosen or chosen.start <= n else n) * strides[dim]
            shape.append(len(chosen))
            steps.append(strides[dim] * chosen.step)

    _walk(t, items, at)
    found = layout(tuple(shape), tuple(steps), lay.dtype, lay.meta)
    made = native().make_tensor(found, t._storage, t._offset + begin * lay.dtype.itemsize)
    tell_base(made, t)
    return made


def _recorded_view(t: Any, items: tuple[Basic, ...]) -> Any:
    """The same, made by operators."""
    made, new = t, 0

    def at(i: Basic, dim: int, n: int) -> None:
        nonlocal made, new
        if i is None:
            made = call("unsqueeze")(made, new)
        elif isinstance(i, int):
            made = call("select")(made, new, _wrapped_int(i, dim, n))
            return
        elif i != _EVERYTHING:
            chosen = range(*i.indices(n))  # type: ignore[union-attr]
            made = call("slice")(made, new, chosen.start, max(chosen.start, chosen.stop), chosen.step)
        new += 1

    _walk(t, items, at)
    return call("alias")(t) if made is t else made


# Index tensors and masks


def _spread(t: Any, items: tuple[Any, ...]) -> tuple[Any, dict[int, Any]]:
    """The tensor after its basic items, and the index tensor of each remaining dimension that has one. Masks become
    indices.
    """
    basic: list[Any] = []
    found: list[Any] = []
    used = sum(_consumed(i) for i in items)
    dim = 0
    for i in items:
        if not isinstance(i, Hooks.tensor_types):
            basic.append(i)
            dim += t._layout.ndim - used if i is Ellipsis else i is not None
        elif i._layout.dtype not in _MASKS:
            basic.append(_EVERYTHING)
            found.append(i)
            dim += 1
        elif not i._layout.ndim:
            basic.append(None)
            found.append(convert.copied(np.zeros(int(bool(i)), np.int64), dtypes.int64))
        else:
            _check_mask(t, i, dim)
            for part in convert.raw_array(i).nonzero():
                basic.append(_EVERYTHING)
                found.append(convert.copied(part, dtypes.int64))
            dim += i._layout.ndim
    positions: list[int] = []
    # Where the index tensors are among the dimensions of the view.
    new, left = 0, iter(items)
    for i in left:
        if isinstance(i, Hooks.tensor_types):
            count = i._layout.ndim if i._layout.dtype in _MASKS else 1
            positions.extend(range(new, new + max(count, 1)))
            new += max(count, 1)
        elif i is Ellipsis:
            new += t._layout.ndim - used
        elif not isinstance(i, int):
            new += 1
    view = _recorded_view(t, tuple(basic)) if recorded(t) else _view(t, tuple(basic))
    return view, dict(zip(positions, found))


def _consumed(i: Any) -> int:
    """How many dimensions an item is for."""
    if i is None or i is Ellipsis or isinstance(i, bool):
        return 0
    return i._layout.ndim if isinstance(i, Hooks.tensor_types) and i._layout.dtype in _MASKS else 1


def _check_mask(t: Any, mask: Any, dim: int) -> None:
    shape, have = tuple(t._layout.shape), tuple(mask._layout.shape)
    for d, n in enumerate(have):
        if dim + d >= len(shape):
            raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
        if shape[dim + d] != n:
            raise IndexError(
                f"The shape of the mask {list(have)} at index {d} does not match the shape of the indexed tensor "
                f"{list(shape)} at index "
                f"{dim + d}"
            )


def _indices(t: Any, index: dict[int, Any]) -> tuple[dict[int, np.ndarray], tuple[int, ...]]:
    """The indices of each indexed dimension as an array, and the shape they have together."""
    arrays = {}
    for d, i in index.items():
        if i._layout.dtype not in (dtypes.int64, dtypes.int32, dtypes.uint8):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        # On `meta` only shapes count.
        arrays[d] = np.zeros(i.shape, np.int64) if i.is_meta else convert.raw_array(i).astype(np.int64, copy=False)
    try:
        together = np.broadcast_shapes(*[a.shape for a in arrays.values()])
    except ValueError:
        listed = ", ".join(str(list(a.shape)) for a in arrays.values())
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
        ) from None
    shape = tuple(t._layout.shape)
    if 0 not in together and any(shape[d] == 0 for d in arrays):
        raise IndexError("index is out of bounds for dimension with size 0")
    return arrays, together


def _from_the_front(t: Any, arrays: dict[int, np.ndarray], together: tuple[int, ...]) -> dict[int, np.ndarray]:
    """The indices with those from the end counted from the front. Raises IndexError for one out of range; where nothing
    is chosen none is.
    """
    shape = tuple(t._layout.shape)
    if 0 in together or any(n == 0 for d, n in enumerate(shape) if d not in arrays):
        return {d: np.zeros_like(a) for d, a in arrays.items()}
    return {d: _wrapped_array(a, d, shape[d]) for d, a in arrays.items()}


def _wrapped_array(array: np.ndarray, dim: int, size: int) -> np.ndarray:
    if not array.size:
        return array
    least, most = int(array.min()), int(array.max())
    if least < -size or most >= size:
        bad = array[(array < -size) | (array >= size)].flat[0]
        raise IndexError(f"index {bad} is out of bounds for dimension {dim} with size {size}")
    return np.where(array < 0, array + size, array) if least < 0 else array


def _advanced(t: Any, items: tuple[Any, ...]) -> Any:
    """A copy of the elements at index tensors: theirs is the shape in place of the dimensions they index, which come
    first unless they are
    neighbours."""
    view, index = _spread(t, items)
    shape, dims = tuple(view._layout.shape), sorted(index)
    flat: Any
    if any(is_standing(i) for i in index.values()):
        flat = _flat_by_operators(shape, index)
    else:
        arrays, together = _indices(view, index)
        arrays = _from_the_front(view, arrays, together)
        flat = np.zeros(together, np.int64)
        for d in dims:
            flat = flat * shape[d] + arrays[d]
        flat = convert.copied(flat, dtypes.int64)
    first = dims[0] if dims == list(range(dims[0], dims[-1] + 1)) else 0
    rest = [d for d in range(len(shape)) if d not in index]
    order = [*rest[:first], *dims, *rest[first:]]
    if order != list(range(len(shape))):
        view = view.permute(order)
    outer, inner = [shape[d] for d in rest[:first]], [shape[d] for d in rest[first:]]
    if len(dims) > 1:
        joined = int(np.prod([shape[d] for d in dims]))
        view = view.reshape((*outer, joined, *inner))
    taken = call("index_select")(view, first, flat if flat.ndim == 1 else flat.reshape(-1))
    return taken if flat.ndim == 1 else taken.reshape((*outer, *flat.shape, *inner))


def _flat_by_operators(shape: tuple[int, ...], index: dict[int, Any]) -> Any:
    """The places of what index tensors choose, where these can't be looked at."""
    flat: Any = None
    for d in sorted(index):
        i = call("to_dtype")(index[d], dtypes.int64)
        place = call("where")(call("lt")(i, 0), call("add")(i, shape[d]), i)
        flat = place if flat is None else call("add")(call("mul")(flat, shape[d]), place)
    return flat


# Writing


def put(t: Any, index: Any, value: Any, accumulate: bool = False) -> None:
    """`t[index] = value`, or with `accumulate` that value added to what is there as often as it is named.

    Raises what `get` raises, and RuntimeError for a value of a shape that does not fit.
    """
    if not isinstance(value, int | float):
        value = _as_value(t, value)
    if index is False:
        return
    items = (None,) if index is True else _items(t, index)
    if is_standing(t) or is_standing(value) or any(is_standing(i) for i in items):
        _put_by_operators(t, items, value, accumulate)
        return
    wanted = modes.is_grad_enabled() and (t._needs or getattr(value, "_needs", False))
    if not all(isinstance(i, _BASIC) for i in items):
        _put_advanced(t, items, value, wanted, accumulate)
        return
    target = _recorded_view(t, items) if wanted and recorded(t) else _view(t, items)
    if isinstance(value, int | float):
        call("fill_")(target, _as_number(t, value))
        return
    lay, goal = value._layout, target._layout
    if lay.shape != goal.shape:
        while value._layout.ndim > goal.ndim and _size(value._layout.shape, 0) == 1:
            value = value.squeeze(0)
        value = call("expand")(value, tuple(goal.shape))
    elif not wanted and value._storage is target._storage and lay is goal and value._offset == target._offset:
        return  # what `t[i] += 1` comes to after the addition
    call("copy_")(target, value)


def _put_by_operators(t: Any, items: tuple[Any, ...], value: Any, accumulate: bool) -> None:
    """Writes by operators that make a new tensor, of which the elements are copied."""
    if isinstance(value, int | float):
        value = convert.full((), _as_number(t, value), t._layout.dtype)
    mask = items[0]
    if len(items) == 1 and is_standing(mask) and mask._layout.dtype in _MASKS and not value._layout.ndim:
        call("copy_")(t, call("where")(mask, value, call("clone")(t)))
        return
    numbers = np.arange(t._layout.numel).reshape(tuple(t._layout.shape))
    places = get(convert.copied(numbers, dtypes.int64), items)
    while value._layout.ndim > places._layout.ndim and _size(value._layout.shape, 0) == 1:
        value = value.squeeze(0)
    written = call("expand")(call("to_dtype")(value, t._layout.dtype), tuple(places._layout.shape)).reshape(-1)
    flat = call("clone")(t).reshape(-1)
    how = "scatter_add" if accumulate else "scatter"
    call("copy_")(t, call(how)(flat, 0, places.reshape(-1), written).reshape(tuple(t._layout.shape)))


def _as_number(t: Any, value: float) -> Any:
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError("Overflow when unpacking long long")
    return checked_value(value, t._layout.dtype)


def _as_value(t: Any, value: Any) -> Any:
    """What is to be written, as a tensor."""
    if isinstance(value, Hooks.tensor_types):
        return value
    if isinstance(value, int | float):
        return convert.full((), _as_number(t, value), dtypes.float64 if isinstance(value, float) else dtypes.int64).to(
            t._layout.dtype
        )
    if isinstance(value, complex):
        return convert.full((), checked_value(value, t._layout.dtype), t._layout.dtype)
    if isinstance(value, np.generic):
        return _as_value(t, value.item())
    kind = "numpy.ndarray" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"can't assign a {kind} to a torch.{TYPE_NAMES[t._layout.dtype]}Tensor")


def _put_advanced(t: Any, items: tuple[Any, ...], value: Any, wanted: bool, accumulate: bool) -> None:
    """Writes or adds at index tensors and masks; with a gradient by way of a scatter into a flat copy. A number in
    place of what one mask chooses may be of any dtype.
    """
    if wanted:
        check_writable(t)
    value = _as_value(t, value)
    with modes.no_grad():
        view, index = _spread(t, items)
        arrays, together = _indices(view, index)
    if value._layout.dtype is not t._layout.dtype:
        chosen = [i for i in items if isinstance(i, Hooks.tensor_types)]
        if value._layout.numel != 1 or len(chosen) > 1 or not _covers(chosen[0]):
            names = (TYPE_NAMES[t._layout.dtype], TYPE_NAMES[value._layout.dtype])
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {names[0]} for the destination and "
                f"{names[1]} for the source."
            )
        value = value.to(t._layout.dtype)
    _check_fits(view, arrays, together, value)
    key: list[Any] = [_EVERYTHING] * view._layout.ndim
    for d, array in _from_the_front(view, arrays, together).items():
        key[d] = array
    if wanted or accumulate:
        _scatter(t, view, tuple(key), value, "scatter_add" if accumulate else "scatter", wanted)
        return
    modes.count_change(t)
    if not t.is_meta:
        target = convert.raw_array(view)
        target[tuple(key)] = convert.raw_array(value)


def _covers(i: Any) -> bool:
    """Whether an index tensor is a mask over dimensions."""
    return i._layout.dtype in _MASKS and i._layout.ndim > 0


def _result_shape(t: Any, dims: list[int], together: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what is chosen: that of the indices stands for the dimensions they index, and comes first unless
    they are neighbours.
    """
    first = dims[0] if dims == list(range(dims[0], dims[-1] + 1)) else 0
    rest = [n for d, n in enumerate(t._layout.shape) if d not in dims]
    return (*rest[:first], *together, *rest[first:])


def _check_fits(t: Any, arrays: dict[int, np.ndarray], together: tuple[int, ...], value: Any) -> None:
    """Raises RuntimeError for a value that does not broadcast to what is chosen."""
    goal, have = _result_shape(t, sorted(arrays), together), tuple(value.shape)
    while len(have) > len(goal) and have[0] == 1:
        have = have[1:]
    if len(have) > len(goal) or any(n not in (1, m) for n, m in zip(reversed(have), reversed(goal))):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(goal)}"
        )


def _scatter(t: Any, view: Any, key: tuple[Any, ...], value: Any, how: str, wanted: bool) -> None:
    """Writes by an operator, on the tape where that is wanted."""
    places = np.zeros(t._storage.nbytes // t._layout.dtype.itemsize + 1, np.int64)
    numbers = np.lib.stride_tricks.as_strided(
        places[t._offset // t._layout.dtype.itemsize :], tuple(t.shape), [8 * s for s in t._layout.strides]
    )
    numbers[...] = np.arange(t._layout.numel).reshape(tuple(t.shape))
    seen = np.lib.stride_tricks.as_strided(
        places[view._offset // t._layout.dtype.itemsize :], tuple(view.shape), [8 * s for s in view._layout.strides]
    )[key]
    while value._layout.ndim > seen.ndim and _size(value._layout.shape, 0) == 1:
        value = value.squeeze(0)
    at = convert.copied(seen.reshape(-1), dtypes.int64)
    alias = inplace.as_it_is(t)
    changed = call(how)(alias.reshape(-1), 0, at, value.expand(seen.shape).reshape(-1)).reshape(tuple(t.shape))
    if wanted:
        inplace.overwrite(t, changed)
    else:
        call("copy_")(t, changed)
