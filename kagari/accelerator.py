"""What a program asks of the accelerator, whichever it is, before it falls back to the CPU. There is none."""

from __future__ import annotations

from types import ModuleType
from typing import NoReturn

from . import cpu, cuda
from .eager import device as Device

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "empty_cache", "empty_host_cache", "get_device_capability", "get_device_module", "get_memory_info",
    "is_available", "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved",
    "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx", "set_device_index",
    "set_stream", "synchronize",
]  # fmt: skip

_MODULES = {"cpu": cpu, "cuda": cuda}


def get_device_module(device: Device | str | None = None) -> ModuleType:
    """The module for a kind of devices; without an accelerator, that of the CPU is what None stands for.

    Raises RuntimeError for a kind that has none, and for what is no device.

    >>> import kagari as torch
    >>> torch.get_device_module().synchronize()
    """
    if device is not None and not isinstance(device, Device | str):
        raise RuntimeError(f"Invalid value of device '{device}', expect torch.device, str, or None")
    kind = "cpu" if device is None else Device(device).type
    if kind not in _MODULES:
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return _MODULES[kind]


def is_available() -> bool:
    """Whether there is an accelerator.

    >>> import kagari as torch
    >>> torch.accelerator.is_available()
    False
    """
    return False


def device_count() -> int:
    """How many accelerators there are.

    >>> import kagari as torch
    >>> torch.accelerator.device_count()
    0
    """
    return 0


def current_accelerator(check_available: bool = False) -> Device | None:
    """The kind of the accelerator: None, as there is none.

    >>> import kagari as torch
    >>> torch.accelerator.current_accelerator() or torch.device("cpu")
    device(type='cpu')
    """
    return None


def _none() -> NoReturn:
    raise RuntimeError("Cannot access accelerator device when none is available.")


def current_device_index() -> NoReturn:
    """The number of the accelerator in use. Raises RuntimeError: there is none."""
    _none()


def set_device_index(device: object, /) -> NoReturn:
    """Chooses an accelerator. Raises RuntimeError: there is none."""
    _none()


def current_stream(device: object = None, /) -> NoReturn:
    """The queue in use. Raises RuntimeError: there is none."""
    _none()


def synchronize(device: object = None, /) -> NoReturn:
    """Waits for the accelerator. Raises RuntimeError: there is none."""
    _none()


def memory_allocated(device: object = None, /) -> NoReturn:
    """Bytes of tensors on the accelerator. Raises RuntimeError: there is none."""
    _none()


def max_memory_allocated(device: object = None, /) -> NoReturn:
    """The most bytes of tensors at a time. Raises RuntimeError: there is no accelerator."""
    _none()


def memory_reserved(device: object = None, /) -> NoReturn:
    """Bytes that are taken from the accelerator. Raises RuntimeError: there is none."""
    _none()


def max_memory_reserved(device: object = None, /) -> NoReturn:
    """The most bytes taken at a time. Raises RuntimeError: there is no accelerator."""
    _none()


def memory_stats(device: object = None, /) -> NoReturn:
    """What is known of the accelerator's memory. Raises RuntimeError: there is none."""
    _none()


def get_memory_info(device: object = None, /) -> NoReturn:
    """Free and whole bytes of the accelerator. Raises RuntimeError: there is none."""
    _none()


def get_device_capability(device: object = None, /) -> NoReturn:
    """What the accelerator can do. Raises RuntimeError: there is none."""
    _none()


def reset_accumulated_memory_stats(device: object = None, /) -> NoReturn:
    """Begins sums of memory anew. Raises RuntimeError: there is no accelerator."""
    _none()


def reset_peak_memory_stats(device: object = None, /) -> NoReturn:
    """Begins peaks of memory anew. Raises RuntimeError: there is no accelerator."""
    _none()


def empty_host_cache() -> NoReturn:
    """Gives back pooled memory for copies to the accelerator. Raises RuntimeError: there is none."""
    _none()


def set_stream(stream: object, /) -> NoReturn:
    """Chooses a queue. Raises RuntimeError: there is no accelerator."""
    _none()


class device_index:
    """A region that uses another accelerator; None stands for the one in use.

    Raises RuntimeError where it is entered with a number: there is no accelerator.
    """

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            _none()

    def __exit__(self, *exception: object) -> None:
        pass


current_device_idx, set_device_idx = current_device_index, set_device_index


def empty_cache() -> NoReturn:
    """Gives back pooled memory of the accelerator. Raises RuntimeError: there is none."""
    _none()
