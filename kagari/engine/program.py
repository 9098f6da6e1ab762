"""Programs: a graph with its schedule, made once for a structure, and bound to the layouts of each call.

Making a program traces, simplifies, differentiates and fuses. Binding does none of that: it puts numbers into what is
there, and takes some tens of microseconds for layouts never seen before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..base.dtypes import LOWERED, accumulate, dtype, float32, float64, uint8
from ..base.errors import KernelIndexError
from ..base.layout import Layout, contiguous_strides, is_dense, layout, reshape_strides
from ..base.symbols import Size, Sym, hint
from ..base.target import Target
from ..compiler.body import Body, Node, build_body, chain
from ..compiler.contract import contraction
from ..compiler.contract_windows import Windows
from ..compiler.epilogue import BodyEpilogue, epilogue_body
from ..compiler.fuse import Stage, fuse, located, reshaped, strip
from ..compiler.kernel import Launch
from ..compiler.loops import View, bind
from ..compiler.scatter_rows import scatter_rows_launch
from ..compiler.serial import arg_scan_launch, log_scan_launch, scan_launch, scatter_launch
from ..compiler.sort import sort_launch
from ..compiler.sort_merge import merge_launches, piece_of
from ..compiler.sort_search import search_launch
from ..compiler.sort_select import select_launch
from ..ir.graph import MOVEMENT, Graph, Value
from ..ir.lower import lower
from ..ir.simplify import simplify
from ..ir.spec import verify

FRESH, SAME, VIEW, IN_PLACE = 0, 1, 2, 3
Ints = tuple[int, ...]
SCANS = {"argcummax": arg_scan_launch, "argcummin": arg_scan_launch, "logcumsumexp": log_scan_launch}


@dataclass(slots=True)
class Output:
    """What a plan makes of one output: memory of its own, an argument, a view of one, or an argument overwritten."""

    kind: int
    layout: Layout
    arg: int = 0
    offset: int = 0  # in bytes


@dataclass(slots=True)
class Bound:
    """A program at given layouts."""

    outputs: list[Output]
    temps: list[int]
    launches: list[Launch]
    work: int


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


class Program:
    """A graph ready to be bound. `symbols` are the names its symbolic sizes are written in.

    `preserve` keeps the strides of the inputs where all agree, as element-wise operators do. `into` is the number of
    the argument that the only output overwrites. `aliases` says what becomes of an output that is an input, or movement
    of one: a `view`, the `same` tensor (a view where it was moved), or `fresh` memory. `strict_view` refuses where a
    view can't be had.
    """

    def __init__(
        self,
        graph: Graph,
        symbols: tuple[str, ...],
        preserve: bool = False,
        into: int | None = None,
        strict_view: bool = False,
        aliases: str = "view",
    ) -> None:
        verify(graph)  # an illegal graph would make kernels that read where nothing is
        self.strict_view, self.aliases = strict_view, aliases
        self.types = [v.dtype for v in graph.outputs]
        lowered, self.counts = lower(graph)
        self.graph = graph = simplify(lowered)
        self.symbols, self.preserve, self.into = symbols, preserve, into
        self.inputs = [v for v in graph.inputs if v.op == "input"]
        self.schedule = fuse(graph)
        self.bodies: dict[int, Body] = {}
        for i, stage in enumerate(self.schedule.stages):
            if stage.kind == "loop":
                self.bodies[i] = build_body(stage, self.schedule.buffers, self.schedule.apart)
            elif stage.kind == "dot" and stage.outputs[0] is not stage.source:
                self.bodies[i] = epilogue_body(stage, self.schedule.buffers)
        if into is not None:
            for body in self.bodies.values():
                body.in_place = True
                body.write_key()
        self.aside = into is not None and self._reads_out_of_order()
        self._sizes = self._collect_sizes()
        names = ",".join(symbols)
        source = f"lambda {names}: ({''.join(f'{s},' for s in self._sizes)})"
        self._evaluate = eval(source)
        self._keys = [s._key for s in self._sizes]

    def _reads_out_of_order(self) -> bool:
        """Whether the kernel that makes the result reads elements of an input other than the one it writes.

        Only inputs of the result's shape and dtype count: those may be the very tensor that is overwritten.
        """
        dt, parts = self.types[0], self.counts[0]
        if parts > 1:
            return True
        (out,) = self.graph.outputs
        shape = [*map(hint, out.shape[:-1] if dt.is_complex else out.shape)]
        twins = {v for v in self.inputs if v.dtype is dt and [*map(hint, v.shape)] == shape}
        for i, stage in enumerate(self.schedule.stages):
            if out not in stage.outputs:
                continue
            accesses = self.bodies[i].accesses if i in self.bodies else []
            if any(a.base in twins and (a.gather or any(m.op != "storage" for m in a.moves)) for a in accesses):
                return True
            source = stage.source
            args = source.args if source is not None else ()
            in_order = args[:1] if stage.kind in ("scan", "scatter") else ()
            return any(strip(a) in twins and (a not in in_order or a.op in MOVEMENT) for a in args)
        return out.op in MOVEMENT and strip(out) in twins

    def _collect_sizes(self) -> list[Sym]:
        found: dict[Any, Sym] = {}

        def visit(x: Any) -> None:
            if isinstance(x, Sym):
                found.setdefault(x._key, x)
            elif isinstance(x, tuple):
                for y in x:
                    visit(y)

        for v in (*self.inputs, *self.graph.values()):
            visit(v.shape)
            visit(v.attrs)
        for body in self.bodies.values():
            visit(tuple(body.sizes))
            visit(body.space)
        return list(found.values())

    def bind(self, layouts: Mapping[int, Any], sizes: Ints, target: Target, make: Any = layout) -> Bound:
        """The launches and outputs at these layouts (by argument number) and values of the symbols.

        `make` makes the layouts of outputs: other than `layout` where a binding is recorded.
        """
        return _Binder(self, layouts, dict(zip(self._keys, self._evaluate(*sizes))), target, make).run()

    def shapes(self, sizes: Ints) -> dict[int, Ints]:
        """The shapes of the inputs by argument number."""
        values = dict(zip(self._keys, self._evaluate(*sizes)))
        return {v.attrs[0]: tuple([s if isinstance(s, int) else values[s._key] for s in v.shape]) for v in self.inputs}


class _Binder:
    def __init__(
        self, program: Program, layouts: Mapping[int, Layout], sizes: Mapping[Any, int], target: Target, make: Any
    ) -> None:
        self.layout = make
        self.program, self.layouts, self.sizes, self.target = program, layouts, sizes, target
        self.places: dict[Value, Place] = {}
        self.launches: list[Launch] = []
        self.temps: list[int] = []
        self.work = 0
        self.outputs: list[Output] = []

    def number(self, s: Size) -> int:
        return s if isinstance(s, int) else self.sizes[s._key]

    def numbers(self, shape: tuple[Size, ...]) -> Ints:
        sizes = self.sizes
        return tuple([s if isinstance(s, int) else sizes[s._key] for s in shape])

    def run(self) -> Bound:
        program = self.program
        outputs = program.graph.outputs
        for i, v in enumerate(program.inputs):
            lay = self.layouts[v.attrs[0]]
            self.places[v] = Place(i, tuple(lay.shape), lay.strides, lay.dtype)
        self.first_temp = len(program.inputs) + len(program.types)
        copies: list[tuple[Value, Place]] = []
        rest = iter(outputs)
        for k, (dt, count) in enumerate(zip(program.types, program.counts)):
            parts = tuple(islice(rest, count))
            lowered = dt in LOWERED
            self.outputs.append(
                self.lowered_output(k, dt, parts, copies) if lowered else self.output(k, parts[0], copies)
            )
        for i, stage in enumerate(program.schedule.stages):
            getattr(self, "stage_" + stage.kind)(stage, program.bodies.get(i))
        self.copy_outputs(copies)
        return Bound(self.outputs, self.temps, self.launches, self.work)

    # Buffers

    def overwritten(self, argument: int) -> Layout:
        """The layout of the argument that the result overwrites."""
        lay = self.layouts[argument]
        if lay.numel and any(s == 0 and n > 1 for n, s in zip(lay.shape, lay.strides)):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please "
                "clone() the tensor before performing the operation."
            )
        return lay

    def output(self, k: int, v: Value, copies: list[tuple[Value, Place]]) -> Output:
        program, number = self.program, len(self.program.inputs) + k
        if program.into is not None:
            lay = self.overwritten(program.into)
            to = Place(number, tuple(lay.shape), lay.strides, lay.dtype)
            if program.aside or strip(v).op == "input" or (reshaped(v) and v.op == "reshape"):
                copies.append((v, to))
            else:
                self.places[v] = to
            return Output(IN_PLACE, lay, program.into)
        base = strip(v)
        shape = self.numbers(v.shape)
        if base.op == "input" and program.aliases != "fresh":
            place = self.places[base]
            if v is base and program.aliases == "same":
                return Output(SAME, self.layouts[base.attrs[0]], base.attrs[0])
            seen = self.moved(place, chain(v), copy=False)
            if seen is not None:
                offset = seen.offset * v.dtype.itemsize
                return Output(VIEW, self.layout(shape, seen.strides, v.dtype), base.attrs[0], offset)
            self.refuse_copy(place, shape)
        elif v in self.program.schedule.buffers and v not in self.places:
            strides = self.preserved(shape) if program.preserve else contiguous_strides(shape)
            self.places[v] = Place(number, shape, strides, v.dtype)
            return Output(FRESH, self.layout(shape, strides, v.dtype))
        elif reshaped(v) and base not in self.places and base not in program.graph.outputs:
            whole = self.numbers(base.shape)
            self.places[base] = Place(number, whole, contiguous_strides(whole), v.dtype)
            return Output(FRESH, self.layout(shape, None, v.dtype))
        strides = self.preserved(shape) if program.preserve else contiguous_strides(shape)
        copies.append((v, Place(number, shape, strides, v.dtype)))
        return Output(FRESH, self.layout(shape, strides, v.dtype))

    def refuse_copy(self, place: Place, shape: Ints) -> None:
        """Raises RuntimeError where a view was asked for, which this movement of a buffer can't be."""
        if self.program.strict_view:
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans "
                "across two contiguous subspaces). Use .reshape(...) instead. "
                f"Got size {list(place.shape)}, stride {list(place.strides)}, view {list(shape)}."
            )

    def lowered_output(self, k: int, dt: dtype, parts: tuple[Value, ...], copies: list[tuple[Value, Place]]) -> Output:
        """An output of a dtype that kernels do not know: the parts of its elements lie beside each other."""
        program, number = self.program, len(self.program.inputs) + k
        shape = self.numbers(parts[0].shape)
        together = dt.is_complex and len(parts) == 1
        shape = shape[:-1] if together else shape
        if program.into is not None:
            lay = self.overwritten(program.into)
            whole, made = Place(number, shape, lay.strides, dt), Output(IN_PLACE, lay, program.into)
        else:
            viewed = self.viewed(dt, parts, shape) if program.aliases != "fresh" else None
            if viewed is not None:
                return viewed
            strides = self.preserved(shape) if program.preserve else contiguous_strides(shape)
            whole, made = Place(number, shape, strides, dt), Output(FRESH, self.layout(shape, strides, dt))
        for v, to in zip(parts, self.halves(whole, together)):
            if program.aside or strip(v).op == "input" or v not in program.schedule.buffers or v in self.places:
                copies.append((v, to))
            else:
                self.places[v] = to
        return made

    @staticmethod
    def halves(whole: Place, together: bool) -> tuple[Place, ...]:
        """Where the parts of a buffer's elements lie, or what lies in its memory, the parts together."""
        if not whole.dtype.is_complex:
            return (Place(whole.number, whole.shape, whole.strides, uint8),)
        strides, dt = tuple([2 * s for s in whole.strides]), whole.dtype.to_real()
        if together:
            return (Place(whole.number, (*whole.shape, 2), (*strides, 1), dt),)
        return tuple(Place(whole.number, whole.shape, strides, dt, i) for i in (0, 1))

    def viewed(self, dt: dtype, parts: tuple[Value, ...], shape: Ints) -> Output | None:
        """The output as a view of an input, where all parts are movement of it and lie beside each other."""
        bases = {strip(v) for v in parts}
        if len(bases) > 1 or next(iter(bases)).op != "input":
            return None
        (base,) = bases
        place = self.places[base]
        found = [self.moved(place, chain(v), copy=False) for v in parts]
        if any(f is None for f in found):
            self.refuse_copy(place, shape)
            return None
        first, *other = [f for f in found if f is not None]
        offset, strides = first.offset * first.dtype.itemsize, first.strides
        if dt.is_complex:
            beside = all(p.offset == first.offset + 1 and p.strides == strides for p in other)
            if not other:
                beside, strides = strides[-1] == 1, strides[:-1]
            if not beside or first.offset % 2 or any(s % 2 for n, s in zip(shape, strides) if n != 1):
                return None
            strides = tuple([s // 2 for s in strides])
        lay = self.layout(shape, strides, dt)
        same = self.program.aliases == "same" and base.dtype is dt and strides == place.strides and not offset
        if same and shape == place.shape:
            return Output(SAME, self.layouts[base.attrs[0]], base.attrs[0])
        return Output(VIEW, lay, base.attrs[0], offset)

    def preserved(self, shape: Ints) -> Ints:
        """The strides of an element-wise result: those that all inputs of its shape share, where they are dense."""
        strides: Ints | None = None
        for v in self.program.inputs:
            place = self.places[v]
            if len(place.shape) == len(shape) and place.shape == shape:
                if strides is None:
                    strides = place.strides
                elif strides != place.strides:
                    return contiguous_strides(shape)
        return strides if strides is not None and is_dense(shape, strides) else contiguous_strides(shape)

    def copy_outputs(self, copies: list[tuple[Value, Place]]) -> None:
        """Outputs that are movement of other buffers, or the same values as other outputs.

        Where one may overwrite what another one reads, all are read before any is written.
        """
        copies = [self.before_reshape(v, to) for v, to in copies]
        sources = []
        for v, _ in copies:
            source = self.part(v)
            if self.program.aside and strip(v).op == "input":
                strides = contiguous_strides(source.shape)
                whole = Place(self.temp(_product(source.shape) * v.dtype.itemsize), source.shape, strides, v.dtype)
                self.copy(source, whole)
                source = whole
            sources.append(source)
        for source, (_, to) in zip(sources, copies):
            self.copy(source, to)

    def before_reshape(self, v: Value, to: Place) -> tuple[Value, Place]:
        """The value that v is another shape of, and the place as that shape sees it: one copy does for both."""
        while v.op == "reshape" and v not in self.program.schedule.buffers:
            shape = self.numbers(v.args[0].shape)
            strides = reshape_strides(to.shape, to.strides, shape)
            if strides is None:
                break
            v, to = v.args[0], Place(to.number, shape, strides, to.dtype, to.offset)
        return v, to

    def temp(self, nbytes: int) -> int:
        self.temps.append(max(64, nbytes))
        return self.first_temp + len(self.temps) - 1

    def scratch(self, count: int, dt: dtype) -> int:
        return self.temp(count * accumulate(dt).itemsize)

    def buffer(self, v: Value) -> Place:
        """The place of a value that is a buffer; a temporary one where it is no output."""
        place = self.places.get(v)
        if place is None:
            shape = self.numbers(v.shape)
            strides = contiguous_strides(shape)
            number = self.temp(v.dtype.itemsize * _product(shape))
            place = self.places[v] = Place(number, shape, strides, v.dtype)
        return place

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
                    whole = Place(self.temp(_product(shape) * dt.itemsize), shape, contiguous_strides(shape), dt)
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

    def source(self, v: Value) -> tuple[Value, tuple[Value, ...]]:
        """The buffer that v is movement of, and the movement; repeated literals may be buffers themselves."""
        return located(v, self.program.schedule.buffers)

    def copy(self, source: Place, to: Place) -> None:
        body = copy_body(len(to.shape), source.dtype)
        body.space = (to.shape, ())
        load = View(source.number, source.offset, source.strides, source.dtype)
        store = View(to.number, to.offset, to.strides, to.dtype)
        self.add(bind(body, to.shape, [load], [store], [], self.target, self.scratch), _product(to.shape))

    def add(self, launches: list[Launch], work: int) -> None:
        self.launches.extend(launches)
        self.work += work

    # Stages

    def stage_loop(self, stage: Stage, body: Body) -> None:
        shape = self.numbers(stage.space[0])
        dims = stage.space[1]
        loads = [self.load_view(a, shape, dims) for a in body.accesses]
        stores = []
        for v in stage.outputs:
            place = self.buffer(v)
            whole = v.shape == stage.space[0]
            strides = place.strides if whole else _over_rows(place, len(shape), dims)
            stores.append(View(place.number, place.offset, strides, v.dtype))
        sizes = [self.number(s) for s in body.sizes]
        self.add(
            bind(body, shape, loads, stores, sizes, self.target, self.scratch),
            _product(shape) * (4 if body.heavy else 1),
        )

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
            strides = _over_rows(Place(0, place.shape, strides, place.dtype), len(shape), dims)
        return View(place.number, place.offset, strides, place.dtype, gather_stride)

    def stage_dot(self, stage: Stage, body: Body | None) -> None:
        source = stage.source
        assert source is not None
        b = self.in_windows(source.args[1]) or self.at_start(self.seen(source.args[1]))
        a = (b.windows and self.in_parts(source.args[0])) or self.at_start(self.seen(source.args[0]))
        out = self.buffer(stage.outputs[0])
        *batch, m, n = self.numbers(source.shape)
        k = a.shape[-1]
        loads = [self.load_view(x, out.shape, ()) for x in body.accesses] if body else []
        sizes = [self.number(s) for s in body.sizes] if body else []
        contiguous = (n <= 1 or out.strides[-1] == 1) and not out.offset
        self.work += m * n * k * _product(tuple(batch)) // 4
        target_place = (
            out
            if contiguous
            else Place(
                self.temp(_product(out.shape) * out.dtype.itemsize), out.shape, contiguous_strides(out.shape), out.dtype
            )
        )
        views = [a.strides, target_place.strides, *(v.strides for v in loads)]
        joined, rows, right, views = _joined_rows(tuple(batch), m, b.strides, views)
        if body is not None and not (contiguous and all(not any(s[: len(joined)]) for s in views[2:])):
            self.unfused_dot(stage, body, loads, sizes, a, b, tuple(batch), m, n, k, out)
            return
        loads = [View(v.buf, v.offset, s, v.dtype, v.gather_stride) for v, s in zip(loads, views[2:])]
        epilogue = BodyEpilogue(body, out.dtype, loads, sizes)
        self.launches += contraction(
            source.dtype.name,
            joined,
            rows,
            n,
            k,
            views[0],
            right,
            views[1],
            a.number,
            b.number,
            target_place.number,
            self.temp,
            epilogue,
            self.target,
            b.windows,
            a.outer,
        )
        if not contiguous:
            self.copy(target_place, out)

    def unfused_dot(
        self,
        stage: Stage,
        body: Body,
        loads: list[View],
        sizes: list[int],
        a: Place,
        b: Place,
        batch: Ints,
        m: int,
        n: int,
        k: int,
        out: Place,
    ) -> None:
        """The product into a temporary buffer, then the epilogue's body as a loop of its own."""
        source = stage.source
        assert source is not None
        strides = contiguous_strides(out.shape)
        number = self.temp(_product(out.shape) * source.dtype.itemsize)
        self.launches += contraction(
            source.dtype.name,
            batch,
            m,
            n,
            k,
            a.strides,
            b.strides,
            strides,
            a.number,
            b.number,
            number,
            self.temp,
            BodyEpilogue(None, source.dtype, [], []),
            self.target,
            b.windows,
            a.outer,
        )
        body.space = (out.shape, ())
        views = [*loads, View(number, 0, strides, source.dtype)]
        whole = Body(body.space, list(body.nodes), sizes=body.sizes, roots=body.roots)
        whole.nodes[0] = Node("load", (), source.dtype, extra=len(loads))
        whole.write_key()
        store = View(out.number, out.offset, out.strides, out.dtype)
        self.add(bind(whole, out.shape, views, [store], sizes, self.target, self.scratch), _product(out.shape))

    def in_windows(self, v: Value) -> Place | None:
        """A right factor whose rows and columns are several dimensions each, which strides can't express as a matrix.

        None where they can, and for what can only be packed from a copy.
        """
        found = self.grouped(v)
        if found is None or v.dtype not in (float32, float64):
            return None
        place, groups = found
        rows, columns = (tuple(group) or ((1, 0),) for group in groups[-2:])
        windows = Windows(rows, columns, place.offset)
        if not windows.mode:
            return None
        return Place(place.number, self.numbers(v.shape), (*_batch(groups), 0, 0), v.dtype, windows=windows)

    def in_parts(self, v: Value) -> Place | None:
        """A left factor whose columns are two dimensions, as those of a gradient are that sums over a batch."""
        found = self.grouped(v)
        if found is None or found[0].offset or [len(group) for group in found[1][-2:]] != [1, 2]:
            return None
        place, groups = found
        ((_, row),), ((_, column), outer) = groups[-2:]
        return Place(place.number, self.numbers(v.shape), (*_batch(groups), row, column), v.dtype, outer=outer)

    def grouped(self, v: Value) -> tuple[Place, list[list[tuple[int, int]]]] | None:
        """A reshape that strides can't express: what it is of, and the dimensions of that that each of its own joins.

        None for all else, and where a dimension but the last two joins several.
        """
        base, moves = self.source(v)
        if not moves or moves[-1].op != "reshape":
            return None
        place, shape = self.moved(self.buffer(base), moves[:-1], copy=False), self.numbers(v.shape)
        if place is None or 0 in shape or reshape_strides(place.shape, place.strides, shape) is not None:
            return None
        groups = _grouped(place, shape)
        return None if groups is None or any(len(group) > 1 for group in groups[:-2]) else (place, groups)

    def at_start(self, place: Place) -> Place:
        """The place with its first element at the buffer's start, copied there where it is not."""
        if not place.offset:
            return place
        whole = Place(
            self.temp(_product(place.shape) * place.dtype.itemsize),
            place.shape,
            contiguous_strides(place.shape),
            place.dtype,
        )
        self.copy(place, whole)
        return whole

    def stage_copy(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out = self.buffer(source)
        if source.op == "cat":
            dim, at = source.attrs[0], 0
            for part in source.args:
                shape = self.numbers(part.shape)
                self.write_part(
                    part, Place(out.number, shape, out.strides, out.dtype, out.offset + at * out.strides[dim])
                )
                at += shape[dim]
            return
        fill = fill_body(len(out.shape), out.dtype)
        fill.space = (out.shape, ())
        store = View(out.number, out.offset, out.strides, out.dtype)
        self.add(bind(fill, out.shape, [], [store], [], self.target, self.scratch), _product(out.shape))
        low, shape = self.numbers(source.attrs[0]), self.numbers(source.args[0].shape)
        offset = out.offset + sum(a * s for a, s in zip(low, out.strides))
        self.write_part(source.args[0], Place(out.number, shape, out.strides, out.dtype, offset))

    def write_part(self, part: Value, to: Place) -> None:
        part, to = self.before_reshape(part, to)
        base, _ = self.source(part)
        if base.op == "input" or base in self.program.schedule.buffers:
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
            _product(to.shape),
        )

    def stage_scatter(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out = self.buffer(source)
        x, index, src = (self.part(a) for a in source.args)
        self.copy(x, out)
        if _product(index.shape):
            how = (source.op, source.attrs[0], out, index, src, self.target)
            self.add([scatter_rows_launch(*how) or scatter_launch(*how)], _product(index.shape))

    def part(self, v: Value) -> Place:
        """A value in memory, computed into a temporary buffer where it is not yet."""
        base, _ = self.source(v)
        if base.op == "input" or base in self.program.schedule.buffers:
            return self.seen(v)
        shape = self.numbers(v.shape)
        place = Place(self.temp(_product(shape) * v.dtype.itemsize), shape, contiguous_strides(shape), v.dtype)
        self.write_part(v, place)
        return place

    def stage_scan(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out = self.buffer(source)
        x = self.part(source.args[0])
        if _product(out.shape):
            launch = SCANS.get(source.op, scan_launch)
            self.add([launch(source.op, source.attrs[0], out, x, self.target)], _product(out.shape))

    def stage_sort(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out, (dim, descending) = self.buffer(source), source.attrs
        if not _product(out.shape):
            return
        x, ordered = self.neighbours(source.args[0], dim), out
        if not _neighbours(out, dim):
            ordered = self.in_rows(out.shape, dim, out.dtype)
        size = x.shape[dim]
        piece = piece_of(_product(x.shape) // size, size, self.target) if ordered.shape[dim] == size else size
        if piece < size:
            launches = merge_launches(dim, descending, piece, ordered, x, self.target, self.temp)
        else:
            launches = [sort_launch(dim, descending, ordered, x, self.target, self.temp)]
        self.add(launches, 16 * _product(x.shape))
        if ordered is not out:
            self.copy(ordered, out)

    def stage_select(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out, (dim,) = self.buffer(source), source.attrs
        if _product(out.shape):
            x, place = self.neighbours(source.args[0], dim), self.part(source.args[1])
            self.add([select_launch(dim, out, x, place, self.target, self.temp)], 8 * _product(x.shape))

    def neighbours(self, v: Value, dim: int) -> Place:
        """A value in memory where its elements along a dimension lie next to each other."""
        place = self.part(v)
        if _neighbours(place, dim):
            return place
        whole = self.in_rows(place.shape, dim, place.dtype)
        self.copy(place, whole)
        return whole

    def stage_search(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out, (edges, x) = self.buffer(source), (self.part(a) for a in source.args)
        if _product(out.shape):
            self.add([search_launch(source.attrs[0], out, edges, x, self.target)], 32 * _product(out.shape))

    def in_rows(self, shape: Ints, dim: int, dt: dtype) -> Place:
        """A temporary buffer of a shape whose elements along a dimension are neighbours."""
        *outer, last = contiguous_strides((*shape[:dim], *shape[dim + 1 :], shape[dim]))
        strides = (*outer[:dim], last, *outer[dim:])
        return Place(self.temp(_product(shape) * dt.itemsize), shape, strides, dt)


def _neighbours(place: Place, dim: int) -> bool:
    """Whether the elements along a dimension lie next to each other."""
    return place.strides[dim] == 1 or place.shape[dim] <= 1


def _joined_rows(batch: Ints, m: int, right: Ints, views: list[Ints]) -> tuple[Ints, int, Ints, list[Ints]]:
    """Batches that share their right factor as rows of one product, from the last batch dimension on, where strides
    allow it.

    `views` are the strides of what has the rows: the left factor, the result and what its epilogue loads.
    """
    while batch:
        d, size = len(batch) - 1, batch[-1]
        if size > 1 and (right[d] or (m > 1 and any(s[d] != m * s[d + 1] for s in views))):
            break
        views = [(*s[:d], s[d] if m == 1 else s[d + 1], s[d + 2]) for s in views]
        right = (*right[:d], *right[d + 1 :])
        batch, m = batch[:-1], m * size
    return batch, m, right, views


def _grouped(place: Place, shape: Ints) -> list[list[tuple[int, int]]] | None:
    """The dimensions (size, stride) of a place that each dimension of another shape is made of, the innermost first.

    Those that lie behind each other are one. None where a dimension belongs to two of them.
    """
    dims = [(n, s) for n, s in zip(place.shape, place.strides) if n != 1]
    result: list[list[tuple[int, int]]] = []
    for size in shape:
        group: list[tuple[int, int]] = []
        have = 1
        while have < size and dims:
            n, s = dims.pop(0)
            have *= n
            if group and group[0][1] == n * s:
                group[0] = (group[0][0] * n, s)
            else:
                group.insert(0, (n, s))
        if have != size:
            return None
        result.append(group)
    return result


def _batch(groups: list[list[tuple[int, int]]]) -> Ints:
    """The strides of the batch dimensions of a matrix."""
    return tuple([group[0][1] if group else 0 for group in groups[:-2]])


def _product(shape: Ints) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def _over_rows(place: Place, rank: int, dims: Ints) -> Ints:
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
