"""Plans: bound programs as the words that the resident dispatcher reads."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from ..base.errors import CompileError
from ..base.layout import Layout
from . import code
from .program import IN_PLACE, Bound

LONG, GRADIENT, PRIVATE, REWRITES = 1, 2, 4, 8
# What `execute` of resident/dispatch.py has room for on its stack.
MAX_BUFFERS, MAX_OUTPUTS = 64, 32
# Element operations from which a plan releases the GIL while it runs.
LONG_WORK = 1 << 17


def words(*values: int) -> Any:
    """An array of 64-bit words at a fixed address."""
    return (ctypes.c_longlong * max(1, len(values)))(*values)


class Tape:
    """What a plan records for the gradient: the backward operator, what it saves and where gradients go.

    `saved` are argument numbers, or complements of output numbers; `edges` argument numbers. `shapes` are the layouts of the
    visible outputs.
    """

    __slots__ = ("backward", "saved", "edges", "name", "sizes", "shapes", "nothing")

    def __init__(self, backward: Any, saved: tuple[int, ...], edges: tuple[int, ...], name: str, sizes: tuple[int, ...], shapes: Any) -> None:
        self.backward, self.saved, self.edges, self.name, self.sizes, self.shapes = backward, saved, edges, name, sizes, shapes
        self.nothing = (sizes,)  # what a node saves that saves no values


class _Block:
    """Words under construction: parts are added one after the other, and refer to each other by their place."""

    def __init__(self, header: int) -> None:
        self.words = [0] * header
        self.addresses: list[int] = []  # places of words that hold a place and become an address

    def add(self, values: Iterable[int]) -> int:
        """Adds a part and gives its place."""
        place = len(self.words)
        self.words.extend(values)
        return place

    def refer(self, at: int, place: int) -> None:
        """Makes the word at one place the address of another."""
        self.words[at] = place * 8
        self.addresses.append(at)

    def finish(self) -> Any:
        block = (ctypes.c_longlong * len(self.words))()
        base = ctypes.addressof(block)
        for at in self.addresses:
            self.words[at] += base
        block[:] = self.words
        return block


_HEADER, _LAUNCH = 24, 6


class Plan:
    """A bound program in memory, with all that native code points at kept alive. The words are those of resident/dispatch.py."""

    __slots__ = ("address", "bound", "_alive", "visible")

    def __init__(self, positions: tuple[int, ...], bound: Bound, visible: int, tape: Tape | None, private: bool = False) -> None:
        self.bound, self.visible = bound, visible
        if len(positions) + len(bound.outputs) + len(bound.temps) > MAX_BUFFERS or len(bound.outputs) > MAX_OUTPUTS:
            raise CompileError(
                f"a plan has room for {MAX_BUFFERS} buffers and {MAX_OUTPUTS} outputs, got {len(positions)} inputs, "
                f"{len(bound.outputs)} outputs and {len(bound.temps)} temporaries"
            )
        block = _Block(_HEADER)
        header = block.words
        header[0] = (LONG if bound.work > LONG_WORK else 0) | (GRADIENT if tape else PRIVATE if private else 0)
        if tape and any(o.kind == IN_PLACE for o in bound.outputs):
            header[0] |= REWRITES
        outputs: list[int] = []
        for o in bound.outputs:
            outputs += (o.kind, id(o.layout), o.layout.nbytes if o.kind == 0 else o.arg, o.offset)
        self._part(block, 1, len(positions), positions)
        self._part(block, 3, len(bound.outputs), outputs)
        self._part(block, 5, len(bound.temps), bound.temps)
        records = block.add([0] * (_LAUNCH * len(bound.launches)))
        header[7] = len(bound.launches)
        block.refer(8, records)
        for i, launch in enumerate(bound.launches):
            at = records + _LAUNCH * i
            header[at], header[at + 2] = code.address(launch.kernel), len(launch.bufs)
            header[at + 4], header[at + 5] = launch.total, launch.grain
            block.refer(at + 1, block.add(launch.ops))
            block.refer(at + 3, block.add(launch.bufs))
        header[9] = visible
        if tape is not None:
            header[10], header[15], header[17] = id(tape), id(tape.nothing), id(tape.sizes)
            header[16] = sum(1 << k for k, lay in enumerate(tape.shapes) if lay.dtype.category == 2)
            self._part(block, 11, len(tape.saved), tape.saved)
            self._part(block, 13, len(tape.edges), tape.edges)
        finished = block.finish()
        self.address = ctypes.addressof(finished)
        self._alive = (tape, finished)

    @staticmethod
    def _part(block: _Block, at: int, count: int, values: Iterable[int]) -> None:
        block.words[at] = count
        block.refer(at + 1, block.add(values))

    @property
    def layouts(self) -> list[Layout]:
        """Those of the visible outputs."""
        return [o.layout for o in self.bound.outputs[: self.visible]]
