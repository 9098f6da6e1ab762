"""What was measured, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, log10, sqrt
from typing import Any

import numpy as np

_UNITS = {"ns": (1e-9, "nanosecond"), "us": (1e-6, "microsecond"), "ms": (1e-3, "millisecond"), "s": (1.0, "second")}
_MOST_FIGURES = 4
_LEAST_INTERVAL = 25e-9  # no clock tells times closer to each other than that apart
_NOTABLE, _LARGE = 0.1, 0.25  # parts of the median


def select_unit(seconds: float) -> tuple[str, float]:
    """The unit that a time is best written in, and how many seconds it has.

    >>> from kagari.utils.benchmark import select_unit
    >>> select_unit(0.004)
    ('ms', 0.001)
    """
    for name in ("s", "ms", "us"):
        if seconds >= _UNITS[name][0]:
            return name, _UNITS[name][0]
    return "ns", _UNITS["ns"][0]


def unit_to_english(unit: str) -> str:
    """A unit as a word."""
    return _UNITS[unit][1]


def _lines(name: str, text: str) -> str:
    """`name: text`, or the lines of a longer text below the name."""
    if "\n" not in text:
        return f"{name}: {text}" if name != "stmt" else text
    return f"{name}:\n" + "\n".join("  " + line for line in text.splitlines())


@dataclass(frozen=True)
class TaskSpec:
    """What is measured, and how it is called in tables: rows by `sub_label`, columns by `description`."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement, and the second label."""
        name = self.label if self.label is not None else _lines("stmt", self.stmt)
        return name + (f": {self.sub_label}" if self.sub_label else "")

    def setup_str(self) -> str:
        """What is done before, empty where that is nothing."""
        return "" if self.setup in ("", "pass") else _lines("setup", self.setup)

    def summarize(self) -> str:
        """Title, description and what is done before."""
        parts = [part for part in (self.title, self.description or "", self.setup_str()) if part]
        return "\n".join(f"{part}\n" if "\n" in part else part for part in parts)


class Measurement:
    """How long a statement took in several runs of `number_per_run` each; `raw_times` are those of whole runs."""

    def __init__(
        self, number_per_run: int, raw_times: list[float], task_spec: TaskSpec, metadata: dict[Any, Any] | None = None
    ) -> None:
        self.number_per_run, self.raw_times, self.task_spec, self.metadata = (
            number_per_run, raw_times, task_spec, metadata,
        )  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "task_spec":
            raise AttributeError(name)
        return getattr(self.task_spec, name)

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, in each run."""
        return [time / self.number_per_run for time in self.raw_times]

    @cached_property
    def median(self) -> float:
        """The median of the times."""
        return float(np.median(self.times))

    @cached_property
    def mean(self) -> float:
        """The mean of the times."""
        return float(np.mean(self.times))

    @cached_property
    def _quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.times, [0.25, 0.75])
        return float(low), float(high)

    @property
    def iqr(self) -> float:
        """The interquartile range: half of the times lie in it."""
        return self._quartiles[1] - self._quartiles[0]

    @property
    def significant_figures(self) -> int:
        """How many digits of the median are worth to be shown, from 1 to 4.

        They are those that an interval of 90 % around the mean of the middle half of the times leaves alone.
        """
        ordered = sorted(self.times)
        middle = ordered[len(ordered) // 4 : ceil(3 * len(ordered) / 4)]
        interval = max(1.645 * float(np.std(middle)) / sqrt(len(middle)), _LEAST_INTERVAL)
        return min(max(floor(log10(self.median / interval)), 1), _MOST_FIGURES)

    @property
    def has_warnings(self) -> bool:
        """Whether the times differ by more than a tenth."""
        return not self.meets_confidence()

    def meets_confidence(self, threshold: float = _NOTABLE) -> bool:
        """Whether the interquartile range is less than this part of the median."""
        return self.iqr / self.median < threshold

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Measurements of the same thing as one."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for measured in measurements:
            groups.setdefault(measured.task_spec, []).append(measured)
        return [Measurement(1, [t for m in group for t in m.times], spec) for spec, group in groups.items()]

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        count, threads = len(self.raw_times), self.task_spec.num_threads
        lines = [super().__repr__(), self.task_spec.summarize()]
        lines.append(f"  {'Median: ' if count > 1 else ''}{self.median / scale:.2f} {unit}")
        if count > 3:
            low, high = (q / scale for q in self._quartiles)
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        each = "per measurement" if count > 1 else ""
        lines.append(
            f"  {count} measurement{'s' * (count > 1)}, {self.number_per_run} runs {each}, "
            f"{threads} thread{'s' * (threads > 1)}"
        )
        if self.has_warnings:
            share = self.iqr / self.median
            what = (
                "suggests significant environmental influence"
                if share > _LARGE
                else "could indicate system fluctuation"
            )
            lines.append(f"  WARNING: Interquartile range is {share * 100:.1f}% of the median measurement.")
            lines.append(f"           This {what}.")
        return "\n".join(lines)


__all__ = ["Measurement", "TaskSpec", "select_unit", "unit_to_english"]
