"""Several layers in one whose inputs are quantized in each call, as `torch.ao.nn.intrinsic.quantized.dynamic`."""

from __future__ import annotations

from ...quantized.dynamic.linear import LinearReLU

__all__ = ["LinearReLU"]
