"""Convolutions that quantize their inputs in each call."""

from __future__ import annotations

from typing import Any

from .....eager import Tensor
from .. import conv as nnq


class _Dynamic:
    """Quantizes the input for the convolution, and gives numbers."""

    def _get_name(self) -> str:
        return f"DynamicQuantized{type(self).__name__}"

    def forward(self: Any, input: Tensor, reduce_range: bool = True) -> Tensor:
        made: Tensor = self._packed_params.dynamic(self._padded(input), reduce_range)
        return made


class Conv1d(_Dynamic, nnq.Conv1d):
    """A convolution over one dimension of a float32 tensor, which is quantized for it."""


class Conv2d(_Dynamic, nnq.Conv2d):
    """A convolution over two dimensions of a float32 tensor, which is quantized for it."""


class Conv3d(_Dynamic, nnq.Conv3d):
    """A convolution over three dimensions of a float32 tensor, which is quantized for it."""


class ConvTranspose1d(_Dynamic, nnq.ConvTranspose1d):
    """A transposed convolution over one dimension of a float32 tensor, which is quantized for it."""


class ConvTranspose2d(_Dynamic, nnq.ConvTranspose2d):
    """A transposed convolution over two dimensions of a float32 tensor, which is quantized for it."""


class ConvTranspose3d(_Dynamic, nnq.ConvTranspose3d):
    """A transposed convolution over three dimensions of a float32 tensor, which is quantized for it."""


__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
