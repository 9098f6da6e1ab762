"""The arguments of ``Module.to``."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.device import Device


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Device | None, dtype | None, bool]:
    """The device, the dtype and `non_blocking` that the arguments of ``to`` ask for."""
    rest = list(args)
    place, kind = kwargs.get("device"), kwargs.get("dtype")
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
        place, kind = tensor.device, tensor.dtype
    else:
        if rest and (rest[0] is None or isinstance(rest[0], (str, int, Device))):
            place = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], dtype)):
            kind = rest.pop(0)
    non_blocking = rest.pop(0) if rest and isinstance(rest[0], bool) else kwargs.get("non_blocking", False)
    if rest or not kwargs.keys() <= {"device", "dtype", "non_blocking", "memory_format"}:
        got = [type(value).__name__ for value in args] + [
            f"{key}={type(value).__name__}" for key, value in kwargs.items()
        ]
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({', '.join(got)}), but expected one of:\n"
            " * (device device = None, dtype dtype = None, bool non_blocking = False)\n"
            " * (dtype dtype, bool non_blocking = False)\n"
            " * (Tensor tensor, bool non_blocking = False)\n"
        )
    return (None if place is None else Device(place)), kind, non_blocking


__all__ = ["parse_to"]
