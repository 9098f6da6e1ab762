"""Residual networks of videos. Source: Tran and others, *A Closer Look at Spatiotemporal Convolutions for Action
Recognition* (2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from .... import nn
from ....eager import Tensor
from ..blocks import initialize
from ..presets import VideoClassification
from ..weights import BASE, Weights, WeightsEnum, builder

Triple = tuple[int, int, int]


def _normalized(convolution: nn.Module, channels: int, relu: bool = True) -> nn.Sequential:
    """A convolution and its normalization, with ReLU behind them or without."""
    return nn.Sequential(convolution, nn.BatchNorm3d(channels), *([nn.ReLU(inplace=True)] if relu else []))


class Conv3DSimple(nn.Conv3d):
    """A convolution of 3x3x3 without bias."""

    def __init__(
        self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__(in_planes, out_planes, (3, 3, 3), stride, padding, bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> Triple:
        """The stride of what the result is added to."""
        return stride, stride, stride


class Conv2Plus1D(nn.Sequential):
    """A convolution within each frame and, behind a normalization and ReLU, one along the frames.

    Args:
        in_planes, out_planes, midplanes (int): channels before, behind and in between.
        stride, padding (int): of both. Default: 1
    """

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1) -> None:
        within = nn.Conv3d(
            in_planes, midplanes, (1, 3, 3), stride=(1, stride, stride), padding=(0, padding, padding), bias=False
        )
        along = nn.Conv3d(midplanes, out_planes, (3, 1, 1), stride=(stride, 1, 1), padding=(padding, 0, 0), bias=False)
        super().__init__(within, nn.BatchNorm3d(midplanes), nn.ReLU(inplace=True), along)

    @staticmethod
    def get_downsample_stride(stride: int) -> Triple:
        """The stride of what the result is added to."""
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """A convolution of 3x3 within each frame, without bias."""

    def __init__(
        self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__(in_planes, out_planes, (1, 3, 3), (1, stride, stride), (0, padding, padding), bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> Triple:
        """The stride of what the result is added to."""
        return 1, stride, stride


class _Block(nn.Module):
    """A residual block: what its convolutions compute, added to the input, which `downsample` brings to its shape."""

    downsample: nn.Module | None
    relu: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(self.residual(x) + identity)
        return result

    def residual(self, x: Tensor) -> Tensor:
        """What is added to the input."""
        raise NotImplementedError


def _between(inplanes: int, planes: int) -> int:
    """The channels in between that give a divided convolution as many numbers as a whole one has."""
    return inplanes * planes * 27 // (inplanes * 9 + 3 * planes)


class BasicBlock(_Block):
    """Two convolutions beside the identity; `conv_builder` makes them."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv_builder: Callable[..., nn.Module],
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        between = _between(inplanes, planes)
        self.conv1 = _normalized(conv_builder(inplanes, planes, between, stride), planes)
        self.conv2 = _normalized(conv_builder(planes, planes, between), planes, relu=False)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def residual(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv2(self.conv1(x))
        return result


class Bottleneck(_Block):
    """A convolution that `conv_builder` makes between two of one place, the last of which has four times the channels,
    beside the identity."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv_builder: Callable[..., nn.Module],
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        wide = planes * self.expansion
        self.conv1 = _normalized(nn.Conv3d(inplanes, planes, 1, bias=False), planes)
        self.conv2 = _normalized(conv_builder(planes, planes, _between(inplanes, planes), stride), planes)
        self.conv3 = _normalized(nn.Conv3d(planes, wide, 1, bias=False), wide, relu=False)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def residual(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv3(self.conv2(self.conv1(x)))
        return result


class BasicStem(nn.Sequential):
    """A convolution of 3x7x7 to half the height and width, its normalization and ReLU."""

    def __init__(self) -> None:
        first = nn.Conv3d(3, 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        super().__init__(first, nn.BatchNorm3d(64), nn.ReLU(inplace=True))


class R2Plus1dStem(nn.Sequential):
    """A convolution of 7x7 within each frame to half the height and width, and one along the frames."""

    def __init__(self) -> None:
        within = nn.Conv3d(3, 45, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False)
        along = nn.Conv3d(45, 64, (3, 1, 1), stride=(1, 1, 1), padding=(1, 0, 0), bias=False)
        super().__init__(
            within, nn.BatchNorm3d(45), nn.ReLU(inplace=True), along, nn.BatchNorm3d(64), nn.ReLU(inplace=True)
        )


class VideoResNet(nn.Module):
    r"""A residual network of videos: a stem, four stages of blocks, and a classifier.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        conv_makers (list): what makes the convolutions of each stage.
        layers (list of int): how many blocks each stage has.
        stem: makes the stem.
        num_classes (int): classes. Default: 400
        zero_init_residual (bool): whether each ``Bottleneck`` starts as the identity. Default: ``False``

    Shape:
        - Input: :math:`(N, 3, T, H, W)`, with T frames. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        conv_makers: Sequence[Any],
        layers: Sequence[int],
        stem: Callable[..., nn.Module],
        num_classes: int = 400,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        self.inplanes = 64
        self.stem = stem()
        self.layer1 = self._make_layer(block, conv_makers[0], 64, layers[0])
        self.layer2 = self._make_layer(block, conv_makers[1], 128, layers[1], 2)
        self.layer3 = self._make_layer(block, conv_makers[2], 256, layers[2], 2)
        self.layer4 = self._make_layer(block, conv_makers[3], 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self, partial(nn.init.normal_, std=0.01))
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, Bottleneck):
                    last: Any = module.conv3[1]
                    nn.init.zeros_(last.weight)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], maker: Any, planes: int, blocks: int, stride: int = 1
    ) -> nn.Sequential:
        """A stage."""
        wide, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != wide:
            steps = maker.get_downsample_stride(stride)
            shorter = nn.Conv3d(self.inplanes, wide, 1, stride=steps, bias=False)
            downsample = _normalized(shorter, wide, relu=False)
        made = [block(self.inplanes, planes, maker, stride, downsample)]
        self.inplanes = wide
        made += [block(wide, planes, maker) for _ in range(1, blocks)]
        return nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result


@cache
def kinetics_categories() -> tuple[str, ...]:
    """The names of the 400 classes of Kinetics-400, in the order of a classifier's outputs."""
    return tuple(Path(__file__).with_name("kinetics.txt").read_text(encoding="utf-8").splitlines())


def _kinetics(file: str, num_params: int, acc1: float, acc5: float) -> Weights:
    """Weights that were trained on Kinetics-400; the shares are those of the first class and the first five."""
    meta = {
        "num_params": num_params,
        "min_size": (1, 1),
        "categories": list(kinetics_categories()),
        "_metrics": {"Kinetics-400": {"acc@1": acc1, "acc@5": acc5}},
    }
    return Weights(BASE + file, partial(VideoClassification, crop_size=(112, 112), resize_size=(128, 171)), meta)


class R3D_18_Weights(WeightsEnum):
    """Weights of :func:`r3d_18`."""

    KINETICS400_V1 = _kinetics("r3d_18-b3b3357e.pth", 33_371_472, 63.2, 83.479)
    DEFAULT = KINETICS400_V1


class MC3_18_Weights(WeightsEnum):
    """Weights of :func:`mc3_18`."""

    KINETICS400_V1 = _kinetics("mc3_18-a90a0ba3.pth", 11_695_440, 63.96, 84.13)
    DEFAULT = KINETICS400_V1


class R2Plus1D_18_Weights(WeightsEnum):
    """Weights of :func:`r2plus1d_18`."""

    KINETICS400_V1 = _kinetics("r2plus1d_18-91a641e6.pth", 31_505_325, 67.463, 86.175)
    DEFAULT = KINETICS400_V1


@builder(R3D_18_Weights)
def r3d_18(**kwargs: Any) -> VideoResNet:
    """A residual network of 18 layers of convolutions of 3x3x3; the arguments are those of `VideoResNet`."""
    return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [2, 2, 2, 2], BasicStem, **kwargs)


@builder(MC3_18_Weights)
def mc3_18(**kwargs: Any) -> VideoResNet:
    """A residual network of 18 layers, whose last three stages look at single frames; the arguments are those of
    `VideoResNet`."""
    return VideoResNet(BasicBlock, [Conv3DSimple, *[Conv3DNoTemporal] * 3], [2, 2, 2, 2], BasicStem, **kwargs)


@builder(R2Plus1D_18_Weights)
def r2plus1d_18(**kwargs: Any) -> VideoResNet:
    """A residual network of 18 layers of divided convolutions; the arguments are those of `VideoResNet`."""
    return VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [2, 2, 2, 2], R2Plus1dStem, **kwargs)


BUILDERS = (r3d_18, mc3_18, r2plus1d_18)

__all__ = [
    "MC3_18_Weights", "R2Plus1D_18_Weights", "R3D_18_Weights", "VideoResNet", "mc3_18", "r2plus1d_18", "r3d_18",
]  # fmt: skip
