"""Convolutional networks in the manner of transformers: Liu et al., *A ConvNet for the 2020s* (2022)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import functional as F
from ..ops import Conv2dNormActivation, Permute, StochasticDepth
from .blocks import Layer, zero_bias
from .weights import WeightsEnum, builder, imagenet


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of images, (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        last = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A convolution of 7x7 within each channel and two linear layers over the channels, scaled, beside the identity."""

    def __init__(
        self, dim: int, layer_scale: float, stochastic_depth_prob: float, norm_layer: Layer | None = None
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ops.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class CNBlockConfig:
    """What a stage is like: channels of its blocks, channels after it, or None for the last stage, number of blocks."""

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int) -> None:
        self.input_channels, self.out_channels, self.num_layers = input_channels, out_channels, num_layers


class ConvNeXt(nn.Module):
    r"""A stem that takes patches of 4x4, stages of blocks, each at half the size, a mean, and a linear classifier.

    Args:
        block_setting (list of CNBlockConfig): the stages.
        stochastic_depth_prob (float): the probability of the last block's to be dropped; that of the others grows from
            zero on. Default: 0
        layer_scale (float): the first value of the scales of the blocks' results. Default: 1e-6
        num_classes (int): classes. Default: 1000
        block, norm_layer (optional): what makes a block, and a normalization.

    Raises ValueError and TypeError for a setting that is empty or of another kind.

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 32x32. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not isinstance(block_setting, Sequence) or not all(isinstance(s, CNBlockConfig) for s in block_setting):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        make, norm = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        stem = block_setting[0].input_channels
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, stem, 4, 4, padding=0, norm_layer=norm, activation_layer=None, bias=True)
        ]
        total, made = sum(config.num_layers for config in block_setting), 0
        for config in block_setting:
            stage = []
            for _ in range(config.num_layers):
                stage.append(make(config.input_channels, layer_scale, stochastic_depth_prob * made / (total - 1.0)))
                made += 1
            layers.append(nn.Sequential(*stage))
            if config.out_channels is not None:
                shrink = nn.Conv2d(config.input_channels, config.out_channels, 2, stride=2)
                layers.append(nn.Sequential(norm(config.input_channels), shrink))
        last = block_setting[-1]
        channels = last.out_channels if last.out_channels is not None else last.input_channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm(channels), nn.Flatten(1), nn.Linear(channels, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                zero_bias(module)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.avgpool(self.features(x)))
        return result


def _convnext(channels: Sequence[int], blocks: Sequence[int], depth_prob: float, **kwargs: Any) -> ConvNeXt:
    setting = [CNBlockConfig(*stage) for stage in zip(channels, (*channels[1:], None), blocks)]
    return ConvNeXt(setting, kwargs.pop("stochastic_depth_prob", depth_prob), **kwargs)


class ConvNeXt_Tiny_Weights(WeightsEnum):
    """Weights of :func:`convnext_tiny`."""

    IMAGENET1K_V1 = imagenet("convnext_tiny-983f1562.pth", 28_589_128, 82.52, 96.146, min_size=32, resize_size=236)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Small_Weights(WeightsEnum):
    """Weights of :func:`convnext_small`."""

    IMAGENET1K_V1 = imagenet("convnext_small-0c510722.pth", 50_223_688, 83.616, 96.65, min_size=32, resize_size=230)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Base_Weights(WeightsEnum):
    """Weights of :func:`convnext_base`."""

    IMAGENET1K_V1 = imagenet("convnext_base-6075fbad.pth", 88_591_464, 84.062, 96.87, min_size=32, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Large_Weights(WeightsEnum):
    """Weights of :func:`convnext_large`."""

    IMAGENET1K_V1 = imagenet("convnext_large-ea097f82.pth", 197_767_336, 84.414, 96.976, min_size=32, resize_size=232)
    DEFAULT = IMAGENET1K_V1


@builder(ConvNeXt_Tiny_Weights)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt of 29 million parameters; the arguments are those of `ConvNeXt`."""
    return _convnext((96, 192, 384, 768), (3, 3, 9, 3), 0.1, **kwargs)


@builder(ConvNeXt_Small_Weights)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt of 50 million parameters; the arguments are those of `ConvNeXt`."""
    return _convnext((96, 192, 384, 768), (3, 3, 27, 3), 0.4, **kwargs)


@builder(ConvNeXt_Base_Weights)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt of 89 million parameters; the arguments are those of `ConvNeXt`."""
    return _convnext((128, 256, 512, 1024), (3, 3, 27, 3), 0.5, **kwargs)


@builder(ConvNeXt_Large_Weights)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt of 198 million parameters; the arguments are those of `ConvNeXt`."""
    return _convnext((192, 384, 768, 1536), (3, 3, 27, 3), 0.5, **kwargs)


BUILDERS = (convnext_tiny, convnext_small, convnext_base, convnext_large)

__all__ = [
    "ConvNeXt", "ConvNeXt_Base_Weights", "ConvNeXt_Large_Weights", "ConvNeXt_Small_Weights", "ConvNeXt_Tiny_Weights",
    "convnext_base", "convnext_large", "convnext_small", "convnext_tiny",
]  # fmt: skip
