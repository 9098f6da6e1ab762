"""PyTorch's format of before version 1.6: pickles one after the other, then the bytes of the storages.

a number that tells the format, the version of the protocol, a dictionary about the machine
the objects, in whose pickle tensors refer to storages by key
the keys of the storages, in the order in which they follow: each the number of its elements, and those
"""

from __future__ import annotations

import ctypes
import io
import pickle
import struct
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from ..base import dtypes
from ..eager.convert import empty, raw_array
from . import names
from .rebuild import Block
from .storages import MapLocation, Storages
from .unpickle import SafeUnpickler

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
START = pickle.dumps(MAGIC, 2)
_COUNT = struct.Struct("<q")
_MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
_SWAPS = sys.byteorder == "big"  # the numbers are written with their low byte first


class _Storages(Storages):
    """Storages whose bytes come later: their memory is there when a tensor asks for it, and filled at the end."""

    length = 6

    def __init__(self, map_location: MapLocation) -> None:
        super().__init__(map_location)
        self.empty: dict[str, tuple[np.ndarray, names.StorageType]] = {}

    def load(self, saved_id: Any) -> Any:
        """The storage, or the class of a module: the old format keeps its source with it, which nobody needs."""
        if isinstance(saved_id, tuple) and len(saved_id) == 4 and saved_id[0] == "module":
            return saved_id[1]
        return super().load(saved_id)

    def memory(self, key: str, kind: names.StorageType, nbytes: int) -> Any:
        target = empty((nbytes,), dtypes.uint8)
        self.empty[key] = raw_array(target), kind
        return target._storage

    def fill(self, keys: Any, data: bytes, at: int, name: str) -> None:
        """Fills all that was asked for. Raises RuntimeError where the file ends too early or says another size."""
        if not isinstance(keys, list) or not set(map(str, keys)) >= set(self.empty):
            raise RuntimeError(f"{name} is damaged: it does not hold the storages that its tensors need")
        for key in keys:
            target, kind = self.empty.get(key, (None, names.BYTES))
            size = 1 if kind.dtype is None else kind.dtype.itemsize
            if target is None or at + _COUNT.size > len(data):
                raise RuntimeError(f"{name} is damaged or was cut off: it ends before storage {key}")
            (count,) = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            if count * size != len(target):
                raise RuntimeError(
                    f"{name} is damaged: storage {key} has {count * size} bytes, its tensors need {len(target)}"
                )
            if at + len(target) > len(data):
                raise RuntimeError(f"{name} is damaged or was cut off: it ends within storage {key}")
            target[:] = np.frombuffer(data, np.uint8, len(target), at)
            if _SWAPS and kind.dtype is not None:
                target.view(f"u{kind.dtype.to_real().itemsize}").byteswap(inplace=True)
            at += len(target)


def read(
    data: bytes, name: str, map_location: MapLocation, unpickler: Callable[[IO[bytes], Storages], Any] | None
) -> Any:
    """The objects of a file. `unpickler` reads those of one that is trusted; None reads data only."""
    at = 0
    storages = _Storages(map_location)

    def next_pickle(load: Callable[[Any], Block]) -> Any:
        nonlocal at
        reader = SafeUnpickler(data, load)
        reader.at = at
        found = reader.load()
        at = reader.at
        return found

    magic, version, machine = (next_pickle(_no_storage) for _ in range(3))
    if magic != MAGIC or version != PROTOCOL or not isinstance(machine, Mapping):
        raise RuntimeError(f"{name} is not a file that save() wrote: it begins like one of PyTorch's first format")
    if unpickler is None:
        result = next_pickle(storages.load)
    else:
        file = io.BytesIO(data)
        file.seek(at)
        result = unpickler(file, storages).load()
        at = file.tell()
    storages.fill(next_pickle(_no_storage), data, at, name)
    return result


def _no_storage(saved_id: Any) -> Block:
    raise pickle.UnpicklingError(f"a storage where none belongs: {saved_id!r}")


def write(
    file: IO[bytes], pickled: Any, storages: Mapping[str, tuple[Any, dtypes.dtype | None]], protocol: int
) -> None:
    """Writes a pickle of objects, and the storages that it speaks of."""
    for head in (MAGIC, PROTOCOL, _MACHINE):
        pickle.dump(head, file, protocol)
    file.write(pickled)
    pickle.dump(sorted(storages), file, protocol)
    for key in sorted(storages):
        memory, dt = storages[key]
        numbers: Any = np.frombuffer((ctypes.c_char * memory.nbytes).from_address(memory.data_ptr), np.uint8)
        if _SWAPS and dt is not None:
            numbers = numbers.view(f"u{dt.to_real().itemsize}").byteswap().view(np.uint8)
        file.write(_COUNT.pack(memory.nbytes // (1 if dt is None else dt.itemsize)))
        file.write(memoryview(numbers))
