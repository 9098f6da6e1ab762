"""Classifiers as what detectors take features from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ....eager import Tensor
from ...ops import FeaturePyramidNetwork, FrozenBatchNorm2d
from ...ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool, LastLevelP6P7
from .. import mobilenetv2, mobilenetv3, resnet
from .._utils import IntermediateLayerGetter
from ..mobilenetv2 import MobileNetV2
from ..mobilenetv3 import MobileNetV3
from ..resnet import ResNet
from ..weights import WeightsEnum

Layer = Callable[..., nn.Module]


class BackboneWithFPN(nn.Module):
    """Layers of a model, and a pyramid of their features.

    Args:
        backbone (Module): the model.
        return_layers (dict): names of its layers, and for each the name of its map.
        in_channels_list (list of int): channels of these.
        out_channels (int): channels of the pyramid's maps.
        extra_blocks (ExtraFPNBlock, optional): makes further levels. Default: `LastLevelMaxPool`
        norm_layer (callable, optional): the pyramid's normalization. Default: none
    """

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: dict[str, str],
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers)
        extra = LastLevelMaxPool() if extra_blocks is None else extra_blocks
        self.fpn = FeaturePyramidNetwork(in_channels_list, out_channels, extra, norm_layer)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        made: dict[str, Tensor] = self.fpn(self.body(x))
        return made


def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: WeightsEnum | None,
    norm_layer: Layer = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """A residual network with a pyramid.

    Args:
        backbone_name (str): the function that builds it, as ``"resnet50"``.
        weights (WeightsEnum, optional): its weights.
        norm_layer (callable): its normalization. Default: `FrozenBatchNorm2d`
        trainable_layers (int): how many of its five parts are trained, from the last one on. Default: 3
        returned_layers (list of int, optional): which of its four stages the pyramid has. Default: all
        extra_blocks (ExtraFPNBlock, optional): makes further levels.

    Raises ValueError for stages and numbers of parts that there are not.

    >>> from kagari.vision.models.detection.backbone_utils import resnet_fpn_backbone
    >>> resnet_fpn_backbone(backbone_name="resnet18", weights=None).out_channels
    256
    """
    backbone = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _resnet_fpn_extractor(backbone, trainable_layers, returned_layers, extra_blocks)


def _resnet_fpn_extractor(
    backbone: ResNet,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Layer | None = None,
) -> BackboneWithFPN:
    """See :func:`resnet_fpn_backbone`."""
    _check_trainable(trainable_layers, 5)
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    if trainable_layers == 5:
        trained.append("bn1")
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(trained)):
            parameter.requires_grad_(False)
    stages = returned_layers or [1, 2, 3, 4]
    if min(stages) <= 0 or max(stages) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {returned_layers}")
    channels = [backbone.inplanes // 8 * 2 ** (stage - 1) for stage in stages]
    names = {f"layer{stage}": str(k) for k, stage in enumerate(stages)}
    return BackboneWithFPN(backbone, names, channels, 256, extra_blocks, norm_layer)


def mobilenet_backbone(
    *,
    backbone_name: str,
    weights: WeightsEnum | None,
    fpn: bool,
    norm_layer: Layer = FrozenBatchNorm2d,
    trainable_layers: int = 2,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> nn.Module:
    """A MobileNet with a pyramid, or with one map of 256 channels.

    Args:
        backbone_name (str): the function that builds it, as ``"mobilenet_v3_large"``.
        weights (WeightsEnum, optional): its weights.
        fpn (bool): whether there is a pyramid.
        norm_layer (callable): its normalization. Default: `FrozenBatchNorm2d`
        trainable_layers (int): how many of its stages are trained, from the last one on. Default: 2
        returned_layers (list of int, optional): which of its stages the pyramid has. Default: the last two
        extra_blocks (ExtraFPNBlock, optional): makes further levels.

    Raises ValueError for stages that there are not.
    """
    builders = {**vars(mobilenetv2), **vars(mobilenetv3)}
    backbone = builders[backbone_name](weights=weights, norm_layer=norm_layer)
    return _mobilenet_extractor(backbone, fpn, trainable_layers, returned_layers, extra_blocks)


def mobilenet_stages(features: nn.Sequential) -> list[int]:
    """Where the stages of a MobileNet begin: its first layer, the blocks of stride 2, and its last layer."""
    strided = [k for k, block in enumerate(features) if getattr(block, "strided", False)]
    return [0, *strided, len(features) - 1]


def freeze_before(layers: Sequence[nn.Module], end: int) -> None:
    """Keeps the parameters of the layers before one from being trained."""
    for layer in layers[:end]:
        for parameter in layer.parameters():
            parameter.requires_grad_(False)


def _mobilenet_extractor(
    backbone: MobileNetV2 | MobileNetV3,
    fpn: bool,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Layer | None = None,
) -> nn.Module:
    """See :func:`mobilenet_backbone`."""
    features: Any = backbone.features
    stages = mobilenet_stages(features)
    count = len(stages)
    _check_trainable(trainable_layers, count)
    freeze_before(list(features), stages[count - trainable_layers] if trainable_layers else len(features))
    if not fpn:
        made = nn.Sequential(features, nn.Conv2d(features[-1].out_channels, 256, 1))
        made.out_channels = 256
        return made
    returned = returned_layers or [count - 2, count - 1]
    if min(returned) < 0 or max(returned) >= count:
        raise ValueError(f"Each returned layer should be in the range [0,{count - 1}], got {returned} ")
    channels = [features[stages[k]].out_channels for k in returned]
    names = {str(stages[k]): str(i) for i, k in enumerate(returned)}
    return BackboneWithFPN(features, names, channels, 256, extra_blocks, norm_layer)


def _check_trainable(layers: int, most: int) -> None:
    if not 0 <= layers <= most:
        raise ValueError(f"Trainable layers should be in the range [0,{most}], got {layers} ")


def _validate_trainable_layers(
    is_trained: bool, trainable_backbone_layers: int | None, max_value: int, default_value: int
) -> int:
    """How many parts of a backbone are trained: all where it has no weights yet, and a number that is usual else.

    Raises ValueError for another number than there are parts.
    """
    if not is_trained:
        if trainable_backbone_layers is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have "
                f"been set to True, falling back to trainable_backbone_layers={max_value} so that all layers are "
                "trainable",
                stacklevel=3,
            )
        trainable_backbone_layers = max_value
    if trainable_backbone_layers is None:
        trainable_backbone_layers = default_value
    _check_trainable(trainable_backbone_layers, max_value)
    return trainable_backbone_layers


# Those with an underscore are torchvision's names, which programs use.
__all__ = [
    "BackboneWithFPN", "LastLevelMaxPool", "LastLevelP6P7", "_mobilenet_extractor", "_resnet_fpn_extractor",
    "_validate_trainable_layers", "freeze_before", "mobilenet_backbone", "mobilenet_stages", "resnet_fpn_backbone",
]  # fmt: skip
