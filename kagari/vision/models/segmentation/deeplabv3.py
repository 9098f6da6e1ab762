"""DeepLab, third version: convolutions whose taps lie apart, at several distances.

Source: Chen and others, *Rethinking Atrous Convolution for Semantic Image Segmentation* (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from .._utils import IntermediateLayerGetter
from ..coco import coco_as_voc
from ..detection.backbone_utils import mobilenet_stages
from ..detection.faster_rcnn import MOBILENET
from ..mobilenetv3 import mobilenet_v3_large
from ..resnet import resnet50, resnet101
from ..weights import Start, WeightsEnum, builder
from ._utils import _SimpleSegmentationModel
from .fcn import RESNET50, RESNET101, FCNHead, of_resnet, with_auxiliary


class DeepLabV3(_SimpleSegmentationModel):
    r"""DeepLab on any backbone.

    Args:
        backbone (Module): makes maps ``out`` and, for the auxiliary classifier, ``aux``.
        classifier (Module): makes a map of classes.
        aux_classifier (Module, optional): makes another one of ``aux``.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: a dictionary of ``out`` and, with an auxiliary classifier, ``aux``:
          :math:`(N, \text{classes}, H, W)`.
    """


def _normalized(before: int, after: int, kernel: int = 1, dilation: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size, its normalization and ReLU."""
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(before, after, kernel, padding=padding, dilation=dilation, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


class DeepLabHead(nn.Sequential):
    """`ASPP`, a convolution of 3x3, and one of 1x1 to the classes."""

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)) -> None:
        parts = [ASPP(in_channels, atrous_rates), *_normalized(256, 256, 3)]
        super().__init__(*parts, nn.Conv2d(256, num_classes, 1))


class ASPPConv(nn.Sequential):
    """A convolution of 3x3 whose taps lie apart, its normalization and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(*_normalized(in_channels, out_channels, 3, dilation))


class ASPPPooling(nn.Sequential):
    """The mean of the whole image, in other channels, at each place."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *_normalized(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        size = (x.shape[-2], x.shape[-1])
        return F.interpolate(super().forward(x), size=size, mode="bilinear", align_corners=False)


class ASPP(nn.Module):
    """Looks at each place from several distances at once: a pyramid of convolutions.

    Args:
        in_channels (int): of the input.
        atrous_rates (list of int): how far the taps of each convolution lie apart.
        out_channels (int): of the result. Default: 256
    """

    def __init__(self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256) -> None:
        super().__init__()
        near = nn.Sequential(*_normalized(in_channels, out_channels))
        far = [ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates]
        self.convs = nn.ModuleList([near, *far, ASPPPooling(in_channels, out_channels)])
        self.project = nn.Sequential(*_normalized(len(self.convs) * out_channels, out_channels), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.project(ops.cat([part(x) for part in self.convs], 1))
        return made


class DeepLabV3_ResNet50_Weights(WeightsEnum):
    """Weights of :func:`deeplabv3_resnet50`."""

    COCO_WITH_VOC_LABELS_V1 = coco_as_voc("deeplabv3_resnet50_coco-cd0a2569.pth", 42_004_074, 66.4, 92.4)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet101_Weights(WeightsEnum):
    """Weights of :func:`deeplabv3_resnet101`."""

    COCO_WITH_VOC_LABELS_V1 = coco_as_voc("deeplabv3_resnet101_coco-586e9e4e.pth", 60_996_202, 67.4, 92.4)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of :func:`deeplabv3_mobilenet_v3_large`."""

    COCO_WITH_VOC_LABELS_V1 = coco_as_voc("deeplabv3_mobilenet_v3_large-fc3c493d.pth", 11_029_328, 60.3, 91.2)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


@builder(DeepLabV3_ResNet50_Weights, given=with_auxiliary, backbone=RESNET50)
def deeplabv3_resnet50(
    *, start: Start, num_classes: int | None = None, aux_loss: bool | None = None, **kwargs: Any
) -> DeepLabV3:
    """DeepLab on ResNet-50; see :func:`fcn_resnet50`."""
    return of_resnet(DeepLabV3, DeepLabHead, resnet50, start, num_classes, aux_loss, **kwargs)


@builder(DeepLabV3_ResNet101_Weights, given=with_auxiliary, backbone=RESNET101)
def deeplabv3_resnet101(
    *, start: Start, num_classes: int | None = None, aux_loss: bool | None = None, **kwargs: Any
) -> DeepLabV3:
    """DeepLab on ResNet-101; see :func:`fcn_resnet50`."""
    return of_resnet(DeepLabV3, DeepLabHead, resnet101, start, num_classes, aux_loss, **kwargs)


@builder(DeepLabV3_MobileNet_V3_Large_Weights, given=with_auxiliary, backbone=MOBILENET)
def deeplabv3_mobilenet_v3_large(
    *, start: Start, num_classes: int | None = None, aux_loss: bool | None = None, **kwargs: Any
) -> DeepLabV3:
    """DeepLab on MobileNet; see :func:`fcn_resnet50`."""
    body: Any = mobilenet_v3_large(weights=start.weights, progress=start.progress, dilated=True, **kwargs)
    features, stages = body.features, mobilenet_stages(body.features)
    last, below = stages[-1], stages[-4]
    backbone = IntermediateLayerGetter(features, {str(last): "out", **({str(below): "aux"} if aux_loss else {})})
    classes = num_classes or 21
    auxiliary = FCNHead(features[below].out_channels, classes) if aux_loss else None
    return DeepLabV3(backbone, DeepLabHead(features[last].out_channels, classes), auxiliary)


BUILDERS = (deeplabv3_resnet50, deeplabv3_resnet101, deeplabv3_mobilenet_v3_large)

__all__ = [
    "ASPP", "ASPPConv", "ASPPPooling", "DeepLabHead", "DeepLabV3", "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet101_Weights", "DeepLabV3_ResNet50_Weights", "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet101",
    "deeplabv3_resnet50",
]  # fmt: skip
