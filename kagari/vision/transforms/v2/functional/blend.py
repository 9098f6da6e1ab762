"""Images between two images, and grey ones."""

from __future__ import annotations

from typing import Any

from .....base.dtypes import float32
from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import pillow
from .convert import largest
from .dispatch import by_kind
from .meta import get_num_channels


def check_channels(image: Tensor) -> int:
    """How many channels an image has. Raises TypeError unless it is 1 or 3."""
    channels = get_num_channels(image)
    if channels not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {channels}")
    return channels


def check_factor(name: str, factor: float) -> None:
    """Raises ValueError for a negative factor."""
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def working(image: Tensor) -> Tensor:
    """An image in floating-point numbers, not scaled."""
    return image if image.is_floating_point() else image.to(float32)


def within(made: Tensor, like: Tensor) -> Tensor:
    """A result cut at black and white, in the dtype of the image that it was made of."""
    return made.clamp(0, largest(like.dtype)).to(like.dtype)


def blend(first: Tensor, second: Tensor, share: float) -> Tensor:
    """`share first + (1 - share) second`, in the dtype of the first one."""
    return within(working(first) * share + working(second) * (1.0 - share), first)


def luminance(image: Tensor) -> Tensor:
    """The brightness [*, 1, H, W] of an image of one channel or three, in floating-point numbers."""
    if get_num_channels(image) == 1:
        return working(image)
    red, green, blue = working(image).unbind(-3)
    return (red * 0.2989 + green * 0.587 + blue * 0.114).unsqueeze(-3)


def rgb_to_grayscale_image(image: Tensor, num_output_channels: int = 1) -> Tensor:
    r"""A colour image in grey: :math:`0.2989 R + 0.587 G + 0.114 B`.

    Args:
        inpt (any): an image or a Pillow image, of one channel or three.
        num_output_channels (int): 1, or 3 for that many equal ones. Default: 1

    Shape:
        - :math:`(*, C, H, W)`.

    Raises ValueError for another number of channels.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.rgb_to_grayscale(torch.ones(3, 1, 1)).shape
        torch.Size([1, 1, 1])
    """
    _check_outputs(num_output_channels)
    if image.shape[-3] == 1 and num_output_channels == 1:
        return image.clone()
    grey = luminance(image).to(image.dtype)
    if num_output_channels == 1:
        return grey
    return grey.expand(*image.shape[:-3], 3, *image.shape[-2:]).clone()


def _check_outputs(count: int) -> None:
    if count not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, got {count}.")


def _rgb_to_grayscale_picture(picture: Any, num_output_channels: int = 1) -> Any:
    _check_outputs(num_output_channels)
    grey = picture.convert("L")
    return grey if num_output_channels == 1 else pillow().merge("RGB", [grey] * 3)


def grayscale_to_rgb_image(image: Tensor) -> Tensor:
    """An image of one channel as one of three equal ones; one that has three stays as it is."""
    if image.shape[-3] >= 3:
        return image
    return image.expand(*image.shape[:-3], 3, *image.shape[-2:]).clone()


def _grayscale_to_rgb_picture(picture: Any) -> Any:
    return picture.convert("RGB")


rgb_to_grayscale = by_kind(rgb_to_grayscale_image, picture=_rgb_to_grayscale_picture, videos=False)
grayscale_to_rgb = by_kind(grayscale_to_rgb_image, picture=_grayscale_to_rgb_picture, videos=False)


def mean_of(image: Tensor) -> Tensor:
    """The mean brightness of each image of a batch, to be blended with it."""
    grey = luminance(image)
    return (grey if image.is_floating_point() else ops.floor(grey)).mean((-3, -2, -1), keepdim=True)
