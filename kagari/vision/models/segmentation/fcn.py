"""FCN: classes of pixels by convolutions alone.

Source: Long and others, *Fully Convolutional Networks for Semantic Segmentation* (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .... import nn
from .._utils import IntermediateLayerGetter
from ..coco import coco_as_voc
from ..resnet import ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ..weights import Start, WeightsEnum, builder
from ._utils import _SimpleSegmentationModel

M = TypeVar("M", bound=_SimpleSegmentationModel)


class FCN(_SimpleSegmentationModel):
    r"""FCN on any backbone.

    Args:
        backbone (Module): makes maps ``out`` and, for the auxiliary classifier, ``aux``.
        classifier (Module): makes a map of classes.
        aux_classifier (Module, optional): makes another one of ``aux``.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: a dictionary of ``out`` and, with an auxiliary classifier, ``aux``:
          :math:`(N, \text{classes}, H, W)`.
    """


class FCNHead(nn.Sequential):
    """A convolution of 3x3 to a quarter of the channels, normalized, and one of 1x1 to the classes."""

    def __init__(self, in_channels: int, channels: int) -> None:
        between = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, between, 3, padding=1, bias=False),
            nn.BatchNorm2d(between),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(between, channels, 1),
        )


def of_resnet(
    kind: type[M],
    head: Callable[[int, int], nn.Module],
    build: Callable[..., nn.Module],
    start: Start,
    num_classes: int | None,
    aux_loss: bool | None,
    **kwargs: Any,
) -> M:
    """A model on a residual network whose last two stages keep the size."""
    dilated = [False, True, True]
    body = build(weights=start.weights, progress=start.progress, replace_stride_with_dilation=dilated, **kwargs)
    names = {"layer4": "out", **({"layer3": "aux"} if aux_loss else {})}
    backbone = IntermediateLayerGetter(body, names)
    auxiliary = FCNHead(1024, num_classes or 21) if aux_loss else None
    return kind(backbone, head(2048, num_classes or 21), auxiliary)


def with_auxiliary(weights: WeightsEnum) -> dict[str, Any]:
    """What weights of all but one model of segmentation say besides the classes: there is an auxiliary classifier."""
    return {"aux_loss": True}


class FCN_ResNet50_Weights(WeightsEnum):
    """Weights of :func:`fcn_resnet50`."""

    COCO_WITH_VOC_LABELS_V1 = coco_as_voc("fcn_resnet50_coco-1167a1af.pth", 35_322_218, 60.5, 91.4)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class FCN_ResNet101_Weights(WeightsEnum):
    """Weights of :func:`fcn_resnet101`."""

    COCO_WITH_VOC_LABELS_V1 = coco_as_voc("fcn_resnet101_coco-7ecb50ca.pth", 54_314_346, 63.7, 91.9)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


RESNET50 = (ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1)
RESNET101 = (ResNet101_Weights, ResNet101_Weights.IMAGENET1K_V1)


@builder(FCN_ResNet50_Weights, given=with_auxiliary, backbone=RESNET50)
def fcn_resnet50(*, start: Start, num_classes: int | None = None, aux_loss: bool | None = None, **kwargs: Any) -> FCN:
    """FCN on ResNet-50.

    Args:
        num_classes (int, optional): classes with that of no object. Default: 21
        aux_loss (bool, optional): whether there is an auxiliary classifier. Default: only with weights
        kwargs: arguments of the backbone.
    """
    return of_resnet(FCN, FCNHead, resnet50, start, num_classes, aux_loss, **kwargs)


@builder(FCN_ResNet101_Weights, given=with_auxiliary, backbone=RESNET101)
def fcn_resnet101(*, start: Start, num_classes: int | None = None, aux_loss: bool | None = None, **kwargs: Any) -> FCN:
    """FCN on ResNet-101; see :func:`fcn_resnet50`."""
    return of_resnet(FCN, FCNHead, resnet101, start, num_classes, aux_loss, **kwargs)


BUILDERS = (fcn_resnet50, fcn_resnet101)

__all__ = ["FCN", "FCNHead", "FCN_ResNet101_Weights", "FCN_ResNet50_Weights", "fcn_resnet101", "fcn_resnet50"]
