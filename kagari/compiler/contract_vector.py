"""Matrix times vector: C[rows] = sum over k of P[rows, k] q[k]. Reading the matrix is all the work there is.

`dot` is for a matrix contiguous along k: one row after the other, as processors read ahead in memory that is read from
one end to the other; several rows side by side took three times as long where they were short. `axpy` is for one
contiguous along its rows: a block of results stays in L1, and `COLUMNS` columns, scaled by elements of q, are added to
it at a time, so that memory is read in long runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract_common import batch_bases
from .contract_epilogue import Context, Epilogue, convert, fetch
from .text import BITS, Builder, Val, vector

TOGETHER = 4  # vectors of a row that are added up apart
COLUMNS = 8  # of the matrix that are added to a result at a time
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
    with b.loop(begin, end) as piece:
        batch = b.binary("udiv", piece, op["row_blocks"])
        elements = [form.element, form.element, epilogue.element]
        matrix, q_base, out = batch_bases(b, op["batch_rank"], batch_ops, batch, [p, q, c], elements)
        first = b.mul(b.binary("urem", piece, op["row_blocks"]), op["row_block"])
        rows = b.intrinsic("smin", "i64", op["row_block"], b.sub(op["rows"], first))
        matrix = b.gep(matrix, b.mul(first, op["prow"]), form.element)
        if form.mode == "dot":
            _dot(b, form, op, matrix, q_base, rows, results)
        else:
            _axpy(b, form, op, matrix, q_base, rows, results)
        _hand_over(b, form, op, epilogue, Context(more, extra, scalars, batch), results, out, first, rows)
    b.ret()
    b.end_function()
    return b.module()


def _dot(b: Builder, form: VectorForm, op: dict[str, Val], p: Val, q: Val, rows: Val, results: Val) -> None:
    """results[r] = sum_k p[r, k] q[k], both contiguous along k."""
    long = b.binary("and", op["k"], b.int(-TOGETHER * form.lanes))
    whole = b.binary("and", op["k"], b.int(-form.lanes))
    reduce = f"llvm.vector.reduce.fadd.v{form.lanes}{'f32' if form.sum == 'float' else 'f64'}"
    with b.loop(b.int(0), rows) as row:
        line = b.gep(p, b.mul(row, op["prow"]), form.element)
        sums = [b.var(form.type, b.zero(form.type)) for _ in range(TOGETHER)]

        def step(i: Val, slot: Val, mask: Val | None = None, line: Val = line) -> None:
            x, y = (form.load(b, b.gep(base, i, form.element), mask) for base in (q, line))
            b.set(slot, b.fma(y, x, b.get(slot, form.type)))

        with b.loop(b.int(0), long, TOGETHER * form.lanes) as i:
            for number, slot in enumerate(sums):
                step(b.add(i, b.int(number * form.lanes)), slot)
        with b.loop(long, whole, form.lanes) as i:
            step(i, sums[0])
        with b.when(b.icmp("ne", whole, op["k"])):
            step(whole, sums[0], b.lane_mask(whole, op["k"], form.lanes))
        parts = [b.get(slot, form.type) for slot in sums]
        while len(parts) > 1:
            parts = [b.binary("fadd", x, y) for x, y in zip(parts[::2], parts[1::2])]
        total = b.call(reduce, form.sum, b.float(-0.0, form.sum), parts[0], flags="reassoc")
        b.store(total, b.gep(results, row, form.sum))


def _axpy(b: Builder, form: VectorForm, op: dict[str, Val], p: Val, q: Val, rows: Val, results: Val) -> None:
    """results[:] = sum_k p[:, k] q[k], p contiguous along its rows."""
    with b.loop(b.int(0), rows, form.lanes) as i:
        b.store(b.zero(form.type), b.gep(results, i, form.sum))
    whole = b.binary("and", rows, b.int(-form.lanes))
    mask = b.lane_mask(whole, rows, form.lanes)
    many = b.binary("and", op["k"], b.int(-COLUMNS))

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

    with b.loop(b.int(0), many, COLUMNS) as k:
        add_columns(k, COLUMNS)
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
