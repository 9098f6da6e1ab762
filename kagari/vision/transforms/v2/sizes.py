"""Random sizes, and random parts that objects are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....eager import Tensor
from ....eager import operators as ops
from ...ops import box_iou
from ...tv_tensors import BoundingBoxes, BoundingBoxFormat, Image, Video
from ..interpolation import InterpolationMode
from . import functional as F
from .structure import get_bounding_boxes, has_all, has_any, is_picture, is_pure_tensor, query_size
from .transform import RandomApplyTransform, Transform, below, fill_for, fills_of

Mode = InterpolationMode | str | int


class _RandomlyResized(Transform):
    """What is resized to a size that `make_params` says."""

    interpolation: Mode
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, params["size"], **options)


class ScaleJitter(_RandomlyResized):
    r"""Resized to a random part of the largest size that fits.

    Args:
        target_size (tuple of int): height and width that it has to fit into.
        scale_range (tuple of float): bounds of the part. Default: (0.1, 2.0)
        interpolation (InterpolationMode): see :class:`Resize`. Default: bilinear
        antialias (bool): see :class:`Resize`. Default: ``True``
    """

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        part = low + ops.rand(1) * (high - low)
        factor = min(self.target_size[1] / height, self.target_size[0] / width) * part
        return {"size": (int(height * factor), int(width * factor))}


class RandomShortestSize(_RandomlyResized):
    r"""Resized so that the smaller edge has a random size of several.

    Args:
        min_size (int or sequence of int): the sizes.
        max_size (int, optional): the largest size of the larger edge.
        interpolation (InterpolationMode): see :class:`Resize`. Default: bilinear
        antialias (bool): see :class:`Resize`. Default: ``True``
    """

    def __init__(
        self,
        min_size: list[int] | tuple[int] | int,
        max_size: int | None = None,
        interpolation: Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        factor = self.min_size[below(len(self.min_size))] / min(height, width)
        if self.max_size is not None:
            factor = min(factor, self.max_size / max(height, width))
        return {"size": (int(height * factor), int(width * factor))}


class RandomResize(_RandomlyResized):
    r"""Resized so that the smaller edge has a random size.

    Args:
        min_size (int): the least size.
        max_size (int): the bound above.
        interpolation (InterpolationMode): see :class:`Resize`. Default: bilinear
        antialias (bool): see :class:`Resize`. Default: ``True``
    """

    def __init__(
        self, min_size: int, max_size: int, interpolation: Mode = "bilinear", antialias: bool | None = True
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"size": [below(self.max_size, self.min_size)]}


class RandomZoomOut(RandomApplyTransform):
    r"""Somewhere on a larger canvas, with a probability.

    Args:
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0
        side_range (tuple of float): bounds of how often as long the sides of the canvas are. Default: (1, 4)
        p (float): the probability. Default: 0.5

    Raises ValueError for a canvas that is smaller.
    """

    def __init__(self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5) -> None:
        super().__init__(p)
        self.fill = fill
        self._fill = fills_of(fill)
        if not (isinstance(side_range, list | tuple) and len(side_range) == 2):
            raise TypeError("side_range should be a sequence of length 2.")
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.side_range = side_range

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        factor = low + ops.rand(1).item() * (high - low)
        larger_width, larger_height = int(width * factor), int(height * factor)
        place = ops.rand(2)
        left = int((larger_width - width) * place[0])
        top = int((larger_height - height) * place[1])
        return {"padding": [left, top, larger_width - (left + width), larger_height - (top + height)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.pad, inpt, **params, fill=fill_for(self._fill, inpt))


class RandomIoUCrop(Transform):
    r"""A random part that overlaps enough with an object; boxes whose centres lie outside become empty.

    Args:
        min_scale (float): the least size of the part, of height and width. Default: 0.3
        max_scale (float): the greatest. Default: 1.0
        min_aspect_ratio (float): the least width by height. Default: 0.5
        max_aspect_ratio (float): the greatest. Default: 2.0
        sampler_options (list of float, optional): how far it has to overlap, one of which is chosen; 1 or more for
            nothing at all. Default: [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        trials (int): how often a part is drawn for each of them. Default: 40

    Raises TypeError when called without an image or without boxes.

    Source: Liu and others, SSD: Single Shot MultiBox Detector, 2015.
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if not (has_all(flat_inputs, BoundingBoxes) and has_any(flat_inputs, is_picture, Image, Video, is_pure_tensor)):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images and bounding boxes. "
                "Sample can also contain masks."
            )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        boxes = get_bounding_boxes(flat_inputs)
        plain = boxes.as_subclass(Tensor)
        edges = F.convert_bounding_box_format(plain, boxes.format, BoundingBoxFormat.XYXY)
        while True:
            least = self.options[below(len(self.options))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                part = self._part(height, width)
                if part is None:
                    continue
                left, top, right, bottom = part
                x, y = (edges[..., 0] + edges[..., 2]) * 0.5, (edges[..., 1] + edges[..., 3]) * 0.5
                inside = (left < x) & (x < right) & (top < y) & (y < bottom)
                if not inside.any():
                    continue
                overlaps = box_iou(edges[inside], ops.tensor([part], dtype=edges.dtype))
                if overlaps.max() < least:
                    continue
                size = {"height": bottom - top, "width": right - left}
                return {"top": top, "left": left, **size, "is_within_crop_area": inside}

    def _part(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """The edges of a random part; None where it has no size or an unlikely shape."""
        low, span = self.min_scale, self.max_scale - self.min_scale
        parts = low + span * ops.rand(2)
        new_width, new_height = int(width * parts[0]), int(height * parts[1])
        if not self.min_aspect_ratio <= new_width / new_height <= self.max_aspect_ratio:
            return None
        place = ops.rand(2)
        left, top = int((width - new_width) * place[0]), int((height - new_height) * place[1])
        right, bottom = left + new_width, top + new_height
        return None if left == right or top == bottom else (left, top, right, bottom)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        made = self._call_kernel(F.crop, inpt, params["top"], params["left"], params["height"], params["width"])
        if isinstance(made, BoundingBoxes):
            # The rows stay, so that labels and masks still belong to them.
            made.as_subclass(Tensor)[~params["is_within_crop_area"]] = 0
        return made


class UniformTemporalSubsample(Transform):
    r"""Some frames of videos, as far apart as they can be. See :func:`~.functional.uniform_temporal_subsample`.

    Args:
        num_samples (int): how many.
    """

    _transformed_types = (is_pure_tensor, Video)

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)


__all__ = [
    "RandomIoUCrop",
    "RandomResize",
    "RandomShortestSize",
    "RandomZoomOut",
    "ScaleJitter",
    "UniformTemporalSubsample",
]
