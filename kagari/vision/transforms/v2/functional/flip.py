"""Images as in a mirror."""

from __future__ import annotations

from typing import Any

from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import pillow
from ....tv_tensors import BoundingBoxFormat
from .dispatch import by_kind
from .meta import CXCYWH, XYXY, convert_boxes


def horizontal_flip_image(image: Tensor) -> Tensor:
    """Left and right exchanged, of images, videos, masks, boxes and points.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.horizontal_flip(torch.arange(3).reshape(1, 1, 3)).tolist()
    [[[2, 1, 0]]]
    """
    return image.flip(-1)


def horizontal_flip_mask(mask: Tensor) -> Tensor:
    """See :func:`horizontal_flip`."""
    return horizontal_flip_image(mask)


def horizontal_flip_bounding_boxes(
    bounding_boxes: Tensor, format: BoundingBoxFormat, canvas_size: tuple[int, int]
) -> Tensor:
    """See :func:`horizontal_flip`."""
    return _mirrored_boxes(bounding_boxes, format, 0, canvas_size[1])


def horizontal_flip_keypoints(keypoints: Tensor, canvas_size: tuple[int, int]) -> Tensor:
    """See :func:`horizontal_flip`."""
    x, y = keypoints.unbind(-1)
    return ops.stack([canvas_size[1] - 1 - x, y], -1)


def _horizontal_flip_picture(picture: Any) -> Any:
    return picture.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


def vertical_flip_image(image: Tensor) -> Tensor:
    """Top and bottom exchanged, of images, videos, masks, boxes and points.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.vertical_flip(torch.arange(3).reshape(1, 3, 1)).tolist()
    [[[2], [1], [0]]]
    """
    return image.flip(-2)


def vertical_flip_mask(mask: Tensor) -> Tensor:
    """See :func:`vertical_flip`."""
    return vertical_flip_image(mask)


def vertical_flip_bounding_boxes(
    bounding_boxes: Tensor, format: BoundingBoxFormat, canvas_size: tuple[int, int]
) -> Tensor:
    """See :func:`vertical_flip`."""
    return _mirrored_boxes(bounding_boxes, format, 1, canvas_size[0])


def vertical_flip_keypoints(keypoints: Tensor, canvas_size: tuple[int, int]) -> Tensor:
    """See :func:`vertical_flip`."""
    x, y = keypoints.unbind(-1)
    return ops.stack([x, canvas_size[0] - 1 - y], -1)


def _vertical_flip_picture(picture: Any) -> Any:
    return picture.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)


def _mirrored_boxes(boxes: Tensor, format: BoundingBoxFormat, axis: int, size: int) -> Tensor:
    """Boxes with x (0) or y (1) counted from the other side."""
    if format is CXCYWH:
        parts = list(boxes.unbind(-1))
        parts[axis] = size - parts[axis]
        return ops.stack(parts, -1)
    parts = list(convert_boxes(boxes, format, XYXY).unbind(-1))
    parts[axis], parts[axis + 2] = size - parts[axis + 2], size - parts[axis]
    return convert_boxes(ops.stack(parts, -1), XYXY, format)


horizontal_flip = by_kind(
    horizontal_flip_image,
    picture=_horizontal_flip_picture,
    mask=horizontal_flip_mask,
    boxes=horizontal_flip_bounding_boxes,
    points=horizontal_flip_keypoints,
)
vertical_flip = by_kind(
    vertical_flip_image,
    picture=_vertical_flip_picture,
    mask=vertical_flip_mask,
    boxes=vertical_flip_bounding_boxes,
    points=vertical_flip_keypoints,
)
