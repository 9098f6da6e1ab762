"""Products and convolutions of quantized tensors: sums of products of integers, then a scale, a bias and new integers.

    y = (sum over c of (x_c - zero_point) (w_oc - weight_zero_o)) * scale_o + bias_o

The sums are exact. Where so many products are added that a float32 could round, they are added as float64.
"""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype, float32, float64
from ..base.symbols import Size, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .affine import as_integers
from .convolve import Geometry, convolved, scattered
from .operator import Number, Operator, Tensor, operator

_EXACT = (1 << 24) // (255 * 128)
"""So many products of 8-bit integers add up exactly as float32."""


def _centred(x: Value, zero_point: Any, dt: dtype) -> Value:
    wide = graph.cast(x, dt)
    return wide if zero_point is None else ir.sub(wide, zero_point)


def _finished(
    sums: Value, scale: Value, bias: Value | None, inverse: Any, zero_point: Any, relu: bool, dt: dtype | None,
    order: str = "sum",
) -> Value:  # fmt: skip
    """The sums as numbers, and as integers of another scale where `dt` is given.

    The product with the scale and the sum with the bias are rounded at once. `order` is that of the last rounding.
    """
    wide = ir.mul(graph.cast(graph.cast(sums, float32), float64), scale)
    y = graph.cast(wide if bias is None else ir.add(wide, bias), float32)
    if relu:
        y = ir.maximum(y, 0)
    if dt is None:
        return y
    return as_integers(y, inverse, zero_point, dt, order)


@operator(function=False, method=False, out=False, fresh=True, differentiable=False)
def quantized_linear(
    input: Tensor, weight: Tensor, zero_point: Number, weight_zero: Tensor | None, scale: Tensor, bias: Tensor | None,
    inverse: Number, out_zero: Number, relu: bool, dtype: dtype | None,
) -> Value:  # fmt: skip
    """The product of integers (*, K) with the transpose of integers (N, K), as float32 or, with `dtype`, as integers.

    `scale` and `bias` are (N,) or (1,), `weight_zero` is (N, 1) or None where it is 0, `inverse` is one over the scale
    of the result.
    """
    x, w = input, weight
    dt = float32 if w.shape[1] <= _EXACT else float64
    rows = graph.reshape(_centred(x, zero_point, dt), (product(x.shape[:-1]), x.shape[-1]))
    columns = ir.transpose(_centred(w, weight_zero, dt), 0, 1)
    sums = graph.dot(rows, columns)
    made = _finished(sums, scale, bias, inverse, out_zero, relu, dtype, "steps")
    return graph.reshape(made, (*x.shape[:-1], w.shape[0]))


def _is_exact(w: Value, groups: int) -> bool:
    """Whether float32 adds exactly: few products, and no windows that may be summed by minimal filtering."""
    taps: Size = product(w.shape[2:])
    return (taps == 1 or w.shape[1] == 1) and product(w.shape[1:]) <= _EXACT


@operator(function=False, method=False, out=False, fresh=True, differentiable=False, order="channels")
def quantized_conv(
    input: Tensor, weight: Tensor, zero_point: Number, weight_zero: Tensor | None, scale: Tensor, bias: Tensor | None,
    inverse: Number, out_zero: Number, relu: bool, dtype: dtype | None, stride: tuple[int, ...],
    padding: tuple[int, ...], dilation: tuple[int, ...], groups: int, added: Tensor | None = None,
    added_scale: Number = 1.0, added_zero: Number = 0,
) -> Value:  # fmt: skip
    """The convolution of integers (N, C, *S) with integers (O, C / groups, *K), as :func:`quantized_linear`.

    Padding is with the zero point. `scale` and `bias` are shaped (O, 1...) or (1, 1...). `added` is a quantized tensor
    that is added to the result before it becomes integers.
    """
    x, w = input, weight
    dt = float32 if _is_exact(w, groups) else float64
    form = Geometry(stride, padding, padding, dilation, groups)
    sums = convolved(_centred(x, zero_point, dt), _centred(w, weight_zero, dt), form)
    if added is None:
        return _finished(sums, scale, bias, inverse, out_zero, relu, dtype)
    y = _finished(sums, scale, bias, inverse, out_zero, False, None)
    y = ir.add(y, ir.mul(_centred(added, added_zero, float32), added_scale))
    return _finished(y, ir.full((1,) * y.ndim, 1.0, float32), None, inverse, out_zero, relu, dtype)


@operator(function=False, method=False, out=False, fresh=True, differentiable=False, order="channels")
def quantized_conv_transpose(
    input: Tensor, weight: Tensor, zero_point: Number, weight_zero: Tensor | None, scale: Tensor, bias: Tensor | None,
    inverse: Number, out_zero: Number, dtype: dtype | None, stride: tuple[int, ...], padding: tuple[int, ...],
    output_padding: tuple[int, ...], dilation: tuple[int, ...], groups: int,
) -> Value:  # fmt: skip
    """The transposed convolution of integers (N, C, *S) with integers (C, O / groups, *K)."""
    x, w = input, weight
    form = Geometry(stride, padding, padding, dilation, groups)
    sizes = tuple([
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + m
        for n, s, p, k, d, m in zip(x.shape[2:], stride, padding, w.shape[2:], dilation, output_padding)
    ])  # fmt: skip
    sums = scattered(_centred(x, zero_point, float64), _centred(w, weight_zero, float64), form, sizes)
    return _finished(sums, scale, bias, inverse, out_zero, False, dtype)


OPERATORS: tuple[Operator, ...] = (quantized_linear, quantized_conv, quantized_conv_transpose)
