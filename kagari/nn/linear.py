"""Layers that multiply by a matrix."""

from __future__ import annotations

import math
from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import init
from .module import Module
from .parameter import Parameter


class Identity(Module):
    r"""Gives its input back. It takes any arguments, so that it can stand in for any layer.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Identity(54, unused=0.1)(torch.randn(128, 20)).shape)
        (128, 20)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    r"""An affine map of the last dimension: :math:`y = x A^T + b`.

    Args:
        in_features (int): size of each input row.
        out_features (int): size of each output row.
        bias (bool): whether :math:`b` is added. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(*, H_\text{in})`, where :math:`H_\text{in} = \text{in\_features}`.
        - Output: :math:`(*, H_\text{out})`, where :math:`H_\text{out} = \text{out\_features}`.

    Attributes:
        weight: :math:`A`, of shape :math:`(\text{out\_features}, \text{in\_features})`, from
            :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = 1 / \text{in\_features}`.
        bias: :math:`b`, of shape :math:`(\text{out\_features})`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.Linear(20, 30)
        >>> tuple(layer(torch.randn(128, 20)).shape)
        (128, 30)
    """

    __constants__ = ("in_features", "out_features")
    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(ops.empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty((out_features,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        # a = sqrt(5) makes the bound of kaiming_uniform_ 1 / sqrt(in_features).
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return ops.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


__all__ = ["Identity", "Linear"]
