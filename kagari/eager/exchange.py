"""Memory shared with other libraries through DLPack (https://dmlc.github.io/dlpack), by way of NumPy's arrays, and with
files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import default_dtype
from ..base.layout import layout as layout_of
from . import convert
from .device import check_device
from .tensor import Tensor

_CPU = (1, 0)  # kDLCPU and its only device


def __dlpack__(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule over the tensor's memory, or over a copy of it with `copy=True`.

    Raises BufferError for a tensor that requires a gradient, for another device than the CPU, and for bfloat16, which
    NumPy has no name for.
    """
    if self._needs:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream not in (None, -1) or (dl_device is not None and tuple(dl_device) != _CPU):
        raise BufferError(f"__dlpack__(): a tensor on the CPU can't be exported for stream {stream} or {dl_device}")
    if self._layout.dtype in convert.AS_BITS:
        name = self._layout.dtype.name
        raise BufferError(f"__dlpack__(): {name} is not among the types that are exchanged; use tensor.float()")
    return convert.raw_array(self).__dlpack__(max_version=max_version, copy=copy)


def __dlpack_device__(self: Tensor) -> tuple[int, int]:
    """DLPack's numbers for the device: (1, 0), the CPU."""
    return _CPU


class _Capsule:
    """A bare capsule in the form that NumPy asks for."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array, or with a copy of its elements with `copy=True`.

    Raises RuntimeError for what has no `__dlpack__` and is no capsule, BufferError for types that tensors don't have.

    >>> import numpy, kagari as torch
    >>> a = numpy.zeros(2)
    >>> torch.from_dlpack(a)[0] = 1
    >>> a
    array([1., 0.])
    """
    check_device(device)
    if not hasattr(ext_tensor, "__dlpack__"):
        if type(ext_tensor).__name__ != "PyCapsule":
            raise RuntimeError(
                "from_dlpack received an invalid capsule: expected an object with __dlpack__ or a DLPack capsule, got "
                f"{type(ext_tensor).__name__}"
            )
        ext_tensor = _Capsule(ext_tensor)
    try:
        array = np.from_dlpack(ext_tensor)
    except RuntimeError as error:
        raise BufferError(f"from_dlpack: {error}") from None
    made = convert.from_numpy(array)
    return made.clone() if copy else made


def from_file(
    filename: str,
    shared: bool = False,
    size: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of one dimension over a file, which is read where it is needed.

    Args:
        filename (str): the file. One that is shared is made, and made as long as needed.
        shared (bool): whether what is written to the tensor is written to the file. Default: ``False``
        size (int): how many elements it has. Default: 0
        dtype (dtype, optional): of which type they are. Default: the default dtype

    Raises RuntimeError for a file that can't be read or is too short.

    >>> import tempfile, kagari as torch
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     torch.from_file(file.name, shared=True, size=3)
    tensor([0., 0., 0.])
    """
    kind = default_dtype() if dtype is None else dtype
    nbytes = size * kind.itemsize
    try:
        with open(filename, "a+b" if shared else "rb") as file:
            there = file.seek(0, 2)
            if shared and there < nbytes:
                file.truncate(nbytes)
    except OSError as error:
        mode, why = "read-write" if shared else "read-only", f"{error.strerror} ({error.errno})"
        raise RuntimeError(f"unable to open file <{filename}> in {mode} mode: {why}") from None
    if not shared and there < nbytes:
        raise RuntimeError(f"file <{filename}> size <{there}> is smaller than the required mapping size <{nbytes}>")
    if size == 0:
        return convert.from_numpy(np.empty(0, convert.numpy_dtype(kind)))
    found = np.memmap(filename, convert.numpy_dtype(kind), "r+" if shared else "c", shape=(size,))
    return convert.wrap(layout_of((size,), None, kind), convert.adopt(found))


FUNCTIONS = (from_dlpack, from_file)
METHODS = (__dlpack__, __dlpack_device__)
