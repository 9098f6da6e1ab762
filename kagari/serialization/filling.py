"""Memory that is filled from places of a file: by several threads where the system can do that, and summed up."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor, wait
from typing import IO, Any

from ..eager import get_num_threads
from ..eager.checksum import crc32, filled, joined

_CHUNK = 1 << 20  # what is summed up at once is in the cache still
_SHARE = 1 << 22  # what a thread does at once


def read_into(file: Any, offset: int, target: memoryview) -> int:
    """Fills the bytes from a place in a file. Returns how many there were."""
    file.seek(offset)
    at = 0
    while at < len(target) and (count := file.readinto(target[at:])):
        at += count
    return at


class Filler:
    """Fills memory from places of a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file: Any = file
        is_plain = type(file) is io.BufferedReader and type(file.raw) is io.FileIO and hasattr(os, "preadv")
        self._descriptor = file.fileno() if is_plain else None
        self._most = get_num_threads() if is_plain else 1
        self._threads: ThreadPoolExecutor | None = None  # its threads end with it

    def fill(self, offset: int, target: memoryview) -> int:
        """Fills the bytes from a place in the file. Returns their checksum. Raises EOFError where there are fewer."""
        starts = iter(range(0, len(target), _SHARE))
        sums: dict[int, int] = {}

        def work() -> None:
            for at in starts:  # each thread takes the next ones when it is ready: none waits for a slow one
                sums[at] = self._summed(offset + at, target[at : at + _SHARE])

        helpers = min(self._most, len(target) // _SHARE) - 1
        if helpers > 0 and self._threads is None:
            self._threads = ThreadPoolExecutor(self._most - 1)
        others = [self._threads.submit(work) for _ in range(helpers)] if self._threads else []
        try:
            work()
        finally:
            wait([other for other in others if not other.cancel()])  # an error may free the memory
        for other in others:
            if not other.cancelled():
                other.result()
        total = 0
        for at in range(0, len(target), _SHARE):
            total = joined(total, sums[at], min(_SHARE, len(target) - at))
        return total

    def _summed(self, offset: int, target: memoryview) -> int:
        done, total = (0, 0) if self._descriptor is None else filled(self._descriptor, offset, target)
        for at in range(done, len(target), _CHUNK):
            part = target[at : at + _CHUNK]
            if self._read(offset + at, part) < len(part):
                raise EOFError
            total = crc32(part, total)
        return total

    def _read(self, offset: int, target: memoryview) -> int:
        if self._descriptor is None:
            return read_into(self._file, offset, target)
        at = 0
        while at < len(target) and (count := os.preadv(self._descriptor, [target[at:]], offset + at)):
            at += count
        return at


__all__ = ["Filler", "read_into"]
