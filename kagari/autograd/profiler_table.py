"""The table of a profiler's averages, as PyTorch prints it."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any

_COLUMN, _GAP = 12, "  "
_SCALES = ("FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")


def format_time(microseconds: float) -> str:
    """A time with its unit."""
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1000:.3f}ms" if microseconds >= 1000 else f"{microseconds:.3f}us"


def format_memory(nbytes: int) -> str:
    """A number of bytes with its unit."""
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(nbytes) >= 1 << power:
            return f"{nbytes / (1 << power):.2f} {unit}"
    return f"{nbytes} B"


def _share(time: float, total: float) -> str:
    return "NaN" if total == 0 else f"{time * 100.0 / total:.2f}%"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def table(
    events: Any,
    sort_by: str | None,
    row_limit: int,
    max_src: int,
    max_name: int,
    max_shapes: int,
    header: str | None,
    top_level_only: bool,
    time_unit: str | None,
) -> str:
    """See `EventList.table`."""
    if not events:
        return ""
    rows: list[Any] = list(events)
    if sort_by is not None:
        rows.sort(key=lambda event: getattr(event, sort_by), reverse=True)
    if top_level_only:
        rows = [event for event in rows if getattr(event, "cpu_parent", None) is None]
    shown = rows if row_limit < 0 else rows[:row_limit]
    names, cells = _cells(events, shown, max_src, max_name, max_shapes, time_unit)
    widths = [max(_COLUMN, *map(len, column)) for column in zip(names, *cells)]
    lines = "".join("-" * w + _GAP for w in widths)
    result = [] if header is None else ["=" * len(lines), header]
    if top_level_only:
        result += ["=" * len(lines), "This report only display top-level ops statistics"]
    result += [lines, _row(names, widths), lines, *(_row(row, widths) for row in cells), lines]
    total = format_time(events.self_cpu_time_total)
    return "\n".join([*result, f"Self CPU time total: {total}", ""])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{cell:>{width}}{_GAP}" for cell, width in zip(cells, widths))


def _cells(
    events: Any, shown: Sequence[Any], max_src: int, max_name: int, max_shapes: int, time_unit: str | None
) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the texts of each row."""
    total = events.self_cpu_time_total
    time = _times(time_unit)
    columns: list[tuple[str, Any]] = [
        ("Name", lambda e: _cut(e.key, max_name)),
        ("Self CPU %", lambda e: _share(e.self_cpu_time_total, total)),
        ("Self CPU", lambda e: time(e.self_cpu_time_total)),
        ("CPU total %", lambda e: _share(e.cpu_time_total, total)),
        ("CPU total", lambda e: time(e.cpu_time_total)),
        ("CPU time avg", lambda e: time(e.cpu_time)),
    ]
    if events.profile_memory:
        columns += [
            ("CPU Mem", lambda e: format_memory(e.cpu_memory_usage)),
            ("Self CPU Mem", lambda e: format_memory(e.self_cpu_memory_usage)),
        ]
    columns.append(("# of Calls", lambda e: str(e.count)))
    if any(e.input_shapes for e in events):
        columns.append(("Input Shapes", lambda e: _cut(str(e.input_shapes), max_shapes)))
    if any(e.stack for e in events):
        columns.append(("Source Location", lambda e: _cut(e.stack[0] if e.stack else "", max_src)))
    counted = [e.flops for e in events if e.flops > 0]
    if events.with_flops and counted:
        power = int(max(0, min(floor(log10(min(counted)) / 3), 5)))
        columns.append((f"Total {_SCALES[power]}", lambda e: f"{e.flops / 1000**power:8.3f}" if e.flops else "--"))
    return [name for name, _ in columns], [[text(e) for _, text in columns] for e in shown]


def _times(unit: str | None) -> Any:
    """How times are written: with the unit that fits them, or with this one."""
    if unit is None:
        return format_time
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0}[unit]
    return lambda microseconds: f"{microseconds / scale:.3f}{unit}"


__all__ = ["format_memory", "format_time", "table"]
