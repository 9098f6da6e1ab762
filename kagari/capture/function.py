"""Compiled functions: Python runs as ever, operators are noted, and what was noted runs in one piece."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import queue, report, segment
from .runner import RUNNER, Noted, State

if TYPE_CHECKING:
    from .report import Report

# Calls of either kind before the faster one is chosen, and calls after which it is chosen on what there is.
TRIALS, PATIENCE = 8, 80
# Segments that a report goes back to.
MAX_USED = 64
_THREAD = RUNNER.thread


class CompiledFunction(functools.partial[Any]):
    """A function whose calls are captured.

    The first calls are measured: every other one runs eagerly, and where that is faster, it stays so. It is a `partial`
    because of what is called for it then: the function itself, by native code, as it may be one of a few microseconds.
    """

    def __new__(cls, function: Callable[..., Any], fullgraph: bool = False) -> CompiledFunction:
        """One that calls nothing yet."""
        return super().__new__(cls, function)

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False) -> None:
        self.function, self.fullgraph = function, fullgraph
        functools.update_wrapper(self, function)
        self.reset()
        FUNCTIONS.add(self)

    def reset(self) -> None:
        """Forgets what was measured."""
        self.used: dict[bytes, Noted] = {}
        self.calls = 0
        self.settled = False  # whether the last captured call met nothing new: then native code may run it by itself
        self.times: dict[bool, list[int]] = {False: [], True: []}
        self.choose(None)

    def choose(self, eager: bool | None) -> None:
        """Calls are eager from now on, or captured, or None: measured."""
        self.eager = eager
        called = self.function if eager else self._run
        self.__setstate__((called, (), {}, vars(self)))  # type: ignore[attr-defined]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        state = _THREAD.state
        if state.compiling is not None or state.suspended:
            return self.function(*args, **kwargs)
        if self.eager is None:
            return self._measured(state, args, kwargs)
        return self._captured(state, args, kwargs)

    def _eager(self, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        state.compiling = self
        try:
            return self.function(*args, **kwargs)
        finally:
            state.compiling = None

    def _captured(self, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        loaded = RUNNER.loaded or RUNNER.install()
        if not loaded.capture(self.settled):  # another thread captures
            return self._eager(state, args, kwargs)
        state.compiling, state.capturing = self, True
        try:
            return self.function(*args, **kwargs)
        finally:
            try:
                loaded.release(queue.ENDED)
            finally:
                state.compiling, state.capturing = None, False

    def _measured(self, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.calls += 1
        eager = not self.fullgraph and len(self.times[True]) < len(self.times[False])
        before = RUNNER.news
        clock = segment.clock()
        begin = segment.read(clock)
        result = self._eager(state, args, kwargs) if eager else self._captured(state, args, kwargs)
        time = segment.read(clock) - begin
        if not eager:
            self.settled = RUNNER.news == before and not self.fullgraph
        if RUNNER.news == before:
            self.times[eager].append(time)
        if min(map(len, self.times.values())) >= TRIALS or self.calls >= PATIENCE:
            self.choose(self._slower())
        return result

    def use(self, words: bytes, noted: Noted) -> None:
        """Remembers a segment that was run, for the report."""
        if len(self.used) >= MAX_USED and words not in self.used:
            del self.used[next(iter(self.used))]
        self.used[words] = noted

    def _slower(self) -> bool:
        """Whether eager calls are faster, beyond what is chance; also where no call was like one before."""
        captured, eager = self.times[False], self.times[True]
        if self.fullgraph or not captured:
            return not self.fullgraph
        return bool(eager) and min(captured) > 1.02 * min(eager)

    def explain(self) -> Report:
        """What became of the function: its kernels, what was fused into them and why no more, where it was split."""
        return report.report(self)

    def __repr__(self) -> str:
        return f"<compiled {self.function!r}>"

    def __reduce__(self) -> Any:
        return type(self), (self.function, self.fullgraph)


# All that there are.
FUNCTIONS: weakref.WeakSet[CompiledFunction] = weakref.WeakSet()
