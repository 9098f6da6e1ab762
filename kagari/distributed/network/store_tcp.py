"""A store that one process keeps and the others ask over the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from ..errors import DistError, DistNetworkError, DistStoreError, QueueEmptyError
from ..store import HashStore, Store, as_bytes, until
from . import wire

_JOINED = "/joined"  # how many clients have come: not shown among the keys
_ERRORS: dict[bytes, type[Exception]] = {
    kind.__name__.encode(): kind for kind in (DistStoreError, QueueEmptyError, ValueError)
}


def _keys(parts: Sequence[bytes]) -> list[str]:
    return [part.decode() for part in parts]


def _seconds(part: bytes) -> timedelta:
    return timedelta(seconds=float(part))


def _say(answer: Any) -> list[bytes]:
    """What a store answers, as parts of a message."""
    if answer is None:
        return []
    if isinstance(answer, list):
        return [as_bytes(one) for one in answer]
    return [answer if isinstance(answer, bytes) else b"%d" % answer]


# What a server does for each request: the store, the parts of the message behind the request's name.
_REQUESTS: dict[bytes, Callable[[HashStore, list[bytes]], Any]] = {
    b"set": lambda store, p: store.set(p[0].decode(), p[1]),
    b"get": lambda store, p: store.get(p[0].decode(), _seconds(p[1])),
    b"add": lambda store, p: store.add(p[0].decode(), int(p[1])),
    b"wait": lambda store, p: store.wait(_keys(p[1:]), _seconds(p[0])),
    b"check": lambda store, p: store.check(_keys(p)),
    b"compare_set": lambda store, p: store.compare_set(p[0].decode(), p[1], p[2]),
    b"delete_key": lambda store, p: store.delete_key(p[0].decode()),
    b"list_keys": lambda store, p: store.list_keys(),
    b"append": lambda store, p: store.append(p[0].decode(), p[1]),
    b"queue_push": lambda store, p: store.queue_push(p[0].decode(), p[1]),
    b"queue_pop": lambda store, p: store.queue_pop(p[0].decode(), p[1] == b"1", _seconds(p[2])),
    b"queue_len": lambda store, p: store.queue_len(p[0].decode()),
}


class _Server:
    """Keeps the store and answers clients, each in a thread of its own, so that one may wait while others ask."""

    def __init__(self, listening: socket.socket) -> None:
        self.store, self.listening = HashStore(), listening
        self.port = listening.getsockname()[1]
        self.connections: set[socket.socket] = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, name="store", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return  # closed
            with self.lock:
                self.connections.add(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(connection,), name="store", daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while True:
                    name, *parts = wire.read(connection)
                    try:
                        reply = [b"ok", *_say(_REQUESTS[name](self.store, parts))]
                    except tuple(_ERRORS.values()) as error:
                        reply = [type(error).__name__.encode(), str(error).encode()]
                    wire.write(connection, reply)
            except (DistNetworkError, KeyError, IndexError, ValueError):
                pass  # it has gone, or it speaks otherwise
            finally:
                with self.lock:
                    self.connections.discard(connection)

    def close(self) -> None:
        """Takes no requests any more."""
        self.listening.close()
        with self.lock:
            for connection in self.connections:
                connection.shutdown(socket.SHUT_RDWR)


class TCPStore(Store):
    """A store that one process, the master, keeps, and others ask over the network.

    Args:
        host_name (str): where the master is
        port (int): its port; the master takes a free one for 0, which `port` tells
        world_size (int): how many processes use it, the master among them; None where that is not known
        is_master (bool): whether this process is the master. Default: ``False``
        timeout (timedelta): how long it waits for connections and keys. Default: 5 minutes
        wait_for_workers (bool): whether the master waits until all processes are there. Default: ``True``
        multi_tenant (bool): whether several stores of this process may have one server. Default: ``False``
        master_listen_fd (int): a socket of the master that listens already
        use_libuv (bool): accepted; there is one kind of server.

    Raises DistNetworkError where the port is taken, or the master does not answer in time; DistStoreError where not all
    processes come in time.

    >>> import kagari as torch
    >>> store = torch.distributed.TCPStore("localhost", 0, 1, True)
    >>> store.add("count", 2), torch.distributed.TCPStore("localhost", store.port).add("count", 3)
    (2, 5)
    """

    _servers: ClassVar[dict[int, _Server]] = {}  # those of several tenants, by port

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = timedelta(seconds=300),
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ) -> None:
        super().__init__()
        self._timeout, self.host, self.libuvBackend = timeout, host_name, use_libuv
        self._server = self._serve(port, multi_tenant, master_listen_fd) if is_master else None
        self.port = self._server.port if self._server else port
        self._mine = threading.local()
        self._connections: list[socket.socket] = []
        joined = self.add(_JOINED, 1)
        if is_master and wait_for_workers and world_size is not None and world_size > 0:
            self._wait_for(world_size, joined)

    def _serve(self, port: int, shared: bool, fd: int | None) -> _Server:
        if shared and port in self._servers:
            return self._servers[port]
        server = _Server(socket.socket(fileno=fd) if fd is not None else wire.listen("", port))
        if shared:
            self._servers[server.port] = server
        return server

    def _wait_for(self, world_size: int, joined: int) -> None:
        def come() -> bool | None:
            nonlocal joined
            joined = self.add(_JOINED, 0)
            return True if joined >= world_size else None

        def failed() -> Exception:
            seconds = self._timeout.total_seconds()
            return DistStoreError(
                f"Timed out after {seconds:g} seconds waiting for clients. {joined}/{world_size} clients joined."
            )

        until(come, self._timeout, failed)

    def __del__(self) -> None:
        for connection in getattr(self, "_connections", ()):
            connection.close()
        server = getattr(self, "_server", None)
        if server is not None and server not in self._servers.values():
            server.close()

    def __repr__(self) -> str:
        return f"TCPStore({self.host}:{self.port}{', master' if self._server else ''})"

    def _ask(self, *parts: bytes) -> list[bytes]:
        """What the master answers, on a connection of this thread: another's may be waiting."""
        if not hasattr(self._mine, "connection"):
            host = "localhost" if self._server else self.host
            self._mine.connection = wire.connect(host, self.port, self._timeout)
            self._connections.append(self._mine.connection)
        wire.write(self._mine.connection, parts)
        state, *answer = wire.read(self._mine.connection)
        if state != b"ok":
            raise _ERRORS.get(state, DistError)(answer[0].decode())
        return answer

    def _limit(self, timeout: timedelta | None = None) -> bytes:
        return repr((timeout or self._timeout).total_seconds()).encode()

    def set(self, key: str, value: str | bytes) -> None:
        self._ask(b"set", key.encode(), as_bytes(value))

    def get(self, key: str) -> bytes:
        return self._ask(b"get", key.encode(), self._limit())[0]

    def add(self, key: str, amount: int) -> int:
        return int(self._ask(b"add", key.encode(), b"%d" % amount)[0])

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        self._ask(b"wait", self._limit(timeout), *(key.encode() for key in keys))

    def check(self, keys: Sequence[str]) -> bool:
        return self._ask(b"check", *(key.encode() for key in keys)) == [b"1"]

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        return self._ask(b"compare_set", key.encode(), as_bytes(expected_value), as_bytes(desired_value))[0]

    def delete_key(self, key: str) -> bool:
        return self._ask(b"delete_key", key.encode()) == [b"1"]

    def num_keys(self) -> int:
        return len(self.list_keys())

    def list_keys(self) -> list[str]:
        return [key for key in _keys(self._ask(b"list_keys")) if key != _JOINED]

    def append(self, key: str, value: str | bytes) -> None:
        self._ask(b"append", key.encode(), as_bytes(value))

    def queue_push(self, key: str, value: str | bytes) -> None:
        self._ask(b"queue_push", key.encode(), as_bytes(value))

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        return self._ask(b"queue_pop", key.encode(), b"1" if block else b"0", self._limit())[0]

    def queue_len(self, key: str) -> int:
        return int(self._ask(b"queue_len", key.encode())[0])

    def has_extended_api(self) -> bool:
        return True


__all__ = ["TCPStore"]
