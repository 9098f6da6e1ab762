"""What is said of proposals: the class of the object, its box, its mask, its key points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....base.dtypes import float16, float32, float64, int64
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ... import ops as vision_ops
from . import _utils as det_utils
from .keypoints import heatmaps_to_keypoints, keypointrcnn_inference, keypointrcnn_loss, keypoints_to_heatmap
from .masks import (
    expand_boxes,
    expand_masks,
    maskrcnn_inference,
    maskrcnn_loss,
    paste_mask_in_image,
    paste_masks_in_image,
    project_masks_on_boxes,
)

Targets = Sequence[dict[str, Tensor]]
Shapes = Sequence[tuple[int, int]]


def fastrcnn_loss(
    class_logits: Tensor, box_regression: Tensor, labels: Sequence[Tensor], regression_targets: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The cross entropy of the classes, and the loss of the boxes of the right classes.

    Args:
        class_logits (Tensor): of each box, [N, C].
        box_regression (Tensor): codes of boxes for each class, [N, 4 * C].
        labels (list of Tensor): the classes of each image's boxes; 0 for none.
        regression_targets (list of Tensor): the codes of each image's boxes.
    """
    label, wanted = ops.cat(list(labels)), ops.cat(list(regression_targets))
    (positive,) = ops.where(label > 0)
    codes = box_regression.reshape(len(label), -1, 4)[positive, label[positive]]
    boxes = F.smooth_l1_loss(codes, wanted[positive], beta=1 / 9, reduction="sum") / label.numel()
    return F.cross_entropy(class_logits, label), boxes


class RoIHeads(nn.Module):
    """The second stage of a detector: features of proposals, and what heads say of them.

    Args:
        box_roi_pool, box_head, box_predictor (Module): take the features of proposals, make vectors of them, and say
            class and box.
        fg_iou_thresh, bg_iou_thresh (float): from which overlap on a proposal is of an object, and below which it is of
            none, in training.
        batch_size_per_image (int): proposals of an image that it learns from.
        positive_fraction (float): the part of these that are of objects.
        bbox_reg_weights (tuple of float, optional): of the coder of boxes. Default: (10, 10, 5, 5)
        score_thresh (float): which probability results must have.
        nms_thresh (float): from which overlap on one of two results is dropped.
        detections_per_img (int): how many results an image has at most.
        mask_roi_pool, mask_head, mask_predictor (Module, optional): the same for masks.
        keypoint_roi_pool, keypoint_head, keypoint_predictor (Module, optional): the same for key points.
    """

    mask_roi_pool: Any
    mask_head: Any
    mask_predictor: Any
    keypoint_roi_pool: Any
    keypoint_head: Any
    keypoint_predictor: Any

    def __init__(
        self,
        box_roi_pool: nn.Module,
        box_head: nn.Module,
        box_predictor: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: tuple[float, float, float, float] | None,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        keypoint_roi_pool: nn.Module | None = None,
        keypoint_head: nn.Module | None = None,
        keypoint_predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.box_similarity = vision_ops.box_iou
        self.proposal_matcher = det_utils.Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=False)
        self.fg_bg_sampler = det_utils.BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        weights = (10.0, 10.0, 5.0, 5.0) if bbox_reg_weights is None else bbox_reg_weights
        self.box_coder = det_utils.BoxCoder(weights)
        self.box_roi_pool, self.box_head, self.box_predictor = box_roi_pool, box_head, box_predictor
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool, self.mask_head, self.mask_predictor = mask_roi_pool, mask_head, mask_predictor
        self.keypoint_roi_pool, self.keypoint_head = keypoint_roi_pool, keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self) -> bool:
        """Whether it says masks."""
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self) -> bool:
        """Whether it says key points."""
        return None not in (self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor)

    def assign_targets_to_proposals(
        self, proposals: Sequence[Tensor], gt_boxes: Sequence[Tensor], gt_labels: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """For each image the object that each proposal is of, and the class: 0 for none, -1 for what is left out."""
        indices, labels = [], []
        for of_image, boxes, classes in zip(proposals, gt_boxes, gt_labels):
            if len(boxes) == 0:
                empty: Tensor = ops.zeros(len(of_image), dtype=int64)
                indices.append(empty)
                labels.append(empty)
                continue
            index = self.proposal_matcher(self.box_similarity(boxes, of_image))
            label = classes[index.clamp(min=0)].to(int64)
            label = label.masked_fill(index == self.proposal_matcher.BELOW_LOW_THRESHOLD, 0)
            labels.append(label.masked_fill(index == self.proposal_matcher.BETWEEN_THRESHOLDS, -1))
            indices.append(index.clamp(min=0))
        return indices, labels

    def subsample(self, labels: Sequence[Tensor]) -> list[Tensor]:
        """The indices of the proposals of each image that are learned from, drawn at random."""
        return [ops.where(positive | negative)[0] for positive, negative in zip(*self.fg_bg_sampler(labels))]

    def add_gt_proposals(self, proposals: Sequence[Tensor], gt_boxes: Sequence[Tensor]) -> list[Tensor]:
        """The proposals of each image and the boxes of its objects."""
        return [ops.cat([of_image, boxes]) for of_image, boxes in zip(proposals, gt_boxes)]

    def check_targets(self, targets: Targets | None) -> None:
        """Raises ValueError where targets lack what is learned."""
        if targets is None:
            raise ValueError("targets should not be None")
        for name in ("boxes", "labels", *(["masks"] if self.has_mask() else [])):
            if not all(name in target for target in targets):
                raise ValueError(f"Every element of targets should have a {name} key")

    def select_training_samples(
        self, proposals: Sequence[Tensor], targets: Targets | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Of each image the proposals that are learned from, which objects they are of, their classes and codes.

        Raises ValueError where targets lack something.
        """
        self.check_targets(targets)
        assert targets is not None
        boxes = [target["boxes"].to(proposals[0].dtype) for target in targets]
        proposals = self.add_gt_proposals(proposals, boxes)
        indices, labels = self.assign_targets_to_proposals(proposals, boxes, [t["labels"] for t in targets])
        chosen = self.subsample(labels)
        proposals = [of_image[c] for of_image, c in zip(proposals, chosen)]
        indices = [index[c] for index, c in zip(indices, chosen)]
        labels = [label[c] for label, c in zip(labels, chosen)]
        matched = [
            (of_image if len(of_image) else of_image.new_zeros((1, 4)))[index]
            for of_image, index in zip(boxes, indices)
        ]
        return proposals, indices, labels, self.box_coder.encode(matched, proposals)

    def postprocess_detections(
        self, class_logits: Tensor, box_regression: Tensor, proposals: Sequence[Tensor], image_shapes: Shapes
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Boxes, probabilities and classes of each image: the likeliest that don't overlap."""
        counts = [len(of_image) for of_image in proposals]
        boxes = self.box_coder.decode(box_regression, proposals).split(counts)
        scores = class_logits.softmax(-1).split(counts)
        found = [self._results(*one) for one in zip(boxes, scores, image_shapes)]
        return [one[0] for one in found], [one[1] for one in found], [one[2] for one in found]

    def _results(self, boxes: Tensor, scores: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """The results of an image; boxes [N, C, 4] and probabilities [N, C] of all classes, the first of which is that
        of no object."""
        boxes = vision_ops.clip_boxes_to_image(boxes, size)[:, 1:].reshape(-1, 4)
        labels = ops.arange(1, scores.shape[1]).expand(len(scores), -1).reshape(-1)
        scores = scores[:, 1:].reshape(-1)
        (likely,) = ops.where(scores > self.score_thresh)
        likely = likely[vision_ops.remove_small_boxes(boxes[likely], min_size=1e-2)]
        boxes, scores, labels = boxes[likely], scores[likely], labels[likely]
        kept = vision_ops.batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
        return boxes[kept], scores[kept], labels[kept]

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: Sequence[Tensor],
        image_shapes: Shapes,
        targets: Targets | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """The results of each image in evaluation, the losses in training.

        Raises TypeError for boxes of integers, for classes of another type than int64 and for key points of integers,
        ValueError where targets lack something.
        """
        for target in targets or ():
            _check_types(target, self.has_keypoint())
        indices: list[Tensor] = []
        labels: list[Tensor] = []
        codes: list[Tensor] = []
        if self.training:
            proposals, indices, labels, codes = self.select_training_samples(proposals, targets)
        logits, regression = self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, image_shapes)))
        result: list[dict[str, Tensor]] = []
        losses: dict[str, Tensor] = {}
        if self.training:
            losses["loss_classifier"], losses["loss_box_reg"] = fastrcnn_loss(logits, regression, labels, codes)
        else:
            found = self.postprocess_detections(logits, regression, proposals, image_shapes)
            result = [{"boxes": b, "labels": k, "scores": s} for b, s, k in zip(*found)]
        if self.has_mask() or self.has_keypoint():
            boxes, indices = self._positive(proposals, indices, labels, result)
            if self.has_mask():
                self._masks(features, boxes, image_shapes, indices, targets, result, losses)
            if self.has_keypoint():
                self._keypoints(features, boxes, image_shapes, indices, targets, result, losses)
        return result, losses

    def _positive(
        self, proposals: Sequence[Tensor], indices: list[Tensor], labels: list[Tensor], result: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The boxes whose masks and key points are said: the results', in training the proposals that are of objects,
        and which these are."""
        if not self.training:
            return [one["boxes"] for one in result], []
        positive = [ops.where(label > 0)[0] for label in labels]
        return [p[c] for p, c in zip(proposals, positive)], [index[c] for index, c in zip(indices, positive)]

    def _masks(
        self, features: Any, boxes: list[Tensor], image_shapes: Shapes, indices: list[Tensor], targets: Any,
        result: list[dict[str, Tensor]], losses: dict[str, Tensor],
    ) -> None:  # fmt: skip
        """Adds the masks to the results, or their loss to the losses."""
        logits = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, image_shapes)))
        if self.training:
            masks, labels = ([target[name] for target in targets] for name in ("masks", "labels"))
            losses["loss_mask"] = maskrcnn_loss(logits, boxes, masks, labels, indices)
            return
        for one, probabilities in zip(result, maskrcnn_inference(logits, [one["labels"] for one in result])):
            one["masks"] = probabilities

    def _keypoints(
        self, features: Any, boxes: list[Tensor], image_shapes: Shapes, indices: list[Tensor], targets: Any,
        result: list[dict[str, Tensor]], losses: dict[str, Tensor],
    ) -> None:  # fmt: skip
        """Adds the key points to the results, or their loss to the losses."""
        logits = self.keypoint_predictor(self.keypoint_head(self.keypoint_roi_pool(features, boxes, image_shapes)))
        if self.training:
            points = [target["keypoints"] for target in targets]
            losses["loss_keypoint"] = keypointrcnn_loss(logits, boxes, points, indices)
            return
        for one, places, scores in zip(result, *keypointrcnn_inference(logits, boxes)):
            one["keypoints"], one["keypoints_scores"] = places, scores


def _check_types(target: dict[str, Tensor], keypoints: bool) -> None:
    """Raises TypeError for what a target has in a dtype that it can't have."""
    floats = (float16, float32, float64)
    if target["boxes"].dtype not in floats:
        raise TypeError(f"target boxes must be of float type, instead got {target['boxes'].dtype}")
    if target["labels"].dtype != int64:
        raise TypeError(f"target labels must be of int64 type, instead got {target['labels'].dtype}")
    if keypoints and target["keypoints"].dtype != float32:
        raise TypeError(f"target keypoints must be of float type, instead got {target['keypoints'].dtype}")


__all__ = [
    "RoIHeads", "expand_boxes", "expand_masks", "fastrcnn_loss", "heatmaps_to_keypoints", "keypointrcnn_inference",
    "keypointrcnn_loss", "keypoints_to_heatmap", "maskrcnn_inference", "maskrcnn_loss", "paste_mask_in_image",
    "paste_masks_in_image", "project_masks_on_boxes",
]  # fmt: skip
