"""SSD: one stage, boxes of many shapes on maps of many sizes.

Source: Liu and others, *SSD: Single Shot MultiBox Detector* (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....base.dtypes import int64
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ... import ops as vision_ops
from ..blocks import initialize
from ..coco import coco
from ..vgg import VGG, VGG16_Weights, vgg16
from ..weights import Start, WeightsEnum, builder
from . import _utils as det_utils
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import _validate_trainable_layers, freeze_before
from .faster_rcnn import IMAGENET_MEAN, IMAGENET_STD, require_type
from .one_stage import Losses, OneStage, Targets, flattened, likeliest, nothing_fits
from .transform import GeneralizedRCNNTransform


class SSDHead(nn.Module):
    """Says class and box of each anchor.

    Args:
        in_channels (list of int): channels of each map.
        num_anchors (list of int): anchors at a place of each map.
        num_classes (int): classes with that of no object.
    """

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int) -> None:
        super().__init__()
        self.classification_head: nn.Module = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head: nn.Module = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSDScoringHead(nn.Module):
    """Says some numbers of each anchor.

    Args:
        module_list (ModuleList): for each map what says them.
        num_columns (int): how many.
    """

    def __init__(self, module_list: nn.ModuleList, num_columns: int) -> None:
        super().__init__()
        self.module_list = module_list
        self.num_columns = num_columns

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        made = [flattened(module(level), self.num_columns) for module, level in zip(self.module_list, x)]
        return ops.cat(made, 1)


def _convolutions(in_channels: list[int], num_anchors: list[int], columns: int) -> nn.ModuleList:
    layers = [nn.Conv2d(c, columns * anchors, 3, padding=1) for c, anchors in zip(in_channels, num_anchors)]
    made = nn.ModuleList(layers)
    initialize(made, convolution=nn.init.xavier_uniform_)
    return made


class SSDClassificationHead(SSDScoringHead):
    """Says the class of each anchor; see `SSDHead`."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int) -> None:
        super().__init__(_convolutions(in_channels, num_anchors, num_classes), num_classes)


class SSDRegressionHead(SSDScoringHead):
    """Says the box of each anchor; see `SSDHead`."""

    def __init__(self, in_channels: list[int], num_anchors: list[int]) -> None:
        super().__init__(_convolutions(in_channels, num_anchors, 4), 4)


class SSD(OneStage):
    """SSD on any backbone. Calls take and return what `FasterRCNN`'s do.

    Args:
        backbone (Module): makes one map of features, or a dictionary of maps.
        anchor_generator (DefaultBoxGenerator): makes the anchors.
        size (tuple of int): width and height that images get.
        num_classes (int): classes with that of no object.
        image_mean, image_std (list of float, optional): of each channel.
        head (Module, optional): says class and box of each anchor.
        score_thresh (float): which probability results must have. Default: 0.01
        nms_thresh (float): from which overlap on one of two results is dropped. Default: 0.45
        detections_per_img (int): how many results an image has at most. Default: 200
        iou_thresh (float): from which overlap on an anchor has an object. Default: 0.5
        topk_candidates (int): how many results of a class are looked at. Default: 400
        positive_fraction (float): the part of anchors with objects among those that it learns from. Default: 0.25
        kwargs: further arguments of `GeneralizedRCNNTransform`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        anchor_generator: DefaultBoxGenerator,
        size: tuple[int, int],
        num_classes: int,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        head: nn.Module | None = None,
        score_thresh: float = 0.01,
        nms_thresh: float = 0.45,
        detections_per_img: int = 200,
        iou_thresh: float = 0.5,
        topk_candidates: int = 400,
        positive_fraction: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        require_type("anchor_generator", anchor_generator, DefaultBoxGenerator)
        self.backbone = backbone
        self.anchor_generator = anchor_generator
        self.box_coder = det_utils.BoxCoder((10.0, 10.0, 5.0, 5.0))
        if head is None:
            given: Any = getattr(backbone, "out_channels", None)
            channels = given or det_utils.retrieve_out_channels(backbone, size)
            counts = anchor_generator.num_anchors_per_location()
            if len(channels) != len(counts):
                raise ValueError(
                    f"The length of the output channels from the backbone ({len(channels)}) do not match the length of "
                    f"the anchor generator aspect ratios ({len(counts)})"
                )
            head = SSDHead(channels, counts, num_classes)
        self.head = head
        self.proposal_matcher = det_utils.SSDMatcher(iou_thresh)
        mean, std = image_mean or IMAGENET_MEAN, image_std or IMAGENET_STD
        like: dict[str, Any] = {"size_divisible": 1, "fixed_size": size}
        self.transform = GeneralizedRCNNTransform(min(size), max(size), mean, std, **like, **kwargs)
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def compute_loss(
        self, targets: Targets, head_outputs: Losses, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> Losses:
        """The losses of boxes and classes, the latter of anchors with objects and of those without that are furthest
        from right, by the number of the former."""
        logits = head_outputs["cls_logits"]
        boxes, labels = [], []
        for target, codes, of_image, index in zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs):
            (found,) = ops.where(index >= 0)
            wanted = self.box_coder.encode_single(target["boxes"][index[found]], of_image[found])
            boxes.append(F.smooth_l1_loss(codes[found], wanted, reduction="sum"))
            label: Tensor = ops.zeros(len(index), dtype=int64)
            label[found] = target["labels"][index[found]]
            labels.append(label)
        joined = ops.stack(labels)
        loss = F.cross_entropy(logits.flatten(0, 1), joined.flatten(), reduction="none").reshape(joined.shape)
        positive = joined > 0
        wrong = loss.detach().masked_fill(positive, float("-inf"))
        rank = wrong.argsort(1, descending=True).argsort(1)
        negative = rank < self.neg_to_pos_ratio * positive.sum(1, keepdim=True)
        count = max(1, sum(int((index >= 0).sum()) for index in matched_idxs))
        return {
            "bbox_regression": sum(boxes) / count,
            "classification": (loss[positive].sum() + loss[negative].sum()) / count,
        }

    def loss_of(self, targets: Targets, outputs: Any, anchors: list[Tensor], counts: list[int]) -> Losses:
        matched = [
            self.proposal_matcher(vision_ops.box_iou(target["boxes"], of_image))
            if len(target["boxes"])
            else nothing_fits(of_image)
            for target, of_image in zip(targets, anchors)
        ]
        return self.compute_loss(targets, outputs, anchors, matched)

    def results_of(self, outputs: Any, anchors: list[Tensor], sizes: Any, counts: list[int]) -> list[dict[str, Tensor]]:
        return self.postprocess_detections(outputs, anchors, sizes)

    def postprocess_detections(
        self, head_outputs: dict[str, Tensor], image_anchors: list[Tensor], image_shapes: Any
    ) -> list[dict[str, Tensor]]:
        """The results of each image."""
        probabilities = head_outputs["cls_logits"].softmax(-1)
        found = []
        for codes, scores, anchors, size in zip(
            head_outputs["bbox_regression"], probabilities, image_anchors, image_shapes
        ):
            boxes = vision_ops.clip_boxes_to_image(self.box_coder.decode_single(codes, anchors), size)
            parts = [self._of_class(boxes, scores[:, label], label) for label in range(1, scores.shape[-1])]
            found.append(self.without_overlaps(*(ops.cat(list(part)) for part in zip(*parts))))
        return found

    def _of_class(self, boxes: Tensor, scores: Tensor, label: int) -> tuple[Tensor, Tensor, Tensor]:
        """The likeliest boxes of a class, their probabilities, and the class."""
        values, places = likeliest(scores, self.score_thresh, self.topk_candidates)
        return boxes[places], values, ops.full((len(places),), label, dtype=int64)


class SSDFeatureExtractorVGG(nn.Module):
    """The maps of SSD: of VGG-16, and of further convolutions behind it.

    Args:
        backbone (Module): VGG's features.
        highres (bool): whether there is one map more, for images of 512x512.
    """

    def __init__(self, backbone: nn.Sequential, highres: bool) -> None:
        super().__init__()
        pools = [k for k, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d)]
        third: Any = backbone[pools[2]]
        third.ceil_mode = True  # so that 75 becomes 38
        self.scale_weight = nn.Parameter(ops.ones(512) * 20)
        layers = list(backbone)
        self.features = nn.Sequential(*layers[: pools[3]])
        extra = [_extra(1024, 256, 512, True), _extra(512, 128, 256, True), *(_extra(256, 128, 256) for _ in range(2))]
        if highres:
            extra.append(_extra(256, 128, 256, kernel=4))
        blocks = nn.ModuleList(extra)
        initialize(blocks, convolution=nn.init.xavier_uniform_)
        linear = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
            nn.ReLU(inplace=True),
            nn.Conv2d(1024, 1024, 1),
            nn.ReLU(inplace=True),
        )
        initialize(linear, convolution=nn.init.xavier_uniform_)
        blocks.insert(0, nn.Sequential(*layers[pools[3] : -1], linear))
        self.extra = blocks

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.features(x)
        levels = [self.scale_weight.reshape(1, -1, 1, 1) * F.normalize(x)]
        for block in self.extra:
            x = block(x)
            levels.append(x)
        return {str(k): level for k, level in enumerate(levels)}


def _extra(before: int, between: int, after: int, half: bool = False, kernel: int = 3) -> nn.Sequential:
    """A convolution of 1x1 and one that makes the map smaller."""
    options: dict[str, Any] = {"padding": 1, "stride": 2} if half else {}
    return nn.Sequential(
        nn.Conv2d(before, between, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(between, after, kernel, **options),
        nn.ReLU(inplace=True),
    )


def _vgg_extractor(backbone: VGG, highres: bool, trainable_layers: int) -> SSDFeatureExtractorVGG:
    features: Any = backbone.features
    stages = [0, *(k for k, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d))][:-1]
    end = stages[len(stages) - trainable_layers] if trainable_layers else len(features)
    freeze_before(list(features), end)
    return SSDFeatureExtractorVGG(features, highres)


class SSD300_VGG16_Weights(WeightsEnum):
    """Weights of :func:`ssd300_vgg16`."""

    COCO_V1 = coco("ssd300_vgg16_coco-b556d3b4.pth", 35_641_826, box_map=25.1)
    DEFAULT = COCO_V1


@builder(SSD300_VGG16_Weights, backbone=(VGG16_Weights, VGG16_Weights.IMAGENET1K_FEATURES))
def ssd300_vgg16(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> SSD:
    """SSD of VGG-16 on images of 300x300.

    Args:
        num_classes (int, optional): classes with that of no object. Default: 91
        trainable_backbone_layers (int, optional): how many of the backbone's five parts are trained, from the last one
            on. Default: 4 where it has weights, else all
        kwargs: further arguments of `SSD`.
    """
    trainable = _validate_trainable_layers(start.is_trained, trainable_backbone_layers, 5, 4)
    body: Any = vgg16(weights=start.weights, progress=start.progress)
    scales = [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05]
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]], scales=scales, steps=[8, 16, 32, 64, 100, 300]
    )
    # The mean and the deviation of the weights that its authors trained.
    usual = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
    backbone = _vgg_extractor(body, False, trainable)
    return SSD(backbone, anchors, (300, 300), num_classes or 91, **{**usual, **kwargs})


BUILDERS = (ssd300_vgg16,)

__all__ = [
    "SSD", "SSD300_VGG16_Weights", "SSDClassificationHead", "SSDFeatureExtractorVGG", "SSDHead", "SSDRegressionHead",
    "SSDScoringHead", "ssd300_vgg16",
]  # fmt: skip
