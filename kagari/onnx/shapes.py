"""Operators that make tensors, arrange them and choose from them, as nodes of ONNX."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import bool_, int64
from .builder import Builder, Translate, Val, unsupported

_END = (1 << 63) - 1


def _identity(b: Builder, x: Val, *args: Any, **options: Any) -> Val:
    return b.emit("Identity", x)


def _sizes(b: Builder, x: Val, sizes: list[Any]) -> Val:
    return b.emit("Reshape", x, b.ints(sizes), allowzero=int(0 in sizes) or None)


def _flatten(b: Builder, x: Val, start: int = 0, end: int = -1) -> Val:
    if not x.rank:
        return _sizes(b, x, [1])
    start, end = start % x.rank, end % x.rank
    parts = [b.op("Slice", b.shape(x), b.array([0], int64), b.array([start], int64))] if start else []
    parts.append(b.array([-1], int64))
    if end + 1 < x.rank:
        parts.append(b.op("Slice", b.shape(x), b.array([end + 1], int64), b.array([x.rank], int64)))
    return b.emit("Reshape", x, parts[0] if len(parts) == 1 else b.op("Concat", *parts, axis=0))


def _unflatten(b: Builder, x: Val, dim: int, sizes: list[Any]) -> Val:
    at = dim % x.rank
    before = [b.op("Slice", b.shape(x), b.array([0], int64), b.array([at], int64))] if at else []
    after = [b.op("Slice", b.shape(x), b.array([at + 1], int64), b.array([x.rank], int64))] if at + 1 < x.rank else []
    parts = [*before, b.ints(sizes), *after]
    return b.emit("Reshape", x, parts[0] if len(parts) == 1 else b.op("Concat", *parts, axis=0))


def _permute(b: Builder, x: Val, dims: list[int]) -> Val:
    return b.emit("Transpose", x, perm=[d % x.rank for d in dims])


def _transpose(b: Builder, x: Val, first: int, second: int) -> Val:
    order = list(range(x.rank))
    if order:
        order[first], order[second] = order[second], order[first]
    return b.emit("Transpose", x, perm=order)


def _reversed(b: Builder, x: Val) -> Val:
    return b.emit("Transpose", x, perm=list(reversed(range(x.rank))))


def _movedim(b: Builder, x: Val, source: Any, to: Any) -> Val:
    sources = [d % x.rank for d in ([source] if isinstance(source, int) else source)]
    places = [d % x.rank for d in ([to] if isinstance(to, int) else to)]
    rest = iter(d for d in range(x.rank) if d not in sources)
    return _permute(b, x, [sources[places.index(i)] if i in places else next(rest) for i in range(x.rank)])


def _squeeze(b: Builder, x: Val, dim: Any = None) -> Val:
    dims = range(x.rank) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = [d % x.rank for d in dims if x.shape[d] == 1]
    return b.emit("Squeeze", x, b.array(axes, int64)) if axes else _identity(b, x)


def _unsqueeze(b: Builder, x: Val, dim: int) -> Val:
    return b.emit("Unsqueeze", x, b.array([dim], int64))


def _expand(b: Builder, x: Val, sizes: list[Any], **options: Any) -> Val:
    return b.emit("Expand", x, b.ints([1 if isinstance(n, int) and n == -1 else n for n in sizes]))


def _repeat(b: Builder, x: Val, counts: list[Any]) -> Val:
    more = len(counts) - x.rank
    grown = b.op("Unsqueeze", x, b.array(list(range(more)), int64)) if more else x
    return b.emit("Tile", grown, b.ints(counts))


def _cat(b: Builder, tensors: list[Val], dim: int = 0) -> Val:
    parts = [b.to(t, b.result.dtype) for t in tensors if t.shape != (0,)]
    return b.emit("Concat", *parts, axis=dim)


def _stack(b: Builder, tensors: list[Val], dim: int = 0) -> Val:
    at = dim % (tensors[0].rank + 1)
    parts = [b.op("Unsqueeze", b.to(t, b.result.dtype), b.array([at], int64)) for t in tensors]
    return b.emit("Concat", *parts, axis=at)


def _parts(b: Builder, x: Val, dim: int) -> list[Val]:
    """The parts of a tensor along a dimension, with the sizes that the results have."""
    sizes = [int(part.shape[dim]) for part in b.result]
    if len(sizes) == 1:
        return [b.made(b.op("Identity", x), b.result[0])]
    if not isinstance(x.shape[dim], int):
        raise unsupported("parts along a dimension of free size")
    names = b.op("Split", x, b.array(sizes, int64), outputs=len(sizes), axis=dim)
    return [b.made(name, part) for name, part in zip(names, b.result)]


def _split(b: Builder, x: Val, sizes: Any, dim: int = 0) -> list[Val]:
    return _parts(b, x, dim)


def _unbind(b: Builder, x: Val, dim: int = 0) -> list[Val]:
    if not isinstance(x.shape[dim], int):
        raise unsupported("parts along a dimension of free size")
    return [
        b.made(b.op("Gather", x, b.array(i, int64), axis=dim), part) for i, part in enumerate(b.result)
    ]  # fmt: skip


def _select(b: Builder, x: Val, dim: int, index: Any) -> Val:
    return b.emit("Gather", x, b.to(index, int64), axis=dim)


def _slice(b: Builder, x: Val, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Val:
    bounds = [b.vector(0 if start is None else start), b.vector(_END if end is None else end)]
    return b.emit("Slice", x, *bounds, b.array([dim], int64), b.array([step], int64))


def _narrow(b: Builder, x: Val, dim: int, start: Any, length: Any) -> Val:
    end = start + length if isinstance(start, int) and isinstance(length, int) else None
    if end is None:
        raise unsupported("a start or length that is not fixed")
    return _slice(b, x, dim, start, end)


def _index(b: Builder, x: Val, indices: list[Val | None]) -> Val:
    used = [i for i, index in enumerate(indices) if index is not None]
    if any(index is not None and index.dtype is bool_ for index in indices):
        raise unsupported("a mask as an index")
    if len(used) == 1:
        return b.emit("Gather", x, b.to(indices[used[0]], int64), axis=used[0])
    if used != list(range(used[0], used[-1] + 1)):
        raise unsupported("indices that are not next to each other")
    rank = max(index.rank for index in indices if index is not None)
    tensors = [b.to(index, int64) for index in indices if index is not None]
    together = tensors[0].name
    for index in tensors[1:]:
        together = b.op("Add", together, b.op("Mul", index, b.to(0, int64)))
    shape = b.op("Shape", together)
    axis = b.array([-1], int64)
    each = [b.op("Unsqueeze", b.op("Expand", index, shape), axis) for index in tensors]
    places = b.op("Concat", *each, axis=-1)
    first, last = used[0], used[-1] + 1
    front = b.op("Transpose", x, perm=[*range(first, last), *range(first), *range(last, x.rank)]) if first else x
    found = b.op("GatherND", front, places)
    if not first:
        return b.made(found)
    order = [*range(rank, rank + first), *range(rank), *range(rank + first, rank + x.rank - len(used))]
    return b.emit("Transpose", found, perm=order)


def _roll(b: Builder, x: Val, shifts: list[int], dims: list[int]) -> Val:
    if not dims:
        raise unsupported("roll without dimensions")
    name = x.name
    for shift, dim in zip(shifts, dims):
        axis, at = b.array([dim], int64), b.array([-shift], int64)
        tail = b.op("Slice", name, at, b.array([_END], int64), axis)
        name = b.op("Concat", tail, b.op("Slice", name, b.array([0], int64), at, axis), axis=dim) if shift else name
    return b.emit("Identity", name)


def _flip(b: Builder, x: Val, dims: list[int]) -> Val:
    starts, ends = [-1] * len(dims), [-_END] * len(dims)
    return b.emit("Slice", x, *(b.array(v, int64) for v in (starts, ends, dims, starts)))


def _triangle(upper: int) -> Translate:
    return lambda b, x, diagonal=0: b.emit("Trilu", x, b.array(diagonal, int64), upper=upper)


def _pad(b: Builder, x: Val, pads: list[Any], mode: str = "constant", value: Any = None) -> Val:
    kinds = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    count = len(pads) // 2
    before, after = [0] * (x.rank - count), [0] * (x.rank - count)
    amounts = b.ints([*before, *pads[-2::-2], *after, *pads[-1::-2]])
    filled = b.to(0 if value is None else value, x.dtype) if mode == "constant" else None
    return b.emit("Pad", x, amounts, filled, mode=kinds[mode])


def _full(value: Any) -> Translate:
    def run(b: Builder, sizes: list[Any], *given: Any, **options: Any) -> Val:
        return b.emit("Expand", b.to(given[0] if given else value, b.result.dtype), b.ints(sizes))

    return run


def _like(value: Any) -> Translate:
    def run(b: Builder, x: Val, *given: Any, **options: Any) -> Val:
        return b.emit("Expand", b.to(given[0] if given else value, b.result.dtype), b.shape(x))

    return run


def _new(value: Any) -> Translate:
    return lambda b, x, sizes, *given, **options: _full(value)(b, sizes, *given)


def _arange(b: Builder, *bounds: Any, **options: Any) -> Val:
    dt = b.result.dtype
    start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1) if len(bounds) == 2 else bounds
    return b.emit("Range", *(b.to(v, dt) for v in (start, end, step)))


def _one_hot(b: Builder, x: Val, classes: int = -1) -> Val:
    if not isinstance(classes, int) or classes < 0:
        raise unsupported("one_hot without a number of classes")
    return b.emit("OneHot", x, b.array(classes, int64), b.array([0, 1], int64), axis=-1)


def _sym_size(b: Builder, x: Val, dim: int) -> Val:
    at = dim % x.rank
    size = b.op("Shape", x, start=at, end=at + 1)
    return Val(b.op("Squeeze", size, b.array([0], int64)), int64, ())


def _broadcast(b: Builder, tensors: list[Val]) -> list[Val]:
    return [b.made(b.op("Expand", t, b.ints(_fixed(part.shape))), part) for t, part in zip(tensors, b.result)]


def _fixed(sizes: Any) -> list[int]:
    if not all(isinstance(n, int) for n in sizes):
        raise unsupported("sizes that are not fixed")
    return list(sizes)


def _meshgrid(b: Builder, tensors: list[Val], *, indexing: str = "ij") -> list[Val]:
    found = []
    for k, (t, part) in enumerate(zip(tensors, b.result)):
        at = {0: 1, 1: 0}.get(k, k) if indexing == "xy" else k
        sizes = [1] * len(tensors)
        sizes[at] = -1
        column = b.op("Reshape", t, b.array(sizes, int64))
        found.append(b.made(b.op("Expand", column, b.ints(_fixed(part.shape))), part))
    return found


def _pixel_shuffle(b: Builder, x: Val, factor: int) -> Val:
    return b.emit("DepthToSpace", x, blocksize=factor, mode="CRD")


def _scatter(b: Builder, x: Val, dim: int, index: Val, source: Any) -> Val:
    updates = source if isinstance(source, Val) else b.op("Expand", b.to(source, x.dtype), b.shape(index))
    return b.emit("ScatterElements", x, index, updates, axis=dim)


SHAPES: dict[str, Translate] = {
    "arange": _arange,
    "broadcast_tensors": _broadcast,
    "cat": _cat,
    "chunk": lambda b, x, count, dim=0: _parts(b, x, dim),
    "constant_pad_nd": lambda b, x, pads, value=0: _pad(b, x, pads, "constant", value),
    "empty": _full(0),
    "empty_like": _like(0),
    "expand": _expand,
    "expand_as": lambda b, x, other: b.emit("Expand", x, b.shape(other)),
    "flatten": _flatten,
    "flip": _flip,
    "full": _full(None),
    "full_like": _like(None),
    "gather": lambda b, x, dim, index, **options: b.emit("GatherElements", x, index, axis=dim),
    "index": _index,
    "index_select": lambda b, x, dim, index: b.emit("Gather", x, index, axis=dim),
    "mT": lambda b, x: _transpose(b, x, -2, -1),
    "meshgrid": _meshgrid,
    "movedim": _movedim,
    "narrow": _narrow,
    "new_full": _new(None),
    "new_ones": _new(1),
    "new_zeros": _new(0),
    "numpy_T": _reversed,
    "one_hot": _one_hot,
    "ones": _full(1),
    "ones_like": _like(1),
    "pad": _pad,
    "permute": _permute,
    "pixel_shuffle": _pixel_shuffle,
    "repeat": _repeat,
    "reshape": _sizes,
    "roll": _roll,
    "scatter": _scatter,
    "select": _select,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "sym_size": _sym_size,
    "t": _reversed,
    "transpose": _transpose,
    "tril": _triangle(0),
    "triu": _triangle(1),
    "unbind": _unbind,
    "unflatten": _unflatten,
    "unsqueeze": _unsqueeze,
    "view": _sizes,
    "view_as": lambda b, x, other: b.emit("Reshape", x, b.shape(other)),
    "zeros": _full(0),
    "zeros_like": _like(0),
}

__all__ = ["SHAPES"]
