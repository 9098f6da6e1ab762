"""Intel's oneDNN, which is not used: the kernels are generated, and have threads of their own."""

from __future__ import annotations


def is_available() -> bool:
    """Whether the library is there.

    >>> import kagari as torch
    >>> torch.backends.mkldnn.is_available()
    False
    """
    return False


__all__ = ["is_available"]
