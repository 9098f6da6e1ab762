"""Element-wise arithmetic of two and three operands. What chooses among operands is in choose.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import bool_, dtype, uint8
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .check import C_NAMES, TWO_BOOLS, for_tensors, is_bool, require, result_type
from .operator import Number, Operator, Sample, Static, Tensor, operator
from .samples import args, binary, mixed, special_pairs, together, wanted
from .unary import is_negative

_two_bools = args(wanted(2, dtype="bool"), wanted(2, dtype="bool"))
_two_ints = args(wanted(2, dtype="int64"), wanted(2, dtype="int64"))
_sizes = (args(wanted(2), wanted(3)), RuntimeError, r"The size of tensor a \(2\) must match the size of tensor b \(3\)")
BOTH = together(binary(), mixed(), special_pairs)
TENSORS = together(binary(numbers=()), mixed(), special_pairs)


# Sums and products


def _scaled(input: Any, other: Any, alpha: Any) -> Any:
    """`other * alpha`, with the checks that PyTorch makes of alpha."""
    if not isinstance(alpha, Value) and alpha == 1:
        return other
    dt = result_type(input, other)
    if is_bool(alpha) and dt is not bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if dt.category < 2 and ir.lift(alpha).dtype.category == 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return ir.mul(ir.astype(ir.lift(other), dt), ir.astype(ir.lift(alpha), dt))


@operator(
    inplace=True,
    dunder="__add__",
    reflected="__radd__",
    pointwise=True,
    samples=together(BOTH, binary(alpha=2)),
    errors=[
        _sizes,
        (
            ((wanted(2, dtype="int64"), wanted(2, dtype="int64")), {"alpha": 0.5}),
            RuntimeError,
            "For integral input tensors, argument alpha",
        ),
        (((wanted(2), wanted(2)), {"alpha": True}), RuntimeError, "Boolean alpha only supported for Boolean results"),
    ],
)
def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Value:
    """`out_i = input_i + alpha * other_i`.

    >>> import kagari as torch
    >>> torch.add(torch.tensor([1, 2]), 10, alpha=2)
    tensor([21, 22])
    """
    return ir.add(input, _scaled(input, other, alpha))


def _no_bools(input: Any, other: Any) -> None:
    if is_bool(input) and is_bool(other):
        raise RuntimeError(TWO_BOOLS)
    if is_bool(input) or is_bool(other):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )


_subtraction: list[Any] = [
    (args(wanted(2), wanted(3)), RuntimeError, r"The size of tensor a .* must match the size of tensor b"),
    (_two_bools, RuntimeError, "Subtraction, the `-` operator, with two bool tensors is not supported"),
    (
        args(wanted(2, dtype="bool"), 1),
        RuntimeError,
        "Subtraction, the `-` operator, with a bool tensor is not supported",
    ),
]


def _subtractable(make: Callable[..., Any]) -> Iterator[Sample]:
    """The pairs of dtypes without booleans."""
    return (s for s in mixed()(make) if "bool" not in {getattr(a, "dtype", None) for a in s[0]})


@operator(
    inplace=True,
    dunder="__sub__",
    reflected="__rsub__",
    pointwise=True,
    errors=_subtraction,
    dtypes="fic",
    aliases=("subtract",),
    samples=together(binary(), binary(alpha=2), special_pairs, _subtractable),
    node=lambda args: "SubBackward0" if nodes.is_tensor(args[0]) else "RsubBackward1",
)
def sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Value:
    """`out_i = input_i - alpha * other_i`."""
    _no_bools(input, other)
    return ir.sub(input, _scaled(input, other, alpha))


@operator(
    pointwise=True,
    errors=_subtraction,
    dtypes="fic",
    method=False,
    samples=together(binary(), binary(alpha=2), special_pairs, _subtractable),
    node=lambda args: f"RsubBackward{int(not nodes.is_tensor(args[1]))}",
)
def rsub(input: Tensor, other: Tensor | Number, alpha: Number = 1) -> Value:
    """`out_i = other_i - alpha * input_i`."""
    _no_bools(input, other)
    return ir.sub(other, _scaled(other, input, alpha))


@operator(
    inplace=True,
    dunder="__mul__",
    reflected="__rmul__",
    pointwise=True,
    samples=BOTH,
    errors=[_sizes],
    aliases=("multiply",),
)
def mul(input: Tensor | Number, other: Tensor | Number) -> Value:
    """`out_i = input_i * other_i`.

    >>> import kagari as torch
    >>> torch.tensor([1, 2]) * 2.5
    tensor([2.5000, 5.0000])
    """
    return ir.mul(input, other)


# Quotients and remainders


def floored(a: Any, b: Any) -> Value:
    """The quotient rounded down; for floats by way of the remainder, so that it agrees with it to the last digit."""
    dt = result_type(a, b)
    require("div_floor_cpu", dt, lowest=1)
    if dt.category == 1:
        quotient = ir.idiv(a, b)
        return ir.where(_crosses(ir.sub(a, quotient * b), b), quotient - 1, quotient) if dt is not uint8 else quotient
    mod = ir.rem(a, b)
    exact = ir.sub(a, mod) / b
    exact = ir.where(_crosses(mod, b), exact - 1, exact)
    down = ir.floor(exact)
    down = ir.where(ir.lt(0.5, exact - down), down + 1, down)
    quotient = ir.div(a, b)
    zero = ir.astype(ir.where(is_negative(quotient), -0.0, 0.0), dt)
    return ir.where(ir.eq(b, 0), quotient, ir.where(ir.ne(exact, 0), down, zero))


def _crosses(mod: Value, b: Any) -> Value:
    """Whether a truncated remainder has another sign than its divisor."""
    return ir.ne(mod, 0) & ir.ne(ir.lt(mod, 0), ir.lt(b, 0))


def _truncated(a: Any, b: Any) -> Value:
    dt = result_type(a, b)
    require("div_trunc_cpu", dt, lowest=1)
    return ir.idiv(a, b) if dt.category == 1 else ir.trunc(ir.div(a, b))


def _divisors(*numbers: Any, **named: Any) -> Callable[[Callable[..., Any]], Iterator[Sample]]:
    """Divisors away from zero, of both signs."""

    def samples(make: Callable[..., Any]) -> Iterator[Sample]:
        for low, high in ((1, 4), (-4, -1)):
            yield (make(3, 7, low=-9, high=9), make(7, low=low, high=high)), named
            yield (make(4, 5, low=-9, high=9, noncontiguous=True), make(low=low, high=high)), named
        yield (make(0, 3), make(3, low=1, high=4)), named
        for number in numbers:
            yield (make(2, 20, low=-9, high=9), number), named

    return samples


ROUNDED = together(_divisors(3, -2.5, rounding_mode="floor"), _divisors(3, -2.5, rounding_mode="trunc"))
DIVIDED = together(_divisors(3, -2.5), special_pairs)


@operator(
    inplace=True,
    dunder="__truediv__",
    reflected="__rtruediv__",
    pointwise=True,
    recomputes=True,
    samples=together(_divisors(3, -2.5), mixed(), special_pairs, ROUNDED),
    dtypes="fibc",
    aliases=("divide", "true_divide"),
    errors=[
        _sizes,
        (
            ((wanted(2), wanted(2)), {"rounding_mode": "x"}),
            RuntimeError,
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found 'x'",
        ),
        (((wanted(2, dtype="int64"), 0), {"rounding_mode": "floor"}), RuntimeError, "ZeroDivisionError"),
    ],
    node=lambda args: f"DivBackward{0 if nodes.given(args, 2) is None else 2}",
)
def div(input: Tensor | Number, other: Tensor | Number, *, rounding_mode: str | None = None) -> Value:
    """`out_i = input_i / other_i`, as floats; rounded towards zero by `"trunc"`, down by `"floor"`.

    >>> import kagari as torch
    >>> torch.div(torch.tensor([-7, 7]), 2, rounding_mode="floor")
    tensor([-4,  3])
    """
    if rounding_mode is None:
        return ir.div(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _truncated(input, other) if rounding_mode == "trunc" else floored(input, other)


@operator(
    inplace=True,
    dunder="__floordiv__",
    reflected="__rfloordiv__",
    pointwise=True,
    samples=DIVIDED,
    dtypes="fib",
    errors=[
        (args(wanted(2, dtype="int64"), 0), RuntimeError, "ZeroDivisionError"),
        (_two_bools, NotImplementedError, "\"div_floor_cpu\" not implemented for 'Bool'"),
    ],
)
def floor_divide(input: Tensor | Number, other: Tensor | Number) -> Value:
    """`out_i = floor(input_i / other_i)`."""
    return floored(input, other)


@operator(
    inplace=True,
    dunder="__mod__",
    reflected="__rmod__",
    pointwise=True,
    samples=DIVIDED,
    dtypes="fib",
    errors=[(args(wanted(2, dtype="int64"), 0), RuntimeError, "ZeroDivisionError")],
    node=nodes.if_tensor("Remainder", 1),
)
def remainder(input: Tensor | Number, other: Tensor | Number) -> Value:
    """`out_i = input_i - other_i * floor(input_i / other_i)`: of the divisor's sign, as in Python."""
    require("remainder_cpu", result_type(input, other), lowest=1)
    mod = ir.rem(input, other)
    return ir.where(_crosses(mod, other), mod + other, mod)


@operator(
    inplace=True,
    pointwise=True,
    samples=DIVIDED,
    dtypes="fib",
    errors=[(args(wanted(2, dtype="int64"), 0), RuntimeError, "ZeroDivisionError")],
    node=nodes.if_tensor("Fmod", 1),
)
def fmod(input: Tensor, other: Tensor | Number) -> Value:
    """`out_i = input_i - other_i * trunc(input_i / other_i)`: of the dividend's sign, as in C."""
    require("fmod_cpu", result_type(input, other), lowest=1)
    return ir.rem(input, other)


# Powers


def _powers(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(2, 3, low=0.5, high=3), make(2, 3, low=1, high=3)), {}
    yield (make(4, 5, low=1, high=3, noncontiguous=True), make(5, low=0, high=3)), {}
    yield (make(0, 3), make(3)), {}
    yield (make(low=1, high=3), make(low=1, high=3)), {}
    for exponent in (0, 1, 2, 3, 4, 2.5, 0.5):
        yield (make(2, 9, low=0.5, high=3), exponent), {}
    for base in (2, 1.5, 1):
        yield (base, make(2, 9, low=0, high=3)), {}
    for negative in (-1, -0.5, -2):
        yield (make(2, 9, low=0.5, high=3, dtype="float64"), negative), {}


@operator(
    name="pow",
    inplace=True,
    dunder="__pow__",
    reflected="__rpow__",
    pointwise=True,
    samples=together(_powers, special_pairs),
    dtypes="fibc",
    errors=[
        (args(wanted(2, dtype="int64"), -1), RuntimeError, "Integers to negative integer powers are not allowed"),
        (_two_bools, NotImplementedError, "\"pow\" not implemented for 'Bool'"),
    ],
    node=nodes.power,
)
def pow_(input: Tensor | Number, exponent: Tensor | Static) -> Value:
    """`out_i = input_i ** exponent_i`. An exponent that is a number is part of the structure: a square is a product.

    >>> import kagari as torch
    >>> 2 ** torch.tensor([1, 2, 3])
    tensor([2, 4, 8])
    """
    if not any(isinstance(x, Value) and not x.weak for x in (input, exponent)):
        raise TypeError("pow() received an invalid combination of arguments - expected one of them to be a Tensor")
    dt = result_type(input, exponent)
    if dt is bool_:
        if isinstance(exponent, Value):
            require("pow", dt, lowest=1)
        return ir.where(ir.lift(input), True, not exponent)
    if dt.category == 1 and not isinstance(exponent, Value) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return ir.pow_(input, exponent)


# Angles, lengths, logarithms


def _atan2_gradient(g: Value, input: Value, other: Value) -> list[Value]:
    # 0 at the origin, where the derived gradient divides 0 by 0.
    square = input * input + other * other
    scaled = ir.where(ir.eq(square, 0), 0, g / square)
    return [scaled * other, ir.neg(scaled * input)]


@operator(inplace=True, pointwise=True, gradient=_atan2_gradient, samples=TENSORS, aliases=("arctan2",))
def atan2(input: Tensor, other: Tensor) -> Value:
    """The angle of the point (`other_i`, `input_i`), between -pi and pi."""
    return ir.atan2(input, other)


def _hypot_gradient(g: Value, input: Value, other: Value) -> list[Value]:
    # Of the formula: the derived gradient is that of the scaling, too.
    length = _hypot(input, other)
    return [g * (input / length), g * (other / length)]


def _hypot(a: Value, b: Value) -> Value:
    a, b = ir.abs_(a), ir.abs_(b)
    large, small = ir.maximum(a, b), ir.minimum(a, b)
    ratio = small / ir.where(ir.eq(large, 0), 1, large)
    infinite = ir.eq(a, math.inf) | ir.eq(b, math.inf)
    return ir.where(infinite, math.inf, large * ir.sqrt(1 + ratio * ratio))


def _floats(make: Callable[..., Any]) -> Iterator[Sample]:
    """Pairs of float dtypes."""
    yield (make(2, 3, dtype="int64"), make(2, 3, dtype="float32")), {}
    yield (make(2, 3, dtype="float32"), make(3, dtype="float64")), {}


_no_ints = lambda kernel: (_two_ints, NotImplementedError, f"\"{kernel}\" not implemented for 'Long'")  # noqa: E731


@operator(
    inplace=True,
    pointwise=True,
    gradient=_hypot_gradient,
    dtypes="f",
    errors=[_no_ints("hypot_cpu")],
    samples=together(binary(numbers=()), _floats, special_pairs),
)
def hypot(input: Tensor, other: Tensor) -> Value:
    """`out_i = sqrt(input_i² + other_i²)`, without overflow on the way."""
    dt = result_type(input, other)
    require("hypot_cpu", dt)
    return _hypot(graph.cast(input, dt), graph.cast(other, dt))


def _logaddexp_gradient(g: Value, input: Value, other: Value) -> list[Value]:
    # The derived gradient would be that of the maximum, too.
    return [g / ir.conj(1 + ir.exp(other - input)), g / ir.conj(1 + ir.exp(input - other))]


@operator(
    pointwise=True,
    gradient=_logaddexp_gradient,
    dtypes="fc",
    errors=[_no_ints("logaddexp_cpu")],
    samples=together(binary(numbers=()), _floats, special_pairs),
)
def logaddexp(input: Tensor, other: Tensor) -> Value:
    """`out_i = ln(e ** input_i + e ** other_i)`, without overflow on the way."""
    dt = result_type(input, other)
    require("logaddexp_cpu", dt, highest=3)
    input, other = graph.cast(input, dt), graph.cast(other, dt)
    if dt.is_complex:
        above = ir.ge(ir.real(input), ir.real(other))
        high, low = ir.where(above, input, other), ir.where(above, other, input)
        same = ir.eq(high, low) & ir.eq(ir.abs_(ir.real(high)), math.inf)
        return ir.where(same, high, high + ir.log1p(ir.exp(low - high)))
    large = ir.maximum(input, other)
    same = ir.eq(input, other) & ir.eq(ir.abs_(input), math.inf)
    return ir.where(same, input, large + ir.log1p(ir.exp(ir.neg(ir.abs_(input - other)))))


def _xlogy_gradient(g: Value, input: Any, other: Any) -> list[Value]:
    # At input 0 the derived gradient would be 0 for any other.
    masked = ir.eq(input, 0) & ir.le(other, 0)
    return for_tensors((input, g * ir.where(masked, 0, ir.log(other))), (other, g * ir.div(input, other)))


def _xlogy_node(args: nodes.Arguments) -> str:
    both = nodes.is_tensor(args[0]) and nodes.is_tensor(args[1])
    return f"XlogyBackward{0 if both else 2 - nodes.is_tensor(args[1])}"


@operator(
    inplace=True,
    pointwise=True,
    gradient=_xlogy_gradient,
    samples=together(binary(0.5, 3, (2, 1.5)), special_pairs),
    node=_xlogy_node,
)
def xlogy(input: Tensor | Number, other: Tensor | Number) -> Value:
    """`out_i = input_i * ln(other_i)`, 0 where `input_i` is 0, and NaN where `other_i` is."""
    require("xlogy_cpu", result_type(input, other), lowest=0)
    zero = ir.eq(input, 0) & ir.eq(other, other)
    return ir.where(zero, 0, ir.mul(input, ir.log(other)))


# Signs and steps


@operator(
    inplace=True,
    pointwise=True,
    samples=together(binary(), special_pairs),
    node=lambda args: f"CopysignBackward{int(not nodes.is_tensor(args[1]))}",
)
def copysign(input: Tensor, other: Tensor | Number) -> Value:
    """`out_i` has the magnitude of `input_i` and the sign of `other_i`."""
    dt = result_type(input, other)
    require("copysign_cpu", dt, lowest=0)
    dt = dt if dt.category == 2 else ir.default_dtype()
    magnitude = ir.abs_(ir.astype(input, dt))
    return ir.where(is_negative(ir.lift(other)), ir.neg(magnitude), magnitude)


@operator(
    inplace=True,
    pointwise=True,
    samples=together(binary(numbers=()), special_pairs),
    errors=[
        (
            args(wanted(2), wanted(2, dtype="float64")),
            RuntimeError,
            "heaviside is not yet implemented for tensors with different dtypes",
        )
    ],
)
def heaviside(input: Tensor, values: Tensor) -> Value:
    """0 below zero, 1 above, and `values_i` where `input_i` is 0."""
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    positive = ir.astype(ir.lt(0, input), input.dtype)
    return ir.where(ir.eq(input, 0), values, positive)


# Three operands


def _lerp_gradient(g: Value, input: Value, end: Value, weight: Any) -> list[Value]:
    # Of the formula: the derived gradient would be that of both ways to compute it.
    rate = ir.conj(ir.lift(weight))
    return for_tensors((input, g * (1 - rate)), (end, g * rate), (weight, g * ir.conj(end - input)))


def _three(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(2, 3), make(2, 3), make(2, 3, low=1, high=3)), {}
    yield (make(4, 5, noncontiguous=True), make(5), make(4, 1, low=1, high=3)), {}
    yield (make(), make(2), make(low=1, high=3)), {}
    yield (make(0, 3), make(3), make(0, 3)), {}


def _weights(make: Callable[..., Any]) -> Iterator[Sample]:
    for weight in (0.25, 0.75, 2):
        yield (make(2, 3), make(3), weight), {}
    yield (make(), make(), 0.5), {}


@operator(
    inplace=True,
    pointwise=True,
    gradient=_lerp_gradient,
    samples=together(_three, _weights),
    dtypes="fc",
    errors=[
        (
            args(wanted(2), wanted(2, dtype="float64"), 0.5),
            RuntimeError,
            "expected dtype float for `end` but got dtype double",
        ),
        (
            args(wanted(2), wanted(2), wanted(2, dtype="float64")),
            RuntimeError,
            "expected dtype float for `weight` but got dtype double",
        ),
        (args(*_two_ints[0], 0.5), NotImplementedError, "\"lerp_kernel_scalar\" not implemented for 'Long'"),
    ],
    node=nodes.if_tensor("Lerp", 2),
)
def lerp(input: Tensor, end: Tensor, weight: Tensor | Number) -> Value:
    """`out_i = input_i + weight_i * (end_i - input_i)`, computed from the nearer end."""
    weight = ir.lift(weight)
    for name, x in (("end", end), ("weight", weight)):
        if x.dtype is not input.dtype and not x.weak:
            raise RuntimeError(f"expected dtype {C_NAMES[input.dtype]} for `{name}` but got dtype {C_NAMES[x.dtype]}")
    require(f"lerp_kernel_{'scalar' if weight.weak else 'tensor'}", input.dtype, highest=3)
    weight = ir.astype(weight, input.dtype)
    step = end - input
    return ir.where(ir.lt(ir.abs_(weight), 0.5), input + weight * step, end - step * (1 - weight))


def _scale(value: Any, dt: dtype) -> Any:
    return value if not isinstance(value, Value) and value == 1 else ir.astype(ir.lift(value), dt)


@operator(
    inplace=True,
    pointwise=True,
    samples=together(_three, lambda make: ((a, {"value": 2}) for a, _ in _three(make))),
    dtypes="fic",
    errors=[
        (args(*[wanted(2, dtype="bool")] * 3), NotImplementedError, "\"addcmul_cpu_out\" not implemented for 'Bool'")
    ],
)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Value:
    """`out_i = input_i + value * tensor1_i * tensor2_i`."""
    dt = result_type(input, tensor1, tensor2)
    require("addcmul_cpu_out", dt, lowest=1, highest=3)
    a, b, c = (ir.astype(x, dt) for x in (input, tensor1, tensor2))
    return a + _scale(value, dt) * b * c


@operator(
    inplace=True,
    pointwise=True,
    samples=together(_three, lambda make: ((a, {"value": -0.5}) for a, _ in _three(make))),
    dtypes="fc",
    errors=[
        (args(*[wanted(2, dtype="int64")] * 3), RuntimeError, "Integer division with addcdiv is no longer supported")
    ],
)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Value:
    """`out_i = input_i + value * tensor1_i / tensor2_i`."""
    if tensor1.dtype.category < 2 and tensor2.dtype.category < 2:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform "
            "a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input "
            "+ value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value "
            "* tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    return input + _scale(value, result_type(input, tensor1, tensor2)) * tensor1 / tensor2


OPERATORS: tuple[Operator, ...] = (
    add, sub, rsub, mul, div, floor_divide, remainder, fmod, pow_, atan2, hypot, logaddexp, xlogy, copysign, heaviside,
    lerp, addcmul, addcdiv,
)  # fmt: skip
