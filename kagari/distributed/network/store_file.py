"""A store in a file that all processes see."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import RLock
from typing import Any

from ..errors import DistStoreError
from ..store import HashStore, Store, until

try:
    import fcntl
except ImportError:  # Windows, where a file beside the file is the lock
    fcntl = None  # type: ignore[assignment]

_SIZES = struct.Struct("<BQQ")
_SET, _DELETE = 1, 2


class FileStore(Store):
    """A store in a file, on a disk that all processes see.

    Changes are written one after the other; who reads goes through those that are new. The file is taken away by the
    last of `world_size` processes that lets the store go.

    Args:
        file_name (str): the file. It should not exist before the first process opens it.
        world_size (int): how many processes use it; -1 where that is not known, and the file stays.

    >>> import os, tempfile
    >>> import kagari as torch
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = torch.distributed.FileStore(os.path.join(folder.name, "store"), 1)
    >>> store.set("first", "1")
    >>> store.get("first")
    b'1'
    >>> del store
    >>> folder.cleanup()
    """

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        super().__init__()
        self.path, self._world_size = file_name, world_size
        self._seen, self._at = HashStore(), 0
        self._lock = RLock()
        with self._alone():
            pass  # the file is there from now on
        self._open = True

    def __del__(self) -> None:
        if getattr(self, "_open", False) and self._world_size > 0 and os.path.exists(self.path):
            self._open = False
            if self.add("/closed", 1) == self._world_size:
                os.remove(self.path)

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The file, whose changes have all been seen, for no other process at the same time."""
        with self._lock:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                with _locked(file, self.path):
                    self._read(file)
                    yield file
            finally:
                os.close(file)

    def _read(self, file: int) -> None:
        size = os.fstat(file).st_size
        data = _read_at(file, size - self._at, self._at) if size > self._at else b""
        at = 0
        while at + _SIZES.size <= len(data):
            kind, length, more = _SIZES.unpack_from(data, at)
            start = at + _SIZES.size
            if start + length + more > len(data):
                break  # its writer was killed while it wrote; who writes next writes over it
            key = data[start : start + length].decode()
            at = start + length + more
            if kind == _SET:
                self._seen.set(key, data[start + length : at])
            else:
                self._seen.delete_key(key)
        self._at += at

    def _write(self, file: int, key: str, value: bytes | None) -> None:
        name = key.encode()
        record = _SIZES.pack(_DELETE if value is None else _SET, len(name), len(value or b"")) + name + (value or b"")
        os.ftruncate(file, self._at)
        os.lseek(file, self._at, os.SEEK_SET)
        os.write(file, record)
        self._at += len(record)

    def _change(self, key: str, change: Callable[[HashStore], Any]) -> Any:
        """Changes what has been seen, and writes the value that the key has then."""
        with self._alone() as file:
            result = change(self._seen)
            self._write(file, key, self._seen.get(key) if self._seen.check([key]) else None)
            return result

    def set(self, key: str, value: str | bytes) -> None:
        self._change(key, lambda seen: seen.set(key, value))

    def add(self, key: str, amount: int) -> int:
        total: int = self._change(key, lambda seen: seen.add(key, amount))
        return total

    def append(self, key: str, value: str | bytes) -> None:
        self._change(key, lambda seen: seen.append(key, value))

    def compare_set(self, key: str, expected_value: str | bytes, desired_value: str | bytes) -> bytes:
        value: bytes = self._change(key, lambda seen: seen.compare_set(key, expected_value, desired_value))
        return value

    def delete_key(self, key: str) -> bool:
        there: bool = self._change(key, lambda seen: seen.delete_key(key))
        return there

    def get(self, key: str) -> bytes:
        self.wait([key])
        return self._seen.get(key)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        limit = timeout or self._timeout

        def failed() -> Exception:
            missing = ", ".join(f"/{key}" for key in keys if not self._seen.check([key]))
            return DistStoreError(f"wait timeout after {round(limit.total_seconds() * 1000)}ms, keys: {missing}")

        until(lambda: self.check(keys) or None, limit, failed)

    def check(self, keys: Sequence[str]) -> bool:
        with self._alone():
            return self._seen.check(keys)

    def num_keys(self) -> int:
        return len(self.list_keys())

    def list_keys(self) -> list[str]:
        with self._alone():
            return [key for key in self._seen.list_keys() if not key.startswith("/")]


@contextmanager
def _locked(file: int, path: str) -> Iterator[None]:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file ends it
        return
    beside = path + ".lock"
    held = until(
        lambda: _made(beside), timedelta(minutes=1), lambda: DistStoreError(f"{beside} is in the way: a process died")
    )
    try:
        yield
    finally:
        os.close(held)
        os.remove(beside)


def _made(path: str) -> int | None:
    try:
        return os.open(path, os.O_CREAT | os.O_EXCL)
    except (FileExistsError, PermissionError):
        return None


def _read_at(file: int, count: int, at: int) -> bytes:
    os.lseek(file, at, os.SEEK_SET)
    data = bytearray()
    while len(data) < count:
        more = os.read(file, count - len(data))
        if not more:
            break
        data += more
    return bytes(data)


__all__ = ["FileStore"]
