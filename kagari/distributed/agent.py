"""The processes of one machine: started, watched, started again, and ended together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

OUT, ERR = 1, 2


@dataclass
class Job:
    """What runs, and how.

    `streams` says for a process's number which of its streams (OUT, ERR or their sum) go to files in `log_dir`, and
    which of those are shown, too.
    """

    command: Sequence[str]
    name: str
    count: int
    environment: Callable[[int], Mapping[str, str]]
    role: str = "default"
    max_restarts: int = 0
    interval: float = 0.1
    patience: float = 30.0
    log_dir: Path | None = None
    streams: Callable[[int], tuple[int, int]] = lambda number: (0, 0)
    signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)


class JobFailedError(Exception):
    """A process ended otherwise than well: who, when and how."""

    def __init__(self, job: Job, number: int, process: subprocess.Popen[bytes], error_file: Path) -> None:
        code = process.returncode
        said = json.loads(error_file.read_text())["message"] if error_file.exists() else None
        trace = (
            said["extraInfo"]["py_callstack"] if said else "none: decorate the main function with `record` to see it"
        )
        line = "=" * 60
        rank = job.environment(number)["RANK"]
        how = f"{code} (pid: {process.pid})" if code >= 0 else f"{code} ({signal.Signals(-code).name}, {process.pid})"
        super().__init__(
            f"\n{line}\n{job.name} FAILED\n{'-' * 60}\n"
            f"  time      : {time.strftime('%Y-%m-%d_%H:%M:%S')}\n"
            f"  rank      : {rank} (local_rank: {number})\n"
            f"  exitcode  : {how}\n"
            f"  traceback : {trace}\n{line}"
        )


@dataclass
class _Running:
    """One start of all processes."""

    job: Job
    attempt: int
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(self.job.count):
            told = {
                **os.environ,
                **self.job.environment(number),
                "TORCHELASTIC_RESTART_COUNT": str(self.attempt),
                "TORCHELASTIC_ERROR_FILE": str(self.error_file(number)),
            }
            kept, shown = self.job.streams(number)
            out, err = (self._stream(number, which, kept, shown) for which in (OUT, ERR))
            process = subprocess.Popen(self.job.command, env=told, stdout=out, stderr=err)
            self.processes.append(process)
            for which, given, came in ((OUT, out, process.stdout), (ERR, err, process.stderr)):
                if came is not None:
                    self._show(number, which, came)
                elif given is not None and not isinstance(given, int):
                    given.close()  # it is the process's own now

    def error_file(self, number: int) -> Path:
        """Where a process may tell its error."""
        return self.folder / f"error-{self.attempt}-{number}.json"

    def _file(self, number: int, which: int) -> Path:
        assert self.job.log_dir is not None
        folder = self.job.log_dir / f"attempt_{self.attempt}" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / ("stdout.log" if which == OUT else "stderr.log")

    def _stream(self, number: int, which: int, kept: int, shown: int) -> int | IO[bytes] | None:
        if shown & which:
            return subprocess.PIPE
        return self._file(number, which).open("wb") if kept & which else None

    def _show(self, number: int, which: int, came: IO[bytes]) -> None:
        """Writes what comes to the file, and shows it behind the number of the process."""
        target = sys.stdout if which == OUT else sys.stderr
        path = self._file(number, which)

        def copy() -> None:
            with came, path.open("wb") as file:
                for line in came:
                    file.write(line)
                    file.flush()
                    target.write(f"[{self.job.role}{number}]:{line.decode(errors='replace')}")
                    target.flush()

        thread = threading.Thread(target=copy, daemon=True)
        thread.start()
        self.threads.append(thread)

    def watch(self) -> int | None:
        """Waits until all have ended well, or one has not: its number."""
        while True:
            codes = [process.poll() for process in self.processes]
            for number, code in enumerate(codes):
                if code:
                    return number
            if all(code == 0 for code in codes):
                return None
            time.sleep(self.job.interval)

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Ends what still runs, by force if it does not end in time."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(by)
        deadline = time.monotonic() + self.job.patience
        for process in self.processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self.threads:
            thread.join()


class _Stopped(BaseException):
    """A signal that the processes are to get, too."""


def run(job: Job) -> None:
    """Runs a job to its end. JobFailedError where a process fails and all restarts are used up."""

    def stop(number: int, frame: Any) -> None:
        raise _Stopped(signal.Signals(number))

    before = {one: signal.signal(one, stop) for one in job.signals}
    folder = tempfile.TemporaryDirectory(prefix="torchelastic_")
    try:
        for attempt in range(job.max_restarts + 1):
            running = _Running(job, attempt, Path(folder.name))
            try:
                running.start()
                failed = running.watch()
            except _Stopped as stopped:
                running.end(stopped.args[0])
                sys.exit(128 + stopped.args[0])
            except BaseException:
                running.end()
                raise
            running.end()
            if failed is None:
                return
            if attempt == job.max_restarts:
                raise JobFailedError(job, failed, running.processes[failed], running.error_file(failed))
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        folder.cleanup()
