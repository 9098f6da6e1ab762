"""Segments: how a queue is run. One native call takes the steps in turn, with memory for what is between them."""

from __future__ import annotations

import ctypes
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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
    return Step(call.shape, call.state, call.inputs, call.outputs, call.numbers, [call], call.shape.read)


_HEAD, _RECORD = 11, 8  # words


class Segment:
    """Steps as the words that native code reads.

    `key` and `slots` are of the queue that it is for: native code compares the next queue with them.
    """

    def __init__(self, steps: Sequence[Step], slots: Sequence[int], key: bytes) -> None:
        self.steps = list(steps)
        self.times = words(*[0] * len(self.steps))
        count, structure = len(self.steps), array("q", key)
        block = [0] * (_HEAD + _RECORD * count)
        references = [1, 5, 8]  # words that are addresses of the block's parts, which their distance stands for so far
        block[0], block[1] = count, 8 * _HEAD
        block[2] = max([step.shape.buffers + _numbers(step) for step in self.steps], default=1)
        block[5], block[6], block[7] = 8 * len(block), len(structure) - len(slots), len(slots)
        block += structure
        block[8] = 8 * len(block)
        block += slots
        for at, step, gone in zip(range(_HEAD, len(block), _RECORD), self.steps, _freed(self.steps, slots)):
            block[at], block[at + 1], block[at + 4], block[at + 6] = step.shape.plan.address, step.state, -1, len(gone)
            references += (at + 2, at + 3, at + 7)
            block[at + 2] = 8 * len(block)
            block += chain.from_iterable(step.inputs)
            block[at + 3] = 8 * len(block)
            block += chain.from_iterable(step.outputs)
            block[at + 7] = 8 * len(block)
            block += gone
            if isinstance(step.numbers, tuple):
                references.append(at + 5)
                block[at + 5] = 8 * len(block)
                block += (len(step.numbers), *step.numbers)
            else:
                block[at + 4] = step.numbers
        self._words = array("q", block)
        self.address = self._words.buffer_info()[0]
        for at in references:
            self._words[at] += self.address

    def measure(self, on: bool) -> None:
        """Whether runs write into `times` how many nanoseconds each step took."""
        self._words[3], self._words[4] = (ctypes.addressof(self.times), clock()) if on else (0, 0)

    def followed_by(self, other: Segment) -> None:
        """Has native code look first whether the next queue is the one for another segment."""
        self._words[9] = other.address

    @property
    def unseen(self) -> int:
        """How often native code ran it by itself."""
        return self._words[10]


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
