"""Several processes of one function, whose errors end them all and arrive here."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn


class ProcessException(Exception):
    """A process that did not end well: its number and its process id."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process whose function raised; the text has the traceback."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process that ended with another code than 0, or by a signal."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], i: int, args: tuple[Any, ...], error_file: str) -> None:
    """What a process does: the function, or a note of how it failed."""
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # it is the parent's: Ctrl-C reaches all processes of a terminal
    except Exception:
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """The processes that `start_processes` started."""

    def __init__(self, processes: Sequence[BaseProcess], error_files: Sequence[str]) -> None:
        self.processes, self.error_files = list(processes), list(error_files)
        self.sentinels = {p.sentinel: i for i, p in enumerate(self.processes)}

    def pids(self) -> list[int | None]:
        """The ids of the processes, by their numbers."""
        return [p.pid for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until one process ends, or `timeout` seconds; whether all have ended, and well.

        If one has not, the others are ended: at once, or those that are left after `grace_period` seconds. Raises
        ProcessRaisedException with the traceback where the function raised, else ProcessExitedException.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in multiprocessing.connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)  # type: ignore[arg-type]
            process = self.processes[index]
            process.join()
            if process.exitcode != 0 and failed is None:
                failed = index
        if failed is None:
            ended = not self.sentinels
            if ended:
                self._remove_files()
            return ended
        self._end_others(grace_period)
        try:
            self._raise(failed)
        finally:
            self._remove_files()

    def _end_others(self, grace_period: float | None) -> None:
        if grace_period is not None:
            deadline = time.monotonic() + grace_period
            for process in self.processes:
                process.join(max(0.0, deadline - time.monotonic()))
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        deadline = time.monotonic() + 30
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _raise(self, index: int) -> NoReturn:
        process, file = self.processes[index], self.error_files[index]
        assert process.pid is not None
        assert process.exitcode is not None
        if not os.path.exists(file) or not os.path.getsize(file):
            code = process.exitcode
            if code < 0:
                name = _signal_name(-code)
                raise ProcessExitedException(
                    f"process {index} terminated with signal {name}", index, process.pid, code, name
                )
            raise ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)
        with open(file, "rb") as opened:
            found = pickle.load(opened)
        text = f"\n\n-- Process {index} terminated with the following error:\n{found}"
        raise ProcessRaisedException(text, index, process.pid)

    def _remove_files(self) -> None:
        for file in self.error_files:
            if os.path.exists(file):
                os.remove(file)
        for folder in {os.path.dirname(file) for file in self.error_files}:
            os.rmdir(folder)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"<Unknown signal {number}>"


class SpawnContext(ProcessContext):
    """The processes that `spawn` started."""


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Runs `fn(i, *args)` in `nprocs` processes, for i = 0, 1, ...

    Args:
        fn: a function that can be pickled: at the top level of a module, unless `start_method` is `"fork"`.
        args: further arguments. Tensors among them are shared.
        nprocs: how many processes.
        join: whether to wait for all of them. Otherwise the processes are returned, to be waited for by `join()`.
        daemon: whether the processes end with this one.
        start_method: `"spawn"`, `"fork"` or `"forkserver"`.

    Raises ProcessRaisedException, with the traceback, where one of the functions raises, and ProcessExitedException
    where a process ends by a signal or with another code than 0; the others are ended first.
    """
    context = multiprocessing.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="kagari-")
    made = SpawnContext([], [])
    for i in range(nprocs):
        file = os.path.join(folder, str(i))
        process = context.Process(target=_run, args=(fn, i, args, file), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        made.processes.append(process)
        made.error_files.append(file)
        made.sentinels[process.sentinel] = i
    if not join:
        return made
    while not made.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """`start_processes` by the method `"spawn"`. Warns, as PyTorch does, where another one is asked for."""
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\nTo use a different start_method "
            "use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, "spawn")


__all__ = [
    "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext", "spawn",
    "start_processes",
]  # fmt: skip
