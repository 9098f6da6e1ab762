"""Loops that reduce: row by row, in several passes where results are needed, or column by column."""

from __future__ import annotations

from contextlib import ExitStack

from ..base.dtypes import accumulate
from .body import HEAVY
from .elementwise import (
    MEMORY,
    combine,
    compute_type,
    from_memory,
    identity,
    to_memory,
)
from .loop_accumulators import Accumulators
from .text import CACHE_LINE, Val, vector

# Columns that are reduced side by side in memory that stays in the first-level cache, and rows that are added to them
# at a time.
WIDEST, TOGETHER = 512, 4
# Of rows of fewer elements a second-level cache holds two.
AHEAD = 1 << 16


class Reductions(Accumulators):
    """Writes the loops of kernels that reduce."""

    def reductions(self) -> None:
        """One row, or one block of columns, for each index of the range (and piece, where rows are cut)."""
        b, nest = self.b, self.nest
        outer = [d for d, tag in enumerate(nest.tags) if tag == "o" and d != nest.vec]
        before = dict(self.memo)
        with b.loop(self.begin, self.end) as flat:
            self.first, self.piece = b.int(0), None
            first_r = nest.tags.index("r")
            self.last = self.sizes[first_r]
            row = flat
            if nest.split:
                self.piece = b.binary("urem", flat, self.pieces)
                row = b.binary("udiv", flat, self.pieces)
                self.first = b.mul(self.piece, self.length)
                self.last = b.call("llvm.smin.i64", "i64", b.add(self.first, self.length), self.sizes[first_r])
            if self.row_form:
                self.row = row
                index = self.unravel(row, outer) if outer else {}
                self.one_row(index, frozenset(outer), 0, None)
            else:
                last = b.sub(self.width, b.int(1))
                blocks = b.binary("udiv", b.add(self.sizes[nest.vec], last), self.width)
                number = b.binary("urem", row, blocks)
                self.row = b.binary("udiv", row, blocks)
                index = self.unravel(self.row, outer) if outer else {}
                self.prepare(range(len(self.nodes)), frozenset(outer), 0, index)
                start = b.mul(number, self.width)
                stop = b.call("llvm.smin.i64", "i64", b.add(start, self.width), self.sizes[nest.vec])
                if nest.wide:
                    self.wide_columns(index, outer, start, stop)
                else:
                    self.vector_loops(start, stop, lambda lanes, i, mask: self.columns(index, outer, i, lanes, mask))
            self.memo = before

    def columns(self, index: dict[int, Val], outer: list[int], i: Val, lanes: int, mask: Val | None) -> None:
        before = dict(self.memo)
        self.one_row({**index, self.nest.vec: i}, frozenset((*outer, self.nest.vec)), lanes, mask)
        self.memo = before

    def wide_columns(self, index: dict[int, Val], outer: list[int], start: Val, stop: Val) -> None:
        """One block of columns, read along its rows, `TOGETHER` of them at a time; what is left of a vector as columns.

        A narrow block would be read a line here and a line a whole row further on, where no processor fetches ahead.
        """
        b, nest, lanes = self.b, self.nest, self.nest.block
        whole = b.add(start, b.binary("and", b.sub(stop, start), b.int(-lanes)))
        kinds = {i: accumulate(n.dtype) for i, n in enumerate(self.nodes) if self.is_reduction(i)}
        sums = {i: b.var(f"[{WIDEST} x {MEMORY[dt.name]}]") for i, dt in kinds.items()}

        def place(i: int, column: Val) -> Val:
            return b.gep(sums[i], b.sub(column, start), MEMORY[kinds[i].name])

        def total(i: int, column: Val) -> Val:
            return from_memory(b, b.load(place(i, column), vector(lanes, MEMORY[kinds[i].name])), kinds[i])

        with b.loop(start, whole, lanes) as column:
            for i, dt in kinds.items():
                argument = self.nodes[self.nodes[i].args[0]].dtype
                nothing = identity(b, self.nodes[i].op, compute_type(argument, lanes), argument)
                b.store(to_memory(b, nothing, dt), place(i, column))

        dims = [d for d, tag in enumerate(nest.tags) if tag == "r"]
        before = dict(self.memo)

        def add_rows(at: dict[int, Val], first: Val, count: int) -> None:
            rows, memos = [], []
            for k in range(count):
                self.memo = dict(before)
                rows.append({**index, **at, dims[-1]: b.add(first, b.int(k))})
                self.prepare(range(len(self.nodes)), frozenset((*outer, *dims)), 0, rows[-1])
                memos.append(self.memo)
            with b.loop(start, whole, lanes) as column:
                result = {i: total(i, column) for i in kinds}
                for row, memo in zip(rows, memos):
                    self.memo, self.index = memo, {**row, nest.vec: column}
                    values = self.compute([self.nodes[i].args[0] for i in kinds], lanes, None)
                    for i in kinds:
                        argument = self.nodes[i].args[0]
                        x = self.widen(values[argument], lanes)
                        result[i] = combine(b, self.nodes[i].op, self.nodes[argument].dtype, result[i], x)
                for i, dt in kinds.items():
                    b.store(to_memory(b, result[i], dt), place(i, column))

        with ExitStack() as stack:
            at: dict[int, Val] = {}
            for d in dims[:-1]:
                at[d] = stack.enter_context(b.loop(*self.row_range(d)))
            first, last = self.row_range(dims[-1])
            many = b.sub(last, b.binary("urem", b.sub(last, first), b.int(TOGETHER)))
            with b.loop(first, many, TOGETHER) as r:
                add_rows(at, r, TOGETHER)
            with b.loop(many, last) as r:
                add_rows(at, r, 1)

        with b.loop(start, whole, lanes) as column:
            self.memo = dict(before)
            self.memo.update({i: total(i, column) for i in kinds})
            self.finish_row({**index, nest.vec: column}, frozenset((*outer, nest.vec)), 1, [], lanes, None)
        self.memo = before
        with b.loop(whole, stop, self.tail) as column:
            self.columns(index, outer, column, self.tail, b.lane_mask(column, stop, self.tail))

    def row_range(self, d: int) -> tuple[Val, Val]:
        """Where a reduced dimension begins and ends: the first one is what rows are cut along."""
        if d == self.nest.tags.index("r"):
            return self.first, self.last
        return self.b.int(0), self.sizes[d]

    def one_row(self, index: dict[int, Val], known: frozenset[int], lanes: int, mask: Val | None) -> None:
        """The passes over a row: pass p computes the reductions of level p and stores what needs those below."""
        levels = max(n.level for n in self.nodes)
        self.parked = {}
        full = [k for k in range(len(self.body.roots)) if self.full(k)]
        for level in range(levels + 1):
            self.index = dict(index)
            self.settle(known, level, lanes, mask)
            reductions = [i for i, n in enumerate(self.nodes) if n.level == level + 1 and self.is_reduction(i)]
            stores = [k for k in full if self.nodes[self.body.roots[k]].level == level]
            if reductions or stores:
                self.one_pass(index, level, reductions, stores, lanes, mask)
        self.finish_row(index, known, levels, full, lanes, mask)

    def finish_row(
        self, index: dict[int, Val], known: frozenset[int], level: int, full: list[int], lanes: int, mask: Val | None
    ) -> None:
        """Stores what there is one of for each row, or the unfinished reductions of a piece."""
        self.index = dict(index)
        if self.nest.split:
            self.store_partials(lanes, mask)
            return
        self.settle(known, level, lanes, mask)
        for k, r in enumerate(self.body.roots):
            if k not in full:
                self.store(self.nest.loads + k, self.memo[r], lanes if self.column_form else 0, mask)

    def is_reduction(self, i: int) -> bool:
        return self.nodes[i].op.startswith(("reduce", "arg"))

    def settle(self, known: frozenset[int], level: int, lanes: int, mask: Val | None) -> None:
        """Emits the nodes of a row that need no further pass."""
        for i, node in enumerate(self.nodes):
            if i in self.memo or not self.place(i, known) or node.level > level or self.is_reduction(i):
                continue
            if all(a in self.memo for a in node.args):
                self.memo[i] = self.emit_node(i, self.memo, lanes, mask)

    def one_pass(
        self, index: dict[int, Val], level: int, reductions: list[int], stores: list[int], lanes: int, mask: Val | None
    ) -> None:
        b, nest = self.b, self.nest
        widths = [self.pass_lanes(reductions, stores), self.tail] if self.row_form else [lanes]
        slots = {(i, w): self.accumulators(i, w) for i in reductions for w in widths}
        parking = self.parking(level, reductions)
        dims = [d for d, tag in enumerate(nest.tags) if tag == "r"]
        loops = [d for d in dims if d != nest.vec]
        roots = [self.nodes[i].args[0] for i in reductions] + [self.body.roots[k] for k in stores]
        next_row = self.next_row(roots) if level and self.row_form and not loops else []

        def step(place: dict[int, Val], width: int, inner_mask: Val | None) -> None:
            self.index = {**index, **place}
            if inner_mask is None:
                self.ask(next_row, width)
            memo = self.compute(roots, width, inner_mask)
            for i in reductions:
                masked = inner_mask if self.row_form else None
                self.accumulate(i, slots[i, width], memo[self.nodes[i].args[0]], width, masked)
            for k in stores:
                self.store(nest.loads + k, memo[self.body.roots[k]], width, inner_mask)
            for i, k in parking.items():
                self.store(nest.loads + k, memo[i], width, inner_mask)

        with ExitStack() as stack:
            place: dict[int, Val] = {}
            for d in loops:
                place[d] = stack.enter_context(b.loop(*self.row_range(d)))
            if self.row_form:
                first, last = self.row_range(nest.vec)
                self.vector_loops(first, last, lambda width, i, m: step({**place, nest.vec: i}, width, m), widths[0])
            else:
                step(place, lanes, mask)
        for i in reductions:
            self.memo[i] = self.joined(i, [slots[i, w] for w in widths], widths)
        # An output that has been stored is no place to wait in any more.
        self.parked = {i: k for i, k in (self.parked | parking).items() if k not in stores}

    def next_row(self, roots: list[int]) -> list[tuple[int, Val]]:
        """What to ask for in a pass with costly values over a row that an earlier pass has read: views, and how many
        elements away their next row begins.

        The first pass over that row would wait for memory, and this one leaves it idle.
        """
        b, nest, wanted = self.b, self.nest, self.reached(roots)
        rows = [d for d, tag in enumerate(nest.tags) if tag == "o"]
        if not rows or nest.split or all(self.nodes[i].op not in HEAVY or i in self.parked for i in wanted):
            return []
        fits = b.icmp("slt", self.sizes[nest.vec], b.int(AHEAD))
        views = sorted({self.nodes[i].extra for i in wanted if self.nodes[i].op == "load"})
        return [
            (view, b.select(fits, step, b.int(0)))
            for view in views
            if nest.classes[view][nest.vec] == "1" and (step := self.strides[view][rows[-1]]) is not None
        ]

    def ask(self, views: list[tuple[int, Val]], width: int) -> None:
        """Asks for the elements of views so far from the present ones."""
        b = self.b
        for view, away in views:
            dt = self.nest.dtypes[view]
            place = b.gep(self.pointer(view), away, MEMORY[dt.name])
            for i in range(0, width, CACHE_LINE // dt.itemsize):
                b.prefetch(b.gep(place, b.int(i), MEMORY[dt.name]))

    def parking(self, level: int, reductions: list[int]) -> dict[int, int]:
        """Costly values of this pass that a later pass needs again, and the output whose memory holds them until then.

        The exponentials of a softmax are computed once: the pass that sums them leaves them where the result will be.
        """
        result: dict[int, int] = {}
        if self.body.in_place:
            return result
        computed = self.reached(self.nodes[i].args[0] for i in reductions)
        for k, r in enumerate(self.body.roots):
            if not self.full(k) or k in self.parked.values() or self.nodes[r].level <= level:
                continue
            again = self.reached([r])
            for i in sorted(computed & again, reverse=True):
                node = self.nodes[i]
                fits = node.dtype is self.nest.dtypes[self.nest.loads + k] and node.dtype.itemsize >= 4
                fits = fits and self.nest.vec in self.depends[i]
                if node.op in HEAVY and node.whole and fits and i not in result and i not in self.parked and i != r:
                    result[i] = k
                    break
        return result

    def pass_lanes(self, reductions: list[int], stores: list[int]) -> int:
        """Lanes of one pass over a row: several registers' worth, or the accumulators would wait for each other."""
        wanted = self.reached([self.nodes[i].args[0] for i in reductions] + [self.body.roots[k] for k in stores])
        if any(self.nodes[i].op in HEAVY and i not in self.parked for i in wanted):
            return self.tail * 2
        wide = max((self.nodes[i].dtype.itemsize for i in wanted), default=4) > 4
        return self.tail * (8 if len(wanted) <= 4 and not stores and not wide else 4)

    def store_partials(self, lanes: int, mask: Val | None) -> None:
        """The unfinished reductions of this piece, at [piece, row]."""
        b = self.b
        assert self.piece is not None
        reductions = [i for i in range(len(self.nodes)) if self.is_reduction(i)]
        row = self.row
        if self.column_form:
            row = b.add(b.mul(self.row, self.sizes[self.nest.vec]), self.index[self.nest.vec])
        place = b.add(b.mul(self.piece, self.count), row)
        for base, i in zip(self.partials, reductions):
            dt = accumulate(self.nodes[i].dtype)
            x = to_memory(b, self.memo[i], dt)
            address = b.gep(base, place, MEMORY[dt.name])
            b.store(x, address) if mask is None or not x.lanes else b.masked_store(x, address, mask)
