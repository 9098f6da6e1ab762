"""The numbers that programs are stored with in place of dtypes, layouts and memory formats."""

from __future__ import annotations

from typing import Any

from ..base import dtypes
from ..base.dtypes import dtype
from ..eager import formats

DTYPES: dict[int, dtype] = {
    0: dtypes.uint8, 1: dtypes.int8, 2: dtypes.int16, 3: dtypes.int32, 4: dtypes.int64, 5: dtypes.float16,
    6: dtypes.float32, 7: dtypes.float64, 8: dtypes.complex32, 9: dtypes.complex64, 10: dtypes.complex128,
    11: dtypes.bool_, 15: dtypes.bfloat16,
}  # fmt: skip
_NUMBERS = {dt: number for number, dt in DTYPES.items()}
FORMATS = {
    0: formats.contiguous_format, 1: formats.preserve_format, 2: formats.channels_last, 3: formats.channels_last_3d,
}  # fmt: skip
LAYOUTS = {0: formats.strided}


CASTS = {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "int": dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool_, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip
"""Methods of tensors that give them another dtype."""


def of_dtype(value: dtype) -> int:
    """The number of a dtype. Raises RuntimeError for one that programs are not stored with."""
    if value not in _NUMBERS:
        raise RuntimeError(f"a script can't have the dtype {value}")
    return _NUMBERS[value]


def of_object(value: Any) -> int | None:
    """The number of a dtype, memory format or layout; None for all else."""
    if isinstance(value, dtype):
        return of_dtype(value)
    for table in (FORMATS, LAYOUTS):
        for number, found in table.items():
            if value is found:
                return number
    return None


def dtype_of(number: int | None) -> dtype | None:
    """The dtype of a number."""
    return None if number is None else DTYPES[number]


def format_of(number: int | None) -> Any:
    """The memory format of a number."""
    return None if number is None else FORMATS[number]


def layout_of(number: int | None) -> Any:
    """The layout of a number."""
    return None if number is None else LAYOUTS[number]


__all__ = ["CASTS", "DTYPES", "dtype_of", "format_of", "layout_of", "of_dtype", "of_object"]
