"""NVIDIA's cuDNN, which is not used. The switches can be set, as in a PyTorch for the CPU, and steer nothing."""

from __future__ import annotations

enabled = True
benchmark = False
deterministic = False


def is_available() -> bool:
    """Whether the library is there.

    >>> import kagari as torch
    >>> torch.backends.cudnn.is_available()
    False
    """
    return False


def version() -> None:
    """The library's version: None without it."""


__all__ = ["benchmark", "deterministic", "enabled", "is_available", "version"]
