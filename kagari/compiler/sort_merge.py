"""Kernels that put few long rows in order: pieces are sorted on all threads, and then merged two by two.

A merge is cut into segments of its result. Where one begins in both pieces is found by halves, so segments are merged
independently of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..base.target import Target
from .elementwise import MEMORY
from .kernel import Kernel, Launch
from .serial import Placed, buffer, first_where, offset_of, operands, unravel
from .sort import LANES, Form, is_wide, packed_at, sort_call, write_radix
from .text import Builder, Val

SEGMENT = 4096
"""Elements of a segment; pieces are multiples of it."""
PIECE = 8 * SEGMENT
"""The least elements that are worth a piece."""


def piece_of(rows: int, size: int, target: Target) -> int:
    """How long the pieces of a row should be; all of it where there are rows enough for the threads."""
    pieces = 1
    while rows * pieces < target.threads and 2 * pieces * PIECE <= size:
        pieces *= 2
    return -(-size // (pieces * SEGMENT)) * SEGMENT if pieces > 1 else size


def merge_launches(
    dim: int, descending: bool, piece: int, out: Placed, x: Placed, target: Target, temp: Callable[[int], int]
) -> list[Launch]:
    """The places of each row along `dim` in order; elements along `dim` are neighbours.

    Operands of both kernels: the sizes of the other dimensions, x's strides along them or out's, the size of a row, how
    far apart rows of packed elements are, the length of a piece, how many pieces or segments a row has, an offset.
    """
    others = [d for d in range(len(out.shape)) if d != dim]
    size, rows = x.shape[dim], 1
    for d in others:
        rows *= out.shape[d]
    form = Form(x.dtype, descending, False, is_wide(x.dtype, size), len(others))
    apart = size + LANES
    nbytes = rows * apart * form.half // 4
    source, to = temp(nbytes), temp(nbytes)
    sizes, pieces, segments = tuple(out.shape[d] for d in others), -(-size // piece), -(-size // SEGMENT)
    ops = (*sizes, *(x.strides[d] for d in others), size, apart, piece, pieces, x.offset)
    kernel = Kernel(f"pieces {form.key()}", "pieces", partial(_write_pieces, form))
    launches = [Launch(kernel, (x.number, source, to), ops, rows * pieces, 1)]
    grain = max(1, -(-rows * segments // (4 * target.threads)))
    while piece < size:
        last = 2 * piece >= size
        kernel = Kernel(f"merge|{last}|{form.half}|{form.rank}", "merge", partial(_write_merge, form, last))
        ops = (*sizes, *(out.strides[d] for d in others), size, apart, piece, segments, out.offset)
        launches.append(Launch(kernel, (out.number, source, to), ops, rows * segments, grain))
        source, to, piece = to, source, 2 * piece
    return launches


def _write_pieces(form: Form) -> str:
    """Packs pieces and sorts them, in the first of two buffers."""
    b = Builder()
    write_radix(b, form)
    n = form.rank
    bufs, ops, _, begin, end, _, _ = b.begin_function("pieces")
    values = operands(b, ops, 2 * n + 5)
    sizes, strides = values[:n], values[n : 2 * n]
    size, apart, piece, pieces, x_off = values[-5:]
    source, first, second = (buffer(b, bufs, i) for i in range(3))
    with b.loop(begin, end) as number:
        row = b.binary("udiv", number, pieces)
        start = b.mul(b.binary("urem", number, pieces), piece)
        count = b.intrinsic("smin", "i64", piece, b.sub(size, start))
        at = offset_of(b, unravel(b, row, sizes), strides)
        read = b.gep(source, b.add(x_off, at), MEMORY[form.dt.name])
        place = b.add(b.mul(row, apart), start)
        here, other = (b.gep(memory, place, form.packed) for memory in (first, second))
        with b.loop(b.int(0), count) as i:
            b.store(packed_at(b, form, read, b.add(start, i)), b.gep(here, i, form.packed), 8)
        ordered = sort_call(b, here, other, count)
        with b.when(b.icmp("ne", ordered, here)), b.loop(b.int(0), count) as i:
            b.store(b.load(b.gep(ordered, i, form.packed), form.packed, 8), b.gep(here, i, form.packed), 8)
    b.ret()
    b.end_function()
    return b.module()


def _write_merge(form: Form, last: bool) -> str:
    """Merges pieces two by two into another buffer; the last time the places go where they belong."""
    b = Builder()
    n = form.rank
    bufs, ops, _, begin, end, _, _ = b.begin_function("merge")
    values = operands(b, ops, 2 * n + 5)
    sizes, strides = values[:n], values[n : 2 * n]
    size, apart, piece, segments, o_off = values[-5:]
    out, source, to = (buffer(b, bufs, i) for i in range(3))
    least = lambda x, y: b.intrinsic("smin", "i64", x, y)  # noqa: E731
    most = lambda x, y: b.intrinsic("smax", "i64", x, y)  # noqa: E731
    with b.loop(begin, end) as number:
        row = b.binary("udiv", number, segments)
        start = b.mul(b.binary("urem", number, segments), b.int(SEGMENT))
        both = b.add(piece, piece)
        base = b.mul(b.binary("udiv", start, both), both)
        rest = b.sub(size, base)
        counts = least(piece, rest), least(piece, most(b.sub(rest, piece), b.int(0)))
        a = b.gep(source, b.add(b.mul(row, apart), base), form.packed)
        second = b.select(b.icmp("ne", counts[1], b.int(0)), b.gep(a, piece, form.packed), a)
        before = b.sub(start, base)
        taken = _crossing(
            b, form, a, second, before, most(b.sub(before, counts[1]), b.int(0)), least(before, counts[0])
        )
        i, j = b.var("i64", taken), b.var("i64", b.sub(before, taken))
        stop = least(b.add(start, b.int(SEGMENT)), size)
        write = b.gep(to, b.mul(row, apart), form.packed)
        if last:
            write = b.gep(out, b.add(o_off, offset_of(b, unravel(b, row, sizes), strides)), "i64")
        with b.loop(start, stop) as k:
            p, q = b.get(i, "i64"), b.get(j, "i64")
            x, y = (b.load(b.gep(run, at, form.packed), form.packed, 8) for run, at in ((a, p), (second, q)))
            lower = b.binary("or", b.icmp("ult", x, y), b.icmp("sge", q, counts[1]))
            lower = b.binary("and", lower, b.icmp("slt", p, counts[0]))
            value, step = b.select(lower, x, y), b.cast("zext", lower, "i64")
            if last:
                place = b.cast("trunc", value, form.place)
                b.store(place if form.half == 64 else b.cast("zext", place, "i64"), b.gep(write, k, "i64"))
            else:
                b.store(value, b.gep(write, k, form.packed), 8)
            b.set(i, b.add(p, step))
            b.set(j, b.add(q, b.sub(b.int(1), step)))
    b.ret()
    b.end_function()
    return b.module()


def _crossing(b: Builder, form: Form, a: Val, other: Val, before: Val, low: Val, high: Val) -> Val:
    """How many of the first `before` elements of a merge come from a."""

    def passed(i: Val) -> Val:
        x = b.load(b.gep(a, i, form.packed), form.packed, 8)
        y = b.load(b.gep(other, b.sub(b.sub(before, i), b.int(1)), form.packed), form.packed, 8)
        return b.icmp("uge", x, y)

    return first_where(b, low, high, passed)
