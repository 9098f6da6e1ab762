"""The order of the dimensions of convolutions' weights in memory."""

from __future__ import annotations

from typing import TypeVar

from ...eager.formats import memory_format as Format
from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module

M = TypeVar("M", bound=Module)


def convert_conv2d_weight_memory_format(module: M, memory_format: Format) -> M:
    r"""Orders the weights of all two-dimensional convolutions of a module in memory, and nothing else.

    Results follow the order of the weights: an image in row-major order comes out with its channels last.

    Args:
        module (Module): what is changed
        memory_format (memory_format): for example ``torch.channels_last``

    Returns:
        the module

    Example::

        >>> import kagari as torch
        >>> layer = torch.nn.Conv2d(3, 4, 2)
        >>> layer = torch.nn.utils.convert_conv2d_weight_memory_format(layer, torch.channels_last)
        >>> layer(torch.rand(1, 3, 5, 5)).stride()
        (64, 1, 16, 4)
    """
    return _converted(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: M, memory_format: Format) -> M:
    r"""Orders the weights of all three-dimensional convolutions of a module in memory, and nothing else.

    Args:
        module (Module): what is changed
        memory_format (memory_format): for example ``torch.channels_last_3d``

    Returns:
        the module
    """
    return _converted(module, memory_format, (Conv3d, ConvTranspose3d))


def _converted(module: M, memory_format: Format, kinds: tuple[type[Module], ...]) -> M:
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = part.weight.detach().to(memory_format=memory_format)
    return module


__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]
