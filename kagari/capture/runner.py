"""Running the queue: which segment a queue is, and whether its fused or its single steps are the faster ones."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.code import Native, finish, native
from ..engine.function import Hooks
from . import groups, queue
from .segment import Segment, single

if TYPE_CHECKING:
    from .groups import Compiled, Part

_F = TypeVar("_F", bound=Callable[..., Any])
MAX_SEGMENTS = 1024
_PACKAGE = str(Path(__file__).parent.parent)


class Noted:
    """A queue that was met before: how it may be run, and what is known of that."""

    def __init__(self, words: bytes, reason: int) -> None:
        self.words, self.reason, self.line = words, reason, _line()
        self.calls, self.slots = queue.read(words)  # which keep the plans alive that the words are addresses of
        singles = [single(call) for call in self.calls if call.shape.runs]
        self.ways: dict[bool, Segment] = {False: Segment(singles, self.slots, words)}  # by whether it is fused
        self.parts: list[Part] = []
        self.seen = 0
        self.chosen: Segment | None = None

    @property
    def runs(self) -> int:
        """How often it was run."""
        return self.seen + (self.chosen.unseen if self.chosen is not None else 0)

    def segment(self, runner: Runner) -> Segment:
        """How to run it this time: in turn singly and fused, until the faster way is known for each group."""
        self.seen += 1
        if self.chosen is not None:
            return self.chosen
        if self.seen == 1 and not runner.has_compiled:
            return self.ways[False]
        compiled = runner.compiled
        if self.seen == 1:
            if compiled.knows(self.calls, self.slots):  # other sizes of what was measured before
                self.parts = groups.parts(self.calls, self.slots, compiled)
                return self.choose([compiled.verdicts.get(p.choice.key, False) for p in self.parts])
            return self.ways[False]
        if not self.parts:
            self.parts = groups.parts(self.calls, self.slots, compiled)
            self.ways[True] = Segment([s for p in self.parts for s in p.steps(True)], self.slots, self.words)
        if all(part.chosen for part in self.parts):
            fused = [p.fused is not None and p.choice.faster_fused for p in self.parts]
            compiled.verdicts.update((p.choice.key, f) for p, f in zip(self.parts, fused) if p.fused is not None)
            return self.choose(fused)
        return self.ways[self.seen % 2 == 0]

    def choose(self, fused: list[bool]) -> Segment:
        """From now on each group is run in one way."""
        steps = [s for p, f in zip(self.parts, fused) for s in p.steps(f)]
        self.chosen = Segment(steps, self.slots, self.words)
        native().queue[queue.LAST] = 0  # it may be one of those that go
        self.ways.clear()
        return self.chosen

    def measured(self, segment: Segment) -> None:
        """Takes down how long the groups took."""
        fused, at = segment is self.ways.get(True), 0
        for part in self.parts:
            count = len(part.steps(fused))
            if part.fused is not None:
                part.note(sum(segment.times[at : at + count]), fused)
            at += count


class State:
    """What a thread is doing: the compiled function whose call is going on, whether its operators are noted, how many
    functions that were excluded from compilation are running, and whether all calls are to be eager, which counts as
    one of them.
    """

    __slots__ = ("compiling", "capturing", "suspended", "forced_eager")

    def __init__(self) -> None:
        self.compiling: Any = None
        self.capturing, self.suspended, self.forced_eager = False, 0, False


class Thread(threading.local):
    """The state of each thread."""

    def __init__(self) -> None:
        self.state = State()


class Runner:
    """Runs queues. One for the process: equal queues of different functions are one segment."""

    def __init__(self) -> None:
        self._compiled: Compiled | None = None
        self.noted: dict[bytes, Noted] = {}
        self.last: Segment | None = None
        self.loaded: Native | None = None
        self.thread = Thread()
        self.runs = 0  # of the queue, but for those that native code made by itself
        self.news = 0  # runs of segments for which no way was chosen yet

    @property
    def has_compiled(self) -> bool:
        """Whether there are programs of groups."""
        return self._compiled is not None

    @property
    def compiled(self) -> Compiled:
        """The programs of groups."""
        if self._compiled is None:
            self._compiled = groups.Compiled()
        return self._compiled

    def install(self) -> Native:
        """Tells native code whom to ask for running the queue."""
        if self.loaded is None:
            self.loaded = native()
            self.loaded.set_roots(on_flush=self.flush, on_lost=_lost)
        return self.loaded

    def captures(self) -> bool:
        """Whether this thread's calls are being noted."""
        state = self.thread.state
        return state.compiling is not None and state.capturing

    def reset(self) -> None:
        """Forgets all segments and programs."""
        self._compiled = None
        if self.loaded is not None:
            self.forget()

    def flush(self, reason: int) -> None:
        """Runs the queue; native code calls this."""
        self.runs += 1
        words = queue.key()
        noted = self.noted.get(words)
        function = self.thread.state.compiling
        if noted is None:
            if len(self.noted) >= MAX_SEGMENTS:
                self.forget()
            noted = self.noted[words] = Noted(words, reason)
        if function is not None:
            function.use(words, noted)
            if reason == queue.READ and function.fullgraph:
                raise RuntimeError(f"a value is read back at {noted.line}, and fullgraph=True allows no split there")
        segment = noted.segment(self)
        finish()
        if noted.chosen is None:
            self.news += 1
            segment.measure(noted.seen > 1)
        elif self.last is not None:
            self.last.followed_by(segment)
        self.last = noted.chosen
        native().run_segment(segment.address)
        if noted.chosen is None and noted.seen > 1:
            noted.measured(segment)

    def forget(self) -> None:
        """Forgets all segments; native code, too, which would look for the one to follow the last."""
        self.noted, self.last = {}, None
        native().queue[queue.TRUSTED] = native().queue[queue.LAST] = 0


def _line() -> str:
    """The line of the program that is being executed, Kagari's own left out."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _lost() -> None:
    raise RuntimeError("this tensor was never computed: the compiled function that makes it raised an error before")


RUNNER = Runner()


def eagerly(fn: _F, reason: int) -> _F:
    """The function that runs eagerly also where a compiled one calls it; what was noted before runs for this reason."""

    @functools.wraps(fn)
    def eager(*args: Any, **kwargs: Any) -> Any:
        state = RUNNER.thread.state
        compiling, captures = state.compiling, RUNNER.captures()
        if captures:
            loaded = RUNNER.install()
            loaded.release(reason)
        state.compiling, state.suspended = None, state.suspended + 1
        try:
            return fn(*args, **kwargs)
        finally:
            state.compiling, state.suspended = compiling, state.suspended - 1
            if captures:
                loaded.capture(False)

    return eager  # type: ignore[return-value]


def flush() -> None:
    """Runs what is noted before plans are dropped that it refers to."""
    RUNNER.install().flush_queue(queue.FULL)


Hooks.before_forgetting = staticmethod(flush)
