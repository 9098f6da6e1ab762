"""EfficientNet and its second version.

Sources: Tan and Le, *EfficientNet: rethinking model scaling for convolutional neural networks* (2019) and
*EfficientNetV2: smaller models and faster training* (2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from ..ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth
from ..transforms import InterpolationMode
from .blocks import Layer, initialize, multiple_of
from .weights import WeightsEnum, builder, imagenet


class MBConvConfig:
    """What a stage of `MBConv` is like.

    Channels are multiplied by ``width_mult`` and made multiples of 8, the number of blocks is multiplied by
    ``depth_mult`` and rounded up.
    """

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Layer | None = None,
    ) -> None:
        self.expand_ratio, self.kernel, self.stride = expand_ratio, kernel, stride
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.num_layers = math.ceil(num_layers * depth_mult)
        self.block: Layer = block or MBConv

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The channels of a network of another width."""
        return multiple_of(channels * width_mult, 8)


class FusedMBConvConfig(MBConvConfig):
    """What a stage of `FusedMBConv` is like."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Layer | None = None,
    ) -> None:
        super().__init__(
            expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=block or FusedMBConv
        )


class _Residual(nn.Module):
    """Layers, whose result is dropped for some images of a batch and is added to the input where the shapes agree."""

    def __init__(self, cnf: MBConvConfig, layers: Sequence[nn.Module], stochastic_depth_prob: float) -> None:
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


def _check(stride: int) -> None:
    if stride not in (1, 2):
        raise ValueError(f"illegal stride value: 1 or 2 expected, got {stride}")


class MBConv(_Residual):
    """A convolution within each channel, squeeze and excitation, between one of 1x1 to more channels and one to few.

    Raises ValueError for a stride other than 1 and 2.
    """

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Layer,
        se_layer: Layer = SqueezeExcitation,
    ) -> None:
        _check(cnf.stride)
        like: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        hidden = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers: list[nn.Module] = []
        if hidden != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, hidden, 1, **like))
        layers.append(Conv2dNormActivation(hidden, hidden, cnf.kernel, cnf.stride, groups=hidden, **like))
        squeezed = max(1, cnf.input_channels // 4)
        layers.append(se_layer(hidden, squeezed, activation=partial(nn.SiLU, inplace=True)))
        like["activation_layer"] = None
        layers.append(Conv2dNormActivation(hidden, cnf.out_channels, 1, **like))
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """A full convolution to more channels and one of 1x1 to few.

    Raises ValueError for a stride other than 1 and 2.
    """

    def __init__(self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: Layer) -> None:
        _check(cnf.stride)
        like: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        hidden = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        first, layers = cnf.out_channels if hidden == cnf.input_channels else hidden, []
        layers.append(Conv2dNormActivation(cnf.input_channels, first, cnf.kernel, cnf.stride, **like))
        if hidden != cnf.input_channels:
            like["activation_layer"] = None
            layers.append(Conv2dNormActivation(hidden, cnf.out_channels, 1, **like))
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    r"""Stages of `MBConv` and `FusedMBConv`, a mean over the image, and a linear classifier.

    Args:
        inverted_residual_setting (list of MBConvConfig or FusedMBConvConfig): the stages.
        dropout (float): the probability of a feature to be dropped before the classifier.
        stochastic_depth_prob (float): the probability of the last block's to be dropped; that of the others grows from
            zero on. Default: 0.2
        num_classes (int): classes. Default: 1000
        norm_layer (optional): makes a normalization of so many channels.
        last_channel (int, optional): features before the classifier. Default: four times the channels before.

    Raises ValueError and TypeError for a setting that is empty or of another kind.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(setting, Sequence) or not all(isinstance(s, MBConvConfig) for s in setting):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm = norm_layer or nn.BatchNorm2d
        like: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.SiLU}
        stages: list[nn.Module] = [Conv2dNormActivation(3, setting[0].input_channels, stride=2, **like)]
        total, made = sum(config.num_layers for config in setting), 0
        for config in setting:
            stage = []
            for i in range(config.num_layers):
                own = copy(config)
                if i:
                    own.input_channels, own.stride = own.out_channels, 1
                stage.append(own.block(own, stochastic_depth_prob * float(made) / total, norm))
                made += 1
            stages.append(nn.Sequential(*stage))
        before = setting[-1].out_channels
        last = last_channel if last_channel is not None else 4 * before
        self.features = nn.Sequential(*stages, Conv2dNormActivation(before, last, 1, **like))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes))
        bound = 1.0 / math.sqrt(num_classes)
        initialize(self, lambda weight: nn.init.uniform_(weight, -bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return result


# Expansion, taps, stride, channels, channels after, blocks; whether the two convolutions are fused.
_B = (
    (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
)  # fmt: skip
_FUSED = {
    "s": ((1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)),
    "m": ((1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)),
    "l": ((1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)),
}
_PLAIN = {
    "s": ((4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)),
    "m": ((4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)),
    "l": ((4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)),
}


def _b(width_mult: float, depth_mult: float, dropout: float, eps: float | None = None, **kwargs: Any) -> EfficientNet:
    setting = [MBConvConfig(*stage, width_mult=width_mult, depth_mult=depth_mult) for stage in _B]
    if eps is not None:
        kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=eps, momentum=0.01))
    return EfficientNet(setting, kwargs.pop("dropout", dropout), **kwargs)


def _v2(size: str, dropout: float, **kwargs: Any) -> EfficientNet:
    fused = [FusedMBConvConfig(*stage) for stage in _FUSED[size]]
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=1e-03))
    return EfficientNet(
        [*fused, *(MBConvConfig(*stage) for stage in _PLAIN[size])], dropout, **kwargs, last_channel=1280
    )


class EfficientNet_B0_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b0`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b0_rwightman-7f5810bc.pth", 5_288_548, 77.692, 93.532, interpolation=InterpolationMode.BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b1`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b1_rwightman-bac287d4.pth",
        7_794_184,
        78.642,
        94.186,
        crop_size=240,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_V2 = imagenet("efficientnet_b1-c27df63c.pth", 7_794_184, 79.838, 94.934, crop_size=240, resize_size=255)
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b2`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b2_rwightman-c35c1473.pth",
        9_109_994,
        80.608,
        95.31,
        crop_size=288,
        resize_size=288,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b3`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b3_rwightman-b3899882.pth",
        12_233_232,
        82.008,
        96.054,
        crop_size=300,
        resize_size=320,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b4`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b4_rwightman-23ab8bcd.pth",
        19_341_616,
        83.384,
        96.594,
        crop_size=380,
        resize_size=384,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b5`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b5_lukemelas-1a07897c.pth",
        30_389_784,
        83.444,
        96.628,
        crop_size=456,
        resize_size=456,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b6`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b6_lukemelas-24a108a5.pth",
        43_040_704,
        84.008,
        96.916,
        crop_size=528,
        resize_size=528,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b7`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b7_lukemelas-c5b4e57e.pth",
        66_347_960,
        84.122,
        96.908,
        crop_size=600,
        resize_size=600,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_s`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_s-dd5fe13b.pth", 21_458_488, 84.228, 96.878, min_size=33, crop_size=384, resize_size=384
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_m`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_m-dc08266a.pth", 54_139_356, 85.112, 97.156, min_size=33, crop_size=480, resize_size=480
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_l`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_l-59c71312.pth",
        118_515_272,
        85.808,
        97.788,
        min_size=33,
        crop_size=480,
        resize_size=480,
        interpolation=InterpolationMode.BICUBIC,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    DEFAULT = IMAGENET1K_V1


@builder(EfficientNet_B0_Weights)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet B0; the arguments are those of `EfficientNet`."""
    return _b(1.0, 1.0, 0.2, **kwargs)


@builder(EfficientNet_B1_Weights)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet B1; the arguments are those of `EfficientNet`."""
    return _b(1.0, 1.1, 0.2, **kwargs)


@builder(EfficientNet_B2_Weights)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet B2; the arguments are those of `EfficientNet`."""
    return _b(1.1, 1.2, 0.3, **kwargs)


@builder(EfficientNet_B3_Weights)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet B3; the arguments are those of `EfficientNet`."""
    return _b(1.2, 1.4, 0.3, **kwargs)


@builder(EfficientNet_B4_Weights)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet B4; the arguments are those of `EfficientNet`."""
    return _b(1.4, 1.8, 0.4, **kwargs)


@builder(EfficientNet_B5_Weights)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet B5; the arguments are those of `EfficientNet`."""
    return _b(1.6, 2.2, 0.4, eps=0.001, **kwargs)


@builder(EfficientNet_B6_Weights)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet B6; the arguments are those of `EfficientNet`."""
    return _b(1.8, 2.6, 0.5, eps=0.001, **kwargs)


@builder(EfficientNet_B7_Weights)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet B7; the arguments are those of `EfficientNet`."""
    return _b(2.0, 3.1, 0.5, eps=0.001, **kwargs)


@builder(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """EfficientNet of version 2, size S; the arguments are those of `EfficientNet`."""
    return _v2("s", 0.2, **kwargs)


@builder(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """EfficientNet of version 2, size M; the arguments are those of `EfficientNet`."""
    return _v2("m", 0.3, **kwargs)


@builder(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """EfficientNet of version 2, size L; the arguments are those of `EfficientNet`."""
    return _v2("l", 0.4, **kwargs)


BUILDERS = (
    efficientnet_b0, efficientnet_b1, efficientnet_b2, efficientnet_b3, efficientnet_b4, efficientnet_b5,
    efficientnet_b6, efficientnet_b7, efficientnet_v2_s, efficientnet_v2_m, efficientnet_v2_l,
)  # fmt: skip

__all__ = [
    "EfficientNet", "EfficientNet_B0_Weights", "EfficientNet_B1_Weights", "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights", "EfficientNet_B4_Weights", "EfficientNet_B5_Weights", "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights", "EfficientNet_V2_L_Weights", "EfficientNet_V2_M_Weights", "EfficientNet_V2_S_Weights",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5",
    "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s",
]  # fmt: skip
