"""What the code of all loop kernels is made of: operands, nodes, and access to memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..base.dtypes import dtype
from .body import Body, Node
from .elementwise import (
    COMPUTE,
    INDEX_OUT_OF_RANGE,
    MEMORY,
    convert,
    emit,
    from_memory,
    to_memory,
)
from .text import BITS, Builder, Val, vector

# The side of the square that is transposed at once, through a buffer that stays in the first-level cache.
TILE = 64
LINES_AHEAD = 16  # how far ahead of steps by two memory is fetched


@dataclass(slots=True)
class Nest:
    """All that the code of a loop kernel depends on.

    `tags` has an `o` for each kept dimension and an `r` for each reduced one. `wide` says that a block of columns is
    accumulated in memory, with its width as an operand, and not in registers, `far` that more is transposed than an L2
    holds. `ranges` are dimensions of which some views have elements in a range only, for each view those numbered in
    `inside`; around them are zeros.
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
    far: bool = False
    stream: bool = False
    wide: bool = False
    partial: tuple[int, ...] = ()
    ranges: tuple[int, ...] = ()
    inside: tuple[tuple[int, ...], ...] = ()

    def key(self) -> str:
        views = ",".join("".join(c) + d.name + str(n) for c, d, n in zip(self.classes, self.dtypes, self.bufs))
        forms = f"{int(self.split)}{int(self.stream)}{int(self.wide)}{int(self.far)}{self.tile}"
        zeros = f"|{self.ranges}{self.inside}" if self.ranges else ""
        return f"loop|{self.tags}|{self.vec}|{views}|{self.iotas}|{self.block}|{forms}{zeros}|{self.body.key}"


class Frame:
    """Writes values, each at the outermost place where it is known."""

    # What the kernel is called with
    bufs: Val
    ops: Val
    scalars: Val
    status: Val
    begin: Val
    end: Val
    # Where a loop under a mask ends
    stop: Val
    # Where in a square that is transposed
    tile_row: Val
    tile_column: Val

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

    def dependencies(self) -> list[frozenset[int]]:
        """For each node the dimensions of the nest its value changes with."""
        result: list[frozenset[int]] = []
        kept = frozenset(d for d, tag in enumerate(self.nest.tags) if tag == "o")
        iotas = iter(self.nest.iotas)
        for node in self.nodes:
            deps = frozenset().union(*(result[a] for a in node.args)) if node.args else frozenset()
            if node.op in ("load", "gather"):
                deps |= {d for d, c in enumerate(self.nest.classes[node.extra]) if c != "0"}
                deps |= {self.nest.ranges[n] for n in self.inside(node.extra) if self.nest.ranges[n] >= 0}
            elif node.op == "iota":
                place = next(iotas)
                deps = frozenset((place,)) if place >= 0 else frozenset()
            elif node.level and not node.whole and node.op.startswith(("reduce", "arg")):
                deps = kept
            result.append(deps)
        return result

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
        self.limits = [(self.operand(), self.operand()) for _ in nest.ranges]
        self.width = self.operand() if nest.wide else b.int(nest.block)
        if nest.split:
            self.length, self.count, self.pieces = self.operand(), self.operand(), self.operand()
            self.partials = [b.load(b.gep(self.bufs, b.int(i), "ptr"), "ptr") for i in nest.partial]

    def inside(self, view: int) -> tuple[int, ...]:
        """The ranges in which a view has elements."""
        return self.nest.inside[view] if self.nest.ranges else ()

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
            if bit == INDEX_OUT_OF_RANGE:  # nothing may be read there, where the memory can be of no elements at all
                b.leave()

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
        if self.inside(view):
            return from_memory(b, self.amid_zeros(view, address, width, mask, element), dt)
        if not width:
            return from_memory(b, b.load(address, element), dt)
        stride = self.strides[view][self.nest.vec]
        if (extra is None or not extra.lanes) and stride is not None and stride.name == "1":
            ty = vector(width, element)
            return from_memory(b, b.load(address, ty) if mask is None else b.masked_load(address, mask, ty), dt)
        if extra is None and stride is not None and stride.name == "2":
            return from_memory(b, self.spaced(address, width, mask, element), dt)
        offsets = b.mul(b.iota(width), b.splat(stride, width)) if stride is not None else b.zero(vector(width, "i64"))
        if extra is not None and extra.lanes:
            offsets = b.add(offsets, extra)
        return from_memory(b, self.collect(address, offsets, width, mask, element), dt)

    def amid_zeros(self, view: int, address: Val, width: int, mask: Val | None, element: str) -> Val:
        """A load that gives zeros beyond the ranges of its view."""
        b, inside, lanes = self.b, Val("true", "i1"), None
        for n in self.inside(view):
            (first, end), d = self.limits[n], self.nest.ranges[n]
            i = b.int(0) if d < 0 else self.index[d]
            if width and d == self.nest.vec:
                end = end if mask is None else b.intrinsic("smin", "i64", end, self.stop)
                lanes = b.sub(first, i), b.sub(end, i)
            else:
                for holds in (b.icmp("sge", i, first), b.icmp("slt", i, end)):
                    inside = b.binary("and", inside, holds)
        stride = self.strides[view][self.nest.vec]
        if width and (stride is None or stride.name not in ("1", "2")):
            counting = mask or b.splat(Val("true", "i1"), width) if lanes is None else self.between(*lanes, width)
            offsets = b.mul(b.iota(width), b.splat(stride or b.int(0), width))
            return self.collect(address, offsets, width, b.binary("and", counting, b.splat(inside, width)), element)
        room = f"[{2 * width or 1} x {element}]"
        address = b.select(inside, address, b.var(room, Val("zeroinitializer", room)))
        if not width:
            return b.load(address, element)
        if stride is not None and stride.name == "2":
            return self.spaced(address, width, mask, element, lanes)
        mask, held = mask if lanes is None else self.between(*lanes, width), vector(width, element)
        return b.load(address, held) if mask is None else b.masked_load(address, mask, held)

    def between(self, first: Val, end: Val, width: int) -> Val:
        """The lanes from the first on that lie before the end."""
        b = self.b
        before = b.binary("xor", b.lane_mask(b.int(0), first, width), b.splat(Val("true", "i1"), width))
        return b.binary("and", before, b.lane_mask(b.int(0), end, width))

    def spaced(
        self, address: Val, width: int, mask: Val | None, element: str, lanes: tuple[Val, Val] | None = None
    ) -> Val:
        """Every second element: the second of two loads begins with the last of the first, or it would read too far.

        Under a mask, which ends somewhere, an element is read where the next one that counts exists.
        """
        b, ty = self.b, vector(width, element)
        parts = []
        line = 512 // BITS[element]
        for at in range(0, 2 * width if mask is None else 0, line):  # such loads outrun what the processor fetches
            b.prefetch(b.gep(address, b.int(at + LINES_AHEAD * line), element))
        for at in (0, width - 1):
            here = b.gep(address, b.int(at), element)
            if lanes is not None:
                first, end = (b.sub(b.add(x, x), b.int(at)) for x in lanes)
                parts.append(b.masked_load(here, self.between(first, b.sub(end, b.int(1)), width), ty))
            elif mask is None:
                parts.append(b.load(here, ty))
            else:
                picks = ", ".join(f"i32 {(at + i + 1) // 2}" for i in range(width))
                text = f"shufflevector {mask.type} {mask.name}, {mask.type} zeroinitializer, <{width} x i32> <{picks}>"
                parts.append(b.masked_load(here, b.value(text, mask.type), ty))
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
        offset = b.mul(index, self.widen(self.gather_strides[node.extra], index.lanes))
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
        self.stop = end
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
