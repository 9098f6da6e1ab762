"""What a profiler writes down: calls of operators, named regions, and the kernels that ran, with their times.

While one is at work in a thread, a bit of the thread's modes leads every call of an operator here, and native code
notes the kernels (`tracing` in resident/dispatch.py). Nothing looks for a profiler otherwise.
"""

from __future__ import annotations

import ctypes
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from ..engine.code import native
from ..engine.function import PROFILED, BackwardFunction, Function, Hooks
from . import modes
from .flops import flops_of

_ROOM = 1 << 14  # kernels that are noted before they are fetched


@dataclass(slots=True)
class Recorded:
    """A call, a region or a kernel; times in nanoseconds. `kernel` is the address of its code, 0 for what is none."""

    name: str
    begin: int
    end: int
    shapes: list[list[int]]
    stack: list[str]
    memory: int = 0
    flops: int = 0
    kernel: int = 0
    annotation: bool = False


class Watcher(Protocol):
    """Is told of every call of an operator, when it begins and when it is over."""

    def knows(self, operator: Any) -> bool:
        """Whether it wants to be told of an operator of the program's own, and not of what that calls in turn."""

    def begins(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A call."""

    def __call__(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """A call and its result."""


class _Current(threading.local):
    recorder: Recorder | None = None

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []


current = _Current()
running: list[Any] = []  # those that want to be told of calls, in all threads
_callables: weakref.WeakKeyDictionary[Function, Callable[..., Any]] = weakref.WeakKeyDictionary()


class Recorder:
    """Writes down what one thread does from `start` to `stop`."""

    def __init__(self, shapes: bool = False, memory: bool = False, stack: bool = False, flops: bool = False) -> None:
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops
        self.recorded: list[Recorded] = []
        self.begin = self.end = self.thread = 0
        self._trace = (ctypes.c_longlong * (4 + 3 * _ROOM))()

    def start(self) -> None:
        """Begins. Raises RuntimeError where there is a profiler in this thread already."""
        if current.recorder is not None:
            raise RuntimeError("Profiler is already enabled on this thread.")
        loaded = native()
        state = ctypes.pythonapi.PyThreadState_Get
        state.restype = ctypes.c_void_p
        self._trace[0], self._trace[1], self._trace[2], self._trace[3] = _ROOM, 0, time.CLOCK_MONOTONIC, state()
        current.recorder = self
        _begin(self)
        self.thread = threading.get_native_id()
        loaded.trace(ctypes.addressof(self._trace))
        self.begin = time.monotonic_ns()

    def stop(self) -> None:
        """Ends."""
        self.end = time.monotonic_ns()
        current.recorder = None
        _end(self)
        native().trace(0)
        self._fetch()

    def call(self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls an operator and writes it down; what it calls in turn is not."""
        stats = native().stats
        shapes = _shapes(args) if self.shapes else []
        stack = _stack() if self.stack else []
        before = stats[0]
        begin = time.monotonic_ns()
        result = None
        try:
            result = _run(f, args, kwargs)
            return result
        finally:
            end = time.monotonic_ns()
            memory = stats[0] - before if self.memory else 0
            flops = flops_of(f.name, (*args, *kwargs.values()), result) if self.flops else 0
            self.recorded.append(Recorded(_name(f), begin, end, shapes, stack, memory, flops))
            if self._trace[1] > _ROOM // 2:
                self._fetch()

    def region(self, name: str, begin: int, before: int) -> None:
        """Writes down a region that began then, when so many bytes were in use."""
        memory = native().stats[0] - before if self.memory else 0
        stack = _stack() if self.stack else []
        self.recorded.append(Recorded(name, begin, time.monotonic_ns(), [], stack, memory, annotation=True))

    def _fetch(self) -> None:
        """Takes over the kernels that native code noted."""
        words = self._trace[4 : 4 + 3 * self._trace[1]]
        self._trace[1] = 0
        for place, begin, end in zip(words[::3], words[1::3], words[2::3]):
            self.recorded.append(Recorded("", begin, end, [], [], kernel=place))


class record_function(ContextDecorator):
    """Gives a part of a program a name in a profiler's events. A context manager and a decorator.

    >>> import kagari as torch
    >>> x = torch.ones(2)
    >>> with torch.autograd.profiler.profile() as prof:
    ...     with torch.autograd.profiler.record_function("twice"):
    ...         y = x * 2
    >>> prof.function_events[0].name, [child.name for child in prof.function_events[0].cpu_children]
    ('twice', ['aten::mul'])
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._begun: list[tuple[Recorder | None, int, int]] = []

    def __enter__(self) -> record_function:
        recorder = current.recorder
        bytes_in_use = 0 if recorder is None else native().stats[0]
        self._begun.append((recorder, time.monotonic_ns(), bytes_in_use))
        return self

    def __exit__(self, *exception: object) -> None:
        recorder, begin, bytes_in_use = self._begun.pop()
        if recorder is not None and recorder is current.recorder:
            recorder.region(self.name, begin, bytes_in_use)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """A region in which someone is told of every call of an operator."""
    current.watchers.append(watcher)
    _begin(watcher)
    try:
        yield
    finally:
        current.watchers.remove(watcher)
        _end(watcher)


def _begin(who: Any) -> None:
    """From now on the calls of this thread come here."""
    running.append(who)
    Hooks.profile = profiled
    modes.set_mode(modes.mode() | PROFILED)


def _end(who: Any) -> None:
    running.remove(who)
    if current.recorder is None and not current.watchers:
        modes.restore(PROFILED, 0)
    if not running:
        Hooks.profile = None


def profiled(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call in a thread whose modes say that there is a profiler or a watcher."""
    for watcher in current.watchers:
        watcher.begins(f, args, kwargs)
    recorder = current.recorder
    result = _run(f, args, kwargs) if recorder is None else recorder.call(f, args, kwargs)
    for watcher in current.watchers:
        watcher(f, args, kwargs, result)
    return result


def _run(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call that nobody is told of, nor of those that it makes in turn."""
    run = _callables.get(f)
    if run is None:
        made = f.function if isinstance(f, BackwardFunction) else None
        run = _callables[f] = made or native().operator_function(f.name, f.activate(), "")
    return _silently(run, args, kwargs)


def _silently(run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    modes.set_mode(modes.mode() & ~PROFILED)
    try:
        return run(*args, **kwargs)
    finally:
        modes.set_mode(modes.mode() | PROFILED)


def watched(operator: Any, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of an operator of the program's own, where there are watchers."""
    if not any(watcher.knows(operator) for watcher in current.watchers):
        return run(*args, **kwargs)
    result = _silently(run, args, kwargs)
    for watcher in current.watchers:
        watcher(operator, args, kwargs, result)
    return result


# Operators that stand behind functions, and the names of these.
_PUBLIC = {"batch_norm_tracked": "batch_norm", "stacked": "stack"}


def _name(f: Function) -> str:
    """PyTorch's name of an operator, or of the step of the backward pass."""
    return f.node_of if isinstance(f, BackwardFunction) else f"aten::{_PUBLIC.get(f.name, f.name)}"


def _shapes(args: tuple[Any, ...]) -> list[list[int]]:
    return [list(a._layout.shape) if isinstance(a, Hooks.tensor_types) else [] for a in args]


def _stack() -> list[str]:
    """The lines of the program that are being executed, the innermost first, Kagari's own left out."""
    frames = [s for s in traceback.extract_stack() if "/kagari/" not in s.filename.replace("\\", "/")]
    return [f"{s.filename}({s.lineno}): {s.name}" for s in reversed(frames)]


__all__ = [
    "Recorded",
    "Recorder",
    "Watcher",
    "current",
    "profiled",
    "record_function",
    "running",
    "watched",
    "watching",
]
