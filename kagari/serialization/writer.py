"""Writing the container: a zip archive whose records begin at multiples of 64 bytes, without compression.

Python's zipfile goes through the bytes twice, one time for the checksum and one to write them. Here a thread sums up
while the file is written, and another one has the system begin to bring to the disk what is written: many file systems
do that at the latest when the file takes another one's place. What can't be sought in can be written to, too.
"""

from __future__ import annotations

import ctypes
import io
import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import IO, Any

from ..eager.checksum import crc32
from .archive import ALIGNMENT
from .options import options

_CHUNK = 1 << 20  # larger ones cost the system more
_LARGE = 1 << 30  # records from this size on get the long form of the sizes
_WORTH_A_THREAD = 1 << 20
_WRITE = 2  # of the flags of sync_file_range
_FULL = 0xFFFFFFFF  # in a short field: look at the long one
_DATE = 0x21  # the first day of 1980, where the format's time begins
_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LONG_END = struct.Struct("<4sQ2H2L4Q")
_LONG_PLACE = struct.Struct("<4sLQL")


@cache
def _sync_file_range() -> Any:
    """Linux's function, which Python does not have; None elsewhere."""
    found = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
    if found is not None:
        found.argtypes = ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint
    return found


class _Ahead:
    """Has the system begin to bring parts of a file to the disk, in a thread. Nobody waits for it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._thread = ThreadPoolExecutor(1)

    def begin(self, at: int, nbytes: int) -> None:
        self._thread.submit(self._begin, at, nbytes)

    def _begin(self, at: int, nbytes: int) -> None:
        _sync_file_range()(self._descriptor, at, nbytes, _WRITE)

    def __del__(self) -> None:
        os.close(self._descriptor)


class Writer:
    """Writes records into an archive."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name, self.file = name, file
        self.goes_back = isinstance(file, io.BufferedWriter | io.BufferedRandom | io.BytesIO) and file.seekable()
        self.start = file.tell() if self.goes_back else 0
        self.at = 0  # how much is written
        self.entries: list[bytes] = []
        self._digest = 0
        self._thread = ThreadPoolExecutor(1)  # it begins with its first work
        is_plain = isinstance(file, io.BufferedWriter) and type(file.raw) is io.FileIO
        self._ahead = _Ahead(file.fileno()) if is_plain and self.goes_back and _sync_file_range() else None

    def write(self, name: str, data: Any) -> None:
        """Adds a record; `data` is anything with bytes in it."""
        data = memoryview(data).cast("B")
        where, nbytes = self.at, data.nbytes
        path = f"{self.name}/{name}".encode()
        large = nbytes >= _LARGE
        size = _FULL if large else nbytes
        extra = struct.pack("<2H2Q", 1, 16, nbytes, nbytes) if large else b""
        padding = -(where + _LOCAL.size + len(path) + len(extra) + 4) % ALIGNMENT
        extra += b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
        version = 45 if large else 20

        def header(checksum: int) -> bytes:
            fields = (b"PK\3\4", version, 0, 0, 0, _DATE, checksum, size, size, len(path), len(extra))
            return _LOCAL.pack(*fields) + path + extra

        if options.without_data and name.startswith("data/"):
            data = bytes(nbytes)
        if not options.checksums:
            checksum = 0
            self._put(header(checksum))
            self._put(data)
        elif self.goes_back and nbytes >= _WORTH_A_THREAD:
            summing = self._thread.submit(crc32, data)
            try:
                self._put(header(0))
                self._put(data)
                if self._ahead is not None:
                    self._ahead.begin(self.start + where, self.at - where)
            finally:
                checksum = summing.result()  # who gave the data may free it when this has ended
            self.file.seek(self.start + where)
            self.file.write(header(checksum))
            self.file.seek(self.start + self.at)
        else:
            checksum = zlib.crc32(data)
            self._put(header(checksum))
            self._put(data)
        self.entries.append(_entry(path, checksum, nbytes, where))
        self._digest = zlib.crc32(name.encode(), self._digest ^ checksum)

    def close(self) -> None:
        """Adds what identifies the contents, and the directory."""
        self._thread.shutdown()
        self.write(".data/serialization_id", f"{self._digest:040d}".encode())
        count, begin, directory = len(self.entries), self.at, b"".join(self.entries)
        end = begin + len(directory)
        if count >= 0xFFFF or end >= _FULL:
            directory += _LONG_END.pack(
                b"PK\6\6", _LONG_END.size - 12, 45, 45, 0, 0, count, count, end - begin, begin
            ) + _LONG_PLACE.pack(b"PK\6\7", 0, end, 1)
        short = min(count, 0xFFFF)
        directory += _END.pack(b"PK\5\6", 0, 0, short, short, min(end - begin, _FULL), min(begin, _FULL), 0)
        self._put(directory)

    def _put(self, data: bytes | memoryview) -> None:
        for at in range(0, len(data), _CHUNK):
            self.file.write(data[at : at + _CHUNK])
        self.at += len(data)


def _entry(path: bytes, checksum: int, nbytes: int, where: int) -> bytes:
    """A record's line in the directory."""
    extra, size, place = b"", nbytes, where
    if nbytes >= _FULL:
        extra, size = struct.pack("<2Q", nbytes, nbytes), _FULL
    if where >= _FULL:
        extra, place = extra + struct.pack("<Q", where), _FULL
    if extra:
        extra = struct.pack("<2H", 1, len(extra)) + extra
    version = 45 if extra else 20
    fields = (b"PK\1\2", version, version, 0, 0, 0, _DATE, checksum, size, size, len(path), len(extra), 0, 0, 0, 0)
    return _ENTRY.pack(*fields, place) + path + extra


__all__ = ["Writer"]
