"""What a program asks of the CPU in the words that it has for GPUs."""

from __future__ import annotations

from . import amp


def is_available() -> bool:
    """Whether there is a CPU."""
    return True


def device_count() -> int:
    """How many devices the CPU is: one, of all cores."""
    return 1


def current_device() -> str:
    """The device in use.

    >>> import kagari as torch
    >>> torch.cpu.current_device()
    'cpu'
    """
    return "cpu"


def set_device(device: object) -> None:
    """Chooses a device; there is no choice."""


def synchronize(device: object = None) -> None:
    """Waits for the device; operators are done when they return."""


def is_initialized() -> bool:
    """Whether the device is in use."""
    return True


__all__ = ["amp", "current_device", "device_count", "is_available", "is_initialized", "set_device", "synchronize"]
