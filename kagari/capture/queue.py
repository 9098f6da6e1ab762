"""The queue of noted calls, read: which plan each call is of, and which memory it reads and writes.

See resident/queue.py, which fills the queue and runs it.
"""

from __future__ import annotations

import ctypes
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..base.layout import Layout
from ..engine.code import native
from ..engine.plan import PLANS, Plan

OWNER, ENTRIES, USED, SLOTS, SLOT_COUNT, NUMBERS, NUMBER_COUNT, RUNNING, CALLS, ALIVE, _, LAST, TRUSTED = range(13)
READ, FULL, ENDED, SHARED, OPAQUE = range(5)
GONE, WANTED, HELD = range(3)
FRESH, SAME, VIEW, IN_PLACE = range(4)
SLOT_WORDS = 5

# A place in memory: the number of a slot and an offset in bytes.
At = tuple[int, int]


class Shape:
    """What all calls of one plan have in common."""

    def __init__(self, plan: Plan) -> None:
        head = plan.head
        self.plan = plan
        self.inputs, self.outputs, self.launches = head[1], head[3], head[7]
        self.positions = tuple(plan.part(2, self.inputs))
        records = plan.part(4, 4 * self.outputs)
        self.kinds = tuple(records[::4])
        self.layouts: tuple[Layout, ...] = tuple(_object(word) for word in records[1::4])
        self.buffers = self.inputs + self.outputs + head[5]  # with its temporaries

    @cached_property
    def name(self) -> str:
        """The operator's name."""
        origin = self.plan.origin
        return origin.name if origin is not None else "?"

    @cached_property
    def read(self) -> list[Layout]:
        """The layouts of what it reads; none where there is no program."""
        origin = self.plan.origin
        return [origin.layouts[i] for i in self.positions] if origin is not None else []

    @property
    def program(self) -> Any:
        """The program that others may be joined with; None where there is none."""
        origin = self.plan.origin
        return origin.program if origin is not None else None

    @property
    def runs(self) -> bool:
        """Whether it computes something, or takes memory, if only for no elements; else its results are views."""
        return self.launches > 0 or FRESH in self.kinds

    @property
    def in_place(self) -> bool:
        """Whether it writes into memory that was there before."""
        return IN_PLACE in self.kinds


def _object(address: int) -> Any:
    return ctypes.cast(address, ctypes.py_object).value


_shapes: dict[int, Shape] = {}


def shape_of(address: int) -> Shape:
    """What a plan's words say, read once."""
    found = _shapes.get(address)
    plan = PLANS[address]
    if found is None or found.plan is not plan:
        if len(_shapes) > 1 << 14:
            _shapes.clear()
        found = _shapes[address] = Shape(plan)
    return found


@dataclass(slots=True)
class Call:
    """A noted call: its plan, the operator's state, where its numbers begin, and what it reads and writes."""

    shape: Shape
    state: int
    numbers: int
    inputs: list[At]
    outputs: list[At]


def key() -> bytes:
    """All that the queue's structure consists of: equal keys are the same computation."""
    loaded = native()
    loaded.look_at_slots(None)
    words = loaded.queue
    return ctypes.string_at(words[ENTRIES], words[USED] * 8) + ctypes.string_at(words[ALIVE], words[SLOT_COUNT] * 8)


def read(words: bytes) -> tuple[list[Call], array[int]]:
    """The calls of the queue with this key, and what becomes of each slot."""
    used = native().queue[USED]
    every = array("q", words)
    listed = every.tolist()
    calls: list[Call] = []
    shapes: dict[int, Shape] = {}
    at = numbers = 0
    while at < used:
        address, state, count = listed[at : at + 3]
        shape = shapes.get(address) or shapes.setdefault(address, shape_of(address))
        end = at + 3 + 2 * (shape.inputs + shape.outputs)
        pairs = list(zip(listed[at + 3 : end : 2], listed[at + 4 : end : 2]))
        calls.append(Call(shape, state, numbers, pairs[: shape.inputs], pairs[shape.inputs :]))
        numbers += count
        at = end
    return calls, every[used:]
