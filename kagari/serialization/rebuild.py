"""What a file calls to make tensors: Kagari's versions of the functions that PyTorch's files name.

A file is not trusted, so each of them checks what it gets: no tensor reaches beyond its storage.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from reprlib import repr as short
from typing import Any, NamedTuple

from ..base.dtypes import QUANTIZED, dtype
from ..base.layout import Size, layout
from ..eager import Tensor, formats, sparse
from ..eager.blocks import is_immaterial
from ..eager.convert import rebuild_meta, wrap
from ..quantized.scheme import (
    PerChannel,
    PerTensor,
    Quantizer,
    per_channel_affine_float_qparams,
    per_tensor_affine,
    qscheme,
)
from ..quantized.tensor import QuantizedTensor
from . import overlaid

_LIMIT = 1 << 63  # sizes are 64 bits wide


class Block(NamedTuple):
    """A storage of a file: its memory, the dtype that the file gives it (None: bytes), and its size in bytes."""

    memory: Any
    dtype: dtype | None
    nbytes: int


def rebuild_tensor(
    storage: Block,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    """A tensor of the storage's dtype. Raises RuntimeError where it would reach beyond the storage."""
    if not isinstance(storage, Block) or storage.dtype is None:
        raise RuntimeError(f"expected a typed storage for a tensor, got {type(storage).__name__}")
    return _tensor(storage, storage.dtype, storage_offset, tuple(size), tuple(stride), requires_grad)


def rebuild_tensor_of_bytes(
    storage: Block,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    dt: Any,
    metadata: Any = None,
) -> Tensor:
    """A tensor whose storage has no dtype of its own."""
    if not isinstance(storage, Block) or not isinstance(dt, dtype):
        raise RuntimeError(f"expected a storage and a dtype, got {type(storage).__name__} and {type(dt).__name__}")
    return _tensor(storage, dt, storage_offset, tuple(size), tuple(stride), requires_grad)


def _tensor(
    storage: Block, dt: dtype, offset: int, size: tuple[int, ...], stride: tuple[int, ...], requires_grad: bool
) -> Tensor:
    _check_numbers(offset, size, stride)
    last = offset - 1 if 0 in size else offset + sum((n - 1) * s for n, s in zip(size, stride))
    has = storage.nbytes // dt.itemsize
    if last >= has:
        raise RuntimeError(
            f"a tensor of size {list(size)}, stride {list(stride)} and offset {offset} reaches beyond its storage of "
            f"{has} elements"
        )
    lay = layout(size, stride, dt, is_immaterial(storage.memory))
    made: Tensor = wrap(lay, storage.memory, offset * dt.itemsize)
    return made.requires_grad_() if requires_grad else made


def _check_numbers(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(isinstance(n, int) and 0 <= n < _LIMIT for n in numbers):
        raise RuntimeError(
            f"no tensor has the size {short(size)}, the stride {short(stride)} and the offset {short(offset)}"
        )


def rebuild_meta_tensor(dt: Any, size: Sequence[int], stride: Sequence[int], requires_grad: bool) -> Tensor:
    """A tensor on the device `meta`. Raises RuntimeError for what is no dtype, and for sizes that no tensor has."""
    if not isinstance(dt, dtype):
        raise RuntimeError(f"expected a dtype, got {type(dt).__name__}")
    _check_numbers(0, tuple(size), tuple(stride))
    made: Tensor = rebuild_meta(tuple(size), tuple(stride), dt, False)
    return made.requires_grad_() if requires_grad else made


def rebuild_sparse_tensor(kind: Any, parts: Any) -> Tensor:
    """A sparse tensor of its parts. Raises RuntimeError for parts that do not fit one another, as indices out of bounds
    do not.
    """
    if not isinstance(kind, formats.layout) or not isinstance(parts, tuple) or len(parts) not in (3, 4):
        raise RuntimeError(f"a sparse tensor is not made of {short(kind)} and {short(parts)}")
    tensors = parts[: 2 if kind is formats.sparse_coo else 3]
    if not all(isinstance(t, Tensor) for t in tensors):
        raise RuntimeError(f"expected the parts of a sparse tensor, got {short(tensors)}")
    return sparse.compressing.of_parts(kind, parts)


def make_layout(name: Any) -> formats.layout:
    """A layout by its name. Raises RuntimeError for what is none."""
    found = getattr(formats, name.removeprefix("torch."), None) if isinstance(name, str) else None
    if type(found) is not formats.layout:
        raise RuntimeError(f"expected the name of a layout, got {short(name)}")
    return found


def rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any = None) -> Any:
    """A parameter over the memory of a tensor."""
    if not isinstance(data, Tensor):
        raise RuntimeError(f"expected a tensor, got {type(data).__name__}")
    return _kind("Parameter")(data, bool(requires_grad))


def rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Any:
    """A parameter with attributes of its own."""
    return _with_attributes(rebuild_parameter(data, requires_grad), state)


def rebuild_from_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor of a subclass, a buffer, or one with attributes of its own."""
    if function in (overlaid.rebuild_njt, overlaid.rebuild_wrapper):
        return overlaid.of_type(function, args, state)
    if function not in (rebuild_tensor, rebuild_tensor_of_bytes, rebuild_meta_tensor, rebuild_parameter):
        raise RuntimeError(f"a tensor is not made by {short(function)}")
    if not (isinstance(kind, type) and issubclass(kind, Tensor)):
        raise RuntimeError(f"expected a class of tensors, got {short(kind)}")
    made = function(*args)
    if isinstance(state, dict) and state.get("_is_buffer"):
        return _kind("Buffer")(made, persistent=bool(state.get("persistent", True)))
    if type(made) is not kind:
        made = Tensor._make_subclass(kind, made, made.requires_grad)
    return _with_attributes(made, state)


def rebuild_quantized(
    storage: Block, storage_offset: int, size: Sequence[int], stride: Sequence[int], quantizer: Any,
    requires_grad: bool, backward_hooks: Any = None,
) -> Tensor:  # fmt: skip
    """A quantized tensor. Raises RuntimeError for what is no scale and zero point, and beyond the storage."""
    if not isinstance(storage, Block) or storage.dtype not in QUANTIZED:
        raise RuntimeError(f"expected a storage of quantized integers, got {short(storage)}")
    integers = _tensor(storage, QUANTIZED[storage.dtype], storage_offset, tuple(size), tuple(stride), False)
    return QuantizedTensor(integers, _quantizer(quantizer, integers))


def _quantizer(given: Any, integers: Tensor) -> Quantizer:
    scheme, *rest = given if isinstance(given, tuple) and given else (None,)
    if scheme is per_tensor_affine and len(rest) == 2 and all(isinstance(n, int | float) for n in rest):
        return PerTensor(float(rest[0]), int(rest[1]))
    if isinstance(scheme, qscheme) and len(rest) == 3 and all(isinstance(t, Tensor) for t in rest[:2]):
        scales, zero_points, axis = rest
        channels = integers.shape[axis] if isinstance(axis, int) and 0 <= axis < integers.ndim else -1
        if tuple(scales.shape) == tuple(zero_points.shape) == (channels,):
            return PerChannel(scales, zero_points, axis, scheme is per_channel_affine_float_qparams)
    raise RuntimeError(f"expected the scale and the zero point of a quantized tensor, got {short(given)}")


def quantizer_state(quantizer: Quantizer) -> tuple[Any, ...]:
    """What a file says of how a tensor is quantized."""
    if isinstance(quantizer, PerTensor):
        return quantizer.scheme, quantizer.scale, quantizer.zero_point
    return quantizer.scheme, quantizer.scales, quantizer.zero_points, quantizer.axis


def make_size(sizes: Sequence[int]) -> Size:
    """A shape. Raises RuntimeError for what are no sizes."""
    if not all(isinstance(n, int) and n >= 0 for n in sizes):
        raise RuntimeError(f"expected sizes, got {short(sizes)}")
    return Size(sizes)


def make_bytes(text: str = "", encoding: str = "latin1") -> bytes:
    """Bytes, which protocol 2 writes as text. Raises RuntimeError for any other encoding."""
    if encoding != "latin1":
        raise RuntimeError(f"expected bytes as latin1, got the encoding {short(encoding)}")
    return text.encode("latin1")


def make_bytearray(data: bytes | str = b"", encoding: str = "latin-1") -> bytearray:
    """Bytes that can be changed. Raises RuntimeError for what is no text and no bytes, such as a size."""
    if isinstance(data, bytes | bytearray):
        return bytearray(data)
    if not isinstance(data, str):
        raise RuntimeError(f"expected the bytes of a bytearray, got {type(data).__name__}")
    return bytearray(make_bytes(data, "latin1" if encoding == "latin-1" else encoding))


def _with_attributes(made: Any, state: Any) -> Any:
    """The tensor with entries of its dictionary; what stands in slots is out of a file's reach."""
    if state is not None and not isinstance(state, dict):
        raise RuntimeError(f"expected the attributes of a tensor as a dict, got {type(state).__name__}")
    vars(made).update(state or {})
    return made


def _kind(name: str) -> Any:
    """A subclass of Tensor that a floor above this one has: a name in a file is what asks for it."""
    return getattr(importlib.import_module(f"{__name__.partition('.')[0]}.nn"), name)


__all__ = [
    "Block", "make_bytearray", "make_bytes", "make_layout", "make_size", "quantizer_state", "rebuild_from_type",
    "rebuild_meta_tensor", "rebuild_parameter", "rebuild_parameter_with_state", "rebuild_quantized",
    "rebuild_sparse_tensor", "rebuild_tensor",
    "rebuild_tensor_of_bytes",
]  # fmt: skip
