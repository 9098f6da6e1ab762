"""Mask R-CNN: boxes, classes and masks of objects. Source: He and others, *Mask R-CNN* (2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ...ops import Conv2dNormActivation, MultiScaleRoIAlign
from ..blocks import initialize
from ..coco import coco
from ..resnet import ResNet50_Weights
from ..weights import Start, WeightsEnum, builder
from ._utils import rename
from .backbone_utils import _resnet_fpn_extractor
from .faster_rcnn import (
    FasterRCNN,
    heads_v2,
    require_channels,
    require_type,
    resnet50_body,
    resnet50_body_v2,
    without_eps,
)


class MaskRCNN(FasterRCNN):
    """A :class:`FasterRCNN` that also says masks: [N, 1, H, W], the probabilities of each object's pixels.

    Targets have ``masks`` [N, H, W], of 0 and 1, too.

    Args:
        backbone, num_classes, min_size, max_size: see `FasterRCNN`.
        mask_roi_pool, mask_head, mask_predictor (Module, optional): take the features of boxes, of which the masks of
            all classes are made.
        kwargs: further arguments of `FasterRCNN`.

    Raises ValueError for classes beside a ``mask_predictor``, TypeError for a ``mask_roi_pool`` of another type, and
    what `FasterRCNN` raises.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        *args: Any,
        mask_roi_pool: MultiScaleRoIAlign | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        require_type("mask_roi_pool", mask_roi_pool, MultiScaleRoIAlign)
        if num_classes is not None and mask_predictor is not None:
            raise ValueError(f"num_classes should be None when mask_predictor is specified, got {num_classes}")
        channels = require_channels(backbone)
        pool = mask_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2)
        head = mask_head or MaskRCNNHeads(channels, (256,) * 4, 1)
        predictor = mask_predictor or MaskRCNNPredictor(256, 256, num_classes or 0)
        super().__init__(backbone, num_classes, min_size, max_size, *args, **kwargs)
        heads: Any = self.roi_heads
        heads.mask_roi_pool, heads.mask_head, heads.mask_predictor = pool, head, predictor


class MaskRCNNHeads(nn.Sequential):
    """Convolutions of 3x3 with a ReLU behind each.

    Args:
        in_channels (int): of the input.
        layers (list of int): channels of each.
        dilation (int): of all.
        norm_layer (callable, optional): the normalization. Default: none
    """

    _version = 2

    def __init__(
        self,
        in_channels: int,
        layers: Sequence[int],
        dilation: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        blocks = []
        for channels in layers:
            like: dict[str, Any] = {"padding": dilation, "dilation": dilation, "norm_layer": norm_layer}
            blocks.append(Conv2dNormActivation(in_channels, channels, 3, **like))
            in_channels = channels
        super().__init__(*blocks)
        initialize(self)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *others: Any) -> None:
        if (local_metadata.get("version") or 1) < 2:
            rename(state_dict, {f"{prefix}mask_fcn{k + 1}.": f"{prefix}{k}.0." for k in range(len(self))})
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


class MaskRCNNPredictor(nn.Sequential):
    """Makes the masks of all classes of features, at twice their size.

    Args:
        in_channels (int): of the features.
        dim_reduced (int): between the two layers.
        num_classes (int): classes with that of no object.
    """

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int) -> None:
        super().__init__()
        self.conv5_mask = nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0)
        self.relu = nn.ReLU(inplace=True)
        self.mask_fcn_logits = nn.Conv2d(dim_reduced, num_classes, 1, 1, 0)
        for name, parameter in self.named_parameters():
            if "weight" in name:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNN_ResNet50_FPN_Weights(WeightsEnum):
    """Weights of :func:`maskrcnn_resnet50_fpn`."""

    COCO_V1 = coco("maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 44_401_393, box_map=37.9, mask_map=34.6)
    DEFAULT = COCO_V1


class MaskRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    """Weights of :func:`maskrcnn_resnet50_fpn_v2`."""

    COCO_V1 = coco("maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 46_359_409, box_map=47.4, mask_map=41.8)
    DEFAULT = COCO_V1


@builder(MaskRCNN_ResNet50_FPN_Weights, adapt=without_eps, backbone=(ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1))
def maskrcnn_resnet50_fpn(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> MaskRCNN:
    """Mask R-CNN with a pyramid of ResNet-50; see :func:`fasterrcnn_resnet50_fpn`."""
    backbone = _resnet_fpn_extractor(*resnet50_body(start, trainable_backbone_layers))
    return MaskRCNN(backbone, num_classes or 91, **kwargs)


@builder(MaskRCNN_ResNet50_FPN_V2_Weights, backbone=(ResNet50_Weights, None))
def maskrcnn_resnet50_fpn_v2(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> MaskRCNN:
    """Mask R-CNN with a pyramid of ResNet-50, second version; see :func:`fasterrcnn_resnet50_fpn`."""
    backbone = _resnet_fpn_extractor(*resnet50_body_v2(start, trainable_backbone_layers), norm_layer=nn.BatchNorm2d)
    heads = heads_v2(backbone)
    heads["mask_head"] = MaskRCNNHeads(backbone.out_channels, [256] * 4, 1, norm_layer=nn.BatchNorm2d)
    return MaskRCNN(backbone, num_classes or 91, **{**heads, **kwargs})


BUILDERS = (maskrcnn_resnet50_fpn, maskrcnn_resnet50_fpn_v2)

__all__ = [
    "MaskRCNN", "MaskRCNNHeads", "MaskRCNNPredictor", "MaskRCNN_ResNet50_FPN_V2_Weights",
    "MaskRCNN_ResNet50_FPN_Weights", "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2",
]  # fmt: skip
