"""SSDlite: SSD of few operations. Sources: Howard and others, *Searching for MobileNetV3* (2019); Sandler and others,
*MobileNetV2: Inverted Residuals and Linear Bottlenecks* (2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .... import nn
from ....eager import Tensor
from ...ops import Conv2dNormActivation
from ..coco import coco
from ..mobilenetv3 import MobileNetV3, mobilenet_v3_large
from ..weights import Start, WeightsEnum, builder
from . import _utils as det_utils
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import _validate_trainable_layers, freeze_before, mobilenet_stages
from .faster_rcnn import MOBILENET
from .ssd import SSD, SSDScoringHead

Layer = Callable[..., nn.Module]


def _prediction(in_channels: int, out_channels: int, norm: Layer) -> nn.Sequential:
    """A convolution of 3x3 within each channel, and one of 1x1."""
    like: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.ReLU6}
    within = Conv2dNormActivation(in_channels, in_channels, 3, groups=in_channels, **like)
    return nn.Sequential(within, nn.Conv2d(in_channels, out_channels, 1))


def _extra(in_channels: int, out_channels: int, norm: Layer) -> nn.Sequential:
    """A convolution of 3x3 within each channel, to half the size, between two of 1x1."""
    like: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.ReLU6}
    between = out_channels // 2
    return nn.Sequential(
        Conv2dNormActivation(in_channels, between, 1, **like),
        Conv2dNormActivation(between, between, 3, 2, groups=between, **like),
        Conv2dNormActivation(between, out_channels, 1, **like),
    )


class SSDLiteHead(nn.Module):
    """Says class and box of each anchor.

    Args:
        in_channels (list of int): channels of each map.
        num_anchors (list of int): anchors at a place of each map.
        num_classes (int): classes with that of no object.
        norm_layer (callable): the convolutions' normalization.
    """

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int, norm_layer: Layer) -> None:
        super().__init__()
        self.classification_head = SSDLiteClassificationHead(in_channels, num_anchors, num_classes, norm_layer)
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


def _predictions(in_channels: list[int], num_anchors: list[int], columns: int, norm: Layer) -> nn.ModuleList:
    made = nn.ModuleList([_prediction(c, columns * anchors, norm) for c, anchors in zip(in_channels, num_anchors)])
    det_utils.draw_normal(made, 0.03)
    return made


class SSDLiteClassificationHead(SSDScoringHead):
    """Says the class of each anchor; see `SSDLiteHead`."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int, norm_layer: Layer) -> None:
        super().__init__(_predictions(in_channels, num_anchors, num_classes, norm_layer), num_classes)


class SSDLiteRegressionHead(SSDScoringHead):
    """Says the box of each anchor; see `SSDLiteHead`."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], norm_layer: Layer) -> None:
        super().__init__(_predictions(in_channels, num_anchors, 4, norm_layer), 4)


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """The maps of SSDlite: of MobileNet, and of further convolutions behind it.

    Args:
        backbone (Module): MobileNet's features.
        c4_pos (int): the block of stride 2 inside of which the first map is taken.
        norm_layer (callable): the further convolutions' normalization.
        width_mult (float): a factor on their channels. Default: 1.0
        min_depth (int): the fewest channels. Default: 16

    Raises ValueError for a block that is added to its input.
    """

    def __init__(
        self, backbone: nn.Sequential, c4_pos: int, norm_layer: Layer, width_mult: float = 1.0, min_depth: int = 16
    ) -> None:
        super().__init__()
        layers: list[Any] = list(backbone)
        if layers[c4_pos].use_res_connect:
            raise ValueError(f"backbone[{c4_pos}].use_res_connect should be False, as the block is divided")
        block = layers[c4_pos].block
        self.features = nn.Sequential(
            nn.Sequential(*layers[:c4_pos], block[0]), nn.Sequential(block[1:], *layers[c4_pos + 1 :])
        )
        depths = [max(min_depth, int(depth * width_mult)) for depth in (512, 256, 256, 128)]
        channels = [layers[-1].out_channels, *depths]
        extra = [_extra(before, after, norm_layer) for before, after in zip(channels, depths)]
        self.extra = nn.ModuleList(extra)
        det_utils.draw_normal(self.extra, 0.03)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        levels = []
        for block in (*self.features, *self.extra):
            x = block(x)
            levels.append(x)
        return {str(k): level for k, level in enumerate(levels)}


def _mobilenet_extractor(
    backbone: MobileNetV3, trainable_layers: int, norm_layer: Layer
) -> SSDLiteFeatureExtractorMobileNet:
    features: Any = backbone.features
    stages = mobilenet_stages(features)
    end = stages[len(stages) - trainable_layers] if trainable_layers else len(features)
    freeze_before(list(features), end)
    return SSDLiteFeatureExtractorMobileNet(features, stages[-2], norm_layer)


class SSDLite320_MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of :func:`ssdlite320_mobilenet_v3_large`."""

    COCO_V1 = coco("ssdlite320_mobilenet_v3_large_coco-a79551df.pth", 3_440_060, box_map=21.3)
    DEFAULT = COCO_V1


@builder(SSDLite320_MobileNet_V3_Large_Weights, backbone=MOBILENET)
def ssdlite320_mobilenet_v3_large(
    *,
    start: Start,
    num_classes: int | None = None,
    trainable_backbone_layers: int | None = None,
    norm_layer: Layer | None = None,
    **kwargs: Any,
) -> SSD:
    """SSDlite of MobileNet on images of 320x320.

    Args:
        num_classes (int, optional): classes with that of no object. Default: 91
        trainable_backbone_layers (int, optional): how many of the backbone's six parts are trained, from the last one
            on. Default: all
        norm_layer (callable, optional): the normalization. Default: BatchNorm2d of ``eps=0.001, momentum=0.03``
        kwargs: further arguments of `SSD`.
    """
    trainable = _validate_trainable_layers(start.is_trained, trainable_backbone_layers, 6, 6)
    norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    alone = start.weights is None
    like: dict[str, Any] = {"norm_layer": norm, "reduced_tail": alone}
    body: Any = mobilenet_v3_large(weights=start.weights, progress=start.progress, **like)
    if alone:
        det_utils.draw_normal(body, 0.03)
    backbone = _mobilenet_extractor(body, trainable, norm)
    size, classes = (320, 320), num_classes or 91
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    channels = det_utils.retrieve_out_channels(backbone, size)
    head = SSDLiteHead(channels, anchors.num_anchors_per_location(), classes, norm)
    usual: dict[str, Any] = {
        "score_thresh": 0.001, "nms_thresh": 0.55, "detections_per_img": 300, "topk_candidates": 300,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    }  # fmt: skip
    return SSD(backbone, anchors, size, classes, head=head, **{**usual, **kwargs})


BUILDERS = (ssdlite320_mobilenet_v3_large,)

__all__ = [
    "SSDLite320_MobileNet_V3_Large_Weights", "SSDLiteClassificationHead", "SSDLiteFeatureExtractorMobileNet",
    "SSDLiteHead", "SSDLiteRegressionHead", "ssdlite320_mobilenet_v3_large",
]  # fmt: skip
