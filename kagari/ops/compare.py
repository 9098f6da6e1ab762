"""Comparisons, logic and bits, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import bool_
from ..ir import build as ir
from ..ir.graph import Value
from .check import TYPE_NAMES, require, result_type
from .operator import Number, Operator, Sample, Tensor, operator
from .samples import args, binary, mixed, special_pairs, together, unary, wanted

Build = Callable[[Any, Any], Value]
_sizes = (args(wanted(2), wanted(3)), RuntimeError, r"The size of tensor a \(2\) must match the size of tensor b \(3\)")


def _equals(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(values=[1.0, 2.0, 3.0]), make(values=[1.0, 5.0, 3.0])), {}
    yield (make(values=[1.0, 2.0, 3.0]), 2), {}


def _comparison(name: str, build: Build, sign: str, *aliases: str) -> Operator:
    def define(input: Tensor, other: Tensor | Number) -> Value:
        return build(input, other)

    define.__doc__ = (
        f"Whether `input_i {sign} other_i`, as booleans. Operands of two dtypes are compared in the common one."
    )
    return operator(
        name=name,
        inplace=True,
        dunder=f"__{name}__",
        pointwise=True,
        aliases=aliases,
        differentiable=False,
        errors=[_sizes],
        samples=together(binary(), mixed(), special_pairs, _equals),
    )(define)


COMPARISONS = (
    _comparison("eq", ir.eq, "=="),
    _comparison("ne", ir.ne, "!=", "not_equal"),
    _comparison("lt", ir.lt, "<", "less"),
    _comparison("le", ir.le, "<=", "less_equal"),
    _comparison("gt", ir.gt, ">", "greater"),
    _comparison("ge", ir.ge, ">=", "greater_equal"),
)


# Logic


def _truth(x: Any) -> Value:
    return ir.astype(ir.lift(x), bool_)


def _logical(name: str, build: Build, words: str) -> Operator:
    def define(input: Tensor, other: Tensor) -> Value:
        return build(_truth(input), _truth(other))

    define.__doc__ = f"Whether {words}; every number but 0 counts as true."
    samples = together(binary(numbers=()), mixed(0, 2), special_pairs)
    return operator(name=name, inplace=True, pointwise=True, differentiable=False, samples=samples, errors=[_sizes])(
        define
    )


LOGICAL = (
    _logical("logical_and", ir.bitand, "both `input_i` and `other_i` are true"),
    _logical("logical_or", ir.bitor, "`input_i` or `other_i` is true"),
    _logical("logical_xor", ir.ne, "one of `input_i` and `other_i` is true, and one alone"),
)


@operator(inplace=True, pointwise=True, differentiable=False, samples=unary(0, 2))
def logical_not(input: Tensor) -> Value:
    """Whether `input_i` is 0."""
    return ir.bitnot(_truth(input))


# Kinds of floats


def _always(x: Value, answer: bool) -> Value:
    return ir.full(x.shape, answer, bool_)


def _kind(name: str, build: Callable[[Value], Value], words: str, otherwise: bool = False, **options: Any) -> Operator:
    def define(input: Tensor) -> Value:
        if input.dtype.is_complex and name in ("isposinf", "isneginf"):
            raise RuntimeError(f"{name} does not support complex inputs.")
        return build(input) if input.dtype.is_differentiable else _always(input, otherwise)

    define.__doc__ = f"Whether `input_i` is {words}. Of integers {'all are' if otherwise else 'none is'}."
    return operator(name=name, pointwise=True, differentiable=False, samples=unary(), **options)(define)


KINDS = (
    _kind("isnan", lambda x: ir.ne(x, x), "not a number", out=False),
    _kind("isinf", lambda x: ir.eq(ir.abs_(x), math.inf), "infinite", out=False),
    _kind("isfinite", lambda x: ir.lt(ir.abs_(x), math.inf), "finite", True, out=False),
    _kind("isposinf", lambda x: ir.eq(x, math.inf), "positive infinity"),
    _kind("isneginf", lambda x: ir.eq(x, -math.inf), "negative infinity"),
)


def _close(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(values=[1.0, 2.0, 3.0, 0.0]), make(values=[1.0, 2.00001, 3.1, 1e-9])), {}
    yield (make(values=[1.0, 2.0, 3.0, 0.0]), make(values=[1.0, 2.00001, 3.1, 1e-9])), {"rtol": 0.1, "atol": 0}
    yield (make(2, 3), make(3)), {"atol": 1.0}


@operator(
    pointwise=True,
    differentiable=False,
    out=False,
    dtypes="fibc",
    samples=together(
        binary(numbers=()),
        special_pairs,
        lambda make: ((a, {"equal_nan": True}) for a, _ in special_pairs(make)),
        _close,
    ),
    errors=[
        (args(wanted(2), wanted(2, dtype="float64")), RuntimeError, "Float did not match Double"),
        (
            ((wanted(2), wanted(2)), {"rtol": -1.0}),
            RuntimeError,
            "rtol must be greater than or equal to zero, but got -1",
        ),
        (
            ((wanted(2), wanted(2)), {"atol": -1.0}),
            RuntimeError,
            "atol must be greater than or equal to zero, but got -1",
        ),
    ],
)
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Value:
    """Whether `|input_i - other_i| <= atol + rtol * |other_i|`, or both are one infinity; NaNs with `equal_nan`."""
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{TYPE_NAMES[input.dtype]} did not match {TYPE_NAMES[other.dtype]}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    close = ir.eq(input, other)
    a, b = (ir.astype(x, ir.default_dtype()) if x.dtype is bool_ else x for x in (input, other))
    distance = ir.abs_(a - b)
    close = close | (ir.le(distance, atol + rtol * ir.abs_(b)) & ir.lt(ir.abs_(distance * 1.0), math.inf))
    return close | (ir.ne(input, input) & ir.ne(other, other)) if equal_nan else close


# Bits


def _bitwise(name: str, build: Build, dunder: str, words: str) -> Operator:
    kernel = f"{name}_cpu"

    def define(input: Tensor | Number, other: Tensor | Number) -> Value:
        require(kernel, result_type(input, other), lowest=0, highest=1)
        return build(input, other)

    define.__doc__ = f"`input_i {words} other_i`, bit by bit; on booleans the logical operation."
    return operator(
        name=name,
        inplace=True,
        dunder=f"__{dunder}__",
        reflected=f"__r{dunder}__",
        pointwise=True,
        dtypes="ib",
        differentiable=False,
        samples=binary(numbers=(2, True)),
        errors=[(args(wanted(2), wanted(2)), NotImplementedError, f"\"{kernel}\" not implemented for 'Float'")],
    )(define)


def _shift(name: str, build: Build, dunder: str, words: str) -> Operator:
    kernel = f"{dunder}_cpu"

    def define(input: Tensor | Number, other: Tensor | Number) -> Value:
        require(kernel, result_type(input, other), lowest=1, highest=1)
        return build(input, other)

    define.__doc__ = f"`input_i {words} other_i`. A shift by the width or more moves every bit out."
    return operator(
        name=name,
        inplace=True,
        dunder=f"__{dunder}__",
        reflected=f"__r{dunder}__",
        pointwise=True,
        dtypes="i",
        differentiable=False,
        samples=_shifts,
        errors=[(args(wanted(2), wanted(2)), NotImplementedError, f"\"{kernel}\" not implemented for 'Float'")],
    )(define)


def _shifts(make: Callable[..., Any]) -> Iterator[Sample]:
    for amounts in ({"low": 0, "high": 7}, {"low": 60, "high": 70}, {"low": -3, "high": 0}):
        yield (make(4, 5, low=-9, high=9), make(5, **amounts)), {}
    yield (make(4, 5, low=-9, high=9, noncontiguous=True), 2), {}
    yield (2, make(low=0, high=7)), {}
    yield (make(0, 3), 1), {}


BITS = (
    _bitwise("bitwise_and", ir.bitand, "and", "&"),
    _bitwise("bitwise_or", ir.bitor, "or", "|"),
    _bitwise("bitwise_xor", ir.bitxor, "xor", "^"),
    _shift("bitwise_left_shift", ir.shl, "lshift", "<<"),
    _shift("bitwise_right_shift", ir.shr, "rshift", ">>"),
)


@operator(
    inplace=True,
    pointwise=True,
    dtypes="ib",
    differentiable=False,
    samples=unary(special=False),
    errors=[(args(wanted(2)), NotImplementedError, "\"bitwise_not_cpu\" not implemented for 'Float'")],
)
def bitwise_not(input: Tensor) -> Value:
    """`~input_i`; on booleans the logical not."""
    require("bitwise_not_cpu", input.dtype, lowest=0, highest=1)
    return ir.bitnot(input)


@operator(
    function=False,
    method=False,
    out=False,
    dunder="__invert__",
    pointwise=True,
    differentiable=False,
)
def invert(input: Tensor) -> Value:
    """`~input_i`; on booleans the logical not."""
    if input.dtype.category > 1:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return ir.bitnot(input)


OPERATORS: tuple[Operator, ...] = (*COMPARISONS, *LOGICAL, logical_not, *KINDS, isclose, *BITS, bitwise_not, invert)
