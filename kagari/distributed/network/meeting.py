"""How processes find each other: from the URL of a rendezvous to a store, from a store to connections with all."""

from __future__ import annotations

import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

from ..errors import DistBackendError, DistNetworkError
from ..store import PrefixStore, Store, default_pg_timeout
from . import wire
from .store_file import FileStore
from .store_tcp import TCPStore

Found = tuple[Store, int, int]  # a store, the number of this process, and how many there are
Handler = Callable[..., Iterator[Found]]


def register_rendezvous_handler(scheme: str, handler: Handler) -> None:
    """Has `rendezvous` ask a handler about URLs of a scheme. RuntimeError if the scheme has one already."""
    if scheme in _HANDLERS:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _HANDLERS[scheme] = handler


def rendezvous(url: str, rank: int = -1, world_size: int = -1, **kwargs: Any) -> Iterator[Found]:
    """A store in which the processes of a URL meet, the number of this process, and how many there are.

    The URL is `env://`, `tcp://host:port` or `file:///path`; the last two may say `?rank=..&world_size=..`. Further
    arguments go to the handler: `timeout`.
    """
    if not isinstance(url, str):
        raise RuntimeError(f"`url` must be a string. {type(url)}: {url}")
    if not isinstance(rank, int):
        raise RuntimeError(f"`rank` must be an integer. {rank}")
    if not isinstance(world_size, int):
        raise RuntimeError(f"`world_size` must be an integer. {world_size}")
    scheme = urlparse(url).scheme
    if scheme not in _HANDLERS:
        raise RuntimeError(f"No rendezvous handler for {scheme}://")
    told = {"rank": rank, "world_size": world_size}
    more = {name: value for name, value in told.items() if value != -1}
    if more:
        url += ("&" if urlparse(url).query else "?") + "&".join(f"{name}={value}" for name, value in more.items())
    return _HANDLERS[scheme](url, **kwargs)


def _number(url: str, query: dict[str, list[str]], name: str, what: str) -> int:
    if name not in query:
        raise ValueError(
            f"Error initializing torch.distributed using {urlparse(url).scheme}:// rendezvous: {what} parameter missing"
        )
    return int(query[name][-1])


def _tcp(url: str, timeout: timedelta = default_pg_timeout, **kwargs: Any) -> Iterator[Found]:
    parsed = urlparse(url)
    if parsed.port is None or not parsed.hostname:
        raise ValueError("Error initializing torch.distributed using tcp:// rendezvous: port number missing")
    query = parse_qs(parsed.query)
    rank = _number(url, query, "rank", "rank")
    size = _number(url, query, "world_size", "world size")
    yield TCPStore(parsed.hostname, parsed.port, size, rank == 0, timeout, multi_tenant=True), rank, size


def _file(url: str, **kwargs: Any) -> Iterator[Found]:
    from urllib.request import url2pathname  # which brings all of HTTP

    parsed = urlparse(url)
    path = url2pathname(parsed.path)
    if not path:
        raise ValueError("Error initializing torch.distributed using file:// rendezvous: path missing")
    query = parse_qs(parsed.query)
    rank = _number(url, query, "rank", "rank")
    size = _number(url, query, "world_size", "world size")
    yield FileStore(path, size), rank, size


def _env(url: str, timeout: timedelta = default_pg_timeout, **kwargs: Any) -> Iterator[Found]:
    query = parse_qs(urlparse(url).query)

    def wanted(name: str) -> str:
        if name.lower() in query:
            return query[name.lower()][-1]
        value = os.environ.get(name)
        if not value:
            raise ValueError(
                "Error initializing torch.distributed using env:// rendezvous: environment variable "
                f"{name} expected, but not set"
            )
        return value

    rank, size = int(wanted("RANK")), int(wanted("WORLD_SIZE"))
    host, port = wanted("MASTER_ADDR"), int(wanted("MASTER_PORT"))
    # Who started the processes may keep the store itself, and may have started them before.
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        yield PrefixStore(f"attempt_{attempt}", TCPStore(host, port, timeout=timeout)), rank, size
    else:
        yield TCPStore(host, port, size, rank == 0, timeout, multi_tenant=True), rank, size


_HANDLERS: dict[str, Handler] = {"env": _env, "file": _file, "tcp": _tcp}


# From a store to connections


def connections(store: Store, rank: int, size: int, timeout: timedelta) -> dict[int, socket.socket]:
    """A connection with each other process: this one calls those before it, and is called by those behind.

    Where a process listens stands in the store, and a word that a caller has to know, so that no stranger is let in.
    """
    listening = wire.listen("", 0)
    word = secrets.token_hex(16)
    port = listening.getsockname()[1]
    store.set(f"address/{rank}", "\n".join([word, _machine(), str(port), *_addresses(store)]))
    made: dict[int, socket.socket] = {}
    with listening:
        for peer in range(rank):
            there, machine, at, *hosts = store.get(f"address/{peer}").decode().split("\n")
            made[peer] = _call(["127.0.0.1"] if machine == _machine() else hosts, int(at), timeout)
            wire.write(made[peer], [there.encode(), b"%d" % rank])
        deadline = time.monotonic() + timeout.total_seconds()
        while len(made) < size - 1:
            listening.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                caller, _ = listening.accept()
            except TimeoutError:
                missing = sorted(set(range(size)) - {rank} - set(made))
                raise DistBackendError(
                    f"Process {rank} of {size} was not called by processes {missing} within {timeout}"
                ) from None
            number = _greeted(caller, word)
            if number is not None:
                made[number] = caller
    return made


def _greeted(caller: socket.socket, word: str) -> int | None:
    """The number of a process that calls, if it knows the word."""
    caller.settimeout(10)
    try:
        said, number = wire.read(caller)
        known = secrets.compare_digest(said, word.encode())
        peer = int(number)
    except (DistNetworkError, ValueError):
        known = False
    if not known:
        caller.close()
        return None
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def _call(hosts: list[str], port: int, timeout: timedelta) -> socket.socket:
    for host in hosts[:-1]:
        try:
            return wire.connect(host, port, min(timeout, timedelta(seconds=5)))
        except DistNetworkError:
            pass
    return wire.connect(hosts[-1], port, timeout)


def _machine() -> str:
    """A name of this machine that no other has."""
    return f"{socket.gethostname()}/{uuid.getnode()}"


def _addresses(store: Store) -> list[str]:
    """Where other machines may find this one: as it is seen from the store's, and by its name."""
    found = []
    while isinstance(store, PrefixStore):
        store = store.underlying_store
    host = getattr(store, "host", None)
    if host is not None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((host, 9))  # nothing is sent: it only chooses a way
                found.append(probe.getsockname()[0])
            except OSError:
                pass
    return [*found, socket.gethostname()]


__all__ = ["register_rendezvous_handler", "rendezvous"]
