"""MNASNet: Tan et al., *MnasNet: platform-aware neural architecture search for mobile* (2019)."""

from __future__ import annotations

from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from .blocks import initialize, multiple_of
from .weights import WeightsEnum, builder, imagenet

_MOMENTUM = 1 - 0.9997

# Channels, taps, stride of the first, expansion, blocks.
_STAGES = ((24, 3, 2, 3, 3), (40, 5, 2, 3, 3), (80, 5, 2, 6, 3), (96, 3, 1, 6, 2), (192, 5, 2, 6, 4), (320, 3, 1, 6, 1))


def _conv(inp: int, oup: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size but for the stride, and its normalization."""
    conv = nn.Conv2d(inp, oup, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(oup, momentum=_MOMENTUM)]


class _InvertedResidual(nn.Module):
    """A convolution within each channel, between one of 1x1 to more channels and one to few.

    It is added to its input where that has the same shape.
    """

    def __init__(self, inp: int, oup: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inp * expansion
        self.apply_residual = inp == oup and stride == 1
        self.layers = nn.Sequential(
            *_conv(inp, hidden), nn.ReLU(inplace=True),
            *_conv(hidden, hidden, kernel, stride, hidden), nn.ReLU(inplace=True),
            *_conv(hidden, oup),
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.layers(input)
        return result + input if self.apply_residual else result


class MNASNet(nn.Module):
    r"""Inverted residuals, a mean over the image, and a linear classifier.

    Args:
        alpha (float): a factor on the numbers of channels.
        num_classes (int): classes. Default: 1000
        dropout (float): the probability of a feature to be dropped before the classifier. Default: 0.2

    Raises ValueError for a factor that is not positive.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.models import MNASNet
        >>> tuple(MNASNet(0.5, num_classes=10)(torch.rand(2, 3, 32, 32)).shape)
        (2, 10)
    """

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha, self.num_classes = alpha, num_classes
        stem, channels = multiple_of(32 * alpha, 8), multiple_of(16 * alpha, 8)
        layers: list[nn.Module] = [
            *_conv(3, stem, 3, 2), nn.ReLU(inplace=True), *_conv(stem, stem, 3, groups=stem), nn.ReLU(inplace=True),
            *_conv(stem, channels),
        ]  # fmt: skip
        for width, kernel, stride, expansion, blocks in _STAGES:
            out = multiple_of(width * alpha, 8)
            stage = [_InvertedResidual(channels, out, kernel, stride, expansion)]
            stage += [_InvertedResidual(out, out, kernel, 1, expansion) for _ in range(blocks - 1)]
            layers.append(nn.Sequential(*stage))
            channels = out
        self.layers = nn.Sequential(*layers, *_conv(channels, 1280), nn.ReLU(inplace=True))
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes))
        initialize(self, partial(nn.init.kaiming_uniform_, mode="fan_out", nonlinearity="sigmoid"))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.layers(x).mean([2, 3]))
        return result


class MNASNet0_5_Weights(WeightsEnum):
    """Weights of :func:`mnasnet0_5`."""

    IMAGENET1K_V1 = imagenet("mnasnet0.5_top1_67.823-3ffadce67e.pth", 2_218_512, 67.734, 87.49)
    DEFAULT = IMAGENET1K_V1


class MNASNet0_75_Weights(WeightsEnum):
    """Weights of :func:`mnasnet0_75`."""

    IMAGENET1K_V1 = imagenet("mnasnet0_75-7090bc5f.pth", 3_170_208, 71.18, 90.496, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class MNASNet1_0_Weights(WeightsEnum):
    """Weights of :func:`mnasnet1_0`."""

    IMAGENET1K_V1 = imagenet("mnasnet1.0_top1_73.512-f206786ef8.pth", 4_383_312, 73.456, 91.51)
    DEFAULT = IMAGENET1K_V1


class MNASNet1_3_Weights(WeightsEnum):
    """Weights of :func:`mnasnet1_3`."""

    IMAGENET1K_V1 = imagenet("mnasnet1_3-a4c69d6f.pth", 6_282_256, 76.506, 93.522, resize_size=232)
    DEFAULT = IMAGENET1K_V1


@builder(MNASNet0_5_Weights)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet of 0.5 times the width; the arguments are those of `MNASNet`."""
    return MNASNet(0.5, **kwargs)


@builder(MNASNet0_75_Weights)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet of 0.75 times the width; the arguments are those of `MNASNet`."""
    return MNASNet(0.75, **kwargs)


@builder(MNASNet1_0_Weights)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet of 1.0 times the width; the arguments are those of `MNASNet`."""
    return MNASNet(1.0, **kwargs)


@builder(MNASNet1_3_Weights)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet of 1.3 times the width; the arguments are those of `MNASNet`."""
    return MNASNet(1.3, **kwargs)


BUILDERS = (mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3)

__all__ = [
    "MNASNet", "MNASNet0_5_Weights", "MNASNet0_75_Weights", "MNASNet1_0_Weights", "MNASNet1_3_Weights", "mnasnet0_5",
    "mnasnet0_75", "mnasnet1_0", "mnasnet1_3",
]  # fmt: skip
