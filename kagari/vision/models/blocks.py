"""What several models share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ... import nn
from ...eager import Tensor

Layer = Callable[..., nn.Module]
_BY_OUTPUTS = partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu")


def multiple_of(value: float, divisor: int) -> int:
    """The multiple next to a number of channels, but no less than nine tenths of it.

    >>> multiple_of(33.6, 8), multiple_of(11, 8)
    (32, 16)
    """
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def initialize(
    model: nn.Module,
    linear: Callable[[Tensor], Any] | None = None,
    convolution: Callable[[Tensor], Any] = _BY_OUTPUTS,
) -> None:
    """Draws the weights of convolutions, whose biases are zero.

    Args:
        model (Module): whose weights.
        linear: draws the weight of a linear layer, whose bias is zero, too; without it, these stay as they are.
        convolution: draws the weight of a convolution. Default: after He et al. (2015), by its outputs
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            convolution(module.weight)
            zero_bias(module)
        elif isinstance(module, nn.Linear) and linear is not None:
            linear(module.weight)
            zero_bias(module)


def zero_bias(layer: nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.Linear) -> None:
    """Fills the bias of a layer with zeros, if it has one."""
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def initialize_mlp(layers: nn.Module) -> None:
    """Draws the weights of linear layers after Glorot and Bengio (2010), and biases next to zero."""
    for module in layers.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=1e-6)


__all__ = ["Layer", "initialize", "initialize_mlp", "multiple_of", "zero_bias"]
