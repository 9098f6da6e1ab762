"""Automatic differentiation: the tape, the backward pass, and the modes."""

from __future__ import annotations

from .api import backward, grad
from .modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .node import Node, RemovableHandle

__all__ = [
    "Node", "RemovableHandle", "backward", "detect_anomaly", "enable_grad", "grad", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled",
    "no_grad", "set_grad_enabled",
]  # fmt: skip
