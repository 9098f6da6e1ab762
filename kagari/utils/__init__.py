"""Tools around the training of models."""

from __future__ import annotations

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
