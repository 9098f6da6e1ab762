"""Layers that move elements between channels and space."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module


class PixelShuffle(Module):
    r"""Makes a square of :math:`r \times r` elements of :math:`r^2` channels.

    Args:
        upscale_factor (int): :math:`r`.

    Shape:
        - Input: :math:`(*, C r^2, H, W)`.
        - Output: :math:`(*, C, H r, W r)`.

    Source: Shi et al., *Real-time single image and video super-resolution* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.PixelShuffle(3)(torch.randn(1, 9, 4, 4)).shape)
        (1, 1, 12, 12)
    """

    __constants__ = ("upscale_factor",)
    upscale_factor: int

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    r"""Makes :math:`r^2` channels of squares of :math:`r \times r` elements: undoes :class:`PixelShuffle`.

    Args:
        downscale_factor (int): :math:`r`.

    Shape:
        - Input: :math:`(*, C, H r, W r)`.
        - Output: :math:`(*, C r^2, H, W)`.

    Source: Shi et al., *Real-time single image and video super-resolution* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.PixelUnshuffle(3)(torch.randn(1, 1, 12, 12)).shape)
        (1, 9, 4, 4)
    """

    __constants__ = ("downscale_factor",)
    downscale_factor: int

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    r"""Takes channels in turns: one of each of :math:`g` groups that follow each other.

    Args:
        groups (int): :math:`g`.

    Shape:
        - Input: :math:`(N, C, *)`, with :math:`C` divisible by :math:`g`.
        - Output: the same.

    Source: Zhang et al., *ShuffleNet* (2018).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.ChannelShuffle(2)(torch.arange(4).reshape(1, 4, 1)).flatten().tolist()
        [0, 2, 1, 3]
    """

    __constants__ = ("groups",)
    groups: int

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]
