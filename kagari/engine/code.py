"""Kernel code in memory: from a kernel's key to its address, through the store on disk or the compiler."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import config
from ..compiler import kernel as units
from ..compiler import llvm, resident
from ..compiler import native as subset
from ..runtime import cpu
from ..runtime import store as shelf
from ..runtime.crew import Crew, Task
from ..runtime.native import Native as Native
from ..runtime.native import slot_offset as slot_offset

if TYPE_CHECKING:
    from ..compiler.kernel import Kernel, Part
    from ..runtime.store import Store

VERSION = "1"  # of the generated code; a change in a template that leaves the keys as they are raises it

_lock = threading.RLock()
_addresses: dict[str, int] = {}
_kernels: dict[int, Kernel] = {}
_compiled = [0]


def kernels_compiled() -> int:
    """How many kernels this process compiled, those taken from the store not counted."""
    return _compiled[0]


@cache
def store() -> Store:
    """The kernel store on disk."""
    return shelf.Store(config.cache_directory(), config.cache_limit())


@cache
def _salt() -> str:
    """What all code depends on: the processor, LLVM and the templates."""
    target = cpu.host_target()
    return f"{VERSION}|{llvm.version()}|{target.cpu}|{target.features}|{target.vector_bytes}|{_sources()}"


@cache
def _sources() -> str:
    """A digest of the code generator's own files, by size and time: editing a template must not meet old code."""
    files = [(path.name, path.stat()) for path in sorted(Path(llvm.__file__).parent.rglob("*.py"))]
    return shelf.digest("".join([f"{name}{status.st_size}{status.st_mtime_ns}" for name, status in files]))


def address(kernel: Kernel) -> int:
    """Where the kernel's code lies; compiles it on first use."""
    found = _addresses.get(kernel.key)
    if found is None:
        with _lock:
            found = _loaded_at(kernel)
    return found


def _loaded_at(unit: Kernel | Part) -> int:
    """Where the first function of a kernel, or of what it calls, lies."""
    if unit.key not in _addresses:
        if isinstance(unit, units.Part):
            found = cpu.load(_object(unit), unit.symbols)
            for name, place in zip(unit.symbols, found):
                cpu.define(name, place)
        else:
            for part in unit.parts:
                _loaded_at(part)
            found = cpu.load(_object(unit), (_symbol(unit),))
            _kernels[found[0]] = unit
        _addresses[unit.key] = found[0]
    return _addresses[unit.key]


def _object(unit: Kernel | Part) -> bytes:
    """The code, from where it is."""
    if unit.key in _awaited:
        return _awaited[unit.key].result()
    key = _stored(unit)
    code = _fetched.pop(unit.key, None) or store().get(key)
    if code is None:
        code = _kept(key, _compiled_object(_text(unit), unit.level))
        _compiled[0] += not isinstance(unit, units.Part)
    return code


def _stored(unit: Kernel | Part) -> str:
    """The key in the store."""
    return f"{_salt()}|{unit.level}|{unit.key}"


def _symbol(kernel: Kernel) -> str:
    return "k" + shelf.digest(kernel.key)


def _text(unit: Kernel | Part) -> str:
    text = unit.write()
    return text if isinstance(unit, units.Part) else text.replace(f"@{unit.symbol}(", f"@{_symbol(unit)}(")


_crew = Crew()
_awaited: dict[str, Task[bytes]] = {}  # what is being compiled, by key
_fetched: dict[str, bytes] = {}  # what was in the store, and waits for others before it is loaded
_incomplete: list[tuple[MutableSequence[int], Sequence[tuple[int, Kernel]]]] = []  # plans, and where addresses belong
AWAITED = 32  # the flag of such a plan, its first word


def soon(kernel: Kernel) -> int:
    """As `address`; 0 for a kernel that other threads compile from now on, as calls are only noted."""
    found = _addresses.get(kernel.key)
    if found is not None:
        return found
    with _lock:
        if config.processors() == 1 or not native().notes:
            return _loaded_at(kernel)
        needed: tuple[Kernel | Part, ...] = (*kernel.parts, kernel)
        ready = [_is_ready(unit) for unit in needed]
        return _loaded_at(kernel) if all(ready) else 0


def _is_ready(unit: Kernel | Part) -> bool:
    """Whether the code is there; else it is being compiled from now on."""
    if unit.key in _addresses or unit.key in _fetched:
        return True
    if unit.key not in _awaited:
        key = _stored(unit)
        code = store().get(key)
        if code is not None:
            _fetched[unit.key] = code
            return True
        assembled = llvm.prepared(_text(unit), cpu.host_target(), unit.level)
        _awaited[unit.key] = _crew.start(lambda: _kept(key, assembled()), config.processors())
        _compiled[0] += not isinstance(unit, units.Part)
    return False


def _kept(key: str, code: bytes) -> bytes:
    store().put(key, code)
    return code


def complete_later(plan: MutableSequence[int], missing: Sequence[tuple[int, Kernel]]) -> None:
    """Has addresses of kernels written into a plan's words when they are known. Who runs it before asks for that."""
    with _lock:
        _incomplete.append((plan, missing))
        plan[0] |= AWAITED


def finish() -> None:
    """Waits for what other threads compile, and completes the plans that wait for it."""
    with _lock:
        if not _incomplete:
            return
        _crew.help(reversed(_awaited.values()))
        for plan, missing in _incomplete:
            for at, kernel in missing:
                plan[at] = _loaded_at(kernel)
            plan[0] &= ~AWAITED
        _incomplete.clear()
        _awaited.clear()


def _compiled_object(text: str, level: int) -> bytes:
    """By two threads, where there are processors for them and a linker that joins what they made."""
    return llvm.compile_object(text, cpu.host_target(), level, cpu.joins_objects() and config.processors() > 1)


def kernel_at(place: int) -> Kernel | None:
    """The kernel whose code lies there; None where that is no kernel's."""
    return _kernels.get(place)


def _resident_object(name: str, write: Callable[[], str], level: int) -> bytes:
    key = f"{_salt()}|resident {name}"
    code = store().get(key)
    if code is None:
        text = write()
        with _meanwhile():
            code = _compiled_object(text, level)
        store().put(key, code)
    return code


@contextmanager
def _meanwhile() -> Iterator[None]:
    """While LLVM compiles, which needs no interpreter, another thread imports what the first operation will need.

    That is modules of these floors alone: none of them waits for what the first thread may be importing.
    """
    thread = threading.Thread(target=lambda: [name() for name in SOON_NEEDED])
    thread.start()
    try:
        yield
    finally:
        thread.join()


_loaded: list[Native] = []
ON_LOAD: list[Callable[[Native], None]] = []  # what the floors above do once the resident code is there
SOON_NEEDED: list[Callable[[], object]] = []  # names that the first operation will ask postponed modules for


def native() -> Native:
    """The resident code, loaded on first use."""
    return _loaded[0] if _loaded else _load()


def is_loaded() -> bool:
    """Whether the resident code is there already."""
    return bool(_loaded)


def _load() -> Native:
    with _lock:
        if not _loaded:
            triple = cpu.host_target().triple
            core = _resident_object("core", lambda: resident.core_ir(triple), 1)
            stubs = _resident_object("stubs", resident.stubs_ir, 0)
            sizes = resident.METHODS, resident.REFLECTED
            loaded = Native(core, stubs, *sizes, subset.EXTERNS, resident.SHARED, _load_queue)
            _loaded.append(loaded)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_after_fork)
            loaded.set_roots(on_awaited=finish)
            loaded.start_threads(_threads[0])
            for function in ON_LOAD:
                function(loaded)
        return _loaded[0]


def _load_queue(loaded: Native) -> None:
    """Adds deferred execution to the resident code, with the first capture."""
    with _lock:
        if "capture" not in vars(loaded):
            triple = cpu.host_target().triple
            loaded.add_queue(_resident_object("queue", lambda: resident.queue_ir(triple), 1), resident.LATER)


def _before_fork() -> None:
    """Nothing is being compiled while the process is copied: its locks would stay locked in the child."""
    _lock.acquire()
    _crew.rest()


def _after_fork() -> None:
    """A child of a fork has no workers: it starts its own."""
    _lock.release()
    native().forget_threads()
    native().start_threads(_threads[0])


_threads = [config.thread_count()]


def get_num_threads() -> int:
    """How many threads kernels run on.

    >>> import kagari
    >>> kagari.get_num_threads() >= 1
    True
    """
    return _threads[0]


def set_num_threads(count: int) -> None:
    """Sets how many threads kernels run on. Raises RuntimeError for less than one."""
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(count).__name__}")
    if count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _threads[0] = count
    native().start_threads(count)
