"""The profiler with a schedule, and a handler that writes what it found for TensorBoard."""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd import profiler_util
from ..autograd.profiler import EventList, record_function
from ..autograd.recorder import Recorder
from .schedule import ProfilerAction, ProfilerActivity

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """What can be looked at: the CPU.

    >>> from kagari.profiler import supported_activities
    >>> supported_activities()
    {<ProfilerActivity.CPU: 0>}
    """
    return {ProfilerActivity.CPU}


class profile:
    """Times every operator, every step of the backward pass, and every generated kernel that a thread runs.

    A kernel stands in the table by what it computes, `kernel[sub, exp, reduce_sum, div]`, inside of the operator that
    ran it: so the operator's own time is what it takes besides. `kernel_source()` of an event gives the LLVM IR of the
    kernels that ran in it.

    Args:
        activities: what is looked at; the CPU.
        schedule: from the number of a step to what happens in it, see :func:`schedule`; everything is recorded if
            None. The program then calls `step()` after each of its steps.
        on_trace_ready: called with the profiler whenever events are complete.
        record_shapes: the shapes of arguments, too.
        profile_memory: the memory that is taken and given back.
        with_stack: the lines of the program, which is slow.
        with_flops: the operations of products, convolutions, sums and elementwise products.
        acc_events: whether the events of earlier cycles are kept.
        with_modules, experimental_config, execution_trace_observer, use_cuda, custom_trace_id_callback,
        post_processing_timeout_s: accepted for PyTorch's sake.

    Without a profiler nothing is measured. One profiler at a time looks at a thread; RuntimeError for a second one.

    >>> import kagari as torch
    >>> from kagari.profiler import profile, record_function
    >>> x = torch.ones(4, 4)
    >>> with profile() as prof:
    ...     with record_function("model"):
    ...         y = torch.softmax(x, 1)
    >>> [event.key for event in prof.events()]
    ['model', 'aten::softmax', 'kernel[reduce_max, sub, exp, reduce_sum, div]']
    >>> print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=10))  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = supported_activities() if activities is None else set(activities)
        assert self.activities, "No valid profiler activities found"
        if ProfilerActivity.CUDA in self.activities:
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack, self.acc_events = profile_memory, with_stack, acc_events
        self.step_num = 0
        self.current_action = self._planned()
        self._recorder: Recorder | None = None
        self._events: EventList | None = None
        self._wall = 0
        self._step: record_function | None = None
        self._metadata: dict[str, Any] = {}

    def _planned(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    # From step to step

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins with step 0."""
        assert ProfilerActivity.CPU in self.activities, "No activities specified for the profiler"
        if self.current_action in _RECORDING:
            self._start_trace()
        self._begin_step()

    def stop(self) -> None:
        """Ends, and hands over what was recorded since the last time."""
        self._end_step()
        if self._recorder is not None:
            self._stop_trace()
            self._hand_over()

    def step(self) -> None:
        """Says that the next step begins."""
        self._end_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self._planned()
        goes_on = before is ProfilerAction.RECORD and self.current_action in _RECORDING
        if self._recorder is not None and not goes_on:
            if before is ProfilerAction.RECORD:
                warnings.warn(f"Incorrect schedule: RECORD followed by {self.current_action.name}", stacklevel=2)
            self._stop_trace()
            self._hand_over()
        if self._recorder is None and self.current_action in _RECORDING:
            self._start_trace()
        self._begin_step()

    def _begin_step(self) -> None:
        if self.schedule is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    def _start_trace(self) -> None:
        recorder = Recorder(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops)
        recorder.start()
        self._recorder, self._wall = recorder, time.time_ns()

    def _stop_trace(self) -> None:
        assert self._recorder is not None
        self._recorder.stop()
        found = profiler_util.tree(self._recorder)
        if self.acc_events and self._events is not None:
            self._events.extend(found)
        else:
            self._events = found
        self._recorder = None

    def _hand_over(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    # What was found

    def _found(self, what: str) -> EventList:
        assert self._events is not None, f"Profiler must be initialized before {what}"
        return self._events

    def events(self) -> EventList:
        """All events of the last cycle, in the order of their begin. AssertionError before there are some."""
        return self._found("accessing events")

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events of one name together; of one name and equal shapes, or the same first lines of the stack."""
        return self._found("getting key averages").key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as JSON for `chrome://tracing` and Perfetto; packed where the name ends with `.gz`.

        The file appears whole or not at all.
        """
        names = ("with_stack", "profile_memory", "record_shapes", "with_flops")
        settings = {name: 1 for name in names if getattr(self, name)} | self._metadata
        profiler_util.export_trace(path, self._found("exporting chrome trace"), settings, self._wall)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes a line for each stack with the sum of a metric, for flame graphs. Takes `with_stack=True`."""
        self._found("exporting stacks").export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Adds a text to the traces that are written from now on."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Adds a value, given as JSON, to the traces that are written from now on."""
        self._metadata[key] = json.loads(value)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """A handler for `on_trace_ready` that writes a Chrome trace of its own into a folder each time.

    The name of the file is `worker_name`, by default the host's and the process's, the time, and `.pt.trace.json`, as
    TensorBoard's plugin looks for it. Raises RuntimeError where the folder can't be made.
    """

    def handler(prof: profile) -> None:
        if not os.path.isdir(dir_name):
            try:
                os.makedirs(dir_name, exist_ok=True)
            except Exception as error:
                raise RuntimeError("Can't create directory: " + dir_name) from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json" + (".gz" if use_gzip else "")
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


__all__ = ["profile", "supported_activities", "tensorboard_trace_handler"]
