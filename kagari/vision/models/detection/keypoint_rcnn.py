"""Keypoint R-CNN: boxes and key points of persons. Source: He and others, *Mask R-CNN* (2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....eager import Tensor
from ....nn import functional as F
from ...ops import MultiScaleRoIAlign
from ..blocks import initialize, zero_bias
from ..coco import PERSON, coco
from ..resnet import ResNet50_Weights
from ..weights import Start, WeightsEnum, builder
from .backbone_utils import _resnet_fpn_extractor
from .faster_rcnn import FasterRCNN, require_channels, require_type, resnet50_body, without_eps


class KeypointRCNN(FasterRCNN):
    """A :class:`FasterRCNN` that also says key points: ``keypoints`` [N, K, 3] (x, y, 1) and ``keypoints_scores``.

    Targets have ``keypoints`` [N, K, 3], too: x, y, and 0 for those that are not visible.

    Args:
        backbone, num_classes, max_size: see `FasterRCNN`.
        min_size (int or list of int, optional): see `FasterRCNN`. Default: 640, 672 ... 800
        num_keypoints (int, optional): of an object; None where ``keypoint_predictor`` is given. Default: 17
        keypoint_roi_pool, keypoint_head, keypoint_predictor (Module, optional): take the features of boxes, of which
            the places of key points are made.
        kwargs: further arguments of `FasterRCNN`.

    Raises ValueError for key points beside a ``keypoint_predictor``, TypeError for a ``keypoint_roi_pool`` of another
    type, and what `FasterRCNN` raises.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] | None = None,
        max_size: int = 1333,
        *args: Any,
        keypoint_roi_pool: MultiScaleRoIAlign | None = None,
        keypoint_head: nn.Module | None = None,
        keypoint_predictor: nn.Module | None = None,
        num_keypoints: int | None = None,
        **kwargs: Any,
    ) -> None:
        require_type("keypoint_roi_pool", keypoint_roi_pool, MultiScaleRoIAlign)
        if num_keypoints is not None and keypoint_predictor is not None:
            raise ValueError(f"num_keypoints should be None when keypoint_predictor is specified, got {num_keypoints}")
        channels = require_channels(backbone)
        pool = keypoint_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2)
        head = keypoint_head or KeypointRCNNHeads(channels, (512,) * 8)
        predictor = keypoint_predictor or KeypointRCNNPredictor(512, num_keypoints or 17)
        super().__init__(backbone, num_classes, min_size or (640, 672, 704, 736, 768, 800), max_size, *args, **kwargs)
        heads: Any = self.roi_heads
        heads.keypoint_roi_pool, heads.keypoint_head, heads.keypoint_predictor = pool, head, predictor


class KeypointRCNNHeads(nn.Sequential):
    """Convolutions of 3x3, of so many channels, with a ReLU behind each."""

    def __init__(self, in_channels: int, layers: Sequence[int]) -> None:
        blocks: list[nn.Module] = []
        for channels in layers:
            blocks += [nn.Conv2d(in_channels, channels, 3, padding=1), nn.ReLU(inplace=True)]
            in_channels = channels
        super().__init__(*blocks)
        initialize(self)


class KeypointRCNNPredictor(nn.Module):
    """Makes of features a map for each key point, at four times their size."""

    def __init__(self, in_channels: int, num_keypoints: int) -> None:
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        zero_bias(self.kps_score_lowres)
        self.up_scale = 2
        self.out_channels = num_keypoints

    def forward(self, x: Tensor) -> Tensor:
        x = self.kps_score_lowres(x)
        return F.interpolate(x, scale_factor=float(self.up_scale), mode="bilinear", align_corners=False)


class KeypointRCNN_ResNet50_FPN_Weights(WeightsEnum):
    """Weights of :func:`keypointrcnn_resnet50_fpn`."""

    COCO_LEGACY = coco("keypointrcnn_resnet50_fpn_coco-9f466800.pth", 59_137_258, PERSON, box_map=50.6, kp_map=61.1)
    COCO_V1 = coco("keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 59_137_258, PERSON, box_map=54.6, kp_map=65.0)
    DEFAULT = COCO_V1


def _keypoints(weights: WeightsEnum) -> dict[str, Any]:
    return {"num_keypoints": len(weights.meta["keypoint_names"])}


@builder(
    KeypointRCNN_ResNet50_FPN_Weights,
    given=_keypoints,
    adapt=without_eps,
    backbone=(ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1),
)
def keypointrcnn_resnet50_fpn(
    *,
    start: Start,
    num_classes: int | None = None,
    num_keypoints: int | None = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> KeypointRCNN:
    """Keypoint R-CNN with a pyramid of ResNet-50.

    Args:
        num_classes (int, optional): classes with that of no object. Default: 2
        num_keypoints (int, optional): key points of an object. Default: 17
        trainable_backbone_layers (int, optional): how many of the backbone's five parts are trained, from the last one
            on. Default: 3 where it has weights, else all
        kwargs: further arguments of `KeypointRCNN`.
    """
    backbone = _resnet_fpn_extractor(*resnet50_body(start, trainable_backbone_layers))
    return KeypointRCNN(backbone, num_classes or 2, num_keypoints=num_keypoints or 17, **kwargs)


BUILDERS = (keypointrcnn_resnet50_fpn,)

__all__ = [
    "KeypointRCNN", "KeypointRCNNHeads", "KeypointRCNNPredictor", "KeypointRCNN_ResNet50_FPN_Weights",
    "keypointrcnn_resnet50_fpn",
]  # fmt: skip
