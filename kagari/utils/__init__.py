"""Tools around the training of models."""

from __future__ import annotations

from . import benchmark, checkpoint, data, hooks

__all__ = ["benchmark", "checkpoint", "data", "hooks"]
