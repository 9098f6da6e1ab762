"""Reading: an archive's objects, with the memory of its storages filled once for each."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from ..base import dtypes
from ..eager import device
from ..eager.convert import empty, from_numpy, raw_array
from . import names
from .archive import Reader, seekable
from .rebuild import Block
from .unpickle import SafeUnpickler

MapLocation = Callable[[Any, str], Any] | device | str | Mapping[str, str] | None


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: MapLocation = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Loads what `save`, or PyTorch's, has written.

    A pickle can name any function and have it called. With `weights_only`, the default, nothing of that kind happens:
    tensors, parameters and containers of Python's own are made, and everything else is refused. Without it the file
    can run any code: do that with files only whose source you trust.

    Raises UnpicklingError for names that are not allowed, RuntimeError for files that are damaged, cut off or of
    another kind, EOFError for an empty one.

    Args:
        f: a path, or a file opened for reading in binary mode
        map_location: where the tensors shall lie: a device, a dictionary from the device in the file to one that is
            there, or a function of a storage and the name of its device, which returns a storage or None. Files of
            tensors on a GPU need it
        weights_only (bool): whether to make data only. Default: ``True``
        mmap (bool): maps the file into memory, and so reads what is used only. Changes of the tensors don't reach the
            file. Needs a path
        pickle_load_args: passed to Python's unpickler where `weights_only` is off

    >>> import io, kagari as torch
    >>> file = io.BytesIO()
    >>> torch.save([torch.arange(3)], file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    [tensor([0, 1, 2])]
    """
    trusted = weights_only is not None and not weights_only
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with open(path, "rb") as file:
            return _read(Reader(file, path), map_location, trusted, path if mmap else None, pickle_load_args)
    if mmap:
        raise ValueError("f must be a string filename in order to use mmap argument")
    return _read(Reader(seekable(f), "the file"), map_location, trusted, None, pickle_load_args)


def _read(reader: Reader, map_location: MapLocation, trusted: bool, mapped: str | None, arguments: dict) -> Any:
    data = reader.read("data.pkl")
    storages = _Storages(reader, map_location, mapped)
    if not trusted:
        return SafeUnpickler(data, storages.load).load()
    unpickler = _Unpickler(io.BytesIO(data), **arguments)
    unpickler.storages = storages
    return unpickler.load()


class _Unpickler(pickle.Unpickler):
    """Python's unpickler, for which PyTorch's names mean Kagari's objects."""

    storages: _Storages

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "torch":
            return names.lookup(module, name)
        return super().find_class(module, name)

    def persistent_load(self, saved_id: Any) -> Block:
        return self.storages.load(saved_id)


class _Storages:
    """The storages of an archive; each is read when a tensor first asks for it."""

    def __init__(self, reader: Reader, map_location: MapLocation, mapped: str | None) -> None:
        self.reader, self.map_location, self.mapped = reader, map_location, mapped
        self.swaps = reader.swaps_bytes()
        self.known: dict[str, Block] = {}

    def load(self, saved_id: Any) -> Block:
        """The storage that a pickle speaks of."""
        if not isinstance(saved_id, tuple) or len(saved_id) != 5 or saved_id[0] != "storage":
            raise pickle.UnpicklingError(f"unknown persistent id {saved_id!r}: expected that of a storage")
        _, kind, key, location, numel = saved_id
        if not isinstance(kind, names.StorageType) or not isinstance(key, str) or not isinstance(numel, int):
            raise pickle.UnpicklingError(f"a damaged description of a storage: {saved_id!r}")
        nbytes = numel if kind.dtype is None else numel * kind.dtype.itemsize
        if key not in self.known:
            self.known[key] = self._read(key, kind, str(location), nbytes)
        block = self.known[key]
        if block.nbytes != nbytes:
            raise pickle.UnpicklingError(
                f"storage {key} is described with two sizes: {block.nbytes} and {nbytes} bytes"
            )
        return block._replace(dtype=kind.dtype)

    def _read(self, key: str, kind: names.StorageType, location: str, nbytes: int) -> Block:
        self.reader.check(f"data/{key}", nbytes)
        if self.mapped is not None and nbytes and not self.swaps:
            offset = self.reader.offset(f"data/{key}")
            memory = from_numpy(np.memmap(self.mapped, np.uint8, "c", offset, (nbytes,)))._storage
        else:
            target = empty((nbytes,), dtypes.uint8)
            bytes_of = raw_array(target)
            self.reader.read_into(f"data/{key}", bytes_of)
            if self.swaps and kind.dtype is not None:
                bytes_of.view(f"u{kind.dtype.to_real().itemsize}").byteswap(inplace=True)
            memory = target._storage
        return Block(self._placed(memory, location), kind.dtype, nbytes)

    def _placed(self, memory: Any, location: str) -> Any:
        """The storage where `map_location` wants it. Raises RuntimeError for a device that is not there."""
        wanted: Any = self.map_location
        if callable(wanted):
            found = wanted(memory, location)
            if found is not None:
                if type(found) is not type(memory) or found.nbytes < memory.nbytes:
                    raise RuntimeError(
                        f"map_location returned {found!r}, expected None or a storage of {memory.nbytes} bytes"
                    )
                return found
            wanted = None
        if isinstance(wanted, Mapping):
            wanted = wanted.get(location, location)
        wanted = str(location if wanted is None else wanted)
        name = wanted.partition(":")[0]
        if name == "cpu":
            return memory
        if name == "cuda":
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device, but there is none. Please use load with "
                "map_location=torch.device('cpu') to map your storages to the CPU."
            )
        raise RuntimeError(f"don't know how to restore data location of a storage (tagged with {wanted})")


__all__ = ["load"]
