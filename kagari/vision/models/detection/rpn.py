"""Region proposals: boxes in which there may be an object, of whatever class.

Source: Ren and others, *Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks* (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....base.dtypes import float32
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ... import ops as vision_ops
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator
from .image_list import ImageList


class RPNHead(nn.Module):
    """Convolutions of 3x3, and of 1x1 for how likely each anchor has an object and for its box.

    Args:
        in_channels (int): of the maps.
        num_anchors (int): at a place.
        conv_depth (int): convolutions of 3x3. Default: 1
    """

    _version = 2

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1) -> None:
        super().__init__()
        convolutions = [
            vision_ops.Conv2dNormActivation(in_channels, in_channels, norm_layer=None) for _ in range(conv_depth)
        ]
        self.conv = nn.Sequential(*convolutions)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        det_utils.draw_normal(self)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *others: Any) -> None:
        if (local_metadata.get("version") or 1) < 2:
            det_utils.rename(state_dict, {f"{prefix}conv.": f"{prefix}conv.0.0."})
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(level) for level in x]
        return [self.cls_logits(level) for level in hidden], [self.bbox_pred(level) for level in hidden]


def permute_and_flatten(layer: Tensor, N: int, A: int, C: int, H: int, W: int) -> Tensor:
    """Predictions [N, A * C, H, W], C for each of A anchors at a place, as [N, H * W * A, C]."""
    made: Tensor = layer.reshape(N, A, C, H, W).permute(0, 3, 4, 1, 2).reshape(N, -1, C)
    return made


def concat_box_prediction_layers(box_cls: Sequence[Tensor], box_regression: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The predictions of all maps, [anchors of all images, C] and [anchors of all images, 4], image by image.

    Args:
        box_cls (list of Tensor): of each map [N, A * C, H, W].
        box_regression (list of Tensor): of each map [N, A * 4, H, W].
    """
    classes, boxes = [], []
    for scores, codes in zip(box_cls, box_regression):
        n, channels, height, width = scores.shape
        anchors = codes.shape[1] // 4
        classes.append(permute_and_flatten(scores, n, anchors, channels // anchors, height, width))
        boxes.append(permute_and_flatten(codes, n, anchors, 4, height, width))
    return ops.cat(classes, 1).flatten(0, -2), ops.cat(boxes, 1).reshape(-1, 4)


class RegionProposalNetwork(nn.Module):
    """Proposes boxes with objects in them, and learns to.

    Args:
        anchor_generator (Module): makes the boxes that it begins with.
        head (Module): says of maps of features which of these have objects, and how the objects' boxes differ.
        fg_iou_thresh, bg_iou_thresh (float): from which overlap with an object on a box has one, and below which it
            has none, in training.
        batch_size_per_image (int): how many boxes of an image it learns from.
        positive_fraction (float): the part of these that have objects.
        pre_nms_top_n, post_nms_top_n (dict): how many proposals are kept, of each map before those that overlap are
            dropped, and in all after it, for ``'training'`` and ``'testing'``.
        nms_thresh (float): from which overlap on one of two proposals is dropped.
        score_thresh (float): which probability proposals must have. Default: 0
    """

    def __init__(
        self,
        anchor_generator: nn.Module,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: dict[str, int],
        post_nms_top_n: dict[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = det_utils.BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.box_similarity = vision_ops.box_iou
        self.proposal_matcher = det_utils.Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = det_utils.BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n, self._post_nms_top_n = pre_nms_top_n, post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def pre_nms_top_n(self) -> int:
        """How many proposals of a map are looked at, in this mode."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self) -> int:
        """How many proposals are kept, in this mode."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(
        self, anchors: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """For each image the labels of its anchors, 1 for an object, 0 for none and -1 for neither, and their boxes."""
        labels, matched = [], []
        for of_image, target in zip(anchors, targets):
            boxes = target["boxes"]
            if len(boxes) == 0:
                matched.append(ops.zeros_like(of_image))
                labels.append(of_image.new_zeros(len(of_image), dtype=float32))
                continue
            index = self.proposal_matcher(self.box_similarity(boxes, of_image))
            matched.append(boxes[index.clamp(min=0)])
            label = (index >= 0).to(float32)
            labels.append(label.masked_fill(index == self.proposal_matcher.BETWEEN_THRESHOLDS, -1.0))
        return labels, matched

    def _get_top_n_idx(self, objectness: Tensor, num_anchors_per_level: Sequence[int]) -> Tensor:
        """Of each map, the places among all anchors of the most likely ones."""
        found, before = [], 0
        for level in objectness.split(list(num_anchors_per_level), 1):
            count = min(self.pre_nms_top_n(), level.shape[1])
            found.append(level.topk(count, dim=1)[1] + before)
            before += level.shape[1]
        joined: Tensor = ops.cat(found, 1)
        return joined

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The likeliest proposals of each image that don't overlap, and their probabilities.

        Args:
            proposals (Tensor): boxes [N, A, 4], as edges.
            objectness (Tensor): how likely they have objects, N * A numbers before the sigmoid.
            image_shapes (list of tuple): height and width of each image.
            num_anchors_per_level (list of int): anchors of each map, A in all.
        """
        objectness = objectness.detach().reshape(len(proposals), -1)
        level = ops.cat([ops.full((n,), k) for k, n in enumerate(num_anchors_per_level)])
        index = self._get_top_n_idx(objectness, num_anchors_per_level)
        kept_boxes, kept_scores = [], []
        for boxes, logits, chosen, size in zip(proposals, objectness, index, image_shapes):
            scores = logits[chosen].sigmoid()
            boxes = vision_ops.clip_boxes_to_image(boxes[chosen], size)
            large = vision_ops.remove_small_boxes(boxes, self.min_size)
            likely = large[scores[large] >= self.score_thresh]
            boxes, scores = boxes[likely], scores[likely]
            kept = vision_ops.batched_nms(boxes, scores, level[chosen[likely]], self.nms_thresh)
            kept = kept[: self.post_nms_top_n()]
            kept_boxes.append(boxes[kept])
            kept_scores.append(scores[kept])
        return kept_boxes, kept_scores

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: Sequence[Tensor],
        regression_targets: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The loss of the probabilities and that of the boxes, of anchors chosen at random."""
        positive, negative = (ops.where(ops.cat(masks))[0] for masks in self.fg_bg_sampler(labels))
        chosen = ops.cat([positive, negative])
        wanted = ops.cat(list(regression_targets))[positive]
        boxes = F.smooth_l1_loss(pred_bbox_deltas[positive], wanted, beta=1 / 9, reduction="sum") / len(chosen)
        scores = F.binary_cross_entropy_with_logits(objectness.flatten()[chosen], ops.cat(list(labels))[chosen])
        return scores, boxes

    def forward(
        self, images: ImageList, features: dict[str, Tensor], targets: Sequence[dict[str, Tensor]] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """The proposals of each image; and in training the losses.

        Raises ValueError in training without targets.
        """
        levels = list(features.values())
        objectness, codes = self.head(levels)
        anchors = self.anchor_generator(images, levels)
        counts = [level[0].numel() for level in objectness]
        objectness, codes = concat_box_prediction_layers(objectness, codes)
        proposals = self.box_coder.decode(codes.detach(), anchors).reshape(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("targets should not be None")
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        of_scores, of_boxes = self.compute_loss(objectness, codes, labels, self.box_coder.encode(matched, anchors))
        return boxes, {"loss_objectness": of_scores, "loss_rpn_box_reg": of_boxes}


__all__ = [
    "AnchorGenerator", "RPNHead", "RegionProposalNetwork", "concat_box_prediction_layers", "permute_and_flatten",
]  # fmt: skip
