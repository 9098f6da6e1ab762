"""Quantization of models, as `torch.ao`: `ao.quantization` prepares and converts them, `ao.nn` has their layers."""

from __future__ import annotations

from . import nn, quantization

__all__ = ["nn", "quantization"]
