"""Copies of the vector operand in the order a register tile reads it.

Q[k, lanes] is cut into panels of `width` lanes, each stored k by k, so that a tile reads one short contiguous row per
step. A worker does that for its own block of Q, which stays in its L2.
"""

from __future__ import annotations

from collections.abc import Iterable

from .text import BITS, Builder, Val, vector

ROWS_AHEAD = 8  # how far ahead of the copy rows are fetched
LINES_AHEAD = 4  # and lines, where rows are turned

PACK_PARAMS = (
    ("dst", "ptr"),  # panels [ceil(lanes / width)][depth][width]
    ("src", "ptr"),  # element (0, 0) of the block
    ("kstep", "i64"),  # bytes from one k to the next
    ("lstep", "i64"),  # bytes from one lane to the next
    ("k", "i64"),
    ("lanes", "i64"),
    ("depth", "i64"),  # k rounded up to whole vectors
)


def quad(lanes: int) -> int:
    """Columns that `transpose` turns at a time: it works inside groups of four lanes, where exchanges are cheapest."""
    return min(4, lanes)


def transpose(b: Builder, rows: list[Val]) -> list[Val]:
    """columns[q] of length L from rows[L] of length q = `quad(L)`.

    Vector i is made of rows i, q + i, 2q + i...; exchanging lanes inside its groups of q then leaves rows 0, 1, 2...
    """
    count, q = len(rows), rows[0].lanes
    columns = []
    for i in range(q):
        parts = rows[i::q]
        while len(parts) > 1:
            parts = [shuffle(b, x, y, range(2 * x.lanes)) for x, y in zip(parts[::2], parts[1::2])]
        columns.append(parts[0])
    groups = range(0, count, q)
    if q == 2:
        return [shuffle(b, columns[0], columns[1], [g + i + x for g in groups for x in (0, count)]) for i in (0, 1)]
    halves = []
    for x, y in (columns[:2], columns[2:]):
        for i in (0, 2):
            halves.append(shuffle(b, x, y, [g + i + j + z for g in groups for j in (0, 1) for z in (0, count)]))
    whole = []
    for x, y in zip(halves[:2], halves[2:]):
        for i in (0, 2):
            whole.append(shuffle(b, x, y, [g + i + j + z for g in groups for z in (0, count) for j in (0, 1)]))
    return whole


def shuffle(b: Builder, x: Val, y: Val, picks: Iterable[int]) -> Val:
    """Lanes of x (numbered from 0) and y (numbered on) in a new order."""
    listed = ", ".join(f"i32 {i}" for i in picks)
    lanes = listed.count("i32")
    ty = vector(lanes, x.element)
    return b.value(f"shufflevector {x.type} {x.name}, {y.type} {y.name}, <{lanes} x i32> <{listed}>", ty)


def write_pack(b: Builder, name: str, mode: str, element: str, lanes: int, vectors: int) -> None:
    """Defines a function that packs: `copy` where lanes lie side by side, `transpose` where k does, or `gather`."""
    dst, src, kstep, lstep, k, count, depth = b.begin_function(name, PACK_PARAMS)
    width = lanes * vectors
    if mode == "copy":
        _copy_rows(b, element, lanes, vectors, dst, src, kstep, k, count, depth)
    else:
        with b.loop(b.int(0), count, lanes if mode == "transpose" else 1) as lane:
            inside = b.binary("urem", lane, b.int(width))
            start = b.add(b.mul(b.sub(lane, inside), depth), inside)
            column = (b.gep(dst, start, element), b.gep(src, b.mul(lane, lstep), "i8"))
            if mode == "transpose":
                _transpose_lanes(b, element, lanes, width, *column, lstep, k, b.sub(count, lane))
            else:
                with b.loop(b.int(0), k) as i:
                    x = b.load(b.gep(column[1], b.mul(i, kstep), "i8"), element)
                    b.store(x, b.gep(column[0], b.mul(i, b.int(width)), element))
    b.ret()
    b.end_function()


def _copy_rows(
    b: Builder, element: str, lanes: int, vectors: int, dst: Val, src: Val, kstep: Val, k: Val, count: Val, depth: Val
) -> None:
    """Copies k rows that are contiguous along the lanes; lanes from `count` on become zeros.

    Rows may lie in pages of their own, where no processor fetches ahead by itself.
    """
    width, held = lanes * vectors, vector(lanes, element)
    size = BITS[element] // 8
    panel = b.mul(depth, b.int(width * size))
    whole = b.mul(b.binary("udiv", count, b.int(width)), b.int(width))
    masks = [b.lane_mask(b.add(whole, b.int(v * lanes)), count, lanes) for v in range(vectors)]
    ahead = b.mul(kstep, b.int(ROWS_AHEAD))
    with b.loop(b.int(0), k) as i:
        row = b.gep(src, b.mul(i, kstep), "i8")
        later = b.gep(row, ahead, "i8")
        slot = b.var("ptr", b.gep(dst, b.mul(i, b.int(width * size)), "i8"))
        with b.loop(b.int(0), whole, width) as lane:
            to = b.get(slot, "ptr")
            for line in range(0, width, 64 // size):
                b.prefetch(b.gep(later, b.add(lane, b.int(line)), element))
            for v in range(vectors):
                x = b.load(b.gep(row, b.add(lane, b.int(v * lanes)), element), held)
                b.store(x, b.gep(to, b.int(v * lanes), element))
            b.set(slot, b.gep(to, panel, "i8"))
        with b.when(b.icmp("slt", whole, count)):
            to = b.get(slot, "ptr")
            for v, mask in enumerate(masks):
                x = b.masked_load(b.gep(row, b.add(whole, b.int(v * lanes)), element), mask, held)
                b.store(x, b.gep(to, b.int(v * lanes), element))


def _transpose_lanes(
    b: Builder, element: str, lanes: int, width: int, dst: Val, src: Val, lstep: Val, k: Val, count: Val
) -> None:
    """Turns `lanes` rows that are contiguous along k into k-major order; rows from `count` on repeat the last one."""
    q, line = quad(lanes), 512 // BITS[element]
    share = lanes * q // line  # rows that are fetched ahead in a step, so that a line of each has its turn
    last = b.sub(count, b.int(1))

    def row_at(r: Val) -> Val:
        return b.gep(src, b.mul(b.intrinsic("smin", "i64", r, last), lstep), "i8")

    rows = [row_at(b.int(r)) for r in range(lanes)]
    with b.loop(b.int(0), k, q) as i:
        first = b.mul(b.binary("urem", b.binary("udiv", i, b.int(q)), b.int(line // q)), b.int(share))
        for r in range(share):
            b.prefetch(b.gep(row_at(b.add(first, b.int(r))), b.add(i, b.int(LINES_AHEAD * line)), element))
        mask = b.lane_mask(i, k, q)
        columns = transpose(b, [b.masked_load(b.gep(row, i, element), mask, vector(q, element)) for row in rows])
        out = b.gep(dst, b.mul(i, b.int(width)), element)
        for r, x in enumerate(columns):
            b.store(x, b.gep(out, b.int(r * width), element))
