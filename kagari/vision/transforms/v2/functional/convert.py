"""From pictures and arrays to tensors, from tensors to pictures, and from one dtype to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .....base import dtypes
from .....base.dtypes import dtype as Dtype
from .....eager import Tensor
from .....eager import operators as ops
from .....eager.types import get_default_dtype
from ....pillow import is_picture, pillow
from ....tv_tensors import Image
from ....tv_tensors.tensors import image_tensor
from .dispatch import by_kind

_SIGNIFICANT = {dtypes.bool_: 1, dtypes.uint8: 8, dtypes.int8: 7, dtypes.uint16: 16, dtypes.int16: 15,
                dtypes.int32: 31, dtypes.int64: 63}  # fmt: skip
"""How many bits the greatest number of a dtype has."""


def largest(dtype: Dtype) -> int:
    """The number that stands for white in an image of this dtype."""
    return (1 << _SIGNIFICANT[dtype]) - 1 if dtype in _SIGNIFICANT else 1


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow image as a tensor [C, H, W] of the dtype of its numbers, without scaling.

    Raises TypeError for anything else.

    >>> from kagari.vision.pillow import pillow
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.pil_to_tensor(pillow().new("RGB", (2, 1), "red")).tolist()
    [[[255, 255]], [[0, 0]], [[0, 0]]]
    """
    if not is_picture(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return image_tensor(pic)


def to_image(inpt: Any) -> Image:
    """A tensor, an array [H, W, C] or a Pillow image as an :class:`~kagari.vision.tv_tensors.Image`, without scaling.

    Raises TypeError for anything else.
    """
    if isinstance(inpt, np.ndarray) or is_picture(inpt):
        inpt = image_tensor(inpt)
    elif not isinstance(inpt, Tensor):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
        )
    return Image(inpt)


def to_tensor(inpt: Any) -> Tensor:
    """A Pillow image or an array [H, W, C] as a tensor [C, H, W]; bytes from 0 to 255 become numbers from 0 to 1.

    Raises TypeError for anything else, ValueError for an array without two or three dimensions.

    >>> import numpy
    >>> from kagari.vision.transforms import functional as F
    >>> F.to_tensor(numpy.array([[0, 255]], dtype=numpy.uint8))
    tensor([[[0., 1.]]])
    """
    if not (is_picture(inpt) or isinstance(inpt, np.ndarray)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(inpt)}")
    if isinstance(inpt, np.ndarray) and inpt.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {inpt.ndim} dimensions.")
    made = image_tensor(inpt).contiguous()
    if is_picture(inpt) and inpt.mode == "1":
        made = made.to(dtypes.uint8) * 255
    return made.to(get_default_dtype()).div(255) if made.dtype is dtypes.uint8 else made


def to_dtype_image(image: Tensor, dtype: Dtype = dtypes.float32, scale: bool = False) -> Tensor:
    """An image of another dtype; with ``scale`` white stays white.

    White is 1 for floating-point numbers and the largest number for integers.

    Args:
        inpt (Tensor): an image, or anything.
        dtype (dtype): the one that is wanted. Default: float32
        scale (bool): whether the numbers of an image are scaled. Default: ``False``

    Raises RuntimeError where float32 or float64 can't be told apart in the integers that are wanted.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.to_dtype(torch.tensor([[[0, 255]]], dtype=torch.uint8), torch.float32, scale=True)
        tensor([[[0., 1.]]])
    """
    if image.dtype == dtype:
        return image
    if not scale:
        return image.to(dtype)
    was_float, is_float = image.is_floating_point(), dtype not in _SIGNIFICANT
    if was_float and is_float:
        return image.to(dtype)
    if was_float:
        narrow = image.dtype in (dtypes.float16, dtypes.bfloat16, dtypes.float32)
        if (narrow and dtype in (dtypes.int32, dtypes.int64)) or (
            image.dtype is dtypes.float64 and dtype is dtypes.int64
        ):
            raise RuntimeError(f"The conversion from {image.dtype} to {dtype} cannot be performed safely.")
        # Just below the next number, so that 1 becomes the largest and all intervals but its own are equally wide.
        return image.mul(largest(dtype) + 1.0 - 1e-3).to(dtype)
    if is_float:
        return image.to(dtype).mul(1.0 / largest(image.dtype))
    shift = _SIGNIFICANT[dtype] - _SIGNIFICANT[image.dtype]
    return image.to(dtype) << shift if shift > 0 else (image >> -shift).to(dtype)


def _to_dtype_only(inpt: Tensor, dtype: Dtype = dtypes.float32, scale: bool = False) -> Tensor:
    """What is not an image is not scaled."""
    return inpt.to(dtype)


def convert_image_dtype(image: Tensor, dtype: Dtype = dtypes.float32) -> Tensor:
    """An image of another dtype, in which white stays white. See :func:`to_dtype`."""
    made: Tensor = to_dtype(image, dtype, scale=True)
    return made


def normalize_image(image: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    r"""Subtracts a mean from each channel and divides by a deviation: :math:`(x_c - \mu_c) / \sigma_c`.

    Args:
        inpt (Tensor): a floating-point image.
        mean (sequence of float): for each channel.
        std (sequence of float): for each channel.
        inplace (bool): whether the image is written over. Default: ``False``

    Shape:
        - :math:`(*, C, H, W)`.

    Raises TypeError for integers, ValueError for a deviation of 0 and for too few dimensions.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.normalize(torch.tensor([[[0.0, 1.0]]]), [0.5], [0.5])
        tensor([[[-1.,  1.]]])
    """
    if not image.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
    if image.ndim < 3:
        raise ValueError(f"Expected tensor to be a tensor image of size (..., C, H, W). Got {image.shape}.")
    if any(one == 0 for one in (std if isinstance(std, Sequence) else [std])):
        raise ValueError("std evaluated to zero, leading to division by zero.")
    means, deviations = (ops.as_tensor(given, dtype=image.dtype) for given in (mean, std))
    if means.ndim == 1:
        means = means.view(-1, 1, 1)
    if deviations.ndim == 1:
        deviations = deviations.view(-1, 1, 1)
    if inplace:
        return image.sub_(means).div_(deviations)
    return (image - means).div_(deviations)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor [C, H, W] or an array [H, W, C] as a Pillow image.

    Args:
        pic (Tensor or array): floating-point tensors have numbers from 0 to 1.
        mode (str, optional): Pillow's name for the meaning of the channels. Default: by their number and dtype

    Raises TypeError for anything else and for a dtype that no picture has, ValueError for numbers of dimensions and
    channels that no picture has, and for a mode that does not fit.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> image = F.to_pil_image(torch.rand(3, 4, 5))
        >>> image.mode, image.size
        ('RGB', (5, 4))
    """
    numbers = _numbers_of(pic)
    if numbers.dtype.kind == "f" and mode != "F":
        numbers = (numbers * 255).astype(np.uint8)
    channels = numbers.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if channels == 1:
        fitting: tuple[str | None, ...] = (_GREY.get(numbers.dtype.name),)
        if mode is not None and mode not in fitting:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {type(numbers.dtype)}. Should be {fitting[0]}"
            )
    else:
        fitting = _COLOURS[channels] if numbers.dtype == np.uint8 else (None,)
        if mode is not None and mode not in _COLOURS[channels]:
            raise ValueError(f"Only modes {list(_COLOURS[channels])} are supported for {channels}D inputs")
    if fitting[0] is None:
        raise TypeError(f"Input type {numbers.dtype} is not supported")
    return pillow().frombytes(mode or fitting[0], (numbers.shape[1], numbers.shape[0]), numbers.tobytes())


_GREY = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
"""The mode of pictures of one channel."""

_COLOURS: dict[int, tuple[str | None, ...]] = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
"""The modes of pictures of several channels of bytes, the usual one first."""


def _numbers_of(pic: Any) -> np.ndarray:
    """An image as an array [H, W, C]."""
    if not isinstance(pic, Tensor | np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if isinstance(pic, np.ndarray):
        return pic if pic.ndim == 3 else pic[:, :, None]
    array: np.ndarray = pic.detach().numpy()
    return array.transpose(1, 2, 0) if array.ndim == 3 else array[:, :, None]


to_dtype = by_kind(to_dtype_image, mask=_to_dtype_only, boxes=_to_dtype_only, points=_to_dtype_only)
normalize = by_kind(normalize_image)
