"""Parts of images, and what lies around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .....eager import Tensor
from .....eager import operators as ops
from ....tv_tensors import BoundingBoxFormat
from ...interpolation import InterpolationMode
from .dispatch import by_kind
from .flip import horizontal_flip
from .flip import vertical_flip as flip_vertically
from .meta import XYXY, clamp_boxes, get_size
from .pad import pad, pad_image
from .resize import Mode, resize, resize_bounding_boxes, resize_image, resize_keypoints, resize_mask


def crop_image(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    r"""A rectangle of an image; what lies outside of the image is 0.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        top (int): the first row.
        left (int): the first column.
        height (int): how many rows.
        width (int): how many columns.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.crop(torch.arange(6).reshape(1, 2, 3), 0, 1, 1, 2).tolist()
        [[[1, 2]]]
    """
    h, w = image.shape[-2:]
    bottom, right = top + height, left + width
    part = image[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    around = [max(-left, 0) if left > -width else 0, max(-top, 0) if top > -height else 0]
    around += [width - part.shape[-1] - around[0], height - part.shape[-2] - around[1]]
    return pad_image(part, around) if (h < bottom or w < right or top < 0 or left < 0) else part


def crop_mask(mask: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """See :func:`crop`."""
    return crop_image(mask, top, left, height, width)


def crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    top: int,
    left: int,
    height: int,
    width: int,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`crop`. Returns the new size of the canvas, too."""
    shift = [left, top, left, top] if format is XYXY else [left, top, 0, 0]
    moved = bounding_boxes - ops.tensor(shift, dtype=bounding_boxes.dtype)
    return clamp_boxes(moved, format, (height, width), clamping_mode), (height, width)


def crop_keypoints(keypoints: Tensor, top: int, left: int, height: int, width: int) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`crop`. Returns the new size of the canvas, too."""
    return keypoints - ops.tensor([left, top], dtype=keypoints.dtype), (height, width)


def _crop_picture(picture: Any, top: int, left: int, height: int, width: int) -> Any:
    return picture.crop((left, top, left + width, top + height))


crop = by_kind(crop_image, picture=_crop_picture, mask=crop_mask, boxes=crop_bounding_boxes, points=crop_keypoints)


def centre(size: Sequence[int], output_size: Sequence[int]) -> tuple[int, int]:
    """The first row and column of the middle of an image."""
    top, left = (round((have - want) / 2.0) for have, want in zip(size, output_size))
    return top, left


def two_numbers(size: int | Sequence[int]) -> list[int]:
    """Height and width from one number for both, or from a sequence."""
    if isinstance(size, int):
        return [size, size]
    return [size[0], size[0]] if len(size) == 1 else list(size)


def _around(size: Sequence[int], output_size: Sequence[int]) -> list[int]:
    """What is missing left, top, right and bottom of an image that is smaller than its middle should be."""
    (top, bottom), (left, right) = (
        ((want - have) // 2, (want - have + 1) // 2) if want > have else (0, 0) for have, want in zip(size, output_size)
    )
    return [left, top, right, bottom]


def center_crop_image(image: Tensor, output_size: int | Sequence[int]) -> Tensor:
    r"""The middle of an image; an image that is too small is surrounded with zeros first.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        output_size (int or sequence of int): height and width, or one number for both.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.center_crop(torch.arange(5).reshape(1, 1, 5), [1, 3]).tolist()
        [[[1, 2, 3]]]
    """
    made: Tensor = _center_crop(image, output_size)
    return made


def _center_crop(inpt: Any, output_size: int | Sequence[int]) -> Any:
    height, width = two_numbers(output_size)
    around = _around(get_size(inpt), (height, width))
    if any(around):
        inpt = pad(inpt, around, fill=0)
    top, left = centre(get_size(inpt), (height, width))
    return inpt if get_size(inpt) == [height, width] else crop(inpt, top, left, height, width)


def center_crop_mask(mask: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """See :func:`center_crop`."""
    return center_crop_image(mask, output_size)


def _centre_anyhow(canvas_size: Sequence[int], output_size: int | Sequence[int]) -> tuple[int, int, int, int]:
    """The rectangle of the middle, which may begin before the canvas."""
    height, width = two_numbers(output_size)
    return *centre(canvas_size, (height, width)), height, width


def center_crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: tuple[int, int],
    output_size: int | Sequence[int],
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`center_crop`. Returns the new size of the canvas, too."""
    top, left, height, width = _centre_anyhow(canvas_size, output_size)
    return crop_bounding_boxes(bounding_boxes, format, top, left, height, width, clamping_mode)


def center_crop_keypoints(
    keypoints: Tensor, canvas_size: tuple[int, int], output_size: int | Sequence[int]
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`center_crop`. Returns the new size of the canvas, too."""
    return crop_keypoints(keypoints, *_centre_anyhow(canvas_size, output_size))


center_crop = by_kind(
    center_crop_image,
    picture=_center_crop,
    mask=center_crop_mask,
    boxes=center_crop_bounding_boxes,
    points=center_crop_keypoints,
)


def five_crop_image(image: Tensor, size: int | Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The corners of an image, upper ones first, left ones first, and its middle.

    Raises ValueError where the image is smaller than these parts.
    """
    made: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] = _five_crop(image, size)
    return made


def _five_crop(inpt: Any, size: int | Sequence[int]) -> Any:
    height, width = two_numbers(size)
    have = get_size(inpt)
    if height > have[0] or width > have[1]:
        raise ValueError(f"Requested crop size {size} is bigger than input size {tuple(have)}")
    bottom, right = have[0] - height, have[1] - width
    corners = [crop(inpt, top, left, height, width) for top in (0, bottom) for left in (0, right)]
    return (*corners, center_crop(inpt, [height, width]))


def ten_crop_image(image: Tensor, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Tensor, ...]:
    """The five parts of :func:`five_crop`, and those of the image in a mirror."""
    made: tuple[Tensor, ...] = _ten_crop(image, size, vertical_flip)
    return made


def _ten_crop(inpt: Any, size: int | Sequence[int], vertical_flip: bool = False) -> Any:
    flipped = flip_vertically(inpt) if vertical_flip else horizontal_flip(inpt)
    return _five_crop(inpt, size) + _five_crop(flipped, size)


five_crop = by_kind(five_crop_image, picture=_five_crop)
ten_crop = by_kind(ten_crop_image, picture=_ten_crop)


def resized_crop_image(
    image: Tensor,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Mode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Tensor:
    """A rectangle of an image in another size. See :func:`crop` and :func:`resize`."""
    return resize_image(crop_image(image, top, left, height, width), size, interpolation, antialias=antialias)


def resized_crop_mask(mask: Tensor, top: int, left: int, height: int, width: int, size: int | Sequence[int]) -> Tensor:
    """See :func:`resized_crop`."""
    return resize_mask(crop_mask(mask, top, left, height, width), size)


def resized_crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`resized_crop`. Returns the new size of the canvas, too."""
    part, canvas = crop_bounding_boxes(bounding_boxes, format, top, left, height, width, clamping_mode)
    return resize_bounding_boxes(part, canvas, size, format=format, clamping_mode=clamping_mode)


def resized_crop_keypoints(
    keypoints: Tensor, top: int, left: int, height: int, width: int, size: int | Sequence[int]
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`resized_crop`. Returns the new size of the canvas, too."""
    part, canvas = crop_keypoints(keypoints, top, left, height, width)
    return resize_keypoints(part, size, canvas)


def _resized_crop_picture(
    picture: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Mode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    return resize(_crop_picture(picture, top, left, height, width), size, interpolation)


resized_crop = by_kind(
    resized_crop_image,
    picture=_resized_crop_picture,
    mask=resized_crop_mask,
    boxes=resized_crop_bounding_boxes,
    points=resized_crop_keypoints,
)
