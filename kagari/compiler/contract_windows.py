"""Packing the vector operand of a contraction straight from windows: no matrix of their elements is ever written.

Q[k, lanes] lies in memory by two sums: the offset of its row, from several dimensions with a stride each (channel,
tap), and that of its lane (place in the image). Either is contiguous, or steps by two, only for a while: along a *run*
of its innermost dimension. A worker packs its block of Q as `contract_pack` does, run by run:

    runs      the lanes run: a vector is put together of masked loads, one for each run it touches
    columns   the rows run: short pieces of as many lanes as a vector has are transposed
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract_pack import quad, shuffle, transpose
from .text import Builder, Val, vector

PACK_PARAMS = (
    ("dst", "ptr"),  # panels [ceil(lanes / width)][depth][width]
    ("src", "ptr"),  # the element at offset 0
    ("dims", "ptr"),  # how many dimensions rows and lanes have, then (size, stride) of each, the innermost first
    ("table", "ptr"),  # room for the offsets of k rows
    ("k0", "i64"),  # the first row
    ("k", "i64"),
    ("lane0", "i64"),  # the first lane
    ("lanes", "i64"),
    ("depth", "i64"),  # k rounded up to whole vectors
)
TOGETHER = 4  # runs whose loads one pass over the rows puts together
MOST_DIMS = 8  # of rows, and of lanes
GROUP = 8  # vectors of lanes that are packed side by side
ROWS = 64  # rows of each of them at a time, which read one part of the image

Dims = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Border:
    """Zeros around images [N, C, H, W] that are not in memory: strides count as if they were, in rows without gaps.

    `whole` are the steps of an image, a plane and a line with zeros, `inner` those in memory, without, which begins at
    `offset`; elements of a line lie side by side.
    """

    whole: tuple[int, ...]
    inner: tuple[int, ...]
    offset: int
    low: tuple[int, ...]  # lines above the image, and elements before its lines
    size: tuple[int, ...]  # lines of the image, and elements of each

    def within(self, step: int) -> int | None:
        """A step from image to image, plane to plane or line to line as it is in memory; None for all others."""
        total = 0
        for whole, inner in zip(self.whole, self.inner):
            total += step // whole * inner
            step = step % whole
        return None if step else total


@dataclass(frozen=True, slots=True)
class Windows:
    """The rows and the lanes of Q as dimensions: (size, stride in elements) of each, the innermost first."""

    rows: Dims
    lanes: Dims
    offset: int = 0
    border: Border | None = None  # only of windows that are read in place

    @property
    def mode(self) -> str:
        """How it is packed, with the step of a run; nothing where neither rows nor lanes have runs."""
        (row_size, row_step), (lane_size, lane_step) = self.rows[0], self.lanes[0]
        if max(len(self.rows), len(self.lanes)) > MOST_DIMS:
            return ""
        if lane_step in (1, 2) and (row_step not in (1, 2) or lane_size >= min(row_size, 16)):
            return f"runs{lane_step}"
        return f"columns{row_step}" if row_step in (1, 2) else ""

    @property
    def ops(self) -> list[int]:
        """What the kernel reads."""
        records = [word for record in (*self.rows, *self.lanes) for word in record]
        return [self.offset, len(self.rows), len(self.lanes), *records]


def write_window_pack(b: Builder, name: str, mode: str, element: str, lanes: int, vectors: int) -> None:
    """Defines a function that packs windows; `mode` is that of `Windows`."""
    _Packer(b, mode, element, lanes, vectors).write(name)


@dataclass(frozen=True, slots=True)
class _Walk:
    """An offset that goes on from row to row, or from lane to lane: in the code, its place along each dimension."""

    dims: Val
    rank: Val
    first: int
    places: Val
    total: Val


class _Packer:
    def __init__(self, b: Builder, mode: str, element: str, lanes: int, vectors: int) -> None:
        self.b, self.element, self.lanes, self.width = b, element, lanes, lanes * vectors
        self.kind, self.step = mode[:-1], int(mode[-1])
        self.held = vector(lanes, element)

    def write(self, name: str) -> None:
        b = self.b
        self.dst, self.src, dims, self.table, self.k0, self.k, self.lane0, self.count, self.depth = b.begin_function(
            name, PACK_PARAMS
        )
        self.row_rank, self.lane_rank = (b.load(b.gep(dims, b.int(i), "i64"), "i64") for i in (0, 1))
        self.row_dims = b.gep(dims, b.int(2), "i64")
        self.lane_dims = b.gep(self.row_dims, b.mul(self.row_rank, b.int(2)), "i64")
        self.fill_table()
        if self.kind == "runs":
            self.pack_runs()
        else:
            walk = self.walk(self.lane_dims, self.lane_rank, 0, self.lane0)
            with b.loop(b.int(0), self.count, self.lanes) as lane:
                self.pack_columns(lane, walk, self.place(lane))
        b.ret()
        b.end_function()

    def place(self, lane: Val) -> Val:
        """Where the first row of a vector of lanes goes."""
        b = self.b
        inside = b.binary("urem", lane, b.int(self.width))
        start = b.add(b.mul(b.sub(lane, inside), self.depth), inside)
        return b.gep(self.dst, start, self.element)

    # Offsets

    def offset(self, dims: Val, rank: Val, index: Val) -> tuple[Val, Val]:
        """The offset of a row or lane, and how far its run goes on."""
        b = self.b
        rest, total = b.var("i64", index), b.var("i64", b.int(0))
        with b.loop(b.int(0), rank) as d:
            record = b.gep(dims, b.mul(d, b.int(2)), "i64")
            size, stride = b.load(record, "i64"), b.load(b.gep(record, b.int(1), "i64"), "i64")
            left = b.get(rest, "i64")
            whole = b.binary("udiv", left, size)
            here = b.sub(left, b.mul(whole, size))
            b.set(total, b.add(b.get(total, "i64"), b.mul(here, stride)))
            b.set(rest, whole)
        size = b.load(dims, "i64")
        return b.get(total, "i64"), b.sub(size, b.binary("urem", index, size))

    def fill_table(self) -> None:
        """table[i] = the offset of row k0 + i, in elements: run by run, each found from the one before."""
        b = self.b
        size, step = (b.load(b.gep(self.row_dims, b.int(i), "i64"), "i64") for i in (0, 1))
        walk = self.walk(self.row_dims, self.row_rank, 1, b.binary("udiv", self.k0, size))
        slot = b.var("i64", b.sub(b.int(0), b.binary("urem", self.k0, size)))
        head, body, done = b.label(), b.label(), b.label()
        b.jump(head)
        b.block(head)
        first = b.get(slot, "i64")
        b.branch(b.icmp("slt", first, self.k), body, done)
        b.block(body)
        stop = b.intrinsic("smin", "i64", self.k, b.add(first, size))
        base = b.get(walk.total, "i64")
        with b.loop(b.intrinsic("smax", "i64", first, b.int(0)), stop) as i:
            b.store(b.add(base, b.mul(b.sub(i, first), step)), b.gep(self.table, i, "i64"))
        self.go_on(walk)
        b.set(slot, b.add(first, size))
        b.jump(head)
        b.block(done)

    def walk(self, dims: Val, rank: Val, first: int, index: Val) -> _Walk:
        """Begins at this index along the dimensions from the first one on."""
        b = self.b
        walk = _Walk(dims, rank, first, b.var(f"[{MOST_DIMS} x i64]"), b.var("i64", b.int(0)))
        rest = b.var("i64", index)
        with b.loop(b.int(first), rank) as d:
            size, stride = self.dimension(walk, d)
            left = b.get(rest, "i64")
            here = b.binary("urem", left, size)
            b.store(here, b.gep(walk.places, d, "i64"))
            b.set(walk.total, b.add(b.get(walk.total, "i64"), b.mul(here, stride)))
            b.set(rest, b.binary("udiv", left, size))
        return walk

    def dimension(self, walk: _Walk, d: Val) -> tuple[Val, Val]:
        """Size and stride."""
        b = self.b
        at = b.gep(walk.dims, b.mul(d, b.int(2)), "i64")
        return b.load(at, "i64"), b.load(b.gep(at, b.int(1), "i64"), "i64")

    def go_on(self, walk: _Walk) -> None:
        """Moves on by one along the first dimension; at its end along the next, and so on."""
        b, total = self.b, walk.total
        slot = b.var("i64", b.int(walk.first))
        head, body, wrap, stay, done = (b.label() for _ in range(5))
        b.jump(head)
        b.block(head)
        d = b.get(slot, "i64")
        b.branch(b.icmp("slt", d, walk.rank), body, done)
        b.block(body)
        size, stride = self.dimension(walk, d)
        at = b.gep(walk.places, d, "i64")
        here = b.add(b.load(at, "i64"), b.int(1))
        moved = b.add(b.get(total, "i64"), stride)
        b.branch(b.icmp("eq", here, size), wrap, stay)
        b.block(wrap)
        b.store(b.int(0), at)
        b.set(total, b.sub(moved, b.mul(size, stride)))
        b.set(slot, b.add(d, b.int(1)))
        b.jump(head)
        b.block(stay)
        b.store(here, at)
        b.set(total, moved)
        b.jump(done)
        b.block(done)

    # Lanes that run

    def pack_runs(self) -> None:
        """Groups of vectors, a few rows of each at a time."""
        b = self.b
        size = self.lanes + TOGETHER
        arrays = tuple([b.var(f"[{GROUP * size} x i64]") for _ in range(3)])
        counts = b.var(f"[{GROUP} x i64]")
        with b.loop(b.int(0), self.count, GROUP * self.lanes) as group:
            stop = b.intrinsic("smin", "i64", self.count, b.add(group, b.int(GROUP * self.lanes)))
            with b.loop(group, stop, self.lanes) as lane:
                number = b.binary("udiv", b.sub(lane, group), b.int(self.lanes))
                first = b.mul(number, b.int(size))
                self.find_runs(lane, [b.gep(x, first, "i64") for x in arrays], b.gep(counts, number, "i64"))
            with b.loop(b.int(0), self.k, ROWS) as row:
                rows = (row, b.intrinsic("smin", "i64", self.k, b.add(row, b.int(ROWS))))
                with b.loop(group, stop, self.lanes) as lane:
                    number = b.binary("udiv", b.sub(lane, group), b.int(self.lanes))
                    first = b.mul(number, b.int(size))
                    runs = [b.gep(x, first, "i64") for x in arrays]
                    self.pack_vector(rows, runs, b.load(b.gep(counts, number, "i64"), "i64"), self.place(lane))

    def find_runs(self, lane: Val, arrays: list[Val], found: Val) -> None:
        """The runs of one vector of lanes. Missing ones, up to a multiple of those done together, are empty."""
        b = self.b
        bases, firsts, ends = arrays
        limit = b.intrinsic("smin", "i64", b.int(self.lanes), b.sub(self.count, lane))
        slot, runs = b.var("i64", b.int(0)), b.var("i64", b.int(0))
        head, body, done = b.label(), b.label(), b.label()
        b.jump(head)
        b.block(head)
        first, run = b.get(slot, "i64"), b.get(runs, "i64")
        b.branch(b.icmp("slt", first, limit), body, done)
        b.block(body)
        start, length = self.offset(self.lane_dims, self.lane_rank, b.add(self.lane0, b.add(lane, first)))
        end = b.intrinsic("smin", "i64", limit, b.add(first, length))
        base = b.sub(start, b.mul(first, b.int(self.step)))
        for array, x in ((bases, base), (firsts, first), (ends, end)):
            b.store(x, b.gep(array, run, "i64"))
        b.set(slot, end)
        b.set(runs, b.add(run, b.int(1)))
        b.jump(head)
        b.block(done)
        count = b.get(runs, "i64")
        b.store(count, found)
        with b.loop(count, b.add(count, b.int(TOGETHER))) as i:
            for array in (bases, firsts, ends):
                b.store(b.int(0), b.gep(array, i, "i64"))

    def pack_vector(self, rows: tuple[Val, Val], arrays: list[Val], count: Val, out: Val) -> None:
        """Some rows of one vector of lanes, out of its runs."""
        b = self.b
        few = (1, 2, 3, TOGETHER)
        for least, together in zip((0, *few), few):
            above = b.icmp("sgt", count, b.int(least))
            only = b.icmp("sle", count, b.int(together)) if together < TOGETHER else Val("true", "i1")
            with b.when(b.binary("and", above, only)):
                self.put_together(rows, together, arrays, b.int(0), out, False)
        with b.loop(b.int(TOGETHER), count, TOGETHER) as first_run:
            self.put_together(rows, TOGETHER, arrays, first_run, out, True)

    def put_together(self, rows: tuple[Val, Val], count: int, arrays: list[Val], at: Val, out: Val, more: bool) -> None:
        """Loads the lanes of `count` runs from each row; with `more` other lanes stay as they are."""
        b = self.b
        runs, masks = [], []
        for r in range(count):
            base, first, end = [b.load(b.gep(x, b.add(at, b.int(r)), "i64"), "i64") for x in arrays]
            runs.append((base, self.halves(first, end) if self.step > 1 else [self.mask(first, end)]))
            masks.append(self.mask(first, end))
        for other in masks[1:]:
            masks[0] = b.binary("or", masks[0], other)
        with b.loop(*rows) as i:
            row = b.gep(self.src, b.load(b.gep(self.table, i, "i64"), "i64"), self.element)
            place = b.gep(out, b.mul(i, b.int(self.width)), self.element)
            made = [b.zero(self.held) for _ in range(self.step)]
            for base, halves in runs:
                for half, mask in enumerate(halves):
                    here = b.gep(b.gep(row, base, self.element), b.int(half * self.lanes), self.element)
                    made[half] = b.masked_load(here, mask, self.held, made[half])
            whole = made[0] if self.step == 1 else shuffle(b, made[0], made[-1], range(0, 2 * self.lanes, 2))
            b.store(b.select(masks[0], whole, b.load(place, self.held)) if more else whole, place)

    def mask(self, first: Val, end: Val) -> Val:
        """The lanes from first to end; both may lie outside of the vector."""
        b, lanes, places = self.b, self.lanes, self.b.iota(self.lanes, "i32")
        low, high = [
            b.splat(b.cast("trunc", b.intrinsic("smax", "i64", b.int(-1), b.intrinsic("smin", "i64", x, b.int(lanes))),
                           "i32"), lanes)
            for x in (first, end)
        ]  # fmt: skip
        return b.binary("and", b.icmp("sge", places, low), b.icmp("slt", places, high))

    def halves(self, first: Val, end: Val) -> list[Val]:
        """The masks of the two vectors that hold the elements of every second lane, and those between them."""
        b = self.b
        start, stop = b.mul(first, b.int(2)), b.sub(b.mul(end, b.int(2)), b.int(1))
        shifts = [b.int(i * self.lanes) for i in range(2)]
        return [self.mask(b.sub(start, shift), b.sub(stop, shift)) for shift in shifts]

    # Rows that run

    def pack_columns(self, lane: Val, walk: _Walk, out: Val) -> None:
        """One vector of lanes of all rows; lanes beyond the last repeat it."""
        b, q = self.b, quad(self.lanes)
        places = b.var(f"[{self.lanes} x i64]")
        last = b.sub(self.count, b.int(1))
        with b.loop(b.int(0), b.int(self.lanes)) as i:
            b.store(b.get(walk.total, "i64"), b.gep(places, i, "i64"))
            with b.when(b.icmp("slt", b.add(lane, i), last)):
                self.go_on(walk)
        starts = [b.load(b.gep(places, b.int(i), "i64"), "i64") for i in range(self.lanes)]
        rows = [b.gep(self.src, start, self.element) for start in starts]
        size = b.load(self.row_dims, "i64")
        slot = b.var("i64", b.int(0))
        length = b.var("i64", b.sub(size, b.binary("urem", self.k0, size)))
        head, body, done = b.label(), b.label(), b.label()
        b.jump(head)
        b.block(head)
        first = b.get(slot, "i64")
        b.branch(b.icmp("slt", first, self.k), body, done)
        b.block(body)
        stop = b.intrinsic("smin", "i64", self.k, b.add(first, b.get(length, "i64")))
        at = b.load(b.gep(self.table, first, "i64"), "i64")
        whole = b.add(first, b.binary("and", b.sub(stop, first), b.int(-q)))
        with b.loop(first, whole, q) as i:
            target = b.gep(out, b.mul(i, b.int(self.width)), self.element)
            for r, x in enumerate(self.turned(rows, b.add(at, b.mul(b.sub(i, first), b.int(self.step))), None)):
                b.store(x, b.gep(target, b.int(r * self.width), self.element))
        with b.when(b.icmp("slt", whole, stop)):
            left, target = b.sub(stop, whole), b.gep(out, b.mul(whole, b.int(self.width)), self.element)
            columns = self.turned(rows, b.add(at, b.mul(b.sub(whole, first), b.int(self.step))), left)
            for r, x in enumerate(columns[:-1]):
                with b.when(b.icmp("slt", b.int(r), left)):
                    b.store(x, b.gep(target, b.int(r * self.width), self.element))
        b.set(slot, stop)
        b.set(length, size)
        b.jump(head)
        b.block(done)

    def turned(self, rows: list[Val], at: Val, left: Val | None) -> list[Val]:
        """A few rows of Q, from as many elements of each lane; all of them exist, or only `left`."""
        b, q, step = self.b, quad(self.lanes), self.step
        count = q * step
        held = vector(count, self.element)
        places = [b.gep(row, at, self.element) for row in rows]
        if left is None and step == 1:
            return transpose(b, [b.load(place, held) for place in places])
        exist = b.int(q) if left is None else left
        mask = b.lane_mask(b.int(0), b.sub(b.mul(exist, b.int(step)), b.int(step - 1)), count)
        pieces = [b.masked_load(place, mask, held) for place in places]
        if step > 1:
            pieces = [shuffle(b, x, x, range(0, count, step)) for x in pieces]
        return transpose(b, pieces)
