"""Messages on a connection: some byte strings, each after its length."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from datetime import timedelta

from ..errors import DistNetworkError

_COUNT, _LENGTH = struct.Struct("<I"), struct.Struct("<Q")
_MOST = 1 << 20  # parts of a message that a store may be sent: more is no message
_LONGEST = 1 << 32


def connect(host: str, port: int, timeout: timedelta) -> socket.socket:
    """A connection to a server, which may still be about to start. DistNetworkError if it does not in time."""
    seconds = timeout.total_seconds()
    deadline = time.monotonic() + seconds
    while True:
        try:
            made = socket.create_connection((host, port), timeout=max(0.1, deadline - time.monotonic()))
            break
        except OSError as error:
            if time.monotonic() > deadline - 0.05:
                raise DistNetworkError(
                    f"The client socket has timed out after {round(seconds * 1000)}ms while trying to connect to "
                    f"({host}, {port}): {error}"
                ) from None
            time.sleep(0.05)
    made.settimeout(None)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def listen(host: str, port: int) -> socket.socket:
    """A server's socket; port 0 takes a free one. DistNetworkError if the port is taken."""
    try:
        if host == "" and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise DistNetworkError(
            f"The server socket has failed to listen on any local network address. port: {port}, {error.strerror}"
        ) from None


def write(connection: socket.socket, parts: Iterable[bytes]) -> None:
    """Sends one message."""
    given = list(parts)
    data = bytearray(_COUNT.pack(len(given)))
    for part in given:
        data += _LENGTH.pack(len(part))
        data += part
    try:
        connection.sendall(data)
    except OSError as error:
        raise DistNetworkError(f"Failed to send: {error.strerror or error}") from None


def read(connection: socket.socket) -> list[bytes]:
    """Receives one message. DistNetworkError if the other side has gone, or sends something else."""
    (count,) = _COUNT.unpack(_exactly(connection, _COUNT.size))
    if count > _MOST:
        raise DistNetworkError(f"Received what is no message of a store: {count} parts")
    parts = []
    for _ in range(count):
        (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
        if length > _LONGEST:
            raise DistNetworkError(f"Received what is no message of a store: a part of {length} bytes")
        parts.append(bytes(_exactly(connection, length)))
    return parts


def _exactly(connection: socket.socket, count: int) -> bytearray:
    data = bytearray()
    while len(data) < count:
        try:
            more = connection.recv(min(count - len(data), 1 << 20))
        except OSError as error:
            raise DistNetworkError(f"Failed to recv: {error.strerror or error}") from None
        if not more:
            raise DistNetworkError(
                "Failed to recv, got 0 bytes. Connection was likely closed. Did the remote server shutdown or crash?"
            )
        data += more
    return data
