"""Writes the LLVM IR of a loop kernel from its nest.

Values are emitted at the outermost place where they are known: what depends on no dimension at the start, what depends
on the rows once a row, the rest in the inner loop. Each inner loop stands twice: with the full lanes, and masked for
what is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from ..base.dtypes import accumulate, dtype
from .body import HEAVY, Body, Node
from .elementwise import (
    COMPUTE,
    INDEX_OUT_OF_RANGE,
    MEMORY,
    combine,
    compute_type,
    convert,
    emit,
    from_memory,
    identity,
    to_memory,
)
from .text import BITS, KERNEL_PARAMS, Builder, Val, vector

# The side of the square that is transposed at once, through a buffer that stays in the first-level cache.
TILE = 64
# Columns that are reduced side by side in memory that stays in the first-level cache, and rows that are added to them
# at a time.
WIDEST, TOGETHER = 512, 4


@dataclass(slots=True)
class Nest:
    """All that the code of a loop kernel depends on.

    `tags` has an `o` for each kept dimension and an `r` for each reduced one. `wide` says that a block of columns is
    accumulated in memory, with its width as an operand, and not in registers.
    """

    body: Body
    tags: str
    vec: int
    classes: tuple[tuple[str, ...], ...]
    dtypes: tuple[dtype, ...]
    loads: int
    bufs: tuple[int, ...]
    iotas: tuple[int, ...]
    block: int
    split: bool
    vector_bytes: int
    tile: int | None = None
    stream: bool = False
    wide: bool = False
    partial: tuple[int, ...] = ()

    def key(self) -> str:
        views = ",".join("".join(c) + d.name + str(n) for c, d, n in zip(self.classes, self.dtypes, self.bufs))
        forms = f"{int(self.split)}{int(self.stream)}{int(self.wide)}{self.tile}"
        return f"loop|{self.tags}|{self.vec}|{views}|{self.iotas}|{self.block}|{forms}|{self.body.key}"


def write_nest(nest: Nest, symbol: str) -> str:
    """The module with the kernel."""
    return _Writer(nest, symbol).write()


class _Writer:
    def __init__(self, nest: Nest, symbol: str) -> None:
        self.nest, self.body, self.symbol = nest, nest.body, symbol
        self.nodes = nest.body.nodes
        self.b = Builder()
        self.memo: dict[int, Val] = {}
        self.streaming = False
        self.parked: dict[int, int] = {}
        self.tiled: dict[int, Val] = {}  # transposed loads: the buffer their tile was put into
        self.depends = self.dependencies()
        self.row_form = "r" in nest.tags and nest.tags[nest.vec] == "r"
        self.column_form = "r" in nest.tags and nest.tags[nest.vec] == "o"
        at_once = self.column_form and not nest.wide
        self.tail = nest.block if at_once else max(1, min(nest.vector_bytes // 4, nest.block))

    # What depends on which dimensions

    def dependencies(self) -> list[frozenset[int]]:
        """For each node the dimensions of the nest its value changes with."""
        result: list[frozenset[int]] = []
        kept = frozenset(d for d, tag in enumerate(self.nest.tags) if tag == "o")
        iotas = iter(self.nest.iotas)
        for node in self.nodes:
            deps = frozenset().union(*(result[a] for a in node.args)) if node.args else frozenset()
            if node.op in ("load", "gather"):
                deps |= {d for d, c in enumerate(self.nest.classes[node.extra]) if c != "0"}
            elif node.op == "iota":
                place = next(iotas)
                deps = frozenset((place,)) if place >= 0 else frozenset()
            elif node.level and not node.whole and node.op.startswith(("reduce", "arg")):
                deps = kept
            result.append(deps)
        return result

    # Frame

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

    def operand(self) -> Val:
        self._next += 1
        return self.b.load(self.b.gep(self.ops, self.b.int(self._next - 1), "i64"), "i64")

    def read_operands(self) -> None:
        b, nest = self.b, self.nest
        self._next = 0
        self.sizes = [self.operand() for _ in nest.tags]
        count = max(nest.bufs) + 1
        pointers = [b.load(b.gep(self.bufs, b.int(i), "ptr"), "ptr") for i in range(count)]
        self.bases: list[Val] = []
        self.strides: list[list[Val | None]] = []
        self.gather_strides: list[Val] = []
        for classes, dt, buf in zip(nest.classes, nest.dtypes, nest.bufs):
            offset = self.operand()
            self.bases.append(b.gep(pointers[buf], offset, MEMORY[dt.name]))
            self.strides.append([self.stride(c) for c in classes])
            self.gather_strides.append(self.operand())
        self.size_values = [self.operand() for _ in self.body.sizes]
        self.width = self.operand() if nest.wide else b.int(nest.block)
        if nest.split:
            self.length, self.count, self.pieces = self.operand(), self.operand(), self.operand()
            self.partials = [b.load(b.gep(self.bufs, b.int(i), "ptr"), "ptr") for i in nest.partial]

    def stride(self, kind: str) -> Val | None:
        """The stride of a class of `_classes`."""
        return self.operand() if kind == "s" else None if kind == "0" else self.b.int(2 if kind == "2" else 1)

    # Nodes

    def place(self, i: int, at: frozenset[int]) -> bool:
        return self.depends[i] <= at

    def prepare(
        self,
        nodes: Iterable[int],
        known: frozenset[int],
        level: int = 0,
        index: dict[int, Val] | None = None,
        final: bool = True,
    ) -> None:
        """Emits, as scalars, the nodes that depend on the known dimensions only and on finished reductions."""
        self.index = index or {}
        for i in nodes:
            node = self.nodes[i]
            if (
                i in self.memo
                or not self.place(i, known)
                or node.op.startswith(("reduce", "arg"))
                or node.level > level
            ):
                continue
            if all(a in self.memo for a in node.args):
                self.memo[i] = self.emit_node(i, self.memo, 0, None)

    def emit_node(self, i: int, memo: dict[int, Val], lanes: int, mask: Val | None) -> Val:
        """One node at the present indices; its arguments are in the memo."""
        b, node = self.b, self.nodes[i]
        width = lanes if self.nest.vec in self.depends[i] else 0
        if node.op == "const":
            return self.literal(node)
        if node.op == "scalar":
            address = b.gep(self.scalars, b.int(node.extra), "i64")
            return self.number(b.load(address, "double" if node.dtype.category == 2 else "i64"), node)
        if node.op == "size":
            return self.size_values[node.extra]
        if node.op == "iota":
            return self.iota(i, width)
        if node.op == "load":
            return self.load(node.extra, width, mask, node.dtype, None)
        if node.op == "gather":
            return self.gather(node, memo[node.args[0]], width, mask)
        args = [self.widen(memo[a], width) for a in node.args]
        if node.op == "cast":
            return convert(b, args[0], self.nodes[node.args[0]].dtype, node.dtype)
        return emit(b, node.op, self.nodes[node.args[-1]].dtype, args, lambda bad, bit: self.fault(bad, bit, mask))

    def literal(self, node: Node) -> Val:
        element = COMPUTE[node.dtype.name]
        if node.dtype.category == 2:
            return self.b.float(float(node.value), element)
        return Val("true" if node.value else "false", "i1") if element == "i1" else self.b.int(int(node.value), element)

    def number(self, x: Val, node: Node) -> Val:
        """A Python number in the compute type of the dtype it was traced with."""
        element = COMPUTE[node.dtype.name]
        if element == x.type:
            return x
        return self.b.cast("trunc" if x.type == "i64" else "fptrunc", x, element)

    def widen(self, x: Val, lanes: int) -> Val:
        return self.b.splat(x, lanes) if lanes and not x.lanes else x

    def iota(self, i: int, width: int) -> Val:
        place = self.nest.iotas[[j for j, n in enumerate(self.nodes) if n.op == "iota"].index(i)]
        if place < 0:
            return self.b.int(0)
        first = self.index[place]
        return self.b.add(self.b.splat(first, width), self.b.iota(width)) if width else first

    def fault(self, bad: Val, bit: int, mask: Val | None) -> None:
        """Reports an error where a lane that counts is bad."""
        b = self.b
        if mask is not None and bad.lanes:
            bad = b.binary("and", bad, mask)
        any_bad = b.call(f"llvm.vector.reduce.or.v{bad.lanes}i1", "i1", bad) if bad.lanes else bad
        with b.when(any_bad):
            b.store(b.binary("or", b.load(self.status, "i64"), b.int(bit)), self.status)

    # Memory

    def pointer(self, view: int, skip_vec: bool = False) -> Val:
        """The address of a view's element at the present indices."""
        b, address = self.b, self.bases[view]
        element = MEMORY[self.nest.dtypes[view].name]
        for d, stride in enumerate(self.strides[view]):
            if stride is None or d not in self.index or (skip_vec and d == self.nest.vec):
                continue
            step = self.index[d] if stride.name == "1" else b.mul(self.index[d], stride)
            address = b.gep(address, step, element)
        return address

    def load(self, view: int, width: int, mask: Val | None, dt: dtype, extra: Val | None) -> Val:
        b, element = self.b, MEMORY[dt.name]
        if view in self.tiled:
            row = b.add(b.mul(self.tile_row, b.int(TILE)), self.tile_column)
            return from_memory(
                b, b.load(b.gep(self.tiled[view], row, element), vector(width, element), BITS[element] // 8), dt
            )
        address = self.pointer(view)
        if extra is not None and not extra.lanes:
            address = b.gep(address, extra, element)
        if not width:
            return from_memory(b, b.load(address, element), dt)
        stride = self.strides[view][self.nest.vec]
        if (extra is None or not extra.lanes) and stride is not None and stride.name == "1":
            ty = vector(width, element)
            return from_memory(b, b.load(address, ty) if mask is None else b.masked_load(address, mask, ty), dt)
        if extra is None and mask is None and stride is not None and stride.name == "2":
            return from_memory(b, self.spaced(address, width, element), dt)
        offsets = b.mul(b.iota(width), b.splat(stride, width)) if stride is not None else b.zero(vector(width, "i64"))
        if extra is not None and extra.lanes:
            offsets = b.add(offsets, extra)
        return from_memory(b, self.collect(address, offsets, width, mask, element), dt)

    def spaced(self, address: Val, width: int, element: str) -> Val:
        """Every second element: the second of two loads begins with the last of the first, or it would read too far."""
        b, ty = self.b, vector(width, element)
        parts = [b.load(b.gep(address, b.int(at), element), ty) for at in (0, width - 1)]
        picks = ", ".join(f"i32 {2 * i if 2 * i < width else 2 * i + 1}" for i in range(width))
        listed = ", ".join(f"{x.type} {x.name}" for x in parts)
        return b.value(f"shufflevector {listed}, <{width} x i32> <{picks}>", ty)

    def collect(self, address: Val, offsets: Val, width: int, mask: Val | None, element: str) -> Val:
        """Lanes from computed places."""
        b = self.b
        mask = mask or b.splat(Val("true", "i1"), width)
        pointers = b.value(
            f"getelementptr {element}, ptr {address.name}, <{width} x i64> {offsets.name}", f"<{width} x ptr>"
        )
        ty = vector(width, element)
        short = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(element, element)
        return b.call(f"llvm.masked.gather.v{width}{short}.v{width}p0", ty, pointers, mask, b.zero(ty))

    def gather(self, node: Node, index: Val, width: int, mask: Val | None) -> Val:
        b = self.b
        size = self.widen(self.size_values[int(node.value)], index.lanes)
        bad = b.icmp("uge", index, size)
        self.fault(bad, INDEX_OUT_OF_RANGE, mask)
        safe = b.select(bad, b.zero(index.type), index)
        offset = b.mul(safe, self.widen(self.gather_strides[node.extra], index.lanes))
        return self.load(node.extra, width, mask, node.dtype, offset)

    def store(self, view: int, x: Val, width: int, mask: Val | None) -> None:
        b, dt = self.b, self.nest.dtypes[view]
        address = self.pointer(view)
        x = to_memory(b, self.widen(x, width), dt)
        stride = self.strides[view][self.nest.vec]
        if not width:
            b.store(x, address)
        elif stride is not None and stride.name == "1":
            if mask is None and self.streaming:
                b.store_past_caches(x, address)
            elif mask is None:
                b.store(x, address)
            else:
                b.masked_store(x, address, mask)
        elif stride is None:
            b.store(b.value(f"extractelement {x.type} {x.name}, i64 0", x.element), address)
        else:
            mask = mask or b.splat(Val("true", "i1"), width)
            offsets = b.mul(b.iota(width), b.splat(stride, width))
            pointers = b.value(
                f"getelementptr {x.element}, ptr {address.name}, <{width} x i64> {offsets.name}", f"<{width} x ptr>"
            )
            short = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(x.element, x.element)
            name = f"llvm.masked.scatter.v{width}{short}.v{width}p0"
            b.call(name, "void", x, pointers, mask)

    # Loops

    def vector_loops(self, begin: Val, end: Val, body: Callable[[int, Val, Val | None], None], lanes: int = 0) -> None:
        """[begin, end) in steps of the full lanes, then what is left under a mask."""
        b, lanes = self.b, lanes or self.nest.block
        stop = b.sub(end, b.int(lanes - 1))
        rest = b.var("i64", begin)
        with b.loop(begin, stop, lanes) as i:
            body(lanes, i, None)
            b.set(rest, b.add(i, b.int(lanes)))
        with b.loop(b.get(rest, "i64"), end, self.tail) as i:
            body(self.tail, i, b.lane_mask(i, end, self.tail))

    def compute(self, roots: Iterable[int], lanes: int, mask: Val | None) -> dict[int, Val]:
        """The values of the roots at the present indices."""
        memo = dict(self.memo)
        for i in sorted(self.reached(roots)):
            if i in self.parked:
                memo[i] = self.load(self.nest.loads + self.parked[i], lanes, mask, self.nodes[i].dtype, None)
            else:
                memo[i] = self.emit_node(i, memo, lanes, mask)
        return memo

    def store_all(self, index: dict[int, Val], lanes: int, mask: Val | None, level: int) -> None:
        """Computes and stores the outputs of the full space at one place."""
        self.index = {**self.index, **index}
        outputs = [(k, r) for k, r in enumerate(self.body.roots) if self.full(k)]
        memo = self.compute([r for _, r in outputs], lanes, mask)
        for k, r in outputs:
            self.store(self.nest.loads + k, memo[r], lanes, mask)

    def full(self, k: int) -> bool:
        """Whether output k has an element for each element of the space; the others have one for each row."""
        return "r" not in self.nest.tags or any(
            c != "0" for c, tag in zip(self.nest.classes[self.nest.loads + k], self.nest.tags) if tag == "r"
        )

    def unravel(self, flat: Val, dims: list[int]) -> dict[int, Val]:
        """The indices along the dimensions at a flat, row-major index."""
        b, index = self.b, {}
        for n, d in enumerate(reversed(dims)):
            if n == len(dims) - 1:
                index[d] = flat
            else:
                index[d] = b.binary("urem", flat, self.sizes[d])
                flat = b.binary("udiv", flat, self.sizes[d])
        return index

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
        with b.loop(self.begin, self.end) as flat:
            column = b.mul(b.binary("urem", flat, across), b.int(TILE))
            rest = b.binary("udiv", flat, across)
            row = b.mul(b.binary("urem", rest, down), b.int(TILE))
            index = self.unravel(b.binary("udiv", rest, down), outer) if outer else {}
            self.prepare(range(len(self.nodes)), frozenset(outer), 0, index)
            rows = b.call("llvm.smin.i64", "i64", b.sub(self.sizes[tile], row), b.int(TILE))
            columns = b.call("llvm.smin.i64", "i64", b.sub(self.sizes[vec], column), b.int(TILE))
            self.tiled = {}
            for i in loads:
                self.index = {**index, tile: row, vec: column}
                self.transpose(i, buffers[i], rows, columns)
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

    def transpose(self, view: int, buffer: Val, rows: Val, columns: Val) -> None:
        """Puts a square of a load that is contiguous along the tile into a buffer where it is so along the vector."""
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
            for k, line in enumerate(b.transposed(lines)):
                to = b.gep(buffer, b.add(b.mul(b.add(r, b.int(k)), b.int(TILE)), c), element)
                b.store(line, to)

    # Reductions

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

        def step(place: dict[int, Val], width: int, inner_mask: Val | None) -> None:
            self.index = {**index, **place}
            roots = [self.nodes[i].args[0] for i in reductions] + [self.body.roots[k] for k in stores]
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

    def reached(self, roots: Iterable[int]) -> set[int]:
        """The nodes that have to be computed for the roots, at the present place."""
        wanted: set[int] = set()
        stack = list(roots)
        while stack:
            i = stack.pop()
            if i not in wanted and i not in self.memo:
                wanted.add(i)
                if i not in self.parked:
                    stack.extend(self.nodes[i].args)
        return wanted

    def pass_lanes(self, reductions: list[int], stores: list[int]) -> int:
        """Lanes of one pass over a row: several registers' worth, or the accumulators would wait for each other."""
        wanted = self.reached([self.nodes[i].args[0] for i in reductions] + [self.body.roots[k] for k in stores])
        if any(self.nodes[i].op in HEAVY and i not in self.parked for i in wanted):
            return self.tail * 2
        wide = max((self.nodes[i].dtype.itemsize for i in wanted), default=4) > 4
        return self.tail * (8 if len(wanted) <= 4 and not stores and not wide else 4)

    # Accumulators: a variable for the value; for argmax and argmin one more for the index

    def accumulators(self, i: int, width: int) -> tuple[Val, Val | None, str]:
        node = self.nodes[i]
        dt = self.nodes[node.args[0]].dtype
        ty = compute_type(dt, width)
        slot = self.b.var(ty, identity(self.b, node.op, ty, dt))
        if not node.op.startswith("arg"):
            return slot, None, ty
        index_type = vector(width, "i64")
        return slot, self.b.var(index_type, self.b.int(-1, index_type)), ty

    def accumulate(self, i: int, slots: tuple[Val, Val | None, str], x: Val, width: int, mask: Val | None) -> None:
        b, node = self.b, self.nodes[i]
        dt = self.nodes[node.args[0]].dtype
        slot, index_slot, ty = slots
        x = self.widen(x, width)
        old = b.get(slot, ty)
        if index_slot is None:
            new = combine(b, node.op, dt, old, x)
            b.set(slot, b.select(mask, new, old) if mask is not None else new)
            return
        index_type = vector(width, "i64")
        old_index = b.get(index_slot, index_type)
        position = self.flat_position(width)
        better = self.better(node.op, dt, x, old)
        first = b.icmp("slt", old_index, b.zero(index_type))
        better = b.binary("or", better, first)
        if mask is not None:
            better = b.binary("and", better, mask)
        b.set(slot, b.select(better, x, old))
        b.set(index_slot, b.select(better, position, old_index))

    def better(self, op: str, dt: dtype, x: Val, old: Val) -> Val:
        """Where x comes before the present extremum: beyond it, or the first NaN."""
        b = self.b
        relation = "gt" if op == "argmax" else "lt"
        wins = emit(b, relation, dt, [x, old], lambda bad, bit: None)
        if dt.category < 2:
            return wins
        nan = b.binary("and", b.fcmp("uno", x, x), b.fcmp("ord", old, old))
        return b.binary("or", wins, nan)

    def flat_position(self, width: int) -> Val:
        """The index within the row, as if the reduced dimensions were one."""
        b, nest = self.b, self.nest
        position: Val | None = None
        for d, tag in enumerate(nest.tags):
            if tag == "r":
                here = self.index[d]
                position = here if position is None else b.add(b.mul(position, self.sizes[d]), here)
        assert position is not None
        if not width:
            return position
        wide = b.splat(position, width)
        return b.add(wide, b.iota(width)) if self.row_form else wide

    def joined(self, i: int, slots: list[tuple[Val, Val | None, str]], widths: list[int]) -> Val:
        """The result of a row: the accumulators of all lanes and widths as one."""
        b, node = self.b, self.nodes[i]
        dt = self.nodes[node.args[0]].dtype
        if not self.row_form:
            slot, index_slot, ty = slots[0]
            return b.get(index_slot, vector(widths[0], "i64")) if index_slot is not None else b.get(slot, ty)
        if slots[0][1] is not None:
            return self.joined_index(node.op, dt, slots, widths)
        parts = [self.across(node.op, dt, b.get(slot, ty)) for slot, _, ty in slots]
        result = parts[0]
        for x in parts[1:]:
            result = combine(b, node.op, dt, result, x)
        return result

    def across(self, op: str, dt: dtype, x: Val) -> Val:
        """All lanes as one: halves are combined until one is left."""
        b = self.b
        while x.lanes > 1:
            half = x.lanes // 2
            ty = vector(half, x.element)
            halves = []
            for first in (0, half):
                lanes = ", ".join(f"i32 {k}" for k in range(first, first + half))
                halves.append(
                    b.value(f"shufflevector {x.type} {x.name}, {x.type} poison, <{half} x i32> <{lanes}>", ty)
                )
            x = combine(b, op, dt, halves[0], halves[1])
        return b.value(f"extractelement {x.type} {x.name}, i64 0", x.element) if x.lanes else x

    def joined_index(self, op: str, dt: dtype, slots: list[tuple[Val, Val | None, str]], widths: list[int]) -> Val:
        """The lowest index among the lanes that hold the best value."""
        b = self.b
        results = [
            self.lowest(op, dt, slot, index_slot, ty, width) for (slot, index_slot, ty), width in zip(slots, widths)
        ]
        (best, at), *others = results
        for x, x_at in others:
            wins = self.better(op, dt, x, best)
            loses = self.better(op, dt, best, x)
            level = b.binary("xor", b.binary("or", wins, loses), Val("true", "i1"))
            wins = b.binary("or", wins, b.binary("and", level, b.icmp("slt", x_at, at)))
            best, at = b.select(wins, x, best), b.select(wins, x_at, at)
        return at

    def lowest(self, op: str, dt: dtype, slot: Val, index_slot: Val | None, ty: str, width: int) -> tuple[Val, Val]:
        """The best value of some lanes and the lowest index that holds it; lanes that saw nothing do not count."""
        b = self.b
        assert index_slot is not None
        index_type = vector(width, "i64")
        values, indices = b.get(slot, ty), b.get(index_slot, index_type)
        best = self.across("reduce_max" if op == "argmax" else "reduce_min", dt, values)
        same = b.splat(best, width)
        if dt.category == 2:
            holds = b.binary("or", b.fcmp("oeq", values, same), b.fcmp("uno", values, values))
        else:
            holds = b.icmp("eq", values, same)
        holds = b.binary("and", holds, b.icmp("sge", indices, b.zero(index_type)))
        found = b.select(holds, indices, b.int((1 << 63) - 1, index_type))
        return best, b.call(f"llvm.vector.reduce.smin.v{width}i64", "i64", found)

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
