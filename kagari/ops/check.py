"""What definitions check of their arguments, worded as PyTorch words it, and the numbers that depend on a dtype."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import (
    ALL,
    FLOAT8,
    bfloat16,
    bool_,
    complex32,
    complex64,
    complex128,
    dtype,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ..ir import build as ir
from ..ir.graph import Value

TYPE_NAMES = {dt: dt.type_name for dt in ALL}
TWO_BOOLS = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
    "instead."
)


def cannot_hold(result: dtype, memory: dtype) -> str:
    """The error for a result that has to lie in memory of another dtype."""
    return f"result type {TYPE_NAMES[result]} can't be cast to the desired output type {TYPE_NAMES[memory]}"


"""What PyTorch's messages call the dtypes."""

C_NAMES = {
    bool_: "bool", uint8: "unsigned char", int8: "signed char", int16: "short int", int32: "int", int64: "long int",
    uint16: "short unsigned int", uint32: "unsigned int", uint64: "long unsigned int",
    float16: "c10::Half", bfloat16: "c10::BFloat16", float32: "float", float64: "double",
    complex32: "c10::complex<c10::Half>", complex64: "c10::complex<float>", complex128: "c10::complex<double>",
}  # fmt: skip
"""What some of its messages call them."""

LARGEST = {
    float16: 65504.0,
    bfloat16: 3.3895313892515355e38,
    float32: 3.4028234663852886e38,
    float64: 1.7976931348623157e308,
    float8_e4m3fn: 448.0,
    float8_e4m3fnuz: 240.0,
    float8_e5m2: 57344.0,
    float8_e5m2fnuz: 57344.0,
}
"""The largest finite number of each floating-point type."""


def require(kernel: str, dt: dtype, lowest: int = 2, highest: int = 2) -> None:
    """Raises NotImplementedError unless the category of `dt` is between two bounds.

    The categories are 0 bool, 1 integer, 2 float, 3 complex. Floats of eight bits have no arithmetic.
    """
    if not lowest <= dt.category <= highest or dt in FLOAT8:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dt]}'")


def is_bool(x: Any) -> bool:
    """Whether x is a boolean, as a value or as a Python number."""
    return x.dtype is bool_ if isinstance(x, Value) else isinstance(x, bool)


def result_type(*operands: Any) -> dtype:
    """The dtype that arithmetic with these values and numbers has."""
    return ir.result_type(*[ir.lift(x) for x in operands])


def for_tensors(*pairs: tuple[Any, Value]) -> list[Value]:
    """Of (argument, gradient) pairs the gradients of those that are tensors: what a gradient rule returns."""
    return [g for x, g in pairs if isinstance(x, Value) and not x.weak]
