"""One pass over the data: read in this process, or by workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fetch import Fetcher
from .progress import Progress
from .workers import AT_ONCE, END, FAULT, Processes, Threads

_NONE = object()
State = dict[str, Any]


class Pass:
    """One pass over the data, read in this process."""

    def __init__(self, loader: Any, indices: Iterator[Any], progress: Progress, resumed: State | None) -> None:
        self.loader, self.indices, self.progress = loader, indices, progress
        stream = None
        if resumed is not None:
            progress.draw_again(indices, resumed, False)
            stream = None if resumed["active"] else next(iter(resumed["streams"]), None)
        self.fetch = progress.fetch = Fetcher(loader._source(), start=stream)

    def __iter__(self) -> Pass:
        return self

    def __len__(self) -> int:
        return len(self.loader._indices())

    def __next__(self) -> Any:
        index = self.progress.draw(self.indices, _NONE)
        try:
            if index is _NONE:
                raise StopIteration
            return self.fetch(index)
        except StopIteration:
            self.progress.finished = True
            raise

    def __del__(self) -> None:
        if "fetch" not in vars(self):
            return
        self.progress.fetch = None
        if not self.progress.finished:  # how far it has come is asked for after a loop was left, too
            self.progress.streams = [self.fetch.state()]


class WorkerPass:
    """One pass over the data, read ahead by workers. Batches come in the order of their tasks.

    Tasks go round the workers. Each batch that is taken makes room for another task. `loader` owns the workers and
    says how many tasks may be under way, in which order batches come and how long to wait.
    """

    def __init__(
        self,
        loader: Any,
        workers: Processes | Threads,
        indices: Iterator[Any],
        progress: Progress,
        resumed: State | None,
    ) -> None:
        self.loader, self.workers, self.indices, self.progress = loader, workers, indices, progress
        self.sent = progress.open
        count, progress.room = loader.num_workers, loader.num_workers * loader.prefetch_factor
        progress.active, progress.streams = [True] * count, [None] * count
        if resumed is None or not self._go_on(resumed):
            while len(self.sent) < progress.room and self._send():
                pass

    def _go_on(self, resumed: State) -> bool:
        """Puts the workers where they were. Returns whether they have the same tasks; if not, they get them as ever."""
        progress = self.progress
        alike = len(resumed["active"]) == self.loader.num_workers
        is_exact = alike and resumed["room"] == progress.room
        if alike:
            first = next((number for _, number in resumed["open"]), resumed["turn"])
            progress.active, progress.turn = list(resumed["active"]), resumed["turn"] if is_exact else first
            progress.streams = list(resumed["streams"])
            for number, stream in enumerate(progress.streams):
                if stream is not None:
                    begin_anew(self.workers, number, self.loader.timeout, stream)
        for label, number, index in progress.draw_again(self.indices, resumed, is_exact):
            self.workers.send(number, (label, index))
        return is_exact

    def __iter__(self) -> WorkerPass:
        return self

    def __len__(self) -> int:
        return len(self.loader._indices())

    def _next(self) -> int:
        """The active worker whose turn it is."""
        active, turn = self.progress.active, self.progress.turn
        number = next(n % len(active) for n in range(turn, turn + len(active)) if active[n % len(active)])
        self.progress.turn = (number + 1) % len(active)
        return number

    def _send(self) -> bool:
        """Gives the next task to the worker whose turn it is, or, where order does not matter, to the idlest."""
        active = self.progress.active
        if not any(active):
            return False
        index = self.progress.draw(self.indices, _NONE)
        if index is _NONE:
            return False
        number = self._next()
        if not self.loader.in_order:
            busy = [sum(n == at for _, at in self.sent) for n in range(len(active))]
            number = min((n for n, is_active in enumerate(active) if is_active), key=lambda n: busy[n])
        label = self.progress.drawn - 1
        self.sent.append((label, number))
        self.workers.send(number, (label, index))
        return True

    def __next__(self) -> Any:
        try:
            kind, data = self._received()
        except BaseException:  # a worker is gone, or an interrupt: no more comes from here
            self.loader._workers = None
            self.workers.close(AT_ONCE)
            raise
        if kind == FAULT:
            data.raise_here()
        if kind == END:
            raise StopIteration
        return data

    def _received(self) -> tuple[str, Any]:
        """The next batch or exception of a worker; the end where all have come to theirs."""
        progress = self.progress
        while self.sent:
            numbers = [self.sent[0][1]] if self.loader.in_order else sorted({n for _, n in self.sent})
            number, (kind, label, data, stream) = self.workers.receive(numbers, self.loader.timeout)
            self.sent.remove((label, number))
            if kind != END:
                if stream is not None:
                    progress.streams[number] = stream
                self._send()
                return kind, data
            if progress.active[number]:
                progress.active[number] = False
                self._send()
        progress.finished = True
        if not self.loader.persistent_workers:
            self.workers.dismiss()
        return END, None


def drain(workers: Processes | Threads, progress: Progress, timeout: float) -> None:
    """Takes what is still under way, so that the workers can begin anew."""
    while progress.open:
        workers.receive([progress.open.popleft()[1]], timeout)


def begin_anew(workers: Processes | Threads, number: int, timeout: float, stream: Any = None) -> None:
    """Has a worker begin a pass, from where `stream` says. Raises what goes wrong there."""
    workers.send(number, (None, stream))
    _, (kind, _, data, _) = workers.receive([number], timeout)
    if kind == FAULT:
        data.raise_here()


__all__ = ["Pass", "WorkerPass", "begin_anew", "drain"]
