"""The kernel of attention: values averaged with the softmax of scores, block by block of keys.

Of each panel of queries a maximum and a sum of exponentials are kept. Where a block of keys raises the maximum, what
was summed before is scaled down ("online softmax": Milakov and Gimelshein 2018; in blocks: Dao et al. 2022). Nothing of
the size queries times keys is stored. Scores are in units of log 2, and their factor is part of the queries.
"""

from __future__ import annotations

from . import vecmath
from .attention_parts import (
    FALSE,
    INFINITY,
    LN2,
    LOG2E,
    QUERIES,
    TRUE,
    Form,
    Walk,
    begin_part,
    end_part,
    lane_numbers,
    vectors_of,
    write_parts,
)
from .text import Builder, Val

BUFFERS = ("query", "key", "value", "scale", "mask", "out", "logsums", "scratch")

OPERANDS = (
    "queries",
    "keys",
    "size",  # of a query and a key
    "width",  # of a value
    "blocks",  # of queries, of one matrix of the batch; a piece of the parallel range is one of them
    "block",  # keys that are looked at together
    "causal",  # whether a query looks at no key behind its own number
    "keeps",  # whether the logarithms of the sums are stored
    "query_row", "query_col", "key_row", "key_col", "value_row", "value_col", "mask_row", "mask_col",
    "out_row",  # in elements, as offsets are
    "query_first", "key_first", "value_first", "scale_first", "mask_first",
    "query_pitch", "out_pitch", "key_pitch", "value_pitch", "mask_pitch",  # of rows in scratch memory
    "query_depth",  # rows of a turned panel of queries
    "rows_query_at", "turned_query_at", "scores_at", "sums_at", "stats_at", "out_at", "key_at", "value_at", "mask_at",
    "worker",  # elements of scratch memory of one worker, in which those areas lie
    "batch_rank",  # (size, and strides of all buffers but scale and scratch) of each follow, innermost first
)  # fmt: skip


def write_forward(form: Form) -> str:
    """The module of the kernel `attend`."""
    b = Builder()
    write_parts(b, form)
    _write_weigh(b, form)
    _Forward(b, form, "attend", BUFFERS, OPERANDS).pieces()
    end_part(b)
    return b.module()


def _write_weigh(b: Builder, form: Form) -> None:
    """Defines @weigh: scores[keys, panel] become weights relative to the maximum so far, `stats` are that and the sum.

    `sums[width, panel]` are scaled to it. Of the keys from `tail` on the first is hidden from query 0 of the panel, the
    next one from query 1 too, and so on.
    """
    scores, stats, sums, keys, width, tail = begin_part(b, "weigh", "scores stats sums", "keys width tail")
    held, low = form.held, b.float(-INFINITY, form.held)
    line = lambda base, i: vectors_of(b, form, b.gep(base, b.mul(i, b.int(form.width)), form.element))  # noqa: E731
    with b.loop(tail, keys) as j:
        hidden = b.splat(b.cast("trunc", b.sub(j, tail), "i32"), form.lanes)
        for v, address in enumerate(line(scores, j)):
            seen = b.icmp("sgt", lane_numbers(form, v), hidden)
            b.store(b.select(seen, b.load(address, held), low), address)
    largest = [b.var(held, low) for _ in range(form.vectors)]
    with b.loop(b.int(0), keys) as j:
        for slot, address in zip(largest, line(scores, j)):
            x, best = b.load(address, held), b.get(slot, held)
            b.set(slot, b.select(b.fcmp("ogt", x, best), x, best))
    bases, factors, totals = [], [], []
    for slot, maximum, total in zip(largest, line(stats, b.int(0)), line(stats, b.int(1))):
        old, new = b.load(maximum, held), b.get(slot, held)
        new = b.select(b.fcmp("ogt", new, old), new, old)
        b.store(new, maximum)
        bases.append(b.select(b.fcmp("oeq", new, low), b.zero(held), new))
        factors.append(vecmath.exp2_negative(b, b.fsub(old, bases[-1])))
        totals.append(b.var(held, b.fmul(b.load(total, held), factors[-1])))
    with b.loop(b.int(0), keys) as j:
        for address, base, slot in zip(line(scores, j), bases, totals):
            power = vecmath.exp2_negative(b, b.fsub(b.load(address, held), base))
            b.store(power, address)
            b.set(slot, b.fadd(b.get(slot, held), power))
    for slot, total in zip(totals, line(stats, b.int(1))):
        b.store(b.get(slot, held), total)
    with b.loop(b.int(0), width) as d:
        for address, factor in zip(line(sums, d), factors):
            b.store(b.fmul(b.load(address, held), factor), address)
    end_part(b)


class _Forward(Walk):
    """Writes the kernel. Its attributes are the values that its loops share."""

    def pieces(self) -> None:
        """for each block of queries in [begin, end), the last ones, which look at most keys, first"""
        b, op, form = self.b, self.op, self.form
        with b.loop(self.begin, self.end) as piece:
            block = b.sub(b.sub(op["blocks"], b.int(1)), b.binary("urem", piece, op["blocks"]))
            self.at = self.of_batch(b.binary("udiv", piece, op["blocks"]))
            self.first = b.mul(block, b.int(QUERIES))
            self.count = b.intrinsic("smin", "i64", b.int(QUERIES), b.sub(op["queries"], self.first))
            factor = b.fmul(self.scale, b.float(LOG2E, form.element))
            self.queries("query", self.at["query"], self.first, self.count, op["size"], factor)
            self._clear()
            limit = self.seen(self.first, self.count)
            with b.loop(b.int(0), limit, op["block"]) as start:
                self._keys(start, b.intrinsic("smin", "i64", op["block"], b.sub(limit, start)))
            with self.panels(self.count) as (panel, queries):
                self._finish(panel, queries)

    def _clear(self) -> None:
        """Sums and totals are 0, maxima -inf."""
        b, form = self.b, self.form
        with self.panels(self.count) as (panel, _):
            with b.loop(b.int(0), self.op["width"]) as d:
                for address in vectors_of(b, form, b.gep(self._sums(panel), b.mul(d, b.int(form.width)), form.element)):
                    b.store(b.zero(form.held), address)
            stats = self._stats(panel)
            for row, value in ((0, -INFINITY), (1, 0.0)):
                for address in vectors_of(b, form, b.gep(stats, b.int(row * form.width), form.element)):
                    b.store(b.float(value, form.held), address)

    def _sums(self, panel: Val) -> Val:
        return self.area("sums", self.b.mul(panel, self.op["width"]))

    def _stats(self, panel: Val) -> Val:
        return self.area("stats", self.b.mul(panel, self.b.int(2)))

    def _keys(self, start: Val, count: Val) -> None:
        """One block of keys: scores, weights and what they add to the sums, panel by panel."""
        b, op, form = self.b, self.op, self.form
        keys = self.rows("key", self.at["key"], start, count, op["size"])
        values = self.rows("value", self.at["value"], start, count, op["width"])
        line, scores = b.int(form.width * form.size), self.area("scores")
        with self.panels(self.count) as (panel, queries):
            first = b.add(self.first, panel)
            seen = b.intrinsic("smin", "i64", count, b.sub(self.seen(first, queries), start))
            turned = self.area("turned_query", b.mul(panel, op["query_depth"]))
            with b.when(b.icmp("sgt", seen, b.int(0))):
                b.call_local(
                    "product", keys.base, turned, scores, keys.row, keys.col, seen, line, op["size"], line, FALSE
                )
                self.add_mask(self.at["mask"], scores, line, first, start, queries, seen)
                sums, tail = self._sums(panel), self.tail(first, start, seen)
                b.call_local("weigh", scores, self._stats(panel), sums, seen, op["width"], tail)
                b.call_local(
                    "product", values.base, scores, sums, values.col, values.row, op["width"], line, seen, line, TRUE
                )

    def _finish(self, panel: Val, queries: Val) -> None:
        """Divides the sums of a panel, and stores them as rows; stores the logarithms.

        A query that looks at nothing gives zeros, and the logarithm +inf: exponentials relative to it are zeros too.
        """
        b, op, form = self.b, self.op, self.form
        element, held, stats, sums = form.element, form.held, self._stats(panel), self._sums(panel)
        maxima, totals = (vectors_of(b, form, b.gep(stats, b.int(r * form.width), element)) for r in (0, 1))
        factors = []
        for maximum, total in zip(maxima, totals):
            x = b.load(total, held)
            nothing = b.fcmp("oeq", x, b.zero(held))
            factors.append(b.fdiv(b.float(1.0, held), b.select(nothing, b.float(1.0, held), x)))
            log = b.fmul(b.fadd(b.load(maximum, held), vecmath.log2(b, x)), b.float(LN2, held))
            b.store(b.select(nothing, b.float(INFINITY, held), log), maximum)
        with b.loop(b.int(0), op["width"]) as d:
            for address, factor in zip(vectors_of(b, form, b.gep(sums, b.mul(d, b.int(form.width)), element)), factors):
                b.store(b.fmul(b.load(address, held), factor), address)
        rows, pitch, first = self.area("out"), op["out_pitch"], b.add(self.first, panel)
        b.call_local("turn", rows, sums, pitch, b.int(form.width), op["width"], queries)
        step = self.bytes("out_row")
        to = b.gep(self.at["out"], b.mul(first, step), "i8")
        b.call_local("narrow", to, rows, step, pitch, queries, op["width"], b.float(1.0, element))
        with b.when(b.icmp("ne", op["keeps"], b.int(0))), b.loop(b.int(0), queries) as i:
            log = b.load(b.gep(stats, i, element), element)
            b.store(log, b.gep(self.at["logsums"], b.add(first, i), element))
