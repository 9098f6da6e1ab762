"""Several layers in one that compute with integers, as `torch.ao.nn.intrinsic.quantized`."""

from __future__ import annotations

from ...quantized.conv import ConvAdd2d, ConvAddReLU2d, ConvReLU1d, ConvReLU2d, ConvReLU3d
from ...quantized.layers import BNReLU2d, BNReLU3d
from ...quantized.linear import LinearLeakyReLU, LinearReLU, LinearTanh
from . import dynamic

__all__ = [
    "BNReLU2d", "BNReLU3d", "ConvAdd2d", "ConvAddReLU2d", "ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearLeakyReLU",
    "LinearReLU", "LinearTanh", "dynamic",
]  # fmt: skip
