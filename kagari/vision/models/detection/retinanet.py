"""RetinaNet: one stage, and a loss that counts clear background for little.

Source: Lin and others, *Focal Loss for Dense Object Detection* (2017); the second version: Zhang and others, *Bridging
the Gap Between Anchor-based and Anchor-free Detection* (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .... import nn
from ....eager import Tensor
from ....eager import operators as ops
from ... import ops as vision_ops
from ..coco import coco
from ..resnet import ResNet50_Weights
from ..weights import Start, WeightsEnum, builder
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator
from .backbone_utils import LastLevelP6P7, _resnet_fpn_extractor
from .faster_rcnn import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    require_channels,
    require_type,
    resnet50_body,
    resnet50_body_v2,
    without_eps,
)
from .one_stage import (
    Losses,
    OneStage,
    Targets,
    flattened,
    likeliest,
    nothing_fits,
)
from .transform import GeneralizedRCNNTransform

Layer = Callable[..., nn.Module]


def _anchors() -> AnchorGenerator:
    sizes = tuple((x, int(x * 2 ** (1.0 / 3)), int(x * 2 ** (2.0 / 3))) for x in (32, 64, 128, 256, 512))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class RetinaNetHead(nn.Module):
    """Says class and box of each anchor.

    Args:
        in_channels (int): of the maps.
        num_anchors (int): at a place.
        num_classes (int): classes with that of no object.
        norm_layer (callable, optional): the convolutions' normalization. Default: none
    """

    def __init__(self, in_channels: int, num_anchors: int, num_classes: int, norm_layer: Layer | None = None) -> None:
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, norm_layer=norm_layer)

    def compute_loss(
        self, targets: Targets, head_outputs: Losses, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> Losses:
        """The losses of classes and boxes."""
        return {
            "classification": self.classification_head.compute_loss(targets, head_outputs, matched_idxs),
            "bbox_regression": self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs),
        }

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}


class _Tower(nn.Module):
    """Four convolutions of 3x3."""

    _version = 2

    def __init__(self, in_channels: int, norm_layer: Layer | None) -> None:
        super().__init__()
        layers = [vision_ops.Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4)]
        self.conv = nn.Sequential(*layers)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *others: Any) -> None:
        if (local_metadata.get("version") or 1) < 2:
            names = {f"{prefix}conv.{2 * k}.": f"{prefix}conv.{k}.0." for k in range(4)}
            det_utils.rename(state_dict, names)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


class RetinaNetClassificationHead(_Tower):
    """Says the class of each anchor; see `RetinaNetHead`.

    Args:
        prior_probability (float): of an object, at first. Default: 0.01
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        prior_probability: float = 0.01,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__(in_channels, norm_layer)
        det_utils.draw_normal(self.conv)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, padding=1)
        det_utils.draw_normal(self.cls_logits)
        det_utils.expect(self.cls_logits, prior_probability)
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.BETWEEN_THRESHOLDS = det_utils.Matcher.BETWEEN_THRESHOLDS

    def compute_loss(self, targets: Targets, head_outputs: Losses, matched_idxs: list[Tensor]) -> Tensor:
        """The focal loss by the number of anchors with objects, the mean of all images."""
        losses = []
        for target, logits, index in zip(targets, head_outputs["cls_logits"], matched_idxs):
            (found,) = ops.where(index >= 0)
            wanted = ops.zeros_like(logits)
            wanted[found, target["labels"][index[found]]] = 1.0
            (clear,) = ops.where(index != self.BETWEEN_THRESHOLDS)
            loss = vision_ops.sigmoid_focal_loss(logits[clear], wanted[clear], reduction="sum")
            losses.append(loss / max(1, len(found)))
        made: Any = sum(losses) / len(targets)
        return made

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return ops.cat([flattened(self.cls_logits(self.conv(level)), self.num_classes) for level in x], 1)


class RetinaNetRegressionHead(_Tower):
    """Says the box of each anchor; see `RetinaNetHead`."""

    def __init__(self, in_channels: int, num_anchors: int, norm_layer: Layer | None = None) -> None:
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        det_utils.draw_normal(self.bbox_reg)
        det_utils.draw_normal(self.conv)
        self.box_coder = det_utils.BoxCoder((1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(
        self, targets: Targets, head_outputs: Losses, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> Tensor:
        """The loss of boxes by the number of anchors with objects, the mean of all images."""
        losses = []
        for target, codes, of_image, index in zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs):
            (found,) = ops.where(index >= 0)
            boxes = target["boxes"][index[found]]
            loss = det_utils.box_loss(self.box_coder, of_image[found], boxes, codes[found], self._loss_type)
            losses.append(loss / max(1, len(found)))
        made: Any = sum(losses) / max(1, len(targets))
        return made

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return ops.cat([flattened(self.bbox_reg(self.conv(level)), 4) for level in x], 1)


class RetinaNet(OneStage):
    """RetinaNet on any backbone. Calls take and return what `FasterRCNN`'s do.

    Args:
        backbone (Module): makes one map of features, or a dictionary of maps; ``out_channels`` says their channels.
        num_classes (int): classes with that of no object.
        min_size, max_size (int), image_mean, image_std (list of float): see `GeneralizedRCNNTransform`.
        anchor_generator (AnchorGenerator, optional): makes the anchors.
        head (Module, optional): says class and box of each.
        proposal_matcher (Matcher, optional): gives each anchor its object in training.
        score_thresh (float): which probability results must have. Default: 0.05
        nms_thresh (float): from which overlap on one of two results is dropped. Default: 0.5
        detections_per_img (int): how many results an image has at most. Default: 300
        fg_iou_thresh, bg_iou_thresh (float): from which overlap on an anchor has an object, and below which it has
            none. Default: 0.5, 0.4
        topk_candidates (int): how many results of a map are looked at. Default: 1000
        kwargs: further arguments of `GeneralizedRCNNTransform`.

    Raises ValueError where the backbone does not say its channels, TypeError for an ``anchor_generator`` of another
    type.
    """

    _outputs = ("bbox_regression", "cls_logits")

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: nn.Module | None = None,
        proposal_matcher: det_utils.Matcher | None = None,
        score_thresh: float = 0.05,
        nms_thresh: float = 0.5,
        detections_per_img: int = 300,
        fg_iou_thresh: float = 0.5,
        bg_iou_thresh: float = 0.4,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        channels = require_channels(backbone)
        require_type("anchor_generator", anchor_generator, AnchorGenerator)
        self.backbone = backbone
        self.anchor_generator = anchor_generator or _anchors()
        count = self.anchor_generator.num_anchors_per_location()[0]
        self.head = head or RetinaNetHead(channels, count, num_classes)
        self.proposal_matcher = proposal_matcher or det_utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = det_utils.BoxCoder((1.0, 1.0, 1.0, 1.0))
        mean, std = image_mean or IMAGENET_MEAN, image_std or IMAGENET_STD
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def compute_loss(self, targets: Targets, head_outputs: Losses, anchors: list[Tensor]) -> Losses:
        """The losses of what the head says."""
        matched = [
            self.proposal_matcher(vision_ops.box_iou(target["boxes"], of_image))
            if len(target["boxes"])
            else nothing_fits(of_image)
            for target, of_image in zip(targets, anchors)
        ]
        losses: Losses = self.head.compute_loss(targets, head_outputs, anchors, matched)
        return losses

    def loss_of(self, targets: Targets, outputs: Any, anchors: list[Tensor], counts: list[int]) -> Losses:
        return self.compute_loss(targets, outputs, anchors)

    def _of_map(self, codes: Tensor, logits: Tensor, anchors: Tensor, size: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The likeliest boxes of a map, their probabilities and classes."""
        classes = logits.shape[-1]
        scores, places = likeliest(logits.sigmoid().flatten(), self.score_thresh, self.topk_candidates)
        chosen = places // classes
        boxes = self.box_coder.decode_single(codes[chosen], anchors[chosen])
        return vision_ops.clip_boxes_to_image(boxes, size), scores, places % classes


class RetinaNet_ResNet50_FPN_Weights(WeightsEnum):
    """Weights of :func:`retinanet_resnet50_fpn`."""

    COCO_V1 = coco("retinanet_resnet50_fpn_coco-eeacb38b.pth", 34_014_999, box_map=36.4)
    DEFAULT = COCO_V1


class RetinaNet_ResNet50_FPN_V2_Weights(WeightsEnum):
    """Weights of :func:`retinanet_resnet50_fpn_v2`."""

    COCO_V1 = coco("retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 38_198_935, box_map=41.5)
    DEFAULT = COCO_V1


@builder(RetinaNet_ResNet50_FPN_Weights, adapt=without_eps, backbone=(ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1))
def retinanet_resnet50_fpn(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> RetinaNet:
    """RetinaNet with a pyramid of ResNet-50; see :func:`fasterrcnn_resnet50_fpn`."""
    body = resnet50_body(start, trainable_backbone_layers)
    backbone = _resnet_fpn_extractor(*body, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return RetinaNet(backbone, num_classes or 91, **kwargs)


@builder(RetinaNet_ResNet50_FPN_V2_Weights, backbone=(ResNet50_Weights, None))
def retinanet_resnet50_fpn_v2(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> RetinaNet:
    """RetinaNet with a pyramid of ResNet-50, second version: its head has normalizations and learns how boxes overlap;
    see :func:`fasterrcnn_resnet50_fpn`."""
    body = resnet50_body_v2(start, trainable_backbone_layers)
    backbone = _resnet_fpn_extractor(*body, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(2048, 256))
    anchors = _anchors()
    count = anchors.num_anchors_per_location()[0]
    norm = partial(nn.GroupNorm, 32)
    head = RetinaNetHead(backbone.out_channels, count, num_classes or 91, norm_layer=norm)
    head.regression_head._loss_type = "giou"
    return RetinaNet(backbone, num_classes or 91, anchor_generator=anchors, head=head, **kwargs)


BUILDERS = (retinanet_resnet50_fpn, retinanet_resnet50_fpn_v2)

__all__ = [
    "RetinaNet", "RetinaNetClassificationHead", "RetinaNetHead", "RetinaNetRegressionHead",
    "RetinaNet_ResNet50_FPN_V2_Weights", "RetinaNet_ResNet50_FPN_Weights", "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
]  # fmt: skip
