"""Arrays of numbers from files of MATLAB, version 5: what some data sets come in."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""How elements of a file are stored."""
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""What they are in MATLAB."""
_MATRIX, _COMPRESSED, _COMPLEX = 14, 15, 0x800
_HEAD = 128  # bytes


def read_mat(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of numbers in a file, by their names; columns come first in memory. Others are left out.

    Raises ValueError, which names the file, for what is no such file or is damaged.
    """
    data = Path(path).read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEAD])
    if order is None or int.from_bytes(data[124:126], "little" if order == "<" else "big") != 0x100:
        raise ValueError(f"{path} is no file of MATLAB, version 5")
    try:
        return dict(_arrays(memoryview(data)[_HEAD:], order))
    except (IndexError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"{path} is damaged or was cut off: {error}") from error


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The type and the content of each element."""
    while len(data):
        words = np.frombuffer(data[:8], f"{order}u4")
        kind, size, begin = int(words[0]), int(words[1]), 8
        if kind >> 16:  # a small one: both are in the first word, and the content in the second
            kind, size, begin = kind & 0xFFFF, kind >> 16, 4
        end = begin + size
        if end > len(data):
            raise ValueError(f"an element has {size} bytes, of which there are {len(data) - begin}")
        yield kind, data[begin:end]
        data = data[end if kind == _COMPRESSED else -(-end // 8) * 8 :]


def _arrays(data: memoryview, order: str) -> Iterator[tuple[str, np.ndarray]]:
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            yield from _arrays(memoryview(zlib.decompress(content)), order)
        elif kind == _MATRIX:
            parts = _elements(content, order)
            flags, shape, name = (next(parts, (0, b""))[1] for _ in range(3))
            word = int(np.frombuffer(flags, f"{order}u4")[0])
            if word & 0xFF in _CLASSES and not word & _COMPLEX:
                stored, numbers = next(parts, (0, b""))
                array = np.frombuffer(numbers, order + _NUMBERS.get(stored, "V1")).astype(_CLASSES[word & 0xFF])
                yield bytes(name).decode(), array.reshape(np.frombuffer(shape, f"{order}i4"), order="F")


__all__ = ["read_mat"]
