"""Residual networks: ResNet, ResNeXt, wide ResNet.

Sources: He et al., *Deep residual learning for image recognition* (2016); Xie et al., *Aggregated residual
transformations for deep neural networks* (2017); Zagoruyko and Komodakis, *Wide residual networks* (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...eager import Tensor
from .blocks import Layer, initialize
from .weights import WeightsEnum, builder, imagenet


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution of 3x3 without bias; at stride 1 it keeps the size."""
    like: dict[str, Any] = {"padding": dilation, "groups": groups, "bias": False, "dilation": dilation}
    return nn.Conv2d(in_planes, out_planes, 3, stride, **like)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A convolution of 1x1 without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class _Block(nn.Module):
    """A residual block: what `residual` computes, added to the input, which `downsample` brings to its shape."""

    downsample: nn.Module | None
    relu: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(self.residual(x) + identity)
        return result

    def residual(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class BasicBlock(_Block):
    """Two convolutions of 3x3 beside the identity.

    Raises ValueError for groups or another width, NotImplementedError for dilation.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def residual(self, x: Tensor) -> Tensor:
        """What is added to the input."""
        result: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return result


class Bottleneck(_Block):
    """A convolution of 3x3 between two of 1x1, the last of which has four times the channels, beside the identity.

    The stride is that of the middle one: this is ResNet v1.5.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def residual(self, x: Tensor) -> Tensor:
        """What is added to the input."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        result: Tensor = self.bn3(self.conv3(x))
        return result


class ResNet(nn.Module):
    r"""A residual network: a stem, four stages of blocks, each but the first at half the size, and a classifier.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        layers (list of int): how many blocks each stage has.
        num_classes (int): classes. Default: 1000
        zero_init_residual (bool): whether each block starts as the identity. Default: ``False``
        groups, width_per_group (int): of the blocks' middle convolution. Default: 1, 64
        replace_stride_with_dilation (list of bool, optional): for the last three stages, whether the size is kept and
            taps lie further apart instead.
        norm_layer: makes a normalization of so many channels. Default: ``nn.BatchNorm2d``

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.models.resnet import BasicBlock, ResNet
        >>> tuple(ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)(torch.randn(2, 3, 32, 32)).shape)
        (2, 10)
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        dilates = (False, False, False) if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilates) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilates[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilates[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilates[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
                    if last.weight is not None:
                        nn.init.zeros_(last.weight)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        """A stage."""
        downsample, first_dilation, outplanes = None, self.dilation, planes * block.expansion
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        if stride != 1 or self.inplanes != outplanes:
            downsample = nn.Sequential(conv1x1(self.inplanes, outplanes, stride), self._norm_layer(outplanes))
        like = (self.groups, self.base_width)
        made = [block(self.inplanes, planes, stride, downsample, *like, first_dilation, self._norm_layer)]
        self.inplanes = outplanes
        made += [block(outplanes, planes, 1, None, *like, self.dilation, self._norm_layer) for _ in range(1, blocks)]
        return nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result


class ResNet18_Weights(WeightsEnum):
    """Weights of :func:`resnet18`."""

    IMAGENET1K_V1 = imagenet("resnet18-f37072fd.pth", 11_689_512, 69.758, 89.078)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    """Weights of :func:`resnet34`."""

    IMAGENET1K_V1 = imagenet("resnet34-b627a593.pth", 21_797_672, 73.314, 91.42)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    """Weights of :func:`resnet50`."""

    IMAGENET1K_V1 = imagenet("resnet50-0676ba61.pth", 25_557_032, 76.13, 92.862)
    IMAGENET1K_V2 = imagenet("resnet50-11ad3fa6.pth", 25_557_032, 80.858, 95.434, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    """Weights of :func:`resnet101`."""

    IMAGENET1K_V1 = imagenet("resnet101-63fe2227.pth", 44_549_160, 77.374, 93.546)
    IMAGENET1K_V2 = imagenet("resnet101-cd907fc2.pth", 44_549_160, 81.886, 95.78, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    """Weights of :func:`resnet152`."""

    IMAGENET1K_V1 = imagenet("resnet152-394f9c45.pth", 60_192_808, 78.312, 94.046)
    IMAGENET1K_V2 = imagenet("resnet152-f82ba261.pth", 60_192_808, 82.284, 96.002, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt50_32X4D_Weights(WeightsEnum):
    """Weights of :func:`resnext50_32x4d`."""

    IMAGENET1K_V1 = imagenet("resnext50_32x4d-7cdf4587.pth", 25_028_904, 77.618, 93.698)
    IMAGENET1K_V2 = imagenet("resnext50_32x4d-1a0047aa.pth", 25_028_904, 81.198, 95.34, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_32X8D_Weights(WeightsEnum):
    """Weights of :func:`resnext101_32x8d`."""

    IMAGENET1K_V1 = imagenet("resnext101_32x8d-8ba56ff5.pth", 88_791_336, 79.312, 94.526)
    IMAGENET1K_V2 = imagenet("resnext101_32x8d-110c445d.pth", 88_791_336, 82.834, 96.228, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_64X4D_Weights(WeightsEnum):
    """Weights of :func:`resnext101_64x4d`."""

    IMAGENET1K_V1 = imagenet("resnext101_64x4d-173b62eb.pth", 83_455_272, 83.246, 96.454, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class Wide_ResNet50_2_Weights(WeightsEnum):
    """Weights of :func:`wide_resnet50_2`."""

    IMAGENET1K_V1 = imagenet("wide_resnet50_2-95faca4d.pth", 68_883_240, 78.468, 94.086)
    IMAGENET1K_V2 = imagenet("wide_resnet50_2-9ba9bcbe.pth", 68_883_240, 81.602, 95.758, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet101_2_Weights(WeightsEnum):
    """Weights of :func:`wide_resnet101_2`."""

    IMAGENET1K_V1 = imagenet("wide_resnet101_2-32ee1156.pth", 126_886_696, 78.848, 94.284)
    IMAGENET1K_V2 = imagenet("wide_resnet101_2-d733dc28.pth", 126_886_696, 82.51, 96.02, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@builder(ResNet18_Weights)
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet of 18 layers; the arguments are those of `ResNet`."""
    return ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)


@builder(ResNet34_Weights)
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet of 34 layers; the arguments are those of `ResNet`."""
    return ResNet(BasicBlock, [3, 4, 6, 3], **kwargs)


@builder(ResNet50_Weights)
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet of 50 layers; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **kwargs)


@builder(ResNet101_Weights)
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet of 101 layers; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **kwargs)


@builder(ResNet152_Weights)
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet of 152 layers; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 8, 36, 3], **kwargs)


@builder(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt of 50 layers, 32 groups of width 4; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **{"groups": 32, "width_per_group": 4, **kwargs})


@builder(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt of 101 layers, 32 groups of width 8; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **{"groups": 32, "width_per_group": 8, **kwargs})


@builder(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**kwargs: Any) -> ResNet:
    """ResNeXt of 101 layers, 64 groups of width 4; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **{"groups": 64, "width_per_group": 4, **kwargs})


@builder(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """ResNet of 50 layers with twice the channels inside the blocks; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **{"width_per_group": 128, **kwargs})


@builder(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """ResNet of 101 layers with twice the channels inside the blocks; the arguments are those of `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **{"width_per_group": 128, **kwargs})


BUILDERS = (
    resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d, resnext101_32x8d, resnext101_64x4d,
    wide_resnet50_2, wide_resnet101_2,
)  # fmt: skip

__all__ = [
    "BasicBlock", "Bottleneck", "ResNeXt101_32X8D_Weights", "ResNeXt101_64X4D_Weights", "ResNeXt50_32X4D_Weights",
    "ResNet", "ResNet101_Weights", "ResNet152_Weights", "ResNet18_Weights", "ResNet34_Weights", "ResNet50_Weights",
    "Wide_ResNet101_2_Weights", "Wide_ResNet50_2_Weights", "conv1x1", "conv3x3", "resnet101", "resnet152",
    "resnet18", "resnet34", "resnet50", "resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d", "wide_resnet101_2",
    "wide_resnet50_2",
]  # fmt: skip
