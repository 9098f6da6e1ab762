"""The functions of the package's own namespace that ask for the state of autocast, and set it. All of the thread."""

from __future__ import annotations

import warnings
from typing import Any

from ..autograd import casting
from ..base.dtypes import dtype


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is on for a type of device, `"cuda"` if None.

    >>> import kagari as torch
    >>> with torch.autocast("cpu"):
    ...     torch.is_autocast_enabled("cpu")
    True
    """
    device = "cuda" if device_type is None else casting.checked(device_type, "is_autocast_enabled")
    return device in casting.state.enabled


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Turns autocast on or off for a type of device; `set_autocast_enabled(enabled)` means `"cuda"`."""
    if enabled is None and isinstance(device_type, bool):
        device_type, enabled = "cuda", device_type
    device = casting.checked(device_type, "set_autocast_enabled")
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {type(enabled).__name__}"
        )
    casting.enable(device, enabled)


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype that autocast goes to. Raises RuntimeError for a device without autocast.

    >>> import kagari as torch
    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    device = casting.checked(device_type, "get_autocast_dtype")
    if device not in casting.state.dtypes:
        raise RuntimeError("unsupported scalarType")
    return casting.state.dtypes[device]


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Sets the dtype that autocast goes to. With another one than bfloat16 and float16 it does nothing on the CPU."""
    casting.set_dtype(casting.checked(device_type, "set_autocast_dtype"), dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether converted weights are kept, in PyTorch; here there are none to keep."""
    return casting.state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Sets what `is_autocast_cache_enabled` says."""
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be a bool (got {type(enabled).__name__})")
    casting.state.cache = enabled


def clear_autocast_cache() -> None:
    """Forgets converted weights, in PyTorch; here there are none to forget."""


def autocast_increment_nesting() -> int:
    """Notes one more region inside of others, and returns how many there are."""
    casting.state.nesting += 1
    return casting.state.nesting


def autocast_decrement_nesting() -> int:
    """Notes the end of a region inside of others, and returns how many are left."""
    casting.state.nesting -= 1
    return casting.state.nesting


# The older names, one for each device


def _outdated(old: str, new: str) -> None:
    warnings.warn(f"torch.{old} is deprecated. Please use torch.{new} instead.", DeprecationWarning, stacklevel=3)


def is_autocast_cpu_enabled() -> bool:
    """The older form of `is_autocast_enabled("cpu")`. Warns that it is deprecated."""
    _outdated("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """The older form of `set_autocast_enabled("cpu", enabled)`. Warns that it is deprecated."""
    _outdated("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtype:
    """The older form of `get_autocast_dtype("cpu")`. Warns that it is deprecated."""
    _outdated("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtype) -> None:
    """The older form of `set_autocast_dtype("cpu", dtype)`. Warns that it is deprecated."""
    _outdated("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtype:
    """The older form of `get_autocast_dtype("cuda")`. Warns that it is deprecated."""
    _outdated("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: dtype) -> None:
    """The older form of `set_autocast_dtype("cuda", dtype)`. Warns that it is deprecated."""
    _outdated("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    set_autocast_dtype("cuda", dtype)


__all__ = [
    "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache", "get_autocast_cpu_dtype",
    "get_autocast_dtype", "get_autocast_gpu_dtype", "is_autocast_cache_enabled", "is_autocast_cpu_enabled",
    "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype", "set_autocast_cpu_enabled",
    "set_autocast_dtype", "set_autocast_enabled", "set_autocast_gpu_dtype",
]  # fmt: skip
