"""Intel's Math Kernel Library, which is not used: the kernels are generated, and have threads of their own."""

from __future__ import annotations


def is_available() -> bool:
    """Whether the library is there.

    >>> import kagari as torch
    >>> torch.backends.mkl.is_available()
    False
    """
    return False


__all__ = ["is_available"]
