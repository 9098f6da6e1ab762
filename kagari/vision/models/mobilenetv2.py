"""MobileNet, second version: Sandler et al., *MobileNetV2: inverted residuals and linear bottlenecks* (2018)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from ..ops import Conv2dNormActivation
from .blocks import Layer, initialize, multiple_of
from .weights import WeightsEnum, builder, imagenet

# Expansion, channels, blocks, stride of the first.
_SETTING = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


class InvertedResidual(nn.Module):
    """A convolution of 3x3 within each channel, between one of 1x1 to more channels and one to few.

    It is added to its input where that has the same shape. Raises ValueError for a stride other than 1 and 2.
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Layer | None = None) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        like: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.ReLU6}
        expand = [Conv2dNormActivation(inp, hidden, 1, **like)] if expand_ratio != 1 else []
        self.conv = nn.Sequential(
            *expand,
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **like),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm(oup),
        )
        self.stride, self.out_channels = stride, oup
        self.strided = stride > 1
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return x + result if self.use_res_connect else result


class MobileNetV2(nn.Module):
    r"""Inverted residuals, a mean over the image, and a linear classifier.

    Args:
        num_classes (int): classes. Default: 1000
        width_mult (float): a factor on all numbers of channels. Default: 1.0
        inverted_residual_setting (list, optional): for each stage: expansion, channels, blocks, stride of the first.
        round_nearest (int): numbers of channels are multiples of it. Default: 8
        block, norm_layer (optional): what makes a block, and a normalization.
        dropout (float): the probability of a feature to be dropped before the classifier. Default: 0.2

    Raises ValueError for a setting that is not a list of lists of four.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        make, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if len(setting) == 0 or len(setting[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {inverted_residual_setting}"
            )
        channels = multiple_of(32 * width_mult, round_nearest)
        self.last_channel = multiple_of(1280 * max(1.0, width_mult), round_nearest)
        like: dict[str, Any] = {"norm_layer": norm, "activation_layer": nn.ReLU6}
        features: list[nn.Module] = [Conv2dNormActivation(3, channels, stride=2, **like)]
        for expansion, width, blocks, stride in setting:
            out = multiple_of(width * width_mult, round_nearest)
            for i in range(blocks):
                features.append(make(channels, out, stride if i == 0 else 1, expand_ratio=expansion, norm_layer=norm))
                channels = out
        self.features = nn.Sequential(*features, Conv2dNormActivation(channels, self.last_channel, 1, **like))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        initialize(self, partial(nn.init.normal_, std=0.01))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1)).flatten(1))
        return result


class MobileNet_V2_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v2`."""

    IMAGENET1K_V1 = imagenet("mobilenet_v2-b0353104.pth", 3_504_872, 71.878, 90.286)
    IMAGENET1K_V2 = imagenet("mobilenet_v2-7ebf99e0.pth", 3_504_872, 72.154, 90.822, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@builder(MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNet of version 2; the arguments are those of `MobileNetV2`."""
    return MobileNetV2(**kwargs)


BUILDERS = (mobilenet_v2,)

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]
