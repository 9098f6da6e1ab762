"""What creation functions are given: sizes, dtypes, memory. And the blank tensor they start from."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from ..base.dtypes import FLOAT8, bool_, complex128, default_dtype, dtype, float64, int64
from ..base.layout import Layout, contiguous_strides, is_dense, layout
from ..engine.code import native
from ..engine.function import Hooks
from ..ops.check import LARGEST
from .blocks import immaterial
from .device import BLANKS, CPU, is_meta

_MOST_BYTES = 1 << 63
_MOST_BLANKS = 1 << 14
_TYPES = {float: float64, int: int64, bool: bool_, complex: complex128}
_C_NAMES = {
    "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t", "float16": "at::Half",
    "uint16": "uint16_t", "uint32": "uint32_t", "uint64": "uint64_t",
    "bfloat16": "at::BFloat16", "float32": "float", "float64": "double",
}  # fmt: skip


def sizes_of(name: str, given: Any) -> tuple[int, ...]:
    """A shape from integers, or from one sequence of them. Raises TypeError as PyTorch does."""
    if len(given) == 1 and isinstance(given[0], Sequence) and not isinstance(given[0], str):
        given = given[0]
    elif given and isinstance(given[0], Sequence) and not isinstance(given[0], str):
        raise TypeError(f"{name}() takes 1 positional argument but {len(given)} were given")
    sizes = []
    for at, n in enumerate(given):
        if type(n) is not int:
            whole = not isinstance(n, bool) and hasattr(type(n), "__index__") and (
                not isinstance(n, Hooks.tensor_types) or (n.dtype.category == 1 and n.numel() == 1)
            )  # fmt: skip
            if not whole and not at:
                raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {type(n).__name__}")
            if not whole:
                raise TypeError(
                    f"{name}(): argument 'size' failed to unpack the object at pos {at + 1} with error \"type must "
                    "be tuple of ints,"
                    f'but got {type(n).__name__}"'
                )
            n = operator.index(n)
        sizes.append(n)
    return tuple(sizes)


def dtype_of(name: str, given: Any) -> dtype:
    """The dtype that is meant: None is the default one; `float`, `int` and `bool` have theirs."""
    if type(given) is dtype:
        return given
    if given is None:
        return default_dtype()
    found = _TYPES.get(given) if isinstance(given, type) else None
    if found is None:
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(given).__name__}")
    return found


def number(name: str, argument: str, position: int, given: Any) -> Any:
    """A Python number; tensors without dimensions count. Raises TypeError for anything else."""
    if type(given) in (int, float, bool, complex):
        return given
    if isinstance(given, Hooks.tensor_types) and not given.ndim:
        return given.item()
    if hasattr(given, "item") and hasattr(given, "dtype") and not getattr(given, "ndim", 1):
        return given.item()
    if isinstance(given, int | float | complex):
        return given
    raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(given).__name__}")


def checked_value(value: Any, dt: dtype) -> Any:
    """A number to be stored in a dtype. Raises RuntimeError where it does not fit; negative ones wrap around."""
    if dt.category == 3:
        return value
    if isinstance(value, complex) and dt.category:
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {_C_NAMES[dt.name]} without overflow")
        value = value.real
    if dt in FLOAT8:
        return value
    if dt.category == 2:
        fits = not math.isfinite(value) or abs(value) <= LARGEST[dt]
    elif dt.category == 1:
        bits = dt.itemsize * 8 - dt.is_signed
        fits = math.isfinite(value) and (-(1 << bits) <= value < 1 << bits if dt.is_signed else abs(value) < 1 << bits)
    else:
        return bool(value)
    if not fits:
        raise RuntimeError(f"value cannot be converted to type {_C_NAMES[dt.name]} without overflow")
    if dt.category == 2:
        return float(value) if isinstance(value, int) and value >> 63 not in (0, -1) else value
    whole = int(value)
    return whole - (1 << 64) if whole >> 63 > 0 else whole  # kernels get whole numbers as int64


def integer(name: str, argument: str, position: int, given: Any) -> int:
    """A Python integer. Raises TypeError for anything else."""
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be int, not {type(given).__name__}"
        )
    return operator.index(given)


def blank(name: str, size: tuple[Any, ...], dt: Any = None, device: Any = None, out: Any = None) -> Any:
    """A contiguous tensor with whatever lies in its memory. `out` decides the dtype where there is one."""
    if dt is None:
        dt = default_dtype() if out is None else out_dtype(name, out, None)
    elif out is not None:
        dt = out_dtype(name, out, dt)
    if len(size) == 1 and type(size[0]) is tuple:
        size = size[0]
    for n in size:
        if type(n) is not int:
            size = sizes_of(name, size)
            break
    key = (size, dt) if device is None else (size, dt, device is not CPU and is_meta(device))
    lay = BLANKS.get(key)
    if lay is None:
        lay = _new_layout(name, size, dtype_of(name, dt), is_meta(device))
        BLANKS[key] = lay
    loaded = native()
    return loaded.make_tensor(lay, immaterial(lay.nbytes) if lay.meta else loaded.allocate_storage(lay.nbytes), 0)


def _new_layout(name: str, size: tuple[int, ...], dt: dtype, meta: bool) -> Layout:
    check_sizes(name, size, dt)
    if len(BLANKS) >= _MOST_BLANKS:
        BLANKS.clear()
    return layout(size, None, dt, meta)


def check_sizes(name: str, size: tuple[int, ...], dt: dtype) -> None:
    """Raises RuntimeError for negative sizes and for more memory than can be counted."""
    total = dt.itemsize
    for n in size:
        if n < 0:
            if name == "zeros":
                raise RuntimeError("zeros: Dimension size must be non-negative.")
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
        total *= n
    if total >= _MOST_BYTES:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)}")


def out_dtype(name: str, out: Any, dt: Any) -> dtype:
    """The dtype of a result that goes to `out`. Raises TypeError where that is no tensor, RuntimeError where dtypes
    differ.
    """
    if not isinstance(out, Hooks.tensor_types):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if dt is not None and dtype_of(name, dt) is not out.dtype:
        raise RuntimeError(f"dtype {dtype_of(name, dt).name} does not match dtype of out parameter ({out.dtype.name})")
    return out.dtype


def dense_strides(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """Strides without gaps that keep the order in which the dimensions lie in memory."""
    shape, strides = tuple(shape), tuple(strides)
    if is_dense(shape, strides):
        return strides
    order = list(range(len(shape)))  # from the slowest to the fastest
    for i in range(len(order) - 2, -1, -1):
        for j in range(i, len(order) - 1):
            slow, fast = order[j], order[j + 1]
            # A dimension that repeats its elements stays where it is.
            if not strides[slow] or not strides[fast] or strides[slow] >= strides[fast]:
                break
            order[j], order[j + 1] = fast, slow
    steps = contiguous_strides([shape[d] for d in order])
    result = [0] * len(shape)
    for d, step in zip(order, steps):
        result[d] = step
    return tuple(result)
