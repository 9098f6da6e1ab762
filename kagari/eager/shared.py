"""Memory that several processes see: a file without a name, mapped by each of them.

A block of memory is moved there in place, so that all tensors that share it go with it. A child made by `fork` has the
same mapping; other processes get the file's descriptor (see `kagari.multiprocessing`). The memory is gone when nobody
maps it any more, however that came about.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..engine.code import native
from ..engine.function import Hooks
from . import convert

_WORDS = ctypes.c_int64 * 8
_MOVED = (2, 3, 5, 6)  # of the words of a storage: data, size, owner, size class (resident/memory.py)


class SharedMemory:
    """A mapped file, as what owns a block of memory.

    `before` is where the block was: NumPy may still look there.
    """

    before: Any = None

    def __init__(self, descriptor: int, nbytes: int) -> None:
        self.descriptor, self.nbytes = descriptor, nbytes
        self.array = np.frombuffer(mmap.mmap(descriptor, max(nbytes, 1)), np.uint8)[:nbytes]
        _known[_key(descriptor)] = self

    def __del__(self) -> None:
        os.close(self.descriptor)

    def block(self) -> Any:
        """A block over this memory."""
        made = convert.adopt(self.array)
        made.owner = self
        return made


_known: WeakValueDictionary[tuple[int, int], SharedMemory] = WeakValueDictionary()


_numbers = count()


def _key(descriptor: int) -> tuple[int, int]:
    """What a file has in common with its other descriptors."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def file_without_name(nbytes: int) -> int:
    """The descriptor of a new file of that size, which no folder lists."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("kagari")
    else:
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"kagari-{os.getpid()}-{next(_numbers)}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)
    os.ftruncate(descriptor, max(nbytes, 1))
    return descriptor


def is_shared(block: Any) -> bool:
    """Whether other processes can see a block of memory."""
    return isinstance(block.owner, SharedMemory)


def share(block: Any) -> SharedMemory:
    """Moves a block to shared memory, if it is not there."""
    if isinstance(block.owner, SharedMemory):
        return block.owner
    Hooks.before_forgetting()  # calls that were noted and not run may know the block by its address
    source, nbytes = block.data_ptr, block.nbytes
    made = SharedMemory(file_without_name(nbytes), nbytes).block()
    ctypes.memmove(made.data_ptr, source, nbytes)
    ours, theirs = (_WORDS.from_address(id(s)) for s in (block, made))
    for word in _MOVED:
        ours[word], theirs[word] = theirs[word], ours[word]
    owner: SharedMemory = block.owner
    if block.shown:
        owner.before = made
    return owner


def received(descriptor: int, nbytes: int) -> Any:
    """A block over the file of a descriptor, which it takes over."""
    found = _known.get(_key(descriptor))
    if found is not None:
        os.close(descriptor)
        return found.block()
    return SharedMemory(descriptor, nbytes).block()


def tensor_over(block: Any, lay: Any, offset: int) -> Any:
    """A tensor of a layout in a block."""
    return native().make_tensor(lay, block, offset)


__all__ = ["SharedMemory", "file_without_name", "is_shared", "received", "share", "tensor_over"]
