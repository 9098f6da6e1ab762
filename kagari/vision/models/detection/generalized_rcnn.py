"""Detectors of two stages: proposals, then what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....eager import Tensor
from . import _utils as det_utils


class Detector(nn.Module):
    """What all detectors share: they take lists of images, give losses in training and results in evaluation."""

    def eager_outputs(self, losses: dict[str, Tensor], detections: list[dict[str, Tensor]]) -> Any:
        """What a call returns in this mode."""
        return losses if self.training else detections

    def check(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]] | None) -> None:
        """Raises AssertionError in training without targets or with boxes of another shape than [N, 4]."""
        if not self.training:
            return
        if targets is None:
            raise AssertionError("targets should not be none when in training mode")
        for target in targets:
            boxes = target["boxes"]
            if not isinstance(boxes, Tensor):
                raise AssertionError(f"Expected target boxes to be of type Tensor, got {type(boxes)}.")
            if boxes.ndim != 2 or boxes.shape[-1] != 4:
                raise AssertionError(f"Expected target boxes to be a tensor of shape [N, 4], got {tuple(boxes.shape)}.")

    def prepared(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]] | None) -> Any:
        """The images in one batch, the targets in its pixels, and the images' sizes before."""
        self.check(images, targets)
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, changed = self.transform(images, targets)
        det_utils.refuse_degenerate([target["boxes"] for target in changed or ()])
        return batch, changed, sizes


class GeneralizedRCNN(Detector):
    """A detector of two stages.

    Args:
        backbone (Module): makes one map of features of images, or a dictionary of maps.
        rpn (Module): makes proposals of features.
        roi_heads (Module): makes results of features and proposals.
        transform (Module): makes a batch of images, and brings results back to the images' pixels.

    In training a call takes images and targets (``boxes`` [N, 4], as edges, ``labels``, and what the heads learn
    besides) and returns losses; in evaluation it returns for each image a dictionary of results.
    """

    def __init__(self, backbone: nn.Module, rpn: nn.Module, roi_heads: nn.Module, transform: nn.Module) -> None:
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]] | None = None) -> Any:
        batch, targets, sizes = self.prepared(images, targets)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = {"0": features}
        proposals, of_proposals = self.rpn(batch, features, targets)
        detections, of_detections = self.roi_heads(features, proposals, batch.image_sizes, targets)
        detections = self.transform.postprocess(detections, batch.image_sizes, sizes)
        return self.eager_outputs({**of_detections, **of_proposals}, detections)


__all__ = ["Detector", "GeneralizedRCNN"]
