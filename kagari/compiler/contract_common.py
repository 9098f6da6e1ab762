"""What the kernels of contractions share: which matrix of a batch a piece of the parallel range belongs to."""

from __future__ import annotations

from .text import Builder, Val

ELEMENTS = {"float16": "half", "bfloat16": "bfloat", "float32": "float", "float64": "double"}


def batch_bases(b: Builder, rank: Val, records: Val, batch: Val, bases: list[Val], elements: list[str]) -> list[Val]:
    """The pointers `bases` moved to one matrix of the batch.

    `records` holds for each of `rank` batch dimensions, the innermost first, its size and one stride for each pointer.
    """
    slots = [b.var("ptr", base) for base in bases]
    rest = b.var("i64", batch)
    with b.loop(b.int(0), rank) as d:
        record = b.gep(records, b.mul(d, b.int(1 + len(bases))), "i64")
        extent, left = b.load(record, "i64"), b.get(rest, "i64")
        index = b.binary("urem", left, extent)
        b.set(rest, b.binary("udiv", left, extent))
        for i, (slot, element) in enumerate(zip(slots, elements)):
            stride = b.load(b.gep(record, b.int(i + 1), "i64"), "i64")
            b.set(slot, b.gep(b.get(slot, "ptr"), b.mul(index, stride), element))
    return [b.get(slot, "ptr") for slot in slots]
