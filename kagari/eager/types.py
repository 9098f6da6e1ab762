"""Questions about number types: their limits, what two of them make, which fits into which."""

from __future__ import annotations

from typing import Any

from ..base import dtypes
from ..base.dtypes import default_dtype, dtype
from ..engine.function import Hooks, forget_plans
from ..ops.check import LARGEST

_FLOAT_DIGITS = {"float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023)}
_FLOAT_DIGITS |= {
    "float8_e4m3fn": (3, 7), "float8_e4m3fnuz": (3, 8), "float8_e5m2": (2, 15), "float8_e5m2fnuz": (3, 16),
}  # fmt: skip
_RESOLUTION = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-15}


class finfo:
    """The limits of a floating-point type, for a complex one those of its parts; of the default dtype if none is given.

    >>> import kagari as torch
    >>> torch.finfo(torch.float16).max
    65504.0
    """

    def __init__(self, type: Any = None) -> None:
        dt = default_dtype() if type is None else type
        if not isinstance(dt, dtype):
            raise TypeError(f"finfo(): argument 'type' (position 1) must be torch.dtype, not {dt.__class__.__name__}")
        dt = dt.to_real()
        if dt.category != 2:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dt}'")
        digits, exponent = _FLOAT_DIGITS[dt.name]
        self.dtype, self.bits = dt.name, dt.itemsize * 8
        self.eps = 2.0**-digits
        self.max = LARGEST[dt]
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = _RESOLUTION.get(dt.name, 1.0)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer type.

    >>> import kagari as torch
    >>> torch.iinfo(torch.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype) or type.category != 1:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        self.dtype, self.bits = type.name, type.itemsize * 8
        self.max = (1 << (self.bits - type.is_signed)) - 1
        self.min = -self.max - 1 if type.is_signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that holds both.

    >>> import kagari as torch
    >>> torch.promote_types(torch.uint8, torch.int8)
    torch.int16
    """
    for i, dt in enumerate((type1, type2)):
        if not isinstance(dt, dtype):
            raise TypeError(
                f"promote_types(): argument 'type{i + 1}' (position {i + 1}) must be torch.dtype, not "
                f"{type(dt).__name__}"
            )
    return dtypes.promote(type1, type2)


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of arithmetic with two tensors or numbers.

    >>> import kagari as torch
    >>> torch.result_type(torch.tensor([1]), 1.5)
    torch.float32
    """
    groups: list[list[dtype]] = [[], [], []]
    for x in (tensor1, tensor2):
        if isinstance(x, Hooks.tensor_types):
            groups[0 if x.ndim else 1].append(x.dtype)
        elif isinstance(x, int | float | complex):
            groups[2].append(_dtype_of_number(x))
        else:
            raise TypeError(f"result_type() received an invalid combination of arguments - got ({type(x).__name__})")
    return dtypes.arithmetic(*groups)


def _dtype_of_number(x: Any) -> dtype:
    if isinstance(x, int):
        return dtypes.bool_ if isinstance(x, bool) else dtypes.int64
    return default_dtype().to_complex() if isinstance(x, complex) else default_dtype()


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether values of one dtype may be written into another: not into one of a lower category.

    >>> import kagari as torch
    >>> torch.can_cast(torch.float32, torch.int32)
    False
    """
    return from_.category <= to.category


def set_default_dtype(d: dtype) -> None:
    """Sets the dtype of new tensors and of Python floats. Raises TypeError unless it is a floating-point one.

    >>> import kagari as torch
    >>> torch.set_default_dtype(torch.float64)
    >>> torch.zeros(1).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if d.category != 2:
        raise TypeError("only floating-point types are supported as the default type")
    if d is not default_dtype():
        dtypes.set_default_dtype(d)
        forget_plans()


def get_default_dtype() -> dtype:
    """The dtype of new tensors and of Python floats.

    >>> import kagari as torch
    >>> torch.get_default_dtype()
    torch.float32
    """
    return default_dtype()


def is_floating_point(input: Any) -> bool:
    """Whether a tensor's dtype is a floating-point one.

    >>> import kagari as torch
    >>> torch.is_floating_point(torch.zeros(1))
    True
    """
    return input.is_floating_point()


def is_complex(input: Any) -> bool:
    """Whether a tensor's dtype is complex.

    >>> import kagari as torch
    >>> torch.is_complex(torch.zeros(1))
    False
    """
    return input.is_complex()


def is_signed(input: Any) -> bool:
    """Whether a tensor's dtype has negative numbers.

    >>> import kagari as torch
    >>> torch.is_signed(torch.tensor([True]))
    False
    """
    return input.is_signed()


def numel(input: Any) -> int:
    """The number of elements.

    >>> import kagari as torch
    >>> torch.numel(torch.zeros(2, 3))
    6
    """
    return input.numel()


FUNCTIONS = (
    can_cast, finfo, get_default_dtype, iinfo, is_complex, is_floating_point, is_signed, numel, promote_types,
    result_type, set_default_dtype,
)  # fmt: skip
