"""The kernel of depthwise convolution that weighs windows: forward, and the gradient of its input.

A piece of the parallel range is a band of rows of one channel. A *tile* of it, a few rows of the result times one or
two vectors, is summed in registers, all taps unrolled. So a vector that is loaded serves all rows of the tile, and a
weight all vectors. Tiles read lines in the first-level cache, or the source in place: where its columns are neighbours,
a convolution leaves none of them out and masks cost nothing. Then rows that are not there are one row of zeros.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from .contract_epilogue import Context, Epilogue
from .depthwise_parts import Axis, Lines, between, write_fill, write_zeros
from .text import BITS, CACHE_LINE, Builder, Val, vector

OPERANDS = (
    "channels",
    "bands",  # of a channel
    "band",  # places along the height in one of them
    "places",  # along the height
    "rows", "cols",  # of the result
    "source_rows", "source_cols",
    "skipped", "kept", "first", "pitch", "line",  # of lines, as `FILL_PARAMS`
    "shift",  # elements before the lines, with which what is copied lies in whole vectors
    "origin", "left",  # the row and the column of the source that the first place needs first
    "source_image", "source_channel", "source_row", "source_col", "source_at",  # strides and offsets, in elements
    "weight_channel", "weight_row", "weight_col", "weight_at",
    "out_image", "out_channel", "out_row", "out_at",
    "ahead", "ahead_out",  # from what a piece reads and writes to what the next one does, in elements
    "held",  # elements of all lines
    "worker",  # elements of scratch memory of one worker: the weights, then lines
)  # fmt: skip
# Behind these the operands of the epilogue, and for each of its buffers how many bytes apart images and channels lie.


@dataclass(frozen=True, slots=True)
class Form:
    """What the code depends on, but the epilogue. A tile is `height` places times `vectors`."""

    element: str
    lanes: int
    registers: int
    down: Axis
    across: Axis
    height: int
    vectors: int
    beside: bool
    direct: bool  # whether the source is read in place
    masked: tuple[int, ...] | None  # which of its vectors need a mask at the ends of a row; None for all

    @property
    def held(self) -> str:
        """The type of a vector."""
        return vector(self.lanes, self.element)

    @property
    def lines(self) -> Lines:
        planes = 1 if self.across.inverse else self.across.stride
        return Lines(self.element, self.lanes, planes, self.across.rest if planes > 1 else 0, self.beside)

    @property
    def taps(self) -> int:
        return self.down.taps * self.across.taps

    @property
    def keeps_weights(self) -> bool:
        """Whether all weights stay in registers."""
        sums = self.height * self.down.phases * self.vectors * self.across.phases
        return self.taps + sums + self.vectors <= self.registers

    @property
    def key(self) -> str:
        axes = ".".join(
            f"{a.taps}-{a.stride}-{a.dilation}-{a.rest}{'i' if a.inverse else ''}" for a in (self.down, self.across)
        )
        read = "direct" if self.direct else "beside" if self.beside else "apart"
        read += "" if self.masked is None else "-" + "-".join(map(str, self.masked))
        return f"{self.element}.{self.lanes}x{self.height}x{self.vectors}.{axes}.{read}"


def write_slide(form: Form, epilogue: Epilogue) -> str:
    """The module of the kernel `depthwise`."""
    b = Builder()
    if not form.direct:
        write_fill(b, "fill", form.lines)
    _Slide(b, form, epilogue).pieces()
    b.ret()
    b.end_function()
    return b.module()


class _Slide:
    """Writes the kernel. Its attributes are the values that its loops share."""

    def __init__(self, b: Builder, form: Form, epilogue: Epilogue) -> None:
        self.b, self.form, self.epilogue = b, form, epilogue
        bufs, ops, self.scalars, self.begin, self.end, worker, _ = b.begin_function("depthwise")
        pointers = [b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i in range(4 + len(epilogue.bufs))]
        self.source, self.weights, self.out, scratch, *self.more = pointers
        count = len(OPERANDS) + len(epilogue.ops) + 2 * len(epilogue.bufs)
        words = [b.load(b.gep(ops, b.int(i), "i64"), "i64") for i in range(count)]
        self.op = dict(zip(OPERANDS, words))
        self.epilogue_ops = tuple(words[len(OPERANDS) : len(OPERANDS) + len(epilogue.ops)])
        self.steps = words[len(OPERANDS) + len(epilogue.ops) :]
        self.factors = b.gep(scratch, b.mul(worker, self.op["worker"]), form.element)
        room = b.gep(self.factors, b.int(-(-form.taps // form.lanes) * form.lanes), form.element)
        self.lines, self.line = b.gep(room, self.op["shift"], form.element), self.op["line"]

    def pieces(self) -> None:
        """for each band of each channel in [begin, end)"""
        b, op, form = self.b, self.op, self.form
        write_zeros(b, self.lines, op["held"], form.lines)
        with b.loop(self.begin, self.end) as piece:
            place, band = b.binary("udiv", piece, op["bands"]), b.binary("urem", piece, op["bands"])
            image, channel = b.binary("udiv", place, op["channels"]), b.binary("urem", place, op["channels"])
            first = b.mul(band, op["band"])
            count = b.intrinsic("smin", "i64", op["band"], b.sub(op["places"], first))
            self._copy_weights(channel)
            source = self._at(self.source, "source", image, channel)
            self.place = source
            if form.masked is not None:
                self._copy_last(source)
            if not form.direct:
                top = b.add(b.mul(first, b.int(form.down.step)), op["origin"])
                rows = b.add(b.mul(b.sub(count, b.int(1)), b.int(form.down.step)), b.int(form.down.reach + 1))
                b.call_local(
                    "fill", self.lines, source, op["source_row"], op["source_col"], top, rows, op["source_rows"],
                    op["skipped"], op["kept"], op["first"], op["pitch"], op["line"],
                )  # fmt: skip
            more = []
            for i, pointer in enumerate(self.more):
                step = b.add(b.mul(image, self.steps[2 * i]), b.mul(channel, self.steps[2 * i + 1]))
                more.append(b.gep(pointer, step, "i8"))
            later = b.mul(b.mul(first, b.int(form.down.step)), op["source_row"])
            self.later = b.gep(source, b.add(later, op["ahead"]), form.element)
            self.context = Context(tuple(more), self.epilogue_ops, self.scalars, place)
            self.target = self._at(self.out, "out", image, channel, self.epilogue.element)
            later = b.mul(b.mul(first, b.int(form.down.phases)), op["out_row"])
            self.later_out = b.gep(self.target, b.add(later, op["ahead_out"]), self.epilogue.element)
            self._band(first, count)

    def _at(self, base: Val, name: str, image: Val, channel: Val, element: str = "") -> Val:
        """The first element of a channel."""
        b, op = self.b, self.op
        steps = b.add(b.mul(image, op[f"{name}_image"]), b.mul(channel, op[f"{name}_channel"]))
        return b.gep(base, b.add(op[f"{name}_at"], steps), element or self.form.element)

    def _copy_last(self, source: Val) -> None:
        """The last row of a channel, behind the row of zeros and with zeros behind it."""
        b, op, form = self.b, self.op, self.form
        row = b.gep(source, b.mul(b.sub(op["source_rows"], b.int(1)), op["source_row"]), form.element)
        self.last = b.gep(self.lines, self.line, form.element)
        with b.loop(b.int(0), op["source_cols"], form.lanes) as i:
            x = b.masked_load(b.gep(row, i, form.element), b.lane_mask(i, op["source_cols"], form.lanes), form.held)
            b.store(x, b.gep(self.last, i, form.element))

    def _copy_weights(self, channel: Val) -> None:
        b, op, form = self.b, self.op, self.form
        base = b.add(op["weight_at"], b.mul(channel, op["weight_channel"]))
        for i in range(form.down.taps):
            for j in range(form.across.taps):
                at = b.add(base, b.add(b.mul(b.int(i), op["weight_row"]), b.mul(b.int(j), op["weight_col"])))
                x = b.load(b.gep(self.weights, at, form.element), form.element)
                b.store(x, b.gep(self.factors, b.int(i * form.across.taps + j), form.element))

    def _band(self, first: Val, count: Val) -> None:
        """Columns as wide as a tile, of which some may not exist, or need what is not there."""
        b, form, op = self.b, self.form, self.op
        phases, width = form.across.phases, form.vectors * form.lanes
        weights = self._all_weights() if form.keeps_weights else None
        with b.loop(b.int(0), b.add(op["cols"], b.int(phases - 1)), width * phases) as start:
            col = b.binary("udiv", start, b.int(phases))
            whole = b.icmp("sle", b.add(start, b.int(width * phases)), op["cols"])
            if form.direct:
                seen = b.add(col, op["left"])
                end = b.add(seen, b.int(width + form.across.reach))
                whole = b.binary("and", whole, b.icmp("sge", seen, b.int(0)))
                whole = b.binary("and", whole, b.icmp("sle", end, op["source_cols"]))
            for ragged in (False, True):
                with b.when(b.binary("xor", whole, Val("true", "i1")) if ragged else whole):
                    self._column(col, first, count, weights, ragged)

    def _column(
        self, col: Val, first: Val, count: Val, weights: dict[tuple[int, int], Val] | None, ragged: bool
    ) -> None:
        """Tiles of full height, then those of one place, of whose rows the last ones may not exist."""
        b, form, op = self.b, self.form, self.op
        phases, lanes = form.across.phases, form.lanes
        self.seen: dict[int, Val] = {}
        self.stored: list[Val] = []
        if ragged:
            left = b.mul(col, b.int(phases))
            ends = range(0, form.vectors * phases * lanes, lanes)
            self.stored = [b.lane_mask(b.add(left, b.int(at)), op["cols"], lanes) for at in ends]
        if ragged and form.direct:
            taps = (form.across.offset(phase, j) for phase in range(phases) for j in range(form.across.taps))
            seen = {offset + v * lanes for offset in taps if offset is not None for v in range(form.vectors)}
            for at in sorted(seen) if form.masked is None else form.masked:
                here = b.cast("trunc", b.add(b.add(col, op["left"]), b.int(at)), "i32")
                place = b.add(b.splat(here, lanes), b.iota(lanes, "i32"))
                end = b.splat(b.cast("trunc", op["source_cols"], "i32"), lanes)
                self.seen[at] = b.icmp("ult", place, end)
        whole = b.sub(b.binary("udiv", op["rows"], b.int(form.down.phases)), first)
        whole = b.intrinsic("smin", "i64", count, whole)
        tall = b.sub(whole, b.binary("urem", whole, b.int(form.height)))
        for start, stop, height in ((b.int(0), tall, form.height), (tall, count, 1)):
            with b.loop(start, stop, height) as place:
                self._fetch(place, col, height)
                sums = self._tile(first, place, col, height, weights)
                self._store(sums, b.mul(b.add(first, place), b.int(form.down.phases)), col, height)

    def _weight(self, i: int, j: int) -> Val:
        b, form = self.b, self.form
        x = b.load(b.gep(self.factors, b.int(i * form.across.taps + j), form.element), form.element)
        return b.splat(x, form.lanes)

    def _all_weights(self) -> dict[tuple[int, int], Val]:
        return {(i, j): self._weight(i, j) for i in range(self.form.down.taps) for j in range(self.form.across.taps)}

    def _tile(
        self, first: Val, place: Val, col: Val, height: int, weights: dict[tuple[int, int], Val] | None
    ) -> dict[tuple[int, int, int], Val]:
        """The sums of one tile: by row, phase across and vector."""
        b, form = self.b, self.form
        users, planes = self._users(height), form.lines.planes
        rows = self._rows_in_place(first, place, col, len(users)) if form.direct else []
        line = b.gep(self.lines, b.mul(place, b.mul(self.line, b.int(form.down.step))), form.element)
        line = b.gep(line, col, form.element)
        sums: dict[tuple[int, int, int], Val] = {}
        for j in range(form.across.taps):
            here = weights or {(i, j): self._weight(i, j) for i in range(form.down.taps)}
            for phase in range(form.across.phases):
                offset = form.across.offset(phase, j)
                if offset is None:
                    continue
                at = b.gep(line, b.mul(b.int(offset % planes), self.op["pitch"]), form.element)
                shift = offset // planes
                for k, served in enumerate(users):
                    at = rows[k] if form.direct else at
                    for v in range(0, form.vectors * form.lanes if served else 0, form.lanes):
                        mask = self.seen.get(shift + v)
                        source = b.gep(at, b.int(shift + v), form.element)
                        x = b.load(source, form.held) if mask is None else b.masked_load(source, mask, form.held)
                        for r, i in served:
                            old = sums.get((r, phase, v))
                            sums[r, phase, v] = b.fmul(x, here[i, j]) if old is None else b.fma(x, here[i, j], old)
                    at = at if form.direct else b.gep(at, self.line, form.element)
        return sums

    def _rows_in_place(self, first: Val, place: Val, col: Val, count: int) -> list[Val]:
        """Where the rows of the source that a tile reads begin for it; zeros for those that are not there."""
        b, op, form = self.b, self.op, self.form
        shift = b.add(col, op["left"])
        zeros, source = (b.gep(base, shift, form.element) for base in (self.lines, self.place))
        last = None if form.masked is None else b.gep(self.last, shift, form.element)
        top = b.add(b.mul(b.add(first, place), b.int(form.down.step)), op["origin"])
        found = []
        for k in range(count):
            row = b.add(top, b.int(k))
            there = b.icmp("ult", row, op["source_rows"])
            place_of = b.gep(source, b.mul(row, op["source_row"]), form.element)
            if last is not None:
                is_last = b.icmp("eq", b.add(row, b.int(1)), op["source_rows"])
                place_of = b.select(is_last, last, place_of)
            found.append(b.select(there, place_of, zeros))
        return found

    def _fetch(self, place: Val, col: Val, height: int) -> None:
        """Asks for what the next piece will read, and write, where this one reads and writes for a tile."""
        b, form, op = self.b, self.form, self.op
        down, across = form.down, form.across
        read = (self.later, op["source_row"], down.step, across.step, form.element, False)
        written = (self.later_out, op["out_row"], down.phases, across.phases, self.epilogue.element, True)
        for base, row_step, step, planes, element, write in (read, written) if form.beside else (written,):
            at = b.add(b.mul(b.mul(place, b.int(step)), row_step), b.mul(col, b.int(planes)))
            line = b.gep(base, at, element)
            for _ in range(height * step):
                for v in range(0, form.vectors * planes * form.lanes, CACHE_LINE // (BITS[element] // 8)):
                    b.prefetch(b.gep(line, b.int(v), element), write)
                line = b.gep(line, row_step, element)

    def _users(self, height: int) -> list[list[tuple[int, int]]]:
        """For each line of a tile which rows of the result it serves, by which row of taps."""
        down = self.form.down
        users: list[list[tuple[int, int]]] = [[] for _ in range((height - 1) * down.step + down.reach + 1)]
        for place in range(height):
            for phase in range(down.phases):
                for i in range(down.taps):
                    offset = down.offset(phase, i)
                    if offset is not None:
                        users[place * down.step + offset].append((place * down.phases + phase, i))
        return users

    def _store(self, sums: dict[tuple[int, int, int], Val], row: Val, col: Val, height: int) -> None:
        b, form, op = self.b, self.form, self.op
        phases = form.across.phases
        left = b.mul(col, b.int(phases))
        for r in range(height * form.down.phases):
            here = b.add(row, b.int(r))
            line = b.gep(self.target, b.mul(here, op["out_row"]), self.epilogue.element)
            certain = height > 1 or form.down.phases == 1
            with nullcontext() if certain else b.when(b.icmp("slt", here, op["rows"])):
                for v in range(form.vectors):
                    first = (sums.get((r, phase, v * form.lanes)) for phase in range(phases))
                    parts = [x or b.zero(form.held) for x in first]
                    for k, x in enumerate(between(b, parts), v * phases):
                        at = b.add(left, b.int(k * form.lanes))
                        mask = self.stored[k] if self.stored else None
                        place = b.gep(line, at, self.epilogue.element)
                        self.epilogue.store(b, place, x, here, at, form.lanes, mask, self.context)
