"""The kernel of attention's gradients: of queries, keys and values, block by block.

Weights are computed again from scores and the logarithms of their sums (Dao et al. 2022). With w the weights and
h = g v^T their gradients, those of the scores are w (h - delta), where delta = sum(w h) = sum(g out) is an operand. One
piece of the parallel range is a matrix of the batch: all gradients of a key or a value are summed by one worker.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from . import vecmath
from .attention_parts import (
    FALSE,
    INFINITY,
    LN2,
    LOG2E,
    QUERIES,
    TRUE,
    Form,
    Rows,
    Walk,
    begin_part,
    end_part,
    lane_numbers,
    vectors_of,
    write_parts,
)
from .text import Builder, Val

BUFFERS = (
    "query", "key", "value", "gradient", "logsums", "delta", "scale", "mask", "of_query", "of_key", "of_value",
    "scratch",
)  # fmt: skip

OPERANDS = (
    "queries", "keys", "size", "width",
    "block",  # keys that are looked at together
    "causal",  # whether a query looks at no key behind its own number
    "wants_query", "wants_key", "wants_value",  # which gradients are stored
    "query_row", "query_col", "key_row", "key_col", "value_row", "value_col", "gradient_row", "gradient_col",
    "mask_row", "mask_col", "logsums_row", "delta_row",
    "of_query_row", "of_key_row", "of_value_row",  # in elements, as offsets are
    "query_first", "key_first", "value_first", "gradient_first", "logsums_first", "delta_first", "scale_first",
    "mask_first",
    "query_pitch", "gradient_pitch", "key_pitch", "value_pitch", "mask_pitch",  # of rows in scratch memory
    "query_depth", "gradient_depth",  # rows of a turned panel
    "rows_query_at", "turned_query_at", "rows_gradient_at", "turned_gradient_at", "scores_at", "slopes_at", "stats_at",
    "of_query_at", "of_key_at", "of_value_at", "key_at", "value_at", "mask_at",
    "worker",  # elements of scratch memory of one worker, in which those areas lie
    "batch_rank",  # (size, and strides of all buffers but scale and scratch) of each follow, innermost first
)  # fmt: skip


def write_backward(form: Form) -> str:
    """The module of the kernel `attend_grad`."""
    b = Builder()
    write_parts(b, form)
    _write_slopes(b, form)
    _Backward(b, form, "attend_grad", BUFFERS, OPERANDS).pieces()
    end_part(b)
    return b.module()


def _write_slopes(b: Builder, form: Form) -> None:
    """Defines @slopes: scores[keys, panel] become weights, slopes[keys, panel] gradients of the scores.

    `stats` are the logarithms of the sums and delta, for all queries of a block. Of the keys from `tail` on the first
    is hidden from query 0 of the panel, the next one from query 1 too, and so on; those from `seen` on, from all.
    """
    scores, slopes, stats, seen, keys, tail = begin_part(b, "slopes", "scores slopes stats", "seen keys tail")
    held, zero = form.held, b.zero(form.held)
    line = lambda base, i: vectors_of(b, form, b.gep(base, b.mul(i, b.int(QUERIES)), form.element))  # noqa: E731
    logs, deltas = ([b.load(a, held) for a in line(stats, b.int(i))] for i in (0, 1))

    def row(j: Val, hidden: Val | None) -> None:
        for v, (at, to) in enumerate(zip(line(scores, j), line(slopes, j))):
            weight = vecmath.exp2_negative(b, b.fsub(b.load(at, held), logs[v]))
            if hidden is not None:
                weight = b.select(b.icmp("sgt", lane_numbers(form, v), hidden), weight, zero)
            b.store(weight, at)
            b.store(b.fmul(weight, b.fsub(b.load(to, held), deltas[v])), to)

    with b.loop(b.int(0), tail) as j:
        row(j, None)
    with b.loop(tail, seen) as j:
        row(j, b.splat(b.cast("trunc", b.sub(j, tail), "i32"), form.lanes))
    with b.loop(seen, keys) as j:
        for address in (*line(scores, j), *line(slopes, j)):
            b.store(zero, address)
    end_part(b)


class _Backward(Walk):
    """Writes the kernel. Its attributes are the values that its loops share."""

    def pieces(self) -> None:
        """for each matrix of the batch in [begin, end)"""
        b, op, form = self.b, self.op, self.form
        self.line, self.one = b.int(QUERIES * form.size), b.int(form.size)
        with b.loop(self.begin, self.end) as batch:
            self.at = self.of_batch(batch)
            for name in ("key", "value"):
                self._clear(self.area(f"of_{name}"), b.mul(op["keys"], op[self._pitch(name)]))
            with b.loop(b.int(0), op["queries"], QUERIES) as first:
                self.first = first
                self.count = b.intrinsic("smin", "i64", b.int(QUERIES), b.sub(op["queries"], first))
                self._block()
            # Queries are held multiplied by the scale and by 1 / log 2.
            for name, cols, factor in (("key", "size", LN2), ("value", "width", 1.0)):
                with self._wanted(name):
                    step = self.bytes(f"of_{name}_row")
                    source, pitch = self.area(f"of_{name}"), op[self._pitch(name)]
                    to, number = self.at[f"of_{name}"], b.float(factor, form.element)
                    b.call_local("narrow", to, source, step, pitch, op["keys"], op[cols], number)

    @staticmethod
    def _pitch(name: str) -> str:
        """The pitch of the sums of a gradient: that of the rows which they are made of."""
        return "query_pitch" if name == "key" else "gradient_pitch"

    def _wanted(self, name: str) -> AbstractContextManager[None]:
        """What is done only where this gradient is stored."""
        return self.b.when(self.b.icmp("ne", self.op[f"wants_{name}"], self.b.int(0)))

    def _clear(self, base: Val, count: Val) -> None:
        """Zeros; `count` is a multiple of a vector."""
        b, form = self.b, self.form
        with b.loop(b.int(0), count, form.lanes) as i:
            b.store(b.zero(form.held), b.gep(base, i, form.element))

    def _block(self) -> None:
        """One block of queries: its gradients, and what it adds to those of keys and values."""
        b, op, form = self.b, self.op, self.form
        element = form.element
        factor = b.fmul(self.scale, b.float(LOG2E, element))
        first, count = self.first, self.count
        self.query_rows = self.queries("query", self.at["query"], first, count, op["size"], factor)
        one = b.float(1.0, element)
        self.gradient_rows = self.queries("gradient", self.at["gradient"], first, count, op["width"], one)
        self._stats()
        self._clear(self.area("of_query"), b.mul(op["size"], b.int(QUERIES)))
        limit = self.seen(first, count)
        with b.loop(b.int(0), limit, op["block"]) as start:
            self._keys(start, b.intrinsic("smin", "i64", op["block"], b.sub(limit, start)))
        with self._wanted("query"):
            self._store_of_query()

    def _stats(self) -> None:
        """The logarithms of the block's sums, in units of log 2, and its deltas; of queries that are not there what
        makes weights of 0."""
        b, form = self.b, self.form
        logs = self.area("stats")
        deltas = b.gep(logs, b.int(QUERIES), form.element)
        with b.loop(b.int(0), b.int(QUERIES)) as i:
            b.store(b.float(INFINITY, form.element), b.gep(logs, i, form.element))
            b.store(b.zero(form.element), b.gep(deltas, i, form.element))
        for name, to, factor in (("logsums", logs, LOG2E), ("delta", deltas, 1.0)):
            with b.loop(b.int(0), self.count) as i:
                at = b.mul(b.add(self.first, i), self.op[f"{name}_row"])
                x = b.load(b.gep(self.at[name], at, form.element), form.element)
                b.store(b.fmul(x, b.float(factor, form.element)), b.gep(to, i, form.element))

    def _keys(self, start: Val, count: Val) -> None:
        """One block of keys: weights and gradients of scores, panel by panel, then the products with them."""
        op = self.op
        keys = self.rows("key", self.at["key"], start, count, op["size"])
        values = self.rows("value", self.at["value"], start, count, op["width"])
        with self.panels(self.count) as (panel, queries):
            self._panel(panel, queries, start, count, keys, values)
        for name, source, pitch, cols, weights in (
            ("value", self.gradient_rows, "gradient_pitch", "width", "scores"),
            ("key", self.query_rows, "query_pitch", "size", "slopes"),
        ):
            with self._wanted(name):
                self._add(name, source, op[pitch], op[cols], weights, start, count)

    def _panel(self, panel: Val, queries: Val, start: Val, count: Val, keys: Rows, values: Rows) -> None:
        """Weights and gradients of the scores of a panel, and what the latter give its queries."""
        b, op, form = self.b, self.op, self.form
        width = b.int(form.width * form.size)
        first = b.add(self.first, panel)
        seen = b.intrinsic("smin", "i64", count, b.sub(self.seen(first, queries), start))
        seen = b.intrinsic("smax", "i64", seen, b.int(0))
        scores, slopes = self.area("scores", panel), self.area("slopes", panel)
        turned = self.area("turned_query", b.mul(panel, op["query_depth"]))
        b.call_local(
            "product", keys.base, turned, scores, keys.row, keys.col, seen, width, op["size"], self.line, FALSE
        )
        self.add_mask(self.at["mask"], scores, self.line, first, start, queries, seen)
        turned = self.area("turned_gradient", b.mul(panel, op["gradient_depth"]))
        b.call_local(
            "product", values.base, turned, slopes, values.row, values.col, seen, width, op["width"], self.line, FALSE
        )
        stats = b.gep(self.area("stats"), panel, form.element)
        b.call_local("slopes", scores, slopes, stats, seen, count, self.tail(first, start, seen))
        with self._wanted("query"):
            sums = self.area("of_query", b.mul(panel, op["size"]))
            b.call_local(
                "product", keys.base, slopes, sums, keys.col, keys.row, op["size"], self.line, seen, width, TRUE
            )

    def _add(self, name: str, source: Val, pitch: Val, cols: Val, weights: str, start: Val, count: Val) -> None:
        """Adds weights^T source to the gradients of a block of keys or values.

        Where queries look at no key behind them, few keys are taken at a time, with the queries that look at them.
        """
        b, form = self.b, self.form
        row = b.mul(pitch, self.one)
        ragged = b.binary("and", self.causal, b.icmp("sgt", b.add(start, count), self.first))
        step = b.select(ragged, b.int(form.width), count)
        with b.loop(b.int(0), count, step) as j:
            rows = b.intrinsic("smin", "i64", step, b.sub(count, j))
            behind = b.intrinsic("smax", "i64", b.sub(b.add(start, j), self.first), b.int(0))
            skipped = b.select(ragged, behind, b.int(0))
            used = b.sub(self.count, skipped)
            p = self.area(weights, b.add(b.mul(j, b.int(QUERIES)), skipped))
            to = b.mul(b.add(start, j), pitch)
            with b.loop(b.int(0), cols, form.width) as col:
                q = b.gep(source, b.add(b.mul(skipped, pitch), col), form.element)
                area = self.area(f"of_{name}", b.add(to, col))
                b.call_local("product", p, q, area, self.line, self.one, rows, row, used, row, TRUE)

    def _store_of_query(self) -> None:
        """The gradients of a block of queries as rows."""
        b, op, form = self.b, self.op, self.form
        step = self.bytes("of_query_row")
        rows, pitch = self.area("rows_query"), op["query_pitch"]
        with self.panels(self.count) as (panel, queries):
            sums = self.area("of_query", b.mul(panel, op["size"]))
            b.call_local("turn", rows, sums, pitch, b.int(form.width), op["size"], queries)
            to = b.gep(self.at["of_query"], b.mul(b.add(self.first, panel), step), "i8")
            b.call_local("narrow", to, rows, step, pitch, queries, op["size"], self.scale)
