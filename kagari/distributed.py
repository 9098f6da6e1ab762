"""Computing on several machines, under PyTorch's name: what a build without it answers.

As in a PyTorch that was built without it, the only function is `is_available`, which says so. Programs ask it before
they use anything else of this module.
"""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether processes can exchange tensors over a network: not yet.

    Source: `torch.distributed.is_available`.

    >>> import kagari as torch
    >>> torch.distributed.is_available()
    False
    """
    return False
