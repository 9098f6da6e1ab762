"""Plans: bound programs as the words that the resident dispatcher reads."""

from __future__ import annotations

import ctypes
import weakref
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.layout import Layout
from . import code

if TYPE_CHECKING:
    from ..compiler.kernel import Kernel
    from .binder import Bound

LONG, GRADIENT, PRIVATE, REWRITES, UNCHECKED, IMMATERIAL = 1, 2, 4, 8, 16, 64
# Kinds of outputs, see `Output` in outputs.py.
FRESH, SAME, VIEW, IN_PLACE = 0, 1, 2, 3
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
        shapes: tuple[Layout, ...],
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


class Frame(NamedTuple):
    """What the plans of one program share: which arguments it reads, how many of its outputs are seen, and what a
    node saves and where its gradients go where the program is `taped`."""

    positions: tuple[int, ...]
    visible: int
    taped: bool = False
    saved: tuple[int, ...] = ()
    edges: tuple[int, ...] = ()


class Packed(NamedTuple):
    """A bound program as words, in one block.

    A word that refers to a part of the block holds its distance from the start until the block's address is known;
    `references` are the numbers of such words. `layouts` are those of the visible outputs. `awaited` are kernels whose
    address is not known yet, and the numbers of the words that it belongs into.
    """

    words: Sequence[int]
    references: tuple[int, ...]
    layouts: tuple[Layout, ...]
    awaited: Sequence[tuple[int, Kernel]] = ()


_HEADER, _LAUNCH = 24, 6


def packed(
    frame: Frame,
    bound: Bound,
    identity: Any = id,
    address: Callable[[Kernel], int] = code.address,
    material: bool = True,
) -> Packed:
    """The words of resident/dispatch.py, but for those of the tape.

    `identity` gives the word of a layout, `address` that of a kernel, or 0 where it is awaited. Outputs of a plan that
    is not `material` get no memory.
    """
    block: list[int] = [0] * _HEADER
    awaited: list[tuple[int, Kernel]] = []
    references: list[int] = []

    def part(at: int, values: Sequence[int]) -> None:
        block[at] = len(values)
        block[at + 1] = len(block) * 8
        references.append(at + 1)
        block.extend(values)

    block[0] = (LONG if bound.work > LONG_WORK else 0) if material else IMMATERIAL
    if frame.taped and any(o.kind == IN_PLACE for o in bound.outputs):
        block[0] |= REWRITES
    outputs: list[int] = []
    for o in bound.outputs:
        room = o.layout.nbytes if material else 0
        outputs += (o.kind, identity(o.layout), room if o.kind == FRESH else o.arg, o.offset)
    part(1, frame.positions)
    part(3, outputs)
    block[3] = len(bound.outputs)
    part(5, bound.temps)
    records = len(block)
    part(7, [0] * (_LAUNCH * len(bound.launches)))
    block[7] = len(bound.launches)
    for k, launch in enumerate(bound.launches):
        at = records + _LAUNCH * k
        block[at], block[at + 4], block[at + 5] = address(launch.kernel), launch.total, launch.grain
        if not block[at]:
            awaited.append((at, launch.kernel))
        block[at + 1], block[at + 2] = len(block) * 8, len(launch.bufs)
        block.extend(launch.ops)
        block[at + 3] = len(block) * 8
        block.extend(launch.bufs)
        references += (at + 1, at + 3)
    block[9] = frame.visible
    layouts = tuple([o.layout for o in bound.outputs[: frame.visible]])
    if frame.taped:
        tied = [k for k, lay in enumerate(layouts) if lay.dtype.is_differentiable]
        block[16] = sum(1 << k for k in tied if k < 63)
        part(18, [k for k in tied if k >= 63])
        part(11, frame.saved)
        part(13, frame.edges)
    return Packed(block, tuple(references), layouts, awaited)


class Origin(NamedTuple):
    """Where a plan comes from: the operator's name, its program, the layouts of its arguments and its sizes.

    The update of an optimizer has no program.
    """

    name: str
    program: Any
    layouts: dict[int, Layout]
    sizes: tuple[int, ...]


class Plan:
    """A packed program at a fixed address, with all that native code points at kept alive."""

    __slots__ = ("address", "origin", "_alive", "__weakref__")

    def __init__(self, source: Packed, tape: Tape | None, private: bool = False, origin: Origin | None = None) -> None:
        self.origin = origin
        memory = array("q", source.words)
        self.address = address = memory.buffer_info()[0]
        for at in source.references:
            memory[at] += address
        if tape is not None:
            memory[0] |= GRADIENT
            memory[10], memory[15], memory[17] = id(tape), id(tape.nothing), id(tape.sizes)
        elif private:
            memory[0] |= PRIVATE
        if source.awaited:
            code.complete_later(memory, source.awaited)
        self._alive = (tape, memory)
        PLANS[address] = self

    def part(self, at: int, count: int) -> Sequence[int]:
        """Words of the block that a word of its head refers to."""
        memory = self._alive[1]
        start = (memory[at] - self.address) // 8
        return memory[start : start + count]

    @property
    def head(self) -> Sequence[int]:
        """The words that say how many inputs, outputs, temporaries and launches there are, and where."""
        return self._alive[1][:_HEADER]


# The plans that are alive, by their addresses.
PLANS: weakref.WeakValueDictionary[int, Plan] = weakref.WeakValueDictionary()
