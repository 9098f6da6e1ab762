"""Changes of graphs that PyTorch calls experimental."""

from __future__ import annotations

from . import optimization

__all__ = ["optimization"]
