"""The kernel that finds places among ordered numbers: a binary search for each element, shared among the threads."""

from __future__ import annotations

from ..base.target import Target
from .elementwise import MEMORY, emit, from_memory
from .kernel import Kernel, Launch
from .serial import Placed, buffer, first_where, offset_of, operands, unravel
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

            b.store(first_where(b, b.int(0), count, above), b.gep(to, b.add(o_off, offset_of(b, at, o_strides)), "i64"))
        b.ret()
        b.end_function()
        return b.module()

    total = 1
    for n in x.shape:
        total *= n
    grain = max(1, -(-total // (2 * target.threads))) if total > 2048 else max(1, total)
    key = f"search|{right}|{rank}|{dt.name}"
    return Launch(Kernel(key, "search", write), (out.number, x.number, edges.number), ops, total, grain)
