"""Ranges of integers, and questions to configurations."""

from __future__ import annotations

import warnings
from typing import Any

from ...base import dtypes
from ...base.dtypes import dtype
from ...eager import Tensor
from ...quantized import scheme as schemes

_RANGES = {
    dtypes.qint8: (-128, 127), dtypes.int8: (-128, 127), dtypes.quint8: (0, 255), dtypes.uint8: (0, 255),
    dtypes.qint32: (-(1 << 31), (1 << 31) - 1), dtypes.int32: (-(1 << 31), (1 << 31) - 1),
    dtypes.int16: (-(1 << 15), (1 << 15) - 1), dtypes.uint16: (0, (1 << 16) - 1), dtypes.quint4x2: (0, 15),
}  # fmt: skip
_HALVED = (dtypes.qint8, dtypes.int8, dtypes.quint8, dtypes.uint8)


def is_per_tensor(qscheme: Any) -> bool:
    """Whether a scheme has one scale for all elements."""
    return qscheme in (schemes.per_tensor_affine, schemes.per_tensor_symmetric)


def is_per_channel(qscheme: Any) -> bool:
    """Whether a scheme has a scale for each channel."""
    return qscheme in (
        schemes.per_channel_affine, schemes.per_channel_affine_float_qparams, schemes.per_channel_symmetric,
    )  # fmt: skip


def check_min_max_valid(min_val: Tensor, max_val: Tensor) -> bool:
    """Whether something was observed, which a warning says where not. Raises AssertionError for an empty range."""
    if min_val.numel() == 0 or max_val.numel() == 0:
        warnings.warn("must run observer before calling calculate_qparams. Returning default values.", stacklevel=3)
        return False
    if not min_val.ndim or not max_val.ndim:
        if min_val == float("inf") and max_val == float("-inf"):
            warnings.warn("must run observer before calling calculate_qparams. Returning default values.", stacklevel=3)
            return False
        assert min_val <= max_val, f"min {min_val} should be less than max {max_val}"
    else:
        assert bool((min_val <= max_val).all()), f"min {min_val} should be less than max {max_val}"
    return True


def validate_qmin_qmax(quant_min: int, quant_max: int) -> None:
    """Raises AssertionError for a range of integers without 0, and for an empty one."""
    assert quant_min <= 0 <= quant_max, "Used-specified quantization range must include 0."
    assert quant_min < quant_max, "qmin must be strictly less than qmax for user-specified quantization range."


def calculate_qmin_qmax(
    quant_min: int | None, quant_max: int | None, has_customized_qrange: bool, dtype: dtype, reduce_range: bool
) -> tuple[int, int]:
    """The smallest and the largest integer: those that were given or those of the type; half of that with
    `reduce_range`, so that products of two of them add up in 16 bits.
    """
    if not has_customized_qrange:
        low, high = _RANGES[dtype]
        return (low // 2, high // 2) if reduce_range and dtype in _HALVED else (low, high)
    if quant_min is None or quant_max is None:
        low, high = _RANGES[dtype]
    else:
        low, high = quant_min, quant_max
    length = high - low + 1
    if dtype in (dtypes.qint8, dtypes.int8):
        assert 0 < length <= 256, "quantization range should be positive and not exceed the maximum bit range (=256)."
    elif dtype in (dtypes.qint32, dtypes.int32):
        assert 0 < length <= 1 << 32, (
            "quantization range should be positive and not exceed the maximum bit range (=4294967296)."
        )
    return (low // 2, high // 2) if reduce_range else (low, high)


def activation_dtype(qconfig: Any) -> Any:
    """The type that a configuration asks for activations to be of."""
    return qconfig.activation().dtype


def weight_dtype(qconfig: Any) -> Any:
    """The type that a configuration asks for weights to be of."""
    return qconfig.weight().dtype


def activation_is_dynamically_quantized(qconfig: Any) -> bool:
    """Whether scales of activations are chosen in each call."""
    return getattr(qconfig.activation(), "is_dynamic", False)


def activation_is_statically_quantized(qconfig: Any) -> bool:
    """Whether scales of activations are chosen once, from what was observed."""
    found = qconfig.activation()
    quantized = found.dtype in (
        dtypes.quint8, dtypes.qint8, dtypes.qint32, dtypes.float16, dtypes.uint8, dtypes.int8, dtypes.int16,
        dtypes.int32, dtypes.float8_e5m2, dtypes.float8_e4m3fn,
    )  # fmt: skip
    return quantized and not getattr(found, "is_dynamic", False)


def weight_is_quantized(qconfig: Any) -> bool:
    """Whether weights are quantized at all."""
    return weight_dtype(qconfig) in (
        dtypes.quint8, dtypes.qint8, dtypes.float16, dtypes.quint4x2, dtypes.uint8, dtypes.int8, dtypes.int16,
        dtypes.int32, dtypes.float8_e5m2, dtypes.float8_e4m3fn,
    )  # fmt: skip


__all__ = [
    "activation_dtype", "activation_is_dynamically_quantized", "activation_is_statically_quantized",
    "calculate_qmin_qmax", "check_min_max_valid", "is_per_channel", "is_per_tensor", "validate_qmin_qmax",
    "weight_dtype", "weight_is_quantized",
]  # fmt: skip
