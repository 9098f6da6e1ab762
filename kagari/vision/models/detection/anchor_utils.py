"""The boxes that detectors begin with: a few at each place of each map of features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .... import nn
from ....base.dtypes import float32
from ....eager import Tensor
from ....eager import operators as ops
from .image_list import ImageList

Numbers = Sequence[float]


def _grid(height: int, width: int, dtype: Any) -> tuple[Tensor, Tensor]:
    """For each place of a map, row by row, its column and its row."""
    y, x = ops.meshgrid(ops.arange(height, dtype=dtype), ops.arange(width, dtype=dtype), indexing="ij")
    return x.reshape(-1), y.reshape(-1)


class AnchorGenerator(nn.Module):
    r"""Boxes of chosen sizes and shapes around each place of maps of features.

    A box of size s and aspect ratio r is :math:`s \sqrt r` high and :math:`s / \sqrt r` wide.

    Args:
        sizes (tuple of tuple of int): for each map the sizes in pixels of the image; a tuple of numbers means one size
            for each map. Default: ((128, 256, 512),)
        aspect_ratios (tuple of tuple of float): for each map the heights by the widths; a tuple of numbers holds for
            all maps. Default: ((0.5, 1.0, 2.0),)

    Raises AssertionError in a call with another number of maps.

    >>> import kagari as torch
    >>> from kagari.vision.models.detection.anchor_utils import AnchorGenerator
    >>> from kagari.vision.models.detection.image_list import ImageList
    >>> anchors = AnchorGenerator(((8,),), ((1.0,),))
    >>> anchors(ImageList(torch.zeros(1, 3, 32, 32), [(32, 32)]), [torch.zeros(1, 5, 1, 2)])
    [tensor([[-4., -4.,  4.,  4.],
            [12., -4., 20.,  4.]])]
    """

    def __init__(
        self,
        sizes: Sequence[Any] = ((128, 256, 512),),
        aspect_ratios: Sequence[Any] = ((0.5, 1.0, 2.0),),
    ) -> None:
        super().__init__()
        if not isinstance(sizes[0], list | tuple):
            sizes = tuple((size,) for size in sizes)
        if not isinstance(aspect_ratios[0], list | tuple):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes, self.aspect_ratios = sizes, aspect_ratios
        self.cell_anchors = [self.generate_anchors(*one) for one in zip(sizes, aspect_ratios)]

    def generate_anchors(
        self, scales: Numbers, aspect_ratios: Numbers, dtype: Any = float32, device: Any = None
    ) -> Tensor:
        """Boxes around 0 of each shape in each size, [shapes * sizes, 4], in whole pixels."""
        sizes = ops.tensor(scales, dtype=dtype, device=device)
        heights = ops.tensor(aspect_ratios, dtype=dtype, device=device).sqrt()
        widths = 1 / heights
        x, y = ((sides.unsqueeze(1) * sizes).reshape(-1) for sides in (widths, heights))
        made: Tensor = (ops.stack([-x, -y, x, y], 1) / 2).round()
        return made

    def set_cell_anchors(self, dtype: Any, device: Any) -> None:
        """Brings the boxes around 0 to a dtype and a device."""
        self.cell_anchors = [anchors.to(dtype=dtype, device=device) for anchors in self.cell_anchors]

    def num_anchors_per_location(self) -> list[int]:
        """For each map, the boxes at a place."""
        return [len(sizes) * len(ratios) for sizes, ratios in zip(self.sizes, self.aspect_ratios)]

    def grid_anchors(self, grid_sizes: Sequence[Sequence[int]], strides: Sequence[Sequence[Any]]) -> list[Tensor]:
        """For each map its boxes [height * width * boxes, 4], place by place.

        Args:
            grid_sizes (list): height and width of each map.
            strides (list): how many pixels of the image lie between places, along y and x.
        """
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise AssertionError(
                f"sizes and aspect_ratios of AnchorGenerator describe {len(self.cell_anchors)} maps of features, but "
                f"there are {len(grid_sizes)} with {len(strides)} strides: give a tuple for each map"
            )
        made = []
        for (height, width), (down, across), cell in zip(grid_sizes, strides, self.cell_anchors):
            x, y = _grid(height, width, cell.dtype)
            shifts = ops.stack([x * across, y * down] * 2, 1)
            made.append((shifts.unsqueeze(1) + cell.unsqueeze(0)).reshape(-1, 4))
        return made

    def forward(self, image_list: ImageList, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        """The boxes [N, 4], as edges, of each image: those of all maps one after another."""
        sizes = [tuple(one.shape[-2:]) for one in feature_maps]
        height, width = image_list.tensors.shape[-2:]
        self.set_cell_anchors(feature_maps[0].dtype, feature_maps[0].device)
        joined = ops.cat(self.grid_anchors(sizes, [(height // size[0], width // size[1]) for size in sizes]))
        return [joined for _ in image_list.image_sizes]


class DefaultBoxGenerator(nn.Module):
    r"""The boxes of SSD: at each place of a map two squares, of its scale and between its scale and the next one's,
    and for each aspect ratio a wide and a high one.

    Args:
        aspect_ratios (list of list of int): for each map.
        min_ratio, max_ratio (float): the first and the last scale, by the side of the image; the others lie evenly
            between them. Default: 0.15, 0.9
        scales (list of float, optional): the scales instead, one more than there are maps.
        steps (list of int, optional): how many pixels lie between places. Default: as the sizes of maps say
        clip (bool): whether no side is longer than the image's. Default: ``True``

    Raises ValueError for another number of steps than maps.
    """

    def __init__(
        self,
        aspect_ratios: list[list[int]],
        min_ratio: float = 0.15,
        max_ratio: float = 0.9,
        scales: list[float] | None = None,
        steps: list[int] | None = None,
        clip: bool = True,
    ) -> None:
        super().__init__()
        if steps is not None and len(aspect_ratios) != len(steps):
            raise ValueError(f"aspect_ratios and steps should have the same length, got {aspect_ratios} and {steps}")
        self.aspect_ratios, self.steps, self.clip = aspect_ratios, steps, clip
        maps = len(aspect_ratios)
        if scales is not None:
            self.scales = scales
        elif maps > 1:
            self.scales = [*(min_ratio + (max_ratio - min_ratio) * k / (maps - 1.0) for k in range(maps)), 1.0]
        else:
            self.scales = [min_ratio, max_ratio]
        self._wh_pairs = [self._shapes(k) for k in range(maps)]

    def _shapes(self, level: int) -> Tensor:
        """Width and height of the boxes at a place of a map."""
        scale, following = self.scales[level : level + 2]
        between = math.sqrt(scale * following)
        pairs = [[scale, scale], [between, between]]
        for ratio in self.aspect_ratios[level]:
            wide, high = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
            pairs += [[wide, high], [high, wide]]
        made: Tensor = ops.tensor(pairs)
        return made

    def num_anchors_per_location(self) -> list[int]:
        """For each map, the boxes at a place."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def _of_map(self, level: int, size: Sequence[int], image_size: Sequence[int]) -> Tensor:
        """The boxes of a map, as centres and sizes by the side of the image."""
        height, width = size
        shapes = self._wh_pairs[level].clamp(0, 1) if self.clip else self._wh_pairs[level]
        if self.steps is None:
            rows, columns = float(height), float(width)
        else:
            rows, columns = (side / self.steps[level] for side in image_size)
        x, y = _grid(height, width, float32)
        centres = ops.stack([(x + 0.5) / columns, (y + 0.5) / rows], 1).repeat_interleave(len(shapes), 0)
        made: Tensor = ops.cat([centres, shapes.repeat(height * width, 1)], 1)
        return made

    def forward(self, image_list: ImageList, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        """The boxes [N, 4], as edges, of each image: those of all maps one after another."""
        height, width = image_list.tensors.shape[-2:]
        levels = [self._of_map(k, one.shape[-2:], (height, width)) for k, one in enumerate(feature_maps)]
        boxes = ops.cat(levels).to(feature_maps[0].dtype)
        centres, half = boxes[:, :2], 0.5 * boxes[:, 2:]
        edges = ops.cat([centres - half, centres + half], 1) * boxes.new_tensor([width, height] * 2)
        return [edges for _ in image_list.image_sizes]

    def __repr__(self) -> str:
        names = ("aspect_ratios", "clip", "scales", "steps")
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in names)})"


__all__ = ["AnchorGenerator", "DefaultBoxGenerator"]
