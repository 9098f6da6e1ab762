"""Calls between processes: messages over the connections that all have to all, and threads that answer them.

A request is bytes, and so is its answer; what they mean is the business of `calls.py`. One thread for each connection
reads, a pool runs requests, and one thread marks calls that take too long. Small notes, such as that a reference is
gone, are answered by the reading thread itself, in the order in which they were sent.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ...futures import Future
from ..errors import DistNetworkError
from ..network import wire
from .options import WorkerInfo

_ASK, _ANSWER, _NOTE = b"?", b"=", b"."
Parts = list[bytes]


class Agent:
    """The part of one process in the calls of all.

    Args:
        infos: all processes, by number.
        rank: the number of this one.
        links: connections to the others.
        threads: how many requests run at once.
        timeout: seconds that a call may take where it says nothing itself.
        arrive: what is due when a request comes, before anything that was sent after it is looked at.
        handle: makes the answer of a request: a future of it.
        note: takes a note in.
        read: what an answer says, before anything that was sent after it is looked at.
    """

    def __init__(
        self,
        infos: list[WorkerInfo],
        rank: int,
        links: dict[int, socket.socket],
        threads: int,
        timeout: float,
        arrive: Callable[[int, Parts], None],
        handle: Callable[[int, Parts], Future[Parts]],
        note: Callable[[int, Parts], None],
        read: Callable[[Parts], Any],
    ) -> None:
        self.infos, self.info, self.timeout = infos, infos[rank], timeout
        self._links, self._arrive, self._handle, self._note, self._said = links, arrive, handle, note, read
        self._locks = {peer: threading.Lock() for peer in links}
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[int, Future[Any]]] = {}
        self._lost: dict[int, Exception] = {}  # the processes that have gone, and how that was seen
        self._lock = threading.Lock()
        self._running = 0
        self.moved = 0  # requests and notes sent and taken in, by which processes tell whether others are at rest
        self._notes: queue.SimpleQueue[tuple[int, Parts] | None] = queue.SimpleQueue()
        self._deadlines: list[tuple[float, int, float]] = []
        self._clock = threading.Condition()
        self._closed = False
        self._pool = ThreadPoolExecutor(threads, "kagari-rpc")
        loops: list[tuple[Callable[..., None], tuple[Any, ...]]] = [(self._read, (peer,)) for peer in links]
        loops += [(self._send_notes, ()), (self._watch_clock, ())]
        self._threads = [threading.Thread(target=loop, args=args, daemon=True) for loop, args in loops]
        for thread in self._threads:
            thread.start()

    def worker(self, to: str | int | WorkerInfo) -> WorkerInfo:
        """The process of this name or number. RuntimeError where there is none."""
        here = f"name:{self.info.name},rank:{self.info.id} could not find destination"
        if isinstance(to, WorkerInfo):
            return to
        if isinstance(to, str):
            found = next((info for info in self.infos if info.name == to), None)
            if found is None:
                raise RuntimeError(f"{here} name {to}")
            return found
        if isinstance(to, int) and not isinstance(to, bool):
            if not 0 <= to < len(self.infos):
                raise RuntimeError(f"{here} id {to}")
            return self.infos[to]
        raise ValueError(f"Cannot get WorkerInfo from name {to}")

    def ask(self, to: int, parts: Parts, timeout: float | None = None) -> Future[Any]:
        """A future of what the answer says. `timeout` is in seconds, 0 for none, by default the agent's."""
        number, answer = next(self._numbers), Future[Any]()
        with self._lock:
            self._waiting[number] = to, answer
            self.moved += 1
            lost = self._lost.get(to)
        seconds = self.timeout if timeout is None or timeout < 0 else timeout
        if seconds:
            with self._clock:
                heapq.heappush(self._deadlines, (time.monotonic() + seconds, number, seconds))
                if self._deadlines[0][1] == number:  # the clock waits for a later one
                    self._clock.notify()
        if to == self.info.id:
            self._take_request(to, number, parts)
            return answer
        try:
            if lost is not None:
                raise lost
            self._write(to, [_ASK, b"%d" % number, *parts])
        except (OSError, DistNetworkError) as error:
            self._end(number, self._gone(to, error))
        return answer

    def tell(self, to: int, parts: Parts) -> None:
        """Sends a note, soon: this may be called anywhere, also where garbage is collected."""
        self._notes.put((to, parts))

    def at_rest(self) -> bool:
        """Whether nothing of this process is on its way, and nothing of others runs here."""
        with self._lock:
            return not self._waiting and not self._running and self._notes.empty()

    def close(self) -> None:
        """Ends all threads and connections. Calls that still wait fail."""
        self._closed = True
        self._notes.put(None)
        with self._clock:
            self._clock.notify()
        for link in self._links.values():
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        for link in self._links.values():
            link.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _write(self, to: int, parts: Parts) -> None:
        with self._locks[to]:
            wire.write(self._links[to], parts)

    def _gone(self, peer: int, error: BaseException) -> RuntimeError:
        return RuntimeError(f"The connection to {self.infos[peer]} is lost: {error}")

    def _read(self, peer: int) -> None:
        """Takes in what one process sends."""
        try:
            while True:
                kind, *parts = wire.read(self._links[peer])
                if kind == _NOTE:
                    with self._lock:
                        self.moved += 1
                    self._note(peer, parts)
                elif kind == _ASK:
                    self._take_request(peer, int(parts[0]), parts[1:])
                else:
                    self._end(int(parts[0]), parts[1:])
        except (OSError, DistNetworkError) as error:
            with self._lock:
                self._lost[peer] = error
                waiting = [number for number, (to, _) in self._waiting.items() if to == peer]
            for number in waiting:
                self._end(number, self._gone(peer, error))

    def _take_request(self, peer: int, number: int, parts: Parts) -> None:
        with self._lock:
            self._running += 1
            self.moved += 1
        self._arrive(peer, parts)
        self._pool.submit(self._run, peer, number, parts)

    def _run(self, peer: int, number: int, parts: Parts) -> None:
        """Answers a request when its answer is there, which may be after this thread has gone on."""

        def answer(found: Future[Parts]) -> None:
            try:
                if peer == self.info.id:
                    self._end(number, found.value())
                else:
                    with suppress(OSError, DistNetworkError):  # who asked has gone
                        self._write(peer, [_ANSWER, b"%d" % number, *found.value()])
            finally:
                with self._lock:
                    self._running -= 1

        self._handle(peer, parts).add_done_callback(answer)

    def _end(self, number: int, result: Parts | Exception) -> None:
        said = None
        if not isinstance(result, Exception):
            try:
                said = self._said(result)
            except Exception as error:
                result = error
        with self._lock:
            _, answer = self._waiting.pop(number, (0, None))
        if answer is None:  # it took too long
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(said)

    def _send_notes(self) -> None:
        while (note := self._notes.get()) is not None:
            to, parts = note
            with self._lock:
                self.moved += 1
            if to == self.info.id:
                self._note(to, parts)
            else:
                with suppress(OSError, DistNetworkError):
                    self._write(to, [_NOTE, *parts])

    def _watch_clock(self) -> None:
        """Ends calls that take longer than they may."""
        while True:
            with self._clock:
                if self._closed:
                    return
                now = time.monotonic()
                late = []
                while self._deadlines and self._deadlines[0][0] <= now:
                    late.append(heapq.heappop(self._deadlines))
                if not late:
                    self._clock.wait(self._deadlines[0][0] - now if self._deadlines else None)
            for _, number, seconds in late:
                self._end(number, too_long(seconds))


def too_long(seconds: float) -> RuntimeError:
    """The error of a call that took too long."""
    return RuntimeError(
        f"RPCErr:1:RPC ran for more than set timeout ({round(seconds * 1000)} ms) and will now be marked with an error"
    )
