"""What a map of features says about regions where each bin of a region has channels of its own."""

from __future__ import annotations

from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module
from .regions import BinPool, Boxes, Size, mean_of_samples, pair, pixels_in_bins, pixels_of, regions_of


def _bins_of_channels(input: Tensor, output_size: Size, name: str) -> tuple[int, int]:
    """The bins, along y and x. Raises RuntimeError where the channels can't be divided among them."""
    bins = pair(output_size)
    if input.shape[1] % (bins[0] * bins[1]):
        raise RuntimeError(
            f"{name}: input channels must be a multiple of pooling height * pooling width, got an input of shape "
            f"{tuple(input.shape)} and output_size {bins}"
        )
    return bins


def ps_roi_align(
    input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0, sampling_ratio: int = -1
) -> Tensor:
    r"""The features of regions as :func:`roi_align` takes them, each bin from channels of its own.

    Bin :math:`(i, j)` of channel c of the output has channel :math:`(c \, h + i) \, w + j` of the input, with h times
    w bins. The centre of a pixel lies at its coordinate and a half.

    Args:
        input (Tensor): the features.
        boxes (Tensor or list of Tensor): the regions; see :func:`roi_align`.
        output_size (int or tuple of int): the bins, along y and x.
        spatial_scale (float): what coordinates of boxes are multiplied by. Default: 1
        sampling_ratio (int): how many samples are taken along each side of a bin; below 1 as many as it has pixels.
            Default: -1

    Shape:
        - Input: :math:`(N, C \, h \, w, H, W)`, and boxes :math:`(K, 5)` or lists of :math:`(L, 4)`.
        - Output: :math:`(K, C, h, w)`.

    Raises RuntimeError for channels that can't be divided among the bins, AssertionError for boxes of other shapes.

    Source: Li and others, Light-Head R-CNN, 2017.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> features = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 3, 3)
        >>> ops.ps_roi_align(features, [torch.tensor([[0.0, 0.0, 3.0, 3.0]])], 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    bins = _bins_of_channels(input, output_size, "ps_roi_align")
    return mean_of_samples(input, regions_of(boxes), bins, spatial_scale, sampling_ratio, True, apart=True)


class PSRoIAlign(Module):
    """See :func:`ps_roi_align`."""

    def __init__(self, output_size: int, spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio})"
        )


def ps_roi_pool(input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0) -> Tensor:
    r"""The features of regions, each region divided into bins of whole pixels, of which the mean is taken.

    Bin :math:`(i, j)` of channel c of the output has channel :math:`(c \, h + i) \, w + j` of the input, with h times
    w bins. The last row and column of the input belong to no bin, as in torchvision.

    Args:
        input (Tensor): the features.
        boxes (Tensor or list of Tensor): the regions; see :func:`roi_align`.
        output_size (int or tuple of int): the bins, along y and x.
        spatial_scale (float): what coordinates of boxes are multiplied by. Default: 1

    Shape:
        - Input: :math:`(N, C \, h \, w, H, W)`, and boxes :math:`(K, 5)` or lists of :math:`(L, 4)`.
        - Output: :math:`(K, C, h, w)`; a bin without pixels is 0.

    Raises RuntimeError for channels that can't be divided among the bins, AssertionError for boxes of other shapes.

    Source: Dai and others, R-FCN: Object Detection via Region-based Fully Convolutional Networks, 2016.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> features = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 3, 3)
        >>> ops.ps_roi_pool(features, [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    bins = _bins_of_channels(input, output_size, "ps_roi_pool")
    size = (input.shape[2], input.shape[3])
    places, there = pixels_in_bins(regions_of(boxes), bins, spatial_scale, size, closed=False)
    parts = bins[0] * bins[1]
    places = places * parts + ops.arange(parts).view(*bins, 1)
    pixels = pixels_of(input, parts)
    found = pixels.index_select(0, places.flatten()).reshape(*places.shape, pixels.shape[1])
    share = there.to(input.dtype) / there.sum(3, keepdim=True).clamp(min=1)
    made: Tensor = (found * share.unsqueeze(4)).sum(3).permute(0, 3, 1, 2)
    return made.contiguous()


class PSRoIPool(BinPool):
    """See :func:`ps_roi_pool`."""

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)


__all__ = ["PSRoIAlign", "PSRoIPool", "ps_roi_align", "ps_roi_pool"]
