"""Threads that work ahead: tasks whose results are asked for later, done by whoever has time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

_R = TypeVar("_R")


class Task(Generic[_R]):
    """A function to be called once, by a thread of a crew or by whoever asks for what it gives."""

    def __init__(self, function: Callable[[], _R]) -> None:
        self._function = function
        self._results: list[_R] = []
        self._held = threading.Lock()  # by who is calling it

    def run(self, wait: bool = False) -> None:
        """Calls the function, unless that is done; nor, without `wait`, while another thread is about it.

        What it raises is raised here, and it is called again the next time.
        """
        if self._held.acquire(wait):
            try:
                if not self._results:
                    self._results.append(self._function())
            finally:
                self._held.release()

    def result(self) -> _R:
        """What the function gives."""
        self.run(wait=True)
        return self._results[0]


class Crew:
    """Threads that there are only as long as there is something to do."""

    def __init__(self) -> None:
        self._waiting: deque[Task[bytes]] = deque()
        self._threads: list[threading.Thread] = []

    def start(self, function: Callable[[], bytes], most: int) -> Task[bytes]:
        """A task that at most so many threads share with those that were started before."""
        task = Task(function)
        self._waiting.append(task)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) < most:
            thread = threading.Thread(target=self._work)
            with contextlib.suppress(RuntimeError):  # the interpreter is about to end and starts no more threads
                thread.start()
                self._threads.append(thread)
        return task

    def _work(self) -> None:
        while self._waiting:
            with contextlib.suppress(Exception):  # who asks for the result meets it, too
                self._waiting.popleft().run()

    @staticmethod
    def help(tasks: Iterable[Task[bytes]]) -> None:
        """Does what no thread has begun."""
        for task in tasks:
            task.run()

    def rest(self) -> None:
        """Waits until no thread is left."""
        for thread in self._threads:
            thread.join()
