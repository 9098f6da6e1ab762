"""A pyramid of features: what is seen at several sizes, all of it with the knowledge of the coarsest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ... import nn
from ...eager import Tensor
from ...nn import functional as F
from .misc import Conv2dNormActivation

Levels = list[Tensor]


class ExtraFPNBlock(nn.Module):
    """The base of what makes further, coarser levels."""

    def forward(self, results: Levels, x: Levels, names: list[str]) -> tuple[Levels, list[str]]:
        """The levels and their names, of the results and of the inputs; every subclass defines it."""
        raise NotImplementedError


class LastLevelMaxPool(ExtraFPNBlock):
    """One level more, every second pixel of the last one: `pool`."""

    def forward(self, results: Levels, x: Levels, names: list[str]) -> tuple[Levels, list[str]]:
        return [*results, F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two levels more, by convolutions of stride 2: `p6` and `p7`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        _initialize(self)
        self.use_P5 = in_channels == out_channels

    def forward(self, results: Levels, x: Levels, names: list[str]) -> tuple[Levels, list[str]]:
        sixth = self.p6(results[-1] if self.use_P5 else x[-1])
        return [*results, sixth, self.p7(F.relu(sixth))], [*names, "p6", "p7"]


def _initialize(module: nn.Module) -> None:
    """The first weights of all convolutions in a module."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_uniform_(part.weight, a=1)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class FeaturePyramidNetwork(nn.Module):
    r"""Adds to each level of features, from the coarsest on, the level before at twice its size.

    Args:
        in_channels_list (list of int): the channels of the inputs, from the finest to the coarsest.
        out_channels (int): the channels of all results.
        extra_blocks (ExtraFPNBlock, optional): makes further levels.
        norm_layer (callable, optional): makes a normalization from a number of channels. Default: none

    Shape:
        - Input: a dictionary of :math:`(N, C_i, H_i, W_i)`.
        - Output: an ordered dictionary of :math:`(N, C, H_i, W_i)`.

    Raises ValueError for an input without channels.

    Source: Lin and others, Feature Pyramid Networks for Object Detection, 2016.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> levels = {"fine": torch.rand(1, 2, 8, 8), "coarse": torch.rand(1, 3, 4, 4)}
        >>> {name: tuple(x.shape) for name, x in ops.FeaturePyramidNetwork([2, 3], 5)(levels).items()}
        {'fine': (1, 5, 8, 8), 'coarse': (1, 5, 4, 4)}
    """

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ValueError("in_channels=0 is currently not supported")
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": None}
        inner = [Conv2dNormActivation(n, out_channels, 1, padding=0, **options) for n in in_channels_list]
        layer = [Conv2dNormActivation(out_channels, out_channels, 3, **options) for _ in in_channels_list]
        self.inner_blocks, self.layer_blocks = nn.ModuleList(inner), nn.ModuleList(layer)
        _initialize(self)
        self.extra_blocks = extra_blocks

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        names, levels = list(x), list(x.values())
        coarser: Tensor | None = None
        results: Levels = []
        for level, inner, layer in reversed(list(zip(levels, self.inner_blocks, self.layer_blocks))):
            made = inner(level)
            if coarser is not None:
                made = made + F.interpolate(coarser, size=tuple(made.shape[-2:]), mode="nearest")
            coarser = made
            results.insert(0, layer(made))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, levels, names)
        return OrderedDict(zip(names, results))


__all__ = ["ExtraFPNBlock", "FeaturePyramidNetwork", "LastLevelMaxPool", "LastLevelP6P7"]
