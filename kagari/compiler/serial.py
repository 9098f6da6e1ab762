"""Kernels that go through memory one element after the other: scatter, and running sums, products and extrema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..base.dtypes import dtype
from ..base.target import Target
from . import vecmath
from .elementwise import INDEX_OUT_OF_RANGE, MEMORY, combine, compute_type, emit, from_memory, identity, to_memory
from .kernel import Kernel, Launch
from .text import Builder, Val, vector


class Placed(Protocol):
    """A buffer at given sizes."""

    number: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: dtype
    offset: int


def operands(b: Builder, ops: Val, count: int) -> list[Val]:
    """The operands of a kernel."""
    return [b.load(b.gep(ops, b.int(i), "i64"), "i64") for i in range(count)]


def unravel(b: Builder, flat: Val, sizes: list[Val]) -> list[Val]:
    """A number of a row-major order as an index of each dimension."""
    index = []
    for size in reversed(sizes[1:]):
        index.append(b.binary("urem", flat, size))
        flat = b.binary("udiv", flat, size)
    return [*([flat] if sizes else []), *reversed(index)]


def offset_of(b: Builder, index: list[Val], strides: list[Val]) -> Val:
    """Where an index lies, in elements."""
    total = b.int(0)
    for i, s in zip(index, strides):
        total = b.add(total, b.mul(i, s))
    return total


def first_where(b: Builder, low: Val, high: Val, holds: Callable[[Val], Val]) -> Val:
    """The first index from low on that `holds` is true for, as it is for all behind it; high where there is none."""
    first, final = b.var("i64", low), b.var("i64", high)
    head, body, done = b.label(), b.label(), b.label()
    b.jump(head)
    b.block(head)
    start, stop = b.get(first, "i64"), b.get(final, "i64")
    b.branch(b.icmp("slt", start, stop), body, done)
    b.block(body)
    middle = b.add(start, b.binary("lshr", b.sub(stop, start), b.int(1)))
    found = holds(middle)
    b.set(first, b.select(found, start, b.add(middle, b.int(1))))
    b.set(final, b.select(found, middle, stop))
    b.jump(head)
    b.block(done)
    return start


def buffer(b: Builder, bufs: Val, number: int) -> Val:
    """A pointer to the elements of a buffer."""
    return b.load(b.gep(bufs, b.int(number), "ptr"), "ptr")


_STEPS = {
    "scatter_add": "reduce_sum", "scatter_prod": "reduce_prod", "scatter_max": "reduce_max",
    "scatter_min": "reduce_min",
}  # fmt: skip


def fills_rows(dim: int, out: Placed, index: Placed) -> bool:
    """Whether `scatter_launch` can make all rows of out itself: each is contiguous, and written by one thread."""
    return 0 < dim == len(index.shape) - 1 and out.strides[dim] == 1 and index.shape[:-1] == out.shape[:-1]


def scatter_launch(
    op: str, dim: int, out: Placed, index: Placed, src: Placed, target: Target, fill: bool = False
) -> Launch:
    """Writes (`scatter`), adds, multiplies or compares (`scatter_add`, `_prod`, `_max`, `_min`) each element of src
    at its place in out, in order. With `fill` each row of out is zeros before.

    Rows along the last dimension are shared among the threads: what one of them writes no other one touches. Along
    another dimension the elements are taken one after the other, on one thread.

    Operands: index's shape, its strides, src's, out's with that of `dim` last, the size of out along `dim`, three
    offsets.
    """
    rank = len(index.shape)
    others = [d for d in range(rank) if d != dim]
    in_rows = rank > 1 and dim == rank - 1
    ops = (
        *index.shape, *index.strides, *src.strides, *(out.strides[d] for d in others), out.strides[dim] if rank else 0,
        out.shape[dim] if rank else 1, index.offset, src.offset, out.offset,
    )  # fmt: skip
    dt, lanes = out.dtype, target.lanes(out.dtype.itemsize)

    def write() -> str:
        b = Builder()
        bufs, op_ptr, _, begin, end, _, status = b.begin_function("scatter")
        values = operands(b, op_ptr, len(ops))
        shape, i_strides, s_strides = (values[k * rank : (k + 1) * rank] for k in range(3))
        o_strides = values[3 * rank : 4 * rank - 1] if rank else []
        step, limit, i_off, s_off, o_off = values[-5:]
        pointers = [buffer(b, bufs, n) for n in range(3)]

        def one(i_at: Val, s_at: Val, o_at: Val) -> None:
            at = b.load(b.gep(pointers[1], i_at, "i64"), "i64")
            bad = b.icmp("uge", at, limit)
            with b.when(bad):
                b.store(b.int(INDEX_OUT_OF_RANGE), status)
            with b.when(b.binary("xor", bad, Val("true", "i1"))):
                element = MEMORY[dt.name]
                x = b.load(b.gep(pointers[2], s_at, element), element)
                address = b.gep(pointers[0], b.add(o_at, b.mul(at, step)), element)
                step_of = _STEPS.get(op)
                if step_of is not None:
                    old = from_memory(b, b.load(address, element), dt)
                    x = to_memory(b, combine(b, step_of, dt, old, from_memory(b, x, dt)), dt)
                b.store(x, address)

        with b.loop(begin, end) as flat:
            place = unravel(b, flat, shape[:-1] if in_rows else shape)
            i_at, s_at = (
                b.add(off, offset_of(b, place, strides)) for off, strides in ((i_off, i_strides), (s_off, s_strides))
            )
            o_at = b.add(o_off, offset_of(b, place if in_rows else [place[d] for d in others], o_strides))
            if fill:
                row, whole = b.gep(pointers[0], o_at, MEMORY[dt.name]), b.binary("and", limit, b.int(-lanes))
                for first, last, width in ((b.int(0), whole, lanes), (whole, limit, 0)):
                    with b.loop(first, last, max(width, 1)) as i:
                        b.store(b.zero(vector(width, MEMORY[dt.name])), b.gep(row, i, MEMORY[dt.name]))
            if in_rows:
                with b.loop(b.int(0), shape[-1]) as i:
                    one(b.add(i_at, b.mul(i, i_strides[-1])), b.add(s_at, b.mul(i, s_strides[-1])), o_at)
            else:
                one(i_at, s_at, o_at)
        b.ret()
        b.end_function()
        return b.module()

    total = 1
    for n in index.shape[:-1] if in_rows else index.shape:
        total *= n
    shared = in_rows and total * index.shape[-1] > 32768
    grain = max(1, -(-total // target.threads)) if shared else max(1, total)
    key = f"{op}|{rank}|{'rows' if in_rows else dim}|{dt.name}{f'|fill{lanes}' if fill else ''}"
    return Launch(Kernel(key, "scatter", write), (out.number, index.number, src.number), ops, total, grain)


def scan_launch(op: str, dim: int, out: Placed, x: Placed, target: Target) -> Launch:
    """A running sum or product along `dim`."""
    dt = out.dtype
    element, ty = MEMORY[dt.name], compute_type(dt)

    def row(b: Builder, read: Val, write_to: Val, length: Val, x_step: Val, o_step: Val) -> None:
        running = b.var(ty, identity(b, op, ty, dt))
        with b.loop(b.int(0), length) as i:
            value = from_memory(b, b.load(b.gep(read, b.mul(i, x_step), element), element), dt)
            new = combine(b, op, dt, b.get(running, ty), value)
            b.set(running, new)
            b.store(to_memory(b, new, dt), b.gep(write_to, b.mul(i, o_step), element))

    return _scanning(op, dim, out, x, target, row)


def log_scan_launch(op: str, dim: int, out: Placed, x: Placed, target: Target) -> Launch:
    """The logarithm of the running sum of exponentials along `dim`: of those of the distances to the largest so far.

    Only the sum waits for the element before. -inf and inf are at no distance to themselves.
    """
    dt, wide = out.dtype, "double"
    element, ty = MEMORY[dt.name], compute_type(dt)
    exp, log = vecmath.FUNCTIONS["exp"], vecmath.FUNCTIONS["log"]

    def row(b: Builder, read: Val, write_to: Val, length: Val, x_step: Val, o_step: Val) -> None:
        top, total = b.var(ty, b.float(float("-inf"), ty)), b.var(wide, b.zero(wide))
        with b.loop(b.int(0), length) as i:
            value = from_memory(b, b.load(b.gep(read, b.mul(i, x_step), element), element), dt)
            old, so_far = b.get(top, ty), b.get(total, wide)
            above = b.fcmp("ogt", value, old)
            new = b.select(above, value, old)
            distance = b.fsub(b.select(above, old, value), new)
            near = exp(b, b.select(b.fcmp("oeq", value, old), b.zero(ty), distance))
            near = near if ty == wide else b.cast("fpext", near, wide)
            whole = b.select(above, b.fadd(b.fmul(so_far, near), b.float(1.0, wide)), b.fadd(so_far, near))
            b.set(top, new)
            b.set(total, whole)
            more = log(b, whole if ty == wide else b.cast("fptrunc", whole, ty))
            b.store(to_memory(b, b.fadd(new, more), dt), b.gep(write_to, b.mul(i, o_step), element))

    return _scanning(op, dim, out, x, target, row)


def arg_scan_launch(op: str, dim: int, out: Placed, x: Placed, target: Target) -> Launch:
    """The index of the extremum so far along `dim`, the last of equal ones; NaN is an extremum."""
    dt = x.dtype
    element, ty = MEMORY[dt.name], compute_type(dt)

    def row(b: Builder, read: Val, write_to: Val, length: Val, x_step: Val, o_step: Val) -> None:
        best, at = b.var(ty, from_memory(b, b.load(read, element), dt)), b.var("i64", b.int(0))
        with b.loop(b.int(0), length) as i:
            value = from_memory(b, b.load(b.gep(read, b.mul(i, x_step), element), element), dt)
            so_far = b.get(best, ty)
            better = emit(b, "ge" if op == "argcummax" else "le", dt, [value, so_far], lambda lanes, bit: None)
            if dt.category == 2:
                better = b.binary("or", better, b.fcmp("uno", value, value))
            with b.when(better):  # a branch: the next comparison need not wait for this one
                b.set(best, value)
                b.set(at, i)
            b.store(b.get(at, "i64"), b.gep(write_to, b.mul(i, o_step), "i64"))

    return _scanning(op, dim, out, x, target, row)


def _scanning(op: str, dim: int, out: Placed, x: Placed, target: Target, write_row: Callable[..., None]) -> Launch:
    """One row along `dim` after the other; rows are shared among the threads.

    Operands: the sizes of the other dimensions, x's strides along them, out's, then size, x's and out's stride along
    `dim`, offsets.
    """
    rank = len(out.shape)
    others = [d for d in range(rank) if d != dim]
    size = out.shape[dim] if rank else 1
    ops = (
        *(out.shape[d] for d in others), *(x.strides[d] for d in others), *(out.strides[d] for d in others), size,
        x.strides[dim] if rank else 0, out.strides[dim] if rank else 0, x.offset, out.offset,
    )  # fmt: skip
    n = len(others)

    def write() -> str:
        b = Builder()
        bufs, op_ptr, _, begin, end, _, _ = b.begin_function("scan")
        values = operands(b, op_ptr, len(ops))
        sizes, x_strides, o_strides = values[:n], values[n : 2 * n], values[2 * n : 3 * n]
        length, x_step, o_step, x_off, o_off = values[-5:]
        to, source = buffer(b, bufs, 0), buffer(b, bufs, 1)
        with b.loop(begin, end) as row:
            place = unravel(b, row, sizes)
            read = b.gep(source, b.add(x_off, offset_of(b, place, x_strides)), MEMORY[x.dtype.name])
            write_to = b.gep(to, b.add(o_off, offset_of(b, place, o_strides)), MEMORY[out.dtype.name])
            write_row(b, read, write_to, length, x_step, o_step)
        b.ret()
        b.end_function()
        return b.module()

    total = 1
    for d in others:
        total *= out.shape[d]
    grain = max(1, -(-total // target.threads)) if total * size > 32768 else max(1, total)
    return Launch(Kernel(f"{op}|{n}|{x.dtype.name}", "scan", write), (out.number, x.number), ops, total, grain)
