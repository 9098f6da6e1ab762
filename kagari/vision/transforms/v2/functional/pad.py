"""What lies around an image: one number, its edge, or its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .....eager import Tensor
from .....eager import operators as ops
from .....nn import functional as F
from ....pillow import pillow
from ....tv_tensors import BoundingBoxFormat
from .dispatch import by_kind
from .meta import XYXY, clamp_boxes

Fill = int | float | Sequence[int] | Sequence[float] | None
PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def four_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, right, top, bottom from one number for all sides, two for left and top and their opposites, or four.

    Raises TypeError for anything else, ValueError for another number of them.
    """
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if not isinstance(padding, tuple | list):
        raise TypeError(f"`padding` should be an integer or tuple or list of integers, but got {padding}")
    if len(padding) == 1:
        return padding[0], padding[0], padding[0], padding[0]
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    if len(padding) == 4:
        return padding[0], padding[2], padding[1], padding[3]
    raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple or list. Found {len(padding)}")


def check_mode(padding_mode: str) -> None:
    """Raises ValueError for an unknown mode."""
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            "`padding_mode` should be either `'constant'`, `'edge'`, `'reflect'` or `'symmetric'`, but got "
            f"`'{padding_mode}'`."
        )


def pad_image(image: Tensor, padding: int | Sequence[int], fill: Fill = None, padding_mode: str = "constant") -> Tensor:
    r"""An image with something around it.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        padding (int or sequence of int): how much on each side; or left and top, as right and bottom; or left, top,
            right, bottom. Negative ones take away.
        fill (number or sequence of numbers): what a constant border is, for all channels or for each. Default: 0
        padding_mode (str): ``'constant'``, ``'edge'`` to repeat the outermost pixels, ``'reflect'`` or ``'symmetric'``
            for a mirror image without or with the outermost ones. Default: ``'constant'``

    Raises TypeError and ValueError for other paddings and modes.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.pad(torch.arange(3).reshape(1, 1, 3), [2, 0], padding_mode="reflect").tolist()
        [[[2, 1, 0, 1, 2, 1, 0]]]
    """
    check_mode(padding_mode)
    left, right, top, bottom = four_sides(padding)
    if padding_mode != "constant":
        return _repeated(image, (left, right, top, bottom), padding_mode)
    if isinstance(fill, list | tuple) and len(fill) == 1:
        fill = fill[0]
    if not isinstance(fill, list | tuple):
        return F.pad(image, (left, right, top, bottom), value=float(fill or 0))  # type: ignore[arg-type]
    height, width = image.shape[-2:]
    shape = (*image.shape[:-2], height + top + bottom, width + left + right)
    made: Tensor = ops.tensor(fill, dtype=image.dtype).view(-1, 1, 1).expand(shape).clone()
    made[..., top : top + height, left : left + width] = image
    return made


def _repeated(image: Tensor, sides: tuple[int, int, int, int], mode: str) -> Tensor:
    """An image with a border of its own pixels."""
    left, right, top, bottom = sides
    for dim, before, after in ((-2, top, bottom), (-1, left, right)):
        places = np.arange(max(-before, 0), image.shape[dim] - max(-after, 0))
        places = np.pad(places, (max(before, 0), max(after, 0)), mode=mode)  # type: ignore[call-overload]
        image = image.index_select(dim, ops.from_numpy(places))
    return image


def pad_mask(mask: Tensor, padding: int | Sequence[int], fill: Fill = None, padding_mode: str = "constant") -> Tensor:
    """See :func:`pad`. Raises ValueError for a number for each channel, which masks don't have."""
    if isinstance(fill, list | tuple) and len(fill) > 1:
        raise ValueError("Non-scalar fill value is not supported")
    return pad_image(mask, padding, fill, padding_mode)


def pad_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: tuple[int, int],
    padding: int | Sequence[int],
    padding_mode: str = "constant",
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`pad`. Returns the new size of the canvas, too. Raises ValueError for modes other than constant."""
    left, _, top, _ = four_sides(padding)
    new = _padded(canvas_size, padding, padding_mode, "bounding boxes")
    shift = [left, top, left, top] if format is XYXY else [left, top, 0, 0]
    moved = bounding_boxes + ops.tensor(shift, dtype=bounding_boxes.dtype)
    return clamp_boxes(moved, format, new, clamping_mode), new


def pad_keypoints(
    keypoints: Tensor, canvas_size: tuple[int, int], padding: int | Sequence[int], padding_mode: str = "constant"
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`pad`. Returns the new size of the canvas, too. Raises ValueError for modes other than constant."""
    left, _, top, _ = four_sides(padding)
    new = _padded(canvas_size, padding, padding_mode, "keypoints")
    return keypoints + ops.tensor([left, top], dtype=keypoints.dtype), new


def _padded(canvas_size: tuple[int, int], padding: int | Sequence[int], mode: str, what: str) -> tuple[int, int]:
    """The new size of a canvas."""
    check_mode(mode)
    if mode != "constant":
        raise ValueError(f"Padding mode '{mode}' is not supported with {what}")
    left, right, top, bottom = four_sides(padding)
    return canvas_size[0] + top + bottom, canvas_size[1] + left + right


def picture_fill(fill: Fill, picture: Any) -> Any:
    """A fill as Pillow wants it: one number, or one for each channel. Raises ValueError for another number of them."""
    channels = len(picture.getbands())
    numbers = list(fill) if isinstance(fill, list | tuple) else [fill or 0]
    if len(numbers) == 1:
        numbers *= channels
    if len(numbers) != channels:
        raise ValueError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(numbers)} != {channels})"
        )
    if picture.mode != "F":
        numbers = [int(number) for number in numbers]  # type: ignore[arg-type]
    return numbers[0] if channels == 1 else tuple(numbers)


def _pad_picture(picture: Any, padding: int | Sequence[int], fill: Fill = None, padding_mode: str = "constant") -> Any:
    check_mode(padding_mode)
    left, right, top, bottom = four_sides(padding)
    if padding_mode == "constant":
        made = pillow("ImageOps").expand(picture, border=(left, top, right, bottom), fill=picture_fill(fill, picture))
    else:
        array = np.array(picture)
        inside = array[max(-top, 0) : array.shape[0] - max(-bottom, 0), max(-left, 0) : array.shape[1] - max(-right, 0)]
        around = ((max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0))[: array.ndim]
        made = pillow().fromarray(np.pad(inside, around, mode=padding_mode))  # type: ignore[call-overload]
    if picture.mode == "P":
        made.putpalette(picture.getpalette())
    return made


pad = by_kind(pad_image, picture=_pad_picture, mask=pad_mask, boxes=pad_bounding_boxes, points=pad_keypoints)
