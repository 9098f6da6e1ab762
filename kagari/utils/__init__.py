"""Tools around the training of models."""

from __future__ import annotations

from ..eager.swapping import swap_tensors
from . import benchmark, checkpoint, data, hooks

__all__ = ["benchmark", "checkpoint", "data", "hooks", "swap_tensors"]
