"""What a profiler found, as events in a tree, averages over equal ones, and a table of these."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..engine.code import kernel_at
from . import profiler_table
from .profiler_table import format_time
from .recorder import Recorded, Recorder

_PRIMITIVE = re.compile(r"([a-z][a-z_0-9]*)\.[a-z0-9]+\(")
_UNNAMED = frozenset(["load", "const", "cast", "size", "scalar", "acc", "iota"])


class Interval:
    """A time from `start` to `end`, in microseconds since the profiler began."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it is."""
        return self.end - self.start


class _Times:
    """The times of events and averages as text, as PyTorch prints them."""

    @property
    def cpu_time(self: Any) -> float:
        """Microseconds of one call."""
        return 0.0 if self.count == 0 else float(self.cpu_time_total / self.count)

    cpu_time_str = property(lambda self: format_time(self.cpu_time), doc="The time of one call.")
    cpu_time_total_str = property(lambda self: format_time(self.cpu_time_total), doc="The time of all calls.")
    self_cpu_time_total_str = property(
        lambda self: format_time(self.self_cpu_time_total), doc="The time outside of what was called in turn."
    )


class FunctionEvent(_Times):
    """A call of an operator, a step of the backward pass, a named region, or a kernel that ran.

    `cpu_children` are the events inside of it. Times are in microseconds, memory in bytes. `trace_name` is the name in
    a Chrome trace, where the steps of a program have their numbers.
    """

    def __init__(self, id: int, recorded: Recorded, start: int, thread: int) -> None:
        self.id, self.thread = id, thread
        self.kernel = recorded.kernel
        self.trace_name = kernel_name(recorded.kernel) if recorded.kernel else recorded.name
        self.name = "ProfilerStep*" if recorded.name.startswith("ProfilerStep#") else self.trace_name
        self.time_range = Interval((recorded.begin - start) / 1000, (recorded.end - start) / 1000)
        self.input_shapes, self.stack, self.flops = recorded.shapes, recorded.stack, recorded.flops
        self.cpu_memory_usage, self.is_user_annotation = recorded.memory, recorded.annotation
        self.count, self.node_id, self.is_async, self.sequence_nr = 1, -1, False, -1
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None

    @property
    def key(self) -> str:
        """The name, under which averages are made."""
        return self.name

    @property
    def cpu_time_total(self) -> float:
        """Microseconds from begin to end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds outside of the events inside."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes taken, less those given back, outside of the events inside."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def kernel_source(self) -> str:
        """The LLVM IR of the kernel that this is, or of those that ran inside, each once.

        The processor's code is made from it. Empty where no kernel ran.
        """
        return "\n".join(dict.fromkeys(_sources(self)))

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


def _sources(event: FunctionEvent) -> Iterable[str]:
    kernel = kernel_at(event.kernel)
    if kernel is not None:
        yield kernel.write()
    for child in event.cpu_children:
        yield from _sources(child)


def kernel_name(place: int) -> str:
    """`kernel[sub, exp, reduce_sum, div]`: what a kernel computes, in the order in which it does."""
    kernel = kernel_at(place)
    if kernel is None:
        return "kernel"
    found = [name for name in _PRIMITIVE.findall(kernel.key) if name not in _UNNAMED]
    if kernel.symbol in ("contract", "matvec"):
        found.insert(0, "dot")
    elif kernel.symbol != "loop":
        found.insert(0, kernel.symbol)
    return f"kernel[{', '.join(dict.fromkeys(found or ['copy']))}]"


class FunctionEventAvg(_Times):
    """Equal events together: their number, and the sums of their times, memory and operations."""

    def __init__(self, first: FunctionEvent | None = None) -> None:
        self.key = "" if first is None else first.key
        self.input_shapes = [] if first is None else first.input_shapes
        self.stack = [] if first is None else first.stack
        self.count, self.flops = 0, 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.is_user_annotation = first is not None and first.is_user_annotation
        self._first = first

    def add(self, event: FunctionEvent) -> FunctionEventAvg:
        """Adds an event."""
        self.count += 1
        self.flops += event.flops
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.cpu_memory_usage += event.cpu_memory_usage
        self.self_cpu_memory_usage += event.self_cpu_memory_usage
        return self

    def kernel_source(self) -> str:
        """What the first of the events says, see :meth:`FunctionEvent.kernel_source`."""
        return "" if self._first is None else self._first.kernel_source()

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list[Any]):
    """Events, or averages of them."""

    def __init__(self, events: Iterable[Any] = (), profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self.profile_memory, self.with_flops = profile_memory, with_flops

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each less those inside of it."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events of one name together; of one name and equal shapes, or the same first lines of the stack."""
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            key = (
                event.key,
                str(event.input_shapes) if group_by_input_shapes else "",
                tuple(event.stack[:group_by_stack_n]),
            )
            if key not in groups:
                groups[key] = FunctionEventAvg(event)
            groups[key].add(event)
        for average in groups.values():
            average.stack = average.stack[:group_by_stack_n]
            average.input_shapes = average.input_shapes if group_by_input_shapes else []
        return EventList(groups.values(), self.profile_memory, self.with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
        total.key = "Total"
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as a table.

        Args:
            sort_by: the attribute that the rows are sorted by, the largest first: `cpu_time`, `cpu_time_total`,
                `self_cpu_time_total`, `cpu_memory_usage`, `self_cpu_memory_usage`, `count`, `flops`.
            row_limit: how many rows there are at most; all for -1.
            max_src_column_width, max_name_column_width, max_shapes_column_width: longer texts are cut.
            header: a line above the table.
            top_level_events_only: whether events inside of others are left out.
            time_unit: `s`, `ms` or `us`; chosen for each number if None.
        """
        return profiler_table.table(
            self, sort_by, row_limit, max_src_column_width, max_name_column_width, max_shapes_column_width, header,
            top_level_events_only, time_unit,
        )  # fmt: skip

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as JSON for `chrome://tracing` and Perfetto; packed where the name ends with `.gz`."""
        export_trace(path, self, {})

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes a line for each stack, its frames from the outermost one and the sum of a metric, for flame graphs.

        Raises ValueError for another metric than `self_cpu_time_total`.
        """
        if metric != "self_cpu_time_total":
            raise ValueError(f"metric should be one of: {['self_cpu_time_total']}")
        sums: dict[str, float] = {}
        for event in self:
            if event.stack:
                line = ";".join(frame.translate(_PLAIN) for frame in reversed(event.stack))
                sums[line] = sums.get(line, 0.0) + getattr(event, metric)
        write_whole(path, "".join(f"{line} {int(value)}\n" for line, value in sums.items() if int(value) > 0))


_PLAIN = str.maketrans(" ;\t\n", "____")


def tree(recorder: Recorder) -> EventList:
    """What was recorded as events, in the order of their begin, those inside of others as their children."""
    ordered = sorted(recorder.recorded, key=lambda r: (r.begin, -r.end))
    events = EventList((), recorder.memory, recorder.flops)
    around: list[FunctionEvent] = []
    for recorded in ordered:
        event = FunctionEvent(len(events), recorded, recorder.begin, recorder.thread)
        while around and around[-1].time_range.end < event.time_range.end:
            around.pop()
        if around:
            event.cpu_parent = around[-1]
            around[-1].cpu_children.append(event)
        around.append(event)
        events.append(event)
    return events


def export_trace(path: str, events: Iterable[FunctionEvent], metadata: dict[str, Any], base: int = 0) -> None:
    """Writes events and metadata as a Chrome trace; `base` is the time in nanoseconds at which they begin."""
    pid = os.getpid()
    names: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "ts": base / 1000, "args": {"name": "python"}},
        {"ph": "M", "name": "process_labels", "pid": pid, "tid": 0, "ts": base / 1000, "args": {"labels": "CPU"}},
    ]
    content = {
        "schemaVersion": 1, "deviceProperties": [], **metadata, "host_name": socket.gethostname(),
        "displayTimeUnit": "ms", "traceEvents": [*names, *(_traced(event, pid, base) for event in events)],
        "traceName": str(path),
    }  # fmt: skip
    write_whole(path, json.dumps(content))


def _traced(event: FunctionEvent, pid: int, base: int) -> dict[str, Any]:
    kind = "kernel" if event.kernel else "user_annotation" if event.is_user_annotation else "cpu_op"
    args: dict[str, Any] = {"External id": event.id, "Ev Idx": event.id}
    if event.input_shapes:
        args["Input Dims"] = event.input_shapes
    if event.stack:
        args["Call stack"] = ";".join(reversed(event.stack))
    return {
        "ph": "X", "cat": kind, "name": event.trace_name, "pid": pid, "tid": event.thread,
        "ts": base / 1000 + event.time_range.start, "dur": event.cpu_time_total, "args": args,
    }  # fmt: skip


def write_whole(path: str, text: str) -> None:
    """Writes a file such that nobody sees a part of it."""
    target = Path(path)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    write: Callable[..., Any] = gzip.open if target.suffix == ".gz" else open
    try:
        with write(part, "wt", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]
