"""The processes that `torchrun` starts."""

from . import errors

__all__ = ["errors"]
