"""Batches from process to process: their numbers lie in shared memory, and the rest is a short pickle.

A sender has a few blocks of shared memory and uses them in turn. A block is a file without a name, whose descriptor
travels once; when both processes are gone, however that came about, so is the block. The receiver copies the numbers
out at once, so that a block is free again when the next task is sent.
"""

from __future__ import annotations

import ctypes
import io
import mmap
import os
import pickle
import threading
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any

import numpy as np

from ..base.layout import layout
from ..eager import Tensor, convert
from ..eager.shared import file_without_name

ALIGNMENT, PAGE = 64, 4096
_arriving = threading.local()


class _Pickler(pickle.Pickler):
    """Leaves the numbers of tensors and arrays out and collects them."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[np.ndarray | Tensor] = []

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Tensor and obj.grad_fn is None:
            self.arrays.append(obj)
            return _tensor, (len(self.arrays) - 1, tuple(obj.shape), obj.dtype, obj.requires_grad)
        if type(obj) is np.ndarray and not obj.dtype.hasobject and obj.dtype.names is None:
            self.arrays.append(obj)
            return _array, (len(self.arrays) - 1, obj.shape, obj.dtype.str)
        return NotImplemented


def _array(k: int, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Array k of the batch that is being read, copied out of shared memory."""
    memory, _, offsets = _arriving.batch
    return np.ndarray(shape, kind, memory, offsets[k]).copy()


def _tensor(k: int, shape: tuple[int, ...], dt: Any, requires_grad: bool) -> Tensor:
    _, start, offsets = _arriving.batch
    made: Tensor = convert.empty(shape, dt)
    if made.nbytes:
        ctypes.memmove(made.data_ptr(), start + offsets[k], made.nbytes)
    return made.requires_grad_() if requires_grad else made


def _mapped(descriptor: int, size: int) -> np.ndarray:
    """The memory of a file, with its pages there already: each that comes later costs far more."""
    if not hasattr(mmap, "MAP_POPULATE"):
        return np.frombuffer(mmap.mmap(descriptor, size), np.uint8)
    return np.frombuffer(mmap.mmap(descriptor, size, mmap.MAP_SHARED | mmap.MAP_POPULATE), np.uint8)


class _Block:
    """Memory that both ends see: a file without a name, which `descriptor` is until the other end has it."""

    def __init__(self, nbytes: int) -> None:
        size = -(-(nbytes + nbytes // 8) // PAGE) * PAGE  # later batches may be a little larger
        self.descriptor: int | None = file_without_name(size)
        self.bytes = _mapped(self.descriptor, size)
        self.start: int = self.bytes.ctypes.data
        self.used = 0

    def sent(self) -> None:
        """Closes the descriptor."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    __del__ = sent

    def room(self, nbytes: int) -> int | None:
        """The offset of memory that is taken from here on; None where there is not enough."""
        at = self.used
        if at + nbytes > len(self.bytes):
            return None
        self.used = at + -(-nbytes // ALIGNMENT) * ALIGNMENT
        return at


class Sender:
    """The end that sends. `blocks` is how many batches may be under way."""

    def __init__(self, connection: Connection, receiver: int | None, blocks: int) -> None:
        self.connection, self.receiver = connection, receiver
        self.blocks: list[_Block | None] = [None] * blocks
        self.turn = 0

    def allocate(self, shape: tuple[int, ...], dt: Any) -> Tensor:
        """A tensor for the next batch, which need not be copied when it is sent, if there is room for it."""
        block, lay = self.blocks[self.turn], layout(shape, None, dt)
        if block is None and lay.nbytes:
            block = self.blocks[self.turn] = _Block(lay.nbytes + PAGE)
        at = None if block is None or not lay.nbytes else block.room(lay.nbytes)
        if block is None or at is None:
            made: Tensor = convert.empty(shape, dt)
            return made
        made = convert.wrap(lay, convert.adopt(block.bytes[at : at + lay.nbytes]))
        return made

    def send(self, label: Any, data: Any) -> None:
        """Sends a label and a batch. Raises what pickling raises, and nothing is sent then."""
        pickled = io.BytesIO()
        pickler = _Pickler(pickled)
        pickler.dump(data)
        at, self.turn = self.turn, (self.turn + 1) % len(self.blocks)
        block = self.blocks[at]
        offsets = None if block is None else _placed(block, pickler.arrays)
        if block is None or offsets is None:
            self.blocks[at] = block = _Block(sum(a.nbytes + ALIGNMENT for a in pickler.arrays) + PAGE)
            offsets = _placed(block, pickler.arrays)
        block.used = 0
        descriptor = block.descriptor
        self.connection.send_bytes(pickle.dumps((label, at, descriptor is not None, offsets)) + pickled.getbuffer())
        if descriptor is not None:
            send_handle(self.connection, descriptor, self.receiver)
            block.sent()

    def forget(self) -> None:
        """Takes back what was allocated for a batch that is not sent."""
        block = self.blocks[self.turn]
        if block is not None:
            block.used = 0


class Receiver:
    """The end that receives."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.blocks: dict[int, tuple[np.ndarray, int]] = {}  # their memory, and where it begins

    def receive(self) -> tuple[Any, Any]:
        """A label and a batch, in memory of this process. Raises EOFError where the sender is gone."""
        message = io.BytesIO(self.connection.recv_bytes())
        label, at, grown, offsets = pickle.load(message)
        if grown:
            descriptor = recv_handle(self.connection)
            memory = _mapped(descriptor, os.fstat(descriptor).st_size)
            self.blocks[at] = memory, memory.ctypes.data
            os.close(descriptor)
        _arriving.batch = *self.blocks[at], offsets
        try:
            return label, pickle.load(message)
        finally:
            del _arriving.batch


def _placed(block: _Block, arrays: list[np.ndarray | Tensor]) -> list[int] | None:
    """Where the numbers of each array are in the block: they are there already, or copied. None: no room."""
    offsets = []
    for array in arrays:
        if isinstance(array, Tensor):
            at = array.data_ptr() - block.start
            if 0 <= at < len(block.bytes) and array.is_contiguous():
                offsets.append(at)
                continue
            array = convert.raw_array(array)
        room = block.room(array.nbytes)
        if room is None:
            return None
        np.ndarray(array.shape, array.dtype, block.bytes, room)[...] = array
        offsets.append(room)
    return offsets
