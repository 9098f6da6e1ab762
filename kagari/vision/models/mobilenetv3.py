"""MobileNet, third version: Howard et al., *Searching for MobileNetV3* (2019)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from ..ops import Conv2dNormActivation, SqueezeExcitation
from .blocks import Layer, initialize, multiple_of
from .weights import WeightsEnum, builder, imagenet

_SQUEEZE = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidualConfig:
    """What a block is like. Channels are multiplied by ``width_mult`` and made multiples of 8; ``activation`` is
    ``"RE"`` or ``"HS"``."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride, self.dilation = stride, dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The channels of a network of another width."""
        return multiple_of(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """A convolution within each channel, squeeze and excitation, between one of 1x1 to more channels and one to few.

    It is added to its input where that has the same shape. Raises ValueError for a stride other than 1 and 2.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Layer,
        se_layer: Layer = _SQUEEZE,
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"illegal stride value: 1 or 2 expected, got {cnf.stride}")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels
        self.strided = cnf.stride > 1
        hidden = cnf.expanded_channels
        like: dict[str, Any] = {
            "norm_layer": norm_layer, "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU,
        }  # fmt: skip
        layers: list[nn.Module] = []
        if hidden != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, hidden, 1, **like))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        layers.append(
            Conv2dNormActivation(hidden, hidden, cnf.kernel, stride, dilation=cnf.dilation, groups=hidden, **like)
        )
        if cnf.use_se:
            layers.append(se_layer(hidden, multiple_of(hidden // 4, 8)))
        like["activation_layer"] = None
        self.block = nn.Sequential(*layers, Conv2dNormActivation(hidden, cnf.out_channels, 1, **like))

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.block(input)
        return result + input if self.use_res_connect else result


class MobileNetV3(nn.Module):
    r"""Inverted residuals, a mean over the image, and a classifier of two layers.

    Args:
        inverted_residual_setting (list of InvertedResidualConfig): the blocks.
        last_channel (int): features between the classifier's layers.
        num_classes (int): classes. Default: 1000
        block, norm_layer (optional): what makes a block, and a normalization; by default one of
            ``eps=0.001, momentum=0.01``.
        dropout (float): the probability of a feature to be dropped before the last layer. Default: 0.2

    Raises ValueError and TypeError for a setting that is empty or of another kind.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(setting, Sequence) or not all(isinstance(s, InvertedResidualConfig) for s in setting):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        make, norm = block or InvertedResidual, norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        like: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.Hardswish}
        last = setting[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, setting[0].input_channels, stride=2, **like),
            *[make(config, norm) for config in setting],
            Conv2dNormActivation(last, 6 * last, 1, **like),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self, partial(nn.init.normal_, std=0.01))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return result


# Channels, taps, expanded channels, channels after, squeeze and excitation, activation, stride. The last three blocks
# can be made narrower or dilated.
_LARGE = (
    (16, 3, 16, 16, False, "RE", 1), (16, 3, 64, 24, False, "RE", 2), (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2), (40, 5, 120, 40, True, "RE", 1), (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2), (80, 3, 200, 80, False, "HS", 1), (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1), (80, 3, 480, 112, True, "HS", 1), (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2), (160, 5, 960, 160, True, "HS", 1), (160, 5, 960, 160, True, "HS", 1),
)  # fmt: skip
_SMALL = (
    (16, 3, 16, 16, True, "RE", 2), (16, 3, 72, 24, False, "RE", 2), (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2), (40, 5, 240, 40, True, "HS", 1), (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1), (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2), (96, 5, 576, 96, True, "HS", 1), (96, 5, 576, 96, True, "HS", 1),
)  # fmt: skip


def _mobilenet(
    setting: Sequence[tuple[int, int, int, int, bool, str, int]],
    last_channel: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> MobileNetV3:
    less = 2 if reduced_tail else 1
    blocks, tail = [], len(setting) - 3
    for i, (before, kernel, expanded, after, use_se, activation, stride) in enumerate(setting):
        if i > tail:
            before, expanded = before // less, expanded // less
        if i >= tail:
            after //= less
        dilation = 2 if dilated and i >= tail else 1
        like = (use_se, activation, stride, dilation, width_mult)
        blocks.append(InvertedResidualConfig(before, kernel, expanded, after, *like))
    last = InvertedResidualConfig.adjust_channels(last_channel // less, width_mult)
    return MobileNetV3(blocks, last, **kwargs)


class MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v3_large`."""

    IMAGENET1K_V1 = imagenet("mobilenet_v3_large-8738ca79.pth", 5_483_032, 74.042, 91.34)
    IMAGENET1K_V2 = imagenet("mobilenet_v3_large-5c1a4163.pth", 5_483_032, 75.274, 92.566, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class MobileNet_V3_Small_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v3_small`."""

    IMAGENET1K_V1 = imagenet("mobilenet_v3_small-047dcff4.pth", 2_542_856, 67.668, 87.402)
    DEFAULT = IMAGENET1K_V1


@builder(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """MobileNet of version 3, large; the arguments are those of `MobileNetV3`, and ``width_mult``, ``reduced_tail``,
    ``dilated``."""
    return _mobilenet(_LARGE, 1280, **kwargs)


@builder(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """MobileNet of version 3, small; the arguments are those of `MobileNetV3`, and ``width_mult``, ``reduced_tail``,
    ``dilated``."""
    return _mobilenet(_SMALL, 1024, **kwargs)


BUILDERS = (mobilenet_v3_large, mobilenet_v3_small)

__all__ = [
    "MobileNetV3", "MobileNet_V3_Large_Weights", "MobileNet_V3_Small_Weights", "mobilenet_v3_large",
    "mobilenet_v3_small",
]  # fmt: skip
