"""Element-wise functions of one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..base.dtypes import FLOAT8, bool_, int64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import LARGEST, require
from .operator import Number, Operator, Tensor, operator
from .samples import args, unary, wanted

Build = Callable[[Any], Value]


def _record(name: str, build: Build, doc: str, /, low: float = -3, high: float = 3, **options: Any) -> Operator:
    """The record of a function of one tensor."""

    def define(input: Tensor) -> Value:
        return build(input)

    define.__doc__ = doc
    options.setdefault("inplace", True)
    return operator(name=name, pointwise=True, samples=unary(low, high), **options)(define)


def _function(name: str, formula: str, low: float = -3, high: float = 3, **options: Any) -> Operator:
    """The record of a primitive on floats, which raises integers to the default dtype."""
    doc = f"`out_i = {formula}`. Integers are computed in the default dtype."
    return _record(name, getattr(ir, name), doc, low, high, **options)


def _rounding(name: str, meaning: str, **options: Any) -> Operator:
    """The record of a way to round, which leaves integers as they are."""

    def build(x: Value) -> Value:
        if x.dtype.is_complex:
            raise NotImplementedError(f"{name} is not supported for complex inputs")
        require(f"{name}_vml_cpu", x.dtype, lowest=1)
        return getattr(ir, name)(x)

    doc = f"`out_i` is `input_i` rounded {meaning}. Integers stay as they are; the gradient is 0."
    return _record(name, build, doc, dtypes="fi", errors=[_no_bool(f"{name}_vml_cpu")], **options)


def _no_bool(kernel: str, dtype: str = "bool", name: str = "Bool") -> Any:
    return args(wanted(2, dtype=dtype)), NotImplementedError, f"\"{kernel}\" not implemented for '{name}'"


FUNCTIONS = (
    _function("sqrt", "input_i ** 0.5", 0, 4),
    _function("rsqrt", "input_i ** -0.5", 0.1, 4),
    _function("exp", "e ** input_i"),
    _function("exp2", "2 ** input_i"),
    _function("expm1", "e ** input_i - 1, accurate near 0"),
    _function("log", "ln(input_i)", 0.1, 4),
    _function("log2", "log_2(input_i)", 0.1, 4),
    _function("log10", "log_10(input_i)", 0.1, 4),
    _function("log1p", "ln(1 + input_i), accurate near 0", -0.9, 4),
    _function("sin", "sin(input_i)"),
    _function("cos", "cos(input_i)"),
    _function("tan", "tan(input_i)", -1.4, 1.4),
    _function("asin", "arcsin(input_i)", -0.9, 0.9, aliases=("arcsin",)),
    _function("acos", "arccos(input_i)", -0.9, 0.9, aliases=("arccos",)),
    _function("atan", "arctan(input_i)", aliases=("arctan",)),
    _function("sinh", "sinh(input_i)"),
    _function("cosh", "cosh(input_i)"),
    _function("tanh", "tanh(input_i)"),
    _function("asinh", "arsinh(input_i)", aliases=("arcsinh",)),
    _function("acosh", "arcosh(input_i)", 1.1, 4, aliases=("arccosh",)),
    _function("atanh", "artanh(input_i)", -0.9, 0.9, aliases=("arctanh",)),
    _function("erf", "2 / sqrt(pi) * integral from 0 to input_i of e ** -t² dt"),
    _function("erfc", "1 - erf(input_i)"),
    _function("erfinv", "y such that erf(y) = input_i", -0.9, 0.9, recomputes=True),
    _function("lgamma", "ln |Γ(input_i)|", 0.2, 5),
    _function("digamma", "Γ'(input_i) / Γ(input_i)", 0.2, 5),
    _function("sigmoid", "1 / (1 + e ** -input_i)"),
    _rounding("floor", "down"),
    _rounding("ceil", "up"),
    _rounding("trunc", "towards zero", aliases=("fix",)),
)


@operator(
    inplace=True,
    dunder="__neg__",
    pointwise=True,
    samples=unary(),
    dtypes="fic",
    aliases=("negative",),
    errors=[
        (args(wanted(2, dtype="bool")), RuntimeError, "Negation, the `-` operator, on a bool tensor is not supported")
    ],
)
def neg(input: Tensor) -> Value:
    """`out_i = -input_i`.

    >>> import kagari as torch
    >>> -torch.tensor([1, -2])
    tensor([-1,  2])
    """
    if input.dtype is bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return ir.neg(input)


@operator(
    dunder="__pos__",
    pointwise=True,
    fresh=False,
    samples=unary(),
    dtypes="fic",
    out=False,
    errors=[(args(wanted(2, dtype="bool")), RuntimeError, r"The `\+` operator, on a bool tensor is not supported")],
)
def positive(input: Tensor) -> Value:
    """`input` as it is."""
    if input.dtype is bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@operator(
    name="abs",
    inplace=True,
    dunder="__abs__",
    pointwise=True,
    samples=unary(),
    dtypes="fic",
    aliases=("absolute",),
    errors=[_no_bool("abs_cpu")],
)
def abs_(input: Tensor) -> Value:
    """`out_i = |input_i|`, of complex numbers `sqrt(real_i² + imag_i²)`; the gradient at 0 is 0."""
    if input.dtype not in FLOAT8:
        require("abs_cpu", input.dtype, lowest=1, highest=3)
    return ir.abs_(input)


def _sign(input: Tensor) -> Value:
    if input.dtype.is_complex:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )
    return _sgn(input)


def _sgn(input: Tensor) -> Value:
    return input if input.dtype is bool_ else ir.sign(input)


SIGN_DOC = "`out_i` is -1, 0 or 1 as `input_i` is below, at or above 0; 0 for NaN."
sign = _record("sign", _sign, SIGN_DOC)
sgn = _record("sgn", _sgn, SIGN_DOC + " Of complex numbers `input_i / |input_i|`.")


def _square_of_result(g: Value, input: Value) -> list[Value]:
    # The result alone is saved, not the input as well.
    v = ir.div(1, input)
    return [ir.neg(g * ir.conj(v * v))]


@operator(inplace=True, pointwise=True, samples=unary(0.2, 3), gradient=_square_of_result)
def reciprocal(input: Tensor) -> Value:
    """`out_i = 1 / input_i`."""
    return ir.div(1, input)


@operator(inplace=True, pointwise=True, samples=unary(), node="PowBackward0")
def square(input: Tensor) -> Value:
    """`out_i = input_i²`."""
    x = ir.astype(input, int64) if input.dtype is bool_ else input
    return x * x


@operator(inplace=True, pointwise=True, samples=unary(), dtypes="f", errors=[_no_bool("frac_cpu", "int64", "Long")])
def frac(input: Tensor) -> Value:
    """`out_i = input_i - trunc(input_i)`."""
    require("frac_cpu", input.dtype)
    return input - ir.trunc(input)


@operator(
    name="round",
    inplace=True,
    pointwise=True,
    samples=unary(),
    dtypes="fi",
    errors=[
        _no_bool("round_vml_cpu"),
        (
            (((wanted(2, dtype="int64"),), {"decimals": 1})),
            NotImplementedError,
            "\"round_cpu\" not implemented for 'Long'",
        ),
    ],
)
def round_(input: Tensor, *, decimals: int = 0) -> Value:
    """`input` rounded to `decimals` digits behind the point, before it where negative; halves to the even neighbour."""
    if not decimals:
        require("round_vml_cpu", input.dtype, lowest=1)
        return ir.round_(input)
    require("round_cpu", input.dtype)
    scale = 10.0 ** abs(decimals)
    return ir.round_(input * scale) / scale if decimals > 0 else ir.round_(input / scale) * scale


@operator(inplace=True, pointwise=True, samples=unary())
def deg2rad(input: Tensor) -> Value:
    """`out_i = input_i * pi / 180`."""
    if input.dtype.is_complex:
        raise RuntimeError("deg2rad is not supported for complex tensors.")
    return input * (math.pi / 180)


@operator(inplace=True, pointwise=True, samples=unary())
def rad2deg(input: Tensor) -> Value:
    """`out_i = input_i * 180 / pi`."""
    if input.dtype.is_complex:
        raise RuntimeError("rad2deg is not supported for complex tensors.")
    return input * (180 / math.pi)


def is_negative(x: Value) -> Value:
    """Whether the sign of x is minus: of -0.0, too."""
    if x.dtype is bool_:
        return ir.full(x.shape, False, bool_)
    return ir.lt(x, 0) if x.dtype.category == 1 else (x < 0) | (ir.eq(x, 0) & ir.lt(1 / x, 0))


@operator(pointwise=True, samples=unary())
def signbit(input: Tensor) -> Value:
    """Whether the sign of `input_i` is minus; -0.0 has one, the sign of a NaN is not looked at."""
    if input.dtype.is_complex:
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    return is_negative(input)


def _logit_gradient(g: Value, input: Value, eps: Any = None) -> list[Value]:
    # Outside of the bounds the derived gradient would go through the clamp's ties.
    low = 0.0 if eps is None else eps
    slope = g / (input * (1 - input))
    return [ir.where(ir.ge(input, low) & ir.le(input, 1 - low), slope, math.nan if eps is None else 0.0)]


@operator(inplace=True, pointwise=True, gradient=_logit_gradient, samples=unary(0.1, 0.9))
def logit(input: Tensor, eps: Number | None = None) -> Value:
    """`out_i = ln(x / (1 - x))`, where x is `input_i`, held between `eps` and `1 - eps` where `eps` is given."""
    require("logit_cpu", input.dtype, lowest=0)
    x = input if input.dtype.category == 2 else ir.astype(input, ir.default_dtype())
    x = x if eps is None else ir.minimum(ir.maximum(x, eps), 1 - eps)
    return ir.log(x / (1 - x))


@operator(inplace=True, pointwise=True, samples=unary())
def nan_to_num(
    input: Tensor, nan: Number | None = None, posinf: Number | None = None, neginf: Number | None = None
) -> Value:
    """NaN becomes `nan` (by default 0), infinities become `posinf` and `neginf` (by default the largest numbers)."""
    if input.dtype.is_complex:
        parts = (nan_to_num.define(part(input), nan, posinf, neginf) for part in (ir.real, ir.imag))
        return ir.complex_(*parts)
    largest = LARGEST.get(input.dtype)
    if largest is None:
        return graph.reshape(input, input.shape)
    x = ir.where(ir.ne(input, input), 0.0 if nan is None else nan, input)
    x = ir.where(ir.eq(input, math.inf), largest if posinf is None else posinf, x)
    return ir.where(ir.eq(input, -math.inf), -largest if neginf is None else neginf, x)


OPERATORS: tuple[Operator, ...] = (
    *FUNCTIONS, neg, positive, abs_, sign, sgn, reciprocal, square, frac, round_, deg2rad, rad2deg, signbit, logit,
    nan_to_num,
)  # fmt: skip
