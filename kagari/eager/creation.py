"""Tensors from nothing but sizes and numbers, and from Python and NumPy data. Random ones are in random.py."""

from __future__ import annotations

import ctypes
import math
import warnings
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.node import is_standing
from ..base import dtypes
from ..base import layout as layouts
from ..base.dtypes import default_dtype, dtype
from ..engine.function import Hooks
from . import convert, inplace
from .blocks import block
from .calls import call
from .device import CPU, DEFAULT, META, is_meta
from .formats import check_layout, format_asked, is_sparse_layout, preserve_format, strides_in
from .sizes import blank, check_sizes, checked_value, dense_strides, dtype_of, integer, number, out_dtype, sizes_of
from .tensor import wanting_grad

if TYPE_CHECKING:
    from .tensor import Tensor


def finished(made: Any, out: Any = None, requires_grad: bool = False) -> Any:
    """A new tensor as its maker returns it: written to `out` where there is one, a leaf that wants gradients if it
    should.
    """
    if out is not None:
        inplace.write_out(out, made)
        made = out
    return wanting_grad(made) if requires_grad else made


# From data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor with a copy of the data, as a leaf.

    Args:
        data: a number, nested lists or tuples of numbers, a NumPy array, a tensor.
        dtype: by default bool, int64 or the default dtype, whichever the numbers need; that of an array.
        device: `"cpu"` or `"meta"`; that of new tensors if it is not given.
        requires_grad: whether a backward pass fills in its `grad`.
        pin_memory: accepted; there is no device to pin memory for.

    Raises ValueError for lists of unequal lengths, TypeError and RuntimeError for what are no numbers, RuntimeError for
    numbers that the dtype can't hold.

    >>> import kagari as torch
    >>> torch.tensor([[1, 2], [3, 4]], dtype=torch.float32)
    tensor([[1., 2.],
            [3., 4.]])
    """
    if dtype is not None:
        dtype = dtype_of("tensor", dtype)
    kind = type(data)
    made = None
    if kind is float:
        made = blank("tensor", (), dtype, CPU)
        call("fill_")(made, data if dtype is None or dtype.category > 1 else checked_value(data, dtype))
        unwritten(made)
    elif kind is list or kind is tuple:
        made = _from_flat(data, dtype)
    elif isinstance(data, Hooks.tensor_types):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            stacklevel=2,
        )
        if data._layout.compound:
            made = data.detach().to(data.dtype if dtype is None else dtype, copy=True)
    if made is None:
        made = convert.from_data(data, dtype)
    if (device is not None or DEFAULT[-1] is not CPU) and is_meta(device):
        made = convert.moved(made.detach(), True)
    return wanting_grad(made) if requires_grad else made


_ARRAY_CODES = {dtypes.float32: "f", dtypes.float64: "d", dtypes.int64: "q"}


def _from_flat(data: Sequence[Any], dt: dtype | None) -> Any:
    """A tensor from a list of numbers of one kind; None for any other data."""
    kinds = set(map(type, data))
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind is float:
        dt = default_dtype() if dt is None else dt
    elif kind is int:
        dt = dtypes.int64 if dt is None else dt
    else:
        return None
    code = _ARRAY_CODES.get(dt)
    if code is None or (kind is float and code == "q"):
        return None
    try:
        source = array(code, data)
    except OverflowError:
        raise ValueError("Overflow when unpacking long long") from None
    made = blank("tensor", (len(source),), dt, CPU)
    ctypes.memmove(made._storage.data_ptr, source.buffer_info()[0], made._layout.nbytes)
    return made


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor: itself if it is one of that dtype, over the same memory if it is a NumPy array, else a
    copy.

    >>> import kagari as torch
    >>> torch.as_tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    dt = None if dtype is None else dtype_of("as_tensor", dtype)
    if isinstance(data, Hooks.tensor_types):
        return convert.to(data, dt, device=device)
    if is_meta(device):
        return tensor(data, dtype=dt, device=device)
    if isinstance(data, np.ndarray) and (dt is None or convert.FROM_NUMPY.get(data.dtype) is dt):
        return convert.from_numpy(data)
    return tensor(data, dtype=dt, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """As `as_tensor`, with `copy` to insist on (True) or to forbid (False) a copy.

    >>> import kagari as torch
    >>> torch.asarray([1, 2])
    tensor([1, 2])
    """
    made = as_tensor(obj, dtype, device)
    shared = made is obj or (isinstance(obj, np.ndarray) and made.data_ptr() == obj.ctypes.data)
    if copy is False and not shared:
        raise ValueError("can't alias arbitrary data of this type or dtype: copy=False was given")
    if copy and shared:
        made = made.detach().clone()
    return wanting_grad(made) if requires_grad else made


from_numpy = convert.from_numpy


def frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A tensor of one dimension over the memory of an object with Python's buffer interface.

    >>> import kagari as torch
    >>> torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16)
    tensor([1, 2], dtype=torch.int16)
    """
    found = np.frombuffer(buffer, convert.numpy_dtype(dtype), count, offset)
    made = convert.wrap(layouts.layout(found.shape, None, dtype), convert.adopt(found))
    return wanting_grad(made) if requires_grad else made


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor without dimensions, of the default dtype.

    >>> import kagari as torch
    >>> torch.scalar_tensor(3)
    tensor(3.)
    """
    return full(
        (), s, dtype=dtype_of("scalar_tensor", dtype), layout=layout, device=device, requires_grad=requires_grad
    )


# Of one value


def empty(
    *args: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor with whatever lies in its memory.

    >>> import kagari as torch
    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    if is_sparse_layout(layout):
        return Hooks.sparse.compressing.of_zeros(args if size is None else (size,), dtype, layout, requires_grad)
    made = _sized("empty", args, size, dtype, layout, device, out)
    form = format_asked("empty", memory_format)
    if memory_format is preserve_format:
        raise RuntimeError("unsupported memory format Preserve")
    if form is not None and out is None:
        made._layout = layouts.layout(
            made._layout.shape, strides_in(form, made._layout.shape), made._layout.dtype, made._layout.meta
        )
    return finished(made, out, requires_grad) if out is not None or requires_grad else made


def zeros(
    *args: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of zeros.

    Args:
        args: the sizes, as integers or as one sequence; also by name, `size`.
        size: the sizes, by name.
        out: a tensor to write to instead of a new one.
        dtype: the default dtype if it is not given.
        layout: `torch.strided`, or that of a sparse tensor.
        device: `"cpu"` or `"meta"`; that of new tensors if it is not given.
        requires_grad: whether a backward pass fills in its `grad`.
        pin_memory: accepted; there is no device to pin memory for.

    Raises TypeError for sizes that are no integers, RuntimeError for negative ones.

    >>> import kagari as torch
    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if is_sparse_layout(layout):
        return Hooks.sparse.compressing.of_zeros(args if size is None else (size,), dtype, layout, requires_grad)
    made = _sized("zeros", args, size, dtype, layout, device, out)
    call("zero_")(made)
    unwritten(made)
    return finished(made, out, requires_grad) if out is not None or requires_grad else made


def ones(
    *args: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of ones. The arguments are those of `zeros`.

    >>> import kagari as torch
    >>> torch.ones(2)
    tensor([1., 1.])
    """
    made = _sized("ones", args, size, dtype, layout, device, out)
    call("fill_")(made, 1)
    unwritten(made)
    return finished(made, out, requires_grad) if out is not None or requires_grad else made


def full(
    size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of one value, whose kind decides the dtype where none is given.

    >>> import kagari as torch
    >>> torch.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, Sequence) or isinstance(size, str):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value = number("full", "fill_value", 2, fill_value)
    if dtype is None and out is None:
        kind = type(value)
        dtype = dtypes.bool_ if kind is bool else dtypes.int64 if kind is int else default_dtype()
        dtype = dtype.to_complex() if kind is complex else dtype
    made = _sized("full", (size,), None, dtype, layout, device, out)
    _fill(made, value)
    return finished(made, out, requires_grad) if out is not None or requires_grad else made


def _sized(name: str, args: tuple[Any, ...], size: Any, dt: Any, kind: Any, device: Any, out: Any) -> Any:
    """The blank tensor of a creation function's arguments."""
    if size is not None:
        args = (size,)
    elif not args:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    if kind is not None:
        check_layout(name, kind)
    return blank(name, args, dt, device, out)


def unwritten(made: Any) -> Any:
    """A tensor whose memory counts as never written to."""
    if made._storage.version > 0:
        made._storage.version = 0
    return made


def _fill(made: Any, value: Any) -> None:
    """One value for a new tensor."""
    call("fill_")(made, checked_value(value, made._layout.dtype))
    unwritten(made)


def blank_like(name: str, input: Any, dt: Any, device: Any, memory_format: Any, layout: Any = None) -> Any:
    """A tensor with whatever lies in its memory, of the shape, the dtype and the order of another one."""
    if not isinstance(input, Hooks.tensor_types):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if layout is not None:
        check_layout(name, layout)
    lay = input._layout
    if memory_format is None and lay.contiguous and device is None and dt is None:
        return convert.wrap(lay if lay.rows else layouts.layout(lay.shape, None, lay.dtype, lay.meta), block(lay))
    if device is None:
        device = META if lay.meta else CPU
    if memory_format is None and lay.contiguous:
        return blank(name, (tuple(lay.shape),), lay.dtype if dt is None else dt, device)
    dt = lay.dtype if dt is None else dtype_of(name, dt)
    form = format_asked(name, memory_format)
    strides = dense_strides(lay.shape, lay.strides) if form is None else strides_in(form, lay.shape)
    found = layouts.layout(lay.shape, strides, dt, is_meta(device))
    return convert.wrap(found, block(found))


def for_each(like: Any, made: Any) -> Any:
    """A new tensor that was made like another one; each example has its own where that stands for many."""
    return like.spread(made) if is_standing(like) else made


def empty_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`empty` with the shape and dtype of another tensor.

    >>> import kagari as torch
    >>> torch.empty_like(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    if is_sparse_layout(layout):
        dt = input.dtype if dtype is None else dtype
        return Hooks.sparse.compressing.of_zeros((input.shape,), dt, layout, requires_grad)
    made = blank_like("empty_like", input, dtype, device, memory_format, layout)
    return for_each(input, finished(made, None, requires_grad))


def zeros_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Zeros with the shape, the dtype and the order in memory of another tensor.

    >>> import kagari as torch
    >>> torch.zeros_like(torch.ones(2))
    tensor([0., 0.])
    """
    if is_sparse_layout(layout):
        dt = input.dtype if dtype is None else dtype
        return Hooks.sparse.compressing.of_zeros((input.shape,), dt, layout, requires_grad)
    made = blank_like("zeros_like", input, dtype, device, memory_format, layout)
    call("zero_")(made)
    unwritten(made)
    return for_each(input, wanting_grad(made) if requires_grad else made)


def ones_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Ones with the shape, the dtype and the order in memory of another tensor.

    >>> import kagari as torch
    >>> torch.ones_like(torch.zeros(2, dtype=torch.int64))
    tensor([1, 1])
    """
    made = blank_like("ones_like", input, dtype, device, memory_format, layout)
    call("fill_")(made, 1)
    unwritten(made)
    return for_each(input, wanting_grad(made) if requires_grad else made)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool =
    False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """One value with the shape, the dtype and the order in memory of another tensor.

    >>> import kagari as torch
    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    made = blank_like("full_like", input, dtype, device, memory_format, layout)
    _fill(made, number("full_like", "fill_value", 2, fill_value))
    return for_each(input, wanting_grad(made) if requires_grad else made)


def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of these sizes and strides, with whatever lies in its memory.

    >>> import kagari as torch
    >>> torch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, strides = sizes_of("empty_strided", (tuple(size),)), sizes_of("empty_strided", (tuple(stride),))
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(strides)})"
        )
    dt = dtype_of("empty_strided", dtype)
    check_sizes("empty_strided", shape, dt)
    if any(s < 0 for s in strides):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(strides)}")
    lay = layouts.layout(shape, strides, dt, is_meta(device))
    span = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    return finished(convert.wrap(lay, block(lay, span * dt.itemsize)), None, requires_grad)


# Sequences and the unit matrix


def _from_values(values: np.ndarray, made: Any) -> Any:
    """A blank contiguous tensor filled with an array's values."""
    if values.size:
        convert.write(made, values)
    return made


def arange(
    *args: Any, start: Any = None, end: Any = None, step: Any = None, out: Any = None, dtype: Any = None, layout: Any =
    None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    r"""The numbers :math:`\text{start} + i \cdot \text{step}` before `end`, :math:`\lceil (\text{end} - \text{start}) /
    \text{step} \rceil` of them: `arange(end)`, `arange(start, end)` or `arange(start, end, step)`.

    The dtype is int64 if all three are integers, else the default one. Raises RuntimeError for a step of 0 or one that
    leads away from the end.

    >>> import kagari as torch
    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if len(args) > 3 or (not args and end is None):
        kinds = ", ".join(type(a).__name__ for a in args)
        raise TypeError(
            f"arange() received an invalid combination of arguments - got ({kinds}), but expected (end), (start, end) "
            "or (start, end, step)"
        )
    if len(args) == 1 and end is None:
        end = args[0]
    elif len(args) == 1:
        start = args[0]
    elif args:
        start, end = args[:2]
        step = args[2] if len(args) == 3 else step
    bounds = [0 if start is None else start, end, 1 if step is None else step]
    names = ("start", "end", "step") if start is not None else ("end", "end", "step")
    low, high, by = (
        number("arange", name, 1 + (i if start is not None else 0), b) for i, (name, b) in enumerate(zip(names, bounds))
    )
    if any(isinstance(x, complex) and x.imag for x in (low, high, by)):
        raise RuntimeError("value cannot be converted to type double without overflow")
    if dtype is None and out is None:
        dt = default_dtype() if float in (type(low), type(high), type(by)) else dtypes.int64
    else:
        dt = out_dtype("arange", out, dtype) if out is not None else dtype_of("arange", dtype)
    values = _arange(low, high, by, dt)
    check_layout("arange", layout)
    return finished(_from_values(values, blank("arange", (values.size,), dt, device)), out, requires_grad)


def _arange(low: Any, high: Any, by: Any, dt: dtype) -> np.ndarray:
    if dt is dtypes.bool_ or dt.is_complex:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dt.type_name}'")
    if by == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"unsupported range: {low} -> {high}")
    if (by > 0) != (high >= low) and high != low:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dt.category == 1:
        if dt is dtypes.int64:
            low, high, by = int(low), int(high), int(by)
            n = -((low - high) // by)
        else:
            n = math.ceil((high - low) / by)
        return int(low) + int(by) * np.arange(n, dtype=np.int64)
    low, high, by = float(low), float(high), float(by)
    return low + by * np.arange(math.ceil((high - low) / by), dtype=np.float64)


def linspace(
    start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    r"""`steps` numbers from `start` to `end`, both included, at equal distances.

    .. math:: \text{out}_i = \text{start} + i \cdot \frac{\text{end} - \text{start}}{\text{steps} - 1}

    >>> import kagari as torch
    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    low, high = _bound("linspace", "start", start), _bound("linspace", "end", end)
    dt = out_dtype("linspace", out, dtype) if out is not None else dtype_of("linspace", dtype)
    values = _linspace("linspace", low, high, steps, dt)
    check_layout("linspace", layout)
    return finished(_from_values(values, blank("linspace", (values.size,), dt, device)), out, requires_grad)


def _bound(name: str, argument: str, given: Any) -> Any:
    if isinstance(given, Hooks.tensor_types) and given.ndim:
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got {argument} with {given.ndim} "
            "dimension(s)."
        )
    return number(name, argument, 1 if argument == "start" else 2, given)


def _linspace(name: str, low: Any, high: Any, steps: Any, dt: dtype) -> np.ndarray:
    """From both ends to the middle, so that the last number is exact."""
    steps = integer(name, "steps", 3, steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if dt is dtypes.bool_:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    kind = np.float32 if dt.category == 2 and dt is not dtypes.float64 else np.float64
    first, last = kind(low), kind(high)
    step = (last - first) / kind(steps - 1) if steps > 1 else kind(0)
    at, half = np.arange(steps, dtype=np.float64), steps // 2
    # In float64, and then rounded once: for float32 that is a fused multiply-add.
    values = np.concatenate([first + step * at[:half], last - step * (steps - 1 - at[half:])], dtype=np.float64)
    if steps == 1:
        values[0] = first
    return values.astype(np.int64) if dt.category == 1 else values.astype(kind)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    r"""`steps` powers of `base`, whose exponents go from `start` to `end` at equal distances.

    >>> import kagari as torch
    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    low, high = _bound("logspace", "start", start), _bound("logspace", "end", end)
    dt = out_dtype("logspace", out, dtype) if out is not None else dtype_of("logspace", dtype)
    exponents = _linspace("logspace", low, high, steps, dt if dt.category != 1 else dtypes.float64)
    values = np.power(exponents.dtype.type(base), exponents)
    check_layout("logspace", layout)
    return finished(_from_values(values, blank("logspace", (values.size,), dt, device)), out, requires_grad)


def eye(
    n: int, m: int | None = None, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Ones on the diagonal and zeros elsewhere, in n rows and m (by default n) columns.

    >>> import kagari as torch
    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows = integer("eye", "n", 1, n)
    columns = rows if m is None else integer("eye", "m", 2, m)
    for name, size in (("n", rows), ("m", columns)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    check_layout("eye", layout)
    made = blank("eye", (rows, columns), dtype, device, out)
    call("zero_")(made)
    length = min(rows, columns)
    if length:
        diagonal = layouts.layout((length,), (columns + 1,), made.dtype, made._layout.meta)
        call("fill_")(convert.wrap(diagonal, made._storage), 1)
    unwritten(made)
    return finished(made, out, requires_grad)


# Methods: tensors of the same dtype as another


def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of the data, of this tensor's dtype unless another is given."""
    place = self.device if device is None else device
    return tensor(data, dtype=self.dtype if dtype is None else dtype, device=place, requires_grad=requires_grad)


def _alike(name: str, t: Tensor, args: tuple[Any, ...], size: Any, dtype: Any, layout: Any, device: Any) -> Tensor:
    """A new tensor of a size, with the dtype and the device of another one unless others are given."""
    return _sized(
        name, args, size, t.dtype if dtype is None else dtype, layout, t.device if device is None else device, None
    )


def new_empty(
    self: Tensor, *args: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`empty` with this tensor's dtype unless another is given."""
    made = _alike("new_empty", self, args, size, dtype, layout, device)
    return for_each(self, wanting_grad(made) if requires_grad else made)


def new_zeros(
    self: Tensor, *args: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`zeros` with this tensor's dtype unless another is given."""
    made = _alike("new_zeros", self, args, size, dtype, layout, device)
    _fill(made, 0)
    return for_each(self, wanting_grad(made) if requires_grad else made)


def new_ones(
    self: Tensor, *args: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`ones` with this tensor's dtype unless another is given."""
    made = _alike("new_ones", self, args, size, dtype, layout, device)
    _fill(made, 1)
    return for_each(self, wanting_grad(made) if requires_grad else made)


def new_full(
    self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`full` with this tensor's dtype unless another is given."""
    if not isinstance(size, Sequence):
        raise TypeError(f"new_full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    made = _sized(
        "new_full",
        (size,),
        None,
        self.dtype if dtype is None else dtype,
        layout,
        self.device if device is None else device,
        None,
    )
    _fill(made, number("new_full", "fill_value", 2, fill_value))
    return for_each(self, wanting_grad(made) if requires_grad else made)


def new_empty_strided(
    self: Tensor, size: Sequence[int], stride: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any =
    None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`empty_strided` with this tensor's dtype unless another is given."""
    dt, place = self.dtype if dtype is None else dtype, self.device if device is None else device
    return empty_strided(size, stride, dtype=dt, layout=layout, device=place, requires_grad=requires_grad)


FUNCTIONS = (
    arange, as_tensor, asarray, empty, empty_like, empty_strided, eye, from_numpy, frombuffer, full, full_like,
    linspace, logspace, ones, ones_like, scalar_tensor, tensor, zeros, zeros_like,
)  # fmt: skip
METHODS = (new_empty, new_empty_strided, new_full, new_ones, new_tensor, new_zeros)
