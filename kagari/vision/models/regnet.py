"""Networks of a regular design: Radosavovic et al., *Designing network design spaces* (2020)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ... import nn
from ...eager import Tensor
from ..ops import Conv2dNormActivation, SqueezeExcitation
from ..transforms import InterpolationMode
from .blocks import Layer, multiple_of, zero_bias
from .weights import WeightsEnum, builder, imagenet


class SimpleStemIN(Conv2dNormActivation):
    """A convolution of 3x3 and stride 2."""

    def __init__(self, width_in: int, width_out: int, norm_layer: Layer, activation_layer: Layer) -> None:
        super().__init__(width_in, width_out, 3, 2, norm_layer=norm_layer, activation_layer=activation_layer)


class BottleneckTransform(nn.Sequential):
    """A convolution of 3x3 in groups, squeeze and excitation, between two of 1x1."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        super().__init__()
        hidden = round(width_out * bottleneck_multiplier)
        like: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        self.a = Conv2dNormActivation(width_in, hidden, 1, **like)
        self.b = Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden // group_width, **like)
        if se_ratio:
            self.se = SqueezeExcitation(hidden, round(se_ratio * width_in), activation=activation_layer)
        self.c = Conv2dNormActivation(hidden, width_out, 1, norm_layer=norm_layer, activation_layer=None)


class ResBottleneckBlock(nn.Module):
    """A bottleneck, added to its input, which a convolution of 1x1 brings to its shape."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.proj is None else self.proj(x)
        result: Tensor = self.activation(identity + self.f(x))
        return result


class AnyStage(nn.Sequential):
    """Blocks of one width."""


@dataclass
class BlockParams:
    """What the stages are like: for each, its blocks, channels, channels of a group, factor between inner and outer
    channels, and stride; for all of them, the share of channels in squeeze and excitation."""

    depths: Sequence[int]
    widths: Sequence[int]
    group_widths: Sequence[int]
    bottleneck_multipliers: Sequence[float]
    strides: Sequence[int]
    se_ratio: float | None = None

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> BlockParams:
        r"""The stages of the network whose block :math:`j` is :math:`w_0 w_m^{s_j}` wide, a multiple of 8, where
        :math:`s_j` is :math:`\log_{w_m}((w_0 + w_a j) / w_0)`, rounded. Blocks of one width make a stage.

        Raises ValueError where a width is not positive, or is no multiple of 8, or does not grow.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError(
                "Invalid RegNet settings: expected w_a >= 0, w_m > 1, and a positive multiple of 8 for w_0, got "
                f"w_a={w_a}, w_m={w_m}, w_0={w_0}"
            )
        steps = (round(math.log((w_0 + w_a * j) / w_0) / math.log(w_m)) for j in range(depth))
        stages = [(width, len(list(same))) for width, same in groupby(8 * round(w_0 * w_m**s / 8) for s in steps)]
        groups = [min(group_width, int(width * bottleneck_multiplier)) for width, _ in stages]
        inner = [multiple_of(int(width * bottleneck_multiplier), g) for (width, _), g in zip(stages, groups)]
        return cls(
            [blocks for _, blocks in stages],
            [int(width / bottleneck_multiplier) for width in inner],
            groups,
            [bottleneck_multiplier] * len(stages),
            [2] * len(stages),
            se_ratio,
        )

    def stages(self) -> Iterator[tuple[int, int, int, int, float]]:
        """For each stage: channels, stride, blocks, channels of a group, factor between inner and outer channels."""
        return zip(self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers)


class RegNet(nn.Module):
    r"""A stem, stages of blocks, a mean over the image, and a linear classifier.

    Args:
        block_params (BlockParams): the stages.
        num_classes (int): classes. Default: 1000
        stem_width (int): channels of the stem. Default: 32
        stem_type, block_type, norm_layer, activation (optional): what makes the stem, a block, a normalization, and
            what follows one.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Layer | None = None,
        block_type: Layer | None = None,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ) -> None:
        super().__init__()
        like = (norm_layer or nn.BatchNorm2d, activation or nn.ReLU)
        make = block_type or ResBottleneckBlock
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, *like)
        self.trunk_output = nn.Sequential()
        before = stem_width
        for k, (width, stride, depth, group_width, multiplier) in enumerate(block_params.stages(), 1):
            stage = AnyStage()
            for i in range(depth):
                at = (before, width, stride) if i == 0 else (width, width, 1)
                stage.add_module(f"block{k}-{i}", make(*at, *like, group_width, multiplier, block_params.se_ratio))
            self.trunk_output.add_module(f"block{k}", stage)
            before = width
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(before, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                outputs = math.prod(module.kernel_size) * module.out_channels
                nn.init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / outputs))
        nn.init.normal_(self.fc.weight, mean=0.0, std=0.01)
        zero_bias(self.fc)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.trunk_output(self.stem(x)))
        result: Tensor = self.fc(x.flatten(1))
        return result


class RegNet_Y_400MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_400mf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_400mf-c65dace8.pth", 4_344_144, 74.046, 91.716)
    IMAGENET1K_V2 = imagenet("regnet_y_400mf-e6988f5f.pth", 4_344_144, 75.804, 92.742, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_800MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_800mf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_800mf-1b27b58c.pth", 6_432_512, 76.42, 93.136)
    IMAGENET1K_V2 = imagenet("regnet_y_800mf-58fc7688.pth", 6_432_512, 78.828, 94.502, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_1_6GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_1_6gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_1_6gf-b11a554e.pth", 11_202_430, 77.95, 93.966)
    IMAGENET1K_V2 = imagenet("regnet_y_1_6gf-0d7bc02a.pth", 11_202_430, 80.876, 95.444, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_3_2GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_3_2gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_3_2gf-b5a9779c.pth", 19_436_338, 78.948, 94.576)
    IMAGENET1K_V2 = imagenet("regnet_y_3_2gf-9180c971.pth", 19_436_338, 81.982, 95.972, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_8GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_8gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_8gf-d0d0e4a8.pth", 39_381_472, 80.032, 95.048)
    IMAGENET1K_V2 = imagenet("regnet_y_8gf-dc2b1b54.pth", 39_381_472, 82.828, 96.33, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_16GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_16gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_16gf-9e6ed7dd.pth", 83_590_140, 80.424, 95.24)
    IMAGENET1K_V2 = imagenet("regnet_y_16gf-3e4a00f9.pth", 83_590_140, 82.886, 96.328, resize_size=232)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_16gf_swag-43afe44d.pth",
        83_590_140,
        86.012,
        98.054,
        crop_size=384,
        resize_size=384,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_16gf_lc_swag-f3ec0043.pth",
        83_590_140,
        83.976,
        97.244,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_32GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_32gf`."""

    IMAGENET1K_V1 = imagenet("regnet_y_32gf-4dee3f7a.pth", 145_046_770, 80.878, 95.34)
    IMAGENET1K_V2 = imagenet("regnet_y_32gf-8db6d4b5.pth", 145_046_770, 83.368, 96.498, resize_size=232)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_32gf_swag-04fdfa75.pth",
        145_046_770,
        86.838,
        98.362,
        crop_size=384,
        resize_size=384,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_32gf_lc_swag-e1583746.pth",
        145_046_770,
        84.622,
        97.48,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_128GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_y_128gf`."""

    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_128gf_swag-c8ce3e52.pth",
        644_812_894,
        88.228,
        98.682,
        crop_size=384,
        resize_size=384,
        interpolation=InterpolationMode.BICUBIC,
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_128gf_lc_swag-cbe8ce12.pth",
        644_812_894,
        86.068,
        97.844,
        resize_size=224,
        interpolation=InterpolationMode.BICUBIC,
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class RegNet_X_400MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_400mf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_400mf-adf1edd5.pth", 5_495_976, 72.834, 90.95)
    IMAGENET1K_V2 = imagenet("regnet_x_400mf-62229a5f.pth", 5_495_976, 74.864, 92.322, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_800MF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_800mf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_800mf-ad17e45c.pth", 7_259_656, 75.212, 92.348)
    IMAGENET1K_V2 = imagenet("regnet_x_800mf-94a99ebd.pth", 7_259_656, 77.522, 93.826, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_1_6GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_1_6gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_1_6gf-e3633e7f.pth", 9_190_136, 77.04, 93.44)
    IMAGENET1K_V2 = imagenet("regnet_x_1_6gf-a12f2b72.pth", 9_190_136, 79.668, 94.922, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_3_2GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_3_2gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_3_2gf-f342aeae.pth", 15_296_552, 78.364, 93.992)
    IMAGENET1K_V2 = imagenet("regnet_x_3_2gf-7071aa85.pth", 15_296_552, 81.196, 95.43, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_8GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_8gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_8gf-03ceed89.pth", 39_572_648, 79.344, 94.686)
    IMAGENET1K_V2 = imagenet("regnet_x_8gf-2b70d774.pth", 39_572_648, 81.682, 95.678, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_16GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_16gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_16gf-2007eb11.pth", 54_278_536, 80.058, 94.944)
    IMAGENET1K_V2 = imagenet("regnet_x_16gf-ba3796d7.pth", 54_278_536, 82.716, 96.196, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_32GF_Weights(WeightsEnum):
    """Weights of :func:`regnet_x_32gf`."""

    IMAGENET1K_V1 = imagenet("regnet_x_32gf-9d47f8d0.pth", 107_811_560, 80.622, 95.248)
    IMAGENET1K_V2 = imagenet("regnet_x_32gf-6eb8fdc6.pth", 107_811_560, 83.014, 96.288, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@builder(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNet Y of 400 MFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(16, 48, 27.89, 2.09, 8, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNet Y of 800 MFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(14, 56, 38.84, 2.4, 16, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 1.6 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(27, 48, 20.71, 2.65, 24, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 3.2 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(21, 80, 42.63, 2.66, 24, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 8 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(17, 192, 76.82, 2.19, 56, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 16 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(18, 200, 106.23, 2.48, 112, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 32 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(20, 232, 115.89, 2.53, 232, se_ratio=0.25), **kwargs)


@builder(RegNet_Y_128GF_Weights)
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 128 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(27, 456, 160.83, 2.52, 264, se_ratio=0.25), **kwargs)


@builder(RegNet_X_400MF_Weights)
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNet X of 400 MFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(22, 24, 24.48, 2.54, 16), **kwargs)


@builder(RegNet_X_800MF_Weights)
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNet X of 800 MFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(16, 56, 35.73, 2.28, 16), **kwargs)


@builder(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNet X of 1.6 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(18, 80, 34.01, 2.25, 24), **kwargs)


@builder(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNet X of 3.2 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(25, 88, 26.31, 2.25, 48), **kwargs)


@builder(RegNet_X_8GF_Weights)
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNet X of 8 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(23, 80, 49.56, 2.88, 120), **kwargs)


@builder(RegNet_X_16GF_Weights)
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNet X of 16 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(22, 216, 55.59, 2.1, 128), **kwargs)


@builder(RegNet_X_32GF_Weights)
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNet X of 32 GFLOP; the arguments are those of `RegNet`."""
    return RegNet(BlockParams.from_init_params(23, 320, 69.86, 2.0, 168), **kwargs)


BUILDERS = (
    regnet_y_400mf, regnet_y_800mf, regnet_y_1_6gf, regnet_y_3_2gf, regnet_y_8gf, regnet_y_16gf, regnet_y_32gf,
    regnet_y_128gf, regnet_x_400mf, regnet_x_800mf, regnet_x_1_6gf, regnet_x_3_2gf, regnet_x_8gf, regnet_x_16gf,
    regnet_x_32gf,
)  # fmt: skip

__all__ = [
    "RegNet", "RegNet_X_16GF_Weights", "RegNet_X_1_6GF_Weights", "RegNet_X_32GF_Weights", "RegNet_X_3_2GF_Weights",
    "RegNet_X_400MF_Weights", "RegNet_X_800MF_Weights", "RegNet_X_8GF_Weights", "RegNet_Y_128GF_Weights",
    "RegNet_Y_16GF_Weights", "RegNet_Y_1_6GF_Weights", "RegNet_Y_32GF_Weights", "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_400MF_Weights", "RegNet_Y_800MF_Weights", "RegNet_Y_8GF_Weights", "regnet_x_16gf", "regnet_x_1_6gf",
    "regnet_x_32gf", "regnet_x_3_2gf", "regnet_x_400mf", "regnet_x_800mf", "regnet_x_8gf", "regnet_y_128gf",
    "regnet_y_16gf", "regnet_y_1_6gf", "regnet_y_32gf", "regnet_y_3_2gf", "regnet_y_400mf", "regnet_y_800mf",
    "regnet_y_8gf",
]  # fmt: skip
