"""The container: a zip archive without compression, whose records begin at multiples of 64 bytes.

NAME/data.pkl               the objects, pickled; tensors in it refer to storages by number
NAME/.format_version        1
NAME/.storage_alignment     64
NAME/byteorder              little or big
NAME/data/0, data/1 ...     the bytes of the storages
NAME/version                3
NAME/.data/serialization_id
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

ALIGNMENT = 64
_CHUNK = 1 << 20
_LARGE = 1 << 30  # records from this size on get the long form of the sizes
_LONG_FIELD = 20
_HEADER = 30


class Writer:
    """Writes records into an archive."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._digest = 0

    def write(self, name: str, data: Any) -> None:
        """Adds a record; `data` is anything with bytes in it."""
        data = memoryview(data).cast("B")
        large = data.nbytes >= _LARGE
        info = zipfile.ZipInfo(f"{self.name}/{name}")
        info.file_size = data.nbytes
        start = self._zip.fp.tell() + _HEADER + len(info.filename) + 4 + (_LONG_FIELD if large else 0)  # type: ignore[union-attr]
        padding = -start % ALIGNMENT
        info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
        with self._zip.open(info, "w", force_zip64=large) as record:
            for at in range(0, data.nbytes, _CHUNK):
                record.write(data[at : at + _CHUNK])
        info.extra = b""  # the padding is the record's, the directory at the end needs none
        self._digest = zlib.crc32(name.encode(), self._digest ^ info.CRC)

    def close(self) -> None:
        """Adds what identifies the contents, and the directory."""
        self.write(".data/serialization_id", f"{self._digest:040d}".encode())
        self._zip.close()


class Reader:
    """Reads the records of an archive. What is wrong with the file is a RuntimeError that names it."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        start = file.tell()
        head = file.read(4)
        file.seek(start)
        if not head:
            raise EOFError(f"{name} is empty: nothing was saved in it, or it was cut off")
        if head != b"PK\x03\x04":
            raise RuntimeError(
                f"{name} is no file that save() wrote: those are zip archives, or begin with the number of PyTorch's "
                "format of before version 1.6"
            )
        with self._faults():
            self._zip = zipfile.ZipFile(file)
            self._records = set(self._zip.namelist())
            first = self._zip.namelist()[0]
        self._top = first.partition("/")[0]
        if self.has("constants.pkl"):
            raise RuntimeError(f"{name} is a TorchScript program, not a file that save() wrote")
        if not self.has("data.pkl"):
            raise RuntimeError(f"{name} is a zip archive, but has no record data.pkl: save() did not write it")

    def has(self, name: str) -> bool:
        """Whether there is such a record."""
        return f"{self._top}/{name}" in self._records

    def read(self, name: str) -> bytes:
        """A whole record."""
        with self._faults():
            return self._zip.read(f"{self._top}/{name}")

    def check(self, name: str, nbytes: int) -> None:
        """Raises RuntimeError unless there is a record of this size."""
        if not self.has(name):
            raise RuntimeError(f"{self.name} is damaged: it has no record {name}")
        found = self._zip.getinfo(f"{self._top}/{name}").file_size
        if found != nbytes:
            raise RuntimeError(
                f"{self.name} is damaged: the record {name} has {found} bytes, its tensors need {nbytes}"
            )

    def read_into(self, name: str, target: Any) -> None:
        """Copies a record into an array of as many bytes."""
        at = 0
        with self._faults(), self._zip.open(f"{self._top}/{name}") as record:
            while at < len(target) and (chunk := record.read(min(_CHUNK, len(target) - at))):
                target[at : at + len(chunk)] = memoryview(chunk)
                at += len(chunk)
            if at < len(target):
                raise EOFError

    def offset(self, name: str) -> int:
        """Where in the file the bytes of a record begin. Raises RuntimeError for one that is compressed."""
        info = self._zip.getinfo(f"{self._top}/{name}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise RuntimeError(f"{self.name} is compressed and can't be mapped into memory")
        file = self._zip.fp
        assert file is not None
        file.seek(info.header_offset)
        header = file.read(_HEADER)
        return info.header_offset + _HEADER + sum(struct.unpack("<HH", header[-4:]))

    def swaps_bytes(self) -> bool:
        """Whether the numbers were written on a machine of the other byte order."""
        return self.has("byteorder") and self.read("byteorder").decode() != sys.byteorder

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, IndexError, NotImplementedError, OSError) as error:
            reason = str(error) or "it ends too early"
            raise RuntimeError(f"{self.name} is damaged or was cut off: {reason}") from error


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A new file that takes the place of the one at the path when all is written, and not before.

    Who reads the path meanwhile, or after the program was stopped, finds the old file whole. The disk is not waited
    for, as that takes longer than all else: what a machine whose power fails has kept is its file system's business.
    Raises RuntimeError where the folder is missing.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:  # a pipe or a device
            yield file
        return
    temporary = os.path.join(folder, f".{os.path.basename(path)}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            yield file
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read_into(file: IO[bytes], offset: int, target: memoryview) -> int:
    """Fills the bytes from a place in an unbuffered file. Returns how many there were."""
    file.seek(offset)
    at = 0
    while at < len(target) and (count := file.readinto(target[at:])):  # type: ignore[attr-defined]
        at += count
    return at


def archive_name(path: str) -> str:
    """The folder inside the archive: the file's name without its ending."""
    name = os.path.splitext(os.path.basename(path))[0]
    return name if name.isascii() and name else "archive"


def seekable(f: Any) -> IO[bytes]:
    """The file object. Raises AttributeError for what can't be read from any place."""
    missing = [method for method in ("read", "seek", "tell") if not hasattr(f, method)]
    if missing:
        raise AttributeError(
            f"'{type(f).__name__}' object has no attribute '{missing[0]}'. You can only load from a path or a file "
            "that is seekable: read the data into an io.BytesIO and load from that"
        )
    if isinstance(f, io.TextIOBase):
        raise TypeError("expected a file opened in binary mode ('rb'), got one in text mode")
    return f


__all__ = ["Reader", "Writer", "archive_name", "read_into", "replacing", "seekable"]
