"""What transforms do, as functions of images and Pillow images, under the names of torchvision's first interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base.dtypes import dtype as Dtype
from ...base.dtypes import float32, uint8
from ...eager import Tensor
from .interpolation import InterpolationMode
from .v2.functional import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    affine,
    autocontrast,
    center_crop,
    crop,
    elastic_transform,
    equalize,
    erase,
    five_crop,
    gaussian_blur,
    get_dimensions,
    get_image_num_channels,
    get_size,
    hflip,
    invert,
    normalize,
    pad,
    perspective,
    pil_to_tensor,
    posterize,
    rgb_to_grayscale,
    rotate,
    solarize,
    ten_crop,
    to_dtype,
    to_grayscale,
    to_pil_image,
    to_tensor,
    vflip,
)
from .v2.functional import resize as resize_directly
from .v2.functional.convert import largest


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """An image of another size. Bytes are resized as floating-point numbers; see :func:`~.v2.functional.resize`."""
    if not isinstance(img, Tensor) or img.is_floating_point():
        return resize_directly(img, size, interpolation, max_size, antialias)
    made = resize_directly(img.to(float32), size, interpolation, max_size, antialias).round()
    return (made.clamp(0, 255) if img.dtype is uint8 else made).to(img.dtype)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A rectangle of an image in another size. See :func:`crop` and :func:`resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def get_image_size(img: Any) -> list[int]:
    """Width and height of an image."""
    return get_size(img)[::-1]


def convert_image_dtype(image: Tensor, dtype: Dtype = float32) -> Tensor:
    """An image of another dtype, in which white stays white. Integers are divided, as :func:`to_tensor` does it.

    >>> import kagari as torch
    >>> from kagari.vision.transforms import functional as F
    >>> F.convert_image_dtype(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[0., 1.]]])
    """
    if dtype.is_floating_point and not image.is_floating_point():
        return image.to(dtype) / largest(image.dtype)
    made: Tensor = to_dtype(image, dtype, scale=True)
    return made


__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "affine", "autocontrast", "center_crop", "convert_image_dtype", "crop", "elastic_transform",
    "equalize", "erase", "five_crop", "gaussian_blur", "get_dimensions", "get_image_num_channels", "get_image_size",
    "hflip", "invert", "normalize", "pad", "perspective", "pil_to_tensor", "posterize", "resize", "resized_crop",
    "rgb_to_grayscale", "rotate", "solarize", "ten_crop", "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip
