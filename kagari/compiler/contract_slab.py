"""Windows of a convolution that tiles read in place: a worker copies lines of the image, not what windows see of them.

A line of the image that a worker needs is copied once into its *slab*, where with a stride of two the elements of even
and of odd places are two lines. Neighbouring lanes then lie side by side for each row k of Q, and a table says how far
from the first row each row lies. That takes a ninth of the room and of the copying that windows of 3 x 3 would.

Zeros around an image need not be in memory: they come into being in the slab.

A row of the result ends somewhere inside of a vector of lanes: a tile puts each vector together of two masked loads,
one of the row and one of the row below. So masks have to cost nothing, and rows to be as long as a vector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .contract_windows import Border, Dims, Windows
from .text import BITS, Builder, Val, vector

SPARED = 1.5  # a slab is made where windows would take so many times its room, at least

OPERANDS = (
    "corner",  # the offset of the first element of the image that is read
    "row",  # lanes of a row of the result
    "row_step",  # from the lines of such a row to those of the next: of the image
    "row_lines",  # and in lines of the slab
    "tap_lines",  # lines that the windows of one row span
    "line_step",  # from one line of the image to the next
    "planes",
    "plane_step",  # from one plane (a channel) of the image to the next
    "plane",  # and of the slab
    "begin",  # elements of a line of the image are read from here
    "end",  # to there; those before and after are zeros
    "top",  # the number of the first line of the image, which is negative above it
    "row_tops",  # and how it grows from row to row of the result
    "line_tops",  # and from line to line
    "height",  # lines from here on are zeros
    "pitch",  # elements of a line of the slab, of which there are `phases` for each line of the image
    "phases",
    "first",  # offset of the first row of Q in the slab
    "size0",  # of the dimensions of Q's rows, the innermost first: size, and step in the slab
    "step0",  # within one phase
    "size1",
    "step1",
    "size2",
    "step2",
)
PACK_PARAMS = (
    ("dst", "ptr"),
    ("src", "ptr"),  # the element at offset 0
    ("ops", "ptr"),
    ("table", "ptr"),  # room for the offsets of k rows, in bytes
    ("row0", "i64"),  # the first row of the result
    ("rows", "i64"),
)


@dataclass(frozen=True, slots=True)
class Slab:
    """The numbers of `OPERANDS` that do not depend on how many rows of the result a worker takes at once.

    `rows` are the dimensions of Q's rows: size, steps in lines, planes and elements of a line; the innermost first.
    """

    corner: int
    row: int
    row_step: int
    row_lines: int
    tap_lines: int
    line_step: int
    planes: int
    plane_step: int
    begin: int
    end: int
    top: int
    row_tops: int
    line_tops: int
    height: int
    pitch: int
    phases: int
    step: int
    rows: tuple[tuple[int, int, int, int], ...]

    @property
    def mode(self) -> str:
        """How the code that copies it is called: by the step from lane to lane."""
        return f"slab{self.step}"

    def plane(self, rows: int) -> int:
        """Elements from one plane to the next, of a slab for so many rows of the result: an odd number of vectors."""
        whole = ((rows - 1) * self.row_lines + self.tap_lines) * self.phases * self.pitch
        return whole + 16 * (1 - whole // 16 % 2)

    def elements(self, rows: int) -> int:
        """Elements of that slab, with those that a vector at its end touches."""
        return self.planes * self.plane(rows) + 32

    def rows_of(self, lanes: int, whole: int) -> int:
        """The most rows of the result that a block of so many lanes touches, out of `whole` rows."""
        return min(whole, lanes // self.row + (0 if lanes % self.row == 0 else 2))

    def ops(self, rows: int) -> list[int]:
        """What the kernel reads."""
        line, plane = self.phases * self.pitch, self.plane(rows)
        steps = [(size, lines * line + planes * plane + along) for size, lines, planes, along in self.rows]
        first = sum(-(size - 1) * step for size, step in steps if step < 0)
        records = [word for record in steps for word in record]
        return [
            self.corner, self.row, self.row_step, self.row_lines, self.tap_lines, self.line_step, self.planes,
            self.plane_step, plane, self.begin, self.end, self.top, self.row_tops, self.line_tops, self.height,
            self.pitch, self.phases, first, *records,
        ]  # fmt: skip


def slab_of(windows: Windows, lanes: int) -> Slab | None:
    """The slab of two-dimensional windows; None for other ones, and where it would spare little."""
    if len(windows.lanes) != 2 or len(windows.rows) > 3:
        return None
    (row, step), (count, row_step) = windows.lanes
    if step not in (1, 2) or row < lanes - 1 or row_step <= 0:
        return None
    rows: Dims = (*windows.rows, *((1, 0),) * (3 - len(windows.rows)))
    order = sorted(range(3), key=lambda d: (rows[d][0] == 1, abs(rows[d][1])))
    if (rows[order[0]][0] - 1) * abs(rows[order[0]][1]) >= row_step:  # no taps along a line
        order = [order[2], *order[:2]]
    along, across, planes = order
    if (rows[across][0] - 1) * abs(rows[across][1]) >= count * row_step and rows[planes][0] == 1:  # none across lines
        across, planes = planes, across
    (taps, tap_step), (tall, tall_step), (many, plane_step) = rows[along], rows[across], rows[planes]
    if plane_step < 0 or (taps - 1) * abs(tap_step) >= row_step:
        return None
    phases = 1
    if step == 2 and taps > 1 and tap_step % 2:
        if tap_step != 1 or along != 0:
            return None
        phases = 2
    apart = abs(tall_step) if tall > 1 else row_step
    if row_step % apart == 0:
        unit = apart
    elif apart % row_step == 0:
        unit = row_step
    else:
        return None
    reach = (taps - 1) * abs(tap_step)
    pitch = -(-(row + reach // step) // lanes) * lanes
    inside = [(0, 0, 0)] * 3
    inside[along] = (0, 0, 1 if phases > 1 else tap_step // step)
    inside[across], inside[planes] = (tall_step // unit if tall > 1 else 0, 0, 0), (0, 1, 0)
    corner = windows.offset + sum((size - 1) * s for size, s in rows if s < 0)
    slab = Slab(
        corner, row, row_step, row_step // unit, (tall - 1) * apart // unit + 1, unit, many, plane_step,
        0, (row - 1) * step + reach + 1, 0, 0, 0, 1, pitch, phases, step,
        tuple([(size, *steps) for (size, _), steps in zip(rows, inside)]),
    )  # fmt: skip
    at_once = min(count, max(4, 2 * lanes // row + 2))
    if SPARED * slab.elements(at_once) > taps * tall * many * at_once * row:
        return None
    return slab if windows.border is None else _without_border(slab, windows.border)


def _without_border(slab: Slab, border: Border) -> Slab | None:
    """The slab of images whose zeros are not in memory; None where its steps are not those of images with a border."""
    plane, line = border.whole[1:]
    steps = [border.within(step) for step in (slab.row_step, slab.line_step, slab.plane_step)]
    above = slab.corner % plane
    top, left = above // line - border.low[0], above % line - border.low[1]
    first = border.within(slab.corner - above)
    row_step, line_step, plane_step = steps
    if row_step is None or line_step is None or plane_step is None or first is None:
        return None
    if slab.plane_step % plane or slab.row_step % line or slab.line_step % line or slab.row_step >= plane:
        return None
    if above % line + slab.end > line:
        return None
    return replace(
        slab, corner=border.offset + first + top * border.inner[2] + left, row_step=row_step, line_step=line_step,
        plane_step=plane_step, begin=max(0, -left), end=min(slab.end, border.size[1] - left), top=top,
        row_tops=slab.row_step // line, line_tops=slab.line_step // line, height=border.size[0],
    )  # fmt: skip


def write_slab_pack(b: Builder, name: str, mode: str, element: str, lanes: int) -> None:
    """Defines a function that fills a slab and its table; `mode` is that of `Slab`."""
    dst, src, ops, table, row0, rows = b.begin_function(name, PACK_PARAMS)
    op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(OPERANDS)}
    _fill_table(b, op, table, BITS[element] // 8)
    held, double = vector(lanes, element), mode == "slab2"
    src = b.gep(src, b.add(op["corner"], b.mul(row0, op["row_step"])), element)
    lines = b.add(b.mul(b.sub(rows, b.int(1)), op["row_lines"]), op["tap_lines"])
    top = b.add(op["top"], b.mul(row0, op["row_tops"]))
    with b.loop(b.int(0), op["planes"]) as plane, b.loop(b.int(0), lines) as line:
        number = b.add(top, b.mul(line, op["line_tops"]))
        end = b.select(b.icmp("ult", number, op["height"]), op["end"], b.int(0))
        here = b.gep(src, b.add(b.mul(plane, op["plane_step"]), b.mul(line, op["line_step"])), element)
        later = b.gep(here, op["plane_step"], element)
        pitch = b.mul(b.mul(line, op["pitch"]), op["phases"])
        out = b.gep(dst, b.add(b.mul(plane, op["plane"]), pitch), element)
        with b.loop(b.int(0), op["pitch"], lanes) as i:
            place = b.gep(out, i, element)
            pieces = []
            for half in range(2 if double else 1):
                at = b.add(b.add(i, i) if double else i, b.int(half * lanes))
                b.prefetch(b.gep(later, at, element))
                before, mask = (b.lane_mask(at, x, lanes) for x in (op["begin"], end))
                mask = b.binary("and", mask, b.binary("xor", before, b.splat(Val("true", "i1"), lanes)))
                pieces.append(b.masked_load(b.gep(here, at, element), mask, held))
            b.store(_every_second(b, pieces, 0) if double else pieces[0], place)
            if double:
                with b.when(b.icmp("sgt", op["phases"], b.int(1))):
                    b.store(_every_second(b, pieces, 1), b.gep(place, op["pitch"], element))
    b.ret()
    b.end_function()


def _every_second(b: Builder, pieces: list[Val], first: int) -> Val:
    x, y = pieces
    listed = ", ".join(f"i32 {i}" for i in range(first, 2 * x.lanes, 2))
    return b.value(f"shufflevector {x.type} {x.name}, {y.type} {y.name}, <{x.lanes} x i32> <{listed}>", x.type)


def _fill_table(b: Builder, op: dict[str, Val], table: Val, size: int) -> None:
    """table[k] = how far row k of Q lies from the slab's begin, in bytes."""
    last = b.sub(op["phases"], b.int(1))
    slot = b.var("ptr", table)
    with b.loop(b.int(0), op["size2"]) as i2, b.loop(b.int(0), op["size1"]) as i1:
        outer = b.add(op["first"], b.add(b.mul(i2, op["step2"]), b.mul(i1, op["step1"])))
        out = b.get(slot, "ptr")
        with b.loop(b.int(0), op["size0"]) as i0:
            phase = b.mul(b.binary("and", i0, last), op["pitch"])
            along = b.mul(b.binary("lshr", i0, last), op["step0"])
            at = b.add(outer, b.add(phase, along))
            b.store(b.mul(at, b.int(size)), b.gep(out, i0, "i64"))
        b.set(slot, b.gep(out, op["size0"], "i64"))


def write_pieces(
    b: Builder, pieces: Val, slab: Val, op: dict[str, Val], row0: Val, first: Val, stop: Val, vectors: int, lanes: int,
    element: str,
) -> None:  # fmt: skip
    """Where the vectors of a tile lie in the slab, whose lanes begin at `first`, and end at `stop` or before.

    pieces[v] = the place of the vector's first lane, the place that its lanes in the next row count from, and how many
    lanes there are before that row.
    """
    step = b.mul(b.mul(op["row_lines"], op["phases"]), op["pitch"])
    last = b.sub(stop, b.int(1))
    end = b.binary("udiv", last, op["row"])
    for v in range(vectors):
        lane = b.intrinsic("smin", "i64", b.add(first, b.int(v * lanes)), last)
        row = b.binary("udiv", lane, op["row"])
        place = b.sub(lane, b.mul(row, op["row"]))
        near = b.gep(slab, b.add(b.mul(b.sub(row, row0), step), place), element)
        left = b.sub(op["row"], place)
        whole = b.binary("or", b.icmp("sge", left, b.int(lanes)), b.icmp("sge", row, end))
        far = b.gep(near, b.select(whole, b.int(0), b.sub(step, op["row"])), element)
        for i, x in enumerate((near, far, left)):
            b.store(x, b.gep(pieces, b.int(3 * v + i), "i64"))
