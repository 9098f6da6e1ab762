"""The safetensors format: named tensors behind a header that says where each lies. A file holds no code.

The functions are those of `safetensors.torch`, and the `safetensors` library (`pip install 'kagari[safetensors]'`)
writes the files and checks their headers. Tensors that are read lie in the mapped file: what is not used is not read,
and changes of them don't reach the file. The format has no checksum: damage of the numbers is not noticed.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Mapping
from itertools import accumulate
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..base.layout import layout
from ..eager import Tensor
from ..eager.convert import adopt, empty, raw_array, wrap
from ..eager.device import check_device
from . import sharing
from .archive import replacing
from .filling import Filler

DTYPES: dict[str, dtype] = {
    "F64": dtypes.float64, "F32": dtypes.float32, "F16": dtypes.float16, "BF16": dtypes.bfloat16, "I64": dtypes.int64,
    "I32": dtypes.int32, "I16": dtypes.int16, "I8": dtypes.int8, "U8": dtypes.uint8, "U64": dtypes.uint64,
    "U32": dtypes.uint32, "U16": dtypes.uint16, "BOOL": dtypes.bool_, "C64": dtypes.complex64,
    "F8_E4M3": dtypes.float8_e4m3fn, "F8_E4M3FNUZ": dtypes.float8_e4m3fnuz, "F8_E5M2": dtypes.float8_e5m2,
    "F8_E5M2FNUZ": dtypes.float8_e5m2fnuz,
}  # fmt: skip
_HEAD = 8  # bytes that tell the length of the header
Path = str | os.PathLike[str]


class _Module(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any: ...


def save_file(tensors: dict[str, Tensor], filename: Path, metadata: dict[str, str] | None = None) -> None:
    """Saves a dictionary of tensors. The file is written as a whole or not at all.

    Args:
        tensors: contiguous tensors by name; no two may share memory
        filename: the path
        metadata: texts to keep with them

    Raises ValueError for what is no dictionary of contiguous tensors of dtypes that the format has, RuntimeError for
    tensors that share memory, which :func:`save_model` can write, and for a folder that is missing.

    >>> import tempfile, kagari as torch
    >>> from kagari.serialization.safetensors import load_file, save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"weight": torch.ones(2)}, f"{folder}/model.safetensors")
    ...     load_file(f"{folder}/model.safetensors")
    {'weight': tensor([1., 1.])}
    """
    specs = _specs(tensors)
    with replacing(os.fspath(filename)) as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        _library().serialize_file(specs, file.name, metadata=metadata)
        os.chmod(file.name, mode)  # the library makes a file that only its owner can read


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of the file that :func:`save_file` would write. Raises as that does.

    >>> import kagari as torch
    >>> from kagari.serialization import safetensors
    >>> safetensors.load(safetensors.save({"x": torch.arange(2)}))
    {'x': tensor([0, 1])}
    """
    return bytes(_library().serialize(_specs(tensors), metadata=metadata))


def load_file(filename: Path, device: Any = "cpu", *, backend: str = "mmap") -> dict[str, Tensor]:
    """The tensors of a file by name.

    Args:
        filename: the path
        device: where the tensors shall lie
        backend (str): ``"mmap"`` maps the file into memory, ``"pread"`` reads it. Default: ``"mmap"``

    Raises SafetensorError for a file that is damaged, cut off or of another kind.
    """
    with safe_open(filename, "pt", device, backend=backend) as file:
        return file.get_tensors()


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors of a file whose bytes are given. Raises SafetensorError for bytes of another kind."""
    return {
        name: _tensor(np.frombuffer(view["data"], np.uint8), _dtype(view["dtype"], name), tuple(view["shape"]))
        for name, view in _library().deserialize(data)
    }


def save_model(
    model: _Module, filename: Path, metadata: dict[str, str] | None = None, force_contiguous: bool = True
) -> None:
    """Saves the state of a module. Of parameters that share memory one is written; the metadata name the others.

    Args:
        model: the module
        filename: the path
        metadata: texts to keep with the tensors
        force_contiguous (bool): whether to write parameters of other layouts as contiguous ones. Default: ``True``

    Raises RuntimeError where shared memory is not covered by any one parameter, ValueError without
    ``force_contiguous`` for other layouts.
    """
    state = model.state_dict()
    for kept, others in sharing.duplicates(state).items():
        for name in others:
            metadata = {name: kept, **(metadata or {})}
            del state[name]
    if force_contiguous:
        state = {name: t.contiguous() for name, t in state.items()}
    try:
        save_file(state, filename, metadata=metadata)
    except ValueError as error:
        raise ValueError(
            f"{error} Or use save_model(..., force_contiguous=True), read the docs for potential caveats."
        ) from error


def load_model(
    model: _Module, filename: Path, strict: bool = True, device: Any = "cpu", *, backend: str = "mmap"
) -> tuple[set[str], list[str]]:
    """Loads the state of a module from a file that :func:`save_model` wrote.

    Returns the names that the file lacks, and those in it that the module lacks. Raises RuntimeError where there are
    any, unless `strict` is off.
    """
    state = load_file(filename, device, backend=backend)
    removed = sharing.duplicates(model.state_dict(), state)
    incompatible = model.load_state_dict(state, strict=False)
    missing, unexpected = set(incompatible[0]), list(incompatible[1])
    for name in (name for others in removed.values() for name in others):
        if name in missing:
            missing.remove(name)
        else:
            unexpected.append(name)
    if strict and (missing or unexpected):
        text = f"Error(s) in loading state_dict for {type(model).__name__}:"
        for kind, names in (("Missing", missing), ("Unexpected", unexpected)):
            if names:
                listed = ", ".join(f'"{name}"' for name in sorted(names))
                text += f"\n    {kind} key(s) in state_dict: {listed}"
        raise RuntimeError(text)
    return missing, unexpected


class safe_open:
    """A file whose tensors are read one by one.

    Args:
        filename: the path
        framework (str): ``"pt"``, as tensors of Kagari are asked for. Default: ``"pt"``
        device: where the tensors shall lie
        backend (str): ``"mmap"`` maps the file into memory, ``"pread"`` reads what is asked for. Default: ``"mmap"``

    >>> import tempfile, kagari as torch
    >>> from kagari.serialization.safetensors import safe_open, save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"x": torch.arange(6).reshape(3, 2)}, f"{folder}/x.safetensors", {"author": "me"})
    ...     with safe_open(f"{folder}/x.safetensors") as file:
    ...         file.keys(), file.metadata(), file.get_slice("x")[1:, 0]
    (['x'], {'author': 'me'}, tensor([2, 4]))
    """

    def __init__(self, filename: Path, framework: str = "pt", device: Any = "cpu", *, backend: str = "mmap") -> None:
        if framework not in ("pt", "torch", "pytorch"):
            raise ValueError(f"framework should be 'pt', got {framework!r}: use safetensors.safe_open for others")
        if backend not in ("mmap", "pread"):
            raise ValueError(f"backend should be 'mmap' or 'pread', got {backend!r}")
        check_device(f"cuda:{device}" if isinstance(device, int) else device)
        self._header = _library().safe_open(filename, framework="numpy")
        self._path, self._reads = os.fspath(filename), backend == "pread"
        names = self._header.offset_keys()
        slices = map(self._header.get_slice, names)
        self._kinds = {name: (_dtype(s.get_dtype(), name), tuple(s.get_shape())) for name, s in zip(names, slices)}
        sizes = [dt.itemsize * math.prod(shape) for dt, shape in self._kinds.values()]
        # A file whose tensors do not lie one behind the other, without a gap, has not passed the library.
        with open(self._path, "rb") as file:
            start = _HEAD + int.from_bytes(file.read(_HEAD), "little")
        self._starts = dict(zip(names, accumulate(sizes, initial=start)))
        self._mapped = None if self._reads else np.memmap(self._path, np.uint8, "c")

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *error: object) -> None:
        self._mapped = None

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return list(self._header.keys())

    def offset_keys(self) -> list[str]:
        """The names of the tensors in the order in which they lie in the file."""
        return list(self._kinds)

    def metadata(self) -> dict[str, str] | None:
        """The texts that were saved with the tensors."""
        found: dict[str, str] | None = self._header.metadata()
        return found

    def get_tensor(self, name: str) -> Tensor:
        """A tensor. Raises SafetensorError for a name that the file lacks."""
        if name not in self._kinds:
            raise _library().SafetensorError(f"File does not contain tensor {name}")
        dt, shape = self._kinds[name]
        start, nbytes = self._starts[name], dt.itemsize * math.prod(shape)
        if self._mapped is not None:
            return _tensor(self._mapped[start : start + nbytes], dt, shape)
        made = empty((nbytes,), dtypes.uint8)
        with open(self._path, "rb") as file:
            try:
                Filler(file).fill(start, raw_array(made).data)
            except EOFError:
                raise _library().SafetensorError(f"{self._path} was cut off: tensor {name} is not in it") from None
        return wrap(layout(shape, None, dt), made._storage)

    def get_tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {name: self.get_tensor(name) for name in self._kinds}

    def get_slice(self, name: str) -> _Slice:
        """A tensor that can be indexed, and of which no more is read than the index asks for."""
        return _Slice(self.get_tensor(name), self._header.get_slice(name).get_dtype())


class _Slice:
    """A tensor of a file before it is indexed."""

    def __init__(self, tensor: Tensor, dt: str) -> None:
        self._tensor, self._dtype = tensor, dt

    def get_shape(self) -> list[int]:
        """The sizes."""
        return list(self._tensor.shape)

    def get_dtype(self) -> str:
        """The dtype under the format's name."""
        return self._dtype

    def __getitem__(self, index: Any) -> Tensor:
        return self._tensor[index]


def storage_ptr(tensor: Tensor) -> int:
    """The address of the memory that a tensor lies in; tensors that share it have the same.

    >>> import kagari as torch
    >>> x = torch.zeros(4)
    >>> storage_ptr(x[1:]) == storage_ptr(x)
    True
    """
    return tensor.untyped_storage().data_ptr()


def storage_size(tensor: Tensor) -> int:
    """How many bytes the memory has that a tensor lies in.

    >>> import kagari as torch
    >>> storage_size(torch.zeros(4)[1:])
    16
    """
    return tensor.untyped_storage().nbytes()


def _library() -> ModuleType:
    """The library safetensors. Raises ModuleNotFoundError that says how to get it."""
    try:
        return importlib.import_module("safetensors")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "safetensors files need the library of that name: pip install 'kagari[safetensors]'", name="safetensors"
        ) from error


def _specs(tensors: Any) -> dict[str, Any]:
    """What the library wants to know of the tensors: their addresses, and so they must live on meanwhile."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, t in tensors.items():
        if not isinstance(t, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(t)}")
    failing = [names for names in sharing.shared(tensors) if len(names) > 1]
    if failing:
        raise RuntimeError(
            "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
            f"loading them again: {failing}. A potential way to correctly save your model is to use `save_model`. "
            f"More information at {sharing.ABOUT}"
        )
    made = {}
    for name, t in tensors.items():
        if not t.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you "
                "are trying to save tensors which are reference of each other in which case it's recommended to save "
                "only the full tensors, and reslice at load time, or simply call `.contiguous()` on your tensor to "
                "pack it before saving."
            )
        if t.is_meta:
            raise NotImplementedError(f"Cannot copy out of meta tensor; no data! Key `{name}` is on the device 'meta'")
        if t.dtype not in DTYPES.values():
            raise ValueError(f"Key `{name}` is of the dtype {t.dtype}, which the safetensors format does not have")
        made[name] = _library().TensorSpec(
            dtype=t.dtype.name, shape=tuple(t.shape), data_ptr=t.data_ptr(), data_len=t.numel() * t.element_size()
        )
    return made


def _dtype(code: str, name: str) -> dtype:
    """The dtype of a tensor under the format's name. Raises TypeError for one that Kagari lacks."""
    if code not in DTYPES:
        raise TypeError(f"tensor {name} is of the dtype {code}, which Kagari does not have")
    return DTYPES[code]


def _tensor(memory: np.ndarray, dt: dtype, shape: tuple[int, ...]) -> Tensor:
    """A tensor over bytes, or over a copy of them where they lie at an address that is no multiple of its elements."""
    if not memory.size:
        return empty(shape, dt)
    if memory.ctypes.data % dt.itemsize or not memory.flags.writeable:
        memory = memory.copy()
    return wrap(layout(shape, None, dt), adopt(memory))


__all__ = [
    "load",
    "load_file",
    "load_model",
    "safe_open",
    "save",
    "save_file",
    "save_model",
    "storage_ptr",
    "storage_size",
]
