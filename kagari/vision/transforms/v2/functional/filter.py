"""Images made softer, sharper or noisy, and with a rectangle erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .....base.dtypes import float32, int16
from .....eager import Tensor
from .....eager import operators as ops
from .....nn import functional as F
from ....pillow import pillow
from .blend import blend, check_factor, working
from .convert import pil_to_tensor, to_pil_image
from .dispatch import by_kind
from .meta import get_num_channels


def blur_options(
    kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None
) -> tuple[list[int], list[float]]:
    """Width and height of the kernel, and the deviations along them.

    Raises ValueError for what is not positive or not odd, TypeError for deviations that are no numbers.
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        return sizes, [size * 0.15 + 0.35 for size in sizes]
    if isinstance(sigma, list | tuple):
        if len(sigma) not in (1, 2):
            raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
        deviations = [float(one) for one in (sigma if len(sigma) == 2 else [sigma[0]] * 2)]
    elif isinstance(sigma, int | float):
        deviations = [float(sigma)] * 2
    else:
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    if any(one <= 0.0 for one in deviations):
        raise ValueError(f"sigma should have positive values. Got {deviations}")
    return sizes, deviations


def _bell(size: int, sigma: float, dtype: Any) -> Tensor:
    """The weights of a normal distribution, which sum to 1."""
    away = ops.arange(size, dtype=dtype) - (size - 1) / 2
    return F.softmax((away / sigma) ** 2 * -0.5, 0)


def gaussian_blur_image(
    image: Tensor, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Tensor:
    r"""An image in which each pixel is a weighted mean of those around it, beyond the edges of their mirror image.

    Args:
        inpt (any): an image, a video, or a Pillow image.
        kernel_size (int or sequence of int): width and height of what is averaged over, odd.
        sigma (float or sequence of float, optional): the deviation of the weights, in pixels, along x and y. Default:
            0.15 of the size, and 0.35

    Shape:
        - :math:`(*, C, H, W)`.

    Raises ValueError for sizes and deviations that can't be.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.gaussian_blur(torch.tensor([[[0.0, 0.0, 1.0, 0.0, 0.0]]]), [3, 1], 0.5)
        tensor([[[0.0000, 0.1065, 0.7870, 0.1065, 0.0000]]])
    """
    (width, height), (across, down) = blur_options(kernel_size, sigma)
    if image.numel() == 0:
        return image
    numbers = working(image)
    flat = numbers.reshape(-1, 1, *image.shape[-2:])
    around = F.pad(flat, (width // 2, width // 2, height // 2, height // 2), mode="reflect")
    made = F.conv2d(around, _bell(width, across, numbers.dtype).view(1, 1, 1, width))
    made = F.conv2d(made, _bell(height, down, numbers.dtype).view(1, 1, height, 1)).reshape(image.shape)
    return made if image.is_floating_point() else made.round().to(image.dtype)


def _gaussian_blur_picture(
    picture: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    return to_pil_image(gaussian_blur_image(pil_to_tensor(picture), kernel_size, sigma), picture.mode)


def gaussian_noise_image(image: Tensor, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Tensor:
    """An image with normally distributed noise added to it.

    Args:
        inpt (any): an image or a video, of floating-point numbers or bytes.
        mean (float): of the noise, where white is 1. Default: 0
        sigma (float): its deviation. Default: 0.1
        clip (bool): whether the result is cut at black and white. Default: ``True``

    Raises ValueError for a negative deviation and other dtypes.
    """
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if image.is_floating_point():
        made = image + mean + ops.randn_like(image) * sigma
        return made.clamp(0, 1) if clip else made
    if image.element_size() != 1:
        raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={image.dtype}")
    noise = ((mean * 255) + ops.randn_like(image, dtype=float32) * (sigma * 255)).to(int16)
    made = image.to(noise.dtype) + noise
    return (made.clamp(0, 255) if clip else made).to(image.dtype)


def adjust_sharpness_image(image: Tensor, sharpness_factor: float) -> Tensor:
    """An image so many times as sharp: 0 is soft, 1 the image itself, 2 sharp. The outermost pixels stay.

    Raises ValueError for a negative factor, TypeError unless there are 1 or 3 channels.
    """
    channels = get_num_channels(image)
    if channels not in (1, 3):
        raise TypeError(f"Input image tensor can have 1 or 3 channels, but found {channels}")
    check_factor("sharpness_factor", sharpness_factor)
    height, width = image.shape[-2:]
    if image.numel() == 0 or height <= 2 or width <= 2:
        return image
    numbers = working(image)
    weights = ops.ones(1, 1, 3, 3, dtype=numbers.dtype)
    weights[0, 0, 1, 1] = 5.0
    soft = F.conv2d(numbers.reshape(-1, 1, height, width), weights / 13).reshape(
        *image.shape[:-2], height - 2, width - 2
    )
    blurred = numbers.clone()
    blurred[..., 1:-1, 1:-1] = soft if image.is_floating_point() else soft.round()
    return blend(image, blurred, sharpness_factor)


def _adjust_sharpness_picture(picture: Any, sharpness_factor: float) -> Any:
    check_factor("sharpness_factor", sharpness_factor)
    return pillow("ImageEnhance").Sharpness(picture).enhance(sharpness_factor)


def erase_image(image: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """An image with a rectangle of other numbers.

    Args:
        inpt (any): an image, a video, or a Pillow image.
        i (int): its first row.
        j (int): its first column.
        h (int): how many rows.
        w (int): how many columns.
        v (Tensor): the numbers.
        inplace (bool): whether the image is written over. Default: ``False``

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.erase(torch.ones(1, 1, 3), 0, 1, 1, 2, torch.tensor(0.0))
        tensor([[[1., 0., 0.]]])
    """
    made = image if inplace else image.clone()
    made[..., i : i + h, j : j + w] = v
    return made


def _erase_picture(picture: Any, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Any:
    return to_pil_image(erase_image(pil_to_tensor(picture), i, j, h, w, v, inplace), picture.mode)


gaussian_blur = by_kind(gaussian_blur_image, picture=_gaussian_blur_picture)
gaussian_noise = by_kind(gaussian_noise_image)
adjust_sharpness = by_kind(adjust_sharpness_image, picture=_adjust_sharpness_picture)
erase = by_kind(erase_image, picture=_erase_picture)
