"""Sizes and parts: resizing, cropping, padding, and flips."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ....eager import operators as ops
from ...tv_tensors import BoundingBoxes, KeyPoints, Mask
from ..interpolation import InterpolationMode
from . import functional as F
from .functional.pad import PADDING_MODES, four_sides
from .structure import has_any, query_size
from .transform import RandomApplyTransform, Transform, below, fill_for, fills_of, two_sizes, uniform

Mode = InterpolationMode | str | int
_SIZE = "Please provide only two dimensions (h, w) for size."


class RandomHorizontalFlip(RandomApplyTransform):
    """Left and right exchanged, with probability ``p``. See :func:`~.functional.horizontal_flip`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplyTransform):
    """Top and bottom exchanged, with probability ``p``. See :func:`~.functional.vertical_flip`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.vertical_flip, inpt)


class Resize(Transform):
    r"""Another size.

    Args:
        size (int, sequence of int, or None): height and width, or one number for the smaller edge; None for what
            ``max_size`` says of the larger one.
        interpolation (InterpolationMode): how. Masks are always resized to the nearest. Default: bilinear
        max_size (int, optional): the largest size of the larger edge.
        antialias (bool): whether a smaller image is filtered first. Default: ``True``

    Raises ValueError for sizes that contradict each other.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.Resize(8)(torch.rand(3, 16, 32)).shape
        torch.Size([3, 8, 16])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None,
        interpolation: Mode = "bilinear",
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size: Any = None
        if size is None:
            if not isinstance(max_size, int):
                raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        else:
            if not (isinstance(size, int) or (isinstance(size, list | tuple) and len(size) in (1, 2))):
                raise ValueError(
                    f"size can be an integer, a sequence of one or two integers, or None, but got {size} instead."
                )
            self.size = [size] if isinstance(size, int) else list(size)
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.resize, inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    r"""The middle; what is too small is surrounded with zeros first.

    Args:
        size (int or sequence of int): height and width, or one number for both.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = two_sizes(size, _SIZE)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.center_crop, inpt, list(self.size))


class RandomResizedCrop(Transform):
    r"""A random part, resized: the usual augmentation of ImageNet.

    Args:
        size (int or sequence of int): height and width of the result, or one number for both.
        scale (tuple of float): bounds of the area of the part. Default: (0.08, 1.0)
        ratio (tuple of float): bounds of its width by its height. Default: (3/4, 4/3)
        interpolation (InterpolationMode): see :class:`Resize`. Default: bilinear
        antialias (bool): see :class:`Resize`. Default: ``True``

    Raises TypeError for bounds that are no sequences.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.RandomResizedCrop(4)(torch.rand(3, 16, 32)).shape
        torch.Size([3, 4, 4])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = two_sizes(size, _SIZE)
        if not isinstance(scale, list | tuple):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, list | tuple):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """First row and column, height and width of a random part of an image."""
        return _random_part(F.get_size(img), scale, ratio)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        part = _random_part(query_size(flat_inputs), self.scale, self.ratio)
        return dict(zip(("top", "left", "height", "width"), part))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"size": list(self.size), "interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resized_crop, inpt, **params, **options)


def _random_part(size: Sequence[int], scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
    """A part of random area and shape; after ten that did not fit, the middle of the nearest shape."""
    height, width = size
    low, high = ops.log(ops.tensor(ratio)).tolist()
    for _ in range(10):
        area = height * width * uniform(*scale)
        shape = ops.exp(ops.empty(1).uniform_(low, high)).item()
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            return below(height - h + 1), below(width - w + 1), h, w
    w, h = width, height
    if width / height < min(ratio):
        h = round(width / min(ratio))
    elif width / height > max(ratio):
        w = round(height * max(ratio))
    return (height - h) // 2, (width - w) // 2, h, w


class FiveCrop(Transform):
    r"""The four corners and the middle, as a tuple.

    Args:
        size (int or sequence of int): height and width, or one number for both.

    Raises TypeError for boxes, points and masks.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = two_sizes(size, _SIZE)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, BoundingBoxes, KeyPoints, Mask):
            raise TypeError(f"BoundingBoxes'es and Mask's are not supported by {type(self).__name__}()")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(FiveCrop):
    r"""The four corners and the middle, and those of the image in a mirror, as a tuple.

    Args:
        size (int or sequence of int): height and width, or one number for both.
        vertical_flip (bool): whether the mirror exchanges top and bottom. Default: ``False``

    Raises TypeError for boxes, points and masks.
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.ten_crop, inpt, self.size, self.vertical_flip)


def _check_padding(padding: Any, mode: str) -> None:
    """Raises ValueError for paddings and modes that can't be."""
    if not (isinstance(padding, int) or (isinstance(padding, list | tuple) and len(padding) in (1, 2, 4))):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}.")
    if mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


class Pad(Transform):
    r"""Something around it.

    Args:
        padding (int or sequence of int): how much on each side; or left and top, as right and bottom; or left, top,
            right, bottom.
        fill (number, sequence, or dict): what a constant border is; for each channel; or for each type of input, with
            the key ``'others'`` for those that are not named. Default: 0
        padding_mode (str): ``'constant'``, ``'edge'``, ``'reflect'`` or ``'symmetric'``. Default: ``'constant'``

    Raises ValueError for other paddings and modes.
    """

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        _check_padding(padding, padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill = fill
        self._fill = fills_of(fill)
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.pad, inpt, self.padding, fill_for(self._fill, inpt), self.padding_mode)


class RandomCrop(Transform):
    r"""A random part of a given size.

    Args:
        size (int or sequence of int): height and width, or one number for both.
        padding (int or sequence of int, optional): what is put around it first; see :class:`Pad`.
        pad_if_needed (bool): whether what is too small is padded. Default: ``False``
        fill (number, sequence, or dict): see :class:`Pad`. Default: 0
        padding_mode (str): see :class:`Pad`. Default: ``'constant'``

    Raises ValueError when called with what is too small.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.RandomCrop(32, padding=4)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = two_sizes(size, _SIZE)
        _check_padding(0 if padding is None else padding, padding_mode)
        # Left, right, top, bottom.
        self.padding: Any = None if padding is None else list(four_sides(padding))
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self._fill = fills_of(fill)
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """First row and column, height and width of a random part of an image."""
        (height, width), (h, w) = F.get_size(img), output_size
        if height < h or width < w:
            raise ValueError(f"Required crop size {(h, w)} is larger than input image size {(height, width)}")
        if (height, width) == (h, w):
            return 0, 0, height, width
        return below(height - h + 1), below(width - w + 1), h, w

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        left, right, top, bottom = self.padding or (0, 0, 0, 0)
        more = [
            max(want - have - first - last, 0) if self.pad_if_needed else 0
            for have, want, first, last in zip((height, width), self.size, (top, left), (bottom, right))
        ]
        padding = [left + more[1], top + more[0], right + more[1], bottom + more[0]]
        height, width = height + padding[1] + padding[3], width + padding[0] + padding[2]
        if height < self.size[0] or width < self.size[1]:
            padded = "padded " if self.padding is not None else ""
            raise ValueError(
                f"Required crop size {self.size} is larger than {padded}input image size {(height, width)}."
            )
        top, left = (below(have - want + 1) if have > want else 0 for have, want in zip((height, width), self.size))
        return {"padding": padding, "top": top, "left": left, "cut": (height, width) != tuple(self.size)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if any(params["padding"]):
            fill = fill_for(self._fill, inpt)
            inpt = self._call_kernel(F.pad, inpt, params["padding"], fill, self.padding_mode)
        if params["cut"]:
            inpt = self._call_kernel(F.crop, inpt, params["top"], params["left"], *self.size)
        return inpt


__all__ = [
    "CenterCrop", "FiveCrop", "Pad", "RandomCrop", "RandomHorizontalFlip", "RandomResizedCrop", "RandomVerticalFlip",
    "Resize", "TenCrop",
]  # fmt: skip
