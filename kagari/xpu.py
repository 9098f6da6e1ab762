"""What a program asks of Intel's GPUs before it falls back to the CPU. There are none."""

from __future__ import annotations

from typing import NoReturn

_WITHOUT = "Torch not compiled with XPU enabled"


def is_available() -> bool:
    """Whether there is a GPU that tensors can lie on.

    >>> import kagari as torch
    >>> torch.xpu.is_available()
    False
    """
    return False


def device_count() -> int:
    """How many GPUs there are."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU is in use."""
    return False


def manual_seed(seed: int) -> None:
    """Sets the seed of the GPU in use, where there is one."""


def manual_seed_all(seed: int) -> None:
    """Sets the seed of all GPUs there are."""


def empty_cache() -> None:
    """Gives memory back that no tensor uses, where there is a GPU."""


def memory_allocated(device: object = None) -> int:
    """How many bytes tensors take on a GPU."""
    return 0


def current_device() -> NoReturn:
    """Raises AssertionError: there is no GPU."""
    raise AssertionError(_WITHOUT)


def get_device_name(device: object = None) -> NoReturn:
    """Raises AssertionError: there is no GPU."""
    raise AssertionError(_WITHOUT)


def get_device_properties(device: object = None) -> NoReturn:
    """Raises AssertionError: there is no GPU."""
    raise AssertionError(_WITHOUT)


def synchronize(device: object = None) -> NoReturn:
    """Raises AssertionError: there is no GPU to wait for."""
    raise AssertionError(_WITHOUT)


__all__ = [
    "current_device", "device_count", "empty_cache", "get_device_name", "get_device_properties", "is_available",
    "is_initialized", "manual_seed", "manual_seed_all", "memory_allocated", "synchronize",
]  # fmt: skip
