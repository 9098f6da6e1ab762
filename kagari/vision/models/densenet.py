"""Densely connected networks: Huang et al., *Densely connected convolutional networks* (2017)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import functional as F
from .blocks import zero_bias
from .weights import WeightsEnum, builder, imagenet

# In files that were written when names of modules could have dots in them.
_OLD_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12]\.)")


class _DenseLayer(nn.Module):
    """A convolution of 1x1 and one of 3x3, which makes the new channels of all that were made before."""

    def __init__(self, channels: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.relu1(self.norm1(x)))
        x = self.conv2(self.relu2(self.norm2(x)))
        return F.dropout(x, self.drop_rate, self.training) if self.drop_rate > 0 else x


class _DenseBlock(nn.ModuleDict):
    """Layers, each of which sees the channels of all before it; they are put behind each other."""

    def __init__(self, layers: int, channels: int, bn_size: int, growth_rate: int, drop_rate: float) -> None:
        super().__init__()
        for i in range(layers):
            self[f"denselayer{i + 1}"] = _DenseLayer(channels + i * growth_rate, growth_rate, bn_size, drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.values():
            x = ops.cat([x, layer(x)], 1)
        return x


class _Transition(nn.Sequential):
    """Brings the channels to half as many, and the size to half."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2, stride=2)


class DenseNet(nn.Module):
    r"""A stem, dense blocks with transitions between them, and a linear classifier.

    Args:
        growth_rate (int): how many channels each layer adds. Default: 32
        block_config (tuple of int): how many layers each block has. Default: ``(6, 12, 24, 16)``
        num_init_features (int): channels of the stem. Default: 64
        bn_size (int): how many times ``growth_rate`` there are between a layer's two convolutions. Default: 4
        drop_rate (float): the probability of a new feature to be dropped. Default: 0
        num_classes (int): classes. Default: 1000
        memory_efficient (bool): is taken, and changes nothing.

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 29x29. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        channels = num_init_features
        self.features = nn.Sequential()
        self.features.conv0 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.features.norm0 = nn.BatchNorm2d(channels)
        self.features.relu0 = nn.ReLU(inplace=True)
        self.features.pool0 = nn.MaxPool2d(3, stride=2, padding=1)
        for i, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate)
            self.features.add_module(f"denseblock{i}", block)
            channels += layers * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(channels))
                channels //= 2
        self.features.norm5 = nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        zero_bias(self.classifier)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x), inplace=True)
        result: Tensor = self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return result


def _renamed(model: DenseNet, state: dict[str, Any]) -> dict[str, Any]:
    """What is in a file, under the names of today."""
    return {_OLD_NAME.sub(r"\1\2", name): value for name, value in state.items()}


class DenseNet121_Weights(WeightsEnum):
    """Weights of :func:`densenet121`."""

    IMAGENET1K_V1 = imagenet("densenet121-a639ec97.pth", 7_978_856, 74.434, 91.972, min_size=29)
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    """Weights of :func:`densenet161`."""

    IMAGENET1K_V1 = imagenet("densenet161-8d451a50.pth", 28_681_000, 77.138, 93.56, min_size=29)
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    """Weights of :func:`densenet169`."""

    IMAGENET1K_V1 = imagenet("densenet169-b2777c0a.pth", 14_149_480, 75.6, 92.806, min_size=29)
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    """Weights of :func:`densenet201`."""

    IMAGENET1K_V1 = imagenet("densenet201-c1103571.pth", 20_013_928, 76.896, 93.37, min_size=29)
    DEFAULT = IMAGENET1K_V1


@builder(DenseNet121_Weights, adapt=_renamed)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet of 121 layers; the arguments are those of `DenseNet`."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@builder(DenseNet161_Weights, adapt=_renamed)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet of 161 layers, 48 channels each; the arguments are those of `DenseNet`."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@builder(DenseNet169_Weights, adapt=_renamed)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet of 169 layers; the arguments are those of `DenseNet`."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@builder(DenseNet201_Weights, adapt=_renamed)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet of 201 layers; the arguments are those of `DenseNet`."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)


BUILDERS = (densenet121, densenet161, densenet169, densenet201)

__all__ = [
    "DenseNet", "DenseNet121_Weights", "DenseNet161_Weights", "DenseNet169_Weights", "DenseNet201_Weights",
    "densenet121", "densenet161", "densenet169", "densenet201",
]  # fmt: skip
