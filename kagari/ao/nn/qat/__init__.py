"""Layers whose weights are fake quantized, as `torch.ao.nn.qat`."""

from __future__ import annotations

from .layers import Conv1d, Conv2d, Conv3d, Embedding, EmbeddingBag, Linear

__all__ = ["Conv1d", "Conv2d", "Conv3d", "Embedding", "EmbeddingBag", "Linear"]
