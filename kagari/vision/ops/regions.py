"""What a map of features says about regions: their features, resampled to one size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base.dtypes import int64
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module

Boxes = Tensor | Sequence[Tensor]
Size = int | Sequence[int]


def regions_of(boxes: Boxes) -> Tensor:
    """Boxes as a matrix [K, 5]: the index of the image, and the edges. Raises AssertionError for other shapes."""
    if isinstance(boxes, list | tuple):
        if any(one.shape[1] != 4 for one in boxes):
            raise AssertionError("The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]")
        parts = [ops.cat([one.new_full((len(one), 1), k), one], 1) for k, one in enumerate(boxes)]
        made: Tensor = ops.cat(parts)
        return made
    if not isinstance(boxes, Tensor):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    if boxes.shape[1] != 5:
        raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5]")
    return boxes


def pair(size: Size) -> tuple[int, int]:
    """A size along y and x."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _taps(start: Tensor, length: Tensor, bins: int, samples: int, size: int) -> list[tuple[Tensor, Tensor]]:
    """Along one dimension, [K, bins * samples] places and their weights: the two pixels that each sample lies between.

    With `samples` below 1 there are as many in a bin as it has pixels, which differs from region to region.
    """
    each = length / bins
    counts = each.ceil() if samples <= 0 else ops.full_like(each, samples)
    most = int(counts.max().clamp(min=1)) if len(counts) else 1
    k = ops.arange(most, dtype=start.dtype)
    within = (k + 0.5) / counts.unsqueeze(1)
    steps = ops.arange(bins, dtype=start.dtype).view(1, bins, 1) + within.unsqueeze(1)
    at = start.view(-1, 1, 1) + steps * each.view(-1, 1, 1)
    counted = (k.view(1, 1, most) < counts.view(-1, 1, 1)) & (at >= -1.0) & (at <= size)
    share = counted.to(start.dtype) / counts.clamp(min=1).view(-1, 1, 1)
    at = at.clamp(min=0)
    low = at.to(int64).clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    rest = ops.where(low == size - 1, 0.0, at - low)
    flat = (len(start), bins * most)
    return [(low.reshape(flat), (share * (1 - rest)).reshape(flat)), (high.reshape(flat), (share * rest).reshape(flat))]


def mean_of_samples(
    input: Tensor,
    regions: Tensor,
    bins: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    apart: bool = False,
) -> Tensor:
    """Features [K, C, *bins] of regions; see `roi_align`. Bins that are `apart` have channels of their own each."""
    height, width = input.shape[-2:]
    offset = 0.5 if aligned else 0.0
    left, top, right, bottom = (regions[:, k] * spatial_scale - offset for k in range(1, 5))
    lengths = (bottom - top, right - left)
    if not aligned:
        lengths = (lengths[0].clamp(min=1.0), lengths[1].clamp(min=1.0))
    rows = _taps(top, lengths[0], bins[0], sampling_ratio, height)
    columns = _taps(left, lengths[1], bins[1], sampling_ratio, width)
    samples = [taps[0][0].shape[1] // count for taps, count in zip((rows, columns), bins)]
    pixels = pixels_of(input, bins[0] * bins[1] if apart else 1)
    first = regions[:, :1].to(int64) * (height * width)
    total: Any = 0
    for y, down in rows:
        for x, across in columns:
            places = (first + y * width).unsqueeze(2) + x.unsqueeze(1)
            if apart:
                own = ops.arange(bins[0] * bins[1]).view(bins)
                own = own.repeat_interleave(samples[0], 0).repeat_interleave(samples[1], 1)
                places = places * (bins[0] * bins[1]) + own
            weights = down.unsqueeze(2) * across.unsqueeze(1)
            found = pixels.index_select(0, places.flatten()).reshape(*places.shape, pixels.shape[1])
            total = total + found * weights.unsqueeze(3)
    shape = (len(regions), bins[0], samples[0], bins[1], samples[1], pixels.shape[1])
    summed = total.reshape(shape).sum((2, 4))
    made: Tensor = summed.permute(0, 3, 1, 2)
    return made.contiguous()


def pixels_of(input: Tensor, parts: int) -> Tensor:
    """Features (N, C, H, W) as rows [N * H * W * parts, C // parts]; the parts are those of neighbouring channels."""
    n, channels, height, width = input.shape
    made: Tensor = input.reshape(n, channels // parts, parts, height, width).permute(0, 3, 4, 2, 1)
    return made.reshape(-1, channels // parts)


def roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: Size,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    r"""The features of regions, each region divided into bins, of whose features a mean of several samples is taken.

    Args:
        input (Tensor): the features.
        boxes (Tensor or list of Tensor): the regions, as edges: those of each image, or all with the index of the image
            before them.
        output_size (int or tuple of int): the bins, along y and x.
        spatial_scale (float): what coordinates of boxes are multiplied by. Default: 1
        sampling_ratio (int): how many samples are taken along each side of a bin; below 1 as many as it has pixels.
            Default: -1
        aligned (bool): whether the centre of a pixel lies at its coordinate and a half. Default: ``False``

    Shape:
        - Input: :math:`(N, C, H, W)`, and boxes :math:`(K, 5)` or lists of :math:`(L, 4)`.
        - Output: :math:`(K, C, \text{output\_size})`.

    Raises AssertionError for boxes of other shapes.

    Source: He and others, Mask R-CNN, 2017.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> features = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> ops.roi_align(features, [torch.tensor([[0.0, 0.0, 3.0, 3.0]])], 1, sampling_ratio=1)
        tensor([[[[7.5000]]]])
    """
    return mean_of_samples(input, regions_of(boxes), pair(output_size), spatial_scale, sampling_ratio, aligned)


class RoIAlign(Module):
    """See :func:`roi_align`."""

    def __init__(self, output_size: Size, spatial_scale: float, sampling_ratio: int, aligned: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )


def pixels_in_bins(
    regions: Tensor, bins: tuple[int, int], spatial_scale: float, size: tuple[int, int], closed: bool
) -> tuple[Tensor, Tensor]:
    """For each bin of regions its pixels [K, *bins, M], by their numbers among those of all images, and which of the M
    there are. `closed` regions have the last row and column that they reach; others lack those of the image, too.
    """
    height, width = size
    # As whole pixels, halves away from 0.
    left, top, right, bottom = (
        edge.sign() * (edge.abs() + 0.5).floor() for edge in (regions[:, 1:] * spatial_scale).unbind(1)
    )
    last = int(not closed)
    y, in_y = _bins(top, bottom - top + 1 - last, bins[0], height - last)
    x, in_x = _bins(left, right - left + 1 - last, bins[1], width - last)
    there = in_y[:, :, None, :, None] & in_x[:, None, :, None, :]
    first = (regions[:, 0].to(int64) * (height * width)).view(-1, 1, 1, 1, 1)
    places = first + y[:, :, None, :, None] * width + x[:, None, :, None, :]
    return places.flatten(3, 4), there.flatten(3, 4)


def _bins(first: Tensor, length: Tensor, bins: int, size: int) -> tuple[Tensor, Tensor]:
    """Along one dimension, the pixels [K, bins, M] of each bin, and which of the M there are."""
    each = length.clamp(min=1) / bins
    k = ops.arange(bins, dtype=first.dtype)
    begin = ((k * each.unsqueeze(1)).floor() + first.unsqueeze(1)).clamp(0, size)
    end = (((k + 1) * each.unsqueeze(1)).ceil() + first.unsqueeze(1)).clamp(0, size)
    most = int((end - begin).max().clamp(min=1)) if len(first) else 1
    at = begin.unsqueeze(2) + ops.arange(most, dtype=first.dtype)
    return at.clamp(max=size - 1).to(int64), at < end.unsqueeze(2)


def roi_pool(input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0) -> Tensor:
    r"""The features of regions, each region divided into bins of whole pixels, of which the maximum is taken.

    Args:
        input (Tensor): the features.
        boxes (Tensor or list of Tensor): the regions; see :func:`roi_align`.
        output_size (int or tuple of int): the bins, along y and x.
        spatial_scale (float): what coordinates of boxes are multiplied by. Default: 1

    Shape:
        - Input: :math:`(N, C, H, W)`, and boxes :math:`(K, 5)` or lists of :math:`(L, 4)`.
        - Output: :math:`(K, C, \text{output\_size})`; a bin without pixels is 0.

    Raises AssertionError for boxes of other shapes.

    Source: Girshick, Fast R-CNN, 2015.
    """
    size = (input.shape[2], input.shape[3])
    places, there = pixels_in_bins(regions_of(boxes), pair(output_size), spatial_scale, size, closed=True)
    found = pixels_of(input, 1).index_select(0, places.flatten()).reshape(*places.shape, input.shape[1])
    found = ops.where(there.unsqueeze(4), found, float("-inf")).amax(3)
    made = ops.where(there.any(3).unsqueeze(3), found, 0.0)
    return made.permute(0, 3, 1, 2).contiguous()


class BinPool(Module):
    """The bins and the scale of a module that pools whole pixels."""

    def __init__(self, output_size: Size, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


class RoIPool(BinPool):
    """See :func:`roi_pool`."""

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)


__all__ = [
    "BinPool", "Boxes", "RoIAlign", "RoIPool", "Size", "mean_of_samples", "pair", "pixels_in_bins", "pixels_of",
    "regions_of", "roi_align", "roi_pool",
]  # fmt: skip
