"""What detectors of one stage share: each anchor says class and box by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....base.dtypes import int64
from ....eager import Tensor
from ....eager import operators as ops
from ... import ops as vision_ops
from .generalized_rcnn import Detector

Losses = dict[str, Tensor]
Targets = Sequence[dict[str, Tensor]]


class OneStage(Detector):
    """A detector whose head says class and box of each anchor.

    Subclasses have ``backbone``, ``transform``, ``anchor_generator`` and ``head``, the loss and the results.
    """

    backbone: Any
    transform: Any
    anchor_generator: Any
    head: Any
    nms_thresh: float
    detections_per_img: int
    # The likeliest boxes of a map, their probabilities and classes; it gets what the head says under these names, and
    # then anchors and the image's size.
    _of_map: Callable[..., tuple[Tensor, Tensor, Tensor]]
    _outputs: tuple[str, ...]

    def loss_of(self, targets: Targets, outputs: Any, anchors: list[Tensor], counts: list[int]) -> Losses:
        """The losses; counts are the anchors of each map."""
        raise NotImplementedError

    def results_of(self, outputs: Any, anchors: list[Tensor], sizes: Any, counts: list[int]) -> list[dict[str, Tensor]]:
        """The results of each image, map by map."""
        levels = [list(of_image.split(counts)) for of_image in anchors]
        return self.postprocess_detections(split_levels(outputs, counts), levels, sizes)

    def postprocess_detections(self, head_outputs: Any, anchors: Any, image_shapes: Any) -> list[dict[str, Tensor]]:
        """The results of each image; outputs and anchors are map by map."""
        found = []
        for k, (of_image, size) in enumerate(zip(anchors, image_shapes)):
            levels = zip(*(head_outputs[name] for name in self._outputs), of_image)
            parts = [self._of_map(*(said[k] for said in outputs), places, size) for *outputs, places in levels]
            found.append(self.without_overlaps(*(ops.cat(list(part)) for part in zip(*parts))))
        return found

    def forward(self, images: Sequence[Tensor], targets: Targets | None = None) -> Any:
        batch, targets, sizes = self.prepared(images, targets)
        features = self.backbone(batch.tensors)
        levels = [features] if isinstance(features, Tensor) else list(features.values())
        outputs = self.head(levels)
        anchors = self.anchor_generator(batch, levels)
        places = [level.shape[-2] * level.shape[-1] for level in levels]
        counts = [place * each for place, each in zip(places, self.anchor_generator.num_anchors_per_location())]
        if self.training:
            assert targets is not None
            return self.eager_outputs(self.loss_of(targets, outputs, anchors, counts), [])
        found = self.results_of(outputs, anchors, batch.image_sizes, counts)
        return self.eager_outputs({}, self.transform.postprocess(found, batch.image_sizes, sizes))

    def without_overlaps(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The likeliest results that don't overlap."""
        kept = vision_ops.batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
        return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


def likeliest(scores: Tensor, threshold: float, most: int) -> tuple[Tensor, Tensor]:
    """The greatest of a vector that are above a threshold, at most so many of them, and their places."""
    (above,) = ops.where(scores > threshold)
    values, order = scores[above].topk(min(most, len(above)))
    return values, above[order]


def split_levels(outputs: dict[str, Tensor], counts: list[int]) -> dict[str, list[Tensor]]:
    """What a head says [N, anchors, K], map by map."""
    return {name: list(output.split(counts, 1)) for name, output in outputs.items()}


def flattened(predictions: Tensor, columns: int) -> Tensor:
    """Predictions [N, A * K, H, W] as [N, H * W * A, K], with K columns."""
    n, _, height, width = predictions.shape
    made: Tensor = predictions.reshape(n, -1, columns, height, width).permute(0, 3, 4, 1, 2)
    return made.reshape(n, -1, columns)


def nothing_fits(anchors: Tensor) -> Tensor:
    """The matches of the anchors of an image without objects."""
    made: Tensor = ops.full((len(anchors),), -1, dtype=int64)
    return made


__all__ = ["OneStage", "flattened", "likeliest", "nothing_fits"]
