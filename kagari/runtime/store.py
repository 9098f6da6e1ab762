"""The kernel store: object code on disk, so that a program compiles a kernel once and not once a run.

An entry is a file named by the hash of what its code depends on. It starts with a magic word and the digest of the
rest: an entry that is cut short or damaged does not match, is dropped and made anew. Files appear under their name only
when whole (`os.replace`). The store is kept below its limit by removing the entries that were used longest ago.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

_MAGIC = b"KAGARI01"


def digest(text: str) -> str:
    """A name for the text: no two texts share one."""
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


class Store:
    """Object code by key, in one directory.

    A store without a directory keeps nothing. No failure of the disk is an error.
    """

    def __init__(self, directory: Path | None, limit: int) -> None:
        self.directory, self.limit = directory, limit
        # A random start: many short runs trim as often as a long one that writes as much.
        self._written = int.from_bytes(os.urandom(8)) % max(1, limit // 16)

    def _path(self, key: str) -> Path:
        assert self.directory is not None
        return self.directory / (digest(key) + ".o")

    def get(self, key: str) -> bytes | None:
        """The code kept under the key, or None."""
        if self.directory is None:
            return None
        path = self._path(key)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        stored, code = raw[8:28], raw[28:]
        if raw[:8] != _MAGIC or hashlib.blake2b(code, digest_size=20).digest() != stored:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return code

    def put(self, key: str, code: bytes) -> None:
        """Keeps the code; a disk that is full or read-only is not an error."""
        if self.directory is None:
            return
        path = self._path(key)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_MAGIC + hashlib.blake2b(code, digest_size=20).digest() + code)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            return
        self._written += len(code)
        if self._written > self.limit // 16:
            self._written = 0
            self.trim()

    def trim(self) -> None:
        """Removes the entries used longest ago until three quarters of the limit are left."""
        if self.directory is None:
            return
        entries = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.directory):
                status = entry.stat()
                entries.append((status.st_mtime, status.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        if total <= self.limit:
            return
        for _, size, path in sorted(entries):
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size
            if total <= self.limit * 3 // 4:
                return
