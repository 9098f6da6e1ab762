"""Binding: the stages of a program as launches, at the layouts of a call."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ..base.dtypes import LOWERED, dtype, float32, float64
from ..base.layout import contiguous_strides, reshape_strides
from ..compiler import attention, depthwise, sort, sort_merge, sort_search, sort_select, winograd_choice
from ..compiler.body import Access, Body, Node
from ..compiler.contract import K_BLOCK, contraction, slab_for
from ..compiler.contract_windows import Border, Windows
from ..compiler.epilogue import BodyEpilogue
from ..compiler.fuse import Stage
from ..compiler.kernel import Launch
from ..compiler.loops import View, bind
from ..compiler.scatter_rows import scatter_rows_launch
from ..compiler.serial import arg_scan_launch, fills_rows, log_scan_launch, scan_launch, scatter_launch
from ..ir.graph import Value, attend, literal
from .outputs import Output, Outputs
from .place import Ints, Place, fill_body, over_rows, product

SCANS = {"argcummax": arg_scan_launch, "argcummin": arg_scan_launch, "logcumsumexp": log_scan_launch}


@dataclass(slots=True)
class Bound:
    """A program at given layouts."""

    outputs: list[Output]
    temps: list[int]
    launches: list[Launch]
    work: int


class Binder(Outputs):
    """Binds one program once.

    Zeros around a value wait for the first one that reads them from memory, where nothing overwrites the value; a
    product may do without.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.waiting: set[Value] = set()

    def run(self) -> Bound:
        program = self.program
        outputs = program.graph.outputs
        for i, v in enumerate(program.inputs):
            lay = self.layouts[v.attrs[0]]
            self.places[v] = Place(i, tuple(lay.shape), lay.strides, lay.dtype)
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

    def stage_loop(self, stage: Stage, body: Body) -> None:
        shape = self.numbers(stage.space[0])
        dims = stage.space[1]
        loads = [(None if dims else self.amid_zeros(a)) or self.load_view(a, shape, dims) for a in body.accesses]
        stores = []
        for v in stage.outputs:
            place = self.buffer(v)
            whole = v.shape == stage.space[0]
            strides = place.strides if whole else over_rows(place, len(shape), dims)
            stores.append(View(place.number, place.offset, strides, v.dtype))
        sizes = [self.number(s) for s in body.sizes]
        self.add(
            bind(body, shape, loads, stores, sizes, self.target, self.scratch),
            product(shape) * (4 if body.heavy else 1),
        )

    def amid_zeros(self, access: Access) -> View | None:
        """A view of a value inside of zeros that are not in memory; None where they have to be."""
        whole, moves = access.base, access.moves
        if whole not in self.waiting or access.gather or any(v.op != "slice" or min(v.attrs[1]) < 1 for v in moves):
            return None
        base, before = self.source(whole.args[0])
        inner = self.moved(self.buffer(base), before, copy=False) if self.stored(base) else None
        if inner is None:
            return None
        offset, strides, inside = inner.offset, [], []
        for d, (low, high) in enumerate(zip(*whole.attrs)):
            first, step = -self.number(low), 1
            for v in moves:
                first, step = first + self.number(v.attrs[0][d]) * step, step * v.attrs[1][d]
            offset += first * inner.strides[d]
            strides.append(inner.strides[d] * step)
            if low != 0 or high != 0:
                name = (whole, d, *((str(v.attrs[0][d]), v.attrs[1][d]) for v in moves))
                inside.append((d, name, -(first // step), -((first - inner.shape[d]) // step)))
        return View(inner.number, offset, tuple(strides), whole.dtype, inside=tuple(inside))

    def stage_dot(self, stage: Stage, body: Body | None) -> None:
        source = stage.source
        assert source is not None
        left, factor = source.args
        out = self.buffer(stage.outputs[0])
        *batch, m, n = self.numbers(source.shape)
        along = n <= 1 or out.strides[-2] != 1 or out.strides[-1] == 1  # whether C is contiguous along its lanes
        b = self.inside_zeros(left, factor, along) or self.in_windows(factor) or self.at_start(self.seen(factor))
        short = (
            b.windows is not None and b.windows.border is not None and not self.suits_winograd(left, factor, b.windows)
        )
        a = (b.windows and self.in_parts(left, short)) or self.at_start(self.seen(left))
        k = a.shape[-1]
        loads = [self.load_view(x, out.shape, ()) for x in body.accesses] if body else []
        sizes = [self.number(s) for s in body.sizes] if body else []
        contiguous = (n <= 1 or out.strides[-1] == 1) and not out.offset
        turned = not contiguous and out.strides[-2] == 1 and not out.offset
        turned = turned and not (body and any(node.op == "iota" for node in body.nodes))
        contiguous |= turned
        across = turned and b.windows is not None  # tiles of windows are transposed on their way to the epilogue
        if turned and not across:  # the product of the transposed factors
            a, b, out, m, n = b.turned, a.turned, out.turned, n, m
            loads = [v.turned for v in loads]
        self.work += m * n * k * product(tuple(batch)) // 4
        target_place = (
            out
            if contiguous
            else Place(
                self.temp(product(out.shape) * out.dtype.itemsize), out.shape, contiguous_strides(out.shape), out.dtype
            )
        )
        views = [a.strides, target_place.strides, *(v.strides for v in loads)]
        joined, rows, right = tuple(batch), m, b.strides
        if not across:
            joined, rows, right, views = _joined_rows(joined, m, right, views)
        several = [d for d, size in enumerate(joined) if size > 1]
        shared = all(not any(s[d] for d in several) for s in views[2:])
        if body is not None and not (contiguous and (shared or len(several) == 1)):
            self.unfused_dot(stage, body, loads, sizes, a, b, tuple(batch), m, n, k, out)
            return
        loads = [replace(v, strides=s) for v, s in zip(loads, views[2:])]
        loads = [v.turned for v in loads] if across else loads
        apart = () if shared else tuple([s[several[0]] for s in views[2:]])
        epilogue = BodyEpilogue(body, out.dtype, loads, sizes, apart)
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
        number = self.temp(product(out.shape) * source.dtype.itemsize)
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
        self.add(bind(whole, out.shape, views, [store], sizes, self.target, self.scratch), product(out.shape))

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

    def inside_zeros(self, left: Value, v: Value, along: bool) -> Place | None:
        """Such a factor of images inside zeros that are not in memory; None where they have to be.

        `left` is the other factor, and `along` says that the product is contiguous along its columns.
        """
        whole, _ = self.source(v)
        if whole not in self.waiting or v.dtype not in (float32, float64) or whole.ndim != 4:
            return None
        base, moves = self.source(whole.args[0])
        if not self.stored(base):
            return None
        inner, low = self.moved(self.buffer(base), moves, copy=False), self.numbers(whole.attrs[0])
        shape = self.numbers(whole.shape)
        strides = contiguous_strides(shape)
        found = self.grouped(v, Place(0, shape, strides, v.dtype))
        if inner is None or inner.strides[-1] != 1 or inner.shape[:2] != shape[:2] or found is None:
            return None
        place, groups = found
        border = Border(strides[:3], inner.strides[:3], inner.offset, low[2:], inner.shape[2:])
        rows, columns = (tuple(group) or ((1, 0),) for group in groups[-2:])
        windows = Windows(rows, columns, place.offset, border)
        batch = tuple([s for s in map(border.within, _batch(groups)) if s is not None])
        if len(batch) + 2 < len(groups):
            return None
        suits = along and self.suits_winograd(left, v, windows)
        if not suits and slab_for(v.dtype.name, windows, self.target) is None:
            return None
        return Place(inner.number, self.numbers(v.shape), (*batch, 0, 0), v.dtype, windows=windows)

    def suits_winograd(self, left: Value, v: Value, windows: Windows) -> bool:
        """Whether such a factor's product with `left` is computed by Winograd's way."""
        rows, images = self.number(left.shape[-2]), product(self.numbers(v.shape[:-2]))
        if v.ndim == 2:
            place = self.in_parts(left, False)
            shared = place is not None and place.strides[-1] == 1
        else:
            shared = v.ndim == 3 and (left.op == "expand" or images == 1)
        return shared and winograd_choice.suits(v.dtype.name, windows, rows, images, self.target)

    def in_parts(self, v: Value, short: bool) -> Place | None:
        """A left factor whose columns are two dimensions: channels and taps of weights, or images and places.

        With `short`, only one of parts that tiles go through by themselves.
        """
        found = self.grouped(v.args[0] if v.op == "expand" else v)  # all matrices of a batch may have the same one
        if found is None or found[0].offset or [len(group) for group in found[1][-2:]] != [1, 2]:
            return None
        place, groups = found
        ((_, row),), ((length, column), outer) = groups[-2:]
        if short and length >= K_BLOCK:
            return None
        return Place(place.number, self.numbers(v.shape), (*_batch(groups), row, column), v.dtype, outer=outer)

    def grouped(self, v: Value, at: Place | None = None) -> tuple[Place, list[list[tuple[int, int]]]] | None:
        """A reshape that strides can't express: what it is of, and the dimensions of that that each of its own joins.

        `at` is where its buffer would be, if that is not in memory. None for all else, and where a dimension but the
        last two joins several.
        """
        base, moves = self.source(v)
        if not moves or moves[-1].op != "reshape":
            return None
        place, shape = self.moved(at or self.buffer(base), moves[:-1], copy=False), self.numbers(v.shape)
        if place is None or 0 in shape or reshape_strides(place.shape, place.strides, shape) is not None:
            return None
        groups = _grouped(place, shape)
        return None if groups is None or any(len(group) > 1 for group in groups[:-2]) else (place, groups)

    def stage_copy(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        if source.op == "pad" and source not in self.places and self.program.into is None:
            self.waiting.add(source)
            return
        self.write_copy(source, self.buffer(source))

    def buffer(self, v: Value) -> Place:
        """The place of a value that is a buffer. What waits for its first reader is written now."""
        place = super().buffer(v)
        if v in self.waiting:
            self.waiting.remove(v)
            self.write_copy(v, place)
        return place

    def write_copy(self, source: Value, out: Place) -> None:
        """Writes values side by side, or one inside of zeros."""
        if source.op == "cat":
            homes = self.program.schedule.homes
            for number, (part, to) in enumerate(zip(source.args, self.parts(source))):
                if homes.get(part) != (source, number):
                    self.write_part(part, to)
            return
        fill = fill_body(len(out.shape), out.dtype)
        fill.space = (out.shape, ())
        store = View(out.number, out.offset, out.strides, out.dtype)
        self.add(bind(fill, out.shape, [], [store], [], self.target, self.scratch), product(out.shape))
        low, shape = self.numbers(source.attrs[0]), self.numbers(source.args[0].shape)
        offset = out.offset + sum(a * s for a, s in zip(low, out.strides))
        self.write_part(source.args[0], Place(out.number, shape, out.strides, out.dtype, offset))

    def stage_scatter(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        op, dim = source.op, source.attrs[0]
        out = self.buffer(source)
        index, src = (self.part(a) for a in source.args[1:])
        if _zeros(source.args[0]) and product(index.shape) and fills_rows(dim, out, index):
            self.add([scatter_launch(op, dim, out, index, src, self.target, fill=True)], product(out.shape))
            return
        self.write_part(source.args[0], out)
        if product(index.shape):
            how = (op, dim, out, index, src, self.target)
            self.add([scatter_rows_launch(*how) or scatter_launch(*how)], product(index.shape))

    def stage_scan(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out = self.buffer(source)
        x = self.part(source.args[0])
        if product(out.shape):
            launch = SCANS.get(source.op, scan_launch)
            self.add([launch(source.op, source.attrs[0], out, x, self.target)], product(out.shape))

    def stage_sort(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out, (dim, descending) = self.buffer(source), source.attrs
        if not product(out.shape):
            return
        x, ordered = self.neighbours(source.args[0], dim), out
        if not _neighbours(out, dim):
            ordered = self.in_rows(out.shape, dim, out.dtype)
        size = x.shape[dim]
        piece = sort_merge.piece_of(product(x.shape) // size, size, self.target) if ordered.shape[dim] == size else size
        if piece < size:
            launches = sort_merge.merge_launches(dim, descending, piece, ordered, x, self.target, self.temp)
        else:
            launches = [sort.sort_launch(dim, descending, ordered, x, self.target, self.temp)]
        self.add(launches, 16 * product(x.shape))
        if ordered is not out:
            self.copy(ordered, out)

    def stage_select(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        out, (dim,) = self.buffer(source), source.attrs
        if product(out.shape):
            x, place = self.neighbours(source.args[0], dim), self.part(source.args[1])
            self.add([sort_select.select_launch(dim, out, x, place, self.target, self.temp)], 8 * product(x.shape))

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
        if product(out.shape):
            self.add([sort_search.search_launch(source.attrs[0], out, edges, x, self.target)], 32 * product(out.shape))

    def stage_depthwise(self, stage: Stage, body: Body | None) -> None:
        source = stage.source
        assert source is not None
        part, stride, low, dilation = source.attrs
        form = (stride, self.numbers(low), dilation)
        first, second = (self.part(a) for a in source.args)
        out = self.buffer(stage.outputs[0])
        if not product(out.shape):
            return
        taps = product(out.shape[1:] if part == "weight" else second.shape[1:])
        work = product((second if part == "weight" else out).shape) * taps // 4
        if part == "weight":
            self.add([depthwise.weight_launch(first, second, out, *form, self.target, self.temp)], work)
            return
        loads = [self.load_view(x, out.shape, ()) for x in body.accesses] if body else []
        sizes = [self.number(s) for s in body.sizes] if body else []
        epilogue = BodyEpilogue(body, out.dtype, loads, sizes)
        written = out if _neighbours(out, -1) else self.in_lines(out)
        self.add([depthwise.slide_launch(part, first, second, written, *form, epilogue, self.target, self.temp)], work)
        if written is not out:
            self.copy(written, out)

    def stage_attend(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        parts = {v.attrs[1]: self.buffer(v) for v in stage.outputs}
        out = parts.get("result") or self.buffer(attend(source.args, source.attrs[0]))
        names = ("query", "key", "value", "scale", "mask")
        results = {"out": out, "logsums": parts.get("logsums")}
        self.attention(attention.forward_launch, source, names, results, self.attended(source))

    def stage_attend_grad(self, stage: Stage, _: Body | None) -> None:
        source = stage.source
        assert source is not None
        parts = {v.attrs[1]: self.buffer(v) for v in stage.outputs}
        names = ("query", "key", "value", "gradient", "logsums", "delta", "scale", "mask")
        results = {f"of_{name}": parts.get(i) for i, name in enumerate(names[:3])}
        self.attention(attention.backward_launch, source, names, results, 2 * self.attended(source))

    def attention(
        self,
        launch: Callable[..., Launch],
        source: Value,
        names: tuple[str, ...],
        results: dict[str, Place | None],
        work: int,
    ) -> None:
        """A kernel of attention, which writes results whose last elements lie side by side."""
        operands = dict(zip(names, map(self.part, source.args)))
        written = {n: p if p is None or _neighbours(p, -1) else self.in_lines(p) for n, p in results.items()}
        places: dict[str, Place | None] = {**dict.fromkeys(names), **operands, **written}
        self.add([launch(places, source.attrs[0], self.target, self.temp)], work)
        for name, to in results.items():
            made = written[name]
            if made is not None and to is not None and made is not to:
                self.copy(made, to)

    def in_lines(self, place: Place) -> Place:
        """A temporary buffer for what goes to a place later, row by row."""
        number = self.temp(product(place.shape) * place.dtype.itemsize)
        return Place(number, place.shape, contiguous_strides(place.shape), place.dtype)

    def attended(self, v: Value) -> int:
        """How much work attention is: pairs of a query and a key, times the size of them."""
        return product(self.numbers(v.args[0].shape)) * self.numbers(v.args[1].shape)[-2]

    def in_rows(self, shape: Ints, dim: int, dt: dtype) -> Place:
        """A temporary buffer of a shape whose elements along a dimension are neighbours."""
        *outer, last = contiguous_strides((*shape[:dim], *shape[dim + 1 :], shape[dim]))
        strides = (*outer[:dim], last, *outer[dim:])
        return Place(self.temp(product(shape) * dt.itemsize), shape, strides, dt)


def _zeros(v: Value) -> bool:
    """Whether a value is filled with zeros, and not with -0."""
    number = literal(v)
    return bool(number == 0 and math.copysign(1, number) > 0)


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
