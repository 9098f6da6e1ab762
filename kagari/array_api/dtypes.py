"""Number types of the array API: its promotion, its kinds and its limits.

The type of a result depends on the types of the operands alone, not on whether they have dimensions, as PyTorch's does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from ..base import dtypes
from ..base.dtypes import dtype
from ..eager import Tensor, operators
from ..eager import types as limits

REAL = (dtypes.float32, dtypes.float64)
COMPLEX = (dtypes.complex64, dtypes.complex128)
SIGNED = (dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
UNSIGNED = (dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64)
KINDS: dict[str, tuple[dtype, ...]] = {
    "bool": (dtypes.bool_,), "signed integer": SIGNED, "unsigned integer": UNSIGNED, "integral": SIGNED + UNSIGNED,
    "real floating": REAL, "complex floating": COMPLEX, "numeric": SIGNED + UNSIGNED + REAL + COMPLEX,
}  # fmt: skip
ALL: dict[str, dtype] = {dt.name: dt for dt in (dtypes.bool_, *KINDS["numeric"])}


def promoted(a: dtype, b: dtype) -> dtype:
    """The type that holds both, unsigned ones of 16 bits and more included."""
    if a is b:
        return a
    if not {a, b} & set(UNSIGNED[1:]):
        return dtypes.promote(a, b)
    if a.category != b.category:
        return max(a, b, key=lambda dt: dt.category)
    low, high = sorted((a, b), key=lambda dt: (dt.itemsize, not dt.is_signed))
    if low.is_signed == high.is_signed or (high.is_signed and high.itemsize > low.itemsize):
        return high
    above = [dt for dt in SIGNED if dt.itemsize > high.itemsize]
    if not above:
        raise TypeError(f"there is no promotion between {a} and {b}")
    return above[0]


def result_type(*arrays_and_dtypes: Any) -> dtype:
    """The type that arithmetic of arrays, types and Python numbers has; numbers only raise the kind.

    >>> import kagari as torch
    >>> torch.array_api.result_type(torch.int8, torch.uint8)
    torch.int16
    """
    strong = [x.dtype if isinstance(x, Tensor) else x for x in arrays_and_dtypes if isinstance(x, Tensor | dtype)]
    if not strong:
        raise ValueError("result_type() takes at least one array or dtype")
    found = reduce(promoted, strong)
    for x in arrays_and_dtypes:
        if not isinstance(x, Tensor | dtype):
            found = of_number(x, found)
    return found


def of_number(value: Any, dt: dtype) -> dtype:
    """The type of an array of type `dt` after arithmetic with a Python number. Raises TypeError for another kind."""
    if isinstance(value, complex) and not isinstance(value, float | int):
        if dt.category < 2:
            raise TypeError(f"a complex number does not go with {dt}")
        return dt.to_complex()
    lowest = 0 if isinstance(value, bool) else 1 if isinstance(value, int) else 2
    if dt.category < lowest:
        raise TypeError(f"a {type(value).__name__} does not go with {dt}")
    return dt


def isdtype(dtype: dtype, kind: Any) -> bool:
    """Whether a type is of a kind: `bool`, `integral`, `real floating`, ..., another type, or one of several of these.

    >>> import kagari as torch
    >>> torch.array_api.isdtype(torch.float32, ("integral", "real floating"))
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"isdtype(): there is no kind {kind!r}; there are {', '.join(KINDS)}")
        return dtype in KINDS[kind]
    return dtype is kind


def can_cast(from_: Any, to: dtype, /) -> bool:
    """Whether values of a type are promoted to another one.

    >>> import kagari as torch
    >>> torch.array_api.can_cast(torch.int8, torch.int16)
    True
    """
    have = from_.dtype if isinstance(from_, Tensor) else from_
    try:
        return promoted(have, to) is to
    except TypeError:
        return False


def astype(x: Tensor, dtype: dtype, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The array in another type; with `copy=False` itself where it has that type.

    >>> import kagari as torch
    >>> torch.array_api.astype(torch.ones(2), torch.int64)
    tensor([1, 1])
    """
    return x.to(device=device, dtype=dtype, copy=copy)


@dataclass(frozen=True)
class FloatLimits:
    """The limits of a floating-point type; of a complex type those of its parts."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: dtype


@dataclass(frozen=True)
class IntegerLimits:
    """The limits of an integer type."""

    bits: int
    max: int
    min: int
    dtype: dtype


def finfo(type: Any, /) -> FloatLimits:
    """The limits of a floating-point type, or of that of an array.

    >>> import kagari as torch
    >>> torch.array_api.finfo(torch.float32).bits
    32
    """
    dt = type.dtype if isinstance(type, Tensor) else type
    found = limits.finfo(dt)
    return FloatLimits(found.bits, found.eps, found.max, found.min, found.smallest_normal, dt.to_real())


def iinfo(type: Any, /) -> IntegerLimits:
    """The limits of an integer type, or of that of an array.

    >>> import kagari as torch
    >>> torch.array_api.iinfo(torch.int8).max
    127
    """
    dt = type.dtype if isinstance(type, Tensor) else type
    found = limits.iinfo(dt)
    return IntegerLimits(found.bits, found.max, found.min, dt)


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """The array repeated to a shape.

    >>> import kagari as torch
    >>> torch.array_api.broadcast_to(torch.ones(2), (1, 2))
    tensor([[1., 1.]])
    """
    return operators.broadcast_to(x, tuple(shape))


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """The arrays in the shape they broadcast to.

    >>> import kagari as torch
    >>> [x.shape for x in torch.array_api.broadcast_arrays(torch.ones(2), torch.ones(3, 1))]
    [torch.Size([3, 2]), torch.Size([3, 2])]
    """
    return list(operators.broadcast_tensors(*arrays))


FUNCTIONS = (astype, broadcast_arrays, broadcast_to, can_cast, finfo, iinfo, isdtype, result_type)
