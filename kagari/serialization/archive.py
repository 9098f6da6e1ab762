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

from .filling import Filler
from .options import default_byteorder

ALIGNMENT = 64
_HEADER, _SUM = 30, 14  # the size of what precedes a record, and where its checksum is there
_UTF8 = 0x800
# What a file may grow to when it is unpacked: compressed records are read, but none that are made to fill the memory.
_UNPACKED, _RATIO = 1 << 30, 100


class Reader:
    """Reads the records of an archive. What is wrong with the file is a RuntimeError that names it."""

    def __init__(self, file: IO[bytes], name: str, *, program: bool = False) -> None:
        """`program` is for archives of `jit.save`, which have constants and code besides."""
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
            self._filler = Filler(file)
            self._records = {info.filename: info for info in self._zip.infolist()}
            first = self._zip.namelist()[0]
            file.seek(0, io.SEEK_END)
            self._size = file.tell()
            self._check_sizes()
        self._top = first.partition("/")[0]
        if self.has("constants.pkl") and not program:
            raise RuntimeError(f"{name} is a TorchScript program, not a file that save() wrote: jit.load() reads it")
        if not self.has("data.pkl"):
            raise RuntimeError(f"{name} is a zip archive, but has no record data.pkl: save() did not write it")

    def _check_sizes(self) -> None:
        """Raises BadZipFile where records lie on each other, or take far more memory than the file has bytes."""
        sizes = [(info.compress_size, info.file_size) for info in self._zip.infolist()]
        if sum(packed for packed, _ in sizes) > self._size:
            raise zipfile.BadZipFile("its records overlap, or are larger than the file")
        if sum(size for _, size in sizes) > max(_UNPACKED, _RATIO * self._size):
            raise zipfile.BadZipFile("its records are packed so tightly that they are made to fill the memory")

    def names(self) -> list[str]:
        """The names of all records."""
        return [name.partition("/")[2] for name in self._records]

    def has(self, name: str) -> bool:
        """Whether there is such a record."""
        return f"{self._top}/{name}" in self._records

    def read(self, name: str) -> bytes:
        """A whole record."""
        info = self._records[f"{self._top}/{name}"]
        with self._faults():
            if info.compress_type != zipfile.ZIP_STORED or self._is_summed(info):
                return self._zip.read(info)
            target = bytearray(info.file_size)
            self._filler.fill(self._offset(info), memoryview(target))
            return bytes(target)

    def check(self, name: str, nbytes: int) -> None:
        """Raises RuntimeError unless there is a record of this size."""
        if not self.has(name):
            raise RuntimeError(f"{self.name} is damaged: it has no record {name}")
        found = self._records[f"{self._top}/{name}"].file_size
        if found != nbytes:
            raise RuntimeError(
                f"{self.name} is damaged: the record {name} has {found} bytes, its tensors need {nbytes}"
            )

    def read_into(self, name: str, target: memoryview) -> None:
        """Copies a record into memory of as many bytes, and checks its sum."""
        info = self._records[f"{self._top}/{name}"]
        if info.compress_type != zipfile.ZIP_STORED or not hasattr(self._zip.fp, "readinto"):
            target[:] = self.read(name)
            return
        with self._faults():
            if self._filler.fill(self._offset(info), target) != info.CRC and self._is_summed(info):
                raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")

    def offset(self, name: str) -> int:
        """Where in the file the bytes of a record begin. Raises RuntimeError for one that is compressed."""
        info = self._records[f"{self._top}/{name}"]
        if info.compress_type != zipfile.ZIP_STORED:
            raise RuntimeError(f"{self.name} is compressed and can't be mapped into memory")
        with self._faults():
            return self._offset(info)

    def _offset(self, info: zipfile.ZipInfo) -> int:
        """Raises BadZipFile where a record does not begin as the directory says, or goes beyond the file."""
        file = self._zip.fp
        assert file is not None
        file.seek(info.header_offset)
        header = file.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(b"PK\3\4"):
            raise zipfile.BadZipFile(f"no record begins at byte {info.header_offset}")
        name, extra = struct.unpack("<2H", header[-4:])
        encoding = "utf-8" if info.flag_bits & _UTF8 else "cp437"
        if file.read(name).decode(encoding, "replace") != info.orig_filename:
            raise zipfile.BadZipFile(f"the record at byte {info.header_offset} is not {info.filename!r}")
        begin = info.header_offset + _HEADER + name + extra
        if begin + info.file_size > self._size:
            raise EOFError
        return begin

    def _is_summed(self, info: zipfile.ZipInfo) -> bool:
        """Whether a record has a checksum. Where PyTorch is told to leave it out, it is 0 here and in the directory."""
        file = self._zip.fp
        assert file is not None
        file.seek(info.header_offset + _SUM)
        return info.CRC != 0 or file.read(4) != bytes(4)

    def swaps_bytes(self) -> bool:
        """Whether the numbers were written on a machine of the other byte order."""
        order = self.read("byteorder").decode() if self.has("byteorder") else default_byteorder()
        return order != sys.byteorder

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
    return f if hasattr(f, "seekable") else _Seekable(f)  # type: ignore[return-value]


class _Seekable:
    """A file object that does not say that it can be read from any place."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def seekable(self) -> bool:
        """It can: it has been asked for what that takes."""
        return True


__all__ = ["ALIGNMENT", "Reader", "archive_name", "replacing", "seekable"]
