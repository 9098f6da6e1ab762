"""Writes the LLVM IR of a loop kernel from its nest.

Values are emitted at the outermost place where they are known: what depends on no dimension at the start, what depends
on the rows once a row, the rest in the inner loop. Each inner loop stands twice: with the full lanes, and masked for
what is left over.
"""

from __future__ import annotations

from .elementwise import MEMORY
from .loop_frame import TILE, Nest
from .loop_reductions import Reductions
from .text import KERNEL_PARAMS, Val, vector


def write_nest(nest: Nest, symbol: str) -> str:
    """The module with the kernel."""
    return _Writer(nest, symbol).write()


class _Writer(Reductions):
    """Writes a whole kernel."""

    def write(self) -> str:
        b = self.b
        self.bufs, self.ops, self.scalars, self.begin, self.end, _, self.status = b.begin_function(
            self.symbol, KERNEL_PARAMS
        )
        self.read_operands()
        self.prepare(range(len(self.nodes)), frozenset(), final=False)
        if self.nest.stream:
            aligned = self.aligned_stores()
            for self.streaming, when in ((True, aligned), (False, b.binary("xor", aligned, Val("true", "i1")))):
                with b.when(when):
                    self.line()
        elif self.nest.tags == "o":
            self.line()
        elif self.row_form or self.column_form:
            self.reductions()
        elif self.nest.tile is not None:
            self.tiles()
        else:
            self.rows_of_elements()
        b.ret()
        b.end_function()
        return b.module('nounwind "no-trapping-math"="true"')

    def line(self) -> None:
        self.vector_loops(self.begin, self.end, lambda lanes, i, mask: self.store_all({0: i}, lanes, mask, 0))

    def aligned_stores(self) -> Val:
        """Whether all outputs begin at a whole cache line, as memory of the pool does:

        only such can be stored past the caches.
        """
        b, bits = self.b, self.b.int(0)
        for base in self.bases[self.nest.loads :]:
            bits = b.binary("or", bits, b.cast("ptrtoint", base, "i64"))
        return b.icmp("eq", b.binary("and", bits, b.int(63)), b.int(0))

    def rows_of_elements(self) -> None:
        """Element-wise over several dimensions: the range counts rows, the vector runs along the last dimension."""
        vec = self.nest.vec
        outer = [d for d in range(len(self.nest.tags)) if d != vec]
        before = dict(self.memo)
        with self.b.loop(self.begin, self.end) as row:
            index = self.unravel(row, outer)
            self.prepare(range(len(self.nodes)), frozenset(outer), 0, index)
            self.vector_loops(
                self.b.int(0), self.sizes[vec], lambda lanes, i, mask: self.store_all({**index, vec: i}, lanes, mask, 0)
            )
            self.memo = before

    # Transposition: squares of the space, whose transposed loads go through a buffer

    def tiles(self) -> None:
        """The range counts squares along the tile dimension and the vector; the other dimensions lie outside."""
        b, nest = self.b, self.nest
        vec, tile = nest.vec, nest.tile
        assert tile is not None
        outer = [d for d in range(len(nest.tags)) if d not in (vec, tile)]
        before = dict(self.memo)
        loads = [i for i in range(nest.loads) if "t" in nest.classes[i]]
        buffers = {i: b.var(f"[{TILE * TILE} x {MEMORY[nest.dtypes[i].name]}]") for i in loads}
        across = self.squares(vec)
        down = self.squares(tile)

        def square_at(flat: Val) -> tuple[dict[int, Val], Val, Val]:
            column = b.mul(b.binary("urem", flat, across), b.int(TILE))
            rest = b.binary("udiv", flat, across)
            row = b.mul(b.binary("urem", rest, down), b.int(TILE))
            return self.unravel(b.binary("udiv", rest, down), outer) if outer else {}, row, column

        with b.loop(self.begin, self.end) as flat:
            ahead: dict[int, Val] = {}
            if nest.far:
                index, row, column = square_at(b.add(flat, b.int(1)))
                self.index = {**index, tile: row, vec: column}
                ahead = {i: self.pointer(i) for i in loads}
            index, row, column = square_at(flat)
            self.prepare(range(len(self.nodes)), frozenset(outer), 0, index)
            rows = b.call("llvm.smin.i64", "i64", b.sub(self.sizes[tile], row), b.int(TILE))
            columns = b.call("llvm.smin.i64", "i64", b.sub(self.sizes[vec], column), b.int(TILE))
            self.tiled = {}
            for i in loads:
                self.index = {**index, tile: row, vec: column}
                self.transpose(i, buffers[i], rows, columns, ahead.get(i))
            self.tiled = buffers
            self.square(index, row, column, rows, columns)
            self.memo = before

    def squares(self, d: int) -> Val:
        return self.b.binary("udiv", self.b.add(self.sizes[d], self.b.int(TILE - 1)), self.b.int(TILE))

    def square(self, index: dict[int, Val], row: Val, column: Val, rows: Val, columns: Val) -> None:
        """Computes one square, row after row."""
        b, vec, tile = self.b, self.nest.vec, self.nest.tile
        assert tile is not None
        lanes = 16
        with b.loop(b.int(0), rows) as r, b.loop(b.int(0), columns, lanes) as c:
            self.tile_row, self.tile_column = r, c
            at = {**index, tile: b.add(row, r), vec: b.add(column, c)}
            full = b.icmp("sge", b.sub(columns, c), b.int(lanes))
            with b.when(full):
                self.store_all(at, lanes, None, 0)
            with b.when(b.binary("xor", full, Val("true", "i1"))):
                self.store_all(at, lanes, b.lane_mask(c, columns, lanes), 0)

    def transpose(self, view: int, buffer: Val, rows: Val, columns: Val, ahead: Val | None) -> None:
        """Puts a square of a load that is contiguous along the tile into a buffer where it is so along the vector.

        Its lines lie apart, where no processor fetches ahead by itself: with each, the same one of the square that
        begins at `ahead` is asked for.
        """
        b, side = self.b, 16
        element = MEMORY[self.nest.dtypes[view].name]
        ty = vector(side, element)
        origin = self.pointer(view)
        step = self.strides[view][self.nest.vec]
        assert step is not None
        with b.loop(b.int(0), columns, side) as c, b.loop(b.int(0), rows, side) as r:
            mask = b.lane_mask(r, rows, side)
            lines = []
            for k in range(side):
                place = b.add(c, b.int(k))
                inside = b.binary("and", mask, b.splat(b.icmp("slt", place, columns), side))
                address = b.gep(b.gep(origin, b.mul(place, step), element), r, element)
                lines.append(b.masked_load(address, inside, ty))
                if ahead is not None:
                    b.prefetch(b.gep(b.gep(ahead, b.mul(place, step), element), r, element))
            for k, line in enumerate(b.transposed(lines)):
                to = b.gep(buffer, b.add(b.mul(b.add(r, b.int(k)), b.int(TILE)), c), element)
                b.store(line, to)
