"""Between tensors and everything else: Python numbers and lists, NumPy arrays, other dtypes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..autograd.library import function
from ..autograd.node import is_standing
from ..base import dtypes
from ..base.dtypes import default_dtype, dtype
from ..base.layout import Layout, layout
from ..engine import small
from ..engine.code import native
from ..engine.function import Hooks
from .blocks import block
from .device import Device, is_meta
from .formats import contiguous_format, format_asked, lies_in, memory_format, strides_in, suggested
from .sizes import dense_strides


class _ByName(dict[str, np.dtype[Any]]):
    def __missing__(self, name: str) -> Any:
        raise NotImplementedError(f"tensors of {name} are made by torch.quantize_per_tensor and its like")


_NUMPY = _ByName({
    "bool": np.dtype(np.bool_), "uint8": np.dtype(np.uint8), "int8": np.dtype(np.int8), "int16": np.dtype(np.int16),
    "int32": np.dtype(np.int32), "int64": np.dtype(np.int64), "float16": np.dtype(np.float16),
    "uint16": np.dtype(np.uint16), "uint32": np.dtype(np.uint32), "uint64": np.dtype(np.uint64),
    "bfloat16": np.dtype(np.uint16), "float32": np.dtype(np.float32), "float64": np.dtype(np.float64),
    "complex32": np.dtype(np.uint32), "complex64": np.dtype(np.complex64), "complex128": np.dtype(np.complex128),
    **{dt.name: np.dtype(np.uint8) for dt in dtypes.FLOAT8},
})  # fmt: skip
AS_BITS = frozenset((dtypes.bfloat16, dtypes.complex32, *dtypes.FLOAT8))
"""The types that NumPy lacks: their arrays hold bits."""
FROM_NUMPY = {_NUMPY[dt.name]: dt for dt in dtypes.ALL if dt not in AS_BITS}
_CTYPES: dict[str, Any] = {
    "bool": ctypes.c_bool, "uint8": ctypes.c_uint8, "int8": ctypes.c_int8, "int16": ctypes.c_int16, "int32":
    ctypes.c_int32, "int64": ctypes.c_int64, "uint16": ctypes.c_uint16, "uint32": ctypes.c_uint32, "uint64":
    ctypes.c_uint64, "float32": ctypes.c_float, "float64": ctypes.c_double,
}  # fmt: skip
_LAYOUTS: dict[Any, Layout] = {}  # of arrays that were seen
_KNOWN = 1000
_Words = ctypes.c_longlong * 8  # a storage: its address and its size are the third and the fourth


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
    if t._layout.meta:
        return
    array = raw_array(t)
    array[...] = as_stored(np.asarray(value), t._layout.dtype) if t._layout.dtype in AS_BITS else value


# NumPy


class _Memory:
    """The memory of a tensor, for NumPy to look at."""

    def __init__(self, t: Any) -> None:
        lay = t._layout
        self.owner = t._storage
        self.__array_interface__ = {
            "version": 3, "shape": tuple(lay.shape), "typestr": _NUMPY[lay.dtype.name].str,
            "data": (t._storage.data_ptr + t._offset, False),
            "strides": tuple(s * lay.dtype.itemsize for s in lay.strides),
        }  # fmt: skip


def raw_array(t: Any) -> np.ndarray:
    """A NumPy array over the tensor's memory; of types that NumPy lacks the bits.

    Raises NotImplementedError for a tensor on the device `meta`.
    """
    if t._layout.meta:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    if is_standing(t):
        t = t.seen()
    if not t._layout.numel:
        return np.empty(tuple(t._layout.shape), _NUMPY[t._layout.dtype.name])
    t._storage.shown = native().captures or -1
    return np.asarray(_Memory(t))


def numpy_dtype(dt: dtype) -> np.dtype[Any]:
    """NumPy's dtype of the same elements; of types that NumPy lacks that of the bits."""
    return _NUMPY[dt.name]


def write(t: Any, values: np.ndarray) -> None:
    """Writes an array's values into a new contiguous tensor with as many elements."""
    lay = t._layout
    if lay.meta:
        return
    memory = np.frombuffer(
        (ctypes.c_char * lay.nbytes).from_address(t._storage.data_ptr + t._offset), _NUMPY[lay.dtype.name]
    )
    memory[...] = (values if values.dtype == memory.dtype else as_stored(values, lay.dtype)).ravel()


def as_stored(values: np.ndarray, dt: dtype) -> np.ndarray:
    """An array's values in a dtype, as they lie in memory."""
    if values.dtype.kind == "c" and not dt.is_complex and dt is not dtypes.bool_:
        values = values.real
    with np.errstate(over="ignore", invalid="ignore"):
        if dt is dtypes.bfloat16:
            return _bfloat16_bits(values.astype(np.float32))
        if dt is dtypes.complex32:
            return np.stack((values.real, values.imag), -1).astype(np.float16).view(np.uint32)[..., 0]
        if dt in dtypes.FLOAT8:
            return small.bytes_of_numbers(values, dt)
        return values.astype(_NUMPY[dt.name], copy=False)


def array_of(t: Any) -> np.ndarray:
    """A NumPy array over the tensor's memory; of types that NumPy lacks a copy as float32 or complex64."""
    return numbers_of(raw_array(t), t._layout.dtype)


def numbers_of(array: np.ndarray, dt: dtype) -> np.ndarray:
    """The numbers of elements as they lie in memory, in a type that NumPy knows."""
    if dt is dtypes.bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    if dt is dtypes.complex32:
        parts = np.ascontiguousarray(array)[..., None].view(np.float16).astype(np.float32)
        return parts.view(np.complex64)[..., 0]
    return small.numbers_of_bytes(dt)[array] if dt in dtypes.FLOAT8 else array


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
    alike = array.shape, array.strides, array.dtype
    known = _LAYOUTS.get(alike)
    if known is None:
        if len(_LAYOUTS) == _KNOWN:
            _LAYOUTS.clear()
        known = _LAYOUTS[alike] = _layout_of(array)
    return wrap(known, adopt(array))


def _layout_of(array: np.ndarray) -> Layout:
    """The layout of a tensor over the array. Raises where no tensor can have it."""
    dt = FROM_NUMPY.get(array.dtype)
    if dt is None:
        raise TypeError(_foreign(array))
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. "
            "(You can probably work around this by making a copy of your array  with array.copy().) "
        )
    if any(s % dt.itemsize for s in array.strides):
        raise ValueError("given numpy array strides not a multiple of the element byte size")
    strides = tuple(s // dt.itemsize for s in array.strides)
    return layout(array.shape, strides, dt)


def adopt(array: np.ndarray) -> Any:
    """A storage over the memory of an array, which it keeps alive."""
    storage = native().allocate_storage(0)
    words = _Words.from_address(id(storage))
    try:
        words[2] = ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError, BufferError):  # not contiguous, empty, or not to be written to: the slower way
        words[2] = array.ctypes.data
    words[3] = array.nbytes
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
    """A tensor with a copy of numbers, nested lists, an array, or tensors in lists.

    Raises ValueError for lists of unequal lengths, TypeError and RuntimeError for what are no numbers, RuntimeError for
    numbers that the dtype can't hold.
    """
    if is_tensor(data):
        with_dtype = data._layout.dtype if dt is None else dt
        return function("clone").run((to(data.detach(), with_dtype),))
    if isinstance(data, np.ndarray):
        found = FROM_NUMPY.get(data.dtype)
        if found is None:
            raise TypeError(_foreign(data))
        if data.flags.c_contiguous:
            return copied(data, dt or found)
        lay = layout(data.shape, dense_strides(data.shape, [s // data.itemsize for s in data.strides]), dt or found)
        made = wrap(lay, native().allocate_storage(lay.nbytes))
        raw_array(made)[...] = as_stored(data, lay.dtype)
        return made
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    shape: list[int] = []
    inner = data
    while isinstance(inner, Sequence | np.ndarray) and not isinstance(inner, str):
        shape.append(len(inner))
        if not len(inner):
            break
        inner = inner[0]
    flat: list[Any] = []
    kinds: set[Any] = set()
    _gather(data, shape, 0, flat, kinds)
    found = _dtype_of_kinds(kinds)
    return copied(_values(flat, found, dt or found).reshape(shape), dt or found)


def _gather(data: Any, shape: list[int], dim: int, flat: list[Any], kinds: set[Any]) -> None:
    """Appends the numbers of nested sequences to `flat`, and their kinds, Python types and dtypes, to `kinds`."""
    if dim == len(shape):
        _gather_number(data, flat, kinds)
        return
    if not isinstance(data, Sequence | np.ndarray):
        raise TypeError(f"not a sequence: a number at dim {dim} where others are lists")
    if len(data) != shape[dim]:
        raise ValueError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})")
    if dim == len(shape) - 1 and type(data) in (list, tuple):
        of_row = set(map(type, data))
        if of_row <= _NUMBERS:
            flat.extend(data)
            kinds |= of_row
            return
    for x in data:
        _gather(x, shape, dim + 1, flat, kinds)


_NUMBERS = {int, float, bool, complex}


def _gather_number(x: Any, flat: list[Any], kinds: set[Any]) -> None:
    if is_tensor(x):
        if x._layout.numel != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        kinds.add(x._layout.dtype)
        flat.append(x.item())
    elif isinstance(x, np.generic):
        if x.dtype not in FROM_NUMPY:
            raise TypeError(_foreign(x))
        kinds.add(FROM_NUMPY[x.dtype])
        flat.append(x.item())
    elif isinstance(x, bool | int | float | complex):
        kinds.add(next(kind for kind in (bool, int, float, complex) if isinstance(x, kind)))
        flat.append(x)
    elif isinstance(x, str):
        raise TypeError("new(): invalid data type 'str'") if kinds else ValueError("too many dimensions 'str'")
    elif isinstance(x, Sequence) and flat:
        wanted = (
            "must be real number, not list" if float in kinds else "'list' object cannot be interpreted as an integer"
        )
        raise TypeError(wanted.replace("list", type(x).__name__))
    else:
        raise RuntimeError(f"Could not infer dtype of {type(x).__name__}")


def _dtype_of_kinds(kinds: set[Any]) -> dtype:
    """bool, int64, the default dtype or those of arrays and tensors: what all numbers fit into."""
    floats = default_dtype()
    by_type = {bool: dtypes.bool_, int: dtypes.int64, float: floats, complex: floats.to_complex()}
    found = [by_type.get(k, k) for k in kinds]
    return reduce(dtypes.promote, found) if found else default_dtype()


def _values(flat: list[Any], found: dtype, dt: dtype) -> np.ndarray:
    """The numbers as an array to be cast to the dtype. Raises where one does not fit; negative ones wrap around."""
    if found.category == 3 and dt.category in (1, 2) and any(isinstance(x, complex) for x in flat):
        wanted = "must be real number, not complex", "'complex' object cannot be interpreted as an integer"
        raise TypeError(wanted[dt.category == 1])
    if found.category == 3:
        array = np.array(flat, np.complex128)
    elif found.category == 2 or dt.category > 1:
        array = np.array(flat, np.float64)
    else:
        try:
            array = np.array(flat, np.uint64 if dt is dtypes.uint64 and flat and min(flat) >= 0 else np.int64)
        except OverflowError:
            if dt is dtypes.uint64:
                raise OverflowError("int too big to convert") from None
            raise ValueError("Overflow when unpacking long long") from None
    if array.dtype == np.uint64:
        return array
    if dt.category == 1 and dt is not found and array.size:
        limit = 2.0 ** (dt.itemsize * 8 - dt.is_signed)
        low = -limit if dt.is_signed else 1 - limit
        if not ((array >= low) & (array < limit)).all():
            raise RuntimeError(f"value cannot be converted to type {dt.name} without overflow")
        return array.astype(np.int64)
    return array


def _foreign(array: Any) -> str:
    known = (
        "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, "
        "and bool"
    )
    return f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: {known}."


def item(t: Any) -> Any:
    """The only element as a Python number."""
    lay = t._layout
    if lay.numel != 1:
        raise RuntimeError(f"a Tensor with {lay.numel} elements cannot be converted to Scalar")
    if lay.meta:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    if is_standing(t):
        t = t.seen()
    kind = _CTYPES.get(lay.dtype.name)
    if kind is None:
        return array_of(t).item()
    return kind.from_address(t._storage.data_ptr + t._offset).value


def rebuild(array: np.ndarray, dt: dtype, requires_grad: bool) -> Any:
    """A tensor from its pickled values."""
    return copied(array, dt).requires_grad_(requires_grad)


def rebuild_as(cls: Any, requires_grad: bool, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """A tensor of a subclass from what is pickled of a tensor."""
    return cls._make_subclass(cls, function(*args), requires_grad)


def rebuild_meta(shape: tuple[int, ...], strides: tuple[int, ...], dt: dtype, requires_grad: bool) -> Any:
    """A tensor on the device `meta` from its pickled layout."""
    lay = layout(shape, strides, dt, True)
    return wrap(lay, block(lay)).requires_grad_(requires_grad)


# Dtypes and devices


def moved(t: Any, meta: bool) -> Any:
    """The tensor on another device, in the same order in memory. Raises NotImplementedError for one on `meta`."""
    if t._layout.meta is meta:
        return t
    if not meta:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    lay = layout(t._layout.shape, dense_strides(t._layout.shape, t._layout.strides), t._layout.dtype, True)
    return function("copy_").run((wrap(lay, block(lay)), t))


def to(
    t: Any,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
    **other: Any,
) -> Any:
    """`Tensor.to` in all its forms."""
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif is_tensor(a):
            dtype, device = a._layout.dtype, a.device
        elif isinstance(a, str | Device):
            device = a
        elif not isinstance(a, bool) and a is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(a).__name__})")
    form = format_asked("to", memory_format)
    if device is not None:
        found = moved(t, is_meta(device))
        t, copy = found, copy and found is t
    if dtype is not None and dtype is not t._layout.dtype:
        t, copy = function("to_dtype").run((t, dtype)), False
    if form is not None and (copy or not suggested(form, t._layout)):
        return copied_in(t, form)
    return function("clone").run((t,)) if copy else t


def copied_in(t: Any, form: memory_format) -> Any:
    """A copy in the order of a memory format."""
    strides_in(form, t._layout.shape)  # refuses other ranks
    return function("contiguous" if form is contiguous_format else "to_channels_last").run((t,))


def formatted(name: str, t: Any, memory_format: Any) -> Any:
    """The tensor itself where it lies in the order of a memory format, else a copy that does."""
    form = format_asked(name, memory_format)
    return t if form is None or lies_in(form, t._layout) else copied_in(t, form)
