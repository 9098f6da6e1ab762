"""Networks of few parameters: Iandola et al., *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
model size* (2016)."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from .blocks import zero_bias
from .weights import WeightsEnum, builder, imagenet


class Fire(nn.Module):
    """A convolution of 1x1 to few channels, then one of 1x1 and one of 3x3 beside each other."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        near = self.expand1x1_activation(self.expand1x1(x))
        return ops.cat([near, self.expand3x3_activation(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    r"""Fire modules between maxima; the classifier is a convolution of 1x1 and a mean.

    Args:
        version (str): ``"1_0"``, as in the paper, or ``"1_1"``, with fewer operations. Default: ``"1_0"``
        num_classes (int): classes. Default: 1000
        dropout (float): the probability of a feature to be dropped before the classifier. Default: 0.5

    Raises ValueError for another version.

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 21x21 or 17x17. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes

        def shrink() -> nn.Module:
            return nn.MaxPool2d(3, stride=2, ceil_mode=True)

        if version == "1_0":
            self.features = nn.Sequential(
                nn.Conv2d(3, 96, 7, stride=2), nn.ReLU(inplace=True), shrink(),
                Fire(96, 16, 64, 64), Fire(128, 16, 64, 64), Fire(128, 32, 128, 128), shrink(),
                Fire(256, 32, 128, 128), Fire(256, 48, 192, 192), Fire(384, 48, 192, 192), Fire(384, 64, 256, 256),
                shrink(), Fire(512, 64, 256, 256),
            )  # fmt: skip
        elif version == "1_1":
            self.features = nn.Sequential(
                nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(inplace=True), shrink(),
                Fire(64, 16, 64, 64), Fire(128, 16, 64, 64), shrink(),
                Fire(128, 32, 128, 128), Fire(256, 32, 128, 128), shrink(),
                Fire(256, 48, 192, 192), Fire(384, 48, 192, 192), Fire(384, 64, 256, 256), Fire(512, 64, 256, 256),
            )  # fmt: skip
        else:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                zero_bias(module)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.features(x)).flatten(1)
        return result


class SqueezeNet1_0_Weights(WeightsEnum):
    """Weights of :func:`squeezenet1_0`."""

    IMAGENET1K_V1 = imagenet("squeezenet1_0-b66bff10.pth", 1_248_424, 58.092, 80.42, min_size=21)
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    """Weights of :func:`squeezenet1_1`."""

    IMAGENET1K_V1 = imagenet("squeezenet1_1-b8a52dc0.pth", 1_235_496, 58.178, 80.624, min_size=17)
    DEFAULT = IMAGENET1K_V1


@builder(SqueezeNet1_0_Weights)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet as in the paper; the arguments are those of `SqueezeNet`."""
    return SqueezeNet("1_0", **kwargs)


@builder(SqueezeNet1_1_Weights)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet of version 1.1, with 2.4 times fewer operations; the arguments are those of `SqueezeNet`."""
    return SqueezeNet("1_1", **kwargs)


BUILDERS = (squeezenet1_0, squeezenet1_1)

__all__ = ["SqueezeNet", "SqueezeNet1_0_Weights", "SqueezeNet1_1_Weights", "squeezenet1_0", "squeezenet1_1"]
