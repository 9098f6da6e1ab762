"""FCOS: one stage without anchors but the places of the maps.

Source: Tian and others, *FCOS: Fully Convolutional One-Stage Object Detection* (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .... import nn
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ... import ops as vision_ops
from ..coco import coco
from ..resnet import ResNet50_Weights
from ..weights import Start, WeightsEnum, builder
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator
from .backbone_utils import LastLevelP6P7, _resnet_fpn_extractor
from .faster_rcnn import IMAGENET_MEAN, IMAGENET_STD, require_channels, require_type, resnet50_body
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


class FCOSHead(nn.Module):
    """Says the class of each place, its box, and how central it is in it.

    Args:
        in_channels (int): of the maps.
        num_anchors (int): at a place.
        num_classes (int): classes with that of no object.
        num_convs (int): convolutions of each of its parts. Default: 4
    """

    def __init__(self, in_channels: int, num_anchors: int, num_classes: int, num_convs: int = 4) -> None:
        super().__init__()
        self.box_coder = det_utils.BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(in_channels, num_anchors, num_classes, num_convs)
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, num_convs)

    def compute_loss(
        self, targets: Targets, head_outputs: Losses, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> Losses:
        """The losses of classes, boxes and how central places are, by the number of places with objects."""
        logits, codes, central = (
            head_outputs[name].flatten(0, 1) for name in ("cls_logits", "bbox_regression", "bbox_ctrness")
        )
        index = ops.cat(matched_idxs)
        wanted_boxes = ops.cat([_matched(target["boxes"], one) for target, one in zip(targets, matched_idxs)])
        labels = ops.cat([_matched(target["labels"], one) for target, one in zip(targets, matched_idxs)])
        (found,) = ops.where(index >= 0)
        wanted = ops.zeros_like(logits)
        wanted[found, labels[found]] = 1.0
        classes = vision_ops.sigmoid_focal_loss(logits, wanted, reduction="sum")
        places, boxes = ops.cat(anchors)[found], wanted_boxes[found]
        of_boxes = vision_ops.generalized_box_iou_loss(
            self.box_coder.decode(codes[found], places), boxes, reduction="sum"
        )
        centre = _centrality(self.box_coder.encode(places, boxes))
        of_centres = F.binary_cross_entropy_with_logits(central.squeeze(1)[found], centre, reduction="sum")
        count = max(1, len(found))
        return {
            "classification": classes / count,
            "bbox_regression": of_boxes / count,
            "bbox_ctrness": of_centres / count,
        }

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        logits = self.classification_head(x)
        codes, central = self.regression_head(x)
        return {"cls_logits": logits, "bbox_regression": codes, "bbox_ctrness": central}


def _matched(values: Tensor, index: Tensor) -> Tensor:
    """The value of the object that each place has; any for those without objects."""
    if len(values) == 0:
        nothing: Tensor = values.new_zeros((len(index), *values.shape[1:]))
        return nothing
    return values[index.clamp(min=0)]


def _centrality(distances: Tensor) -> Tensor:
    """How central places are whose edges are so far away, 1 for the centre."""
    shares = []
    for sides in (distances[:, 0::2], distances[:, 1::2]):
        shares.append(sides.amin(-1) / sides.amax(-1))
    return (shares[0] * shares[1]).sqrt()


def _tower(channels: int, count: int, norm_layer: Layer | None) -> nn.Sequential:
    """Convolutions of 3x3 with normalization and ReLU."""
    norm = norm_layer or partial(nn.GroupNorm, 32)
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), norm(channels), nn.ReLU()]
    return nn.Sequential(*layers)


class FCOSClassificationHead(nn.Module):
    """Says the class of each place; see `FCOSHead`.

    Args:
        prior_probability (float): of an object, at first. Default: 0.01
        norm_layer (callable, optional): the convolutions' normalization. Default: GroupNorm of 32 groups
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        num_convs: int = 4,
        prior_probability: float = 0.01,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self.num_classes, self.num_anchors = num_classes, num_anchors
        self.conv = _tower(in_channels, num_convs, norm_layer)
        det_utils.draw_normal(self.conv)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, padding=1)
        det_utils.draw_normal(self.cls_logits)
        det_utils.expect(self.cls_logits, prior_probability)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return ops.cat([flattened(self.cls_logits(self.conv(level)), self.num_classes) for level in x], 1)


class FCOSRegressionHead(nn.Module):
    """Says the box of each place and how central it is in it; see `FCOSHead`."""

    def __init__(self, in_channels: int, num_anchors: int, num_convs: int = 4, norm_layer: Layer | None = None) -> None:
        super().__init__()
        self.conv = _tower(in_channels, num_convs, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors, 3, padding=1)
        det_utils.draw_normal(self.bbox_reg)
        det_utils.draw_normal(self.bbox_ctrness)
        det_utils.draw_normal(self.conv)

    def forward(self, x: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        hidden = [self.conv(level) for level in x]
        codes = [flattened(F.relu(self.bbox_reg(level)), 4) for level in hidden]
        central = [flattened(self.bbox_ctrness(level), 1) for level in hidden]
        return ops.cat(codes, 1), ops.cat(central, 1)


class FCOS(OneStage):
    """FCOS on any backbone. Calls take and return what `FasterRCNN`'s do.

    Args:
        backbone (Module): makes one map of features, or a dictionary of maps; ``out_channels`` says their channels.
        num_classes (int): classes with that of no object.
        min_size, max_size (int), image_mean, image_std (list of float): see `GeneralizedRCNNTransform`.
        anchor_generator (AnchorGenerator, optional): says how large the cells are whose centres are places.
        head (Module, optional): says class, box and centrality of each place.
        center_sampling_radius (float): how many cells a place may be from the centre of its object. Default: 1.5
        score_thresh (float): which probability results must have. Default: 0.2
        nms_thresh (float): from which overlap on one of two results is dropped. Default: 0.6
        detections_per_img (int): how many results an image has at most. Default: 100
        topk_candidates (int): how many results of a map are looked at. Default: 1000
        kwargs: further arguments of `GeneralizedRCNNTransform`.

    Raises ValueError where the backbone does not say its channels and for more than one anchor at a place, TypeError
    for an ``anchor_generator`` of another type.
    """

    _outputs = ("bbox_regression", "cls_logits", "bbox_ctrness")

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
        center_sampling_radius: float = 1.5,
        score_thresh: float = 0.2,
        nms_thresh: float = 0.6,
        detections_per_img: int = 100,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        channels = require_channels(backbone)
        require_type("anchor_generator", anchor_generator, AnchorGenerator)
        self.backbone = backbone
        self.anchor_generator = anchor_generator or AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5)
        count = self.anchor_generator.num_anchors_per_location()[0]
        if count != 1:
            raise ValueError(f"anchor_generator.num_anchors_per_location()[0] should be 1 instead of {count}")
        self.head = head or FCOSHead(channels, count, num_classes)
        self.box_coder = det_utils.BoxLinearCoder(normalize_by_size=True)
        mean, std = image_mean or IMAGENET_MEAN, image_std or IMAGENET_STD
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.center_sampling_radius = center_sampling_radius
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def compute_loss(
        self, targets: Targets, head_outputs: Losses, anchors: list[Tensor], num_anchors_per_level: list[int]
    ) -> Losses:
        """The losses of what the head says."""
        matched = [self._fitting(t["boxes"], a, num_anchors_per_level) for t, a in zip(targets, anchors)]
        losses: Losses = self.head.compute_loss(targets, head_outputs, anchors, matched)
        return losses

    def _fitting(self, boxes: Tensor, anchors: Tensor, counts: list[int]) -> Tensor:
        """The object of each place, -1 for none: the smallest near whose centre it lies and that its map is for."""
        if len(boxes) == 0:
            return nothing_fits(anchors)
        places = (anchors[:, :2] + anchors[:, 2:]) / 2
        cells = anchors[:, 2] - anchors[:, 0]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        away = (places[:, None] - centres[None]).abs().amax(2)
        edges = ops.cat([places[:, None] - boxes[None, :, :2], boxes[None, :, 2:] - places[:, None]], 2)
        lower, upper = cells * 4, cells * 8
        lower[: counts[0]] = 0
        upper[-counts[-1] :] = float("inf")
        farthest = edges.amax(2)
        fits = (away < self.center_sampling_radius * cells[:, None]) & (edges.amin(2) > 0)
        fits = fits & (farthest > lower[:, None]) & (farthest < upper[:, None])
        value, index = (fits.to(boxes.dtype) * (1e8 - vision_ops.box_area(boxes)[None])).max(1)
        return ops.where(value < 1e-5, -1, index)

    def loss_of(self, targets: Targets, outputs: Any, anchors: list[Tensor], counts: list[int]) -> Losses:
        return self.compute_loss(targets, outputs, anchors, counts)

    def _of_map(
        self, codes: Tensor, logits: Tensor, central: Tensor, anchors: Tensor, size: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The likeliest boxes of a map, their probabilities and classes."""
        classes = logits.shape[-1]
        probabilities = (logits.sigmoid() * central.sigmoid()).sqrt().flatten()
        scores, places = likeliest(probabilities, self.score_thresh, self.topk_candidates)
        chosen = places // classes
        boxes = self.box_coder.decode(codes[chosen], anchors[chosen])
        return vision_ops.clip_boxes_to_image(boxes, size), scores, places % classes


class FCOS_ResNet50_FPN_Weights(WeightsEnum):
    """Weights of :func:`fcos_resnet50_fpn`."""

    COCO_V1 = coco("fcos_resnet50_fpn_coco-99b0c9b7.pth", 32_269_600, box_map=39.2)
    DEFAULT = COCO_V1


@builder(FCOS_ResNet50_FPN_Weights, backbone=(ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1))
def fcos_resnet50_fpn(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> FCOS:
    """FCOS with a pyramid of ResNet-50; see :func:`fasterrcnn_resnet50_fpn`."""
    body = resnet50_body(start, trainable_backbone_layers)
    backbone = _resnet_fpn_extractor(*body, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return FCOS(backbone, num_classes or 91, **kwargs)


BUILDERS = (fcos_resnet50_fpn,)

__all__ = [
    "FCOS", "FCOSClassificationHead", "FCOSHead", "FCOSRegressionHead", "FCOS_ResNet50_FPN_Weights",
    "fcos_resnet50_fpn",
]  # fmt: skip
