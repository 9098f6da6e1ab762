"""Images looked up at the points of a grid, and boxes and points moved by a map."""

from __future__ import annotations

from collections.abc import Callable

from .....base.dtypes import dtype as Dtype
from .....base.dtypes import float32
from .....eager import Tensor
from .....eager import operators as ops
from .....nn import functional as F
from ....tv_tensors import BoundingBoxFormat
from ...interpolation import InterpolationMode
from .meta import XYXY, clamp_boxes, convert_boxes
from .pad import Fill
from .resize import Mode, interpolation_mode

Map = Callable[[Tensor], Tensor]
"""Points [*, 2] to points."""


def grid_dtype(image: Tensor) -> Dtype:
    """The dtype of the grid for an image."""
    dtype: Dtype = image.dtype if image.is_floating_point() else float32
    return dtype


def sampled(image: Tensor, grid: Tensor, interpolation: Mode, fill: Fill) -> Tensor:
    """The image at the points of a grid [1, H, W, 2], whose edges are at -1 and 1; beyond them it is the fill."""
    mode = interpolation_mode(interpolation)
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    shape = (*image.shape[:-2], *grid.shape[1:3])
    if image.numel() == 0:
        empty: Tensor = image.new_empty(shape)
        return empty
    batch = image.reshape(-1, *image.shape[-3:]).to(grid.dtype)
    channels = batch.shape[1]
    if fill is not None:
        batch = ops.cat([batch, ops.ones_like(batch[:, :1])], 1)
    grid = grid.expand(len(batch), *grid.shape[1:])
    made = F.grid_sample(batch, grid, mode=mode.value, padding_mode="zeros", align_corners=False)
    if fill is not None:
        made, inside = made[:, :channels], made[:, channels:]
        colour = ops.tensor(fill, dtype=made.dtype).view(1, -1, 1, 1)
        if mode is InterpolationMode.NEAREST:
            made = ops.where(inside < 0.5, colour, made)
        else:
            made = (made - colour) * inside + colour
    return (made if image.is_floating_point() else made.round()).to(image.dtype).reshape(shape)


def sampled_mask(mask: Tensor, grid: Tensor, fill: Fill) -> Tensor:
    """The mask at the nearest points of a grid."""
    if mask.ndim == 2:
        return sampled(mask.unsqueeze(0), grid, InterpolationMode.NEAREST, fill).squeeze(0)
    return sampled(mask, grid, InterpolationMode.NEAREST, fill)


def moved_boxes(
    boxes: Tensor, format: BoundingBoxFormat, canvas_size: tuple[int, int], clamping_mode: str | None, move: Map
) -> Tensor:
    """The smallest boxes around what becomes of the corners of boxes."""
    numbers = boxes if boxes.is_floating_point() else boxes.to(float32)
    left, top, right, bottom = convert_boxes(numbers, format, XYXY).reshape(-1, 4).unbind(1)
    corners = ops.stack([left, top, right, top, right, bottom, left, bottom], 1).reshape(-1, 4, 2)
    made = move(corners.reshape(-1, 2)).reshape(-1, 4, 2)
    around = clamp_boxes(ops.cat([made.amin(1), made.amax(1)], 1), XYXY, canvas_size, clamping_mode)
    return convert_boxes(around, XYXY, format).to(boxes.dtype).reshape(boxes.shape)


def moved_points(points: Tensor, move: Map) -> Tensor:
    """What becomes of points."""
    numbers = points if points.is_floating_point() else points.to(float32)
    return move(numbers.reshape(-1, 2)).to(points.dtype).reshape(points.shape)
