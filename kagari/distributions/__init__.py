"""What `torch.distributions` is built on. Of it there are the constraints on parameters and values, so far."""

from __future__ import annotations

from . import constraints

__all__ = ["constraints"]
