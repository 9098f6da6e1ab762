"""Images seen from elsewhere, and images as on something elastic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .....base.dtypes import dtype as Dtype
from .....base.dtypes import int64
from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import pillow
from ....tv_tensors import BoundingBoxFormat
from ...interpolation import InterpolationMode, interpolation_mode, resampling
from .blend import working
from .convert import pil_to_tensor, to_pil_image
from .dispatch import by_kind
from .grids import Map, grid_dtype, moved_boxes, moved_points, sampled, sampled_mask
from .meta import XYXY, convert_boxes
from .pad import Fill, picture_fill
from .resize import Mode

Points = Sequence[Sequence[int]] | None


def _coefficients(startpoints: Points, endpoints: Points, coefficients: Sequence[float] | None) -> list[float]:
    r"""The eight numbers of :math:`((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1))`.

    They take points of the result to points of the image: the second four points to the first four. Raises ValueError
    unless either the points or eight numbers are given.
    """
    if coefficients is not None:
        if startpoints is not None and endpoints is not None:
            raise ValueError("The startpoints/endpoints and the coefficients shouldn't be defined concurrently.")
        if len(coefficients) != 8:
            raise ValueError("Argument coefficients should have 8 float values")
        return [float(one) for one in coefficients]
    if startpoints is None or endpoints is None:
        raise ValueError("Either the startpoints/endpoints or the coefficients must have non `None` values.")
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (u, v), (x, y) in zip(startpoints, endpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    wanted = np.array(startpoints, dtype=np.float64).reshape(8)
    solved = np.linalg.lstsq(np.array(rows, dtype=np.float64), wanted, rcond=None)[0]
    found: list[float] = solved.astype(np.float32).tolist()
    return found


def _perspective_grid(coefficients: list[float], size: tuple[int, int], dtype: Dtype) -> Tensor:
    """Where in an image of this height and width the pixels of the result lie."""
    height, width = size
    x = (ops.arange(width, dtype=dtype) + 0.5).view(1, width).expand(height, width)
    y = (ops.arange(height, dtype=dtype) + 0.5).view(height, 1).expand(height, width)
    points = ops.stack([x, y, ops.ones_like(x)], -1).reshape(1, -1, 3)
    a, b, c, d, e, f, g, h = coefficients
    half = ops.tensor([0.5 * width, 0.5 * height], dtype=dtype)
    over = points.bmm((ops.tensor([[a, b, c], [d, e, f]], dtype=dtype).t() / half).unsqueeze(0))
    under = points.bmm(ops.tensor([[g, h, 1.0], [g, h, 1.0]], dtype=dtype).t().unsqueeze(0))
    return (over / under - 1.0).reshape(1, height, width, 2)


def perspective_image(
    image: Tensor,
    startpoints: Points,
    endpoints: Points,
    interpolation: Mode = InterpolationMode.BILINEAR,
    fill: Fill = None,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    r"""An image as seen from elsewhere.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        startpoints (sequence of points): four points of the image, [x, y]: top left, top right, bottom right, bottom
            left.
        endpoints (sequence of points): where they are in the result.
        interpolation (InterpolationMode): nearest or bilinear, bicubic too of Pillow's. Default: bilinear
        fill (number or sequence of numbers, optional): what lies around it, for all channels or for each. Default: 0
        coefficients (sequence of float, optional): the map itself, in place of the points.

    Shape:
        - :math:`(*, C, H, W)`.

    Raises ValueError unless either the points or the coefficients are given.
    """
    found = _coefficients(startpoints, endpoints, coefficients)
    grid = _perspective_grid(found, (image.shape[-2], image.shape[-1]), grid_dtype(image))
    return sampled(image, grid, interpolation, fill)


def perspective_mask(
    mask: Tensor,
    startpoints: Points,
    endpoints: Points,
    fill: Fill = None,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    """See :func:`perspective`."""
    found = _coefficients(startpoints, endpoints, coefficients)
    grid = _perspective_grid(found, (mask.shape[-2], mask.shape[-1]), grid_dtype(mask))
    return sampled_mask(mask, grid, fill)


def _projecting(coefficients: list[float]) -> Map:
    """The map of points of the image to those of the result: the inverse of the coefficients'."""
    inverse = np.linalg.inv(np.array([*coefficients, 1.0]).reshape(3, 3))
    inverse /= inverse[2, 2]

    def move(points: Tensor) -> Tensor:
        matrix = ops.tensor(inverse.tolist(), dtype=points.dtype)
        made = ops.cat([points, ops.ones_like(points[:, :1])], 1) @ matrix.t()
        return made[:, :2] / made[:, 2:]

    return move


def perspective_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: tuple[int, int],
    startpoints: Points,
    endpoints: Points,
    coefficients: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> Tensor:
    """See :func:`perspective`. A box becomes the smallest one around what its corners become."""
    move = _projecting(_coefficients(startpoints, endpoints, coefficients))
    return moved_boxes(bounding_boxes, format, canvas_size, clamping_mode, move)


def perspective_keypoints(
    keypoints: Tensor,
    canvas_size: tuple[int, int],
    startpoints: Points,
    endpoints: Points,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    """See :func:`perspective`."""
    move = _projecting(_coefficients(startpoints, endpoints, coefficients))
    return moved_points(keypoints, move)


def _perspective_picture(
    picture: Any,
    startpoints: Points,
    endpoints: Points,
    interpolation: Mode = InterpolationMode.BILINEAR,
    fill: Fill = None,
    coefficients: Sequence[float] | None = None,
) -> Any:
    found = _coefficients(startpoints, endpoints, coefficients)
    number = resampling(interpolation_mode(interpolation))
    kind = pillow().Transform.PERSPECTIVE
    return picture.transform(picture.size, kind, found, number, fillcolor=picture_fill(fill, picture))


perspective = by_kind(
    perspective_image,
    picture=_perspective_picture,
    mask=perspective_mask,
    boxes=perspective_bounding_boxes,
    points=perspective_keypoints,
)


# Elastic


def _identity_grid(size: tuple[int, int], dtype: Dtype) -> Tensor:
    """The grid [1, H, W, 2] at which an image is itself."""
    height, width = size
    x = ops.linspace((1 - width) / width, (width - 1) / width, width, dtype=dtype).view(1, width)
    y = ops.linspace((1 - height) / height, (height - 1) / height, height, dtype=dtype).view(height, 1)
    grid: Tensor = ops.stack([x.expand(height, width), y.expand(height, width)], -1).unsqueeze(0)
    return grid


def elastic_image(
    image: Tensor,
    displacement: Tensor,
    interpolation: Mode = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Tensor:
    r"""An image each of whose pixels comes from elsewhere.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        displacement (Tensor): from how far away, along x and y, where the image is 2 wide and 2 high.
        interpolation (InterpolationMode): nearest or bilinear. Default: bilinear
        fill (number or sequence of numbers, optional): what lies around it, for all channels or for each. Default: 0

    Shape:
        - Input: :math:`(*, C, H, W)`, and a displacement :math:`(1, H, W, 2)`.
        - Output: :math:`(*, C, H, W)`.

    Raises TypeError for a displacement that is no tensor, ValueError for one of another shape.
    """
    return sampled(image, _displaced(image, displacement), interpolation, fill)


def _displaced(image: Tensor, displacement: Tensor) -> Tensor:
    """Where in an image the pixels of the result lie."""
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    shape = (1, *image.shape[-2:], 2)
    if tuple(displacement.shape) != shape:
        raise ValueError(f"Argument displacement shape should be {shape}, but given {tuple(displacement.shape)}")
    dtype = grid_dtype(image)
    return _identity_grid((image.shape[-2], image.shape[-1]), dtype) + displacement.to(dtype)


def elastic_mask(mask: Tensor, displacement: Tensor, fill: Fill = None) -> Tensor:
    """See :func:`elastic`."""
    return sampled_mask(mask, _displaced(mask, displacement), fill)


def _stretching(canvas_size: tuple[int, int], displacement: Tensor) -> Map:
    """About the inverse: a point goes as far as the pixel at its place comes from, the other way."""

    def move(points: Tensor) -> Tensor:
        height, width = canvas_size
        grid = _identity_grid(canvas_size, points.dtype) - displacement.to(points.dtype)
        x, y = points.to(int64).unbind(1)
        found = grid[0, y.clamp(0, height - 1), x.clamp(0, width - 1)]
        half = ops.tensor([0.5 * width, 0.5 * height], dtype=points.dtype)
        return (found + 1) * half - 0.5

    return move


def elastic_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: tuple[int, int],
    displacement: Tensor,
    clamping_mode: str | None = "soft",
) -> Tensor:
    """See :func:`elastic`. A box becomes the smallest one around about what its corners become."""
    move = _stretching(canvas_size, displacement)
    edges = convert_boxes(working(bounding_boxes), format, XYXY)
    made = moved_boxes(edges, XYXY, canvas_size, clamping_mode, lambda corners: move(corners.ceil()))
    return convert_boxes(made.to(bounding_boxes.dtype), XYXY, format)


def elastic_keypoints(keypoints: Tensor, canvas_size: tuple[int, int], displacement: Tensor) -> Tensor:
    """See :func:`elastic`."""
    return moved_points(keypoints, _stretching(canvas_size, displacement))


def _elastic_picture(
    picture: Any, displacement: Tensor, interpolation: Mode = InterpolationMode.BILINEAR, fill: Fill = None
) -> Any:
    return to_pil_image(elastic_image(pil_to_tensor(picture), displacement, interpolation, fill), picture.mode)


elastic = by_kind(
    elastic_image,
    picture=_elastic_picture,
    mask=elastic_mask,
    boxes=elastic_bounding_boxes,
    points=elastic_keypoints,
)
