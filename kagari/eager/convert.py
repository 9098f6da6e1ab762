"""Between tensors and everything else: Python numbers and lists, NumPy arrays, other dtypes."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ..autograd.library import function
from ..base import dtypes
from ..base.dtypes import default_dtype, dtype
from ..base.layout import Layout, layout
from ..engine.code import native
from ..engine.function import Hooks
from .device import Device, check_device

_NUMPY = {
    "bool": np.dtype(np.bool_), "uint8": np.dtype(np.uint8), "int8": np.dtype(np.int8), "int16": np.dtype(np.int16),
    "int32": np.dtype(np.int32), "int64": np.dtype(np.int64), "float16": np.dtype(np.float16), "bfloat16": np.dtype(np.uint16),
    "float32": np.dtype(np.float32), "float64": np.dtype(np.float64),
}  # fmt: skip
FROM_NUMPY = {v: k for k, v in ((dt, _NUMPY[dt.name]) for dt in dtypes.ALL if dt is not dtypes.bfloat16)}
_CTYPES = {
    "bool": ctypes.c_bool, "uint8": ctypes.c_uint8, "int8": ctypes.c_int8, "int16": ctypes.c_int16, "int32":
    ctypes.c_int32, "int64": ctypes.c_int64, "float32": ctypes.c_float, "float64": ctypes.c_double,
}  # fmt: skip


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor.

    >>> import kagari as torch
    >>> torch.is_tensor(torch.zeros(1)), torch.is_tensor([0.0])
    (True, False)
    """
    return isinstance(x, Hooks.tensor_types)


def wrap(lay: Layout, storage: Any, offset: int = 0) -> Any:
    """A tensor without history over a storage."""
    return native().make_tensor(lay, storage, offset)


def empty(shape: tuple[int, ...], dt: dtype) -> Any:
    """A contiguous tensor with whatever lies in its memory."""
    lay = layout(shape, None, dt)
    return wrap(lay, native().allocate_storage(lay.nbytes))


def full(shape: tuple[int, ...], value: Any, dt: dtype) -> Any:
    """A contiguous tensor of one value."""
    made = empty(tuple(shape), dt)
    if made._layout.numel:
        fill(made, value)
    return made


def fill(t: Any, value: Any) -> None:
    """Writes one value to every element, without history."""
    array = raw_array(t)
    if t._layout.dtype is dtypes.bfloat16:
        value = int(_bfloat16_bits(np.float32(value)))
    array[...] = value


# NumPy


class _Memory:
    """The memory of a tensor, for NumPy to look at."""

    def __init__(self, t: Any) -> None:
        lay = t._layout
        self.owner = t._storage
        self.__array_interface__ = {
            "version": 3, "shape": tuple(lay.shape), "typestr": _NUMPY[lay.dtype.name].str,
            "data": (t._storage.data_ptr + t._offset, False), "strides": tuple(s * lay.dtype.itemsize for s in lay.strides),
        }  # fmt: skip


def raw_array(t: Any) -> np.ndarray:
    """A NumPy array over the tensor's memory; bfloat16 as its bits."""
    if not t._layout.numel:
        return np.empty(tuple(t._layout.shape), _NUMPY[t._layout.dtype.name])
    return np.asarray(_Memory(t))


def numpy_dtype(dt: dtype) -> np.dtype[Any]:
    """NumPy's dtype of the same elements; bfloat16 as bits."""
    return _NUMPY[dt.name]


def write(t: Any, values: np.ndarray) -> None:
    """Writes an array's values into a new contiguous tensor with as many elements."""
    lay = t._layout
    memory = np.frombuffer(
        (ctypes.c_char * lay.nbytes).from_address(t._storage.data_ptr + t._offset), _NUMPY[lay.dtype.name]
    )
    memory[...] = (values if values.dtype == memory.dtype else as_stored(values, lay.dtype)).ravel()


def as_stored(values: np.ndarray, dt: dtype) -> np.ndarray:
    """An array's values in a dtype, as they lie in memory."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (
            _bfloat16_bits(values.astype(np.float32))
            if dt is dtypes.bfloat16
            else values.astype(_NUMPY[dt.name], copy=False)
        )


def array_of(t: Any) -> np.ndarray:
    """A NumPy array over the tensor's memory; bfloat16 as a float32 copy."""
    array = raw_array(t)
    return (array.astype(np.uint32) << 16).view(np.float32) if t._layout.dtype is dtypes.bfloat16 else array


def _bfloat16_bits(values: np.ndarray | np.float32) -> np.ndarray:
    bits = np.asarray(values, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def from_numpy(array: np.ndarray) -> Any:
    """A tensor over the memory of a NumPy array: changes of one show in the other.

    Raises TypeError for an array of a type that tensors don't have, ValueError for negative strides.

    >>> import numpy, kagari as torch
    >>> torch.from_numpy(numpy.arange(3))
    tensor([0, 1, 2])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dt = FROM_NUMPY.get(array.dtype)
    if dt is None:
        known = ", ".join(sorted(str(d) for d in FROM_NUMPY))
        raise TypeError(f"can't convert np.ndarray of type numpy.{array.dtype}. The only supported types are: {known}.")
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. "
            "(You can probably work around this by making a copy of your array with array.copy().)"
        )
    if any(s % dt.itemsize for s in array.strides):
        raise ValueError("given numpy array strides not a multiple of the element byte size")
    strides = tuple(s // dt.itemsize for s in array.strides)
    return wrap(layout(array.shape, strides, dt), adopt(array))


def adopt(array: np.ndarray) -> Any:
    """A storage over the memory of an array, which it keeps alive."""
    storage = native().allocate_storage(0)
    words = (ctypes.c_longlong * 8).from_address(id(storage))
    words[2], words[3] = array.ctypes.data, array.nbytes
    storage.owner = array
    return storage


def copied(array: np.ndarray, dt: dtype) -> Any:
    """A tensor with a copy of an array's values."""
    made = empty(array.shape, dt)
    if array.size:
        write(made, array)
    return made


# Python data


def from_data(data: Any, dt: dtype | None) -> Any:
    """A tensor with a copy of numbers, nested lists, an array, or tensors in lists."""
    if is_tensor(data):
        with_dtype = data._layout.dtype if dt is None else dt
        return function("clone").run((to(data.detach(), with_dtype),))
    if isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)
        found = FROM_NUMPY.get(array.dtype)
        if found is None:
            raise TypeError(f"can't convert np.ndarray of type numpy.{array.dtype}")
        return copied(array, dt or found)
    if dt is None:
        dt = infer_dtype(data)
    array = np.array(_plain(data, ()), _array_type(data, dt))
    if array.dtype == object:
        raise ValueError("expected sequences of equal length")
    return copied(array, dt)


def _array_type(data: Any, dt: dtype) -> Any:
    if dt.category == 2:
        return np.float32 if dt is dtypes.bfloat16 else _NUMPY[dt.name]
    return np.float64 if _has_float(data) and dt.category < 2 else _NUMPY[dt.name]


def _has_float(data: Any) -> bool:
    return isinstance(data, float) or (isinstance(data, list | tuple) and any(_has_float(x) for x in data))


def _plain(data: Any, path: tuple[int, ...]) -> Any:
    """Nested lists of numbers; tensors among them become their values. Checks that the lengths agree."""
    if is_tensor(data):
        return data.tolist()
    if isinstance(data, list | tuple):
        parts = [_plain(x, (*path, i)) for i, x in enumerate(data)]
        lengths = {len(p) if isinstance(p, list) else -1 for p in parts}
        if len(lengths) > 1:
            want = len(parts[0]) if isinstance(parts[0], list) else None
            for i, p in enumerate(parts):
                have = len(p) if isinstance(p, list) else None
                if have != want and want is None:
                    raise TypeError(f"must be real number, not {type(data[i]).__name__}")
                if have != want:
                    raise ValueError(
                        f"expected sequence of length {want} at dim {len(path) + 1} (got {have})" if have is not None
                        else f"expected sequence of length {want} at dim {len(path) + 1} (got a number)"
                    )  # fmt: skip
        return parts
    if isinstance(data, str) or not hasattr(data, "__float__"):
        raise TypeError(
            f"new(): invalid data type '{type(data).__name__}'" if isinstance(data, str) else _no_data(data)
        )
    return data


def _no_data(data: Any) -> str:
    return f"Could not infer dtype of {type(data).__name__}"


def infer_dtype(data: Any) -> dtype:
    """bool, int64 or the default dtype: the highest kind among the numbers."""
    found = _highest(data)
    return default_dtype() if found is None else found


def _highest(data: Any) -> dtype | None:
    if is_tensor(data):
        return data._layout.dtype
    if isinstance(data, bool):
        return dtypes.bool_
    if isinstance(data, int):
        return dtypes.int64
    if isinstance(data, float):
        return default_dtype()
    if isinstance(data, np.generic | np.ndarray):
        return FROM_NUMPY[data.dtype]
    if isinstance(data, list | tuple):
        result: dtype | None = None
        for x in data:
            kind = _highest(x)
            if kind is not None:
                result = kind if result is None else dtypes.promote(result, kind)
        return result
    raise RuntimeError(_no_data(data))


def item(t: Any) -> Any:
    """The only element as a Python number."""
    lay = t._layout
    if lay.numel != 1:
        raise RuntimeError(f"a Tensor with {lay.numel} elements cannot be converted to Scalar")
    kind = _CTYPES.get(lay.dtype.name)
    if kind is None:
        return array_of(t).item()
    return kind.from_address(t._storage.data_ptr + t._offset).value


def rebuild(array: np.ndarray, dt: dtype, requires_grad: bool) -> Any:
    """A tensor from its pickled values."""
    return copied(array, dt).requires_grad_(requires_grad)


# Dtypes


def to(
    t: Any,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    **other: Any,
) -> Any:
    """`Tensor.to` in all its forms."""
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif is_tensor(a):
            dtype = a._layout.dtype
        elif isinstance(a, str | Device):
            device = a
        elif not isinstance(a, bool) and a is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(a).__name__})")
    check_device(device)
    if dtype is None or dtype is t._layout.dtype:
        return function("clone").run((t,)) if copy else t
    return function("to_dtype").run((t, dtype))
