"""Numbers as integers with a scale and a zero point, `x ≈ (q - zero_point) * scale`: there, back, and there and back.

Scales are numbers, or tensors shaped to be broadcast: one for each channel. Rounding is to the nearest integer, halves
to the even one, and what lies beyond the integers becomes the nearest of them.
"""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype, float32, float64, int32, int64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .check import require
from .operator import Number, Operator, Tensor, operator

LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "int32": (-(1 << 31), (1 << 31) - 1)}
"""The smallest and the largest integer of each type that numbers are quantized to."""


def as_integers(x: Value, inverse: Any, zero_point: Any, dt: dtype, order: str) -> Value:
    """`x * inverse + zero_point` as integers, in the roundings of :func:`quantize_affine`."""
    low, high = LIMITS[dt.name]
    nan = low if dt is int32 else high if order == "once" else 0
    if order == "once":
        return rounded(_sum(ir.mul(graph.cast(x, float64), inverse), zero_point), low, high, nan, dt)
    steps = ir.astype(ir.mul(x, inverse), float32)
    if order == "steps":
        return rounded(ir.add(ir.round_(steps), zero_point), low, high, nan, dt)
    return rounded(_sum(steps, zero_point), low, high, nan, dt)


def _sum(x: Value, zero_point: Any) -> Value:
    """The sum as a float32, rounded once."""
    return graph.cast(ir.add(graph.cast(x, float64), zero_point), float32)


def rounded(x: Value, low: int, high: int, nan: int, dt: dtype) -> Value:
    """The nearest integers between two bounds, and `nan` for what is no number."""
    near = ir.round_(x)
    over = ir.ge(near, high)
    held = ir.where(over, 0, ir.where(ir.gt(near, low), near, ir.where(ir.le(near, low), low, nan)))
    return ir.where(over, graph.const(high, dt), graph.cast(held, dt))  # a float32 cannot hold the largest of 32 bits


@operator(function=False, method=False, out=False, pointwise=True, differentiable=False)
def quantize_affine(
    input: Tensor, inverse: Tensor | Number, zero_point: Tensor | Number, dtype: dtype, order: str = "sum"
) -> Value:
    """`q_i = round(input_i * inverse + zero_point)`, held within the integers of `dtype`.

    `inverse` is one over the scale. Where the exact number lies halfway between two integers, the result depends on
    what is rounded: the product and the sum to 24 bits each (`order="sum"`), both at once (`"once"`), or the product to
    an integer, before the zero point is added (`"steps"`).
    """
    return as_integers(input, inverse, zero_point, dtype, order)


@operator(function=False, method=False, out=False, pointwise=True, differentiable=False)
def dequantize_affine(input: Tensor, scale: Tensor | Number, zero_point: Tensor | Number) -> Value:
    """`x_i = (input_i - zero_point) * scale` as float32."""
    zero_point = ir.lift(zero_point)
    if zero_point.dtype.category == 2 and not zero_point.weak:
        return ir.mul(ir.sub(graph.cast(input, float32), zero_point), scale)
    wide = int32 if zero_point.weak else int64
    from_zero = ir.sub(graph.cast(input, wide), graph.cast(zero_point, wide))
    return ir.mul(graph.cast(from_zero, float32), scale)


@operator(function=False, method=False, out=False, pointwise=True, differentiable=False)
def quantized_sum(
    input: Tensor, scale: Number, zero_point: Number, other: Tensor, other_scale: Number, other_zero: Number
) -> Value:
    """The sum of the numbers that two quantized tensors stand for, as float32."""
    return ir.add(_numbers(input, scale, zero_point), _numbers(other, other_scale, other_zero))


def _numbers(x: Value, scale: Any, zero_point: Any) -> Value:
    """`x * scale - zero_point * scale`, of which the second product is rounded, and then the whole."""
    wide = graph.cast(scale, float64)
    zero = graph.cast(graph.cast(ir.mul(wide, zero_point), float32), float64)
    return graph.cast(ir.sub(ir.mul(graph.cast(x, float64), wide), zero), float32)


# There and back, with a gradient


def _place(x: Value, inverse: Any, zero_point: Any) -> Value:
    """Where x lies among the integers, before they are bounded."""
    wide = graph.cast(x, x.dtype if x.dtype is float64 else float32)
    return ir.add(graph.cast(ir.round_(ir.mul(wide, inverse)), float32), zero_point)


def _back(q: Value, scale: Any, zero_point: Any, quant_min: Any, quant_max: Any, dt: dtype) -> Value:
    """The numbers that integers between two bounds stand for. NaN becomes the lower bound."""
    low = ir.where(ir.ge(q, quant_min), q, quant_min)
    held = ir.where(ir.le(low, quant_max), low, quant_max)
    return ir.astype(ir.mul(ir.sub(held, zero_point), scale), dt)


def _inside(q: Value, quant_min: Any, quant_max: Any) -> Value:
    return ir.ge(q, quant_min) & ir.le(q, quant_max)


def _fake_gradient(
    g: Value, input: Value, scale: Any, inverse: Any, zero_point: Any, quant_min: Any, quant_max: Any,
    by_channel: bool = False,
) -> list[Value | None]:  # fmt: skip
    kept = ir.where(_inside(_place(input, inverse, zero_point), quant_min, quant_max), g, 0)
    return [kept, *(None for x in (scale, inverse, zero_point) if isinstance(x, Value) and not x.weak)]


def _fake_node(args: tuple[Any, ...]) -> str:
    if len(args) > 6 and args[6]:
        return "FakeQuantizePerChannelAffineCachemaskBackward0"
    tensors = "TensorQparams" if nodes.is_tensor(args[1]) else ""
    return f"FakeQuantizePerTensorAffineCachemask{tensors}Backward0"


@operator(function=False, method=False, out=False, fresh=True, gradient=_fake_gradient, node=_fake_node)
def fake_quantize(
    input: Tensor, scale: Tensor | Number, inverse: Tensor | Number, zero_point: Tensor | Number, quant_min: Number,
    quant_max: Number, by_channel: bool = False,
) -> Value:  # fmt: skip
    """`input` rounded to the integers between two bounds, and back: `(clamp(round(x / s) + z) - z) * s`.

    `inverse` is `1 / scale`. Gradients pass where the integer lies within the bounds (straight through).
    """
    require("fake_quantize_tensor_cachemask_kernel_type_handling", input.dtype)
    return _back(_place(input, inverse, zero_point), scale, zero_point, quant_min, quant_max, input.dtype)


def _held_zero(zero_point: Value, quant_min: Any, quant_max: Any) -> Value:
    """A learned zero point as one of the integers."""
    near = ir.floor(ir.add(graph.cast(zero_point, float32), 0.5))
    return ir.minimum(ir.maximum(near, quant_min), quant_max)


def _learnable_gradient(
    g: Value, input: Value, scale: Value, inverse: Value, zero_point: Value, quant_min: Any, quant_max: Any,
    grad_factor: Any,
) -> list[Value | None]:  # fmt: skip
    zero = _held_zero(zero_point, quant_min, quant_max)
    q = _place(input, inverse, zero)
    inside = _inside(q, quant_min, quant_max)
    error = ir.mul(ir.sub(ir.mul(ir.sub(q, zero), scale), input), inverse)
    beyond = ir.where(ir.lt(q, quant_min), ir.sub(quant_min, zero), ir.sub(quant_max, zero))
    by_scale, by_zero = ir.where(inside, error, beyond), ir.where(inside, 0.0, ir.neg(scale))
    sums = [ir.sum_to(ir.mul(ir.mul(g, by), grad_factor), scale.shape) for by in (by_scale, by_zero)]
    return [ir.where(inside, g, 0), ir.astype(sums[0], scale.dtype), None, ir.astype(sums[1], zero_point.dtype)]


def _learnable_node(args: tuple[Any, ...]) -> str:
    return f"FakeQuantizeLearnablePer{'Channel' if nodes.rank(args, 1) > 1 else 'Tensor'}AffineBackward0"


@operator(function=False, method=False, out=False, fresh=True, gradient=_learnable_gradient, node=_learnable_node)
def fake_quantize_learnable(
    input: Tensor, scale: Tensor, inverse: Tensor, zero_point: Tensor, quant_min: Number, quant_max: Number,
    grad_factor: Number,
) -> Value:  # fmt: skip
    """:func:`fake_quantize` with gradients of the scale and of the zero point, times `grad_factor`.

    Source: Esser and others, "Learned Step Size Quantization", 2020.
    """
    zero = _held_zero(zero_point, quant_min, quant_max)
    return _back(_place(input, inverse, zero), scale, zero, quant_min, quant_max, input.dtype)


OPERATORS: tuple[Operator, ...] = (
    quantize_affine, dequantize_affine, quantized_sum, fake_quantize, fake_quantize_learnable,
)  # fmt: skip
