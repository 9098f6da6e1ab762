"""The kernel that finds places among ordered numbers: a binary search for each element, shared among the threads."""

from __future__ import annotations

from collections.abc import Callable

from ..base.target import Target
from .elementwise import MEMORY, emit, from_memory
from .kernel import Kernel, Launch
from .serial import Placed, buffer, offset_of, operands, unravel
from .text import Builder, Val


def search_launch(right: bool, out: Placed, edges: Placed, x: Placed, target: Target) -> Launch:
    """For each element of x how many of the edges of its row are below it; with `right`, not above it.

    As in PyTorch an edge that can't be compared counts as below. Operands: the shape, x's strides, out's, those of the
    edges, how many edges there are, three offsets.
    """
    rank, dt = len(x.shape), x.dtype
    ops = (
        *x.shape, *x.strides, *out.strides, *edges.strides, edges.shape[-1], x.offset, out.offset, edges.offset,
    )  # fmt: skip

    def write() -> str:
        b = Builder()
        bufs, op_ptr, _, begin, end, _, _ = b.begin_function("search")
        values = operands(b, op_ptr, len(ops))
        shape, x_strides, o_strides, e_strides = (values[k * rank : (k + 1) * rank] for k in range(4))
        count, x_off, o_off, e_off = values[-4:]
        to, source, ordered = (buffer(b, bufs, i) for i in range(3))
        element = MEMORY[dt.name]
        with b.loop(begin, end) as flat:
            at = unravel(b, flat, shape)
            place = b.gep(source, b.add(x_off, offset_of(b, at, x_strides)), element)
            wanted = from_memory(b, b.load(place, element), dt)
            row = b.gep(ordered, b.add(e_off, offset_of(b, at[:-1], e_strides[:-1])), element)

            def above(i: Val) -> Val:
                """Whether an edge is not to be counted."""
                edge = from_memory(b, b.load(b.gep(row, b.mul(i, e_strides[-1]), element), element), dt)
                return emit(b, "gt" if right else "ge", dt, [edge, wanted], lambda lanes, bit: None)

            b.store(_search(b, count, above), b.gep(to, b.add(o_off, offset_of(b, at, o_strides)), "i64"))
        b.ret()
        b.end_function()
        return b.module()

    total = 1
    for n in x.shape:
        total *= n
    grain = max(1, -(-total // (2 * target.threads))) if total > 2048 else max(1, total)
    key = f"search|{right}|{rank}|{dt.name}"
    return Launch(Kernel(key, "search", write), (out.number, x.number, edges.number), ops, total, grain)


def _search(b: Builder, count: Val, above: Callable[[Val], Val]) -> Val:
    """The first index from 0 to `count` that `above` holds for."""
    low, high = b.var("i64", b.int(0)), b.var("i64", count)
    head, body, done = b.label(), b.label(), b.label()
    b.jump(head)
    b.block(head)
    start, stop = b.get(low, "i64"), b.get(high, "i64")
    b.branch(b.icmp("slt", start, stop), body, done)
    b.block(body)
    middle = b.add(start, b.binary("lshr", b.sub(stop, start), b.int(1)))
    found = above(middle)
    b.set(low, b.select(found, start, b.add(middle, b.int(1))))
    b.set(high, b.select(found, middle, stop))
    b.jump(head)
    b.block(done)
    return start
