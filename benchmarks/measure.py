"""Interleaved timing of the same work on two frameworks, and the row of the table that comes of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .framework import Build, Framework, Step
from .peak import peak_flops

SETTLE_SECONDS = 0.02
"""Pause before each block, so that the other framework's threads have stopped spinning."""

LONG_SECONDS = 0.1
"""A step that takes so long finds no use in another one before it."""

FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is PyTorch's time over Kagari's; `passed` is None where nothing is required."""

    what: str
    pytorch: str = ""
    kagari: str = ""
    ratio: float | None = None
    required: str = ""
    passed: bool | None = None


@dataclass(frozen=True)
class Pair:
    """Seconds per call on both sides; where they were counted, the operations of a call and the peak rate of them."""

    pytorch: float
    kagari: float
    flops: float = 0.0
    peak: float = math.inf

    @property
    def ratio(self) -> float:
        """How many times faster Kagari is."""
        return self.pytorch / self.kagari

    @property
    def shares(self) -> tuple[float, float]:
        """What part of the peak rate both sides reach."""
        return self.flops / self.pytorch / self.peak, self.flops / self.kagari / self.peak

    def row(self, what: str, at_least: float | None = None) -> Row:
        """The table's line; where operations were counted the rates stand next to the times."""
        pytorch, kagari = (
            duration(seconds) + (f", {self.flops / seconds / 1e9:.0f} GFLOP/s ({share:.0%})" if self.flops else "")
            for seconds, share in zip((self.pytorch, self.kagari), self.shares)
        )
        required = "" if at_least is None else f">= {at_least:g}x"
        return Row(what, pytorch, kagari, self.ratio, required, None if at_least is None else self.ratio >= at_least)


@dataclass(frozen=True)
class Bench:
    """The two frameworks and how long to measure. A block is a run of calls on one side that is timed as a whole."""

    torch: Framework
    kagari: Framework
    threads: int
    quick: bool = False

    @property
    def rounds(self) -> int:
        """Blocks per side. Many short ones: the least of them is one that nothing else on the machine disturbed."""
        return 5 if self.quick else 25

    @property
    def block_seconds(self) -> float:
        """How long a block should take at least."""
        return 0.003 if self.quick else 0.01

    @property
    def budget_seconds(self) -> float:
        """So long may a comparison take: of steps that are long there are fewer rounds, but a few at least."""
        return 0.5 if self.quick else 3.0

    @cached_property
    def peak(self) -> float:
        """fp32 operations a second that the threads can do together."""
        return peak_flops(self.threads)

    def compare(self, build: Build, count: bool = False) -> Pair:
        """The least time per call among the rounds, on both sides; the sides take turns, and in going first too.

        With `count`, what PyTorch counts as the operations of one call stands next to the times.
        """
        steps = build(self.torch), build(self.kagari)
        flops = self._operations(steps[0]) if count else 0.0
        pytorch, kagari = self.least(steps)
        return Pair(pytorch, kagari, flops, self.peak if count else math.inf)

    def least(self, steps: Sequence[Step]) -> list[float]:
        """The least seconds per call of each step; they take turns, one round in their order and one backwards."""
        plans = [self._plan(step) for step in steps]
        best = [math.inf] * len(steps)
        order = range(len(steps))
        for round_ in range(self._rounds([seconds for _, seconds in plans])):
            for side in order if round_ % 2 == 0 else reversed(order):
                calls, seconds = plans[side]
                time.sleep(SETTLE_SECONDS)
                if seconds < LONG_SECONDS:
                    steps[side]()
                best[side] = min(best[side], block(steps[side], calls))
        return best

    def _plan(self, step: Step) -> tuple[int, float]:
        """Warms up, and finds how many calls fill a block, and how long it takes."""
        step()
        calls = 1
        while (seconds := block(step, calls) * calls) < self.block_seconds:
            calls = max(calls + 1, min(10 * calls, math.ceil(1.2 * calls * self.block_seconds / seconds)))
        return calls, seconds

    def _rounds(self, blocks: Sequence[float]) -> int:
        """How many rounds of blocks of so many seconds there are: for more sides there is more time."""
        fitting = int(self.budget_seconds * len(blocks) / 2 / (sum(blocks) + len(blocks) * SETTLE_SECONDS))
        return min(self.rounds, max(FEWEST_ROUNDS, fitting))

    @staticmethod
    def _operations(step: Step) -> float:
        # Here, so that a process that measures Kagari alone has no other framework in its memory.
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            step()
        return float(counter.get_total_flops())


def block(step: Step, calls: int) -> float:
    """Seconds per call of `calls` calls in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def geometric_row(what: str, ratios: Sequence[float], at_least: float) -> Row:
    """The line that sums up a group whose requirement is on the geometric mean."""
    mean = geometric_mean(ratios)
    return Row(f"**{what}: geometric mean of {len(ratios)}**", "", "", mean, f">= {at_least:g}x", mean >= at_least)


def size(nbytes: float) -> str:
    """In megabytes."""
    return f"{nbytes / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """With three significant digits and a unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}" if seconds < 1000 * scale else f"{seconds / scale:.0f} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
