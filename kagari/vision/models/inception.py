"""Inception, third version: Szegedy et al., *Rethinking the inception architecture for computer vision* (2016)."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import functional as F
from .blocks import Layer
from .googlenet import BasicConv2d, as_first_trained
from .weights import WeightsEnum, builder, imagenet

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
InceptionOutputs.__doc__ = "The logits of the network and of its auxiliary classifier."

_WIDE: dict[str, Any] = {"kernel_size": (1, 7), "padding": (0, 3)}
_TALL: dict[str, Any] = {"kernel_size": (7, 1), "padding": (3, 0)}
_HALVED: dict[str, Any] = {"kernel_size": 3, "stride": 2}


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1)


class InceptionA(nn.Module):
    """Branches of 1x1, 5x5 and twice 3x3, and a mean."""

    def __init__(self, in_channels: int, pool_features: int, conv_block: Layer = BasicConv2d) -> None:
        super().__init__()
        self.branch1x1 = conv_block(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv_block(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv_block(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv_block(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv_block(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv_block(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv_block(in_channels, pool_features, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return ops.cat([self.branch1x1(x), five, three, self.branch_pool(_mean(x))], 1)


class InceptionB(nn.Module):
    """Branches of 3x3 and twice 3x3, and a maximum; the size is halved."""

    def __init__(self, in_channels: int, conv_block: Layer = BasicConv2d) -> None:
        super().__init__()
        self.branch3x3 = conv_block(in_channels, 384, **_HALVED)
        self.branch3x3dbl_1 = conv_block(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv_block(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv_block(96, 96, **_HALVED)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return ops.cat([self.branch3x3(x), twice, F.max_pool2d(x, 3, stride=2)], 1)


class InceptionC(nn.Module):
    """Branches of 1x1, 7x7 and twice 7x7, each in two steps, and a mean."""

    def __init__(self, in_channels: int, channels_7x7: int, conv_block: Layer = BasicConv2d) -> None:
        super().__init__()
        inner = channels_7x7
        self.branch1x1 = conv_block(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv_block(in_channels, inner, kernel_size=1)
        self.branch7x7_2 = conv_block(inner, inner, **_WIDE)
        self.branch7x7_3 = conv_block(inner, 192, **_TALL)
        self.branch7x7dbl_1 = conv_block(in_channels, inner, kernel_size=1)
        self.branch7x7dbl_2 = conv_block(inner, inner, **_TALL)
        self.branch7x7dbl_3 = conv_block(inner, inner, **_WIDE)
        self.branch7x7dbl_4 = conv_block(inner, inner, **_TALL)
        self.branch7x7dbl_5 = conv_block(inner, 192, **_WIDE)
        self.branch_pool = conv_block(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return ops.cat([self.branch1x1(x), once, twice, self.branch_pool(_mean(x))], 1)


class InceptionD(nn.Module):
    """Branches of 3x3 and 7x7 with 3x3, and a maximum; the size is halved."""

    def __init__(self, in_channels: int, conv_block: Layer = BasicConv2d) -> None:
        super().__init__()
        self.branch3x3_1 = conv_block(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv_block(192, 320, **_HALVED)
        self.branch7x7x3_1 = conv_block(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv_block(192, 192, **_WIDE)
        self.branch7x7x3_3 = conv_block(192, 192, **_TALL)
        self.branch7x7x3_4 = conv_block(192, 192, **_HALVED)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return ops.cat([three, seven, F.max_pool2d(x, 3, stride=2)], 1)


class InceptionE(nn.Module):
    """Branches of 1x1, 3x3 and twice 3x3, which part in the end into one over rows and one over columns, and a mean."""

    def __init__(self, in_channels: int, conv_block: Layer = BasicConv2d) -> None:
        super().__init__()
        wide: dict[str, Any] = {"kernel_size": (1, 3), "padding": (0, 1)}
        tall: dict[str, Any] = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv_block(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv_block(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv_block(384, 384, **wide)
        self.branch3x3_2b = conv_block(384, 384, **tall)
        self.branch3x3dbl_1 = conv_block(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv_block(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv_block(384, 384, **wide)
        self.branch3x3dbl_3b = conv_block(384, 384, **tall)
        self.branch_pool = conv_block(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        once, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return ops.cat(
            [
                self.branch1x1(x), self.branch3x3_2a(once), self.branch3x3_2b(once),
                self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice), self.branch_pool(_mean(x)),
            ],
            1,
        )  # fmt: skip


class InceptionAux(nn.Module):
    """A classifier of features in the middle of the network, which takes part in training only."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Layer = BasicConv2d) -> None:
        super().__init__()
        self.conv0 = conv_block(in_channels, 128, kernel_size=1)
        self.conv1 = conv_block(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, stride=3)))
        result: Tensor = self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return result


class Inception3(nn.Module):
    r"""Convolutions, eleven inception modules, a mean over the image, and a linear classifier.

    Args:
        num_classes (int): classes. Default: 1000
        aux_logits (bool): whether there is an auxiliary classifier. Default: ``True``
        transform_input (bool): whether images are shifted and scaled as the first weights expect them. Default:
            ``False``
        inception_blocks (optional): what makes a convolution, the modules A to E, and the auxiliary classifier.
        init_weights (bool): whether weights are drawn from a normal distribution, cut off. Default: ``True``
        dropout (float): the probability of a feature to be dropped before the classifier. Default: 0.5

    Raises ValueError for a number of blocks other than seven.

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 75x75. Output: :math:`(N, \text{num\_classes})`; in training, with an
          auxiliary classifier, ``InceptionOutputs`` of two of them.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Layer] | None = None,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        blocks = inception_blocks or (
            BasicConv2d,
            InceptionA,
            InceptionB,
            InceptionC,
            InceptionD,
            InceptionE,
            InceptionAux,
        )
        conv, a, b, c, d, e, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, **_HALVED)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = a(192, 32), a(256, 64), a(288, 64)
        self.Mixed_6a = b(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (c(768, n) for n in (128, 160, 160, 192))
        self.AuxLogits = aux(768, num_classes) if aux_logits else None
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = d(768), e(1280), e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            for module in self.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    small = self.AuxLogits is not None and module is self.AuxLogits.fc
                    nn.init.trunc_normal_(module.weight, mean=0.0, std=0.001 if small else 0.1, a=-2, b=2)

    def forward(self, x: Tensor) -> Any:
        if self.transform_input:
            x = as_first_trained(x)
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        other = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.avgpool(self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))))
        x = self.fc(self.dropout(x).flatten(1))
        return x if other is None else InceptionOutputs(x, other)


class Inception_V3_Weights(WeightsEnum):
    """Weights of :func:`inception_v3`."""

    IMAGENET1K_V1 = imagenet(
        "inception_v3_google-0cc3c7bd.pth", 27_161_264, 77.294, 93.45, min_size=75, crop_size=299, resize_size=342
    )
    DEFAULT = IMAGENET1K_V1


def _as_authors(weights: WeightsEnum) -> dict[str, Any]:
    return {"transform_input": True, "init_weights": False}


def _of_parts(model: Inception3, state: dict[str, Any]) -> dict[str, Any]:
    """What is in a file, without the auxiliary classifier where the model has none."""
    return {name: value for name, value in state.items() if model.aux_logits or not name.startswith("AuxLogits")}


@builder(Inception_V3_Weights, _as_authors, _of_parts)
def inception_v3(**kwargs: Any) -> Inception3:
    """Inception of version 3; the arguments are those of `Inception3`."""
    return Inception3(**kwargs)


BUILDERS = (inception_v3,)

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "inception_v3"]
