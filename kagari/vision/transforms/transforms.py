"""Transforms under the names of torchvision's first interface, for images and Pillow images.

They are those of the second one, with their own words in `repr`, and with the order of their random numbers where that
is another one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from ...base.dtypes import dtype as Dtype
from ...eager import Tensor
from . import functional as F
from . import v2
from .interpolation import InterpolationMode, interpolation_mode
from .v2 import (
    CenterCrop,
    FiveCrop,
    Grayscale,
    Pad,
    PILToTensor,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomInvert,
    RandomVerticalFlip,
    TenCrop,
    ToPILImage,
)


def _shown(transform: Any, separator: str = ", ", **texts: Any) -> str:
    """The `repr` of a transform, with these arguments; modes of interpolation by their names."""
    values = {name: value.value if isinstance(value, InterpolationMode) else value for name, value in texts.items()}
    return f"{type(transform).__name__}({separator.join(f'{name}={value}' for name, value in values.items())})"


class ToTensor:
    """A Pillow image or an array [H, W, C] as a tensor [C, H, W]; bytes from 0 to 255 become numbers from 0 to 1.

    >>> import numpy
    >>> from kagari.vision import transforms
    >>> transforms.ToTensor()(numpy.array([[0, 255]], dtype=numpy.uint8))
    tensor([[[0., 1.]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        """The tensor."""
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return _shown(self)


class ConvertImageDtype(v2.ConvertImageDtype):
    r"""Another dtype, in which white stays white.

    Args:
        dtype (dtype): the one that is wanted.
    """

    def __init__(self, dtype: Dtype) -> None:
        super().__init__(dtype)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.convert_image_dtype(inpt, self.dtype)


class Normalize(v2.Normalize):
    r"""Subtracts a mean from each channel and divides by a deviation. See :func:`~.functional.normalize`.

    Args:
        mean (sequence of float): for each channel.
        std (sequence of float): for each channel.
        inplace (bool): whether the image is written over. Default: ``False``

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import transforms
        >>> transforms.Normalize([0.5], [0.25])(torch.ones(1, 1, 2))
        tensor([[[2., 2.]]])
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__(mean, std, inplace)
        self.mean, self.std = mean, std

    def __repr__(self) -> str:
        return _shown(self, mean=self.mean, std=self.std)


class Resize(v2.Resize):
    r"""Another size.

    Args:
        size (int or sequence of int): height and width, or one number for the smaller edge.
        interpolation (InterpolationMode): how. Default: bilinear
        max_size (int, optional): the largest size of the larger edge.
        antialias (bool): whether a smaller image is filtered first. Default: ``True``

    Raises TypeError and ValueError for other sizes.
    """

    def __init__(
        self,
        size: Any,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        if not isinstance(size, int | list | tuple):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if not isinstance(size, int) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        super().__init__(size, interpolation_mode(interpolation), max_size, antialias)
        self.size = size

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return _shown(
            self, size=self.size, interpolation=self.interpolation, max_size=self.max_size, antialias=self.antialias
        )


class RandomResizedCrop(v2.RandomResizedCrop):
    r"""A random part, resized: the usual augmentation of ImageNet.

    Args:
        size (int or sequence of int): height and width of the result, or one number for both.
        scale (tuple of float): bounds of the area of the part. Default: (0.08, 1.0)
        ratio (tuple of float): bounds of its width by its height. Default: (3/4, 4/3)
        interpolation (InterpolationMode): see :class:`Resize`. Default: bilinear
        antialias (bool): see :class:`Resize`. Default: ``True``
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__(size, scale, ratio, interpolation_mode(interpolation), antialias)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.resized_crop(
            inpt, **params, size=self.size, interpolation=self.interpolation, antialias=self.antialias
        )

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(one, 4) for one in bounds) for bounds in (self.scale, self.ratio))
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return _shown(self, ", ", size=self.size, scale=scale, ratio=ratio, **options)


class RandomCrop(v2.RandomCrop):
    r"""A random part of a given size.

    Args:
        size (int or sequence of int): height and width, or one number for both.
        padding (int or sequence of int, optional): what is put around it first; see :class:`Pad`.
        pad_if_needed (bool): whether what is too small is padded. Default: ``False``
        fill (number or sequence): see :class:`Pad`. Default: 0
        padding_mode (str): see :class:`Pad`. Default: ``'constant'``
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__(size, padding, pad_if_needed, fill, padding_mode)
        self.padding = padding

    def forward(self, *inputs: Any) -> Any:
        (img,) = inputs
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            for axis in (1, 0):
                more = self.size[axis] - F.get_dimensions(img)[axis + 1]
                if more > 0:
                    img = F.pad(img, [more, 0] if axis == 1 else [0, more], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return _shown(self, size=self.size, padding=self.padding)


class ColorJitter(v2.ColorJitter):
    r"""Random brightness, contrast, saturation and hue, in a random order.

    Args:
        brightness (float or tuple of float): bounds of the factor, or how far it may be from 1. Default: 0
        contrast (float or tuple of float): likewise.
        saturation (float or tuple of float): likewise.
        hue (float or tuple of float): bounds of the shift, or how far it may be from 0; at most 0.5.
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__(brightness, contrast, saturation, hue)

    def __repr__(self) -> str:
        return _shown(
            self, brightness=self.brightness, contrast=self.contrast, saturation=self.saturation, hue=self.hue
        )


class GaussianBlur(v2.GaussianBlur):
    r"""Softer, by a random deviation.

    Args:
        kernel_size (int or sequence of int): width and height of what is averaged over, odd.
        sigma (float or tuple of float): the deviation in pixels, or its bounds. Default: (0.1, 2.0)
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: Any = (0.1, 2.0)) -> None:
        super().__init__(kernel_size, sigma)
        self.sigma = (sigma, sigma) if isinstance(sigma, int | float) else sigma

    def __repr__(self) -> str:
        return _shown(self, kernel_size=self.kernel_size, sigma=self.sigma)


class RandomErasing(v2.RandomErasing):
    r"""A random rectangle erased, with a probability.

    Args:
        p (float): the probability. Default: 0.5
        scale (tuple of float): bounds of the area, as a part of the image. Default: (0.02, 0.33)
        ratio (tuple of float): bounds of the height by the width. Default: (0.3, 3.3)
        value (number, sequence, or 'random'): what is put there; noise for ``'random'``. Default: 0
        inplace (bool): whether the image is written over. Default: ``False``
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p, scale, ratio, value, inplace)
        self.value = value

    def __repr__(self) -> str:
        return _shown(self, p=self.p, scale=self.scale, ratio=self.ratio, value=self.value, inplace=self.inplace)


class RandomPosterize(v2.RandomPosterize):
    """Fewer tones, with a probability: `bits` of each channel. See :func:`~.functional.posterize`."""

    def __repr__(self) -> str:
        return _shown(self, ",", bits=self.bits, p=self.p)


class RandomSolarize(v2.RandomSolarize):
    """Tones from a `threshold` on inverted, with a probability. See :func:`~.functional.solarize`."""

    def __repr__(self) -> str:
        return _shown(self, ",", threshold=self.threshold, p=self.p)


class RandomAdjustSharpness(v2.RandomAdjustSharpness):
    """Softer or sharper, with a probability. See :func:`~.functional.adjust_sharpness`."""

    def __repr__(self) -> str:
        return _shown(self, ",", sharpness_factor=self.sharpness_factor, p=self.p)


class LinearTransformation(v2.LinearTransformation):
    """All numbers of an image, less a mean, times a square matrix. See :class:`~.v2.LinearTransformation`."""

    def __repr__(self) -> str:
        matrix, mean = self.transformation_matrix.tolist(), self.mean_vector.tolist()
        return _shown(self, transformation_matrix=matrix, mean_vector=mean)


class RandomRotation(v2.RandomRotation):
    """Turned by a random angle. See :class:`~.v2.RandomRotation`."""

    def __init__(
        self,
        degrees: Any,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ) -> None:
        super().__init__(degrees, interpolation_mode(interpolation), expand, center, fill)

    def __repr__(self) -> str:
        center = {} if self.center is None else {"center": self.center}
        options = {"interpolation": self.interpolation, "expand": self.expand, **center, "fill": self.fill}
        return _shown(self, degrees=self.degrees, **options)


class RandomAffine(v2.RandomAffine):
    """Turned, moved, scaled and sheared at random. See :class:`~.v2.RandomAffine`."""

    def __init__(
        self,
        degrees: Any,
        translate: Any = None,
        scale: Any = None,
        shear: Any = None,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Any = None,
    ) -> None:
        super().__init__(degrees, translate, scale, shear, interpolation_mode(interpolation), fill, center)

    def __repr__(self) -> str:
        neutral = (("translate", None), ("scale", None), ("shear", None),
                   ("interpolation", InterpolationMode.NEAREST), ("fill", 0), ("center", None))  # fmt: skip
        options = {name: getattr(self, name) for name, usual in neutral if getattr(self, name) != usual}
        return _shown(self, ", ", degrees=self.degrees, **options)


class RandomPerspective(v2.RandomPerspective):
    """As seen from a random place, with a probability. See :class:`~.v2.RandomPerspective`."""

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__(distortion_scale, p, interpolation_mode(interpolation), fill)

    def __repr__(self) -> str:
        return _shown(self, p=self.p)


class ElasticTransform(v2.ElasticTransform):
    """As on something elastic. See :class:`~.v2.ElasticTransform`."""

    def __init__(
        self,
        alpha: Any = 50.0,
        sigma: Any = 5.0,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__(alpha, sigma, interpolation_mode(interpolation), fill)
        self.fill = [float(one) for one in ([fill] if isinstance(fill, int | float) else fill)]

    def __repr__(self) -> str:
        mode = str(self.interpolation)
        return _shown(self, alpha=self.alpha, sigma=self.sigma, interpolation=mode, fill=self.fill)


# Functions of your own, and transforms of transforms


class Lambda:
    """A function of your own."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """What the function returns."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return _shown(self)


def _listed(transform: Any, *first: str) -> str:
    """The `repr` of a transform of transforms."""
    lines = [*first, *map(str, transform.transforms)]
    return f"{type(transform).__name__}(" + "".join(f"\n    {line}" for line in lines) + "\n)"


class Compose:
    r"""Transforms one after the other.

    Args:
        transforms (sequence of callable): what is called, with what the one before returned.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import transforms
        >>> transforms.Compose([transforms.CenterCrop(2), transforms.Normalize([0.5], [0.5])])
        Compose(
            CenterCrop(size=(2, 2))
            Normalize(mean=[0.5], std=[0.5])
        )
    """

    def __init__(self, transforms: Any) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """The image, transformed."""
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listed(self)


class RandomApply(v2.RandomApply):
    """Transforms one after the other, with a probability; otherwise nothing."""

    def __repr__(self) -> str:
        return _listed(self, f"p={self.p}")


class RandomOrder(Compose):
    """All transforms, in a random order, which comes from Python's generator."""

    def __call__(self, img: Any) -> Any:
        """The image, transformed."""
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for k in order:
            img = self.transforms[k](img)
        return img


class RandomChoice(Compose):
    """One of several transforms, which Python's generator chooses.

    `p` says how likely each one is; by default all are equally.
    """

    def __init__(self, transforms: Any, p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, list | tuple):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, img: Any) -> Any:
        """The image, transformed."""
        return random.choices(self.transforms, weights=self.p)[0](img)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "ElasticTransform", "FiveCrop", "GaussianBlur",
    "Grayscale", "InterpolationMode", "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "Pad",
    "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast", "RandomChoice", "RandomCrop",
    "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip", "RandomInvert", "RandomOrder",
    "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation", "RandomSolarize",
    "RandomVerticalFlip", "Resize", "TenCrop", "ToPILImage", "ToTensor",
]  # fmt: skip
