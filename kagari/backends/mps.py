"""Apple's GPUs, for which no kernels are made."""

from __future__ import annotations


def is_available() -> bool:
    """Whether tensors can lie on the GPU.

    >>> import kagari as torch
    >>> torch.backends.mps.is_available()
    False
    """
    return False


def is_built() -> bool:
    """Whether kernels for it can be made."""
    return False


__all__ = ["is_available", "is_built"]
