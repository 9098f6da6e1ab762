"""Lite R-ASPP: classes of pixels by few operations. Source: Howard and others, *Searching for MobileNetV3* (2019)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import nn
from ....eager import Tensor
from ....nn import functional as F
from .._utils import IntermediateLayerGetter
from ..coco import coco_as_voc
from ..detection.backbone_utils import mobilenet_stages
from ..detection.faster_rcnn import MOBILENET
from ..mobilenetv3 import mobilenet_v3_large
from ..weights import Start, WeightsEnum, builder


class LRASPP(nn.Module):
    r"""Lite R-ASPP on any backbone.

    Args:
        backbone (Module): makes maps ``low`` and, coarser, ``high``.
        low_channels, high_channels (int): their channels.
        num_classes (int): classes with that of no object.
        inter_channels (int): channels in between. Default: 128

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: a dictionary of ``out``, :math:`(N, \text{num\_classes}, H, W)`.
    """

    def __init__(
        self, backbone: nn.Module, low_channels: int, high_channels: int, num_classes: int, inter_channels: int = 128
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> OrderedDict[str, Tensor]:
        classes = self.classifier(self.backbone(input))
        size = (input.shape[-2], input.shape[-1])
        return OrderedDict(out=F.interpolate(classes, size=size, mode="bilinear", align_corners=False))


class LRASPPHead(nn.Module):
    """Classes of both maps, those of the coarser one weighted by what the whole image says; see `LRASPP`."""

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.BatchNorm2d(inter_channels), nn.ReLU(True)
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: dict[str, Tensor]) -> Tensor:
        low, high = input["low"], input["high"]
        weighted = self.cbr(high) * self.scale(high)
        size = (low.shape[-2], low.shape[-1])
        finer = F.interpolate(weighted, size=size, mode="bilinear", align_corners=False)
        made: Tensor = self.low_classifier(low) + self.high_classifier(finer)
        return made


class LRASPP_MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of :func:`lraspp_mobilenet_v3_large`."""

    COCO_WITH_VOC_LABELS_V1 = coco_as_voc("lraspp_mobilenet_v3_large-d234d4ea.pth", 3_221_538, 57.9, 91.2)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


@builder(LRASPP_MobileNet_V3_Large_Weights, backbone=MOBILENET)
def lraspp_mobilenet_v3_large(*, start: Start, num_classes: int | None = None, **kwargs: Any) -> LRASPP:
    """Lite R-ASPP on MobileNet.

    Args:
        num_classes (int, optional): classes with that of no object. Default: 21
        kwargs: arguments of the backbone.

    Raises NotImplementedError for an auxiliary loss, which the model does not have.
    """
    if kwargs.pop("aux_loss", False):
        raise NotImplementedError("lraspp_mobilenet_v3_large does not use auxiliary loss, got aux_loss=True")
    body: Any = mobilenet_v3_large(weights=start.weights, progress=start.progress, dilated=True, **kwargs)
    features, stages = body.features, mobilenet_stages(body.features)
    low, high = stages[-4], stages[-1]
    backbone = IntermediateLayerGetter(features, {str(low): "low", str(high): "high"})
    return LRASPP(backbone, features[low].out_channels, features[high].out_channels, num_classes or 21)


BUILDERS = (lraspp_mobilenet_v3_large,)

__all__ = ["LRASPP", "LRASPPHead", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]
