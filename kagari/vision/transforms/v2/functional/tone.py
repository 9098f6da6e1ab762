"""Images with fewer tones, other ones, or all that there are."""

from __future__ import annotations

from typing import Any

from .....base.dtypes import int64, uint8
from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import pillow
from .blend import working
from .convert import largest
from .dispatch import by_kind
from .meta import get_num_channels


def invert_image(image: Tensor) -> Tensor:
    """The negative of an image: white becomes black.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.invert(torch.tensor([[[0, 200]]], dtype=torch.uint8)).tolist()
    [[[255, 55]]]
    """
    if image.is_floating_point():
        return 1.0 - image
    return ~image if image.dtype is uint8 else largest(image.dtype) - image


def posterize_image(image: Tensor, bits: int) -> Tensor:
    """An image of so many bits for each channel.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.posterize(torch.tensor([[[100, 200]]], dtype=torch.uint8), 1).tolist()
    [[[0, 128]]]
    """
    if image.is_floating_point():
        levels = 1 << bits
        return (image * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    width = largest(image.dtype).bit_length()
    if bits >= width:
        return image
    return image & (((1 << bits) - 1) << (width - bits))


def solarize_image(image: Tensor, threshold: float) -> Tensor:
    """An image whose tones from a threshold on are inverted. Raises TypeError for a threshold beyond white."""
    if threshold > largest(image.dtype):
        raise TypeError(f"Threshold should be less or equal the maximum value of the dtype, but got {threshold}")
    return ops.where(image >= threshold, invert_image(image), image)


def autocontrast_image(image: Tensor) -> Tensor:
    """An image whose darkest tone of each channel is black, and whose brightest is white; flat ones stay.

    Raises TypeError unless there are 1 or 3 channels.
    """
    channels = get_num_channels(image)
    if channels not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {channels}")
    if image.numel() == 0:
        return image
    white = largest(image.dtype)
    numbers = working(image)
    least, most = numbers.amin((-2, -1), keepdim=True), numbers.amax((-2, -1), keepdim=True)
    flat = least == most
    stretch = ops.where(flat, 1.0, white / ops.where(flat, 1.0, most - least))
    made = (numbers - ops.where(flat, 0.0, least)) * stretch
    return made.clamp(0, white).to(image.dtype)


def equalize_image(image: Tensor) -> Tensor:
    """An image of bytes in each of whose channels all tones are about as frequent.

    Floating-point images are equalized as bytes. Raises RuntimeError for other integers.
    """
    if image.numel() == 0:
        return image
    if image.is_floating_point():
        return equalize_image((image * (255 + 1.0 - 1e-3)).to(uint8)).to(image.dtype) * (1.0 / 255)
    if image.dtype is not uint8:
        raise TypeError(f"equalize() supports images of bytes and of floating-point numbers, but got {image.dtype}")
    flat = image.reshape(-1, image.shape[-2] * image.shape[-1]).to(int64)
    counts = ops.zeros(flat.shape[0], 256, dtype=int64).scatter_add_(1, flat, ops.ones_like(flat))
    below = counts.cumsum(1)
    # The last tone that occurs does not count, as in Pillow.
    step = (below[:, -1:] - counts.gather(1, flat.amax(1, keepdim=True))).div(255, rounding_mode="floor")
    shifted = ops.cat([ops.zeros_like(below[:, :1]), below[:, :-1]], 1) + step.div(2, rounding_mode="floor")
    table = shifted.div(step.clamp(min=1), rounding_mode="floor").clamp(0, 255)
    made = ops.where(step == 0, flat, table.gather(1, flat))
    return made.to(uint8).reshape(image.shape)


def _invert_picture(picture: Any) -> Any:
    return pillow("ImageOps").invert(picture)


def _posterize_picture(picture: Any, bits: int) -> Any:
    return pillow("ImageOps").posterize(picture, bits)


def _solarize_picture(picture: Any, threshold: float) -> Any:
    return pillow("ImageOps").solarize(picture, threshold)


def _autocontrast_picture(picture: Any) -> Any:
    return pillow("ImageOps").autocontrast(picture)


def _equalize_picture(picture: Any) -> Any:
    return pillow("ImageOps").equalize(picture)


invert = by_kind(invert_image, picture=_invert_picture)
posterize = by_kind(posterize_image, picture=_posterize_picture)
solarize = by_kind(solarize_image, picture=_solarize_picture)
autocontrast = by_kind(autocontrast_image, picture=_autocontrast_picture)
equalize = by_kind(equalize_image, picture=_equalize_picture)
