"""Features of regions from the level of a pyramid that fits their size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...base.dtypes import int64
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module
from .boxes import box_area
from .regions import Size, pair, regions_of, roi_align


class MultiScaleRoIAlign(Module):
    r"""Takes the features of each region, as :func:`roi_align` does, from one of several maps.

    A box of area A goes to level :math:`\lfloor l + \log_2(\sqrt A / s) \rfloor`, or to the nearest one that there is,
    with the canonical scale s and level l. A map is of level k where it has a side of :math:`2^{-k}` times that of the
    images, to the nearest whole k.

    Args:
        featmap_names (list of str): the maps to be used, from the finest to the coarsest.
        output_size (int or tuple of int): the bins, along y and x.
        sampling_ratio (int): how many samples are taken along each side of a bin; below 1 as many as it has pixels.
        canonical_scale (int): the side of a box of the canonical level. Default: 224
        canonical_level (int): the level of such a box. Default: 4

    Shape:
        - Input: a dictionary of :math:`(N, C, H_i, W_i)`, for each image the boxes :math:`(L, 4)`, and the sizes of the
          images, (height, width).
        - Output: :math:`(K, C, \text{output\_size})`, for all boxes in their order.

    Raises ValueError where there are no images, or none of the maps.

    Source: Lin and others, Feature Pyramid Networks for Object Detection, 2016.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> pool = ops.MultiScaleRoIAlign(["fine", "coarse"], 3, 2)
        >>> levels = {"fine": torch.rand(1, 5, 64, 64), "coarse": torch.rand(1, 5, 16, 16)}
        >>> boxes = torch.tensor([[10.0, 20.0, 40.0, 60.0], [0.0, 0.0, 500.0, 400.0]])
        >>> pool(levels, [boxes], [(512, 512)]).shape
        torch.Size([2, 5, 3, 3])
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: Size,
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = pair(output_size)
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: Sequence[tuple[int, int]]) -> Tensor:
        maps = [value for name, value in x.items() if name in self.featmap_names]
        if not maps:
            raise ValueError(f"none of the maps {self.featmap_names} is among those of the input, {list(x)}")
        if not image_shapes:
            raise ValueError("images list should not be empty")
        height = max(shape[0] for shape in image_shapes)
        scales = [2.0 ** round(math.log2(one.shape[-2] / height)) for one in maps]
        regions = regions_of(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], regions, self.output_size, scales[0], self.sampling_ratio)
        levels = self._levels(regions, -math.log2(scales[0]), -math.log2(scales[-1]))
        made = maps[0].new_zeros((len(regions), maps[0].shape[1], *self.output_size))
        for level, (one, scale) in enumerate(zip(maps, scales)):
            (index,) = ops.where(levels == level)
            found = roi_align(one, regions[index], self.output_size, scale, self.sampling_ratio)
            made = made.index_copy(0, index, found.to(made.dtype))
        return made

    def _levels(self, regions: Tensor, finest: float, coarsest: float) -> Tensor:
        """The number of the map for each region."""
        sides = box_area(regions[:, 1:]).sqrt()
        # The little that is added has a box of just the canonical scale be of its level.
        found = (self.canonical_level + ops.log2(sides / self.canonical_scale) + 1e-6).floor()
        made: Tensor = found.clamp(finest, coarsest).to(int64) - int(finest)
        return made

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )


__all__ = ["MultiScaleRoIAlign"]
