"""Matrix times vector: C[rows] = sum over k of P[rows, k] q[k]. Reading the matrix is all the work there is.

`dot` is for a matrix contiguous along k: `TOGETHER` rows are read side by side with one accumulator each, whose lanes
are added up at the end. `axpy` is for one contiguous along its rows: a block of results stays in L1, and `TOGETHER`
columns, scaled by elements of q, are added to it at a time, so that memory is read in long runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract_common import batch_bases
from .contract_epilogue import Context, Epilogue, convert, fetch
from .text import BITS, Builder, Val, vector

TOGETHER = 8  # rows or columns of the matrix in flight
LONGEST = 2048  # results of one piece, kept on the stack

OPERANDS = (
    "rows",  # rows of the matrix: n where the form is `across`, else m
    "k",
    "row_block",  # results of one piece, at most LONGEST
    "row_blocks",
    "prow",  # strides in elements
    "pk",
    "qk",
    "crow",  # from one row of C to the next
    "batch_rank",  # number of batch dimensions; (size, matrix, vector and C stride) of each follow, innermost first
)


@dataclass(frozen=True, slots=True)
class VectorForm:
    """What the code depends on: `mode` is `dot` or `axpy`; `across` says that the results lie along n, not along m.

    `element` is that of the memory; 16-bit floats are added up as 32-bit ones, of which a vector has `lanes`.
    """

    mode: str
    element: str
    lanes: int
    across: bool

    @property
    def sum(self) -> str:
        return self.element if BITS[self.element] > 16 else "float"

    @property
    def type(self) -> str:
        return vector(self.lanes, self.sum)

    def load(self, b: Builder, pointer: Val, mask: Val | None) -> Val:
        """A vector of the matrix or the vector, in the type of the sums."""
        return convert(b, fetch(b, pointer, vector(self.lanes, self.element), mask), self.sum)

    @property
    def key(self) -> str:
        return f"{self.mode}.{self.element}.{self.lanes}.{'across' if self.across else 'down'}"


def write_vector(form: VectorForm, epilogue: Epilogue) -> str:
    """The module of one kernel, `matvec`; bufs are the matrix, the vector and C."""
    b = Builder()
    bufs, ops, scalars, begin, end, _, _ = b.begin_function("matvec")
    p, q, c = (b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i in range(3))
    op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(OPERANDS)}
    count = len(OPERANDS)
    extra = tuple(b.load(b.gep(ops, b.int(count + i), "i64"), "i64") for i in range(len(epilogue.ops)))
    more = tuple(b.load(b.gep(bufs, b.int(3 + i), "ptr"), "ptr") for i in range(len(epilogue.bufs)))
    batch_ops = b.gep(ops, b.int(count + len(epilogue.ops)), "i64")
    results = b.var(f"[{LONGEST // form.lanes + 1} x {form.type}]")
    squares = b.var(f"[{TOGETHER} x {form.type}]")
    with b.loop(begin, end) as piece:
        batch = b.binary("udiv", piece, op["row_blocks"])
        elements = [form.element, form.element, epilogue.element]
        matrix, q_base, out = batch_bases(b, op["batch_rank"], batch_ops, batch, [p, q, c], elements)
        first = b.mul(b.binary("urem", piece, op["row_blocks"]), op["row_block"])
        rows = b.intrinsic("smin", "i64", op["row_block"], b.sub(op["rows"], first))
        matrix = b.gep(matrix, b.mul(first, op["prow"]), form.element)
        if form.mode == "dot":
            _dot(b, form, op, matrix, q_base, rows, results, squares)
        else:
            _axpy(b, form, op, matrix, q_base, rows, results)
        _hand_over(b, form, op, epilogue, Context(more, extra, scalars, batch), results, out, first, rows)
    b.ret()
    b.end_function()
    return b.module()


def _dot(
    b: Builder, form: VectorForm, op: dict[str, Val], p: Val, q: Val, rows: Val, results: Val, squares: Val
) -> None:
    """results[r] = sum_k p[r, k] q[k], both contiguous along k; beyond `rows` the last one repeats."""
    whole = b.binary("and", op["k"], b.int(-form.lanes))
    last = b.sub(rows, b.int(1))
    with b.loop(b.int(0), rows, TOGETHER) as row:
        numbers = [b.intrinsic("smin", "i64", b.add(row, b.int(i)), last) for i in range(TOGETHER)]
        lines = [b.gep(p, b.mul(at, op["prow"]), form.element) for at in numbers]
        sums = [b.var(form.type, b.zero(form.type)) for _ in lines]

        def step(i: Val, mask: Val | None, lines: list[Val] = lines, sums: list[Val] = sums) -> None:
            x = form.load(b, b.gep(q, i, form.element), mask)
            for slot, line in zip(sums, lines):
                y = form.load(b, b.gep(line, i, form.element), mask)
                b.set(slot, b.fma(y, x, b.get(slot, form.type)))

        with b.loop(b.int(0), whole, form.lanes) as i:
            step(i, None)
        with b.when(b.icmp("ne", whole, op["k"])):
            step(whole, b.lane_mask(whole, op["k"], form.lanes))
        for number, slot in enumerate(sums):
            b.store(b.get(slot, form.type), b.gep(squares, b.int(number * form.lanes), form.sum))
        with b.loop(b.int(0), b.intrinsic("smin", "i64", b.int(TOGETHER), b.sub(rows, row))) as r:
            x = b.load(b.gep(squares, b.mul(r, b.int(form.lanes)), form.sum), form.type)
            name = f"llvm.vector.reduce.fadd.v{form.lanes}{'f32' if form.sum == 'float' else 'f64'}"
            total = b.call(name, form.sum, b.float(-0.0, form.sum), x, flags="reassoc")
            b.store(total, b.gep(results, b.add(row, r), form.sum))


def _axpy(b: Builder, form: VectorForm, op: dict[str, Val], p: Val, q: Val, rows: Val, results: Val) -> None:
    """results[:] = sum_k p[:, k] q[k], p contiguous along its rows."""
    with b.loop(b.int(0), rows, form.lanes) as i:
        b.store(b.zero(form.type), b.gep(results, i, form.sum))
    whole = b.binary("and", rows, b.int(-form.lanes))
    mask = b.lane_mask(whole, rows, form.lanes)
    many = b.binary("and", op["k"], b.int(-TOGETHER))

    def add_columns(k: Val, count: int) -> None:
        at = [b.add(k, b.int(j)) for j in range(count)]
        numbers = [b.load(b.gep(q, b.mul(j, op["qk"]), form.element), form.element) for j in at]
        scales = [b.splat(convert(b, x, form.sum), form.lanes) for x in numbers]
        columns = [b.gep(p, b.mul(j, op["pk"]), form.element) for j in at]

        def step(i: Val, mask: Val | None) -> None:
            place = b.gep(results, i, form.sum)
            total = b.load(place, form.type)
            for scale, column in zip(scales, columns):
                total = b.fma(form.load(b, b.gep(column, i, form.element), mask), scale, total)
            b.store(total, place)

        with b.loop(b.int(0), whole, form.lanes) as i:
            step(i, None)
        with b.when(b.icmp("ne", whole, rows)):
            step(whole, mask)

    with b.loop(b.int(0), many, TOGETHER) as k:
        add_columns(k, TOGETHER)
    with b.loop(many, op["k"]) as k:
        add_columns(k, 1)


def _hand_over(
    b: Builder,
    form: VectorForm,
    op: dict[str, Val],
    epilogue: Epilogue,
    context: Context,
    results: Val,
    out: Val,
    first: Val,
    rows: Val,
) -> None:
    """Gives the results first..first + rows to the epilogue: vectors along n, or one by one along m."""
    zero = b.int(0)
    with b.loop(zero, rows, form.lanes if form.across else 1) as i:
        at = b.add(first, i)
        if form.across:
            mask = b.lane_mask(i, rows, form.lanes)
            acc = b.load(b.gep(results, i, form.sum), form.type)
            epilogue.store(b, b.gep(out, at, epilogue.element), acc, zero, at, form.lanes, mask, context)
        else:
            acc = b.load(b.gep(results, i, form.sum), vector(1, form.sum))
            place = b.gep(out, b.mul(at, op["crow"]), epilogue.element)
            epilogue.store(b, place, acc, at, zero, 1, None, context)
