"""Interleaved timing of the same work on two frameworks, and the row of the table that comes of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Framework = Any
"""A module with PyTorch's interface: `torch` or `kagari`."""

Step = Callable[[], object]
Build = Callable[[Framework], Step]

SETTLE_SECONDS = 0.02
"""Pause before each block, so that the other framework's threads have stopped spinning."""


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
    """Seconds per call on both sides."""

    pytorch: float
    kagari: float

    @property
    def ratio(self) -> float:
        """How many times faster Kagari is."""
        return self.pytorch / self.kagari

    def row(self, what: str, at_least: float | None = None, flops: float = 0.0) -> Row:
        """The table's line; with `flops` (per call) the rates stand next to the times."""
        return Row(
            what,
            duration(self.pytorch) + rate(flops, self.pytorch),
            duration(self.kagari) + rate(flops, self.kagari),
            self.ratio,
            "" if at_least is None else f">= {at_least:g}x",
            None if at_least is None else self.ratio >= at_least,
        )


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

    def compare(self, build: Build) -> Pair:
        """The least time per call among the rounds, on both sides; the sides take turns, and in going first too."""
        steps = build(self.torch), build(self.kagari)
        calls = [self._calls_per_block(step) for step in steps]
        best = [math.inf, math.inf]
        for round_ in range(self.rounds):
            for side in (0, 1) if round_ % 2 == 0 else (1, 0):
                time.sleep(SETTLE_SECONDS)
                steps[side]()
                best[side] = min(best[side], block(steps[side], calls[side]))
        return Pair(*best)

    def _calls_per_block(self, step: Step) -> int:
        """Warms up, and finds how many calls fill a block."""
        step()
        calls = 1
        while (seconds := block(step, calls) * calls) < self.block_seconds:
            calls = max(calls + 1, min(10 * calls, math.ceil(1.2 * calls * self.block_seconds / seconds)))
        return calls


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


def duration(seconds: float) -> str:
    """With three significant digits and a unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}" if seconds < 1000 * scale else f"{seconds / scale:.0f} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def rate(flops: float, seconds: float) -> str:
    """`, 123 GFLOP/s`, or nothing where operations are not counted."""
    return f", {flops / seconds / 1e9:.0f} GFLOP/s" if flops else ""
