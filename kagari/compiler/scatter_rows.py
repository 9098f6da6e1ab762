"""Whole rows written, or added, at computed places: the gradient of a table that was looked up, `index_add`."""

from __future__ import annotations

from ..base.dtypes import float32, float64
from ..base.layout import contiguous_strides
from ..base.target import Target
from .elementwise import INDEX_OUT_OF_RANGE, MEMORY
from .kernel import Kernel, Launch
from .serial import Placed, buffer, operands
from .text import Builder, Val, vector

# Elements below which handing columns to other threads costs more than it saves.
ALONE = 32768


def _whole_rows(op: str, dim: int, out: Placed, index: Placed, src: Placed) -> bool:
    """Whether all elements of a row, which lie side by side, go to one place along the first dimension."""
    if op not in ("scatter", "scatter_add") or dim or len(index.shape) < 2 or out.dtype not in (float32, float64):
        return False
    if any(s != 0 for s in index.strides[1:]):
        return False
    inner = out.shape[1:]
    beside = contiguous_strides(inner)
    return all(
        have == size and a == s and b == s
        for have, size, a, b, s in zip(index.shape[1:], inner, src.strides[1:], out.strides[1:], beside)
    )


def scatter_rows_launch(op: str, dim: int, out: Placed, index: Placed, src: Placed, target: Target) -> Launch | None:
    """`scatter` or `scatter_add` of rows, in order; None where it is not of whole rows.

    Columns are shared among the threads, so that no two of them touch an element, however often a row occurs.

    Operands: the number of rows, the strides from row to row of index, src and out, the size of out, three offsets.
    """
    if not _whole_rows(op, dim, out, index, src):
        return None
    ops = (
        index.shape[0], index.strides[0], src.strides[0], out.strides[0], out.shape[0], index.offset, src.offset,
        out.offset,
    )  # fmt: skip
    element, lanes = MEMORY[out.dtype.name], target.lanes(out.dtype.itemsize)

    def write() -> str:
        b = Builder()
        bufs, op_ptr, _, begin, end, _, status = b.begin_function("scatter_rows")
        rows, i_step, s_step, o_step, limit, i_off, s_off, o_off = operands(b, op_ptr, len(ops))
        to, places, source = (buffer(b, bufs, n) for n in range(3))
        whole = b.sub(end, b.binary("srem", b.sub(end, begin), b.int(lanes)))
        with b.loop(b.int(0), rows) as row:
            at = b.load(b.gep(places, b.add(i_off, b.mul(row, i_step)), "i64"), "i64")
            bad = b.icmp("uge", at, limit)
            with b.when(bad):
                b.store(b.int(INDEX_OUT_OF_RANGE), status)
            with b.when(b.binary("xor", bad, Val("true", "i1"))):
                read = b.gep(source, b.add(s_off, b.mul(row, s_step)), element)
                written = b.gep(to, b.add(o_off, b.mul(at, o_step)), element)
                for first, last, width in ((begin, whole, lanes), (whole, end, 0)):
                    with b.loop(first, last, max(width, 1)) as column:
                        address = b.gep(written, column, element)
                        x = b.load(b.gep(read, column, element), vector(width, element))
                        if op == "scatter_add":
                            x = b.fadd(b.load(address, vector(width, element)), x)
                        b.store(x, address)
        b.ret()
        b.end_function()
        return b.module()

    columns = 1
    for n in index.shape[1:]:
        columns *= n
    shared = columns * index.shape[0] > ALONE and columns > lanes
    grain = (columns + lanes * target.threads - 1) // (lanes * target.threads) * lanes if shared else columns
    key = f"{op}|rows|{out.dtype.name}"
    return Launch(Kernel(key, "scatter_rows", write), (out.number, index.number, src.number), ops, columns, grain)
