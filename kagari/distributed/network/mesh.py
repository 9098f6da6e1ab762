"""Connections between all processes, and messages that find who waits for them.

A message belongs to a channel and has a tag. Who expects it says where its bytes are to go; the two meet in whichever
order they come. A short message is sent at once, and kept where nobody expects it yet. For a long one the sender asks
first, so its bytes go straight to where they belong, and a process that is ahead does not fill the memory of one that
is behind.

One thread of a process reads all connections and writes what could not be written at once.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, TypeVar

from ..errors import DistBackendError

_HEADER = struct.Struct("<BIqQQ")  # kind, channel, tag, how many bytes, the number of a long message
_DATA, _ASK, _GO, _ASKED = range(4)  # a message; one that is long; go on with it; its bytes
_SHORT = 1 << 16
ANY = -1
_Key = tuple[int, int, int]  # a process, a channel, a tag
_T = TypeVar("_T")


class Pending:
    """A message under way: done when its bytes have been sent, or have arrived."""

    __slots__ = ("_ended", "error", "peer", "view")

    def __init__(self, view: memoryview, peer: int) -> None:
        self.view, self.peer = view, peer
        self.error: Exception | None = None
        self._ended = threading.Event()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more is to come."""
        self.error = error
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self._ended.is_set()

    def wait(self, seconds: float | None, what: str) -> None:
        """Waits until it is done. RuntimeError if it is not in time, DistBackendError if the other process has gone."""
        if not self._ended.wait(seconds):
            raise RuntimeError(f"Timed out waiting {round((seconds or 0) * 1000)}ms for {what} operation to complete")
        if self.error is not None:
            raise self.error


class _Arrived(NamedTuple):
    """A message that nobody expects yet: its bytes, or how many there will be and the number it was asked under."""

    data: bytearray | None
    length: int
    number: int


class _Link:
    """The connection to one process."""

    def __init__(self, peer: int, connection: socket.socket) -> None:
        self.peer, self.connection = peer, connection
        self.out: deque[tuple[memoryview, Pending | None]] = deque()  # what is to be written; what is done by it
        self.asked: dict[int, Pending] = {}  # long messages of this process that wait for the other's word
        self.granted: dict[int, Pending] = {}  # where long messages of the other go
        self.number = 0
        self.header, self.filled = memoryview(bytearray(_HEADER.size)), 0
        self.target: memoryview | None = None  # where the bytes go that come now, if they are no header's
        self.finish: Callable[[], None] = lambda: None  # what is due when they have come
        self.coming: Pending | None = None  # whose they are
        self.watched = False  # whether the thread waits for room to write
        self.gone: Exception | None = None


class Mesh:
    """The connections of this process to all others, by their numbers."""

    def __init__(self, connections: dict[int, socket.socket]) -> None:
        self._lock = threading.RLock()
        self._expected: dict[_Key, deque[Pending]] = {}
        self._arrived: dict[_Key, deque[_Arrived]] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, waking = socket.socketpair()
        self._wake.setblocking(False)
        waking.setblocking(False)
        self._selector.register(waking, selectors.EVENT_READ)
        self._waking, self._closing = waking, False
        self._links = {peer: _Link(peer, connection) for peer, connection in connections.items()}
        for link in self._links.values():
            link.connection.setblocking(False)
            self._selector.register(link.connection, selectors.EVENT_READ, link)
        self._thread = threading.Thread(target=self._run, name="mesh", daemon=True)
        self._thread.start()

    def send(self, peer: int, channel: int, tag: int, view: memoryview) -> Pending:
        """Sends the bytes of a view, which may not change until they are sent."""
        pending, link = Pending(view, peer), self._links[peer]
        with self._lock:
            if link.gone is not None:
                pending.end(link.gone)
            elif len(view) <= _SHORT:
                self._write(link, (_DATA, channel, tag, len(view), 0), pending)
            else:
                link.number += 1
                link.asked[link.number] = pending
                self._write(link, (_ASK, channel, tag, len(view), link.number))
        return pending

    def receive(self, peer: int, channel: int, tag: int, view: memoryview) -> Pending:
        """Has the bytes of the next message from a process, or from ANY, go to a view of the same length."""
        pending = Pending(view, peer)
        with self._lock:
            sources = self._links if peer == ANY else (peer,)
            for source in sources:
                message = _first(self._arrived, (source, channel, tag))
                if message is not None:
                    self._meet(self._links[source], pending, message)
                    return pending
            gone = [self._links[source].gone for source in sources]
            if all(gone):
                pending.end(gone[0])
            else:
                self._expected.setdefault((peer, channel, tag), deque()).append(pending)
        return pending

    def forget(self, pending: Pending) -> None:
        """A message that came too late is not expected any more."""
        with self._lock:
            for key, waiting in list(self._expected.items()):
                if pending in waiting:
                    waiting.remove(pending)
                    if not waiting:
                        del self._expected[key]

    def close(self) -> None:
        """Ends all connections, when what is to be written has been."""
        with self._lock:
            self._closing = True
            self._notify()
        self._thread.join(timeout=10)

    # The lock is held in what follows, but for reading.

    def _notify(self) -> None:
        with suppress(BlockingIOError):  # it has been told often enough
            self._wake.send(b"x")

    def _write(self, link: _Link, header: tuple[int, int, int, int, int], pending: Pending | None = None) -> None:
        """Has a header written, and the bytes of a message behind it."""
        idle = not link.out
        empty = pending is None or not len(pending.view)
        link.out.append((memoryview(_HEADER.pack(*header)), pending if empty else None))
        if pending is not None and not empty:
            link.out.append((pending.view, pending))
        if idle:
            self._flush(link)

    def _flush(self, link: _Link) -> None:
        """Writes what can be written now."""
        try:
            while link.out:
                sent = _send(link.connection, [view for view, _ in islice(link.out, 8)])
                while sent:
                    view, pending = link.out[0]
                    if sent < len(view):
                        link.out[0] = view[sent:], pending
                        break
                    sent -= len(view)
                    link.out.popleft()
                    if pending is not None:
                        pending.end()
        except BlockingIOError:
            self._notify()  # the thread waits for room
        except OSError:
            self._lose(link)

    def _lose(self, link: _Link) -> None:
        """The other process has gone: what waits for it fails."""
        if link.gone is not None:
            return
        link.gone = DistBackendError(f"Connection closed by peer: process {link.peer} has gone")
        self._selector.unregister(link.connection)
        link.connection.close()
        waiting = [p for _, p in link.out if p is not None]
        waiting += [*link.asked.values(), *link.granted.values()]
        if link.coming is not None:
            waiting.append(link.coming)
        everybody = all(other.gone for other in self._links.values())
        for key, expected in list(self._expected.items()):
            if key[0] == link.peer or (key[0] == ANY and everybody):
                waiting += expected
                del self._expected[key]
        for pending in waiting:
            pending.end(link.gone)

    def _meet(self, link: _Link, pending: Pending, message: _Arrived) -> None:
        """A message that has arrived, or is announced, and who expects it."""
        pending.peer = link.peer
        if message.data is None and link.gone is not None:
            pending.end(link.gone)
        elif message.data is None:
            link.granted[message.number] = pending
            self._write(link, (_GO, 0, 0, 0, message.number))
        else:
            _fill(pending, message.data)

    def _taker(self, link: _Link, channel: int, tag: int) -> Pending | None:
        for peer in (link.peer, ANY):
            pending = _first(self._expected, (peer, channel, tag))
            if pending is not None:
                return pending
        return None

    # Reading, by the one thread.

    def _run(self) -> None:
        try:
            self._serve()
        finally:  # nobody waits for a thread that has ended, whatever ended it
            with self._lock:
                for link in self._links.values():
                    self._lose(link)
                self._selector.close()
                self._wake.close()
                self._waking.close()

    def _serve(self) -> None:
        while True:
            with self._lock:
                there = [link for link in self._links.values() if link.gone is None]
                if self._closing and not any(link.out for link in there):
                    return
                for link in there:
                    if link.watched != bool(link.out):
                        link.watched = bool(link.out)
                        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.watched else 0)
                        self._selector.modify(link.connection, events, link)
            for key, events in self._selector.select():
                if key.data is None:
                    self._waking.recv(4096)
                    continue
                if events & selectors.EVENT_WRITE:
                    with self._lock:
                        self._flush(key.data)
                if events & selectors.EVENT_READ:
                    self._read(key.data)

    def _read(self, link: _Link) -> None:
        """Takes what has come."""
        try:
            while link.gone is None:
                target = link.header if link.target is None else link.target
                count = link.connection.recv_into(target[link.filled :])
                if not count:
                    raise ConnectionResetError
                link.filled += count
                if link.filled < len(target):
                    continue
                link.filled, was, link.target, link.coming = 0, link.target, None, None
                if was is None:
                    self._begin(link, *_HEADER.unpack(link.header))
                else:
                    link.finish()
        except BlockingIOError:
            pass
        except OSError:
            with self._lock:
                self._lose(link)

    def _begin(self, link: _Link, kind: int, channel: int, tag: int, length: int, number: int) -> None:
        """A header has come: where do the bytes go that follow?"""
        with self._lock:
            if kind == _DATA:
                self._begin_data(link, channel, tag, length)
            elif kind == _ASK:
                self._deliver(link, channel, tag, _Arrived(None, length, number))
            elif kind == _GO:
                pending = link.asked.pop(number)
                self._write(link, (_ASKED, 0, 0, len(pending.view), number), pending)
            else:
                self._into_pending(link, link.granted.pop(number), length)

    def _begin_data(self, link: _Link, channel: int, tag: int, length: int) -> None:
        pending = self._taker(link, channel, tag)
        if pending is not None:
            pending.peer = link.peer
            self._into_pending(link, pending, length)
            return
        data = bytearray(length)

        def kept() -> None:
            with self._lock:
                self._deliver(link, channel, tag, _Arrived(data, length, 0))

        self._into(link, memoryview(data), kept)

    def _deliver(self, link: _Link, channel: int, tag: int, message: _Arrived) -> None:
        pending = self._taker(link, channel, tag)
        if pending is None:
            self._arrived.setdefault((link.peer, channel, tag), deque()).append(message)
        else:
            self._meet(link, pending, message)

    def _into_pending(self, link: _Link, pending: Pending, length: int) -> None:
        link.coming = pending
        if length == len(pending.view):
            self._into(link, pending.view, pending.end)
        else:
            data = bytearray(length)
            self._into(link, memoryview(data), lambda: _fill(pending, data))

    def _into(self, link: _Link, target: memoryview, finish: Callable[[], None]) -> None:
        if len(target):
            link.target, link.finish = target, finish
        else:
            link.coming = None
            finish()


def _first(table: dict[_Key, deque[_T]], key: _Key) -> _T | None:
    """What came first under a key, taken out."""
    waiting = table.get(key)
    if waiting is None:
        return None
    first = waiting.popleft()
    if not waiting:
        del table[key]
    return first


def _send(connection: socket.socket, views: list[memoryview]) -> int:
    """Writes what can be written now of several views; how many bytes."""
    if hasattr(connection, "sendmsg"):
        return connection.sendmsg(views)
    return connection.send(views[0])  # Windows


def _fill(pending: Pending, data: bytearray) -> None:
    """Hands a message over; one of another length is an error."""
    if len(data) != len(pending.view):
        pending.end(
            DistBackendError(
                f"Process {pending.peer} sent {len(data)} bytes where {len(pending.view)} were expected: do all "
                "processes give tensors of one shape and dtype?"
            )
        )
    else:
        pending.view[:] = data
        pending.end()
