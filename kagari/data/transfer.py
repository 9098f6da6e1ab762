"""Batches from process to process: their numbers lie in shared memory, and the rest is a short pickle.

A sender has a few blocks of shared memory and uses them in turn. A block is a file without a name, whose descriptor
travels once; when both processes are gone, however that came about, so is the block. The receiver copies the numbers
out at once, so that a block is free again when the next task is sent.
"""

from __future__ import annotations

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

ALIGNMENT = 64
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
    memory, offsets = _arriving.batch
    return np.ndarray(shape, kind, memory, offsets[k]).copy()


def _tensor(k: int, shape: tuple[int, ...], dt: Any, requires_grad: bool) -> Tensor:
    memory, offsets = _arriving.batch
    made: Tensor = convert.empty(shape, dt)
    nbytes = made.nbytes
    if nbytes:
        at = offsets[k]
        convert.raw_array(made).reshape(-1).view(np.uint8)[:] = memory[at : at + nbytes]
    return made.requires_grad_() if requires_grad else made


class _Block:
    """Memory that both ends see."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.bytes = np.frombuffer(mmap.mmap(descriptor, size), np.uint8)
        self.start: int = self.bytes.ctypes.data
        self.used = 0

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
        block, offsets = self.blocks[at], None
        if block is not None:
            offsets = _placed(block, pickler.arrays)
        descriptor = None
        if block is None or offsets is None:
            size = 1 << max(sum(a.nbytes + ALIGNMENT for a in pickler.arrays), 4096).bit_length()
            descriptor = file_without_name(size)
            self.blocks[at] = block = _Block(descriptor, size)
            offsets = _placed(block, pickler.arrays)
        block.used = 0
        self.connection.send_bytes(pickle.dumps((label, at, descriptor is not None, offsets)) + pickled.getbuffer())
        if descriptor is not None:
            send_handle(self.connection, descriptor, self.receiver)
            os.close(descriptor)

    def forget(self) -> None:
        """Takes back what was allocated for a batch that is not sent."""
        block = self.blocks[self.turn]
        if block is not None:
            block.used = 0


class Receiver:
    """The end that receives."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.blocks: dict[int, np.ndarray] = {}

    def receive(self) -> tuple[Any, Any]:
        """A label and a batch, in memory of this process. Raises EOFError where the sender is gone."""
        message = io.BytesIO(self.connection.recv_bytes())
        label, at, grown, offsets = pickle.load(message)
        if grown:
            descriptor = recv_handle(self.connection)
            self.blocks[at] = np.frombuffer(mmap.mmap(descriptor, os.fstat(descriptor).st_size), np.uint8)
            os.close(descriptor)
        _arriving.batch = self.blocks[at], offsets
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
