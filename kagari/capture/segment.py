"""Segments: how a queue is run. One native call takes the steps in turn, with memory for what is between them."""

from __future__ import annotations

import ctypes
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from ..base.layout import Layout
from ..engine.code import get_num_threads
from ..engine.plan import words
from .queue import GONE, At, Call, Shape


def clock() -> int:
    """The clock that tells which way is faster: that of the thread, as long as there is but one, since it stands still
    while other programs run. Of several threads the one that launches may have done much or little of the work.
    """
    return time.CLOCK_THREAD_CPUTIME_ID if get_num_threads() == 1 else time.CLOCK_MONOTONIC


def read(clock: int) -> int:
    """What a clock shows, in nanoseconds."""
    return time.clock_gettime_ns(clock)  # Windows has no such clocks: the name is asked for when it is needed


@dataclass(slots=True)
class Step:
    """A plan to be run: of one call, or of several that were fused.

    `numbers` is where a call's numbers begin among those of the queue, or the places of a fused plan's there.
    """

    shape: Shape
    state: int
    inputs: Sequence[At]
    outputs: Sequence[At]
    numbers: int | tuple[int, ...]
    calls: list[Call]
    layouts: Sequence[Layout]  # of the inputs


def single(call: Call) -> Step:
    """A call as it is."""
    origin = call.shape.plan.origin
    layouts = [origin.layouts[i] for i in call.shape.positions] if origin is not None else []
    return Step(call.shape, call.state, call.inputs, call.outputs, call.numbers, [call], layouts)


class Segment:
    """Steps as the words that native code reads.

    `key` and `slots` are of the queue that it is for: native code compares the next queue with them.
    """

    def __init__(self, steps: Sequence[Step], slots: Sequence[int], key: bytes) -> None:
        self.steps = list(steps)
        self._alive: list[object] = []
        records: list[int] = []
        for step, gone in zip(self.steps, _freed(self.steps, slots)):
            records += (
                step.shape.plan.address,
                step.state,
                self._words(n for at in step.inputs for n in at),
                self._words(n for at in step.outputs for n in at),
                -1 if isinstance(step.numbers, tuple) else step.numbers,
                self._words((len(step.numbers), *step.numbers)) if isinstance(step.numbers, tuple) else 0,
                len(gone),
                self._words(gone),
            )
        most = max((step.shape.buffers + _numbers(step) for step in self.steps), default=1)
        self.times = words(*[0] * len(self.steps))
        self._head = words(
            len(self.steps), self._words(records), most, 0, 0, self._words(array("q", key)),
            len(key) // 8 - len(slots), len(slots), self._words(slots), 0, 0,
        )  # fmt: skip
        self.address = ctypes.addressof(self._head)

    def measure(self, on: bool) -> None:
        """Whether runs write into `times` how many nanoseconds each step took."""
        self._head[3], self._head[4] = (ctypes.addressof(self.times), clock()) if on else (0, 0)

    def followed_by(self, other: Segment) -> None:
        """Has native code look first whether the next queue is the one for another segment."""
        self._head[9] = other.address

    @property
    def unseen(self) -> int:
        """How often native code ran it by itself."""
        return self._head[10]

    def _words(self, values: object) -> int:
        memory = words(*values)  # type: ignore[misc]
        self._alive.append(memory)
        return ctypes.addressof(memory)


def _numbers(step: Step) -> int:
    return len(step.numbers) if isinstance(step.numbers, tuple) else 0


def _freed(steps: Sequence[Step], slots: Sequence[int]) -> list[list[int]]:
    """For each step the slots that nothing needs afterwards."""
    last: dict[int, int] = {}
    for number, step in enumerate(steps):
        for slot, _ in (*step.inputs, *step.outputs):
            if slots[slot] == GONE:
                last[slot] = number
    freed: list[list[int]] = [[] for _ in steps]
    for slot, number in last.items():
        freed[number].append(slot)
    return freed
