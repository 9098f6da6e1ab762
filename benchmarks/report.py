"""The table and the bar chart of a run, as Markdown that reads well in a terminal too."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from .measure import Row

COLUMNS: dict[str, Callable[[Row], str]] = {
    "What": lambda row: row.what,
    "PyTorch": lambda row: row.pytorch,
    "Kagari": lambda row: row.kagari,
    "Ratio": lambda row: "" if row.ratio is None else f"{row.ratio:.2f}x",
    "Required": lambda row: row.required,
    "": lambda row: {None: "", True: "pass", False: "**fail**"}[row.passed],
}
"""The table's columns by their headings."""

BAR_WIDTH = 40


def table(rows: Iterable[Row]) -> str:
    """A Markdown table with aligned columns."""
    cells = [tuple(COLUMNS), *[tuple(cell(row) for cell in COLUMNS.values()) for row in rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    rule = tuple("-" * width for width in widths)
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in [cells[0], rule, *cells[1:]])


def chart(rows: Iterable[Row]) -> str:
    """One bar per ratio on a logarithmic axis: the bar ends at the ratio, `|` stands at 1, where both are equal."""
    rated = [(row.what.strip("*"), row.ratio) for row in rows if row.ratio is not None]
    low = min(math.log(min(0.5, *(ratio for _, ratio in rated))), 0.0)
    high = math.log(max(2.0, *(ratio for _, ratio in rated)))
    label_width = max(len(what) for what, _ in rated)

    def line(what: str, ratio: float) -> str:
        def position(value: float) -> int:
            return round(BAR_WIDTH * (math.log(value) - low) / (high - low))

        bar = list("#" * position(ratio) + " " * (BAR_WIDTH - position(ratio)) + " ")
        bar[position(1.0)] = "|"
        return f"{what:<{label_width}}  {''.join(bar)}  {ratio:.2f}x"

    return "\n".join(line(what, ratio) for what, ratio in rated)


def machine() -> list[str]:
    """The processor, the system, and the versions of what was measured and of what it stands on."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "llvmlite"))
    return [
        f"Processor: {_processor()}, {os.cpu_count()} cores",
        f"System: {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        f"Versions: {versions}",
        f"Date: {datetime.date.today().isoformat()}",
    ]


def document(command: str, threads: int, results: dict[str, list[Row]]) -> str:
    """The whole of docs/performance.md; `results` has the rows of each section by its title."""
    parts = [
        "# Performance",
        "Kagari next to PyTorch: the same source on both, in one process, in alternating rounds, "
        f"{threads} threads each. A time is the least per call among the rounds; a ratio is PyTorch's time over "
        "Kagari's, so more than 1 means that Kagari is faster. Where operations are counted, a percentage says what "
        "part of the processor's peak rate is reached; those of a convolution are counted as a plain sum takes, though "
        "there are ways that take fewer. This file is written by the command below.",
        f"    {command}",
        "\n".join(f"- {line}" for line in machine()),
        "## Summary",
        "![PyTorch's time over Kagari's](performance.png)",
        summary(results),
    ]
    for title, rows in results.items():
        parts += [f"## {title}", table(rows)]
        if any(row.ratio is not None for row in rows):
            parts += ["```text\n" + chart(rows) + "\n```"]
    return "\n\n".join(parts) + "\n"


def summary(results: dict[str, list[Row]]) -> str:
    """How many requirements are met, and which are not."""
    judged = [(title, row) for title, rows in results.items() for row in rows if row.passed is not None]
    missed = [f"- {title}: {row.what}" for title, row in judged if not row.passed]
    head = f"{len(judged) - len(missed)} of {len(judged)} requirements are met."
    return "\n".join([head, "", "Missed:", "", *missed]) if missed else head


def _processor() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
