"""Networks of 3x3 convolutions: Simonyan and Zisserman, *Very deep convolutional networks for large-scale image
recognition* (2015)."""

from __future__ import annotations

from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from .blocks import initialize
from .weights import WeightsEnum, builder, features, imagenet

# The channels of the convolutions of each stage; a maximum of 2x2 ends a stage.
_STAGES = {
    11: ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2),
    13: ((64,) * 2, (128,) * 2, (256,) * 2, (512,) * 2, (512,) * 2),
    16: ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    19: ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}


class VGG(nn.Module):
    r"""Features, a mean over a grid of 7x7, and three linear layers.

    Args:
        features (Module): makes 512 channels of an image.
        num_classes (int): classes. Default: 1000
        init_weights (bool): whether weights are drawn as the paper's authors did. Default: ``True``
        dropout (float): the probability of each feature to be dropped between linear layers. Default: 0.5

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 32x32. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(True), nn.Dropout(dropout),
            nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        if init_weights:
            initialize(self, partial(nn.init.normal_, std=0.01))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return result


def _vgg(depth: int, batch_norm: bool, **kwargs: Any) -> VGG:
    layers: list[nn.Module] = []
    channels = 3
    for stage in _STAGES[depth]:
        for width in stage:
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.MaxPool2d(2, stride=2))
    return VGG(nn.Sequential(*layers), **kwargs)


class VGG11_Weights(WeightsEnum):
    """Weights of :func:`vgg11`."""

    IMAGENET1K_V1 = imagenet("vgg11-8a719046.pth", 132_863_336, 69.02, 88.628, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg11_bn`."""

    IMAGENET1K_V1 = imagenet("vgg11_bn-6002323d.pth", 132_868_840, 70.37, 89.81, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    """Weights of :func:`vgg13`."""

    IMAGENET1K_V1 = imagenet("vgg13-19584684.pth", 133_047_848, 69.928, 89.246, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg13_bn`."""

    IMAGENET1K_V1 = imagenet("vgg13_bn-abd245e5.pth", 133_053_736, 71.586, 90.374, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    """Weights of :func:`vgg16`."""

    IMAGENET1K_V1 = imagenet("vgg16-397923af.pth", 138_357_544, 71.592, 90.382, min_size=32)
    IMAGENET1K_FEATURES = features("vgg16_features-amdegroot-88682ab5.pth", 138_357_544, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg16_bn`."""

    IMAGENET1K_V1 = imagenet("vgg16_bn-6c64b313.pth", 138_365_992, 73.36, 91.516, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    """Weights of :func:`vgg19`."""

    IMAGENET1K_V1 = imagenet("vgg19-dcbb9e9d.pth", 143_667_240, 72.376, 90.876, min_size=32)
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg19_bn`."""

    IMAGENET1K_V1 = imagenet("vgg19_bn-c79401a0.pth", 143_678_248, 74.218, 91.842, min_size=32)
    DEFAULT = IMAGENET1K_V1


@builder(VGG11_Weights)
def vgg11(**kwargs: Any) -> VGG:
    """VGG of 11 layers; the arguments are those of `VGG`."""
    return _vgg(11, False, **kwargs)


@builder(VGG11_BN_Weights)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG of 11 layers with batch normalization; the arguments are those of `VGG`."""
    return _vgg(11, True, **kwargs)


@builder(VGG13_Weights)
def vgg13(**kwargs: Any) -> VGG:
    """VGG of 13 layers; the arguments are those of `VGG`."""
    return _vgg(13, False, **kwargs)


@builder(VGG13_BN_Weights)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG of 13 layers with batch normalization; the arguments are those of `VGG`."""
    return _vgg(13, True, **kwargs)


@builder(VGG16_Weights)
def vgg16(**kwargs: Any) -> VGG:
    """VGG of 16 layers; the arguments are those of `VGG`."""
    return _vgg(16, False, **kwargs)


@builder(VGG16_BN_Weights)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG of 16 layers with batch normalization; the arguments are those of `VGG`."""
    return _vgg(16, True, **kwargs)


@builder(VGG19_Weights)
def vgg19(**kwargs: Any) -> VGG:
    """VGG of 19 layers; the arguments are those of `VGG`."""
    return _vgg(19, False, **kwargs)


@builder(VGG19_BN_Weights)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG of 19 layers with batch normalization; the arguments are those of `VGG`."""
    return _vgg(19, True, **kwargs)


BUILDERS = (vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn)

__all__ = [
    "VGG", "VGG11_BN_Weights", "VGG11_Weights", "VGG13_BN_Weights", "VGG13_Weights", "VGG16_BN_Weights",
    "VGG16_Weights", "VGG19_BN_Weights", "VGG19_Weights", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn",
    "vgg19", "vgg19_bn",
]  # fmt: skip
