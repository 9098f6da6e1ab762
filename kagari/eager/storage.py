"""The memory that a tensor and its views share, as an object of its own."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

from ..engine.code import native
from . import shared
from .blocks import is_immaterial
from .device import CPU, META, Device, check_device


class UntypedStorage:
    """A block of bytes.

    Args:
        data: how many bytes there are, or their values. Default: none
        device: the CPU

    Storages of the same memory are the same object as long as one of them is alive.

    >>> import kagari as torch
    >>> x = torch.tensor([1, 2], dtype=torch.int16)
    >>> x.untyped_storage().tolist()
    [1, 0, 2, 0]
    >>> x[1:].untyped_storage() is x.untyped_storage(), x.untyped_storage().nbytes()
    (True, 4)
    """

    __slots__ = ("__weakref__", "_block")
    _block: Any
    is_cuda = False

    def __new__(cls, data: int | Sequence[int] = 0, *, device: Any = None) -> UntypedStorage:
        """A block of its own."""
        check_device(device)
        values = [0] * data if isinstance(data, int) else list(data)
        made = shown(native().allocate_storage(len(values)))
        made._bytes()[:] = values
        return made

    def _bytes(self) -> Any:
        if is_immaterial(self._block):
            raise NotImplementedError("Not available for 'meta' device type")
        return (ctypes.c_uint8 * self._block.nbytes).from_address(self._block.data_ptr or 1)

    def _changed(self) -> None:
        self._block.version += 1

    @property
    def _cdata(self) -> int:
        return id(self._block)

    @property
    def device(self) -> Device:
        """Where the memory is."""
        return META if is_immaterial(self._block) else CPU

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return 0 if is_immaterial(self._block) else int(self._block.data_ptr)

    def nbytes(self) -> int:
        """How many bytes there are."""
        return int(self._block.nbytes)

    def size(self) -> int:
        """How many bytes there are."""
        return self.nbytes()

    def __len__(self) -> int:
        return self.nbytes()

    def element_size(self) -> int:
        """The size of an element, a byte."""
        return 1

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return UntypedStorage(self._bytes()[index])
        return self._bytes()[self._at(index)]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            count = len(range(*index.indices(len(self))))
            self._bytes()[index] = [value] * count if isinstance(value, int) else list(value)
        else:
            self._bytes()[self._at(index)] = value
        self._changed()

    def _at(self, index: object) -> int:
        if not isinstance(index, int):
            raise TypeError(f"can't index a torch.UntypedStorage with {type(index).__name__}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return index % len(self)

    def tolist(self) -> list[int]:
        """The bytes."""
        return list(self._bytes())

    def fill_(self, value: int) -> UntypedStorage:
        """Gives all bytes one value."""
        ctypes.memset(self._bytes(), value, len(self))
        self._changed()
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Takes over the bytes of another storage of the same size. Raises RuntimeError for one of another size."""
        if len(source) != len(self):
            raise RuntimeError(f"size mismatch, source has {len(source)} bytes and this storage {len(self)}")
        ctypes.memmove(self._bytes(), source._bytes(), len(self))
        self._changed()
        return self

    def clone(self) -> UntypedStorage:
        """A copy in memory of its own."""
        return UntypedStorage(len(self)).copy_(self)

    def cpu(self) -> UntypedStorage:
        """The storage itself. Raises NotImplementedError where it is on the device `meta`."""
        self._bytes()
        return self

    def share_memory_(self) -> UntypedStorage:
        """Moves the memory to where other processes see it, if it is not there."""
        self._bytes()
        shared.share(self._block)
        return self

    def is_shared(self) -> bool:
        """Whether other processes can see the memory, too."""
        return shared.is_shared(self._block)

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the memory can't be moved: no."""
        return False

    def __repr__(self) -> str:
        if is_immaterial(self._block):
            return f"...\n[torch.storage.UntypedStorage(device=meta) of size {len(self)}]"
        shown = "".join(f" {byte}\n" for byte in self.tolist()) or " "
        return f"{shown}[torch.storage.UntypedStorage(device=cpu) of size {len(self)}]"


_alive: WeakValueDictionary[int, UntypedStorage] = WeakValueDictionary()


def shown(block: Any) -> UntypedStorage:
    """The one object for a block of memory."""
    found = _alive.get(id(block))
    if found is None:
        found = object.__new__(UntypedStorage)
        found._block = block
        _alive[id(block)] = found
    return found


def block_of(storage: UntypedStorage) -> Any:
    """The block of memory that an object stands for."""
    return storage._block


__all__ = ["UntypedStorage", "block_of", "shown"]
