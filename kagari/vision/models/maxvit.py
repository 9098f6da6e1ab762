"""Attention in windows and over grids: Tu et al., *MaxViT: multi-axis vision transformer* (2022)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ..ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth
from ..transforms import InterpolationMode
from .blocks import Layer, zero_bias
from .swin_attention import relative_position_index
from .weights import WeightsEnum, builder, imagenet


class MBConv(nn.Module):
    """A convolution within each channel, squeeze and excitation, between two of 1x1, beside the input, which a mean and
    a convolution bring to the shape."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion_ratio: float,
        squeeze_ratio: float,
        stride: int,
        activation_layer: Layer,
        norm_layer: Layer,
        p_stochastic_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.proj: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1)
            self.proj = nn.Sequential(*([nn.AvgPool2d(3, stride, padding=1)] if stride == 2 else []), conv)
        hidden, squeezed = int(out_channels * expansion_ratio), int(out_channels * squeeze_ratio)
        drops = p_stochastic_dropout > 0
        self.stochastic_depth = StochasticDepth(p_stochastic_dropout, "row") if drops else nn.Identity()
        like: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": activation_layer, "inplace": None}
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm_layer(in_channels),
                conv_a=Conv2dNormActivation(in_channels, hidden, 1, **like),
                conv_b=Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden, **like),
                squeeze_excitation=SqueezeExcitation(hidden, squeezed, activation=nn.SiLU),
                conv_c=nn.Conv2d(hidden, out_channels, 1),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.proj(x) + self.stochastic_depth(self.layers(x))
        return result


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention within groups of tokens that form a square, with a bias for each relative position:
    (N, groups, tokens, C) to the same.

    Raises ValueError for channels that the heads don't divide.
    """

    def __init__(self, feat_dim: int, head_dim: int, max_seq_len: int) -> None:
        super().__init__()
        if feat_dim % head_dim != 0:
            raise ValueError(f"feat_dim: {feat_dim} must be divisible by head_dim: {head_dim}")
        self.n_heads, self.head_dim = feat_dim // head_dim, head_dim
        self.size, self.max_seq_len = math.isqrt(max_seq_len), max_seq_len
        self.to_qkv = nn.Linear(feat_dim, 3 * feat_dim)
        self.scale_factor = feat_dim**-0.5
        self.merge = nn.Linear(feat_dim, feat_dim)
        self.relative_position_bias_table = nn.Parameter(ops.zeros((2 * self.size - 1) ** 2, self.n_heads))
        self.register_buffer("relative_position_index", relative_position_index(self.size, self.size))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_positional_bias(self) -> Tensor:
        """The bias for each pair of tokens: (1, heads, tokens, tokens)."""
        return self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1).unsqueeze(0)

    def forward(self, x: Tensor) -> Tensor:
        n, groups, tokens, channels = x.shape
        qkv = self.to_qkv(x).view(n, groups, tokens, 3, self.n_heads, self.head_dim)
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)  # (N, groups, heads, tokens, C / heads)
        attention = q @ (k * self.scale_factor).transpose(-2, -1) + self.get_relative_positional_bias()
        mixed = (attention.softmax(-1) @ v).permute(0, 1, 3, 2, 4).reshape(n, groups, tokens, channels)
        result: Tensor = self.merge(mixed)
        return result


class SwapAxes(nn.Module):
    """Two dimensions of a tensor change places."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x: Tensor) -> Tensor:
        return x.swapaxes(self.a, self.b)


class WindowPartition(nn.Module):
    """The squares of images: (N, C, H, W) to (N, squares, p * p, C)."""

    def forward(self, x: Tensor, p: int) -> Tensor:
        n, c, h, w = x.shape
        return x.reshape(n, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(n, -1, p * p, c)


class WindowDepartition(nn.Module):
    """The images of squares, so many below and beside each other: (N, squares, p * p, C) to (N, C, H, W)."""

    def forward(self, x: Tensor, p: int, h_partitions: int, w_partitions: int) -> Tensor:
        n, c = x.size(0), x.size(-1)
        x = x.reshape(n, h_partitions, w_partitions, p, p, c).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(n, c, h_partitions * p, w_partitions * p)


class PartitionAttentionLayer(nn.Module):
    """Attention and two linear layers within windows of neighbours, or within grids of tokens that lie far apart."""

    def __init__(
        self,
        in_channels: int,
        head_dim: int,
        partition_size: int,
        partition_type: str,
        grid_size: tuple[int, int],
        mlp_ratio: int,
        activation_layer: Layer,
        norm_layer: Layer,
        attention_dropout: float,
        mlp_dropout: float,
        p_stochastic_dropout: float,
    ) -> None:
        super().__init__()
        if partition_type not in ("grid", "window"):
            raise ValueError(f"partition_type must be either 'grid' or 'window', got {partition_type!r}")
        apart = partition_type == "grid"
        self.grid_size, self.p = grid_size, grid_size[0] // partition_size if apart else partition_size
        self.partition_op, self.departition_op = WindowPartition(), WindowDepartition()
        self.partition_swap = SwapAxes(-2, -3) if apart else nn.Identity()
        self.departition_swap = SwapAxes(-2, -3) if apart else nn.Identity()
        self.attn_layer = nn.Sequential(
            norm_layer(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            norm_layer(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, "row")

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (size // self.p for size in self.grid_size)
        if rows * self.p != self.grid_size[0] or columns * self.p != self.grid_size[1]:
            raise AssertionError(
                f"Grid size must be divisible by partition size. Got grid size of {self.grid_size} and partition size "
                f"of {self.p}"
            )
        x = self.partition_swap(self.partition_op(x, self.p))
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        result: Tensor = self.departition_op(self.departition_swap(x), self.p, rows, columns)
        return result


class MaxVitLayer(nn.Module):
    """A convolution, attention in windows, and attention over grids."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        squeeze_ratio: float,
        expansion_ratio: float,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        head_dim: int,
        mlp_ratio: int,
        mlp_dropout: float,
        attention_dropout: float,
        p_stochastic_dropout: float,
        partition_size: int,
        grid_size: tuple[int, int],
    ) -> None:
        super().__init__()
        like: dict[str, Any] = {
            "in_channels": out_channels, "head_dim": head_dim, "partition_size": partition_size,
            "grid_size": grid_size, "mlp_ratio": mlp_ratio, "activation_layer": activation_layer,
            "norm_layer": nn.LayerNorm, "attention_dropout": attention_dropout, "mlp_dropout": mlp_dropout,
            "p_stochastic_dropout": p_stochastic_dropout,
        }  # fmt: skip
        self.layers = nn.Sequential(
            OrderedDict(
                MBconv=MBConv(
                    in_channels, out_channels, expansion_ratio, squeeze_ratio, stride, activation_layer, norm_layer,
                    p_stochastic_dropout,
                ),
                window_attention=PartitionAttentionLayer(partition_type="window", **like),
                grid_attention=PartitionAttentionLayer(partition_type="grid", **like),
            )
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result


class MaxVitBlock(nn.Module):
    """Layers, the first of which halves the size."""

    def __init__(self, layers: Sequence[MaxVitLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    r"""A stem, blocks, each at half the size, a mean over the image, and a classifier of two layers.

    Args:
        input_size (tuple of int): height and width of images.
        stem_channels (int): channels of the stem.
        partition_size (int): height and width of windows and of grids, which divide those of every block.
        block_channels, block_layers (list of int): channels and layers of each block.
        head_dim (int): channels of a head.
        stochastic_depth_prob (float): the probability of the last layer's to be dropped; that of the others grows from
            zero on.
        norm_layer, activation_layer (optional): what makes a normalization between convolutions, and an activation.
        squeeze_ratio, expansion_ratio (float): channels of a layer's convolutions, in those of the layer. Default:
            0.25, 4
        mlp_ratio (int): features between linear layers, in channels. Default: 4
        mlp_dropout, attention_dropout (float): probabilities of features to be dropped. Default: 0
        num_classes (int): classes. Default: 1000

    Raises ValueError for an image size that does not go with ``partition_size``.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        stem_channels: int,
        partition_size: int,
        block_channels: Sequence[int],
        block_layers: Sequence[int],
        head_dim: int,
        stochastic_depth_prob: float,
        norm_layer: Layer | None = None,
        activation_layer: Layer = nn.GELU,
        squeeze_ratio: float = 0.25,
        expansion_ratio: float = 4,
        mlp_ratio: int = 4,
        mlp_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
        self.partition_size = partition_size
        like: dict[str, Any] = {"norm_layer": norm, "activation_layer": activation_layer, "inplace": None}
        self.stem = nn.Sequential(
            Conv2dNormActivation(3, stem_channels, 3, stride=2, bias=False, **like),
            Conv2dNormActivation(stem_channels, stem_channels, 3, norm_layer=None, activation_layer=None, bias=True),
        )
        probabilities = iter(np.linspace(0, stochastic_depth_prob, sum(block_layers)).tolist())
        grids, before = self._grids(input_size, len(block_channels)), stem_channels
        self.blocks = nn.ModuleList()
        for channels, count, grid in zip(block_channels, block_layers, grids):
            layers = []
            for j in range(count):
                layers.append(
                    MaxVitLayer(
                        before, channels, squeeze_ratio, expansion_ratio, 2 if j == 0 else 1, norm, activation_layer,
                        head_dim, mlp_ratio, mlp_dropout, attention_dropout, next(probabilities), partition_size, grid,
                    )
                )  # fmt: skip
                before = channels
            self.blocks.append(MaxVitBlock(layers))
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(before), nn.Linear(before, before), nn.Tanh(),
            nn.Linear(before, num_classes, bias=False),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                zero_bias(module)

    def _grids(self, input_size: tuple[int, int], blocks: int) -> list[tuple[int, int]]:
        """The height and width behind the first layer of each block: each, as the stem, halves it."""
        sizes = [input_size]
        for _ in range(blocks + 1):
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        for i, grid in enumerate(sizes[2:]):
            if any(size % self.partition_size for size in grid):
                raise ValueError(
                    f"Input size {grid} of block {i} is not divisible by partition size {self.partition_size}. "
                    "Consider changing the partition size or the input size.\n"
                    f"Current configuration yields the following block input sizes: {sizes[2:]}."
                )
        return sizes[2:]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        result: Tensor = self.classifier(x)
        return result


class MaxVit_T_Weights(WeightsEnum):
    """Weights of :func:`maxvit_t`."""

    IMAGENET1K_V1 = imagenet(
        "maxvit_t-bc5ab103.pth",
        30_919_624,
        83.7,
        96.722,
        min_size=224,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


def _size(weights: WeightsEnum) -> dict[str, Any]:
    return {"input_size": weights.meta["min_size"]}


@builder(MaxVit_T_Weights, _size)
def maxvit_t(**kwargs: Any) -> MaxVit:
    """MaxViT, tiny; the arguments are those of `MaxVit`."""
    size, probability = kwargs.pop("input_size", (224, 224)), kwargs.pop("stochastic_depth_prob", 0.2)
    return MaxVit(size, 64, 7, [64, 128, 256, 512], [2, 2, 5, 2], 32, probability, **kwargs)


BUILDERS = (maxvit_t,)

__all__ = ["MaxVit", "MaxVit_T_Weights", "maxvit_t"]
