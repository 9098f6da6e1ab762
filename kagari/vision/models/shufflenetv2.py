"""ShuffleNet, second version: Ma et al., *ShuffleNet V2: practical guidelines for efficient CNN architecture design*
(2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from .blocks import Layer
from .weights import WeightsEnum, builder, imagenet


def _conv(inp: int, oup: int) -> list[nn.Module]:
    """A convolution of 1x1, normalized and cut off below zero."""
    return [nn.Conv2d(inp, oup, 1, bias=False), nn.BatchNorm2d(oup), nn.ReLU(inplace=True)]


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    """A convolution of 3x3 within each channel, normalized."""
    conv = nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)
    return [conv, nn.BatchNorm2d(channels)]


class InvertedResidual(nn.Module):
    """Two branches, each of half the channels, which are shuffled in the end; the first branch is the identity of one
    half of the input where the size stays.

    Raises ValueError for a stride other than 1, 2 and 3 and for numbers of channels that don't go with 1.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError(f"illegal stride value: 1 to 3 expected, got {stride}")
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If stride == 1 then inp "
                "should be equal to oup // 2 << 1."
            )
        self.stride = stride
        self.branch1 = nn.Sequential(*(_depthwise(inp, stride) + _conv(inp, half) if stride > 1 else ()))
        self.branch2 = nn.Sequential(
            *_conv(inp if stride > 1 else half, half), *_depthwise(half, stride), *_conv(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, 1) if self.stride == 1 else (self.branch1(x), x)
        return ops.channel_shuffle(ops.cat((kept, self.branch2(changed)), 1), 2)


class ShuffleNetV2(nn.Module):
    r"""A stem, three stages of blocks, a convolution of 1x1, a mean over the image, and a linear classifier.

    Args:
        stages_repeats (list of int): how many blocks each of three stages has.
        stages_out_channels (list of int): channels of the stem, of the stages, and of the last convolution.
        num_classes (int): classes. Default: 1000
        inverted_residual: makes a block.

    Raises ValueError for lists of other lengths.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Layer = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError(f"expected stages_repeats as list of 3 positive ints, got {stages_repeats}")
        if len(stages_out_channels) != 5:
            raise ValueError(f"expected stages_out_channels as list of 5 positive ints, got {stages_out_channels}")
        stem, *widths, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        for before, width, repeats in zip((stem, *widths), widths, stages_repeats):
            blocks = [inverted_residual(before, width, 2)]
            blocks += [inverted_residual(width, width, 1) for _ in range(repeats - 1)]
            stages.append(nn.Sequential(*blocks))
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = nn.Sequential(*_conv(widths[-1], last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        result: Tensor = self.fc(self.conv5(x).mean([2, 3]))
        return result


class ShuffleNet_V2_X0_5_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x0_5`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x0.5-f707e7126e.pth", 1_366_792, 60.552, 81.746)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_0_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x1_0`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x1-5666bf0f80.pth", 2_278_604, 69.362, 88.316)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_5_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x1_5`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x1_5-3c479a10.pth", 3_503_624, 72.996, 91.086, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X2_0_Weights(WeightsEnum):
    """Weights of :func:`shufflenet_v2_x2_0`."""

    IMAGENET1K_V1 = imagenet("shufflenetv2_x2_0-8be3c8ee.pth", 7_393_996, 76.23, 93.006, resize_size=232)
    DEFAULT = IMAGENET1K_V1


@builder(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet of 0.5 times the width; the arguments are those of `ShuffleNetV2`."""
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **kwargs)


@builder(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet of 1.0 times the width; the arguments are those of `ShuffleNetV2`."""
    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], **kwargs)


@builder(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet of 1.5 times the width; the arguments are those of `ShuffleNetV2`."""
    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], **kwargs)


@builder(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet of 2.0 times the width; the arguments are those of `ShuffleNetV2`."""
    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], **kwargs)


BUILDERS = (shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0)

__all__ = [
    "ShuffleNetV2", "ShuffleNet_V2_X0_5_Weights", "ShuffleNet_V2_X1_0_Weights", "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]  # fmt: skip
