"""Workers: processes or threads that make batches ahead of their use.

A process gets tasks through a connection and sends batches back through shared memory. It ends when it is told to, and
when the main process is gone: the connection is closed then. A worker that is gone is noticed by waiting for it and for
its batch at once.
"""

from __future__ import annotations

import _thread
import copy
import gc
import os
import queue
import random
import select
import signal
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from ..eager import convert, rows, set_num_threads
from ..eager import operators as ops
from .collate import default_collate
from .fetch import Fetcher, Source, WorkerInfo, become_worker
from .packing import Packed, packed, unpack
from .stacking import Allocate
from .transfer import Receiver, Sender

DATA, END, FAULT = "data", "end", "fault"
# Seconds that workers have to end by themselves: after a pass, and after something has gone wrong.
GRACE, AT_ONCE = 5.0, 0.5
# A label, which comes back with the batch, and an index; with None as the label a new pass starts, at the place given.
Task = tuple[Any, Any]
Answer = tuple[str, Any, Any, Any]  # what it is, the label, the batch or a Fault, and where the worker's stream is then


@dataclass(frozen=True)
class Job:
    """What all workers of a loader are told."""

    source: Source
    count: int
    seed: int
    init_fn: Callable[[int], None] | None
    blocks: int

    def info(self, number: int) -> WorkerInfo:
        return WorkerInfo(number, self.count, self.seed + number, self.source.dataset)


class Fault:
    """An exception of a worker, whole, on its way to the main process."""

    def __init__(self, error: Exception, where: str) -> None:
        self.type: type[Exception] | None = type(error)
        self.text = f"Caught {type(error).__name__} in {where}.\nOriginal {traceback.format_exc()}"
        if "<locals>" in self.type.__qualname__:  # no other process knows it by name
            self.type = None

    def raise_here(self) -> None:
        """Raises the exception, or RuntimeError where its type can't be made of a text."""
        text = _Lines(self.text) if self.type is KeyError else self.text
        try:
            error = self.type(text) if self.type is not None else RuntimeError(text)
        except Exception:
            error = RuntimeError(self.text)
        raise error


class _Lines(str):
    """A text that is shown as it is, with its lines, by a KeyError, too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Desk:
    """A worker's tasks, one after the other."""

    def __init__(self, job: Job, number: int, kind: str, allocate: Allocate = convert.empty) -> None:
        self.job, self.number, self.kind, self.allocate = job, number, kind, allocate
        self.fetch: Fetcher | None = None
        self.refusal: Fault | None = None
        become_worker(job.info(number))
        try:
            if job.init_fn is not None:
                job.init_fn(number)
        except Exception as error:
            self.refusal = Fault(error, f"DataLoader worker {kind} {number}")

    def answer(self, task: Task) -> Answer:
        label, index = task
        if self.refusal is not None:
            return FAULT, label, self.refusal, None
        try:
            if label is None:
                self.fetch = None if index is None else self._fetcher(index)
                return DATA, None, None, None
            if self.fetch is None:
                self.fetch = self._fetcher(None)
            if self.fetch.stream is None:
                return DATA, label, self.fetch(index), self._place(self.fetch)
            try:
                return DATA, label, self.fetch(index), self._place(self.fetch)
            except StopIteration:
                return END, label, None, None
        except Exception as error:
            at = "" if self.fetch is not None and self.fetch.stream is not None else f", which was to read {index!r}"
            return FAULT, label, Fault(error, f"DataLoader worker {self.kind} {self.number}{at}"), None

    def _fetcher(self, start: Any) -> Fetcher:
        return Fetcher(self.job.source, self.allocate, start, self.kind == "process" or self.job.count == 1)

    def _place(self, fetch: Fetcher) -> Any:
        """Where the stream is; threads copy it, as it may change while it is on its way."""
        return fetch.state() if self.kind == "process" else copy.deepcopy(fetch.state())


# Processes


def work(connection: Connection, inherited: Sequence[Connection], job: Job, number: int, lists: list[Packed]) -> None:
    """The life of a worker process."""
    collects = gc.isenabled()
    gc.disable()
    for other in inherited:
        other.close()
    job = replace(job, source=replace(job.source, dataset=unpack(job.source.dataset, lists)))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt reaches the main process, which ends its workers
    set_num_threads(1)
    seed = job.seed + number
    random.seed(seed)
    ops.manual_seed(seed)
    # To look for garbage in what the main process has made would be to write to it, and so to copy it.
    gc.freeze()
    if collects:
        gc.enable()
    words = [number, job.seed & 0xFFFFFFFF, job.seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    sender = Sender(connection, os.getppid(), job.blocks)
    desk = _Desk(job, number, "process", sender.allocate)
    while (task := tasks.get()) is not None:
        kind, label, data, place = desk.answer(task)
        if kind != DATA:
            sender.forget()
        try:
            try:
                sender.send((kind, label, place), data)
            except OSError:
                raise
            except Exception as error:  # what can't be pickled is found before anything is sent
                sender.send((FAULT, label, None), Fault(error, f"DataLoader worker process {number}"))
        except OSError:  # the main process is gone
            break


def _listen(connection: Connection, tasks: queue.SimpleQueue[Task | None]) -> None:
    """Takes tasks as they come, so that sending one never has to wait until a batch is received.

    When the main process is gone, so is the worker, whatever it is at.
    """
    try:
        while True:
            task = connection.recv()
            tasks.put(task)
            if task is None:
                return
    except (EOFError, OSError):
        os._exit(1)


def _ready(sources: list[int], timeout: float) -> list[int]:
    """Those of the descriptors, or of Windows' handles, where something has come; none after so many seconds."""
    if not hasattr(select, "poll"):
        return wait(sources, timeout or None)  # type: ignore[return-value]
    poll = select.poll()
    for source in sources:
        poll.register(source, select.POLLIN)
    return [source for source, _ in poll.poll(1000 * timeout or None)]


# Processes that were told to end: whose children they are, and when they are to have ended.
_leaving: list[tuple[Any, int, float]] = []


def _reap() -> None:
    """Sees off processes that have ended, and ends those that should have."""
    entries = [entry for entry in _leaving if entry[1] == os.getpid()]
    _leaving.clear()
    for process, parent, deadline in entries:
        if process.is_alive() and time.monotonic() > deadline:
            process.kill()
            process.join()
        if process.is_alive():
            _leaving.append((process, parent, deadline))


def _preload(context: Any) -> None:
    """Has the server that forks processes, if it is asked for and not told what to load, load what workers need."""
    if context.get_start_method() == "forkserver":
        from multiprocessing.forkserver import _forkserver

        if _forkserver._preload_modules == ["__main__"]:  # type: ignore[attr-defined]
            context.set_forkserver_preload(["__main__", f"{__package__}.preload"])


class Processes:
    """The worker processes of a loader."""

    def __init__(self, job: Job, context: Any) -> None:
        self.connections: list[Connection] = []
        self.processes: list[Any] = []
        self.closed = False
        _reap()
        forks = context.get_start_method() == "fork"
        lists = packed(job.source.dataset) if forks else []
        if forks and job.source.collate_fn is default_collate:
            rows.prepare()
        _preload(context)
        with warnings.catch_warnings():
            # Threads of the kernels' pool are let go in a fork.
            warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
            for number in range(job.count):
                ours, theirs = context.Pipe(duplex=True)
                self.connections.append(ours)
                inherited = tuple(self.connections) if forks else ()
                process = context.Process(target=work, args=(theirs, inherited, job, number, lists), daemon=True)
                process.start()
                theirs.close()
                self.processes.append(process)
        self.receivers = [Receiver(c) for c in self.connections]

    def send(self, number: int, task: Task) -> None:
        try:
            self.connections[number].send(task)
        except OSError:
            self._gone([number])

    def receive(self, numbers: Sequence[int], timeout: float) -> tuple[int, Answer]:
        """The next answer of one of these workers, and whose it is. Raises RuntimeError where one is gone."""
        sources = {self.connections[n].fileno(): n for n in numbers} | {self.processes[n].sentinel: n for n in numbers}
        ready = _ready(list(sources), timeout)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {timeout:g} seconds")
        answered = [n for n in numbers if self.connections[n].fileno() in ready]
        for n in answered:
            try:
                (kind, label, place), data = self.receivers[n].receive()
            except (EOFError, OSError):
                break
            return n, (kind, label, data, place)
        self._gone(sorted({sources[r] for r in ready}))
        raise AssertionError

    def _gone(self, numbers: list[int]) -> None:
        dead = [self.processes[n] for n in numbers]
        for process in dead:
            process.join(AT_ONCE)
        pids = ", ".join(str(p.pid) for p in dead)
        how = {p.exitcode for p in dead}
        self.close(AT_ONCE)
        code = how.pop()
        by = f", killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f", exit code {code}"
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly{by}")

    def close(self, grace: float = GRACE) -> None:
        """Ends all workers."""
        if self.closed:
            return
        self.dismiss()
        deadline = time.monotonic() + grace
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def dismiss(self) -> None:
        """Tells all workers to end, without waiting for it: for those with nothing left to do."""
        self.closed = True
        for connection in self.connections:
            with suppress(OSError):
                connection.send(None)
            connection.close()
        _leaving.extend((process, os.getpid(), time.monotonic() + GRACE) for process in self.processes)

    def __del__(self) -> None:
        try:
            self.close()
        except KeyboardInterrupt:  # is dropped where it leaves this method: it has to come again, later
            for process in self.processes:
                process.kill()
            threading.Timer(0.01, _thread.interrupt_main).start()


# Threads


def _work_here(
    job: Job, number: int, tasks: queue.SimpleQueue[Task | None], answers: queue.SimpleQueue[tuple[int, Answer]]
) -> None:
    """The life of a worker thread."""
    desk = _Desk(job, number, "thread")
    while (task := tasks.get()) is not None:
        answers.put((number, desk.answer(task)))


class Threads:
    """The worker threads of a loader. They share its data set, and the default generator."""

    def __init__(self, job: Job) -> None:
        self.tasks: list[queue.SimpleQueue[Task | None]] = [queue.SimpleQueue() for _ in range(job.count)]
        self.answers: queue.SimpleQueue[tuple[int, Answer]] = queue.SimpleQueue()
        self.early: list[deque[Answer]] = [deque() for _ in range(job.count)]  # came before they were asked for
        for number, tasks in enumerate(self.tasks):
            threading.Thread(target=_work_here, args=(job, number, tasks, self.answers), daemon=True).start()

    def send(self, number: int, task: Task) -> None:
        self.tasks[number].put(task)

    def receive(self, numbers: Sequence[int], timeout: float) -> tuple[int, Answer]:
        """The next answer of one of these workers, and whose it is. Raises RuntimeError where none comes in time."""
        for number in numbers:
            if self.early[number]:
                return number, self.early[number].popleft()
        while True:
            try:
                number, answer = self.answers.get(timeout=timeout or None)
            except queue.Empty:
                raise RuntimeError(f"DataLoader timed out after {timeout:g} seconds") from None
            if number in numbers:
                return number, answer
            self.early[number].append(answer)

    def dismiss(self) -> None:
        """Lets all workers end after what they are at; nobody waits for them."""
        for tasks in self.tasks:
            tasks.put(None)

    def close(self, grace: float = GRACE) -> None:
        """The same: threads can't be made to end."""
        self.dismiss()

    def __del__(self) -> None:
        self.close()
