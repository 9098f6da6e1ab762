"""Faster R-CNN: boxes and classes of objects.

Source: Ren and others, *Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks* (2015); the
second version: Li and others, *Benchmarking Detection Transfer Learning with Vision Transformers* (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ....eager import Tensor
from ....nn import functional as F
from ...ops import Conv2dNormActivation, FrozenBatchNorm2d, MultiScaleRoIAlign
from ..blocks import initialize
from ..coco import coco
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..resnet import ResNet50_Weights, resnet50
from ..weights import Start, WeightsEnum, builder
from ._utils import overwrite_eps
from .anchor_utils import AnchorGenerator
from .backbone_utils import BackboneWithFPN, _mobilenet_extractor, _resnet_fpn_extractor, _validate_trainable_layers
from .generalized_rcnn import GeneralizedRCNN
from .roi_heads import RoIHeads
from .rpn import RegionProposalNetwork, RPNHead
from .transform import GeneralizedRCNNTransform

RATIOS = (0.5, 1.0, 2.0)
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def _anchors_of_pyramid() -> AnchorGenerator:
    return AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), (RATIOS,) * 5)


def require_channels(backbone: nn.Module) -> int:
    """The channels of a backbone's maps. Raises ValueError where it does not say them."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(
            "backbone should contain an attribute out_channels, the number of channels of its maps (the same for all "
            f"of them), but {type(backbone).__name__} has none"
        )
    channels: Any = backbone.out_channels
    return int(channels)


def require_type(name: str, value: Any, kind: type[nn.Module]) -> None:
    """Raises TypeError for an argument that is neither None nor of a kind."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} should be of type {kind.__name__} or None instead of {type(value)}")


class FasterRCNN(GeneralizedRCNN):
    """Faster R-CNN on any backbone.

    In training a call takes a list of images [C, H, W], of numbers from 0 to 1, and a list of targets: ``boxes``
    [N, 4], as edges, and ``labels`` [N], the first class being 1. It returns a dictionary of losses. In evaluation it
    takes images and returns for each ``boxes``, ``labels`` and ``scores``.

    Args:
        backbone (Module): makes one map of features, or a dictionary of maps; ``out_channels`` says their channels.
        num_classes (int, optional): classes with that of no object; None where ``box_predictor`` is given.
        min_size, max_size (int), image_mean, image_std (list of float): see `GeneralizedRCNNTransform`.
        rpn_anchor_generator, rpn_head (Module, optional): see `RegionProposalNetwork`, as all that begins with ``rpn``.
        box_roi_pool, box_head, box_predictor (Module, optional): see `RoIHeads`, as all that begins with ``box``.
        bbox_reg_weights (tuple of float, optional): of the coder of boxes.
        kwargs: further arguments of `GeneralizedRCNNTransform`.

    Raises ValueError where the backbone does not say its channels, and for classes beside a predictor or neither,
    TypeError for an ``rpn_anchor_generator`` or a ``box_roi_pool`` of another type.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.models.detection import FasterRCNN
        >>> from kagari.vision.models.detection.rpn import AnchorGenerator
        >>> backbone = torch.nn.Conv2d(3, 8, 3, stride=16)
        >>> backbone.out_channels = 8
        >>> model = FasterRCNN(backbone, 2, 64, 64, rpn_anchor_generator=AnchorGenerator(((16, 32),)))
        >>> [sorted(found) for found in model.eval()([torch.rand(3, 64, 48)])]
        [['boxes', 'labels', 'scores']]
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        rpn_anchor_generator: AnchorGenerator | None = None,
        rpn_head: nn.Module | None = None,
        rpn_pre_nms_top_n_train: int = 2000,
        rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000,
        rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7,
        rpn_fg_iou_thresh: float = 0.7,
        rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256,
        rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0,
        box_roi_pool: MultiScaleRoIAlign | None = None,
        box_head: nn.Module | None = None,
        box_predictor: nn.Module | None = None,
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5,
        box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512,
        box_positive_fraction: float = 0.25,
        bbox_reg_weights: tuple[float, float, float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        channels = require_channels(backbone)
        require_type("rpn_anchor_generator", rpn_anchor_generator, AnchorGenerator)
        require_type("box_roi_pool", box_roi_pool, MultiScaleRoIAlign)
        if (num_classes is None) == (box_predictor is None):
            raise ValueError(
                "num_classes should be None when box_predictor is specified, and a number when it is not, got "
                f"num_classes={num_classes} and box_predictor={box_predictor}"
            )
        anchors = rpn_anchor_generator or _anchors_of_pyramid()
        rpn = RegionProposalNetwork(
            anchors,
            rpn_head or RPNHead(channels, anchors.num_anchors_per_location()[0]),
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = box_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2)
        roi_heads = RoIHeads(
            pool,
            box_head or TwoMLPHead(channels * pool.output_size[0] ** 2, 1024),
            box_predictor or FastRCNNPredictor(1024, num_classes or 0),
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        mean, std = image_mean or IMAGENET_MEAN, image_std or IMAGENET_STD
        super().__init__(backbone, rpn, roi_heads, GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs))


class TwoMLPHead(nn.Module):
    """Two linear layers with a ReLU behind each, of the features of a box."""

    def __init__(self, in_channels: int, representation_size: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(start_dim=1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions, then linear layers with a ReLU behind each, of the features of a box.

    Args:
        input_size (tuple of int): channels, height and width of these.
        conv_layers, fc_layers (list of int): channels of each layer.
        norm_layer (callable, optional): the convolutions' normalization. Default: none
    """

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: list[int],
        fc_layers: list[int],
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        channels, height, width = input_size
        layers: list[nn.Module] = []
        for wanted in conv_layers:
            layers.append(Conv2dNormActivation(channels, wanted, norm_layer=norm_layer))
            channels = wanted
        layers.append(nn.Flatten())
        channels *= height * width
        for wanted in fc_layers:
            layers += [nn.Linear(channels, wanted), nn.ReLU(inplace=True)]
            channels = wanted
        super().__init__(*layers)
        initialize(self)


class FastRCNNPredictor(nn.Module):
    """Says the class and, for each class, the box of what a vector describes.

    Args:
        in_channels (int): the numbers of the vector.
        num_classes (int): classes with that of no object.

    Raises AssertionError in a call for maps of more than one place.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.ndim == 4 and tuple(x.shape[2:]) != (1, 1):
            raise AssertionError(
                f"x has the wrong shape, expecting the last two dimensions to be [1,1] instead of {list(x.shape[2:])}"
            )
        x = x.flatten(start_dim=1)
        return self.cls_score(x), self.bbox_pred(x)


class FasterRCNN_ResNet50_FPN_Weights(WeightsEnum):
    """Weights of :func:`fasterrcnn_resnet50_fpn`."""

    COCO_V1 = coco("fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 41_755_286, box_map=37.0)
    DEFAULT = COCO_V1


class FasterRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    """Weights of :func:`fasterrcnn_resnet50_fpn_v2`."""

    COCO_V1 = coco("fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 43_712_278, box_map=46.7)
    DEFAULT = COCO_V1


class FasterRCNN_MobileNet_V3_Large_FPN_Weights(WeightsEnum):
    """Weights of :func:`fasterrcnn_mobilenet_v3_large_fpn`."""

    COCO_V1 = coco("fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth", 19_386_354, box_map=32.8)
    DEFAULT = COCO_V1


class FasterRCNN_MobileNet_V3_Large_320_FPN_Weights(WeightsEnum):
    """Weights of :func:`fasterrcnn_mobilenet_v3_large_320_fpn`."""

    COCO_V1 = coco("fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth", 19_386_354, box_map=22.8)
    DEFAULT = COCO_V1


def without_eps(model: nn.Module, state: dict[str, Any]) -> dict[str, Any]:
    """A state of before frozen normalizations added anything to the variance; so does the model, then."""
    overwrite_eps(model, 0.0)
    return state


def resnet50_body(start: Start, trainable_backbone_layers: int | None) -> tuple[Any, int]:
    """ResNet of 50 layers, whose normalizations are frozen where it has weights, and how many parts are trained."""
    trainable = _validate_trainable_layers(start.is_trained, trainable_backbone_layers, 5, 3)
    norm = FrozenBatchNorm2d if start.is_trained else nn.BatchNorm2d
    return resnet50(weights=start.weights, progress=start.progress, norm_layer=norm), trainable


def resnet50_body_v2(start: Start, trainable_backbone_layers: int | None) -> tuple[Any, int]:
    """ResNet of 50 layers, whose normalizations learn, and how many parts are trained."""
    trainable = _validate_trainable_layers(start.is_trained, trainable_backbone_layers, 5, 3)
    return resnet50(weights=start.weights, progress=start.progress), trainable


def heads_v2(backbone: BackboneWithFPN) -> dict[str, nn.Module]:
    """The heads of the second version: a deeper one for proposals, and convolutions with normalization for boxes."""
    anchors = _anchors_of_pyramid()
    channels = backbone.out_channels
    return {
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead((channels, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d),
    }


@builder(
    FasterRCNN_ResNet50_FPN_Weights, adapt=without_eps, backbone=(ResNet50_Weights, ResNet50_Weights.IMAGENET1K_V1)
)
def fasterrcnn_resnet50_fpn(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> FasterRCNN:
    """Faster R-CNN with a pyramid of ResNet-50.

    Args:
        num_classes (int, optional): classes with that of no object. Default: 91
        trainable_backbone_layers (int, optional): how many of the backbone's five parts are trained, from the last one
            on. Default: 3 where it has weights, else all
        kwargs: further arguments of `FasterRCNN`.
    """
    backbone = _resnet_fpn_extractor(*resnet50_body(start, trainable_backbone_layers))
    return FasterRCNN(backbone, num_classes or 91, **kwargs)


@builder(FasterRCNN_ResNet50_FPN_V2_Weights, backbone=(ResNet50_Weights, None))
def fasterrcnn_resnet50_fpn_v2(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> FasterRCNN:
    """Faster R-CNN with a pyramid of ResNet-50, second version; see :func:`fasterrcnn_resnet50_fpn`."""
    backbone = _resnet_fpn_extractor(*resnet50_body_v2(start, trainable_backbone_layers), norm_layer=nn.BatchNorm2d)
    return FasterRCNN(backbone, num_classes or 91, **{**heads_v2(backbone), **kwargs})


def _mobilenet(
    start: Start, num_classes: int | None, trainable_backbone_layers: int | None, **kwargs: Any
) -> FasterRCNN:
    trainable = _validate_trainable_layers(start.is_trained, trainable_backbone_layers, 6, 3)
    norm = FrozenBatchNorm2d if start.is_trained else nn.BatchNorm2d
    body: Any = mobilenet_v3_large(weights=start.weights, progress=start.progress, norm_layer=norm)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, (RATIOS,) * 3)
    backbone = _mobilenet_extractor(body, True, trainable)
    return FasterRCNN(backbone, num_classes or 91, rpn_anchor_generator=anchors, **kwargs)


MOBILENET = (MobileNet_V3_Large_Weights, MobileNet_V3_Large_Weights.IMAGENET1K_V1)


@builder(FasterRCNN_MobileNet_V3_Large_FPN_Weights, backbone=MOBILENET)
def fasterrcnn_mobilenet_v3_large_fpn(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> FasterRCNN:
    """Faster R-CNN with a pyramid of MobileNet, whose parts are six; see :func:`fasterrcnn_resnet50_fpn`."""
    kwargs = {"rpn_score_thresh": 0.05, **kwargs}
    return _mobilenet(start, num_classes, trainable_backbone_layers, **kwargs)


@builder(FasterRCNN_MobileNet_V3_Large_320_FPN_Weights, backbone=MOBILENET)
def fasterrcnn_mobilenet_v3_large_320_fpn(
    *, start: Start, num_classes: int | None = None, trainable_backbone_layers: int | None = None, **kwargs: Any
) -> FasterRCNN:
    """Faster R-CNN with a pyramid of MobileNet on small images; see :func:`fasterrcnn_mobilenet_v3_large_fpn`."""
    sizes = {"min_size": 320, "max_size": 640}
    few = {"rpn_pre_nms_top_n_test": 150, "rpn_post_nms_top_n_test": 150, "rpn_score_thresh": 0.05}
    return _mobilenet(start, num_classes, trainable_backbone_layers, **{**sizes, **few, **kwargs})


BUILDERS = (
    fasterrcnn_resnet50_fpn, fasterrcnn_resnet50_fpn_v2, fasterrcnn_mobilenet_v3_large_fpn,
    fasterrcnn_mobilenet_v3_large_320_fpn,
)  # fmt: skip

__all__ = [
    "FastRCNNConvFCHead", "FastRCNNPredictor", "FasterRCNN", "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights",
    "FasterRCNN_MobileNet_V3_Large_FPN_Weights", "FasterRCNN_ResNet50_FPN_V2_Weights",
    "FasterRCNN_ResNet50_FPN_Weights", "TwoMLPHead", "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
]  # fmt: skip
