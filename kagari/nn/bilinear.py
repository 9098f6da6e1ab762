"""The layer of two inputs."""

from __future__ import annotations

import math

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Bilinear(Module):
    r"""A form of two inputs that is linear in each: :math:`y_o = x_1^T A_o x_2 + b_o`.

    Args:
        in1_features (int): size of each row of the first input; at least 1.
        in2_features (int): size of each row of the second input.
        out_features (int): size of each output row.
        bias (bool): whether :math:`b` is added. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input1: :math:`(*, H_1)`, where :math:`H_1 = \text{in1\_features}`.
        - Input2: :math:`(*, H_2)`, where :math:`H_2 = \text{in2\_features}`.
        - Output: :math:`(*, H_\text{out})`, where :math:`H_\text{out} = \text{out\_features}`.

    Attributes:
        weight: :math:`A`, of shape :math:`(H_\text{out}, H_1, H_2)`, from :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`,
            where :math:`k = 1 / \text{in1\_features}`.
        bias: :math:`b`, of shape :math:`(H_\text{out})`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.Bilinear(20, 30, 40)
        >>> tuple(layer(torch.randn(128, 20), torch.randn(128, 30)).shape)
        (128, 40)
    """

    __constants__ = ("in1_features", "in2_features", "out_features")
    in1_features: int
    in2_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(ops.empty((out_features, in1_features, in2_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty((out_features,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


__all__ = ["Bilinear"]
