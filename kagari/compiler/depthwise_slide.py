"""The kernel of depthwise convolution that weighs windows: forward, and the gradient of its input.

A piece of the parallel range is a band of rows of one channel. Its lines lie in the first-level cache; of these a
*tile*, a few rows of the result times one or two vectors, is summed in registers, all taps unrolled. So a vector that
is loaded serves all rows of the tile, and a weight all vectors.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from .contract_epilogue import Context, Epilogue
from .depthwise_parts import CACHE_LINE, Axis, Lines, between, write_fill, write_zeros
from .text import BITS, Builder, Val, vector

OPERANDS = (
    "channels",
    "bands",  # of a channel
    "band",  # places along the height in one of them
    "places",  # along the height
    "rows", "cols",  # of the result
    "source_rows",
    "skipped", "kept", "first", "pitch", "line",  # of lines, as `FILL_PARAMS`
    "shift",  # elements before the lines, with which what is copied lies in whole vectors
    "origin",  # the row of the source that the first place needs first
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
        return f"{self.element}.{self.lanes}x{self.height}x{self.vectors}.{axes}.{'c' if self.beside else 's'}"


def write_slide(form: Form, epilogue: Epilogue) -> str:
    """The module of the kernel `depthwise`."""
    b = Builder()
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

    def _copy_weights(self, channel: Val) -> None:
        b, op, form = self.b, self.op, self.form
        base = b.add(op["weight_at"], b.mul(channel, op["weight_channel"]))
        for i in range(form.down.taps):
            for j in range(form.across.taps):
                at = b.add(base, b.add(b.mul(b.int(i), op["weight_row"]), b.mul(b.int(j), op["weight_col"])))
                x = b.load(b.gep(self.weights, at, form.element), form.element)
                b.store(x, b.gep(self.factors, b.int(i * form.across.taps + j), form.element))

    def _band(self, first: Val, count: Val) -> None:
        """Tiles of full height, then those of one place, of whose rows the last ones may not exist."""
        b, form, phases = self.b, self.form, self.form.down.phases
        whole = b.sub(b.binary("udiv", self.op["rows"], b.int(phases)), first)
        whole = b.intrinsic("smin", "i64", count, whole)
        tall = b.sub(whole, b.binary("urem", whole, b.int(form.height)))
        for start, stop, height in ((b.int(0), tall, form.height), (tall, count, 1)):
            with b.loop(start, stop, height) as place:
                line = b.gep(self.lines, b.mul(place, b.mul(self.line, b.int(form.down.step))), form.element)
                row = b.mul(b.add(first, place), b.int(phases))
                self._rows(line, place, row, height)

    def _rows(self, line: Val, place: Val, row: Val, height: int) -> None:
        """All tiles beside each other."""
        b, form = self.b, self.form
        width, phases = form.vectors * form.lanes, form.across.phases
        weights = self._all_weights() if form.keeps_weights else None
        wide = b.int(width * phases)
        tiles = b.binary("udiv", self.op["cols"], wide)
        whole = b.mul(tiles, b.int(width))
        with b.loop(b.int(0), whole, width) as col:
            self._tile(b.gep(line, col, form.element), place, row, col, height, weights, False)
        with b.when(b.icmp("ne", b.mul(tiles, wide), self.op["cols"])):
            self._tile(b.gep(line, whole, form.element), place, row, whole, height, weights, True)

    def _weight(self, i: int, j: int) -> Val:
        b, form = self.b, self.form
        x = b.load(b.gep(self.factors, b.int(i * form.across.taps + j), form.element), form.element)
        return b.splat(x, form.lanes)

    def _all_weights(self) -> dict[tuple[int, int], Val]:
        return {(i, j): self._weight(i, j) for i in range(self.form.down.taps) for j in range(self.form.across.taps)}

    def _tile(
        self,
        line: Val,
        place: Val,
        row: Val,
        col: Val,
        height: int,
        weights: dict[tuple[int, int], Val] | None,
        ragged: bool,
    ) -> None:
        """Sums the rows of one tile, and stores them; with `ragged` some columns may not exist."""
        b, form = self.b, self.form
        self._fetch(place, col, height)
        planes = form.lines.planes
        sums: dict[tuple[int, int, int], Val] = {}  # row, phase across, vector
        for j in range(form.across.taps):
            here = weights or {(i, j): self._weight(i, j) for i in range(form.down.taps)}
            for phase in range(form.across.phases):
                offset = form.across.offset(phase, j)
                if offset is None:
                    continue
                at = b.gep(line, b.mul(b.int(offset % planes), self.op["pitch"]), form.element)
                at = b.gep(at, b.int(offset // planes), form.element)
                for users in self._users(height):
                    for v in range(form.vectors if users else 0):
                        x = b.load(b.gep(at, b.int(v * form.lanes), form.element), form.held)
                        for r, i in users:
                            old = sums.get((r, phase, v))
                            sums[r, phase, v] = b.fmul(x, here[i, j]) if old is None else b.fma(x, here[i, j], old)
                    at = b.gep(at, self.line, form.element)
        self._store(sums, row, col, height, ragged)

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

    def _store(self, sums: dict[tuple[int, int, int], Val], row: Val, col: Val, height: int, ragged: bool) -> None:
        b, form, op = self.b, self.form, self.op
        phases = form.across.phases
        left = b.mul(col, b.int(phases))
        for r in range(height * form.down.phases):
            here = b.add(row, b.int(r))
            line = b.gep(self.target, b.mul(here, op["out_row"]), self.epilogue.element)
            certain = height > 1 or form.down.phases == 1
            with nullcontext() if certain else b.when(b.icmp("slt", here, op["rows"])):
                for v in range(form.vectors):
                    parts = [sums.get((r, phase, v)) or b.zero(form.held) for phase in range(phases)]
                    for k, x in enumerate(between(b, parts)):
                        at = b.add(left, b.int((v * phases + k) * form.lanes))
                        mask = b.lane_mask(at, op["cols"], form.lanes) if ragged else None
                        place = b.gep(line, at, self.epilogue.element)
                        self.epilogue.store(b, place, x, here, at, form.lanes, mask, self.context)
