"""Winograd's transformations for windows of 3 x 3: of weights, of patches of an image, and of sums into results.

Two by two results of a convolution come from a patch d of four by four elements and weights g of three by three as
Y = A^T [(G g G^T) * (B^T d B)] A, with 16 multiplications in place of 36. Summed over the channels, each of the 16 is a
matrix product. Only additions and halvings are done before and after, so results are about as exact as plain sums.

Source: A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015, F(2 x 2, 3 x 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

from .contract_pack import shuffle
from .text import Builder, Val, vector

POINTS = 16  # products of a patch with weights
TAPS = 3  # of windows, along both dimensions
EDGE = 4  # of a patch
LINES_AHEAD = 8  # how far ahead of the weights their lines are fetched
PLANES_AHEAD = 4  # how far ahead of patches the image is
STRIPE = 8  # vectors of channels that are transformed side by side

WEIGHT_OPERANDS = (
    "rows",
    "channels",
    "row",  # strides in elements: from one row of the weights to the next,
    "channel",
    "tap_row",
    "tap",
    "first",  # and the offset of the first of nine taps
    "pitch",  # elements of a row that is transformed, a multiple of a vector's
    "point",  # elements from one of the 16 to the next
    "band",  # rows in a piece of the parallel range
)

IMAGE_OPERANDS = (
    "across",  # patches beside each other,
    "down",  # and below each other
    "image_step",  # strides of the image in elements
    "plane_step",
    "line_step",
    "corner",  # the offset of its first element
    "top",  # lines of the first patch above the image, as a negative number
    "left",
    "height",
    "width",
    "point",  # elements from one of the 16 to the next, of patches that are transformed
    "panel",  # and from one panel to the next
)
PATCH_PARAMS = (
    ("dst", "ptr"),
    ("src", "ptr"),
    ("ops", "ptr"),  # `IMAGE_OPERANDS`
    ("planes", "i64"),  # channels
    ("first", "i64"),  # the first patch
    ("count", "i64"),  # of so many
    ("end", "i64"),  # patches from here on do not exist, and are zeros
)


def write_weights(b: Builder, lanes: int, mode: str) -> None:
    """Defines @winograd_weights: U[point, row, channel] = G g G^T, for a vector of channels of a few rows at a time.

    `mode` says how nine taps are read: `taps` where they lie side by side, `turned` where their order is reversed, or
    `gather`.
    """
    bufs, ops, _, begin, end, _, _ = b.begin_function("winograd_weights")
    src, dst = (b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i in range(2))
    op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(WEIGHT_OPERANDS)}
    half = b.float(0.5, vector(lanes, "float"))
    stripe = b.int(STRIPE * lanes)
    with b.loop(begin, end) as piece:
        row0 = b.mul(piece, op["band"])
        row1 = b.intrinsic("smin", "i64", op["rows"], b.add(row0, op["band"]))
        with b.loop(b.int(0), op["channels"], stripe) as first, b.loop(row0, row1) as row:
            stop = b.intrinsic("smin", "i64", op["channels"], b.add(first, stripe))
            here = b.gep(src, b.add(op["first"], b.mul(row, op["row"])), "float")
            with b.loop(first, stop, lanes) as channel:
                read = _gathered if mode == "gather" else _side_by_side
                taps = read(b, op, here, channel, lanes)[:: -1 if mode == "turned" else 1]
                lines = [_weighed(b, taps[i : i + 3], half) for i in (0, 3, 6)]
                out = b.gep(dst, b.add(b.mul(row, op["pitch"]), channel), "float")
                for j in range(EDGE):
                    for i, value in enumerate(_weighed(b, [line[j] for line in lines], half)):
                        place = b.gep(out, b.mul(op["point"], b.int(EDGE * i + j)), "float")
                        b.prefetch(b.gep(place, b.int(LINES_AHEAD * lanes), "float"), write=True)
                        b.store(value, place)
    b.ret()
    b.end_function()


def _side_by_side(b: Builder, op: dict[str, Val], here: Val, channel: Val, lanes: int) -> list[Val]:
    """The nine taps of a vector of channels, in which they are one after the other. The last one stands for others."""
    mask, last = b.lane_mask(b.int(0), b.int(9), lanes), b.sub(op["channels"], b.int(1))
    rows = []
    for lane in range(lanes):
        at = b.mul(b.intrinsic("smin", "i64", b.add(channel, b.int(lane)), last), op["channel"])
        rows.append(b.masked_load(b.gep(here, at, "float"), mask, vector(lanes, "float")))
    return b.transposed(rows)[:9]


def _gathered(b: Builder, op: dict[str, Val], here: Val, channel: Val, lanes: int) -> list[Val]:
    held, mask = vector(lanes, "float"), b.lane_mask(channel, op["channels"], lanes)
    apart = b.mul(b.iota(lanes), b.splat(op["channel"], lanes))
    here = b.gep(here, b.mul(channel, op["channel"]), "float")
    taps = []
    for y, x in product(range(3), range(3)):
        tap = b.gep(here, b.add(b.mul(op["tap_row"], b.int(y)), b.mul(op["tap"], b.int(x))), "float")
        places = b.value(f"getelementptr float, ptr {tap.name}, {apart.type} {apart.name}", f"<{lanes} x ptr>")
        taps.append(b.call(f"llvm.masked.gather.v{lanes}f32.v{lanes}p0", held, places, mask, b.zero(held)))
    return taps


def _weighed(b: Builder, g: list[Val], half: Val) -> list[Val]:
    """G g."""
    outer, middle = b.fmul(half, b.fadd(g[0], g[2])), b.fmul(half, g[1])
    return [g[0], b.fadd(outer, middle), b.fsub(outer, middle), g[2]]


def _spread(b: Builder, d: list[Val]) -> list[Val]:
    """B^T d."""
    return [b.fsub(d[0], d[2]), b.fadd(d[1], d[2]), b.fsub(d[2], d[1]), b.fsub(d[1], d[3])]


def gathered_results(b: Builder, m: list[Val]) -> list[Val]:
    """A^T m."""
    return [b.fadd(b.fadd(m[0], m[1]), m[2]), b.fsub(b.fsub(m[1], m[2]), m[3])]


class _Run:
    """How the code of patches finds the pieces of a vector: `offset` and both masks of each line of each run."""

    WORDS = 2  # the offset, and two masks of 32 bits

    def __init__(self, b: Builder, lanes: int) -> None:
        self.table = b.var(f"[{EDGE * self.WORDS * lanes} x i64]")
        self.b, self.lanes = b, lanes

    def at(self, line: int, run: Val) -> Val:
        b = self.b
        return b.gep(self.table, b.add(b.mul(run, b.int(self.WORDS)), b.int(line * self.WORDS * self.lanes)), "i64")


def write_patches(b: Builder, name: str, lanes: int, vectors: int) -> None:
    """Defines a function that transforms patches: V[point, panel, plane, lane] = B^T d B.

    The lanes of a vector are patches beside each other. They come from one line of patches or from several: a *run* of
    each. Elements of an image are loaded twice, from a patch's first column on and from its third, and parted then.
    """
    dst, src, ops, planes, first, count, end = b.begin_function(name, PATCH_PARAMS)
    op, width = _operands(b, ops), lanes * vectors
    with _vectors(b, op, lanes, first, count, end) as (run, runs, lane):
        inside = b.binary("urem", lane, b.int(width))
        panel = b.binary("udiv", lane, b.int(width))
        out = b.gep(dst, b.add(b.mul(panel, op["panel"]), inside), "float")
        source = b.gep(src, op["corner"], "float")
        for number in _one_or_several(b, runs):
            _transform(b, op, run, number, b.int(0), planes, source, out, op["point"], b.int(width))
    b.ret()
    b.end_function()


def write_turned_patches(b: Builder, name: str, lanes: int, vectors: int) -> None:
    """Defines a function that transforms patches: V[point, panel, patch, lane] = B^T d B, whose lanes are planes.

    A vector of patches of as many planes is transformed at a time, and each of the points is turned. `room` is memory
    for that; where planes are fewer, the lanes that are left hold anything.
    """
    dst, src, ops, planes, first, count, end, room = b.begin_function(name, (*PATCH_PARAMS, ("room", "ptr")))
    op, width, held = _operands(b, ops), lanes * vectors, vector(lanes, "float")
    with _vectors(b, op, lanes, first, count, end) as (run, runs, lane):
        source = b.gep(src, op["corner"], "float")
        with b.loop(b.int(0), planes, lanes) as plane:
            stop = b.intrinsic("smin", "i64", planes, b.add(plane, b.int(lanes)))
            for number in _one_or_several(b, runs):
                _transform(b, op, run, number, plane, stop, source, room, b.int(lanes * lanes), b.int(lanes))
            inside = b.binary("urem", plane, b.int(width))
            panel = b.mul(b.binary("udiv", plane, b.int(width)), op["panel"])
            out = b.gep(dst, b.add(b.add(panel, inside), b.mul(lane, b.int(width))), "float")
            with b.loop(b.int(0), b.int(POINTS)) as point:
                here = b.gep(room, b.mul(point, b.int(lanes * lanes)), "float")
                there = b.gep(out, b.mul(point, op["point"]), "float")
                rows = [b.load(b.gep(here, b.int(i * lanes), "float"), held) for i in range(lanes)]
                for i, x in enumerate(b.transposed(rows)):
                    b.store(x, b.gep(there, b.int(i * width), "float"))
    b.ret()
    b.end_function()


def write_spread_results(b: Builder, name: str, lanes: int) -> None:
    """Defines a function that transforms gradients of results: Z[point, plane, patch] = A y A^T, y two by two."""
    dst, src, ops, planes, first, count, end = b.begin_function(name, PATCH_PARAMS)
    op = _operands(b, ops)
    later = b.mul(op["plane_step"], b.int(PLANES_AHEAD))
    with _vectors(b, op, lanes, first, count, end) as (run, runs, lane):
        source = b.gep(src, op["corner"], "float")
        for number in _one_or_several(b, runs):
            with b.loop(b.int(0), planes) as plane:
                here = b.gep(source, b.mul(plane, op["plane_step"]), "float")
                to = b.gep(dst, b.add(b.mul(plane, op["panel"]), lane), "float")
                lines = []
                for line in range(2):
                    x, y = _elements(b, run, number, line, here, later, 1)
                    lines.append(_unfolded(b, *[shuffle(b, x, y, range(j, 2 * lanes, 2)) for j in range(2)]))
                for j in range(EDGE):
                    for i, value in enumerate(_unfolded(b, *[line[j] for line in lines])):
                        b.store(value, b.gep(to, b.mul(op["point"], b.int(EDGE * i + j)), "float"))
    b.ret()
    b.end_function()


def _unfolded(b: Builder, x: Val, y: Val) -> list[Val]:
    """A y."""
    return [x, b.fadd(x, y), b.fsub(x, y), b.fneg(y)]


def _operands(b: Builder, ops: Val) -> dict[str, Val]:
    return {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(IMAGE_OPERANDS)}


@contextmanager
def _vectors(
    b: Builder, op: dict[str, Val], lanes: int, first: Val, count: Val, end: Val
) -> Iterator[tuple[_Run, Val, Val]]:
    """For each vector of patches: its runs, how many they are, and its first lane."""
    run = _Run(b, lanes)
    with b.loop(b.int(0), count, lanes) as lane:
        at = b.add(first, lane)
        exist = b.intrinsic("smin", "i64", b.int(lanes), b.sub(end, at))
        yield run, _find_runs(b, op, run, at, b.intrinsic("smin", "i64", exist, b.sub(count, lane))), lane


def _one_or_several(b: Builder, runs: Val) -> Iterator[Val | None]:
    """Code for one run, and for so many: what is written in a step of the loop over this is either."""
    one, several, done = b.label(), b.label(), b.label()
    b.branch(b.icmp("eq", runs, b.int(1)), one, several)
    for label, number in ((one, None), (several, runs)):
        b.block(label)
        yield number
        b.jump(done)
    b.block(done)


class Piece(NamedTuple):
    """A run in the code that walks over them: its number, its lanes, and its image, row of patches and first place."""

    number: Val
    low: Val
    high: Val
    image: Val
    row: Val
    place: Val


@contextmanager
def each_run(b: Builder, op: dict[str, Val], first: Val, exist: Val, count: Val) -> Iterator[Piece]:
    """For each run of so many patches from the first one on; the variable `count` says in the end how many there are.

    `op` has `across` and `down` of `IMAGE_OPERANDS`.
    """
    slot = b.var("i64", b.int(0))
    b.set(count, b.int(0))
    head, body, done = b.label(), b.label(), b.label()
    b.jump(head)
    b.block(head)
    low, number = b.get(slot, "i64"), b.get(count, "i64")
    b.branch(b.icmp("slt", low, exist), body, done)
    b.block(body)
    patch = b.add(first, low)
    line = b.binary("udiv", patch, op["across"])
    place = b.sub(patch, b.mul(line, op["across"]))
    image = b.binary("udiv", line, op["down"])
    row = b.sub(line, b.mul(image, op["down"]))
    high = b.intrinsic("smin", "i64", exist, b.add(low, b.sub(op["across"], place)))
    yield Piece(number, low, high, image, row, place)
    b.set(slot, high)
    b.set(count, b.add(number, b.int(1)))
    b.jump(head)
    b.block(done)


def _find_runs(b: Builder, op: dict[str, Val], run: _Run, at: Val, exist: Val) -> Val:
    """Fills the table for the patches from `at` on; returns how many runs they are."""
    runs = b.var("i64")
    with each_run(b, op, at, exist, runs) as piece:
        # Of the first lane, were it one of the run.
        column = b.add(op["left"], b.mul(b.sub(piece.place, piece.low), b.int(2)))
        for line in range(EDGE):
            height = b.add(op["top"], b.add(b.mul(piece.row, b.int(2)), b.int(line)))
            exists = b.icmp("ult", height, op["height"])
            offset = b.add(b.mul(piece.image, op["image_step"]), b.add(b.mul(height, op["line_step"]), column))
            masks = []
            for shift in (0, 2):
                end = b.sub(b.sub(op["width"], b.int(shift)), column)
                first = b.intrinsic("smax", "i64", b.mul(piece.low, b.int(2)), b.sub(b.int(-shift), column))
                masks.append(_bits(b, first, b.intrinsic("smin", "i64", b.mul(piece.high, b.int(2)), end)))
            joined = b.binary("or", masks[0], b.binary("shl", masks[1], b.int(32)))
            entry = run.at(line, piece.number)
            b.store(offset, entry)
            b.store(b.select(exists, joined, b.int(0)), b.gep(entry, b.int(1), "i64"))
    return b.get(runs, "i64")


def _bits(b: Builder, first: Val, stop: Val) -> Val:
    """The bits from first to stop of 32, as a word of 64."""
    ones = []
    for x in (first, stop):
        within = b.intrinsic("smin", "i64", b.intrinsic("smax", "i64", x, b.int(0)), b.int(32))
        ones.append(b.sub(b.binary("shl", b.int(1), within), b.int(1)))
    return b.binary("and", ones[1], b.binary("xor", ones[0], b.int(-1)))


def _transform(
    b: Builder, op: dict[str, Val], run: _Run, runs: Val | None, first: Val, stop: Val, src: Val, out: Val,
    point: Val, step: Val,
) -> None:  # fmt: skip
    """These channels of one vector of patches, which are so many runs; None for one.

    Results of channels are `step` elements apart, and those of points `point`.
    """
    later = b.mul(op["plane_step"], b.int(PLANES_AHEAD))
    with b.loop(first, stop) as channel:
        plane = b.gep(src, b.mul(channel, op["plane_step"]), "float")
        to = b.gep(out, b.mul(b.sub(channel, first), step), "float")
        lines = []
        for line in range(EDGE):
            raw = _elements(b, run, runs, line, plane, later, 2)
            d = [shuffle(b, raw[i], raw[i + 1], range(j, 2 * run.lanes, 2)) for i in (0, 2) for j in (0, 1)]
            lines.append(_spread(b, d))
        for j in range(EDGE):
            for i, value in enumerate(_spread(b, [line[j] for line in lines])):
                b.store(value, b.gep(to, b.mul(point, b.int(EDGE * i + j)), "float"))


def _elements(b: Builder, run: _Run, runs: Val | None, line: int, plane: Val, later: Val, pairs: int) -> list[Val]:
    """The elements of a line of patches: two vectors from the first column on, and with two pairs from the third."""
    lanes = run.lanes
    held, bits = vector(lanes, "float"), vector(2 * lanes, "i1")
    slots = [b.var(held, b.zero(held)) for _ in range(2 * pairs)]

    def load(number: Val) -> None:
        entry = run.at(line, number)
        here = b.gep(plane, b.load(entry, "i64"), "float")
        for half in range(2):
            b.prefetch(b.gep(here, b.add(later, b.int(half * lanes)), "float"))
        for pair in range(pairs):
            word = b.gep(b.gep(entry, b.int(1), "i64"), b.int(4 * pair), "i8")
            mask = b.bitcast(b.load(word, "i32"), bits)
            for half in range(2):
                part = shuffle(b, mask, mask, range(half * lanes, (half + 1) * lanes))
                place = b.gep(here, b.int(2 * pair + half * lanes), "float")
                slot = slots[2 * pair + half]
                b.set(slot, b.masked_load(place, part, held, b.get(slot, held)))

    if runs is None:
        load(b.int(0))
    else:
        with b.loop(b.int(0), runs) as number:
            load(number)
    return [b.get(slot, held) for slot in slots]
