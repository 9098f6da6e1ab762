"""The storages that a pickle speaks of: what it says of one is checked, and where it shall lie decided."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from reprlib import repr as short
from typing import Any

from ..eager import device
from ..eager.blocks import immaterial
from ..eager.storage import UntypedStorage, block_of, shown
from . import names
from .rebuild import Block

MapLocation = Callable[[Any, str], Any] | device | str | Mapping[str, str] | None


class Storages(ABC):
    """The storages of a file, by the names that it gives them. `length` is that of its descriptions."""

    length: int

    def __init__(self, map_location: MapLocation) -> None:
        self.map_location = map_location
        self.known: dict[str, Block] = {}

    def load(self, saved_id: Any) -> Block:
        """The storage that a pickle speaks of. Raises UnpicklingError for what describes none."""
        if not isinstance(saved_id, tuple) or len(saved_id) != self.length or saved_id[0] != "storage":
            raise pickle.UnpicklingError(f"unknown persistent id {short(saved_id)}: expected that of a storage")
        _, kind, key, location, numel, *view = saved_id
        is_right = (
            isinstance(kind, names.StorageType)
            and isinstance(key, str)
            and isinstance(numel, int)
            and isinstance(location, str)
        )
        if not is_right or numel < 0 or view not in ([], [None]):
            raise pickle.UnpicklingError(f"a damaged description of a storage: {short(saved_id)}")
        nbytes = numel if kind.dtype is None else numel * kind.dtype.itemsize
        if key not in self.known:
            memory = self.memory(key, kind, nbytes)
            self.known[key] = Block(self._placed(memory, location), kind.dtype, nbytes)
        block = self.known[key]
        if block.nbytes != nbytes:
            raise pickle.UnpicklingError(
                f"storage {key} is described with two sizes: {block.nbytes} and {nbytes} bytes"
            )
        return block._replace(dtype=kind.dtype)

    @abstractmethod
    def memory(self, key: str, kind: names.StorageType, nbytes: int) -> Any:
        """The memory of a storage."""

    def _placed(self, memory: Any, location: str) -> Any:
        """The storage where `map_location` wants it. Raises RuntimeError for a device that is not there."""
        wanted: Any = self.map_location
        if callable(wanted):
            found = wanted(shown(memory), location)
            if found is not None:
                if not isinstance(found, UntypedStorage) or found.nbytes() < memory.nbytes:
                    given = f"one of {found.nbytes()}" if isinstance(found, UntypedStorage) else repr(found)
                    raise RuntimeError(
                        f"map_location returned {given}, expected None or a storage of {memory.nbytes} bytes"
                    )
                return block_of(found)
            wanted = None
        if isinstance(wanted, Mapping):
            wanted = wanted.get(location, location)
        wanted = str(location if wanted is None else wanted)
        name = wanted.partition(":")[0]
        if name == "cpu":
            return memory
        if name == "meta":
            return immaterial(memory.nbytes)
        if name == "cuda":
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device, but there is none. Please use load with "
                "map_location=torch.device('cpu') to map your storages to the CPU."
            )
        raise RuntimeError(f"don't know how to restore data location of a storage (tagged with {wanted})")
