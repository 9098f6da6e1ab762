"""Where the values of a program are at the sizes of a call, and how they come to where they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..base.dtypes import accumulate, dtype
from ..base.errors import KernelIndexError
from ..base.layout import contiguous_strides, is_dense, reshape_strides
from ..base.symbols import Size
from ..base.target import Target
from ..compiler.body import Body, Node, build_body
from ..compiler.contract_windows import Windows
from ..compiler.fuse import Schedule, Stage, located
from ..compiler.kernel import Launch
from ..compiler.loops import View, bind
from ..ir.graph import Graph, Value

Ints = tuple[int, ...]


@dataclass(slots=True)
class Place:
    """A buffer at the sizes of a call."""

    number: int
    shape: Ints
    strides: Ints
    dtype: dtype
    offset: int = 0
    windows: Windows | None = None  # of a matrix whose rows and columns are several dimensions of the buffer
    outer: tuple[int, int] = (1, 0)  # of one whose columns are so many parts, so far apart

    @property
    def turned(self) -> Place:
        """The transposed matrices."""
        shape, strides = ((*x[:-2], x[-1], x[-2]) for x in (self.shape, self.strides))
        return replace(self, shape=shape, strides=strides)


class Recipe:
    """What a program is before it is bound to layouts."""

    graph: Graph
    types: list[dtype]  # of the outputs
    counts: tuple[int, ...]  # of the values that make up each of them
    inputs: list[Value]
    schedule: Schedule
    bodies: dict[int, Body]  # of the stages that have one
    order: str
    into: int | None
    strict_view: bool
    aliases: str
    aside: bool  # whether the result is made in other memory before it overwrites an argument


class Places:
    """The buffers of a program at the sizes of a call, and the launches that copy between them."""

    def __init__(self, program: Recipe, sizes: Mapping[Any, int], target: Target) -> None:
        self.program, self.sizes, self.target = program, sizes, target
        self.places: dict[Value, Place] = {}
        self.launches: list[Launch] = []
        self.temps: list[int] = []
        self.first_temp = len(program.inputs) + len(program.types)
        self.work = 0

    def number(self, s: Size) -> int:
        return s if isinstance(s, int) else self.sizes[s._key]

    def numbers(self, shape: tuple[Size, ...]) -> Ints:
        sizes = self.sizes
        return tuple([s if isinstance(s, int) else sizes[s._key] for s in shape])

    def temp(self, nbytes: int) -> int:
        self.temps.append(max(64, nbytes))
        return self.first_temp + len(self.temps) - 1

    def scratch(self, count: int, dt: dtype) -> int:
        return self.temp(count * accumulate(dt).itemsize)

    def buffer(self, v: Value) -> Place:
        """The place of a value that is a buffer; a temporary one where it is no output."""
        place = self.places.get(v)
        if place is None and v in self.program.schedule.homes:
            joined, number = self.program.schedule.homes[v]
            place = self.places[v] = self.parts(joined)[number]
        if place is None:
            shape = self.numbers(v.shape)
            strides = self.strides_of(v, shape)
            number = self.temp(v.dtype.itemsize * product(shape))
            place = self.places[v] = Place(number, shape, strides, v.dtype)
        return place

    def parts(self, joined: Value) -> list[Place]:
        """Where the parts of what is joined lie."""
        out, dim, at, places = self.buffer(joined), joined.attrs[0], 0, []
        for part in joined.args:
            shape = self.numbers(part.shape)
            places.append(replace(out, shape=shape, offset=out.offset + at * out.strides[dim]))
            at += shape[dim]
        return places

    def strides_of(self, v: Value, shape: Ints) -> Ints:
        """The strides of a buffer: row-major, but that attention lies as its query does, and a gradient of it as what
        it is the gradient of. Heads that are cut out of rows become parts of rows again without a copy. Numbers of
        another type, such as the weights under autocast, lie as those that they are made of.
        """
        like = model_of(v)
        place = self.places.get(self.source(like)[0]) if like is not None else None
        if like is None or place is None or 0 in shape:
            return contiguous_strides(shape)
        seen = self.moved(place, self.source(like)[1], copy=False)
        if seen is None or seen.shape != shape or not is_dense(shape, seen.strides):
            return contiguous_strides(shape)
        if v.op != "cast" and seen.strides[-1] != 1:
            return contiguous_strides(shape)
        return seen.strides

    # Movement, in numbers

    def moved(self, place: Place, moves: tuple[Value, ...], copy: bool = True) -> Place | None:
        """A buffer after movements. A reshape that strides can't express copies, or gives None."""
        if not moves:
            return place
        number, shape, strides, offset, dt = place.number, place.shape, place.strides, place.offset, place.dtype
        for v in moves:
            new = self.numbers(v.shape)
            if v.op == "permute":
                strides = tuple([strides[d] for d in v.attrs[0]])
            elif v.op == "expand":
                strides = tuple([s if n == m else 0 for s, n, m in zip(strides, shape, new)])
            elif v.op == "slice":
                starts, steps = self.numbers(v.attrs[0]), v.attrs[1]
                offset += sum(a * s for a, s in zip(starts, strides)) if 0 not in new else 0
                strides = tuple([s * t for s, t in zip(strides, steps)])
            elif v.op == "reinterpret":
                strides, offset, dt = self.reinterpreted(strides, offset, dt, v.dtype)
            elif v.op in ("real", "imag", "storage"):
                if dt.is_complex:
                    strides, offset = tuple([2 * s for s in strides]), 2 * offset + (v.op == "imag")
                strides, dt = (*strides, 1) if len(new) > len(shape) else strides, v.dtype
            elif v.op == "diagonal":
                a, b = v.attrs
                strides = (*[s for d, s in enumerate(strides) if d not in (a, b)], strides[a] + strides[b])
            elif v.op == "windows":
                dim, step = v.attrs
                strides = (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim])
            else:
                found = reshape_strides(shape, strides, new)
                if found is None:
                    if not copy:
                        return None
                    whole = Place(self.temp(product(shape) * dt.itemsize), shape, contiguous_strides(shape), dt)
                    self.copy(Place(number, shape, strides, dt, offset), whole)
                    number, offset = whole.number, 0
                    found = contiguous_strides(new)
                strides = found
            shape = new
        return Place(number, shape, strides, dt, offset)

    @staticmethod
    def reinterpreted(strides: Ints, offset: int, old: dtype, new: dtype) -> tuple[Ints, int, dtype]:
        """The strides and offset of memory taken for another dtype. Raises RuntimeError where elements do not fit."""
        wide, narrow = old.itemsize, new.itemsize
        if wide == narrow:
            return strides, offset, new
        to = f"to view {old.type_name} as {new.type_name} (different element sizes), but got"
        if strides[-1] != 1:
            raise RuntimeError(f"self.stride(-1) must be 1 {to} {strides[-1]}")
        if wide > narrow:
            k = wide // narrow
            return (*[k * s for s in strides[:-1]], 1), k * offset, new
        k = narrow // wide
        if offset % k:
            raise RuntimeError(f"self.storage_offset() must be divisible by {k} {to} {offset}")
        for d, s in enumerate(strides[:-1]):
            if s % k:
                raise RuntimeError(f"self.stride({d}) must be divisible by {k} {to} {s}")
        return (*[s // k for s in strides[:-1]], 1), offset // k, new

    def seen(self, v: Value) -> Place:
        """Where the elements of a movement of a buffer are."""
        base, moves = self.source(v)
        place = self.moved(self.buffer(base), moves)
        assert place is not None
        return place

    def stored(self, base: Value) -> bool:
        """Whether a value is in memory."""
        return base.op == "input" or base in self.program.schedule.buffers

    def source(self, v: Value) -> tuple[Value, tuple[Value, ...]]:
        """The buffer that v is movement of, and the movement; repeated literals may be buffers themselves."""
        return located(v, self.program.schedule.buffers)

    def load_view(self, access: Any, shape: Ints, dims: Ints) -> View:
        place = self.moved(self.buffer(access.base), access.moves)
        assert place is not None
        strides, gather_stride = place.strides, 0
        if access.gather is not None:
            dim, removed = access.gather
            if place.shape[dim] == 0 and 0 not in shape:  # a kernel would read where no memory is
                raise KernelIndexError
            gather_stride = strides[dim]
            strides = strides[:dim] + (() if removed else (0,)) + strides[dim + 1 :]
        if access.rows and dims:
            strides = over_rows(Place(0, place.shape, strides, place.dtype), len(shape), dims)
        return View(place.number, place.offset, strides, place.dtype, gather_stride)

    # Copies

    def copy(self, source: Place, to: Place) -> None:
        body = copy_body(len(to.shape), source.dtype)
        body.space = (to.shape, ())
        load = View(source.number, source.offset, source.strides, source.dtype)
        store = View(to.number, to.offset, to.strides, to.dtype)
        self.add(bind(body, to.shape, [load], [store], [], self.target, self.scratch), product(to.shape))

    def add(self, launches: list[Launch], work: int) -> None:
        self.launches.extend(launches)
        self.work += work

    def write_part(self, part: Value, to: Place) -> None:
        part, to = self.before_reshape(part, to)
        base, _ = self.source(part)
        if self.stored(base):
            self.copy(self.seen(part), to)
            return
        body = build_body(
            Stage("loop", [part], (part.shape, ())), self.program.schedule.buffers, self.program.schedule.apart
        )
        loads = [self.load_view(a, to.shape, ()) for a in body.accesses]
        sizes = [self.number(s) for s in body.sizes]
        self.add(
            bind(
                body,
                to.shape,
                loads,
                [View(to.number, to.offset, to.strides, to.dtype)],
                sizes,
                self.target,
                self.scratch,
            ),
            product(to.shape),
        )

    def before_reshape(self, v: Value, to: Place) -> tuple[Value, Place]:
        """The value that v is another shape of, and the place as that shape sees it: one copy does for both."""
        while v.op == "reshape" and v not in self.program.schedule.buffers:
            shape = self.numbers(v.args[0].shape)
            strides = reshape_strides(to.shape, to.strides, shape)
            if strides is None:
                break
            v, to = v.args[0], Place(to.number, shape, strides, to.dtype, to.offset)
        return v, to

    def part(self, v: Value) -> Place:
        """A value in memory, computed into a temporary buffer where it is not yet."""
        base, _ = self.source(v)
        if self.stored(base):
            return self.seen(v)
        shape = self.numbers(v.shape)
        place = Place(self.temp(product(shape) * v.dtype.itemsize), shape, contiguous_strides(shape), v.dtype)
        self.write_part(v, place)
        return place

    def at_start(self, place: Place) -> Place:
        """The place with its first element at the buffer's start, copied there where it is not."""
        if not place.offset:
            return place
        # What is repeated is copied once.
        shape = tuple([1 if s == 0 else n for n, s in zip(place.shape, place.strides)])
        whole = Place(self.temp(product(shape) * place.dtype.itemsize), shape, contiguous_strides(shape), place.dtype)
        self.copy(replace(place, shape=shape), whole)
        strides = tuple([0 if old == 0 else new for old, new in zip(place.strides, whole.strides)])
        return replace(whole, shape=place.shape, strides=strides)


def model_of(v: Value) -> Value | None:
    """The argument whose strides a value takes, if there is one."""
    if v.op == "attend_grad":
        return v.args[v.attrs[1]]
    return v.args[0] if v.op == "cast" or (v.op == "attend" and v.attrs[1] == "result") else None


def product(shape: Ints) -> int:
    """The number of elements."""
    n = 1
    for s in shape:
        n *= s
    return n


def over_rows(place: Place, rank: int, dims: Ints) -> Ints:
    """The strides of a buffer with one element a row, over all dimensions of the space."""
    if len(place.strides) == rank:
        return tuple(0 if d in dims else s for d, s in enumerate(place.strides))
    kept = iter(place.strides)
    return tuple(0 if d in dims else next(kept) for d in range(rank))


def copy_body(rank: int, dt: dtype) -> Body:
    """Loads and stores."""
    body = Body(((), ()), [Node("load", (), dt)], roots=[0])
    body.write_key()
    return body


def fill_body(rank: int, dt: dtype) -> Body:
    """Stores zeros."""
    body = Body(((), ()), [Node("const", (), dt, value=0, whole=False)], roots=[0])
    body.write_key()
    return body
