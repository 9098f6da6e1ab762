"""The profiler of `torch.autograd.profiler`: a region whose operators and kernels are timed, and names for parts of it.

`torch.profiler` is built on it, and can do more.
"""

from __future__ import annotations

import time
from typing import Any

from . import profiler_util
from .profiler_util import EventList, FunctionEvent, FunctionEventAvg
from .recorder import Recorder, record_function


class profile:
    """Times every operator and every kernel that a region of the thread runs.

    Args:
        enabled: whether it does anything.
        record_shapes: the shapes of arguments, too. with_flops: the operations of products, convolutions and sums.
        profile_memory: the memory that is taken and given back. with_stack: the lines of the program.
        use_cuda, use_device, with_modules, use_kineto, use_cpu, experimental_config, acc_events,
        custom_trace_id_callback: accepted for PyTorch's sake.

    Without a profiler nothing is measured, and calls take no longer than they do without this module.

    >>> import kagari as torch
    >>> x = torch.ones(4, 4)
    >>> with torch.autograd.profiler.profile() as prof:
    ...     y = (x @ x).exp()
    >>> [event.key for event in prof.key_averages()]
    ['aten::matmul', 'kernel[dot]', 'aten::exp', 'kernel[exp]']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
    ) -> None:
        self.enabled = enabled
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack = profile_memory, with_stack
        self._recorder: Recorder | None = None
        self._events: EventList | None = None
        self._wall = 0

    def __enter__(self) -> profile:
        if self.enabled:
            if self._recorder is not None:
                raise RuntimeError("Profiler context manager is not reentrant")
            self._recorder = Recorder(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops)
            self._recorder.start()
            self._wall = time.time_ns()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._recorder is not None and self._events is None:
            self._recorder.stop()
            self._events = profiler_util.tree(self._recorder)

    @property
    def function_events(self) -> EventList:
        """All events, in the order of their begin. Raises RuntimeError before the end."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events of one name together, see :meth:`EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each less those inside of it."""
        return self.function_events.self_cpu_time_total

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """The events as a table, see :meth:`EventList.table`."""
        return self.function_events.table(sort_by, row_limit, **options)

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as JSON for `chrome://tracing` and Perfetto; packed where the name ends with `.gz`."""
        profiler_util.export_trace(path, self.function_events, self._settings(), self._wall)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes the sum of a metric for each stack, see :meth:`EventList.export_stacks`."""
        assert self.with_stack, "export_stacks() requires with_stack=True"
        self.function_events.export_stacks(path, metric)

    def _settings(self) -> dict[str, int]:
        names = ("with_stack", "profile_memory", "record_shapes", "with_flops")
        return {name: 1 for name in names if getattr(self, name)}

    def __repr__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self._events is None else repr(self._events)

    def __str__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self._events is None else str(self._events)


class emit_nvtx:
    """Names for the tools of GPUs. Raises AssertionError when it is entered: there is none."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes

    def __enter__(self) -> emit_nvtx:
        if self.enabled:
            raise AssertionError("Torch not compiled with CUDA enabled")
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to end."""


__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "emit_nvtx", "profile", "record_function"]
