"""What makes a model's input of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...base.dtypes import float32
from ...eager import Tensor
from ..transforms import InterpolationMode
from ..transforms import functional as F


class _Preset(nn.Module):
    """What its text says are its settings."""

    _shown: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [f"    {name}={getattr(self, name)}" for name in self._shown]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class ImageClassification(_Preset):
    r"""Makes a classifier's input of an image: resized, cut to a square in the middle, in numbers from 0 to 1, less the
    mean and divided by the deviation of each channel.

    Args:
        crop_size (int): height and width of the square.
        resize_size (int): the shorter side before the cut. Default: 256
        mean, std (tuple of float): of each channel. Default: those of ImageNet
        interpolation (InterpolationMode): how the image is resized. Default: bilinear
        antialias (bool): whether pixels are averaged where the image shrinks. Default: ``True``

    Shape:
        - Input: a picture of Pillow's, or :math:`(\ldots, C, H, W)`. Output: :math:`(\ldots, C, \text{crop\_size},
          \text{crop\_size})`.
    """

    _shown = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img: Any) -> Tensor:
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        result: Tensor = F.normalize(F.convert_image_dtype(img, float32), self.mean, self.std)
        return result


class ObjectDetection(nn.Module):
    r"""Makes a detector's input of an image: numbers from 0 to 1.

    Shape:
        - Input: a picture of Pillow's, or :math:`(\ldots, C, H, W)`. Output: :math:`(\ldots, C, H, W)`.
    """

    def forward(self, img: Any) -> Tensor:
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        result: Tensor = F.convert_image_dtype(img, float32)
        return result

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class SemanticSegmentation(_Preset):
    r"""Makes the input of a model of segmentation of an image: resized, in numbers from 0 to 1, less the mean and
    divided by the deviation of each channel.

    Args:
        resize_size (int, optional): the shorter side; None keeps the size.
        mean, std (tuple of float): of each channel. Default: those of ImageNet
        interpolation (InterpolationMode): how the image is resized. Default: bilinear
        antialias (bool): whether pixels are averaged where the image shrinks. Default: ``True``

    Shape:
        - Input: a picture of Pillow's, or :math:`(\ldots, C, H, W)`. Output: :math:`(\ldots, C, H', W')`.
    """

    _shown = ("resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.resize_size = None if resize_size is None else [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img: Any) -> Tensor:
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        result: Tensor = F.normalize(F.convert_image_dtype(img, float32), self.mean, self.std)
        return result


class VideoClassification(_Preset):
    r"""Makes a classifier's input of a video: frames resized, cut in the middle, in numbers from 0 to 1, less the mean
    and divided by the deviation of each channel, channels before frames.

    Args:
        crop_size (tuple of int): height and width of the cut.
        resize_size (tuple of int): height and width before it, or the shorter side.
        mean, std (tuple of float): of each channel. Default: those of Kinetics-400
        interpolation (InterpolationMode): how frames are resized. Default: bilinear

    Shape:
        - Input: :math:`(T, C, H, W)` or :math:`(N, T, C, H, W)`. Output: :math:`(C, T, H', W')`, with N before it.

    Raises ValueError for other numbers of dimensions.
    """

    _shown = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        crop_size: tuple[int, int],
        resize_size: tuple[int] | tuple[int, int],
        mean: Sequence[float] = (0.43216, 0.394666, 0.37645),
        std: Sequence[float] = (0.22803, 0.22145, 0.216989),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    ) -> None:
        super().__init__()
        self.crop_size, self.resize_size = list(crop_size), list(resize_size)
        self.mean, self.std = list(mean), list(std)
        self.interpolation = interpolation

    def forward(self, vid: Tensor) -> Tensor:
        if vid.ndim not in (4, 5):
            raise ValueError(f"vid should have 4 or 5 dimensions, frames before channels, got {tuple(vid.shape)}")
        frames = F.resize(vid.reshape(-1, *vid.shape[-3:]), self.resize_size, self.interpolation, antialias=False)
        frames = F.convert_image_dtype(F.center_crop(frames, self.crop_size), float32)
        frames = F.normalize(frames, self.mean, self.std)
        result: Tensor = frames.reshape(*vid.shape[:-3], *frames.shape[1:]).transpose(-4, -3)
        return result


__all__ = ["ImageClassification", "ObjectDetection", "SemanticSegmentation", "VideoClassification"]
