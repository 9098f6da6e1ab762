"""Running the queue: which segment a queue is, and whether its fused or its single steps are the faster ones."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from ..engine.code import Native, native
from ..engine.function import Hooks
from . import groups, queue
from .segment import Segment, single

if TYPE_CHECKING:
    from .groups import Compiled, Group

# Runs of either kind before the faster one is chosen; the first fused run does not count: its kernels are cold.
TRIALS = 4
MAX_SEGMENTS = 1024
_PACKAGE = str(Path(__file__).parent.parent)


@dataclass(slots=True)
class Noted:
    """A queue that was met before: how it may be run, and what is known of that."""

    single: Segment
    calls: int
    reason: int
    line: str
    fused: Segment | None = None
    groups: list[tuple[Group, bool]] = field(default_factory=list)
    runs: int = 0
    chosen: Segment | None = None
    times: dict[bool, list[int]] = field(default_factory=lambda: {False: [], True: []})


class Thread(threading.local):
    """What a thread is doing."""

    compiling: Any = None  # the compiled function whose call is going on
    capturing = False  # whether that call's operators are noted
    suspended = 0


class Runner:
    """Runs queues. One for the process: equal queues of different functions are one segment."""

    def __init__(self) -> None:
        self._compiled: Compiled | None = None
        self.noted: dict[bytes, Noted] = {}
        self.thread = Thread()
        self.news = 0  # runs of segments for which no way was chosen yet

    @property
    def compiled(self) -> Compiled:
        """The programs of groups."""
        if self._compiled is None:
            self._compiled = groups.Compiled()
        return self._compiled

    def install(self) -> Native:
        """Tells native code whom to ask for running the queue."""
        loaded = native()
        if self not in _installed:
            loaded.set_roots(on_flush=self.flush, on_lost=_lost)
            _installed.append(self)
        return loaded

    def captures(self) -> bool:
        """Whether this thread's calls are being noted."""
        return self.thread.compiling is not None and self.thread.capturing

    def reset(self) -> None:
        """Forgets all segments and programs."""
        self._compiled, self.noted = None, {}

    def flush(self, reason: int) -> None:
        """Runs the queue; native code calls this."""
        words = queue.key()
        noted = self.noted.get(words)
        function = self.thread.compiling
        if noted is None:
            noted = self._note(words, reason)
        if function is not None:
            function.used[words] = noted
            if reason == queue.READ and function.fullgraph:
                raise RuntimeError(f"a value is read back at {noted.line}, and fullgraph=True allows no split there")
        noted.runs += 1
        run = native().run_segment
        if noted.chosen is not None:
            run(noted.chosen.address)
        else:
            self._try(noted, words, run)

    def _note(self, words: bytes, reason: int) -> Noted:
        calls, slots = queue.read(words)
        if len(self.noted) >= MAX_SEGMENTS:
            self.noted.clear()
        segment = Segment([single(call) for call in calls if call.shape.launches], slots)
        noted = self.noted[words] = Noted(segment, len(calls), reason, _line())
        return noted

    def _try(self, noted: Noted, words: bytes, run: Callable[[int], None]) -> None:
        """Runs a segment in one of its ways while it is not known which one is faster."""
        self.news += 1
        if noted.runs == 1:
            run(noted.single.address)
            return
        if noted.fused is None:
            self._fuse(noted, words)
        fused = noted.runs % 2 == 0
        segment = noted.fused if fused else noted.single
        assert segment is not None
        begin = perf_counter_ns()
        run(segment.address)
        noted.times[fused].append(perf_counter_ns() - begin)
        if len(noted.times[False]) >= TRIALS:
            slow, fast = min(noted.times[False]), min(noted.times[True][1:])
            noted.chosen = noted.fused if fast <= slow else noted.single
        elif not any(is_fused for _, is_fused in noted.groups):
            noted.chosen = noted.single

    def _fuse(self, noted: Noted, words: bytes) -> None:
        calls, slots = queue.read(words)
        found, noted.groups = groups.steps(calls, slots, self.compiled)
        noted.fused = Segment(found, slots)


def _line() -> str:
    """The line of the program that is being executed, Kagari's own left out."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _lost() -> None:
    raise RuntimeError("this tensor was never computed: the compiled function that makes it raised an error before")


_installed: list[Runner] = []
RUNNER = Runner()


def forget() -> None:
    """Runs what is noted before plans are dropped that it refers to."""
    RUNNER.install().flush_queue(queue.FULL)


Hooks.before_forgetting = staticmethod(forget)
