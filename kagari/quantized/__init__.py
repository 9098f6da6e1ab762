"""Quantized tensors: numbers as integers of eight bits with a scale and a zero point, and what computes with them.

`kagari` shows the public names; `kagari.ao.quantization` is what quantizes models.
"""

from __future__ import annotations

from .creation import (
    _choose_qparams_per_tensor,
    _empty_affine_quantized,
    _empty_per_channel_affine_quantized,
    _make_per_channel_quantized_tensor,
    _make_per_tensor_quantized_tensor,
    dequantize,
    empty_quantized,
    int_repr,
    q_per_channel_axis,
    q_per_channel_scales,
    q_per_channel_zero_points,
    q_scale,
    q_zero_point,
    quantize_per_channel,
    quantize_per_tensor,
    quantize_per_tensor_dynamic,
)
from .fake import (
    _fake_quantize_learnable_per_channel_affine,
    _fake_quantize_learnable_per_tensor_affine,
    fake_quantize_per_channel_affine,
    fake_quantize_per_tensor_affine,
    fused_moving_avg_obs_fake_quant,
)
from .scheme import (
    PerChannel,
    PerTensor,
    per_channel_affine,
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
    qscheme,
)
from .tensor import QuantizedTensor

__all__ = [
    "PerChannel", "PerTensor", "QuantizedTensor", "_choose_qparams_per_tensor", "_empty_affine_quantized",
    "_empty_per_channel_affine_quantized", "_fake_quantize_learnable_per_channel_affine",
    "_fake_quantize_learnable_per_tensor_affine", "_make_per_channel_quantized_tensor",
    "_make_per_tensor_quantized_tensor", "dequantize", "empty_quantized", "fake_quantize_per_channel_affine",
    "fake_quantize_per_tensor_affine", "fused_moving_avg_obs_fake_quant", "int_repr", "per_channel_affine",
    "per_channel_affine_float_qparams", "per_channel_symmetric", "per_tensor_affine", "per_tensor_symmetric",
    "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale", "q_zero_point", "qscheme",
    "quantize_per_channel", "quantize_per_tensor", "quantize_per_tensor_dynamic",
]  # fmt: skip
