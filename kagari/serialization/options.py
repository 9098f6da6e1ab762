"""How files are read and written unless a call says otherwise."""

from __future__ import annotations

import mmap
import sys
import threading
from enum import Enum
from typing import Any


class LoadEndianness(Enum):
    """A byte order: that of the machine, or one of the two."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Options(threading.local):
    checksums = True
    endianness: LoadEndianness | None = None
    mapping = getattr(mmap, "MAP_PRIVATE", 2)
    without_data = False


options = _Options()


def get_crc32_options() -> bool:
    """Whether `save` writes a checksum of each record."""
    return options.checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Says whether `save` writes a checksum of each record, of this thread. Without them damage is not noticed.

    `load` reads both kinds of files; other programs for zip archives call those without checksums damaged.
    """
    options.checksums = compute_crc32


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order of files that don't say theirs; None is that of the machine."""
    return options.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Says in which byte order files are read that don't say theirs. Raises TypeError for anything else."""
    if not isinstance(endianness, LoadEndianness | None):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    options.endianness = endianness


def default_byteorder() -> str:
    """The byte order of files that don't say theirs, as `sys.byteorder` names it."""
    found = options.endianness
    return sys.byteorder if found in (None, LoadEndianness.NATIVE) else found.name.lower()


def get_default_mmap_options() -> int:
    """How `load(mmap=True)` maps files: `mmap.MAP_PRIVATE` unless set."""
    return options.mapping


class set_default_mmap_options:
    """Says how `load(mmap=True)` maps files, of this thread: at once, and until the end of a `with` block.

    With `mmap.MAP_PRIVATE` changes of tensors don't reach the file, with `mmap.MAP_SHARED` they do. Raises ValueError
    for anything else, and RuntimeError on Windows.
    """

    def __init__(self, flags: int) -> None:
        if not hasattr(mmap, "MAP_PRIVATE"):
            raise RuntimeError("Changing the default mmap options is currently not supported for Windows")
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )
        self._before, options.mapping = options.mapping, flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        options.mapping = self._before


class skip_data:
    """A block in which `save` leaves out the bytes of tensors, for which there is room in the file, and `load` does not
    read them: the tensors have any values.

    `materialize_fake_tensors` is accepted; there are none.
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(options.without_data)
        options.without_data = True

    def __exit__(self, *exception: Any) -> None:
        options.without_data = self._before.pop()


__all__ = [
    "LoadEndianness", "default_byteorder", "get_crc32_options", "get_default_load_endianness",
    "get_default_mmap_options", "options", "set_crc32_options", "set_default_load_endianness",
    "set_default_mmap_options", "skip_data",
]  # fmt: skip
