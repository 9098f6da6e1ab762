"""Plans: bound programs as the words that the resident dispatcher reads."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Any

from ..base.layout import Layout
from . import code
from .program import IN_PLACE, Bound

LONG, GRADIENT, PRIVATE, REWRITES = 1, 2, 4, 8
# Element operations from which a plan releases the GIL while it runs.
LONG_WORK = 1 << 17


def words(*values: int) -> Any:
    """An array of 64-bit words at a fixed address."""
    return (ctypes.c_longlong * max(1, len(values)))(*values)


class Tape:
    """What a plan records for the gradient: the backward operator, what it saves and where gradients go.

    `saved` are argument numbers, or complements of output numbers; `edges` argument numbers. `shapes` are the layouts
    of the visible outputs.
    """

    __slots__ = ("backward", "saved", "edges", "name", "sizes", "shapes", "nothing")

    def __init__(
        self,
        backward: Any,
        saved: tuple[int, ...],
        edges: tuple[int, ...],
        name: str,
        sizes: tuple[int, ...],
        shapes: Any,
    ) -> None:
        self.backward, self.saved, self.edges, self.name, self.sizes, self.shapes = (
            backward,
            saved,
            edges,
            name,
            sizes,
            shapes,
        )
        self.nothing = (sizes,)  # what a node saves that saves no values


_HEADER, _LAUNCH = 24, 6


class Plan:
    """A bound program in memory, with all that native code points at kept alive.

    The words are those of resident/dispatch.py.
    """

    __slots__ = ("address", "bound", "_alive", "visible")

    def __init__(
        self, positions: tuple[int, ...], bound: Bound, visible: int, tape: Tape | None, private: bool = False
    ) -> None:
        self.bound, self.visible = bound, visible
        # All parts lie in one block; a word that refers to a part holds its place until the block's address is known.
        block = [0] * _HEADER
        references: list[int] = []

        def part(at: int, values: Sequence[int]) -> None:
            block[at] = len(values)
            block[at + 1] = len(block) * 8
            references.append(at + 1)
            block.extend(values)

        block[0] = (LONG if bound.work > LONG_WORK else 0) | (GRADIENT if tape else PRIVATE if private else 0)
        if tape and any(o.kind == IN_PLACE for o in bound.outputs):
            block[0] |= REWRITES
        outputs: list[int] = []
        for o in bound.outputs:
            outputs += (o.kind, id(o.layout), o.layout.nbytes if o.kind == 0 else o.arg, o.offset)
        part(1, positions)
        part(3, outputs)
        block[3] = len(bound.outputs)
        part(5, bound.temps)
        records = len(block)
        part(7, [0] * (_LAUNCH * len(bound.launches)))
        block[7] = len(bound.launches)
        for at, launch in enumerate(bound.launches):
            at = records + _LAUNCH * at
            block[at], block[at + 4], block[at + 5] = code.address(launch.kernel), launch.total, launch.grain
            block[at + 1], block[at + 2] = len(block) * 8, len(launch.bufs)
            block.extend(launch.ops)
            block[at + 3] = len(block) * 8
            block.extend(launch.bufs)
            references += (at + 1, at + 3)
        block[9] = visible
        if tape is not None:
            block[10], block[15], block[17] = id(tape), id(tape.nothing), id(tape.sizes)
            tied = [k for k, lay in enumerate(tape.shapes) if lay.dtype.category == 2]
            block[16] = sum(1 << k for k in tied if k < 63)
            part(18, [k for k in tied if k >= 63])
            part(11, tape.saved)
            part(13, tape.edges)
        memory = array("q", block)
        self.address = memory.buffer_info()[0]
        for at in references:
            memory[at] += self.address
        self._alive = (tape, memory)

    @property
    def layouts(self) -> list[Layout]:
        """Those of the visible outputs."""
        return [o.layout for o in self.bound.outputs[: self.visible]]
