"""The library opt_einsum, which is not used: operands of `torch.einsum` are multiplied from left to right."""

from __future__ import annotations

enabled = False
strategy = None


def is_available() -> bool:
    """Whether the library is used: no.

    >>> import kagari as torch
    >>> torch.backends.opt_einsum.is_available()
    False
    """
    return False


def get_opt_einsum() -> None:
    """The library: None."""


__all__ = ["enabled", "get_opt_einsum", "is_available", "strategy"]
