"""Writing: objects are pickled under PyTorch's names, the bytes of tensors go into records of their own."""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import sys
from collections import OrderedDict
from typing import IO, Any

from ..base.dtypes import dtype
from ..base.layout import Size
from ..eager import Tensor, device
from ..eager.formats import layout
from ..eager.overlay import Overlay
from ..quantized.tensor import QuantizedTensor
from . import legacy, names, overlaid, rebuild
from .archive import archive_name, replacing
from .writer import Writer

FORMAT_VERSION, VERSION, STORAGE_ALIGNMENT = b"1", b"3\n", b"64"


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    *,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Saves an object in PyTorch's file format: tensors, containers of them, the states of modules and optimizers,
    modules and other objects that can be pickled.

    Tensors that share memory share it again when they are loaded. A path is written to as a whole or not at all: an
    interrupted program leaves the old file. Raises RuntimeError where the folder is missing, and for one storage seen
    as two dtypes.

    Args:
        obj: what to save
        f: a path, or a file opened for writing in binary mode
        pickle_protocol (int): the protocol of the pickle in the file
        _use_new_zipfile_serialization (bool): ``False`` writes the format of before PyTorch 1.6

    >>> import io, kagari as torch
    >>> file = io.BytesIO()
    >>> torch.save({"step": 3, "weight": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'step': 3, 'weight': tensor([1., 1.])}
    """
    write = _write if _use_new_zipfile_serialization else _write_legacy
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with replacing(path) as file:
            write(obj, file, archive_name(path), pickle_protocol)
    elif hasattr(f, "write"):
        write(obj, f, "archive", pickle_protocol)
    else:
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")


def _write(obj: Any, file: IO[bytes], name: str, protocol: int) -> None:
    pickled = io.BytesIO()
    pickler = _Pickler(pickled, protocol)
    pickler.dump(obj)
    archive = Writer(file, name)
    archive.write("data.pkl", pickled.getbuffer())
    archive.write(".format_version", FORMAT_VERSION)
    archive.write(".storage_alignment", STORAGE_ALIGNMENT)
    archive.write("byteorder", sys.byteorder.encode())
    for key, storage, _ in pickler.storages.values():
        archive.write(f"data/{key}", (ctypes.c_char * storage.nbytes).from_address(storage.data_ptr))
    archive.write("version", VERSION)
    archive.close()


def _write_legacy(obj: Any, file: IO[bytes], name: str, protocol: int) -> None:
    pickled = io.BytesIO()
    pickler = _Pickler(pickled, protocol)
    pickler.of_view = (None,)
    pickler.dump(obj)
    storages = {str(key): (storage, dt) for key, storage, dt in pickler.storages.values()}
    legacy.write(file, pickled.getbuffer(), storages, protocol)


_PythonPickler: Any = pickle._Pickler  # it has more methods than its type description


class _Pickler(_PythonPickler):
    """Python's pickler, which gives Kagari's objects PyTorch's names and puts storages aside.

    The one written in Python, since the other one insists on importing the modules that it names.
    """

    def __init__(self, file: IO[bytes], protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: dict[int, tuple[int, Any, dtype | None]] = {}  # by identity: number, memory, dtype
        self.of_view: tuple[Any, ...] = ()  # what the old format says of a view of a storage besides: nothing

    def reducer_override(self, obj: Any) -> Any:
        """How to write an object of Kagari: a call, or the name of a global."""
        if isinstance(obj, Tensor):
            return _reduced(obj)
        if isinstance(obj, Size):
            return Size, (tuple(obj),)
        if type(obj) is layout:
            return rebuild.make_layout, (repr(obj),)
        if isinstance(obj, device):
            return device, (obj.type,) if obj.index is None else (obj.type, obj.index)
        place = names.in_torch(obj)
        return NotImplemented if place is None else place[1]

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Writes a name, PyTorch's where the object is Kagari's."""
        place = names.in_torch(obj)
        if place is None:
            super().save_global(obj, name)
        else:
            self.write(pickle.GLOBAL + "{}\n{}\n".format(*place).encode())
            self.memoize(obj)

    def persistent_id(self, obj: Any) -> Any:
        """The number of a storage and what PyTorch wants to know of it."""
        if not isinstance(obj, rebuild.Block):
            return None
        dt = obj.dtype
        key, _, known = self.storages.setdefault(id(obj.memory), (len(self.storages), obj.memory, dt))
        if known is not dt:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        if dt is None:
            return "storage", names.BYTES, str(key), "cpu", obj.nbytes, *self.of_view
        return "storage", names.STORAGE_TYPES[dt], str(key), "cpu", obj.nbytes // dt.itemsize, *self.of_view


def _reduced(t: Tensor) -> Any:
    """The call that makes the tensor again."""
    if t._layout.compound:
        return rebuild.rebuild_sparse_tensor, (t.layout, t.parts())
    hooks: OrderedDict[Any, Any] = OrderedDict()
    if isinstance(t, QuantizedTensor):
        block = rebuild.Block(t._storage, t.dtype, t._storage.nbytes)
        how = rebuild.quantizer_state(t._quantizer)
        return rebuild.rebuild_quantized, (block, t.storage_offset(), tuple(t.shape), t.stride(), how, False, hooks)
    if isinstance(t, Overlay):
        return overlaid.reduced(t, rebuild.rebuild_from_type)
    attributes = dict(vars(t))
    made = _made_by(t, hooks)
    kinds = {names.in_torch(kind) for kind in type(t).__mro__}
    if ("torch.nn", "Parameter") in kinds and names.in_torch(type(t)) is not None:
        arguments = (t.detach(), t.requires_grad, hooks)
        if attributes:
            return rebuild.rebuild_parameter_with_state, (*arguments, attributes)
        return rebuild.rebuild_parameter, arguments
    kind = type(t)
    if ("torch.nn", "Buffer") in kinds:
        kind, attributes = Tensor, {**attributes, "persistent": getattr(t, "persistent", True), "_is_buffer": True}
    if kind is Tensor and not attributes:
        return made
    return rebuild.rebuild_from_type, (made[0], kind, made[1], attributes)


def _made_by(t: Tensor, hooks: OrderedDict[Any, Any]) -> tuple[Any, tuple[Any, ...]]:
    """The call that makes the tensor as one of no subclass."""
    if t.is_meta:
        return rebuild.rebuild_meta_tensor, (t.dtype, tuple(t.shape), t.stride(), t.requires_grad)
    typed = t.dtype in names.STORAGE_TYPES
    block = rebuild.Block(t._storage, t.dtype if typed else None, t._storage.nbytes)
    how = block, t.storage_offset(), tuple(t.shape), t.stride(), t.requires_grad, hooks
    return (rebuild.rebuild_tensor, how) if typed else (rebuild.rebuild_tensor_of_bytes, (*how, t.dtype))


__all__ = ["save"]
