"""Images turned, moved, scaled and sheared."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .....base.dtypes import dtype as Dtype
from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import pillow
from ....tv_tensors import BoundingBoxFormat
from ...interpolation import InterpolationMode, interpolation_mode, resampling
from .dispatch import by_kind
from .grids import Map, grid_dtype, moved_boxes, moved_points, sampled, sampled_mask
from .pad import Fill, picture_fill
from .resize import Mode

Point = Sequence[float]


def _matrices(
    center: Point, angle: float, translate: Point, scale: float, shear: Point
) -> tuple[list[float], list[float]]:
    r"""The map of points of an image, and its inverse, which says where in the image a point of the result lies.

    Both are [a, b, c, d, e, f] for :math:`(a x + b y + c, d x + e y + f)`. The image is sheared, turned and scaled
    around its centre, then moved.
    """
    turn, x, y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(turn - y) / math.cos(y)
    b = -math.cos(turn - y) * math.tan(x) / math.cos(y) - math.sin(turn)
    c = math.sin(turn - y) / math.cos(y)
    d = -math.sin(turn - y) * math.tan(x) / math.cos(y) + math.cos(turn)
    (cx, cy), (tx, ty) = center, translate
    there = [a * scale, b * scale, 0.0, c * scale, d * scale, 0.0]
    there[2] = there[0] * -cx + there[1] * -cy + cx + tx
    there[5] = there[3] * -cx + there[4] * -cy + cy + ty
    # The determinant of shear and turn is 1.
    back = [d / scale, -b / scale, 0.0, -c / scale, a / scale, 0.0]
    back[2] = back[0] * (-cx - tx) + back[1] * (-cy - ty) + cx
    back[5] = back[3] * (-cx - tx) + back[4] * (-cy - ty) + cy
    return there, back


def _grid(matrix: list[float], size: tuple[int, int], out: tuple[int, int], dtype: Dtype) -> Tensor:
    """Where in an image, of height and width `size`, the pixels of the result lie, whose size is `out`."""
    (height, width), (oh, ow) = size, out
    x = ops.linspace((1.0 - ow) * 0.5, (ow - 1.0) * 0.5, ow, dtype=dtype).view(1, ow).expand(oh, ow)
    y = ops.linspace((1.0 - oh) * 0.5, (oh - 1.0) * 0.5, oh, dtype=dtype).view(oh, 1).expand(oh, ow)
    points = ops.stack([x, y, ops.ones_like(x)], -1).reshape(1, -1, 3)
    rows = ops.tensor(matrix, dtype=dtype).view(2, 3).t() / ops.tensor([0.5 * width, 0.5 * height], dtype=dtype)
    made: Tensor = points.bmm(rows.unsqueeze(0)).reshape(1, oh, ow, 2)
    return made


def _from_middle(center: Point | None, size: tuple[int, int]) -> Point:
    """The centre of the map, counted from the middle of an image of this height and width."""
    return [0.0, 0.0] if center is None else [center[0] - size[1] * 0.5, center[1] - size[0] * 0.5]


def _two(shear: float | Point) -> Point:
    """Shears along x and y."""
    if isinstance(shear, int | float):
        return [float(shear), 0.0]
    return [shear[0], shear[0]] if len(shear) == 1 else shear


def _checked(angle: float, translate: Point, scale: float) -> None:
    if not isinstance(angle, int | float):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, list | tuple):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")


def affine_image(
    image: Tensor,
    angle: float,
    translate: Point,
    scale: float,
    shear: Point,
    interpolation: Mode = InterpolationMode.NEAREST,
    fill: Fill = None,
    center: Point | None = None,
) -> Tensor:
    r"""An image sheared, turned and scaled around its centre, and moved.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        angle (float): in degrees, clockwise.
        translate (sequence of float): to the right and down, in pixels.
        scale (float): how often as large.
        shear (sequence of float): angles along x and y, in degrees.
        interpolation (InterpolationMode): nearest or bilinear, bicubic too of Pillow's. Default: nearest
        fill (number or sequence of numbers, optional): what lies around it, for all channels or for each. Default: 0
        center (sequence of float, optional): x and y. Default: the middle

    Shape:
        - :math:`(*, C, H, W)`.

    Raises TypeError and ValueError for maps and modes that can't be.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.affine(torch.tensor([[[1.0, 2.0, 3.0]]]), 0, [1, 0], 1.0, [0, 0])
        tensor([[[0., 1., 2.]]])
    """
    _checked(angle, translate, scale)
    size = (image.shape[-2], image.shape[-1])
    _, back = _matrices(_from_middle(center, size), angle, translate, scale, _two(shear))
    return sampled(image, _grid(back, size, size, grid_dtype(image)), interpolation, fill)


def affine_mask(
    mask: Tensor,
    angle: float,
    translate: Point,
    scale: float,
    shear: Point,
    fill: Fill = None,
    center: Point | None = None,
) -> Tensor:
    """See :func:`affine`."""
    size = (mask.shape[-2], mask.shape[-1])
    _, back = _matrices(_from_middle(center, size), angle, translate, scale, _two(shear))
    return sampled_mask(mask, _grid(back, size, size, grid_dtype(mask)), fill)


def _middle(canvas_size: tuple[int, int]) -> Point:
    return [canvas_size[1] * 0.5, canvas_size[0] * 0.5]


def _moving(matrix: list[float]) -> Map:
    """The map of a matrix [a, b, c, d, e, f]."""

    def move(points: Tensor) -> Tensor:
        rows = ops.tensor(matrix, dtype=points.dtype).view(2, 3)
        moved: Tensor = ops.cat([points, ops.ones_like(points[:, :1])], 1) @ rows.t()
        return moved

    return move


def affine_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: tuple[int, int],
    angle: float,
    translate: Point,
    scale: float,
    shear: Point,
    center: Point | None = None,
    clamping_mode: str | None = "soft",
) -> Tensor:
    """See :func:`affine`. A box becomes the smallest one around what its corners become."""
    there, _ = _matrices(center or _middle(canvas_size), angle, translate, scale, _two(shear))
    return moved_boxes(bounding_boxes, format, canvas_size, clamping_mode, _moving(there))


def affine_keypoints(
    keypoints: Tensor,
    canvas_size: tuple[int, int],
    angle: float,
    translate: Point,
    scale: float,
    shear: Point,
    center: Point | None = None,
) -> Tensor:
    """See :func:`affine`."""
    there, _ = _matrices(center or _middle(canvas_size), angle, translate, scale, _two(shear))
    return moved_points(keypoints, _moving(there))


def _affine_picture(
    picture: Any,
    angle: float,
    translate: Point,
    scale: float,
    shear: Point,
    interpolation: Mode = InterpolationMode.NEAREST,
    fill: Fill = None,
    center: Point | None = None,
) -> Any:
    _checked(angle, translate, scale)
    _, back = _matrices(center or _middle((picture.height, picture.width)), angle, translate, scale, _two(shear))
    number = resampling(interpolation_mode(interpolation))
    kind = pillow().Transform.AFFINE
    return picture.transform(picture.size, kind, back, number, fillcolor=picture_fill(fill, picture))


affine = by_kind(
    affine_image, picture=_affine_picture, mask=affine_mask, boxes=affine_bounding_boxes, points=affine_keypoints
)


# Turned alone, with a larger canvas where it is wanted


def _corners(size: tuple[int, int], matrix: list[float], middle: bool) -> np.ndarray:
    """What becomes of the corners of an image, which are counted from its middle or not."""
    height, width = size
    points = np.array([[0, 0], [0, height], [width, height], [width, 0]], dtype=np.float32)
    if middle:
        points -= np.array([0.5 * width, 0.5 * height], dtype=np.float32)
    made: np.ndarray = points @ np.array(matrix, dtype=np.float32).reshape(2, 3)[:, :2].T
    return made + np.array(matrix, dtype=np.float32)[2::3]


def _expanded(size: tuple[int, int], matrix: list[float]) -> tuple[int, int]:
    """Height and width of the canvas around a turned image. What is off by rounding makes no pixel more."""
    corners = _corners(size, matrix, True) + np.array([size[1] * 0.5, size[0] * 0.5], dtype=np.float32)
    low, high = (np.trunc(edge * 1e4) * 1e-4 for edge in (corners.min(0), corners.max(0)))
    width, height = np.ceil(high) - np.floor(low)
    return int(height), int(width)


def _turned(center: Point | None, expand: bool) -> Point | None:
    """The centre to turn around."""
    if center is not None and expand:
        warnings.warn("The provided center argument has no effect on the result if expand is True", stacklevel=4)
        return None
    return center


def rotate_image(
    image: Tensor,
    angle: float,
    interpolation: Mode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Point | None = None,
    fill: Fill = None,
) -> Tensor:
    r"""An image turned around its centre.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        angle (float): in degrees, counter-clockwise.
        interpolation (InterpolationMode): nearest or bilinear, bicubic too of Pillow's. Default: nearest
        expand (bool): whether the result is large enough to hold all of it. Default: ``False``
        center (sequence of float, optional): x and y. Default: the middle
        fill (number or sequence of numbers, optional): what lies around it, for all channels or for each. Default: 0

    Shape:
        - :math:`(*, C, H, W)`.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.rotate(torch.tensor([[[1.0, 2.0, 3.0]]]), 90, expand=True).shape
        torch.Size([1, 3, 1])
    """
    center = _turned(center, expand)
    size = (image.shape[-2], image.shape[-1])
    angle = angle % 360
    if center is None and angle in (0, 180):
        return image.clone() if angle == 0 else image.flip((-2, -1))
    if center is None and angle in (90, 270) and (expand or size[0] == size[1]):
        return image.rot90(1 if angle == 90 else -1, (-2, -1))
    _, back = _matrices(_from_middle(center, size), -angle, [0, 0], 1.0, [0, 0])
    out = _expanded(size, back) if expand else size
    return sampled(image, _grid(back, size, out, grid_dtype(image)), interpolation, fill)


def rotate_mask(
    mask: Tensor, angle: float, expand: bool = False, center: Point | None = None, fill: Fill = None
) -> Tensor:
    """See :func:`rotate`."""
    if mask.ndim == 2:
        return rotate_image(mask.unsqueeze(0), angle, "nearest", expand, center, fill).squeeze(0)
    return rotate_image(mask, angle, "nearest", expand, center, fill)


def _turning(
    canvas_size: tuple[int, int], angle: float, expand: bool, center: Point | None
) -> tuple[Map, tuple[int, int]]:
    """The map of the points of a turned image, and the new size of its canvas."""
    center = _turned(center, expand)
    there, back = _matrices(center or _middle(canvas_size), -angle, [0, 0], 1.0, [0, 0])
    if not expand:
        return _moving(there), canvas_size
    new = _expanded(canvas_size, back)
    low = _corners(canvas_size, there, False).min(0)
    there[2], there[5] = there[2] - float(low[0]), there[5] - float(low[1])
    return _moving(there), new


def rotate_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: tuple[int, int],
    angle: float,
    expand: bool = False,
    center: Point | None = None,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`rotate`. Returns the new size of the canvas, too."""
    move, new = _turning(canvas_size, angle, expand, center)
    return moved_boxes(bounding_boxes, format, new, clamping_mode, move), new


def rotate_keypoints(
    keypoints: Tensor, canvas_size: tuple[int, int], angle: float, expand: bool = False, center: Point | None = None
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`rotate`. Returns the new size of the canvas, too."""
    move, new = _turning(canvas_size, angle, expand, center)
    return moved_points(keypoints, move), new


def _rotate_picture(
    picture: Any,
    angle: float,
    interpolation: Mode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Point | None = None,
    fill: Fill = None,
) -> Any:
    number = resampling(interpolation_mode(interpolation))
    center = _turned(center, expand)
    return picture.rotate(angle, number, expand, center, fillcolor=picture_fill(fill, picture))


rotate = by_kind(
    rotate_image, picture=_rotate_picture, mask=rotate_mask, boxes=rotate_bounding_boxes, points=rotate_keypoints
)
