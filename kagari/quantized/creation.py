"""Quantized tensors from numbers, from integers, and from nothing; and the questions to them, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..eager import Tensor, answering, operators
from .answers import is_quantized
from .scheme import PerChannel, PerTensor, require_quantized, require_zero_points
from .tensor import QuantizedTensor


def _mismatch(name: str, given: Sequence[Any]) -> TypeError:
    kinds = ", ".join("torch.dtype" if isinstance(a, dtype) else type(a).__name__ for a in given)
    return TypeError(f"{name}() received an invalid combination of arguments - got ({kinds})")


def quantize_per_tensor(input: Any, scale: Any, zero_point: Any, dtype: dtype) -> Any:
    """A float32 tensor as integers: `q = clamp(round(input / scale) + zero_point)`. Of several tensors, with tensors
    of scales and zero points, a tuple.

    Raises RuntimeError for other types, and for a zero point that is none of the integers.

    >>> import kagari as torch
    >>> torch.quantize_per_tensor(torch.tensor([-1.0, 0.3, 2.0]), 0.5, 10, torch.quint8).int_repr()
    tensor([ 8, 11, 14], dtype=torch.uint8)
    """
    if isinstance(input, tuple | list):
        return tuple([quantize_per_tensor(x, s, z, dtype) for x, s, z in zip(input, scale, zero_point)])
    numbers = [a.item() if isinstance(a, Tensor) and a.numel() == 1 else a for a in (scale, zero_point)]
    known = isinstance(numbers[0], float | int) and isinstance(numbers[1], int | np.integer)
    if isinstance(zero_point, Tensor):
        known, numbers[1] = True, int(numbers[1])
    if not isinstance(input, Tensor) or not known or not isinstance(dtype, dtypes.dtype):
        raise _mismatch("quantize_per_tensor", (input, scale, zero_point, dtype))
    if is_quantized(input):
        raise NotImplementedError(
            "Could not run 'aten::quantize_per_tensor' with arguments from the 'QuantizedCPU' backend."
        )
    if input.dtype is not dtypes.float32:
        raise RuntimeError(f"Quantize only works on Float Tensor, got {input.dtype.type_name}")
    require_quantized(dtype)
    require_zero_points("quantize_tensor_per_tensor_affine", [numbers[1]], dtype)
    quantizer = PerTensor(float(numbers[0]), int(numbers[1]))
    return QuantizedTensor(quantizer.quantize(input.detach(), dtype), quantizer)


def quantize_per_channel(input: Tensor, scales: Tensor, zero_points: Tensor, axis: int, dtype: dtype) -> Any:
    """A float32 tensor as integers, with a scale and a zero point for each place along the dimension `axis`.

    Raises RuntimeError where there are not as many of them, and for a zero point that is none of the integers.

    >>> import kagari as torch
    >>> x = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    >>> torch.quantize_per_channel(x, torch.tensor([1.0, 0.5]), torch.tensor([0, 3]), 0, torch.qint8).int_repr()
    tensor([[1, 2],
            [5, 7]], dtype=torch.int8)
    """
    if input.dtype is not dtypes.float32:
        raise RuntimeError(f"quantize_tensor_per_channel_affine expects a Float Tensor, got {input.dtype.type_name}")
    require_quantized(dtype)
    quantizer = _channels(input, scales, zero_points, axis)
    if not quantizer.floats:
        require_zero_points("quantize_tensor_per_channel_affine", quantizer.zero_points.tolist(), dtype)
    return QuantizedTensor(quantizer.quantize(input.detach(), dtype), quantizer)


def _channels(x: Tensor, scales: Tensor, zero_points: Tensor, axis: int) -> PerChannel:
    """Scales and zero points, checked."""
    for name, t in (("scale", scales), ("zero_points", zero_points)):
        if t.ndim != 1:
            raise RuntimeError(f"{name} tensor must have dimension 1")
    if scales.numel() != zero_points.numel():
        raise RuntimeError("number of elements in scales and zero_points must match")
    if not 0 <= axis < x.ndim:
        raise RuntimeError(
            f"Channel axis out of range in per channel affine quantization. Got: {axis}Expected: [0, {x.ndim})"
        )
    if x.shape[axis] != scales.numel():
        raise RuntimeError(f"length of scales must equal to channel, expected {x.shape[axis]} got, {scales.numel()}")
    if zero_points.is_floating_point():
        return PerChannel(scales.detach().float(), zero_points.detach().float(), axis, True)
    return PerChannel(scales.detach().double(), zero_points.detach().long(), axis)


def quantize_per_tensor_dynamic(input: Tensor, dtype: dtype, reduce_range: bool) -> Any:
    """A float32 tensor as integers, with the scale and zero point that its smallest and largest numbers ask for.

    With `reduce_range` one bit less is used. Raises RuntimeError for dtypes other than quint8 and qint8.

    >>> import kagari as torch
    >>> torch.quantize_per_tensor_dynamic(torch.tensor([0.0, 255.0]), torch.quint8, False).q_scale()
    1.0
    """
    if input.dtype is not dtypes.float32:
        raise RuntimeError(f"Quantize only works on Float Tensor, got {input.dtype.type_name}")
    if dtype not in (dtypes.quint8, dtypes.qint8):
        raise RuntimeError(f"dtype {dtype.type_name}not supported")
    low, high = (0, 255) if dtype is dtypes.quint8 else (-128, 127)
    scale, zero_point = _parameters(input, low // 2 if reduce_range else low, high // 2 if reduce_range else high)
    return quantize_per_tensor(input, scale, zero_point, dtype)


SMALLEST_SCALE = np.float32(6.1e-5)
"""Smaller scales are not chosen: their inverse would be too large."""


def _parameters(x: Tensor, low: int, high: int) -> tuple[float, int]:
    """The scale and zero point with which the range of a tensor's numbers, and 0, are the integers between bounds."""
    if not x.numel():
        raise RuntimeError(
            "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    x = x.detach()
    smallest, largest = x.min().item(), x.max().item()
    if not smallest <= largest:
        raise RuntimeError("In ChooseQuantizationParams, min should be less than or equal to max")
    smallest, largest = min(smallest, 0.0), max(largest, 0.0)
    scale = (largest - smallest) / (high - low)
    with np.errstate(divide="ignore", over="ignore"):
        if np.float32(scale) == 0 or np.isinf(np.float32(1) / np.float32(scale)):
            scale = 0.1
    if scale < SMALLEST_SCALE:
        before, scale = scale, float(SMALLEST_SCALE)
        if smallest == 0:
            largest = SMALLEST_SCALE * np.float32(high - low)
        elif largest == 0:
            smallest = -SMALLEST_SCALE * np.float32(high - low)
        else:
            grown = np.float32(scale / before)
            smallest, largest = smallest * grown, largest * grown
    from_low, from_high = low - smallest / scale, high - largest / scale
    errors = abs(low) - abs(smallest / scale), abs(high) - abs(largest / scale)
    nearer = from_low if errors[0] < errors[1] else from_high
    if not np.isfinite(nearer):
        return scale, -(1 << 31)
    return scale, low if nearer < low else high if nearer > high else round(nearer)


def _choose_qparams_per_tensor(self: Tensor, reduce_range: bool = False) -> tuple[float, int]:
    """The scale and zero point that the numbers of a tensor ask for, as quint8."""
    return _parameters(self, 0, 127 if reduce_range else 255)


# From integers, and from nothing


def _quantized_of(integers: Tensor) -> None:
    if integers.dtype not in dtypes.QUANTIZED.values():
        raise RuntimeError("Creation of quantized tensor requires quantized dtype like torch.quint8")


def _make_per_tensor_quantized_tensor(input: Tensor, scale: float, zero_point: int) -> Any:
    """A quantized tensor of given integers."""
    _quantized_of(input)
    return QuantizedTensor(input.clone(), PerTensor(float(scale), int(zero_point)))


def _make_per_channel_quantized_tensor(input: Tensor, scale: Tensor, zero_point: Tensor, axis: int) -> Any:
    """A quantized tensor of given integers, with a scale and a zero point for each channel."""
    _quantized_of(input)
    return QuantizedTensor(input.clone(), _channels(input, scale, zero_point, axis))


def _empty(size: Sequence[int], dt: dtype) -> Tensor:
    return operators.empty(tuple(size), dtype=dtypes.QUANTIZED[require_quantized(dt)])


def _empty_affine_quantized(
    size: Sequence[int], *, scale: float = 1.0, zero_point: int = 0, dtype: dtype, device: Any = None,
    memory_format: Any = None,
) -> Any:  # fmt: skip
    """A quantized tensor of whatever lies in its memory."""
    return QuantizedTensor(_empty(size, dtype), PerTensor(float(scale), int(zero_point)))


def _empty_per_channel_affine_quantized(
    size: Sequence[int], *, scales: Tensor, zero_points: Tensor, axis: int, dtype: dtype, device: Any = None
) -> Any:
    """A quantized tensor of whatever lies in its memory, with a scale and a zero point for each channel."""
    made = _empty(size, dtype)
    return QuantizedTensor(made, _channels(made, scales, zero_points, axis))


def empty_quantized(size: Sequence[int], qtensor: Any, *, dtype: dtype | None = None) -> Any:
    """A quantized tensor of whatever lies in its memory, with the scale and zero point of another one.

    >>> import kagari as torch
    >>> q = torch.quantize_per_tensor(torch.ones(2), 0.5, 10, torch.quint8)
    >>> torch.empty_quantized((2, 3), q).q_zero_point()
    10
    """
    return QuantizedTensor(_empty(size, dtype or qtensor.dtype), qtensor._quantizer)


# Questions, as functions


def _question(name: str, doc: str) -> Callable[[Tensor], Any]:
    def ask(input: Tensor) -> Any:
        return getattr(input, name)()

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = doc
    return ask


int_repr = _question("int_repr", "The integers of a quantized tensor.")
q_scale = _question("q_scale", "The scale of a quantized tensor.")
q_zero_point = _question("q_zero_point", "The integer that stands for 0 in a quantized tensor.")
q_per_channel_axis = _question("q_per_channel_axis", "The dimension along which scales differ.")
q_per_channel_scales = _question("q_per_channel_scales", "The scales of the channels of a quantized tensor.")
q_per_channel_zero_points = _question("q_per_channel_zero_points", "The zero points of the channels.")


def dequantize(tensors: Any) -> Any:
    """The numbers of a quantized tensor, as float32; of several tensors a tuple.

    >>> import kagari as torch
    >>> torch.dequantize(torch.quantize_per_tensor(torch.tensor([0.6]), 0.5, 0, torch.qint8))
    tensor([0.5000])
    """
    return tensors.dequantize() if isinstance(tensors, Tensor) else tuple([t.dequantize() for t in tensors])


for _f in (
    dequantize, int_repr, q_per_channel_axis, q_per_channel_scales, q_per_channel_zero_points, q_scale, q_zero_point,
    quantize_per_channel, quantize_per_tensor, quantize_per_tensor_dynamic,
):  # fmt: skip
    answering.told(_f)

__all__ = [
    "SMALLEST_SCALE", "_choose_qparams_per_tensor", "_empty_affine_quantized", "_empty_per_channel_affine_quantized",
    "_make_per_channel_quantized_tensor", "_make_per_tensor_quantized_tensor", "dequantize", "empty_quantized",
    "int_repr", "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale", "q_zero_point",
    "quantize_per_channel", "quantize_per_tensor", "quantize_per_tensor_dynamic",
]  # fmt: skip
