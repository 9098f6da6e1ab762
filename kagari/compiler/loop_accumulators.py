"""Accumulators of reductions: a variable for the value; for argmax and argmin one more for the index."""

from __future__ import annotations

from ..base.dtypes import dtype
from .elementwise import (
    combine,
    compute_type,
    emit,
    identity,
)
from .loop_frame import Frame
from .text import Val, vector


class Accumulators(Frame):
    """Writes what a reduction does with an element, and at its end."""

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
