"""The kernel of depthwise convolution that gives the gradient of its weights.

A piece of the parallel range is a channel, of all images. Lines of the input and of the output's gradient lie in the
first-level cache. Each tap has a vector of sums, which is joined at the end: as many taps as fit stay in registers,
and the others have their turn with the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass

from .depthwise_parts import Axis, Lines, write_fill, write_zeros
from .text import BITS, CACHE_LINE, Builder, Val, vector

OPERANDS = (
    "images",
    "bands",  # of an image
    "band",  # rows of the output in one of them
    "rows", "cols",  # of the output
    "source_rows",
    "skipped", "kept", "first", "pitch", "line",  # of lines of the input, as `FILL_PARAMS`
    "shift",  # elements before them, with which what is copied lies in whole vectors
    "origin",  # the row of the input that the first one of the output needs first
    "slope_pitch",  # of lines of the output's gradient
    "source_image", "source_channel", "source_row", "source_col", "source_at",  # strides and offsets, in elements
    "slope_image", "slope_channel", "slope_row", "slope_col", "slope_at",
    "weight_channel", "weight_row", "weight_col", "weight_at",
    "slopes_at",  # elements of scratch memory before the lines of the gradient
    "worker",  # of one worker: the sums, lines of the input, lines of the gradient
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """What the code depends on. `height` rows of the gradient are in registers, and sums of `together` rows of taps."""

    element: str
    lanes: int
    down: Axis
    across: Axis
    height: int
    together: int  # columns of taps
    beside: tuple[bool, bool]

    @property
    def held(self) -> str:
        """The type of a vector."""
        return vector(self.lanes, self.element)

    @property
    def lines(self) -> Lines:
        planes = self.across.stride
        return Lines(self.element, self.lanes, planes, self.across.rest, self.beside[0])

    @property
    def key(self) -> str:
        axes = ".".join(f"{a.taps}-{a.stride}-{a.dilation}-{a.rest}" for a in (self.down, self.across))
        beside = "".join("cs"[not here] for here in self.beside)
        return f"{self.element}.{self.lanes}x{self.height}x{self.together}.{axes}.{beside}"


def write_weight(form: Form) -> str:
    """The module of the kernel `depthwise_weight`."""
    b = Builder()
    write_fill(b, "fill", form.lines)
    write_fill(b, "fill_slopes", Lines(form.element, form.lanes, 1, 0, form.beside[1]))
    _Weight(b, form).pieces()
    b.ret()
    b.end_function()
    return b.module()


class _Weight:
    """Writes the kernel. Its attributes are the values that its loops share."""

    def __init__(self, b: Builder, form: Form) -> None:
        self.b, self.form = b, form
        bufs, ops, _, self.begin, self.end, worker, _ = b.begin_function("depthwise_weight")
        self.source, self.slopes, self.out, scratch = (b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i in range(4))
        self.sources = ((self.source, "source"), (self.slopes, "slope"))
        self.op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(OPERANDS)}
        self.sums = b.gep(scratch, b.mul(worker, self.op["worker"]), form.element)
        taps = form.down.taps * form.across.taps
        self.lines = b.gep(self.sums, b.add(b.int(taps * form.lanes), self.op["shift"]), form.element)
        self.slope_lines = b.gep(self.sums, self.op["slopes_at"], form.element)
        self.line = self.op["line"]

    def pieces(self) -> None:
        """for each channel in [begin, end)"""
        b, op, form = self.b, self.op, self.form
        taps = form.down.taps * form.across.taps
        rest = b.int(taps * form.lanes)
        write_zeros(b, b.gep(self.sums, rest, form.element), b.sub(op["worker"], rest), form.lines)
        with b.loop(self.begin, self.end) as channel:
            for tap in range(taps):
                b.store(b.zero(form.held), self._sum(tap))
            with b.loop(b.int(0), op["images"]) as image:
                self._later(image, channel)
                with b.loop(b.int(0), op["bands"]) as band:
                    self._band(image, channel, b.mul(band, op["band"]))
            base = b.add(op["weight_at"], b.mul(channel, op["weight_channel"]))
            name = f"llvm.vector.reduce.fadd.v{form.lanes}{'f32' if form.element == 'float' else 'f64'}"
            for tap in range(taps):
                i, j = divmod(tap, form.across.taps)
                x = b.load(self._sum(tap), form.held)
                total = b.call(name, form.element, b.float(-0.0, form.element), x, flags="reassoc")
                at = b.add(base, b.add(b.mul(b.int(i), op["weight_row"]), b.mul(b.int(j), op["weight_col"])))
                b.store(total, b.gep(self.out, at, form.element))

    def _sum(self, tap: int) -> Val:
        return self.b.gep(self.sums, self.b.int(tap * self.form.lanes), self.form.element)

    def _later(self, image: Val, channel: Val) -> None:
        """Where the channel lies that comes after this one: in the next image, or the next one of the first image."""
        b = self.b
        after = b.add(image, b.int(1))
        last = b.icmp("eq", after, self.op["images"])
        place = b.select(last, b.int(0), after), b.select(last, b.add(channel, b.int(1)), channel)
        self.later = [self._at(base, name, *place) for base, name in self.sources]

    def _fetch(self, row: Val, col: Val, height: int) -> None:
        """Asks for what of the next channel lies where a step reads in this one."""
        b, form, op = self.b, self.form, self.op
        steps = ((form.down.step, form.across.step), (1, 1))
        for base, (_, name), (down, across), beside in zip(self.later, self.sources, steps, form.beside):
            if not beside:
                continue
            step = op[f"{name}_row"]
            line = b.gep(base, b.add(b.mul(b.mul(row, b.int(down)), step), b.mul(col, b.int(across))), form.element)
            for _ in range(height * down):
                for v in range(0, across * form.lanes, CACHE_LINE // (BITS[form.element] // 8)):
                    b.prefetch(b.gep(line, b.int(v), form.element))
                line = b.gep(line, step, form.element)

    def _band(self, image: Val, channel: Val, first: Val) -> None:
        """What a band of one image adds to all sums."""
        b, op, form = self.b, self.op, self.form
        count = b.intrinsic("smin", "i64", op["band"], b.sub(op["rows"], first))
        step = form.down.step
        top = b.add(b.mul(first, b.int(step)), op["origin"])
        rows = b.add(b.mul(b.sub(count, b.int(1)), b.int(step)), b.int(form.down.reach + 1))
        b.call_local(
            "fill", self.lines, self._at(self.source, "source", image, channel), op["source_row"], op["source_col"],
            top, rows, op["source_rows"], op["skipped"], op["kept"], op["first"], op["pitch"], op["line"],
        )  # fmt: skip
        none = b.int(0)
        b.call_local(
            "fill_slopes", self.slope_lines, self._at(self.slopes, "slope", image, channel), op["slope_row"],
            op["slope_col"], first, count, op["rows"], none, op["cols"], none, none, op["slope_pitch"],
        )  # fmt: skip
        tall = b.sub(count, b.binary("urem", count, b.int(form.height)))
        whole = b.binary("and", op["cols"], b.int(-form.lanes))
        mask = b.lane_mask(whole, op["cols"], form.lanes)
        for start in range(0, form.across.taps, form.together):
            taps = [
                (i, j)
                for j in range(start, min(start + form.together, form.across.taps))
                for i in range(form.down.taps)
            ]
            slots = {t: b.var(form.held, b.load(self._sum(t[0] * form.across.taps + t[1]), form.held)) for t in taps}
            for first_row, last, height in ((none, tall, form.height), (tall, count, 1)):
                with b.loop(first_row, last, height) as row:
                    line = b.gep(self.lines, b.mul(row, b.mul(self.line, b.int(step))), form.element)
                    slopes = b.gep(self.slope_lines, b.mul(row, op["slope_pitch"]), form.element)
                    with b.loop(none, whole, form.lanes) as col:
                        if not start:
                            self._fetch(b.add(first, row), col, height)
                        self._step(line, slopes, col, height, slots, None)
                    with b.when(b.icmp("ne", whole, op["cols"])):
                        if not start:
                            self._fetch(b.add(first, row), whole, height)
                        self._step(line, slopes, whole, height, slots, mask)
            for (i, j), slot in slots.items():
                b.store(b.get(slot, form.held), self._sum(i * form.across.taps + j))

    def _at(self, base: Val, name: str, image: Val, channel: Val) -> Val:
        """The first element of a channel."""
        b, op = self.b, self.op
        steps = b.add(b.mul(image, op[f"{name}_image"]), b.mul(channel, op[f"{name}_channel"]))
        return b.gep(base, b.add(op[f"{name}_at"], steps), self.form.element)

    def _step(
        self, line: Val, slopes: Val, col: Val, height: int, slots: dict[tuple[int, int], Val], mask: Val | None
    ) -> None:
        """A vector of a few rows, times all that the taps see. Lanes beyond the last column see nothing: what they
        would read need not be finite.
        """
        b, form, planes = self.b, self.form, self.form.lines.planes
        at = b.gep(slopes, col, form.element)
        rows = [
            b.load(b.gep(at, b.mul(b.int(r), self.op["slope_pitch"]), form.element), form.held) for r in range(height)
        ]
        for j in dict.fromkeys(j for _, j in slots):
            offset = j * form.across.dilation
            here = b.gep(line, b.add(col, b.int(offset // planes)), form.element)
            here = b.gep(here, b.mul(b.int(offset % planes), self.op["pitch"]), form.element)
            for k in range((height - 1) * form.down.step + form.down.reach + 1):
                users = [
                    (r, i)
                    for r in range(height)
                    for i in range(form.down.taps)
                    if r * form.down.step + i * form.down.dilation == k
                ]
                if users:
                    x = b.load(here, form.held) if mask is None else b.masked_load(here, mask, form.held)
                    for r, i in users:
                        b.set(slots[i, j], b.fma(x, rows[r], b.get(slots[i, j], form.held)))
                here = b.gep(here, self.line, form.element)
