"""Fake quantization: what quantizing a tensor and taking its numbers back would give, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.modes import no_grad
from ..base import dtypes
from ..eager import Tensor, answering, operators
from ..eager.calls import call
from .creation import SMALLEST_SCALE
from .scheme import inverse


def _require_bounds(quant_min: int, quant_max: int, low: int, high: int) -> None:
    if quant_min > quant_max:
        raise RuntimeError("`quant_min` should be less than or         equal to `quant_max`.")
    if not quant_min <= low <= high <= quant_max:
        raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")


def fake_quantize_per_tensor_affine(
    input: Tensor, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> Tensor:
    """`(clamp(round(input / scale) + zero_point, quant_min, quant_max) - zero_point) * scale`.

    The gradient passes straight through where the integer is within the bounds, and is 0 elsewhere. `scale` and
    `zero_point` are numbers or tensors of one. Raises RuntimeError for a zero point out of bounds.

    >>> import kagari as torch
    >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.14, 0.56, 9.0]), 0.1, 0, 0, 31)
    tensor([0.1000, 0.6000, 3.1000])
    """
    if isinstance(zero_point, Tensor):
        if quant_min > quant_max:
            _require_bounds(quant_min, quant_max, 0, 0)
        # Copies: the gradient needs them when an observer has written new ones.
        scale, zero_point = scale.detach().reshape(()).clone(), zero_point.detach().reshape(()).clone()
        return call("fake_quantize")(input, scale, scale.reciprocal(), zero_point, quant_min, quant_max)
    _require_bounds(quant_min, quant_max, zero_point, zero_point)
    size = float(np.float32(scale))
    return call("fake_quantize")(input, size, inverse(size), zero_point, quant_min, quant_max)


def fake_quantize_per_channel_affine(
    input: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int
) -> Tensor:
    """:func:`fake_quantize_per_tensor_affine` with a scale and a zero point for each place along the dimension `axis`.

    Raises RuntimeError where there are not as many of them, for other dtypes, and for a zero point out of bounds.

    >>> import kagari as torch
    >>> x = torch.tensor([[0.14, 0.56], [0.14, 0.56]])
    >>> zeros = torch.zeros(2, dtype=torch.int32)
    >>> torch.fake_quantize_per_channel_affine(x, torch.tensor([0.1, 0.5]), zeros, 0, 0, 255)
    tensor([[0.1000, 0.6000],
            [0.0000, 0.5000]])
    """
    if scale.dtype not in (dtypes.float32, dtypes.bfloat16):
        raise RuntimeError(f"Scale must be Float or BFloat16, found {scale.dtype.type_name}")
    if zero_point.dtype not in (dtypes.int32, dtypes.float32, dtypes.float16):
        raise RuntimeError(f"Zero-point must be Int32, Float or Half, found {zero_point.dtype.type_name}")
    _require_channels(scale, zero_point)
    if not -input.ndim <= axis < input.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got {axis})"
        )
    if input.shape[axis] != scale.numel():
        raise RuntimeError("dimensions of scale and zero-point are not consistent with input tensor")
    few = zero_point.detach() if zero_point.numel() else operators.zeros(1)
    _require_bounds(quant_min, quant_max, few.min().item(), few.max().item())
    shape = _along(input, axis)
    scale, zero_point = scale.detach().view(shape).clone(), zero_point.detach().view(shape).clone()
    return call("fake_quantize")(input, scale, scale.reciprocal(), zero_point, quant_min, quant_max, True)


def _require_channels(scale: Tensor, zero_point: Tensor) -> None:
    for name, t in (("scale", scale), ("zero point", zero_point)):
        if t.ndim != 1:
            raise RuntimeError(f"{name} should be a 1-D tensor")
    if scale.numel() != zero_point.numel():
        raise RuntimeError("scale and zero-point need to have the same dimensions")


def _along(x: Tensor, axis: int) -> list[int]:
    shape = [1] * x.ndim
    shape[axis] = -1
    return shape


def _fake_quantize_learnable_per_tensor_affine(
    self: Tensor, scale: Tensor, zero_point: Tensor, quant_min: int, quant_max: int, grad_factor: float = 1.0
) -> Tensor:
    """Fake quantization that has gradients for the scale and the zero point, tensors of one element, too."""
    return _learnable(self, scale, zero_point, quant_min, quant_max, grad_factor)


def _fake_quantize_learnable_per_channel_affine(
    self: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int,
    grad_factor: float = 1.0,
) -> Tensor:  # fmt: skip
    """Fake quantization by channel that has gradients for the scales and the zero points, too."""
    _require_channels(scale, zero_point)
    shape = _along(self, axis)
    return _learnable(self, scale.view(shape), zero_point.view(shape), quant_min, quant_max, grad_factor)


def _learnable(
    x: Tensor, scale: Tensor, zero_point: Tensor, quant_min: int, quant_max: int, grad_factor: float
) -> Tensor:
    one_over = scale.detach().reciprocal()
    return call("fake_quantize_learnable")(x, scale, one_over, zero_point, quant_min, quant_max, float(grad_factor))


def fused_moving_avg_obs_fake_quant(
    input: Tensor, observer_on: Tensor, fake_quant_on: Tensor, running_min: Tensor, running_max: Tensor, scale: Tensor,
    zero_point: Tensor, averaging_const: float, quant_min: int, quant_max: int, ch_axis: int,
    per_row_fake_quant: bool = False, symmetric_quant: bool = False,
) -> Tensor:  # fmt: skip
    """Observes the range of a tensor as a moving average, chooses the scale and zero point for it, and gives what
    quantizing with them would. The running range, the scale and the zero point are written in place.
    """
    if observer_on.item() and input.numel():
        with no_grad():
            _observe(input.detach(), running_min, running_max, scale, zero_point, averaging_const, quant_min,
                     quant_max, ch_axis if per_row_fake_quant else None, symmetric_quant)  # fmt: skip
    if not fake_quant_on.item():
        return input
    if per_row_fake_quant:
        zeros = zero_point if zero_point.dtype is dtypes.int32 else zero_point.int()
        return fake_quantize_per_channel_affine(input, scale, zeros, ch_axis, quant_min, quant_max)
    return fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max)


def _observe(
    x: Tensor, running_min: Tensor, running_max: Tensor, scale: Tensor, zero_point: Tensor, average: float,
    quant_min: int, quant_max: int, axis: int | None, symmetric: bool,
) -> None:  # fmt: skip
    if axis is None:
        found = x.min(), x.max()
    else:
        others = [d for d in range(x.ndim) if d != axis % x.ndim]
        found = (x.amin(others), x.amax(others)) if others else (x, x)
    for running, new in zip((running_min, running_max), found):
        if not running.numel():
            running.resize_(new.shape).copy_(new)
        elif running.isinf().any().item():
            running.copy_(new.reshape(running.shape))
        else:
            running.add_((new.reshape(running.shape) - running) * average)
    chosen = _chosen(running_min, running_max, quant_min, quant_max, symmetric)
    for kept, new in zip((scale, zero_point), chosen):
        if kept.shape != new.shape and axis is not None:
            kept.resize_(new.shape)
        kept.copy_(new.reshape(kept.shape))


def _chosen(low: Tensor, high: Tensor, quant_min: int, quant_max: int, symmetric: bool) -> tuple[Tensor, Tensor]:
    """The scales and zero points for ranges."""
    low, high, steps = low.double().clamp(max=0), high.double().clamp(min=0), quant_max - quant_min
    both = (low < 0) & (high > 0)
    if symmetric:
        below, above = -(steps // 2 + 1), steps // 2
        size = operators.maximum(low / below, high / above)
        low, high = operators.where(both, size * below, low), operators.where(both, size * above, high)
    scale = (high - low) / steps
    scale = operators.where((scale.float() == 0) | (1 / scale.float()).isinf(), 0.1, scale)
    least = float(SMALLEST_SCALE)
    grown = operators.where(scale < least, least / scale, 1.0)
    low, high, scale = low * grown, high * grown, scale.clamp(min=least)
    errors = abs(quant_min) - (low / scale).abs(), abs(quant_max) - (high / scale).abs()
    zero = operators.where(errors[0] < errors[1], quant_min - low / scale, quant_max - high / scale)
    if symmetric:
        zero = operators.where(both, (quant_min + quant_max) / 2, zero)
    return scale, zero.clamp(quant_min, quant_max).round()


for _f in (
    _fake_quantize_learnable_per_channel_affine, _fake_quantize_learnable_per_tensor_affine,
    fake_quantize_per_channel_affine, fake_quantize_per_tensor_affine, fused_moving_avg_obs_fake_quant,
):  # fmt: skip
    answering.told(_f)

__all__ = [
    "_fake_quantize_learnable_per_channel_affine", "_fake_quantize_learnable_per_tensor_affine",
    "fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine", "fused_moving_avg_obs_fake_quant",
]  # fmt: skip
