"""Brighter, more colourful, of another hue."""

from __future__ import annotations

from typing import Any

import numpy as np

from .....base.dtypes import float32, int32
from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import pillow
from .blend import blend, check_channels, check_factor, luminance, mean_of, within, working
from .convert import pil_to_tensor, to_dtype_image, to_pil_image
from .dispatch import by_kind


def adjust_brightness_image(image: Tensor, brightness_factor: float) -> Tensor:
    """An image so many times as bright: 0 is black, 1 the image itself.

    Raises ValueError for a negative factor, TypeError unless there are 1 or 3 channels.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.adjust_brightness(torch.tensor([[[0.2, 0.8]]]), 2.0)
    tensor([[[0.4000, 1.0000]]])
    """
    check_factor("brightness_factor", brightness_factor)
    check_channels(image)
    return within(working(image) * brightness_factor, image)


def adjust_contrast_image(image: Tensor, contrast_factor: float) -> Tensor:
    """An image as far away from its mean brightness: 0 is grey, 1 the image itself.

    Raises ValueError for a negative factor, TypeError unless there are 1 or 3 channels.
    """
    check_factor("contrast_factor", contrast_factor)
    check_channels(image)
    return blend(image, mean_of(image), contrast_factor)


def adjust_saturation_image(image: Tensor, saturation_factor: float) -> Tensor:
    """An image so many times as colourful: 0 is grey, 1 the image itself.

    Raises ValueError for a negative factor, TypeError unless there are 1 or 3 channels.
    """
    check_factor("saturation_factor", saturation_factor)
    if check_channels(image) == 1:
        return image
    grey = luminance(image)
    return blend(image, grey if image.is_floating_point() else ops.floor(grey), saturation_factor)


def adjust_hue_image(image: Tensor, hue_factor: float) -> Tensor:
    """An image whose hues are moved along the colour circle, by 0.5 to the other side of it.

    Raises ValueError for a factor outside of -0.5 to 0.5, TypeError unless there are 1 or 3 channels.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.adjust_hue(torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1), 0.5).flatten()
    tensor([0., 1., 1.])
    """
    _check_hue(hue_factor)
    if check_channels(image) == 1 or image.numel() == 0:
        return image
    hue, saturation, value = _hsv(to_dtype_image(image, float32, scale=True))
    return to_dtype_image(_rgb((hue + hue_factor).remainder(1.0), saturation, value), image.dtype, scale=True)


def _check_hue(factor: float) -> None:
    if not -0.5 <= factor <= 0.5:
        raise ValueError(f"hue_factor ({factor}) is not in [-0.5, 0.5].")


def _hsv(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value, from 0 to 1, of an image of three channels."""
    red, green, blue = image.unbind(-3)
    most, least = image.amax(-3), image.amin(-3)
    grey = most == least
    spread = most - least
    saturation = spread / ops.where(grey, 1.0, most)
    divisor = ops.where(grey, 1.0, spread)
    from_red, from_green, from_blue = ((most - channel) / divisor for channel in (red, green, blue))
    of_red = most == red
    of_green = (most == green) & ~of_red
    hue = ops.where(of_red, from_blue - from_green, from_green - from_red + 4.0)
    hue = ops.where(of_green, from_red - from_blue + 2.0, hue)
    return ops.where(grey, 0.0, (hue / 6.0 + 1.0).fmod(1.0)), saturation, most


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """The image of hue, saturation and value."""
    sixth = hue * 6
    whole = sixth.floor()
    rest = sixth - whole
    low = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - rest))).clamp(0.0, 1.0)
    section = whole.to(int32) % 6
    cycle = (value, falling, low, low, rising, value)
    return ops.stack([_chosen(section, [cycle[(k + shift) % 6] for k in range(6)]) for shift in (0, 4, 2)], -3)


def _chosen(section: Tensor, parts: list[Tensor]) -> Tensor:
    """In each place the part that the section says."""
    made = parts[0]
    for k, part in enumerate(parts[1:], 1):
        made = ops.where(section == k, part, made)
    return made


def adjust_gamma_image(image: Tensor, gamma: float, gain: float = 1.0) -> Tensor:
    r"""An image whose numbers, from 0 to 1, become :math:`\text{gain} \cdot x^\gamma`.

    Raises ValueError for a negative power.
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    made = (to_dtype_image(image, float32, scale=True) if not image.is_floating_point() else image) ** gamma
    return to_dtype_image((made * gain).clamp(0.0, 1.0), image.dtype, scale=True)


def permute_channels_image(image: Tensor, permutation: list[int]) -> Tensor:
    """An image with its channels in another order. Raises ValueError for another number of them."""
    if len(permutation) != image.shape[-3]:
        raise ValueError(
            f"Length of permutation does not match number of channels: {len(permutation)} != {image.shape[-3]}"
        )
    made: Tensor = image.index_select(-3, ops.tensor(permutation))
    return made


# Of Pillow's images


def _permute_channels_picture(picture: Any, permutation: list[int]) -> Any:
    return to_pil_image(permute_channels_image(pil_to_tensor(picture), permutation), picture.mode)


def _enhancing(name: str, enhancer: str) -> Any:
    """The kernel that has Pillow do it."""

    def enhanced(picture: Any, factor: float) -> Any:
        check_factor(name, factor)
        return getattr(pillow("ImageEnhance"), enhancer)(picture).enhance(factor)

    return enhanced


def _adjust_hue_picture(picture: Any, hue_factor: float) -> Any:
    _check_hue(hue_factor)
    if picture.mode in ("L", "1", "I", "F"):
        return picture
    hue, saturation, value = picture.convert("HSV").split()
    # Bytes wrap around, as the circle does.
    moved = np.array(hue, dtype=np.uint8) + np.array(hue_factor * 255).astype(np.int32).astype(np.uint8)
    image = pillow()
    return image.merge("HSV", (image.fromarray(moved), saturation, value)).convert(picture.mode)


def _adjust_gamma_picture(picture: Any, gamma: float, gain: float = 1.0) -> Any:
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)]
    return picture.convert("RGB").point(table * 3).convert(picture.mode)


adjust_brightness = by_kind(adjust_brightness_image, picture=_enhancing("brightness_factor", "Brightness"))
adjust_contrast = by_kind(adjust_contrast_image, picture=_enhancing("contrast_factor", "Contrast"))
adjust_saturation = by_kind(adjust_saturation_image, picture=_enhancing("saturation_factor", "Color"))
adjust_hue = by_kind(adjust_hue_image, picture=_adjust_hue_picture)
permute_channels = by_kind(permute_channels_image, picture=_permute_channels_picture)
adjust_gamma = by_kind(adjust_gamma_image, picture=_adjust_gamma_picture)
