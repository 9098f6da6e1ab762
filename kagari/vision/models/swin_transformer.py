"""Transformers with attention in windows.

Sources: Liu et al., *Swin transformer: hierarchical vision transformer using shifted windows* (2021) and *Swin
transformer V2: scaling up capacity and resolution* (2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import functional as F
from ..ops import MLP, Permute, StochasticDepth
from ..transforms import InterpolationMode
from .blocks import Layer, initialize_mlp, zero_bias
from .swin_attention import Pair, ShiftedWindowAttention, ShiftedWindowAttentionV2
from .weights import WeightsEnum, builder, imagenet


class PatchMerging(nn.Module):
    """Four neighbours become one, with twice the channels: (N, H, W, C) to (N, H / 2, W / 2, 2 C)."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.reduction(self.norm(_neighbours(x)))
        return result


class PatchMergingV2(nn.Module):
    """As `PatchMerging`, but normalized behind the linear layer."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.reduction(_neighbours(x)))
        return result


def _neighbours(x: Tensor) -> Tensor:
    """The channels of four neighbours behind each other: (N, H, W, C) to (N, H / 2, W / 2, 4 C)."""
    x = F.pad(x, (0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2))
    return ops.cat([x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)], -1)


class SwinTransformerBlock(nn.Module):
    """Attention in windows and two linear layers, each normalized before and beside the identity."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Pair,
        shift_size: Pair,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        hidden = [int(dim * mlp_ratio), dim]
        self.mlp = MLP(dim, hidden, activation_layer=nn.GELU, inplace=None, dropout=dropout)
        initialize_mlp(self.mlp)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """As `SwinTransformerBlock`, but normalized behind attention and linear layers."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Pair,
        shift_size: Pair,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer = ShiftedWindowAttentionV2,
    ) -> None:
        super().__init__(
            dim, num_heads, window_size, shift_size, mlp_ratio, dropout, attention_dropout, stochastic_depth_prob,
            norm_layer, attn_layer,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(nn.Module):
    r"""Patches, stages of blocks with merging between them, a mean over the image, and a linear classifier.

    Args:
        patch_size (list of int): height and width of patches.
        embed_dim (int): channels of the first stage; each further one has twice as many.
        depths, num_heads (list of int): blocks of each stage, and heads of their attention.
        window_size (list of int): height and width of windows; every other block shifts them by half.
        mlp_ratio (float): features between the linear layers of a block, in channels. Default: 4
        dropout, attention_dropout (float): of the blocks. Default: 0
        stochastic_depth_prob (float): the probability of the last block's to be dropped; that of the others grows from
            zero on. Default: 0.1
        num_classes (int): classes. Default: 1000
        norm_layer, block, downsample_layer (optional): what makes a normalization, a block, and the merging.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        patch_size: Pair,
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Pair,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        block: Layer | None = None,
        downsample_layer: Layer = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        norm, make = norm_layer or partial(nn.LayerNorm, eps=1e-5), block or SwinTransformerBlock
        size = (patch_size[0], patch_size[1])
        layers: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, embed_dim, size, stride=size), Permute([0, 2, 3, 1]), norm(embed_dim))
        ]
        total, made, dim = sum(depths), 0, embed_dim
        for depth, heads in zip(depths, num_heads):
            if made:
                layers.append(downsample_layer(dim, norm))
                dim *= 2
            stage = []
            for i in range(depth):
                shift = [0 if i % 2 == 0 else window // 2 for window in window_size]
                stage.append(
                    make(
                        dim, heads, window_size=window_size, shift_size=shift, mlp_ratio=mlp_ratio, dropout=dropout,
                        attention_dropout=attention_dropout, norm_layer=norm,
                        stochastic_depth_prob=stochastic_depth_prob * float(made) / (total - 1),
                    )
                )  # fmt: skip
                made += 1
            layers.append(nn.Sequential(*stage))
        self.features = nn.Sequential(*layers)
        self.norm = norm(dim)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(dim, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                zero_bias(module)

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        result: Tensor = self.head(self.flatten(self.avgpool(x)))
        return result


def _swin(embed_dim: int, third: int, depth_prob: float, window: int = 7, **kwargs: Any) -> SwinTransformer:
    heads = [embed_dim // 32 * 2**i for i in range(4)]
    probability = kwargs.pop("stochastic_depth_prob", depth_prob)
    return SwinTransformer(
        [4, 4], embed_dim, [2, 2, third, 2], heads, [window, window], stochastic_depth_prob=probability, **kwargs
    )


_v2 = partial(_swin, window=8, block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2)


class Swin_T_Weights(WeightsEnum):
    """Weights of :func:`swin_t`."""

    IMAGENET1K_V1 = imagenet(
        "swin_t-704ceda3.pth",
        28_288_354,
        81.474,
        95.776,
        min_size=224,
        resize_size=232,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class Swin_S_Weights(WeightsEnum):
    """Weights of :func:`swin_s`."""

    IMAGENET1K_V1 = imagenet(
        "swin_s-5e29d889.pth",
        49_606_258,
        83.196,
        96.36,
        min_size=224,
        resize_size=246,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class Swin_B_Weights(WeightsEnum):
    """Weights of :func:`swin_b`."""

    IMAGENET1K_V1 = imagenet(
        "swin_b-68c6b09e.pth",
        87_768_224,
        83.582,
        96.64,
        min_size=224,
        resize_size=238,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class Swin_V2_T_Weights(WeightsEnum):
    """Weights of :func:`swin_v2_t`."""

    IMAGENET1K_V1 = imagenet(
        "swin_v2_t-b137f0e2.pth",
        28_351_570,
        82.072,
        96.132,
        min_size=256,
        crop_size=256,
        resize_size=260,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class Swin_V2_S_Weights(WeightsEnum):
    """Weights of :func:`swin_v2_s`."""

    IMAGENET1K_V1 = imagenet(
        "swin_v2_s-637d8ceb.pth",
        49_737_442,
        83.712,
        96.816,
        min_size=256,
        crop_size=256,
        resize_size=260,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class Swin_V2_B_Weights(WeightsEnum):
    """Weights of :func:`swin_v2_b`."""

    IMAGENET1K_V1 = imagenet(
        "swin_v2_b-781e5279.pth",
        87_930_848,
        84.112,
        96.864,
        min_size=256,
        crop_size=256,
        resize_size=272,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


@builder(Swin_T_Weights)
def swin_t(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, tiny; the arguments are those of `SwinTransformer`."""
    return _swin(96, 6, 0.2, **kwargs)


@builder(Swin_S_Weights)
def swin_s(**kwargs: Any) -> SwinTransformer:
    """Swin transformer, small; the arguments are those of `SwinTransformer`."""
    return _swin(96, 18, 0.3, **kwargs)


@builder(Swin_B_Weights)
def swin_b(**kwargs: Any) -> SwinTransformer:
    """Swin transformer of base size; the arguments are those of `SwinTransformer`."""
    return _swin(128, 18, 0.5, **kwargs)


@builder(Swin_V2_T_Weights)
def swin_v2_t(**kwargs: Any) -> SwinTransformer:
    """Swin transformer of version 2, tiny; the arguments are those of `SwinTransformer`."""
    return _v2(96, 6, 0.2, **kwargs)


@builder(Swin_V2_S_Weights)
def swin_v2_s(**kwargs: Any) -> SwinTransformer:
    """Swin transformer of version 2, small; the arguments are those of `SwinTransformer`."""
    return _v2(96, 18, 0.3, **kwargs)


@builder(Swin_V2_B_Weights)
def swin_v2_b(**kwargs: Any) -> SwinTransformer:
    """Swin transformer of version 2, of base size; the arguments are those of `SwinTransformer`."""
    return _v2(128, 18, 0.5, **kwargs)


BUILDERS = (swin_t, swin_s, swin_b, swin_v2_t, swin_v2_s, swin_v2_b)

__all__ = [
    "SwinTransformer", "Swin_B_Weights", "Swin_S_Weights", "Swin_T_Weights", "Swin_V2_B_Weights", "Swin_V2_S_Weights",
    "Swin_V2_T_Weights", "swin_b", "swin_s", "swin_t", "swin_v2_b", "swin_v2_s", "swin_v2_t",
]  # fmt: skip
