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
import tempfile
import threading
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any

import numpy as np

from ..eager import Tensor, convert
from ..eager import operators as ops

ALIGNMENT = 64
Place = tuple[int, str, tuple[int, ...]]  # offset, NumPy's name of the type, shape
_arriving = threading.local()


class _Pickler(pickle.Pickler):
    """Leaves the numbers of tensors and arrays out and collects them."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[np.ndarray] = []

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Tensor and obj.grad_fn is None:
            self.arrays.append(convert.raw_array(obj))
            return _tensor, (len(self.arrays) - 1, obj.dtype, obj.requires_grad)
        if type(obj) is np.ndarray and not obj.dtype.hasobject and obj.dtype.names is None:
            self.arrays.append(obj)
            return _array, (len(self.arrays) - 1,)
        return NotImplemented


def _array(k: int) -> np.ndarray:
    """Array k of the batch that is being read, copied out of shared memory."""
    memory, places = _arriving.batch
    offset, kind, shape = places[k]
    return np.ndarray(shape, kind, memory, offset).copy()


def _tensor(k: int, dtype: Any, requires_grad: bool) -> Tensor:
    memory, places = _arriving.batch
    offset, kind, shape = places[k]
    made = ops.empty(shape, dtype=dtype)
    convert.write(made, np.ndarray(shape, kind, memory, offset))
    return made.requires_grad_() if requires_grad else made


class Sender:
    """The end that sends. `blocks` is how many batches may be under way."""

    def __init__(self, connection: Connection, receiver: int | None, blocks: int) -> None:
        self.connection, self.receiver = connection, receiver
        self.blocks: list[mmap.mmap | None] = [None] * blocks
        self.turn = 0

    def send(self, label: Any, data: Any) -> None:
        """Sends a label and a batch. Raises what pickling raises, and nothing is sent then."""
        file = io.BytesIO()
        pickler = _Pickler(file)
        pickler.dump(data)
        places: list[Place] = []
        end = 0
        for array in pickler.arrays:
            places.append((end, array.dtype.str, array.shape))
            end += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        at, self.turn = self.turn, (self.turn + 1) % len(self.blocks)
        block = self.blocks[at]
        grown = block is None or len(block) < end
        if grown:
            descriptor = _file_without_name()
            size = 1 << max(end, 4096).bit_length()
            os.ftruncate(descriptor, size)
            block = self.blocks[at] = mmap.mmap(descriptor, size)
        for array, (offset, kind, shape) in zip(pickler.arrays, places):
            np.ndarray(shape, kind, block, offset)[...] = array
        self.connection.send((label, at, grown, places))
        if grown:
            send_handle(self.connection, descriptor, self.receiver)
            os.close(descriptor)
        self.connection.send_bytes(file.getbuffer())


class Receiver:
    """The end that receives."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.blocks: dict[int, mmap.mmap] = {}

    def receive(self) -> tuple[Any, Any]:
        """A label and a batch, in memory of this process. Raises EOFError where the sender is gone."""
        label, at, grown, places = self.connection.recv()
        if grown:
            descriptor = recv_handle(self.connection)
            self.blocks[at] = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
            os.close(descriptor)
        _arriving.batch = self.blocks[at], places
        try:
            return label, pickle.loads(self.connection.recv_bytes())
        finally:
            del _arriving.batch


def _file_without_name() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("kagari batch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
