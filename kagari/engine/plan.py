"""Plans: bound programs as the words that the resident dispatcher reads."""

from __future__ import annotations

import ctypes
from typing import Any

from ..base.layout import Layout
from . import code
from .program import Bound

LONG, GRADIENT = 1, 2
# Element operations from which a plan releases the GIL while it runs.
LONG_WORK = 1 << 17


def words(*values: int) -> Any:
    """An array of 64-bit words at a fixed address."""
    return (ctypes.c_longlong * max(1, len(values)))(*values)


class Tape:
    """What a plan records for the gradient: the backward operator, what it saves and where gradients go.

    `saved` are argument numbers, or complements of output numbers; `edges` argument numbers.
    """

    __slots__ = ("backward", "saved", "edges", "name", "sizes", "shapes")

    def __init__(self, backward: Any, saved: tuple[int, ...], edges: tuple[int, ...], name: str, sizes: tuple[int, ...], shapes: Any) -> None:
        self.backward, self.saved, self.edges, self.name, self.sizes, self.shapes = backward, saved, edges, name, sizes, shapes


class Plan:
    """A bound program in memory, with all that native code points at kept alive."""

    __slots__ = ("address", "bound", "_alive", "visible")

    def __init__(self, positions: tuple[int, ...], bound: Bound, visible: int, tape: Tape | None) -> None:
        self.bound, self.visible = bound, visible
        alive: list[Any] = [bound, tape]
        flags = (LONG if bound.work > LONG_WORK else 0) | (GRADIENT if tape else 0)
        outputs: list[int] = []
        for o in bound.outputs:
            outputs += [o.kind, id(o.layout), o.layout.nbytes if o.kind == 0 else o.arg, o.offset]
        launches: list[int] = []
        for launch in bound.launches:
            ops, bufs = words(*launch.ops), words(*launch.bufs)
            alive += [ops, bufs]
            launches += [
                code.address(launch.kernel), ctypes.addressof(ops), len(launch.bufs), ctypes.addressof(bufs), launch.total, launch.grain,
            ]  # fmt: skip
        arrays = [words(*positions), words(*outputs), words(*bound.temps), words(*launches)]
        fields = [flags]
        for array, count in zip(arrays, (len(positions), len(bound.outputs), len(bound.temps), len(bound.launches))):
            fields += [count, ctypes.addressof(array)]
        fields.append(visible)
        if tape is not None:
            saved, edges = words(*tape.saved), words(*tape.edges)
            arrays += [saved, edges]
            fields += [
                id(tape.backward), len(tape.saved), ctypes.addressof(saved), len(tape.edges), ctypes.addressof(edges), id(tape.name),
                id(tape.shapes), id(tape.sizes),
            ]  # fmt: skip
        block = words(*fields, *([0] * 8))
        self.address = ctypes.addressof(block)
        self._alive = (alive, arrays, block)

    @property
    def layouts(self) -> list[Layout]:
        return [o.layout for o in self.bound.outputs[: self.visible]]
