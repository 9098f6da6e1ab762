"""Kernels that put rows in order: a radix sort, one row after the other, rows shared among the threads.

An element is packed with its place into one unsigned number: a key that orders as the elements do in its upper half,
the place in its lower half. So no two are equal, and their order is that of a stable sort. The keys of floats are their
bits, of which negative ones count backwards; -0 has the key of 0, and NaN the largest one. Descending order is that of
inverted keys.

Packed elements are sorted by a byte of the key at a time, from the lowest one; a byte that all keys share is passed
over. Where only the first few places are wanted, packed elements are collected while they are below a limit. Whenever
the memory for them is full they are sorted, all but the first few are dropped, and the last of these is the new limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..base.dtypes import dtype
from ..base.target import Target
from .elementwise import MEMORY
from .kernel import Kernel, Launch
from .serial import Placed, buffer, offset_of, operands, unravel
from .text import BITS, Builder, Val

RANKED, INSERTED = 80, 24
"""Rows of at most so many elements are sorted by their ranks; those packed into 128 bits, by insertion."""

LANES = 4
"""Packed elements that are compared at a time."""

WIDE = 1 << 32
"""Rows of as many elements or more have places that need more than 32 bits."""

EXPONENT = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF0000000000000}
"""The bits of infinity."""


def sort_launch(
    dim: int, descending: bool, out: Placed, x: Placed, target: Target, temp: Callable[[int], int]
) -> Launch:
    """The first places of each row along `dim` in order, as many as `out` holds; elements along `dim` are neighbours.

    Operands: the sizes of the other dimensions, x's strides along them, out's, the size of a row, how many places are
    wanted, how many packed elements there is memory for, two offsets.
    """
    others = [d for d in range(len(out.shape)) if d != dim]
    size, count = x.shape[dim], out.shape[dim]
    room = 2 * count + 512
    few = room < size
    if not few:
        room = size
    wide = is_wide(x.dtype, size)
    total, grain = shared_rows(out.shape, dim, size, target)
    room += LANES  # vectors of ranks look past the end
    memory = temp(2 * room * (16 if wide else 8) * (target.threads if total > grain else 1))
    ops = (
        *(out.shape[d] for d in others), *(x.strides[d] for d in others), *(out.strides[d] for d in others),
        size, count, room, x.offset, out.offset,
    )  # fmt: skip
    form = Form(x.dtype, descending, few, wide, len(others))
    return Launch(
        Kernel(form.key(), "sort", lambda: write_sort(form)), (out.number, x.number, memory), ops, total, grain
    )


def shared_rows(shape: tuple[int, ...], dim: int, size: int, target: Target) -> tuple[int, int]:
    """How many rows there are along a dimension, and how many a thread takes at a time."""
    total = 1
    for d, n in enumerate(shape):
        total = total * n if d != dim else total
    return total, -(-total // (4 * target.threads)) if total * size > 8192 else total


def is_wide(dt: dtype, size: int) -> bool:
    """Whether an element and its place in a row need 128 bits."""
    return dt.itemsize == 8 or size >= WIDE


class Form:
    """What the code depends on: the dtype, the direction, whether few places are wanted, the packed type, the rank."""

    def __init__(self, dt: dtype, descending: bool, few: bool, wide: bool, rank: int) -> None:
        self.dt, self.descending, self.few, self.rank = dt, descending, few, rank
        self.half = 64 if wide else 32
        self.packed, self.place = f"i{2 * self.half}", f"i{self.half}"

    def key(self) -> str:
        """The form as text."""
        return f"sort|{self.dt.name}|{self.descending}|{self.few}|{self.half}|{self.rank}"


def write_sort(form: Form) -> str:
    """The kernel: packs a row, sorts it, and stores the places."""
    b = Builder()
    write_radix(b, form)
    n = form.rank
    bufs, ops, _, begin, end, worker, _ = b.begin_function("sort")
    values = operands(b, ops, 3 * n + 5)
    sizes, x_strides, o_strides = values[:n], values[n : 2 * n], values[2 * n : 3 * n]
    size, count, room, x_off, o_off = values[-5:]
    to, source, memory = (buffer(b, bufs, i) for i in range(3))
    first = b.gep(memory, b.mul(worker, b.mul(room, b.int(2))), form.packed)
    second = b.gep(first, room, form.packed)
    with b.loop(begin, end) as row:
        at = unravel(b, row, sizes)
        read = b.gep(source, b.add(x_off, offset_of(b, at, x_strides)), MEMORY[form.dt.name])
        write = b.gep(to, b.add(o_off, offset_of(b, at, o_strides)), "i64")
        ordered = (_collect if form.few else _pack)(b, form, read, first, second, size, count, room)
        with b.loop(b.int(0), count) as i:
            place = b.load(b.gep(ordered, i, form.packed), form.place)
            b.store(place if form.half == 64 else b.cast("zext", place, "i64"), b.gep(write, i, "i64"))
    b.ret()
    b.end_function()
    return b.module()


def _pack(b: Builder, form: Form, read: Val, first: Val, second: Val, size: Val, count: Val, room: Val) -> Val:
    """All elements of a row in order; a pointer to them."""
    with b.loop(b.int(0), size) as i:
        b.store(packed_at(b, form, read, i), b.gep(first, i, form.packed), 8)
    return sort_call(b, first, second, size)


def _collect(b: Builder, form: Form, read: Val, first: Val, second: Val, size: Val, count: Val, room: Val) -> Val:
    """The first elements of a row in order; a pointer to them."""
    here, found = b.var("ptr", first), b.var("i64", b.int(0))
    limit = b.var(form.packed, b.int(-1, form.packed))

    def sort() -> None:
        at = b.get(here, "ptr")
        other = b.select(b.icmp("eq", at, first), second, first)
        b.set(here, sort_call(b, at, other, b.get(found, "i64")))

    full = b.sub(room, b.int(LANES))
    with b.loop(b.int(0), size) as i:
        x = packed_at(b, form, read, i)
        with b.when(b.icmp("ult", x, b.get(limit, form.packed))):
            at = b.get(found, "i64")
            b.store(x, b.gep(b.get(here, "ptr"), at, form.packed), 8)
            more = b.add(at, b.int(1))
            b.set(found, more)
            with b.when(b.icmp("eq", more, full)):
                sort()
                b.set(found, count)
                last = b.gep(b.get(here, "ptr"), b.sub(count, b.int(1)), form.packed)
                b.set(limit, b.load(last, form.packed, 8))
    sort()
    return b.get(here, "ptr")


def packed_at(b: Builder, form: Form, read: Val, i: Val) -> Val:
    """The packed element at a place of a row."""
    ty = MEMORY[form.dt.name]
    bits = f"i{BITS[ty]}"
    key = _key(b, form.dt, b.load(b.gep(read, i, bits), bits))
    if form.descending:
        key = b.binary("xor", key, b.int(-1, bits))
    key = key if bits == form.packed else b.cast("zext", key, form.packed)
    place = i if form.packed == "i64" else b.cast("zext", i, form.packed)
    return b.binary("or", b.binary("shl", key, b.int(form.half, form.packed)), place)


def _key(b: Builder, dt: dtype, x: Val) -> Val:
    """The bits of an element as an unsigned number that orders as the elements do."""
    width = BITS[x.type]
    sign = b.int(1 << (width - 1), x.type)
    if dt.category < 2:
        return b.binary("xor", x, sign) if dt.is_signed else x
    magnitude = b.binary("and", x, b.int((1 << (width - 1)) - 1, x.type))
    negative = b.binary("ashr", x, b.int(width - 1, x.type))
    key = b.binary("xor", x, b.binary("or", negative, sign))
    key = b.select(b.icmp("eq", magnitude, b.zero(x.type)), sign, key)
    return b.select(b.icmp("ugt", magnitude, b.int(EXPONENT[dt.name], x.type)), b.int(-1, x.type), key)


def sort_call(b: Builder, at: Val, other: Val, count: Val) -> Val:
    """Calls the radix sort: a pointer to the elements in order, which is one of the two."""
    return b.value(f"call ptr @radix(ptr {at.name}, ptr {other.name}, i64 {count.name})", "ptr")


def write_radix(b: Builder, form: Form) -> None:
    """radix(at, other, count): sorts packed elements with the help of as much other memory; where they are then."""
    params = (("at", "ptr"), ("other", "ptr"), ("count", "i64"))
    at, other, count = b.begin_function("radix", params, "ptr", "internal")
    short, long = b.label(), b.label()
    ranked = form.half == 32
    b.branch(b.icmp("ule", count, b.int(RANKED if ranked else INSERTED)), short, long)
    b.block(short)
    if ranked:
        _rank(b, form, at, other, count)
    else:
        insert(b, form, at, count)
    b.ret(other if ranked else at)
    b.block(long)
    source = b.var("ptr", at)
    target = b.var("ptr", other)
    digits = form.dt.itemsize
    tally = b.var(f"[{256 * digits} x {form.place}]")
    count_digits(b, form, at, count, tally, range(digits))
    for digit in range(digits):
        _pass(b, form, source, target, count, b.gep(tally, b.int(256 * digit), form.place), digit)
    b.ret(b.get(source, "ptr"))
    b.end_function()


def insert(b: Builder, form: Form, at: Val, count: Val) -> None:
    """Each element moves down past those above it."""
    with b.loop(b.int(1), count) as i:
        x = b.load(b.gep(at, i, form.packed), form.packed, 8)
        place = b.var("i64")
        b.set(place, i)
        head, compare, move, done = (b.label() for _ in range(4))
        b.jump(head)
        b.block(head)
        j = b.get(place, "i64")
        b.branch(b.icmp("sgt", j, b.int(0)), compare, done)
        b.block(compare)
        below = b.sub(j, b.int(1))
        y = b.load(b.gep(at, below, form.packed), form.packed, 8)
        b.branch(b.icmp("ugt", y, x), move, done)
        b.block(move)
        b.store(y, b.gep(at, j, form.packed), 8)
        b.set(place, below)
        b.jump(head)
        b.block(done)
        b.store(x, b.gep(at, b.get(place, "i64"), form.packed), 8)


def _rank(b: Builder, form: Form, at: Val, other: Val, count: Val) -> None:
    """Each element moves to where as many others are as there are below it."""
    vector = f"<{LANES} x {form.packed}>"
    b.store(b.int(-1, vector), b.gep(at, count, form.packed))
    with b.loop(b.int(0), count) as i:
        x = b.load(b.gep(at, i, form.packed), form.packed)
        b.store(x, b.gep(other, rank_of(b, form, at, count, x), form.packed))


def rank_of(b: Builder, form: Form, at: Val, count: Val, x: Val) -> Val:
    """How many packed elements lie below x; behind the last one is a vector of large ones."""
    vector = f"<{LANES} x {form.packed}>"
    below = b.var(vector, b.zero(vector))
    with b.loop(b.int(0), count, LANES) as j:
        smaller = b.icmp("ult", b.load(b.gep(at, j, form.packed), vector), b.splat(x, LANES))
        b.set(below, b.sub(b.get(below, vector), b.cast("sext", smaller, vector)))
    return b.intrinsic("vector.reduce.add", vector, b.get(below, vector), returns=form.packed)


def digit_of(b: Builder, form: Form, at: Val, i: Val, digit: int) -> Val:
    """A byte of the key of an element in memory, whose lowest byte comes first."""
    return b.cast("zext", b.load(b.gep(b.gep(at, i, form.packed), b.int(form.half // 8 + digit), "i8"), "i8"), "i64")


def count_digits(b: Builder, form: Form, at: Val, count: Val, tally: Val, digits: Sequence[int]) -> None:
    """How often each of these bytes has each value."""
    lanes = 256 // form.half
    with b.loop(b.int(0), b.int(256 * len(digits)), lanes) as i:
        b.store(b.zero(f"<{lanes} x {form.place}>"), b.gep(tally, i, form.place))
    one = b.int(1, form.place)
    with b.loop(b.int(0), count) as i:
        for line, digit in enumerate(digits):
            counter = b.gep(tally, b.add(digit_of(b, form, at, i, digit), b.int(256 * line)), form.place)
            b.store(b.add(b.load(counter, form.place), one), counter)


def _pass(b: Builder, form: Form, source: Val, target: Val, count: Val, tally: Val, digit: int) -> None:
    """Moves the elements to the other memory in the order of one byte, unless that is the same in all of them."""
    read, write = b.get(source, "ptr"), b.get(target, "ptr")
    same = b.load(b.gep(tally, digit_of(b, form, read, b.int(0), digit), form.place), form.place)
    whole = count if form.half == 64 else b.cast("trunc", count, form.place)
    with b.when(b.icmp("ne", same, whole)):
        below = b.var(form.place)
        b.set(below, b.zero(form.place))
        with b.loop(b.int(0), b.int(256)) as i:
            counter = b.gep(tally, i, form.place)
            here = b.load(counter, form.place)
            start = b.get(below, form.place)
            b.store(start, counter)
            b.set(below, b.add(start, here))
        with b.loop(b.int(0), count) as i:
            counter = b.gep(tally, digit_of(b, form, read, i, digit), form.place)
            to = b.load(counter, form.place)
            b.store(b.add(to, b.int(1, form.place)), counter)
            x = b.load(b.gep(read, i, form.packed), form.packed, 8)
            b.store(x, b.gep(write, to if form.half == 64 else b.cast("zext", to, "i64"), form.packed), 8)
        b.set(source, write)
        b.set(target, read)
