"""Blur, noise, loss by compression, and erased rectangles."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ....eager import Tensor
from ....eager import operators as ops
from ...tv_tensors import BoundingBoxes, Mask
from . import functional as F
from .structure import query_chw
from .transform import RandomApplyTransform, Transform, below, two_sizes, uniform


class GaussianBlur(Transform):
    r"""Softer, by a random deviation.

    Args:
        kernel_size (int or sequence of int): width and height of what is averaged over, odd.
        sigma (float or tuple of float): the deviation in pixels, or its bounds. Default: (0.1, 2.0)

    Raises ValueError for sizes and deviations that can't be.
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = two_sizes(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        bounds = [float(sigma)] * 2 if isinstance(sigma, int | float) else [float(one) for one in sigma]
        if len(bounds) != 2 or not 0.0 < bounds[0] <= bounds[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max). Got {sigma}")
        self.sigma: Sequence[float] = bounds

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random deviation."""
        return uniform(sigma_min, sigma_max)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"sigma": [self.get_params(self.sigma[0], self.sigma[1])] * 2}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_blur, inpt, list(self.kernel_size), **params)


class GaussianNoise(Transform):
    r"""Normally distributed noise. See :func:`~.functional.gaussian_noise`.

    Args:
        mean (float): of the noise. Default: 0
        sigma (float): its deviation. Default: 0.1
        clip (bool): whether the result is cut at black and white. Default: ``True``
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_noise, inpt, self.mean, self.sigma, self.clip)


class JPEG(Transform):
    r"""Images as a JPEG file keeps them. See :func:`~.functional.jpeg`.

    Args:
        quality (int or sequence of int): from 1 to 100, or its bounds, both included.

    Raises TypeError for what is no number, ValueError for others.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.JPEG((20, 60))(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        if isinstance(quality, bool):
            raise TypeError("quality can't be bool")
        bounds = [quality] * 2 if isinstance(quality, int) else quality
        if not isinstance(bounds, list | tuple):
            raise TypeError("quality should be a sequence of length 2.")
        if len(bounds) != 2:
            raise ValueError("quality should be a sequence of length 2.")
        if not (all(isinstance(one, int) for one in bounds) and 1 <= bounds[0] <= bounds[1] <= 100):
            raise ValueError(f"quality must be an integer from 1 to 100, got quality ={bounds}")
        self.quality: Sequence[int] = bounds

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"quality": below(self.quality[1] + 1, self.quality[0])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.jpeg, inpt, **params)


class RandomErasing(RandomApplyTransform):
    r"""A random rectangle erased, with a probability.

    Args:
        p (float): the probability. Default: 0.5
        scale (tuple of float): bounds of the area, as a part of the image. Default: (0.02, 0.33)
        ratio (tuple of float): bounds of the height by the width. Default: (0.3, 3.3)
        value (number, sequence, or 'random'): what is put there, for all channels or for each; noise for
            ``'random'``. Default: 0
        inplace (bool): whether the image is written over. Default: ``False``

    Raises TypeError and ValueError for other values and bounds.

    Source: Zhong and others, Random Erasing Data Augmentation, 2017.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0.0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p)
        if not isinstance(value, int | float | str | tuple | list):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not isinstance(scale, list | tuple):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, list | tuple):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        self.scale = scale
        self.ratio = ratio
        self._values: list[float] | None = None  # for noise
        if not isinstance(value, str):
            self._values = [float(one) for one in ([value] if isinstance(value, int | float) else value)]
        self.value: Any = self._values
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float], value: list[float] | None = None
    ) -> tuple[int, int, int, int, Any]:
        """First row and column, height, width and the new numbers of a rectangle; of all of it where none fitted."""
        found = _rectangle(F.get_dimensions(img), scale, ratio, value)
        return found or (0, 0, *F.get_size(img), img)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels, height, width = query_chw(flat_inputs)
        if self._values is not None and len(self._values) not in (1, channels):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {channels} (number of inpt channels)"
            )
        found = _rectangle((channels, height, width), self.scale, self.ratio, self._values)
        return {} if found is None else dict(zip("ijhwv", found))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, BoundingBoxes | Mask):
            warnings.warn(
                f"{type(self).__name__}() is currently passing through inputs of type {type(inpt).__name__}. This will "
                "likely change in the future.",
                stacklevel=2,
            )
        return self._call_kernel(F.erase, inpt, **params, inplace=self.inplace) if params else inpt


def _rectangle(
    size: Sequence[int],
    scale: Sequence[float],
    ratio: Sequence[float],
    values: list[float] | None,
) -> tuple[int, int, int, int, Tensor] | None:
    """A random rectangle and its new numbers; None where ten did not fit."""
    channels, height, width = size
    low, high = ops.log(ops.tensor(ratio)).tolist()
    for _ in range(10):
        area = height * width * uniform(*scale)
        shape = ops.exp(ops.empty(1).uniform_(low, high)).item()
        h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if not (h < height and w < width):
            continue
        noise = values is None
        numbers = ops.empty([channels, h, w]).normal_() if noise else ops.tensor(values)[:, None, None]
        return below(height - h + 1), below(width - w + 1), h, w, numbers
    return None


__all__ = ["JPEG", "GaussianBlur", "GaussianNoise", "RandomErasing"]
