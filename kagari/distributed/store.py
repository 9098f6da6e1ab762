"""Stores: dictionaries that processes share, with which they find each other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Condition
from typing import TypeVar

from .errors import DistStoreError, QueueEmptyError

_R = TypeVar("_R")
default_pg_timeout = timedelta(minutes=30)  # how long processes wait for each other


class Store:
    """What all stores have in common. A subclass has `get`, `set`, `add`, `wait` and what else it can.

    Keys are strings; values are strings or bytes, and are read as bytes.
    """

    def __init__(self) -> None:
        self._timeout = timedelta(minutes=5)

    @property
    def timeout(self) -> timedelta:
        """How long reading waits for a key that nobody has set yet."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Says how long reading waits for a key that nobody has set yet. Default: 5 minutes"""
        self._timeout = timeout

    def set(self, key: str, value: str | bytes) -> None:
        """Sets a key."""
        raise NotImplementedError(f"{type(self).__name__} has no set")

    def get(self, key: str) -> bytes:
        """The value of a key, once it has one. DistStoreError if it has none in time."""
        raise NotImplementedError(f"{type(self).__name__} has no get")

    def add(self, key: str, amount: int) -> int:
        """Adds to the number under a key, 0 if it has none yet, and gives the sum."""
        raise NotImplementedError(f"{type(self).__name__} has no add")

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Waits until all keys have values. DistStoreError if they have none in time."""
        raise NotImplementedError(f"{type(self).__name__} has no wait")

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys have values."""
        raise NotImplementedError(f"{type(self).__name__} has no check")

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        """Sets a key if its value is the expected one, or if it has none and none (an empty one) is expected.

        Gives the value that it has then; for a key without one, what was expected.
        """
        raise NotImplementedError(f"{type(self).__name__} has no compare_set")

    def delete_key(self, key: str) -> bool:
        """Takes a key away; whether it was there."""
        raise NotImplementedError(f"{type(self).__name__} has no delete_key")

    def num_keys(self) -> int:
        """How many keys there are."""
        raise NotImplementedError(f"{type(self).__name__} has no num_keys")

    def list_keys(self) -> list[str]:
        """The keys that there are."""
        raise NotImplementedError(f"{type(self).__name__} has no list_keys")

    def append(self, key: str, value: str | bytes) -> None:
        """Lengthens the value of a key, empty if it has none yet."""
        raise NotImplementedError(f"{type(self).__name__} has no append")

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values of several keys, once they have them."""
        return [self.get(key) for key in keys]

    def multi_set(self, keys: Sequence[str], values: Sequence[str | bytes]) -> None:
        """Sets several keys."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def queue_push(self, key: str, value: str | bytes) -> None:
        """Puts a value at the end of a queue."""
        raise NotImplementedError("queue support is not implemented.")

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        """Takes the first value of a queue, once there is one. QueueEmptyError if not `block` and there is none."""
        raise NotImplementedError("queue support is not implemented.")

    def queue_len(self, key: str) -> int:
        """How many values are in a queue."""
        raise NotImplementedError("queue support is not implemented.")

    def has_extended_api(self) -> bool:
        """Whether it has `append`, `multi_get` and `multi_set` of its own."""
        return False

    def clone(self) -> Store:
        """The store, for use in another thread."""
        return self


class HashStore(Store):
    """A store of one process, for its threads.

    >>> import kagari as torch
    >>> store = torch.distributed.HashStore()
    >>> store.set("first", "1")
    >>> store.get("first"), store.add("count", 2), store.num_keys()
    (b'1', 2, 2)
    """

    def __init__(self) -> None:
        super().__init__()
        self._data: dict[str, bytes] = {}
        self._queues: dict[str, deque[bytes]] = {}
        self._changed = Condition()

    def _await(self, found: Callable[[], bool], timeout: timedelta | None, what: str) -> None:
        """Waits, with the lock, until something is found."""
        seconds = (timeout or self._timeout).total_seconds()
        if not self._changed.wait_for(found, seconds):
            raise DistStoreError(f"wait timeout after {round(seconds * 1000)}ms, keys: {what}")

    def set(self, key: str, value: str | bytes) -> None:
        with self._changed:
            self._data[key] = as_bytes(value)
            self._changed.notify_all()

    def get(self, key: str, timeout: timedelta | None = None) -> bytes:
        with self._changed:
            self._await(lambda: key in self._data, timeout, f"/{key}")
            return self._data[key]

    def add(self, key: str, amount: int) -> int:
        with self._changed:
            total = number(self._data.get(key, b"0")) + amount
            self._data[key] = b"%d" % total
            self._changed.notify_all()
            return total

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        with self._changed:
            self._await(lambda: self.check(keys), timeout, ", ".join(f"/{key}" for key in keys))

    def check(self, keys: Sequence[str]) -> bool:
        with self._changed:
            return all(key in self._data for key in keys)

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        with self._changed:
            expected = as_bytes(expected_value)
            if self._data.get(key, b"") == expected and (key in self._data or not expected):
                self._data[key] = as_bytes(desired_value)
                self._changed.notify_all()
            return self._data.get(key, expected)

    def delete_key(self, key: str) -> bool:
        with self._changed:
            return self._data.pop(key, None) is not None

    def num_keys(self) -> int:
        with self._changed:
            return len(self._data)

    def list_keys(self) -> list[str]:
        with self._changed:
            return list(self._data)

    def append(self, key: str, value: str | bytes) -> None:
        with self._changed:
            self._data[key] = self._data.get(key, b"") + as_bytes(value)
            self._changed.notify_all()

    def queue_push(self, key: str, value: str | bytes) -> None:
        with self._changed:
            self._queues.setdefault(key, deque()).append(as_bytes(value))
            self._changed.notify_all()

    def queue_pop(self, key: str, block: bool = True, timeout: timedelta | None = None) -> bytes:
        with self._changed:
            if block:
                self._await(lambda: bool(self._queues.get(key)), timeout, f"/{key}")
            elif not self._queues.get(key):
                raise QueueEmptyError("queue is empty")
            return self._queues[key].popleft()

    def queue_len(self, key: str) -> int:
        with self._changed:
            return len(self._queues.get(key, ()))

    def has_extended_api(self) -> bool:
        return True


class PrefixStore(Store):
    """The part of a store whose keys begin with a prefix and a slash, which it leaves out.

    >>> import kagari as torch
    >>> whole = torch.distributed.HashStore()
    >>> torch.distributed.PrefixStore("mine", whole).set("key", "1")
    >>> whole.list_keys()
    ['mine/key']
    """

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        self.prefix, self.underlying_store = prefix, store

    def _of(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    @property
    def timeout(self) -> timedelta:
        return self.underlying_store.timeout

    def set_timeout(self, timeout: timedelta) -> None:
        self.underlying_store.set_timeout(timeout)

    def set(self, key: str, value: str | bytes) -> None:
        self.underlying_store.set(self._of(key), value)

    def get(self, key: str) -> bytes:
        return self.underlying_store.get(self._of(key))

    def add(self, key: str, amount: int) -> int:
        return self.underlying_store.add(self._of(key), amount)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        self.underlying_store.wait([self._of(key) for key in keys], timeout)

    def check(self, keys: Sequence[str]) -> bool:
        return self.underlying_store.check([self._of(key) for key in keys])

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        return self.underlying_store.compare_set(self._of(key), expected_value, desired_value)

    def delete_key(self, key: str) -> bool:
        return self.underlying_store.delete_key(self._of(key))

    def num_keys(self) -> int:
        """How many keys the whole store has."""
        return self.underlying_store.num_keys()

    def list_keys(self) -> list[str]:
        start = self._of("")
        return [key[len(start) :] for key in self.underlying_store.list_keys() if key.startswith(start)]

    def append(self, key: str, value: str | bytes) -> None:
        self.underlying_store.append(self._of(key), value)

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        return self.underlying_store.multi_get([self._of(key) for key in keys])

    def multi_set(self, keys: Sequence[str], values: Sequence[str | bytes]) -> None:
        self.underlying_store.multi_set([self._of(key) for key in keys], values)

    def queue_push(self, key: str, value: str | bytes) -> None:
        self.underlying_store.queue_push(self._of(key), value)

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        return self.underlying_store.queue_pop(self._of(key), block)

    def queue_len(self, key: str) -> int:
        return self.underlying_store.queue_len(self._of(key))

    def has_extended_api(self) -> bool:
        return self.underlying_store.has_extended_api()

    def clone(self) -> Store:
        return PrefixStore(self.prefix, self.underlying_store.clone())


def as_bytes(value: str | bytes) -> bytes:
    """A value as it is stored. TypeError for what is neither."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"set(): a value of a store is a str or bytes, got {type(value).__name__}")


def number(value: bytes) -> int:
    """A stored value as the number that `add` adds to. ValueError where it is none."""
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"add(): the value that is there is no number: {value[:40]!r}") from None


def until(found: Callable[[], _R | None], timeout: timedelta, failed: Callable[[], Exception]) -> _R:
    """What is found, looked for again and again, ever more rarely."""
    deadline, pause = time.monotonic() + timeout.total_seconds(), 0.001
    while (result := found()) is None:
        if time.monotonic() > deadline:
            raise failed()
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return result


__all__ = ["HashStore", "PrefixStore", "Store"]
