"""Reading: an archive's objects, with the memory of its storages filled once for each."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from mmap import MAP_PRIVATE
from typing import IO, Any

import numpy as np

from ..base import dtypes
from ..eager.convert import adopt, empty, raw_array
from . import legacy, names
from .archive import Reader, seekable
from .options import options
from .rebuild import Block
from .storages import MapLocation, Storages
from .unpickle import SafeUnpickler, named_in


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: MapLocation = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Loads what `save`, or PyTorch's, has written, in PyTorch's format and in that of before its version 1.6.

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
            file, unless :func:`set_default_mmap_options` says so. Needs a path
        pickle_load_args: passed to Python's unpickler where `weights_only` is off

    >>> import io, kagari as torch
    >>> file = io.BytesIO()
    >>> torch.save([torch.arange(3)], file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    [tensor([0, 1, 2])]
    """
    trusted = weights_only is not None and not weights_only

    def unpickler(file: IO[bytes], storages: Storages) -> _Unpickler:
        made = _Unpickler(file, **pickle_load_args)
        made.storages = storages
        return made

    read_objects = unpickler if trusted else None
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with open(path, "rb") as file:
            return _read(file, path, map_location, read_objects, path if mmap else None)
    if mmap:
        raise ValueError("f must be a string filename in order to use mmap argument")
    return _read(seekable(f), "the file", map_location, read_objects, None)


def _read(
    file: IO[bytes],
    name: str,
    map_location: MapLocation,
    unpickler: Callable[[IO[bytes], Storages], _Unpickler] | None,
    mapped: str | None,
) -> Any:
    """The objects of a file in either format, made by an unpickler that is trusted, or as data only."""
    start = file.tell()
    head = file.read(len(legacy.START))
    file.seek(start)
    if head == legacy.START:
        if mapped is not None:
            raise RuntimeError(
                "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`, please "
                "torch.save your checkpoint with this option in order to use mmap."
            )
        return legacy.read(file.read(), name, map_location, unpickler)
    reader = Reader(file, name)
    data = reader.read("data.pkl")
    storages = ArchiveStorages(reader, map_location, mapped)
    if unpickler is None:
        return SafeUnpickler(data, storages.load).load()
    return unpickler(io.BytesIO(data), storages).load()


class _Unpickler(pickle.Unpickler):
    """Python's unpickler, for which PyTorch's names mean Kagari's objects."""

    storages: Storages

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] in ("torch", "torchvision"):
            return names.lookup(module, name)
        return super().find_class(module, name)

    def persistent_load(self, saved_id: Any) -> Block:
        return self.storages.load(saved_id)


class ArchiveStorages(Storages):
    """The storages of an archive; each is read when a tensor first asks for it."""

    length = 5

    def __init__(
        self, reader: Reader, map_location: MapLocation, mapped: str | None = None, folder: str = "data"
    ) -> None:
        super().__init__(map_location)
        self.reader, self.folder = reader, folder
        mode: Any = "c" if options.mapping == MAP_PRIVATE else "r+"
        self.mapped = None if mapped is None else np.memmap(mapped, np.uint8, mode)
        self.swaps = reader.swaps_bytes()

    def memory(self, key: str, kind: names.StorageType, nbytes: int) -> Any:
        self.reader.check(f"{self.folder}/{key}", nbytes)
        if self.mapped is not None and nbytes and not self.swaps:
            offset = self.reader.offset(f"{self.folder}/{key}")
            return adopt(self.mapped[offset : offset + nbytes])
        target = empty((nbytes,), dtypes.uint8)
        if options.without_data:
            return target._storage
        bytes_of = raw_array(target)
        self.reader.read_into(f"{self.folder}/{key}", bytes_of.data)
        if self.swaps and kind.dtype is not None:
            bytes_of.view(f"u{kind.dtype.to_real().itemsize}").byteswap(inplace=True)
        return target._storage


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike[str] | IO[bytes]) -> list[str]:
    """The classes and functions that a file names and that `weights_only=True` does not let pass. Nothing is made.

    >>> import io, kagari as torch
    >>> file = io.BytesIO()
    >>> torch.save(torch.nn.ReLU(), file)
    >>> _ = file.seek(0)
    >>> torch.serialization.get_unsafe_globals_in_checkpoint(file)
    ['torch.nn.ReLU']
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return _unsafe(Reader(file, os.fspath(f)))
    return _unsafe(Reader(seekable(f), "the file"))


def _unsafe(reader: Reader) -> list[str]:
    found: dict[str, None] = {}
    for module, name in named_in(reader.read("data.pkl")):
        try:
            names.lookup_safe(module, name)
        except KeyError:
            found[f"{module}.{name}"] = None
    return list(found)


__all__ = ["ArchiveStorages", "get_unsafe_globals_in_checkpoint", "load"]
