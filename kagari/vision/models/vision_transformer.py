"""Vision transformers: Dosovitskiy et al., *An image is worth 16x16 words: transformers for image recognition at scale*
(2021)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...fx import wrap
from ...nn import functional as F
from ..ops import MLP, Conv2dNormActivation
from ..transforms import InterpolationMode
from .blocks import Layer, initialize_mlp, zero_bias
from .weights import WeightsEnum, builder, imagenet

_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of a stem that takes the place of the patches' linear layer."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Layer = nn.BatchNorm2d
    activation_layer: Layer = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers. Of files of the first version, where these had names, the state is taken, too."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        initialize_mlp(self)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        """Renames what a file of the first version has."""
        if (local_metadata.get("version") or 1) < 2:
            for old, new in (("linear_1", "0"), ("linear_2", "3")):
                for name in ("weight", "bias"):
                    if f"{prefix}{old}.{name}" in state_dict:
                        state_dict[f"{prefix}{new}.{name}"] = state_dict.pop(f"{prefix}{old}.{name}")  # type: ignore
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class EncoderBlock(nn.Module):
    """Attention and two linear layers, each normalized before and beside the identity: (N, S, E) to the same."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = _NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        _expect(input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        result: Tensor = x + self.mlp(self.ln_2(x))
        return result


def _expect(tokens: Tensor) -> None:
    if tokens.dim() != 3:
        raise AssertionError(f"Expected (batch_size, seq_length, hidden_dim) got {tokens.shape}")


class Encoder(nn.Module):
    """Tokens with positions learned by heart, through layers of a transformer: (N, S, E) to the same."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = _NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(ops.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        like = (num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", EncoderBlock(*like)) for i in range(num_layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        _expect(input)
        result: Tensor = self.ln(self.layers(self.dropout(input + self.pos_embedding)))
        return result


class VisionTransformer(nn.Module):
    r"""Patches of an image and a token for its class, through a transformer's encoder; the token is classified.

    Args:
        image_size (int): height and width of images, a multiple of ``patch_size``.
        patch_size (int): height and width of patches.
        num_layers, num_heads, hidden_dim, mlp_dim (int): of the encoder.
        dropout, attention_dropout (float): of the encoder. Default: 0
        num_classes (int): classes. Default: 1000
        representation_size (int, optional): the size of a layer before the classifier.
        norm_layer: makes a normalization. Default: ``nn.LayerNorm`` with ``eps=1e-6``
        conv_stem_configs (list of ConvStemConfig, optional): convolutions in place of the linear layer of patches.

    Raises ValueError for an image size that is not a multiple of the patch size, in a call AssertionError for images of
    another size.

    Shape:
        - Input: :math:`(N, 3, \text{image\_size}, \text{image\_size})`. Output: :math:`(N, \text{num\_classes})`.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.models import VisionTransformer
        >>> small = VisionTransformer(image_size=16, patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16)
        >>> tuple(small(torch.rand(2, 3, 16, 16)).shape)
        (2, 1000)
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Layer = _NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size != 0:
            raise ValueError(
                f"Input shape indivisible by patch size! Got image_size={image_size}, patch_size={patch_size}"
            )
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.mlp_dim, self.attention_dropout, self.dropout = mlp_dim, attention_dropout, dropout
        self.num_classes, self.representation_size, self.norm_layer = num_classes, representation_size, norm_layer
        self.conv_proj = self._projection(conv_stem_configs)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(ops.zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        self.heads = nn.Sequential()
        if representation_size is not None:
            self.heads.pre_logits = nn.Linear(hidden_dim, representation_size)
            self.heads.act = nn.Tanh()
        self.heads.head = nn.Linear(representation_size or hidden_dim, num_classes)
        self._initialize()

    def _projection(self, stem: Sequence[ConvStemConfig] | None) -> nn.Module:
        """What makes a vector of each patch."""
        if stem is None:
            return nn.Conv2d(3, self.hidden_dim, self.patch_size, stride=self.patch_size)
        made, channels = nn.Sequential(), 3
        for i, (out_channels, kernel_size, stride, norm, activation) in enumerate(stem):
            like: dict[str, Any] = {"norm_layer": norm, "activation_layer": activation}
            made.add_module(
                f"conv_bn_relu_{i}", Conv2dNormActivation(channels, out_channels, kernel_size, stride, **like)
            )
            channels = out_channels
        made.conv_last = nn.Conv2d(channels, self.hidden_dim, 1)
        return made

    def _initialize(self) -> None:
        if isinstance(self.conv_proj, nn.Conv2d):
            last, fan = self.conv_proj, self.conv_proj.in_channels * math.prod(self.conv_proj.kernel_size)
            nn.init.trunc_normal_(last.weight, std=math.sqrt(1 / fan))
        else:
            last = self.conv_proj.conv_last
            nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
        zero_bias(last)
        if self.representation_size is not None:
            nn.init.trunc_normal_(self.heads.pre_logits.weight, std=math.sqrt(1 / self.hidden_dim))
            zero_bias(self.heads.pre_logits)
        nn.init.zeros_(self.heads.head.weight)
        zero_bias(self.heads.head)

    def forward(self, x: Tensor) -> Tensor:
        _check_size(x, self.image_size)
        x = self.conv_proj(x).flatten(2).transpose(1, 2)  # (N, S, E)
        x = self.encoder(ops.cat([self.class_token.expand(x.size(0), -1, -1), x], 1))
        result: Tensor = self.heads(x[:, 0])
        return result


def _check_size(images: Tensor, expected: int) -> None:
    for name, size in (("height", images.size(2)), ("width", images.size(3))):
        if size != expected:
            raise AssertionError(f"Wrong image {name}! Expected {expected} but got {size}!")


# A graph of the model keeps what looks at sizes as calls.
wrap("_check_size")
wrap("_expect")


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: OrderedDict[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> OrderedDict[str, Tensor]:
    """The state of a model for images of another size: its positions are resampled as an image is.

    Args:
        image_size (int): the new height and width.
        patch_size (int): height and width of patches.
        model_state: the state dictionary.
        interpolation_mode (str): as of `F.interpolate`. Default: ``"bicubic"``
        reset_heads (bool): whether the classifier's state is left out. Default: ``False``

    Raises ValueError for positions that are not those of one sequence, or not of a square.
    """
    positions = model_state["encoder.pos_embedding"]
    count, seq_length, hidden_dim = positions.shape
    if count != 1:
        raise ValueError(f"Unexpected position embedding shape: {positions.shape}")
    side = math.isqrt(seq_length - 1)
    if side * side != seq_length - 1:
        raise ValueError(f"seq_length is not a perfect square! Got {seq_length - 1} patches")
    wanted = image_size // patch_size
    if wanted == side:
        return model_state
    of_class, of_patches = positions[:, :1], positions[:, 1:]
    grid = of_patches.permute(0, 2, 1).reshape(1, hidden_dim, side, side)
    grid = F.interpolate(grid, size=wanted, mode=interpolation_mode, align_corners=True)
    of_patches = grid.reshape(1, hidden_dim, wanted * wanted).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = ops.cat([of_class, of_patches], 1)
    if reset_heads:
        return OrderedDict((name, value) for name, value in model_state.items() if not name.startswith("heads"))
    return model_state


def _vit(patch_size: int, num_layers: int, num_heads: int, hidden_dim: int, **kwargs: Any) -> VisionTransformer:
    size = kwargs.pop("image_size", 224)
    return VisionTransformer(size, patch_size, num_layers, num_heads, hidden_dim, **kwargs)


def _size(weights: WeightsEnum) -> dict[str, Any]:
    return {"image_size": weights.meta["min_size"][0]}


class ViT_B_16_Weights(WeightsEnum):
    """Weights of :func:`vit_b_16`."""

    IMAGENET1K_V1 = imagenet("vit_b_16-c867db91.pth", 86_567_656, 81.072, 95.318, min_size=224)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_b_16_swag-9ac1b537.pth",
        86_859_496,
        85.304,
        97.65,
        min_size=384,
        crop_size=384,
        resize_size=384,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_b_16_lc_swag-4e70ced5.pth",
        86_567_656,
        81.886,
        96.18,
        min_size=224,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    """Weights of :func:`vit_b_32`."""

    IMAGENET1K_V1 = imagenet("vit_b_32-d86f8d99.pth", 88_224_232, 75.912, 92.466, min_size=224)
    DEFAULT = IMAGENET1K_V1


class ViT_L_16_Weights(WeightsEnum):
    """Weights of :func:`vit_l_16`."""

    IMAGENET1K_V1 = imagenet("vit_l_16-852ce7e3.pth", 304_326_632, 79.662, 94.638, min_size=224, resize_size=242)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_l_16_swag-4f3808c9.pth",
        305_174_504,
        88.064,
        98.512,
        min_size=512,
        crop_size=512,
        resize_size=512,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_l_16_lc_swag-4d563306.pth",
        304_326_632,
        85.146,
        97.422,
        min_size=224,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    """Weights of :func:`vit_l_32`."""

    IMAGENET1K_V1 = imagenet("vit_l_32-c7638314.pth", 306_535_400, 76.972, 93.07, min_size=224)
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    """Weights of :func:`vit_h_14`."""

    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_h_14_swag-80465313.pth",
        633_470_440,
        88.552,
        98.694,
        min_size=518,
        crop_size=518,
        resize_size=518,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_h_14_lc_swag-c1eb923e.pth",
        632_045_800,
        85.708,
        97.73,
        min_size=224,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


@builder(ViT_B_16_Weights, _size)
def vit_b_16(**kwargs: Any) -> VisionTransformer:
    """Vision transformer of base size on patches of 16; the arguments are those of `VisionTransformer`."""
    return _vit(16, 12, 12, 768, mlp_dim=3072, **kwargs)


@builder(ViT_B_32_Weights, _size)
def vit_b_32(**kwargs: Any) -> VisionTransformer:
    """Vision transformer of base size on patches of 32; the arguments are those of `VisionTransformer`."""
    return _vit(32, 12, 12, 768, mlp_dim=3072, **kwargs)


@builder(ViT_L_16_Weights, _size)
def vit_l_16(**kwargs: Any) -> VisionTransformer:
    """Vision transformer of large size on patches of 16; the arguments are those of `VisionTransformer`."""
    return _vit(16, 24, 16, 1024, mlp_dim=4096, **kwargs)


@builder(ViT_L_32_Weights, _size)
def vit_l_32(**kwargs: Any) -> VisionTransformer:
    """Vision transformer of large size on patches of 32; the arguments are those of `VisionTransformer`."""
    return _vit(32, 24, 16, 1024, mlp_dim=4096, **kwargs)


@builder(ViT_H_14_Weights, _size)
def vit_h_14(**kwargs: Any) -> VisionTransformer:
    """Vision transformer of huge size on patches of 14; the arguments are those of `VisionTransformer`."""
    return _vit(14, 32, 16, 1280, mlp_dim=5120, **kwargs)


BUILDERS = (vit_b_16, vit_b_32, vit_l_16, vit_l_32, vit_h_14)

__all__ = [
    "ViT_B_16_Weights", "ViT_B_32_Weights", "ViT_H_14_Weights", "ViT_L_16_Weights", "ViT_L_32_Weights",
    "VisionTransformer", "interpolate_embeddings", "vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32",
]  # fmt: skip
