"""Tools around the training of models."""

from __future__ import annotations

from . import data

__all__ = ["data"]
