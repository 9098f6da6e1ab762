"""The element-wise values that follow a contraction, computed on its sums before they are stored."""

from __future__ import annotations

from ..base.dtypes import dtype
from ..ir.graph import Value
from .body import Body, BodyBuilder, Node
from .contract_epilogue import Context, Epilogue, put
from .elementwise import COMPUTE, MEMORY, convert, emit, from_memory, to_memory
from .fuse import Stage
from .loops import View
from .text import CACHE_LINE, Builder, Val, vector


class _EpilogueBuilder(BodyBuilder):
    """A body whose first node is the contraction's result."""

    def __init__(self, stage: Stage, buffers: set[Value]) -> None:
        source = stage.source
        assert source is not None
        super().__init__((source.shape, ()), buffers, set(), {stage.outputs[0]})
        self.memo[source, True] = self.add(Node("acc", (), source.dtype))


def epilogue_body(stage: Stage, buffers: set[Value]) -> Body:
    """The body of a dot stage with an epilogue; node 0 stands for the sum."""
    builder = _EpilogueBuilder(stage, buffers)
    builder.root(stage.outputs[0])
    builder.body.write_key()
    return builder.body


class BodyEpilogue(Epilogue):
    """An epilogue made from a body. Loads have strides over (batch..., row, column).

    `apart` has for each load how far those of one matrix lie from those of the next one, where there is one dimension
    of the batch; by default all matrices have the same.
    """

    def __init__(
        self, body: Body | None, out: dtype, loads: list[View], sizes: list[int], apart: tuple[int, ...] = ()
    ) -> None:
        self.body, self.loads, self.dtype = body, loads, out
        self.apart = 3 * len(loads) + len(sizes) if any(apart) else 0  # where their operands begin
        classes = [
            "".join("0" if s == 0 else "1" if s == 1 else "s" for s in v.strides[-2:]) + v.dtype.name for v in loads
        ]
        rank = len(body.space[0]) if body else 0
        key = f"body{rank}.{body.key}.{classes}{'.apart' * any(apart)}" if body else "store"
        ops: list[int] = []
        for v in loads:
            ops += [v.offset, *v.strides[-2:]]
        self.row = rank - 2  # the dimension that counts rows
        folds = not self.apart and all(not any(v.strides[:-1]) for v in loads)
        folds = folds and not (body and any(n.op == "iota" and n.extra == self.row for n in body.nodes))
        super().__init__(
            out.name, key, tuple(v.buf for v in loads), (*ops, *sizes, *(apart if self.apart else ())), folds
        )

    @property
    def streams(self) -> bool:
        """Whether it reads elements that no other tile does, for which a tile asks before it computes."""
        return any(v.strides[-2] and v.strides[-1] == 1 for v in self.loads)

    def ask(self, b: Builder, row: Val, col: Val, rows: Val, cols: int, context: Context) -> None:
        """Asks for what C[row : row + rows, col : col + cols] will need."""
        for number, view in enumerate(self.loads):
            if view.strides[-2] and view.strides[-1] == 1:
                element, line = MEMORY[view.dtype.name], CACHE_LINE // view.dtype.itemsize
                with b.loop(b.int(0), rows) as r:
                    address = b.gep(self._row(b, number, b.add(row, r), context), col, element)
                    for i in range(0, cols, line):
                        b.prefetch(b.gep(address, b.int(i), element))

    def store(
        self, b: Builder, out: Val, acc: Val, row: Val, col: Val, lanes: int, mask: Val | None, context: Context
    ) -> None:
        if self.body is None:
            super().store(b, out, acc, row, col, lanes, mask, context)
            return
        memo: dict[int, Val] = {}
        for i, node in enumerate(self.body.nodes):
            memo[i] = self._node(b, node, memo, acc, row, col, lanes, mask, context)
        result = memo[self.body.roots[0]]
        put(b, out, to_memory(b, b.splat(result, lanes) if lanes and not result.lanes else result, self.dtype), mask)

    def _node(
        self, b: Builder, node: Node, memo: dict[int, Val], acc: Val, row: Val, col: Val, lanes: int, mask: Val | None,
        context: Context,
    ) -> Val:  # fmt: skip
        assert self.body is not None
        element = COMPUTE[node.dtype.name]
        if node.op == "acc":
            return acc
        if node.op == "const":
            value = node.value
            x = b.float(float(value), element) if node.dtype.category == 2 else b.int(int(value), element)
        elif node.op == "scalar":
            kind = "double" if node.dtype.category == 2 else "i64"
            x = b.load(b.gep(context.scalars, b.int(node.extra), "i64"), kind)
            x = x if x.type == element else b.cast("fptrunc" if kind == "double" else "trunc", x, element)
        elif node.op == "size":
            x = context.ops[3 * len(self.loads) + node.extra]
        elif node.op == "iota":
            x = row if node.extra == self.row else b.add(b.splat(col, lanes), b.iota(lanes)) if lanes else col
        elif node.op == "load":
            x = self._load(b, node.extra, row, col, lanes, mask, context)
        else:
            args = [memo[a] for a in node.args]
            if node.op == "cast":
                return convert(b, args[0], self.body.nodes[node.args[0]].dtype, node.dtype)
            return emit(b, node.op, self.body.nodes[node.args[-1]].dtype, args, lambda bad, bit: None)
        return b.splat(x, lanes) if lanes and not x.lanes else x

    def _row(self, b: Builder, number: int, row: Val, context: Context) -> Val:
        """Where a row of what is loaded begins."""
        view = self.loads[number]
        element = MEMORY[view.dtype.name]
        offset, step = context.ops[3 * number : 3 * number + 2]
        address = b.gep(context.bufs[number], offset, element)
        if self.apart:
            address = b.gep(address, b.mul(context.batch, context.ops[self.apart + number]), element)
        return b.gep(address, b.mul(row, step), element) if view.strides[-2] else address

    def _load(self, b: Builder, number: int, row: Val, col: Val, lanes: int, mask: Val | None, context: Context) -> Val:
        view = self.loads[number]
        element, col_step = MEMORY[view.dtype.name], context.ops[3 * number + 2]
        address = self._row(b, number, row, context)
        if not view.strides[-1]:
            return from_memory(b, b.load(address, element), view.dtype)
        if view.strides[-1] == 1:
            address = b.gep(address, col, element)
            if not lanes:
                return from_memory(b, b.load(address, element), view.dtype)
            ty = vector(lanes, element)
            return from_memory(b, b.load(address, ty) if mask is None else b.masked_load(address, mask, ty), view.dtype)
        address = b.gep(address, b.mul(col, col_step), element)
        if not lanes:
            return from_memory(b, b.load(address, element), view.dtype)
        offsets = b.mul(b.iota(lanes), b.splat(col_step, lanes))
        pointers = b.value(
            f"getelementptr {element}, ptr {address.name}, <{lanes} x i64> {offsets.name}", f"<{lanes} x ptr>"
        )
        short = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(element, element)
        wide = mask or b.splat(Val("true", "i1"), lanes)
        name = f"llvm.masked.gather.v{lanes}{short}.v{lanes}p0"
        return from_memory(
            b, b.call(name, vector(lanes, element), pointers, wide, b.zero(vector(lanes, element))), view.dtype
        )
