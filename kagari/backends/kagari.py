"""The compiler and the memory of this process."""

from __future__ import annotations

from ..engine.code import kernels_compiled, native


def memory_stats() -> dict[str, int]:
    """Bytes that tensors use, and bytes that are pooled for the next ones.

    >>> import kagari as torch
    >>> x = torch.zeros(1000)
    >>> torch.backends.kagari.memory_stats()["allocated"] >= 4000
    True
    """
    stats = native().stats
    return {"allocated": stats[0], "pooled": stats[2] - stats[0]}


def empty_cache() -> None:
    """Gives pooled memory back to the system."""
    native().empty_cache(None)


__all__ = ["empty_cache", "kernels_compiled", "memory_stats"]
