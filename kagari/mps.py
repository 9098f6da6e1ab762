"""What a program asks of Apple's GPUs before it falls back to the CPU. There are none."""

from __future__ import annotations

from typing import NoReturn


def is_available() -> bool:
    """Whether there is a GPU that tensors can lie on.

    >>> import kagari as torch
    >>> torch.mps.is_available()
    False
    """
    return False


def device_count() -> int:
    """How many GPUs there are."""
    return 0


def manual_seed(seed: int) -> None:
    """Sets the seed of the GPU, where there is one."""


def empty_cache() -> NoReturn:
    """Raises RuntimeError: there is no GPU whose memory could be given back."""
    raise RuntimeError("Cannot execute emptyCache() without MPS backend.")


def synchronize() -> NoReturn:
    """Raises RuntimeError: there is no GPU to wait for."""
    raise RuntimeError("Cannot execute deviceSynchronize() without MPS backend.")


__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "synchronize"]
