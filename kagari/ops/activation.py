"""Activation functions, element by element: PyTorch's `relu`, `threshold` and what `nn.functional` has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import bool_, dtype
from ..ir import build as ir
from ..ir.graph import Value
from .check import LARGEST, TYPE_NAMES, require
from .operator import Number, Operator, Sample, Tensor, operator
from .samples import args, together, unary, wanted

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
SQRT_HALF, SQRT_2_OVER_PI = math.sqrt(0.5), math.sqrt(2 / math.pi)

_nn: dict[str, Any] = {"namespace": "nn.functional", "pointwise": True, "method": False, "out": False}


def _no_ints(kernel: str, *rest: Any) -> Any:
    return args(wanted(2, dtype="int64"), *rest), NotImplementedError, f"\"{kernel}\" not implemented for 'Long'"


def _with(*settings: dict[str, Any]) -> Callable[[Callable[..., Any]], Iterator[Sample]]:
    """The samples of one tensor, and matrices with each of some settings."""

    def more(make: Callable[..., Any]) -> Iterator[Sample]:
        for named in settings:
            yield (make(3, 9),), named
            yield (make(values=[-1.0, 0.0, 1.0, float("nan"), float("inf"), -float("inf")]),), named

    return together(unary(), more)


# Rectifiers


def _relu_gradient(g: Value, input: Value) -> list[Value]:
    # By the sign of the result: that is what the next operator keeps anyway, and what an in-place relu leaves.
    return [ir.where(ir.le(relu.define(input), 0), 0, g)]


@operator(
    inplace=True,
    pointwise=True,
    gradient=_relu_gradient,
    samples=unary(),
    dtypes="fi",
    errors=[(args(wanted(2, dtype="bool")), RuntimeError, "Boolean inputs not supported for relu")],
)
def relu(input: Tensor) -> Value:
    """`out_i = max(0, input_i)`; the gradient at 0 is 0.

    >>> import kagari as torch
    >>> torch.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if input.dtype is bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    if input.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    return ir.where(ir.le(input, 0), 0, input)


@operator(
    inplace=True,
    samples=_with({"negative_slope": 0.2}, {"negative_slope": 1}),
    dtypes="f",
    errors=[_no_ints("leaky_relu_cpu")],
    **_nn,
)
def leaky_relu(input: Tensor, negative_slope: Number = 0.01) -> Value:
    """`out_i = input_i` above 0, `negative_slope * input_i` elsewhere."""
    require("leaky_relu_cpu", input.dtype)
    return ir.where(ir.lt(0, input), input, input * negative_slope)


@operator(
    inplace=True,
    pointwise=True,
    method=False,
    samples=lambda make: (((*a, 0.5, -2), {}) for a, _ in unary()(make)),
    dtypes="fi",
)
def threshold(input: Tensor, threshold: Number, value: Number) -> Value:
    """`out_i = input_i` above `threshold`, `value` elsewhere."""
    bound, other = (ir.astype(ir.lift(x), input.dtype) for x in (threshold, value))
    return ir.where(ir.le(input, bound), other, input)


def _hardtanh_gradient(g: Value, input: Value, min_val: Any = -1.0, max_val: Any = 1.0) -> list[Value]:
    # On the bounds the gradient is 0: the derived one would be split there.
    return [ir.where(ir.le(input, min_val) | ir.ge(input, max_val), 0, g)]


@operator(
    inplace=True,
    gradient=_hardtanh_gradient,
    samples=_with({"min_val": -2, "max_val": 0.5}),
    dtypes="fi",
    errors=[(args(wanted(2, dtype="bool")), RuntimeError, "Bool inputs not supported for hardtanh")],
    **_nn,
)
def hardtanh(input: Tensor, min_val: Number = -1.0, max_val: Number = 1.0) -> Value:
    """`out_i = min(max(input_i, min_val), max_val)`."""
    if input.dtype is bool_:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    low, high = (ir.astype(ir.lift(x), input.dtype) for x in (min_val, max_val))
    return ir.minimum(ir.maximum(input, low), high)


@operator(
    inplace=True,
    gradient=lambda g, input: _hardtanh_gradient(g, input, 0, 6),
    samples=unary(-2, 8),
    dtypes="fi",
    errors=[(args(wanted(2, dtype="bool")), RuntimeError, "Bool inputs not supported for hardtanh")],
    **_nn,
    node="HardtanhBackward0",
)
def relu6(input: Tensor) -> Value:
    """`out_i = min(max(input_i, 0), 6)`."""
    return hardtanh.define(input, 0, 6)


# Exponential rectifiers


def _elu(x: Value, alpha: Any, scale: Any = 1, input_scale: Any = 1) -> Value:
    require("elu_cpu", x.dtype)
    # Above 0 the exponential is that of 0, or its overflow would make the gradient NaN.
    below = ir.expm1(ir.where(ir.lt(x, 0), x, 0) * input_scale)
    return ir.where(ir.le(x, 0), below * (alpha * scale), x * scale)


def _elu_slope(x: Value, alpha: Any, scale: Any = 1, input_scale: Any = 1) -> Value:
    # At 0 the slope is that of the left side, which the derived gradient would miss.
    slope = ir.exp(ir.where(ir.lt(x, 0), x, 0) * input_scale) * input_scale
    return ir.where(ir.le(x, 0), slope * (alpha * scale), scale)


@operator(
    inplace=True,
    gradient=lambda g, input, alpha=1.0: [g * _elu_slope(input, ir.lift(alpha))],
    samples=_with({"alpha": 2}),
    dtypes="f",
    errors=[_no_ints("elu_cpu")],
    **_nn,
)
def elu(input: Tensor, alpha: Number = 1.0) -> Value:
    """`out_i = input_i` above 0, `alpha * (e ** input_i - 1)` elsewhere."""
    return _elu(input, ir.lift(alpha))


@operator(
    inplace=True,
    pointwise=True,
    method=False,
    gradient=lambda g, input: [g * _elu_slope(input, SELU_ALPHA, SELU_SCALE)],
    samples=unary(),
    dtypes="f",
    errors=[_no_ints("elu_cpu")],
    node="EluBackward0",
)
def selu(input: Tensor) -> Value:
    """`out_i = scale * input_i` above 0, `scale * alpha * (e ** input_i - 1)` elsewhere; keeps unit variance."""
    return _elu(input, SELU_ALPHA, SELU_SCALE)


@operator(
    inplace=True,
    pointwise=True,
    method=False,
    gradient=lambda g, input, alpha=1.0: [g * _elu_slope(input, alpha, 1, 1 / ir.lift(alpha))],
    samples=_with({"alpha": 0.5}),
    dtypes="f",
    errors=[_no_ints("elu_cpu")],
)
def celu(input: Tensor, alpha: Number = 1.0) -> Value:
    """`out_i = input_i` above 0, `alpha * (e ** (input_i / alpha) - 1)` elsewhere."""
    return _elu(input, alpha, 1, 1 / ir.lift(alpha))


# Smooth ones


@operator(
    samples=together(unary(special=False), unary(special=False, approximate="tanh")),
    dtypes="f",
    errors=[
        _no_ints("GeluKernelImpl"),
        (((wanted(2),), {"approximate": "x"}), RuntimeError, "approximate argument must be either none or tanh"),
    ],
    **_nn,
)
def gelu(input: Tensor, *, approximate: str = "none") -> Value:
    """`out_i = input_i * Φ(input_i)`, Φ the normal distribution function; `"tanh"` approximates it."""
    require("GeluKernelImpl", input.dtype)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    if approximate == "tanh":
        return 0.5 * input * (1 + ir.tanh(SQRT_2_OVER_PI * (input + 0.044715 * (input * input * input))))
    return 0.5 * input * (1 + ir.erf(input * SQRT_HALF))


def _silu_gradient(g: Value, input: Value) -> list[Value]:
    # The derived gradient would be NaN where the exponential overflows.
    s = ir.sigmoid(input)
    return [g * ir.conj(s * (1 + input * (1 - s)))]


@operator(inplace=True, gradient=_silu_gradient, samples=unary(), dtypes="fc", errors=[_no_ints("silu_cpu")], **_nn)
def silu(input: Tensor) -> Value:
    """`out_i = input_i * sigmoid(input_i)`."""
    require("silu_cpu", input.dtype, highest=3)
    return input / (1 + ir.exp(ir.neg(input)))


def _softplus(x: Value) -> Value:
    return ir.maximum(x, 0) + ir.log1p(ir.exp(ir.neg(ir.abs_(x))))


def _mish_gradient(g: Value, input: Value) -> list[Value]:
    # The derived gradient would have the ties of the softplus at 0.
    t = ir.tanh(_softplus(input))
    return [g * (t + input * ir.sigmoid(input) * (1 - t * t))]


@operator(inplace=True, gradient=_mish_gradient, samples=unary(), dtypes="f", errors=[_no_ints("mish_cpu")], **_nn)
def mish(input: Tensor) -> Value:
    """`out_i = input_i * tanh(ln(1 + e ** input_i))`."""
    require("mish_cpu", input.dtype)
    return input * ir.tanh(_softplus(input))


def _softplus_gradient(g: Value, input: Value, beta: Any = 1.0, threshold: Any = 20.0) -> list[Value]:
    # The derived gradient would have the ties of the absolute value at 0.
    x = input * beta
    return [ir.where(ir.lt(threshold, x), g, g * ir.sigmoid(x))]


@operator(
    gradient=_softplus_gradient,
    samples=_with({"beta": 2, "threshold": 1}),
    dtypes="f",
    errors=[_no_ints("softplus_cpu")],
    **_nn,
)
def softplus(input: Tensor, beta: Number = 1.0, threshold: Number = 20.0) -> Value:
    """`out_i = ln(1 + e ** (beta * input_i)) / beta`, and `input_i` where `beta * input_i` is above `threshold`."""
    require("softplus_cpu", input.dtype)
    x = input * beta
    return ir.where(ir.lt(threshold, x), input, _softplus(x) / beta)


@operator(
    gradient=lambda g, input: [g * ir.sigmoid(ir.neg(input))],
    samples=unary(),
    dtypes="f",
    errors=[_no_ints("log_sigmoid_cpu")],
    **_nn,
    node="LogSigmoidBackward0",
)
def logsigmoid(input: Tensor) -> Value:
    """`out_i = ln(sigmoid(input_i))`, without overflow on the way."""
    require("log_sigmoid_cpu", input.dtype)
    return ir.sub(ir.minimum(input, 0), ir.log1p(ir.exp(ir.neg(ir.abs_(input)))))


@operator(recomputes=True, samples=unary(), dtypes="fic", **_nn, node="DivBackward0")
def softsign(input: Tensor) -> Value:
    """`out_i = input_i / (1 + |input_i|)`."""
    require("abs_cpu", input.dtype, lowest=1, highest=3)
    return input / (1 + ir.abs_(input))


@operator(samples=unary(), dtypes="fic", **_nn, node="SubBackward0")
def tanhshrink(input: Tensor) -> Value:
    """`out_i = input_i - tanh(input_i)`."""
    return input - ir.tanh(input)


# Piecewise linear ones


def _hardsigmoid_gradient(g: Value, input: Value) -> list[Value]:
    # On the bounds the gradient is 0: the derived one would be split there.
    return [ir.where(ir.lt(-3, input) & ir.lt(input, 3), g / 6, 0)]


@operator(
    inplace=True,
    gradient=_hardsigmoid_gradient,
    samples=unary(-5, 5),
    dtypes="f",
    errors=[_no_ints("hardsigmoid_cpu")],
    **_nn,
)
def hardsigmoid(input: Tensor) -> Value:
    """`out_i = relu6(input_i + 3) / 6`."""
    require("hardsigmoid_cpu", input.dtype)
    return ir.minimum(ir.maximum(input + 3, 0), 6) / 6


def _hardswish_gradient(g: Value, input: Value) -> list[Value]:
    # On the bounds the gradient is that of the straight parts: the derived one would be split there.
    middle = g * (input / 3 + 0.5)
    return [ir.where(ir.le(input, -3), 0, ir.where(ir.lt(input, 3), middle, g))]


@operator(
    inplace=True,
    gradient=_hardswish_gradient,
    samples=unary(-5, 5),
    dtypes="f",
    errors=[_no_ints("hardswish_cpu")],
    **_nn,
)
def hardswish(input: Tensor) -> Value:
    """`out_i = input_i * relu6(input_i + 3) / 6`."""
    require("hardswish_cpu", input.dtype)
    return input * ir.minimum(ir.maximum(input + 3, 0), 6) / 6


def _hardshrunk(x: Value, lambd: Any, kept: Any) -> Value:
    return ir.where(ir.ge(x, ir.neg(ir.lift(lambd))) & ir.le(x, lambd), 0, kept)


@operator(pointwise=True, samples=_with({"lambd": 1.5}), dtypes="f", errors=[_no_ints("hardshrink_cpu")])
def hardshrink(input: Tensor, lambd: Number = 0.5) -> Value:
    """`out_i = input_i` where `|input_i| > lambd`, 0 elsewhere."""
    require("hardshrink_cpu", input.dtype)
    return _hardshrunk(input, lambd, input)


def _softshrink_range(dt: dtype, lambd: Any) -> None:
    if isinstance(lambd, float | int) and not 0 <= lambd <= LARGEST[dt]:
        name, largest = TYPE_NAMES[dt], LARGEST[dt]
        raise RuntimeError(f"lambda must be in range [0, {largest:.6g}] for input dtype {name}, but found {lambd:g}")


@operator(
    samples=_with({"lambd": 1.5}),
    dtypes="f",
    errors=[
        _no_ints("softshrink_check"),
        (
            ((wanted(2),), {"lambd": -1.0}),
            RuntimeError,
            r"lambda must be in range \[0, 3.40282e\+38\] for input dtype Float, but found -1",
        ),
    ],
    **_nn,
)
def softshrink(input: Tensor, lambd: float = 0.5) -> Value:
    """`input_i` moved towards 0 by `lambd`, and 0 where it is nearer than that."""
    require("softshrink_check", input.dtype)
    _softshrink_range(input.dtype, lambd)
    shrunk = ir.where(ir.lt(lambd, input), input - lambd, ir.where(ir.lt(input, -lambd), input + lambd, 0))
    return ir.where(ir.ne(input, input), input, shrunk)


OPERATORS: tuple[Operator, ...] = (
    relu, leaky_relu, threshold, hardtanh, relu6, elu, selu, celu, gelu, silu, mish, softplus, logsigmoid, softsign,
    tanhshrink, hardsigmoid, hardswish, hardshrink, softshrink,
)  # fmt: skip
