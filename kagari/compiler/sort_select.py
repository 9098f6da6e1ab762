"""The kernel that finds the elements at given places of an order without putting all of them in order.

Elements are packed as for sorting (see `sort.py`). The byte of the key at which the sought one is found is looked up in
the number of times each value occurs, from the highest byte on, and only the elements that share it are kept.
"""

from __future__ import annotations

from collections.abc import Callable

from ..base.target import Target
from .elementwise import INDEX_OUT_OF_RANGE, MEMORY
from .kernel import Kernel, Launch
from .serial import Placed, buffer, offset_of, operands, unravel
from .sort import (
    INSERTED,
    LANES,
    RANKED,
    Form,
    count_digits,
    digit_of,
    insert,
    is_wide,
    packed_at,
    rank_of,
    shared_rows,
)
from .text import Builder, Val


def select_launch(
    dim: int, out: Placed, x: Placed, place: Placed, target: Target, temp: Callable[[int], int]
) -> Launch:
    """For each of the places of a row along `dim` the index of the element there; elements are neighbours.

    Operands: the sizes of the other dimensions, x's strides along them, those of the places, out's, the size of a row,
    how many places there are, their stride, out's, three offsets.
    """
    others = [d for d in range(len(out.shape)) if d != dim]
    size = x.shape[dim]
    wide = is_wide(x.dtype, size)
    total, grain = shared_rows(out.shape, dim, size, target)
    memory = temp(2 * (size + LANES) * (16 if wide else 8) * (target.threads if total > grain else 1))
    ops = (
        *(out.shape[d] for d in others), *(x.strides[d] for d in others), *(place.strides[d] for d in others),
        *(out.strides[d] for d in others), size, out.shape[dim], place.strides[dim], out.strides[dim], x.offset,
        place.offset, out.offset,
    )  # fmt: skip
    form = Form(x.dtype, False, False, wide, len(others))
    kernel = Kernel(f"select {form.key()}", "select", lambda: _write(form))
    return Launch(kernel, (out.number, x.number, place.number, memory), ops, total, grain)


def _write(form: Form) -> str:
    b = Builder()
    _write_find(b, form)
    n = form.rank
    bufs, ops, _, begin, end, worker, status = b.begin_function("select")
    values = operands(b, ops, 4 * n + 7)
    sizes, x_strides, p_strides, o_strides = (values[k * n : (k + 1) * n] for k in range(4))
    size, count, p_step, o_step, x_off, p_off, o_off = values[-7:]
    to, source, places, memory = (buffer(b, bufs, i) for i in range(4))
    room = b.add(size, b.int(LANES))
    first = b.gep(memory, b.mul(worker, b.mul(room, b.int(2))), form.packed)
    second = b.gep(first, room, form.packed)
    with b.loop(begin, end) as row:
        at = unravel(b, row, sizes)
        read = b.gep(source, b.add(x_off, offset_of(b, at, x_strides)), MEMORY[form.dt.name])
        with b.loop(b.int(0), size) as i:
            b.store(packed_at(b, form, read, i), b.gep(first, i, form.packed), 8)
        wanted = b.gep(places, b.add(p_off, offset_of(b, at, p_strides)), "i64")
        write = b.gep(to, b.add(o_off, offset_of(b, at, o_strides)), "i64")
        with b.loop(b.int(0), count) as j:
            place = b.load(b.gep(wanted, b.mul(j, p_step), "i64"), "i64")
            inside = b.icmp("ult", place, size)
            with b.when(inside):
                found = b.value(
                    f"call ptr @find(ptr {first.name}, ptr {second.name}, i64 {size.name}, i64 {place.name})", "ptr"
                )
                index = b.load(found, form.place)
                b.store(
                    index if form.half == 64 else b.cast("zext", index, "i64"), b.gep(write, b.mul(j, o_step), "i64")
                )
            with b.when(b.binary("xor", inside, Val("true", "i1"))):
                b.store(b.int(INDEX_OUT_OF_RANGE), status)
    b.ret()
    b.end_function()
    return b.module()


def _write_find(b: Builder, form: Form) -> None:
    """find(at, other, count, place): a pointer to the element at a place of the order."""
    params = (("at", "ptr"), ("other", "ptr"), ("count", "i64"), ("place", "i64"))
    at, other, count, place = b.begin_function("find", params, "ptr", "internal")
    few = RANKED if form.half == 32 else INSERTED
    source, left, below = b.var("ptr", at), b.var("i64", count), b.var("i64", place)
    tally, short = b.var(f"[256 x {form.place}]"), b.label()
    for digit in reversed(range(form.dt.itemsize)):
        long = b.label()
        b.branch(b.icmp("ule", b.get(left, "i64"), b.int(few)), short, long)
        b.block(long)
        _narrow(b, form, source, left, below, other, tally, digit)
    # The keys that are left are equal, and their elements in order.
    b.ret(b.gep(b.get(source, "ptr"), b.get(below, "i64"), form.packed))
    b.block(short)
    here, size, sought = b.get(source, "ptr"), b.get(left, "i64"), b.get(below, "i64")
    if form.half == 32:
        found = b.var("ptr", here)
        vector = f"<{LANES} x {form.packed}>"
        b.store(b.int(-1, vector), b.gep(here, size, form.packed))
        with b.loop(b.int(0), size) as i:
            element = b.gep(here, i, form.packed)
            rank = rank_of(b, form, here, size, b.load(element, form.packed))
            b.set(found, b.select(b.icmp("eq", rank, sought), element, b.get(found, "ptr")))
        b.ret(b.get(found, "ptr"))
    else:
        insert(b, form, here, size)
        b.ret(b.gep(here, sought, form.packed))
    b.end_function()


def _narrow(b: Builder, form: Form, source: Val, left: Val, below: Val, other: Val, tally: Val, digit: int) -> None:
    """Keeps the elements whose byte is that of the one with `below` elements below it."""
    read, count = b.get(source, "ptr"), b.get(left, "i64")
    count_digits(b, form, read, count, tally, (digit,))
    value, passed = b.var("i64", b.int(0)), b.var("i64", b.int(0))
    sought = b.get(below, "i64")
    head, more, found = b.label(), b.label(), b.label()
    b.jump(head)
    b.block(head)
    v, so_far = b.get(value, "i64"), b.get(passed, "i64")
    here = b.load(b.gep(tally, v, form.place), form.place)
    here = here if form.half == 64 else b.cast("zext", here, "i64")
    up_to = b.add(so_far, here)
    b.branch(b.icmp("ult", sought, up_to), found, more)
    b.block(more)
    b.set(passed, up_to)
    b.set(value, b.add(v, b.int(1)))
    b.jump(head)
    b.block(found)
    with b.when(b.icmp("ne", here, count)):
        kept = b.var("i64", b.int(0))
        with b.loop(b.int(0), count) as i:
            x = b.load(b.gep(read, i, form.packed), form.packed, 8)
            same = b.icmp("eq", digit_of(b, form, read, i, digit), v)
            to = b.get(kept, "i64")
            b.store(x, b.gep(other, to, form.packed), 8)
            b.set(kept, b.add(to, b.cast("zext", same, "i64")))
        b.set(source, other)
        b.set(left, here)
        b.set(below, b.sub(sought, so_far))
