"""GoogLeNet: Szegedy et al., *Going deeper with convolutions* (2015)."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import functional as F
from .blocks import Layer
from .weights import WeightsEnum, builder, imagenet

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])
GoogLeNetOutputs.__doc__ = "The logits of the network and of its two auxiliary classifiers."


class BasicConv2d(nn.Module):
    """A convolution, normalized and cut off below zero."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches beside each other: a convolution of 1x1, two ways to one of 3x3, and a maximum; their channels are
    put behind each other."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Layer = BasicConv2d,
    ) -> None:
        super().__init__()

        def reduced(between: int, after: int) -> nn.Module:
            first = conv_block(in_channels, between, kernel_size=1)
            return nn.Sequential(first, conv_block(between, after, kernel_size=3, padding=1))

        self.branch1 = conv_block(in_channels, ch1x1, kernel_size=1)
        self.branch2 = reduced(ch3x3red, ch3x3)
        self.branch3 = reduced(ch5x5red, ch5x5)
        pool = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
        self.branch4 = nn.Sequential(pool, conv_block(in_channels, pool_proj, kernel_size=1))

    def forward(self, x: Tensor) -> Tensor:
        return ops.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """A classifier of features in the middle of the network, which takes part in training only."""

    def __init__(
        self, in_channels: int, num_classes: int, conv_block: Layer = BasicConv2d, dropout: float = 0.7
    ) -> None:
        super().__init__()
        self.conv = conv_block(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        result: Tensor = self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))
        return result


# Channels of an image as the authors' weights expect them, of one that is normalized as it is done today.
_SCALE, _SHIFT = (0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5), tuple((m - 0.5) / 0.5 for m in (0.485, 0.456, 0.406))


def as_first_trained(x: Tensor) -> Tensor:
    """An image normalized with ImageNet's mean and deviation, (N, 3, H, W), as one of values from -1 to 1."""
    return ops.cat([x[:, c : c + 1] * _SCALE[c] + _SHIFT[c] for c in range(3)], 1)


class GoogLeNet(nn.Module):
    r"""Nine inception modules, a mean over the image, and a linear classifier; two more classify features on the way.

    Args:
        num_classes (int): classes. Default: 1000
        aux_logits (bool): whether there are auxiliary classifiers. Default: ``True``
        transform_input (bool): whether images are shifted and scaled as the first weights expect them. Default:
            ``False``
        init_weights (bool): whether weights are drawn from a normal distribution, cut off. Default: ``True``
        blocks (optional): what makes a convolution, an inception module and an auxiliary classifier.
        dropout, dropout_aux (float): the probability of a feature to be dropped. Default: 0.2, 0.7

    Raises ValueError for a number of blocks other than three.

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 15x15. Output: :math:`(N, \text{num\_classes})`; in training, with
          auxiliary classifiers, ``GoogLeNetOutputs`` of three of them.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool = True,
        blocks: Sequence[Layer] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        conv, inception, aux = (BasicConv2d, Inception, InceptionAux) if blocks is None else blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights:
            for module in self.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)

    def forward(self, x: Tensor) -> Any:
        if self.transform_input:
            x = as_first_trained(x)
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        first = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return x if first is None else GoogLeNetOutputs(x, second, first)


class GoogLeNet_Weights(WeightsEnum):
    """Weights of :func:`googlenet`."""

    IMAGENET1K_V1 = imagenet("googlenet-1378be20.pth", 6_624_904, 69.778, 89.53, min_size=15)
    DEFAULT = IMAGENET1K_V1


def _as_authors(weights: WeightsEnum) -> dict[str, Any]:
    return {"transform_input": True, "init_weights": False}


def _of_parts(model: GoogLeNet, state: dict[str, Any]) -> dict[str, Any]:
    """What is in a file, without the auxiliary classifiers where the model has none."""
    return {name: value for name, value in state.items() if model.aux_logits or not name.startswith("aux")}


@builder(GoogLeNet_Weights, _as_authors, _of_parts, aux_logits=False)
def googlenet(**kwargs: Any) -> GoogLeNet:
    """GoogLeNet; the arguments are those of `GoogLeNet`."""
    return GoogLeNet(**kwargs)


BUILDERS = (googlenet,)

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]
