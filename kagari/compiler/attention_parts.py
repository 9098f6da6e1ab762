"""What the kernels of attention are made of: products of panels, and copies between memory and tiles.

A *panel* is as many queries as a tile is wide. Scores, and what is computed of them, lie with keys as rows and the
queries of a panel as lanes. So the maxima and sums of a softmax run from row to row, without a step across lanes, and
products read keys and values in place, as the operand that is broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..base.dtypes import dtype
from .contract_common import batch_bases
from .contract_pack import quad, transpose
from .contract_tile import Tile, Tiles, call_tile, tall_first
from .elementwise import MEMORY, from_memory, to_memory
from .text import Builder, Val, vector

LOG2E, LN2 = 1.4426950408889634, 0.6931471805599453
QUERIES = 64  # of a block, for which keys and values are read once
TRUE, FALSE = Val("true", "i1"), Val("false", "i1")
INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class Form(Tile):
    """What the code of an attention kernel depends on: the dtypes of its operands and of the mask, where there is one.

    `of` is that of the operands, `element` what they are computed with.
    """

    of: dtype
    mask: dtype | None

    @property
    def tiles(self) -> Tiles:
        """The tiles that its products are made of."""
        return Tiles(Tile(self.element, self.lanes, self.vectors, self.heights), ragged=False)

    @property
    def widens(self) -> bool:
        """Whether keys and values are copied, as floats, before they are multiplied."""
        return self.of.itemsize == 2

    @property
    def key(self) -> str:
        shape = f"{'-'.join(map(str, self.heights))}x{self.vectors}x{self.lanes}"
        return f"{self.of.name}.{shape}.{self.mask.name if self.mask else 'free'}"

    @property
    def held(self) -> str:
        """The type of a vector."""
        return vector(self.lanes, self.element)


def write_parts(b: Builder, form: Form) -> None:
    """Defines the functions that both kernels call, beside those of `form.tiles`."""
    _write_product(b, form)
    _write_turn(b, form)
    _write_widen(b, "widen", form, form.of)
    _write_narrow(b, form)
    if form.mask is not None:
        _write_widen(b, "widen_mask", form, form.mask)
        _write_bias(b, form)


def begin_part(b: Builder, name: str, pointers: str, integers: str, *more: tuple[str, str]) -> list[Val]:
    """Starts a function of this module and returns its parameters."""
    params = [*((p, "ptr") for p in pointers.split()), *((n, "i64") for n in integers.split()), *more]
    return b.begin_function(name, params, linkage="internal", attributes="noinline")


def end_part(b: Builder) -> None:
    """Ends a function that returns nothing."""
    b.ret()
    b.end_function()


def vectors_of(b: Builder, form: Form, row: Val) -> list[Val]:
    """The addresses of the vectors of a panel's row."""
    return [b.gep(row, b.int(v * form.lanes), form.element) for v in range(form.vectors)]


def lane_numbers(form: Form, v: int) -> Val:
    """The numbers of the queries of a panel that its vector v holds."""
    numbers = range(v * form.lanes, (v + 1) * form.lanes)
    return Val(f"<{', '.join(f'i32 {n}' for n in numbers)}>", vector(form.lanes, "i32"))


def _write_product(b: Builder, form: Form) -> None:
    """Defines @product: area[rows, panel] (+)= P[rows, k] Q[k, panel]; steps are in bytes."""
    p, q, area, prow, pk, rows, qk, k, arow, more = begin_part(
        b, "product", "p q area", "prow pk rows qk k arow", ("more", "i1")
    )
    with tall_first(b, form.heights, b.int(0), rows, b.int(form.heights[0])) as (row, height, count):
        short = b.icmp("slt", count, height)
        steps = [b.select(short, b.int(0), step) for step in (prow, arow)]
        at = b.gep(p, b.mul(row, prow), "i8"), b.gep(area, b.mul(row, arow), "i8")
        cols = b.int(form.width)
        tile = form.tiles.at(b, height)
        call_tile(b, tile, at[0], steps[0], pk, q, qk, k, at[1], steps[1], cols, more)
    end_part(b)


def _write_turn(b: Builder, form: Form) -> None:
    """Defines @turn: to[col, row] = source[row, col]; pitches are in elements.

    Rows are written by whole vectors, columns by quads: what lies behind them in `to` is overwritten.
    """
    to, source, pitch, step, rows, cols = begin_part(b, "turn", "to source", "pitch step rows cols")
    q, lanes, element = quad(form.lanes), form.lanes, form.element
    last = b.sub(rows, b.int(1))
    with b.loop(b.int(0), rows, lanes) as r:
        at = [b.intrinsic("smin", "i64", b.add(r, b.int(i)), last) for i in range(lanes)]
        lines = [b.gep(source, b.mul(i, step), element) for i in at]
        with b.loop(b.int(0), cols, q) as c:
            mask = b.lane_mask(c, cols, q)
            squares = [b.masked_load(b.gep(line, c, element), mask, vector(q, element)) for line in lines]
            for j, x in enumerate(transpose(b, squares)):
                b.store(x, b.gep(to, b.add(b.mul(b.add(c, b.int(j)), pitch), r), element))
    end_part(b)


def _write_widen(b: Builder, name: str, form: Form, dt: dtype) -> None:
    """Defines a copy of rows of any strides: to[row, col] = source[row, col] * factor, with zeros up to `padded`.

    A boolean is 0 where it is true, and -inf where it is not. The strides of the source are in bytes.
    """
    to, source, pitch, row_step, col_step, rows, cols, padded, factor = begin_part(
        b, name, "to source", "pitch row_step col_step rows cols padded", ("factor", form.element)
    )
    memory, element = MEMORY[dt.name], form.element
    beside = b.icmp("eq", col_step, b.int(dt.itemsize))
    whole = b.select(beside, b.binary("and", cols, b.int(-form.lanes)), b.int(0))

    def wide(address: Val, lanes: int) -> Val:
        x, ty = from_memory(b, b.load(address, vector(lanes, memory)), dt), vector(lanes, element)
        if dt.name == "bool":
            return b.select(x, b.zero(ty), b.float(-INFINITY, ty))
        return b.fmul(x, b.splat(factor, lanes))

    with b.loop(b.int(0), rows) as r:
        row, line = b.gep(source, b.mul(r, row_step), "i8"), b.gep(to, b.mul(r, pitch), element)
        with b.loop(b.int(0), whole, form.lanes) as i:
            b.store(wide(b.gep(row, i, memory), form.lanes), b.gep(line, i, element))
        with b.loop(whole, cols) as i:
            b.store(wide(b.gep(row, b.mul(i, col_step), "i8"), 0), b.gep(line, i, element))
        with b.loop(cols, padded) as i:
            b.store(b.zero(element), b.gep(line, i, element))
    end_part(b)


def _write_narrow(b: Builder, form: Form) -> None:
    """Defines @narrow: to[row, col] = source[row, col] * factor, in the operands' dtype, contiguous along columns.

    `row_step` is in bytes, `pitch` in elements.
    """
    to, source, row_step, pitch, rows, cols, factor = begin_part(
        b, "narrow", "to source", "row_step pitch rows cols", ("factor", form.element)
    )
    memory, element = MEMORY[form.of.name], form.element
    whole = b.binary("and", cols, b.int(-form.lanes))
    with b.loop(b.int(0), rows) as r:
        row, line = b.gep(to, b.mul(r, row_step), "i8"), b.gep(source, b.mul(r, pitch), element)
        for first, last, lanes in ((b.int(0), whole, form.lanes), (whole, cols, 0)):
            with b.loop(first, last, max(lanes, 1)) as i:
                x = b.fmul(b.load(b.gep(line, i, element), vector(lanes, element)), b.splat(factor, lanes))
                b.store(to_memory(b, x, form.of), b.gep(row, i, memory))
    end_part(b)


def _write_bias(b: Builder, form: Form) -> None:
    """Defines @bias: adds a mask, in units of log 2, to the scores of a panel; its rows are those of the mask. Scores
    that a boolean one hides become -inf, whatever they were.

    The mask's strides and that of the scores are in bytes. `room` holds the mask's rows, `pitch` elements apart, and
    behind them the mask turned. A mask that is the same for all queries, as one of padding is, needs no turning.
    """
    scores, mask, room, srow, row_step, col_step, rows, keys, pitch = begin_part(
        b, "bias", "scores mask room", "srow row_step col_step rows keys pitch"
    )
    turned = b.gep(room, b.mul(pitch, b.int(form.width)), form.element)
    factor = b.float(LOG2E, form.element)
    boolean = form.mask is not None and form.mask.name == "bool"
    same = b.icmp("eq", row_step, b.int(0))
    used = b.select(same, b.int(1), rows)
    b.call_local("widen_mask", room, mask, pitch, row_step, col_step, used, keys, keys, factor)

    def add(more: Callable[[Val], list[Val]]) -> None:
        with b.loop(b.int(0), keys) as j:
            for address, x in zip(vectors_of(b, form, b.gep(scores, b.mul(j, srow), "i8")), more(j)):
                score = b.load(address, form.held)
                if boolean:
                    b.store(b.select(b.fcmp("olt", x, b.zero(form.held)), x, score), address)
                else:
                    b.store(b.fadd(score, x), address)

    def of_row(j: Val) -> list[Val]:
        line = vectors_of(b, form, b.gep(turned, b.mul(j, b.int(form.width)), form.element))
        return [b.load(address, form.held) for address in line]

    with b.when(same):
        add(lambda j: [b.splat(b.load(b.gep(room, j, form.element), form.element), form.lanes)] * form.vectors)
    with b.when(b.binary("xor", same, TRUE)):
        b.call_local("turn", turned, room, b.int(form.width), pitch, rows, keys)
        add(of_row)
    end_part(b)


@dataclass(slots=True)
class Rows:
    """Keys or values from some row on, as an operand that is broadcast: strides in bytes."""

    base: Val
    row: Val
    col: Val


class Walk:
    """Begins a kernel, and writes what both have of the way through its blocks.

    `buffers` and `operands` name what it is given, in order; both kernels use the same names for the same things.
    """

    def __init__(
        self, b: Builder, form: Form, symbol: str, buffers: tuple[str, ...], operands: tuple[str, ...]
    ) -> None:
        self.b, self.form = b, form
        bufs, ops, _, self.begin, self.end, worker, _ = b.begin_function(symbol)
        self.op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(operands)}
        self.buf = {name: b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i, name in enumerate(buffers)}
        for name in buffers:
            if f"{name}_first" in operands:
                self.buf[name] = b.gep(self.buf[name], self.op[f"{name}_first"], self.element(name))
        self.records = b.gep(ops, b.int(len(operands)), "i64")
        self.scratch = b.gep(self.buf["scratch"], b.mul(worker, self.op["worker"]), form.element)
        self.scale = b.load(self.buf["scale"], form.element)
        self.causal = b.icmp("ne", self.op["causal"], b.int(0))

    def bytes(self, name: str, dt: dtype | None = None) -> Val:
        """A stride of an operand in bytes."""
        return self.b.mul(self.op[name], self.b.int((dt or self.form.of).itemsize))

    def area(self, name: str, index: Val | None = None) -> Val:
        """A part of the worker's scratch memory, from an element on."""
        b, at = self.b, self.op[name + "_at"]
        return b.gep(self.scratch, at if index is None else b.add(at, index), self.form.element)

    def element(self, name: str) -> str:
        """What lies in a buffer."""
        if name in ("logsums", "delta", "scale", "scratch"):
            return self.form.element
        of = self.form.mask if name == "mask" and self.form.mask is not None else self.form.of
        return MEMORY[of.name]

    def of_batch(self, batch: Val) -> dict[str, Val]:
        """Where the matrices of one number of the batch begin, in each buffer that has any."""
        bases = {name: base for name, base in self.buf.items() if name not in ("scale", "scratch")}
        elements = [self.element(name) for name in bases]
        found = batch_bases(self.b, self.op["batch_rank"], self.records, batch, list(bases.values()), elements)
        return dict(zip(bases, found))

    def seen(self, first: Val, count: Val) -> Val:
        """How many keys the queries first .. first + count - 1 look at, from the first key on."""
        b, keys = self.b, self.op["keys"]
        return b.select(self.causal, b.intrinsic("smin", "i64", keys, b.add(first, count)), keys)

    def tail(self, first: Val, start: Val, keys: Val) -> Val:
        """The first of `keys` keys from `start` on that is hidden from query `first`; `keys` where none is.

        Blocks of keys are whole panels long: `first` looks at the first key of a block, or all of its panel at none.
        """
        b = self.b
        hidden = b.intrinsic("smax", "i64", b.sub(b.add(first, b.int(1)), start), b.int(0))
        return b.intrinsic("smin", "i64", keys, b.select(self.causal, hidden, keys))

    def rows(self, name: str, base: Val, first: Val, count: Val, cols: Val) -> Rows:
        """Rows of keys or values; as floats in scratch memory, where they have to be widened."""
        b, form = self.b, self.form
        row, col = self.bytes(name + "_row"), self.bytes(name + "_col")
        at = b.gep(base, b.mul(first, row), "i8")
        if not form.widens:
            return Rows(at, row, col)
        area, pitch = self.area(name), self.op[name + "_pitch"]
        b.call_local("widen", area, at, pitch, row, col, count, cols, cols, b.float(1.0, form.element))
        return Rows(area, b.mul(pitch, b.int(form.size)), b.int(form.size))

    def queries(self, name: str, base: Val, first: Val, count: Val, cols: Val, factor: Val) -> Val:
        """Rows of queries or gradients, multiplied by a factor, in scratch memory; and behind each other the panels.

        Columns are padded with zeros to whole panels. Gives the address of the rows.
        """
        b, form, op = self.b, self.form, self.op
        row, col = self.bytes(name + "_row"), self.bytes(name + "_col")
        at, rows, pitch = b.gep(base, b.mul(first, row), "i8"), self.area("rows_" + name), op[name + "_pitch"]
        padded = b.binary("and", b.add(cols, b.int(form.width - 1)), b.int(-form.width))
        b.call_local("widen", rows, at, pitch, row, col, count, cols, padded, factor)
        with self.panels(count) as (start, queries):
            to = self.area("turned_" + name, b.mul(start, op[name + "_depth"]))
            source = b.gep(rows, b.mul(start, pitch), form.element)
            b.call_local("turn", to, source, b.int(form.width), pitch, queries, cols)
        return rows

    @contextmanager
    def panels(self, count: Val) -> Iterator[tuple[Val, Val]]:
        """The first query of each panel of a block, and how many there are in it."""
        b, width = self.b, self.form.width
        with b.loop(b.int(0), count, width) as start:
            yield start, b.intrinsic("smin", "i64", b.int(width), b.sub(count, start))

    def add_mask(self, base: Val, scores: Val, srow: Val, query: Val, key: Val, queries: Val, keys: Val) -> None:
        """Adds the mask to the scores of a panel."""
        b, mask = self.b, self.form.mask
        if mask is None:
            return
        row, col = self.bytes("mask_row", mask), self.bytes("mask_col", mask)
        at = b.gep(base, b.add(b.mul(query, row), b.mul(key, col)), "i8")
        room, pitch = self.area("mask"), self.op["mask_pitch"]
        b.call_local("bias", scores, at, room, srow, row, col, queries, keys, pitch)
