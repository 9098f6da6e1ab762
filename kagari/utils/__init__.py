"""Tools around the training of models."""

from __future__ import annotations

from . import benchmark, checkpoint, data, hooks
from .swapping import swap_tensors

__all__ = ["benchmark", "checkpoint", "data", "hooks", "swap_tensors"]
