"""The cross entropy with the layer that makes its logits."""

from __future__ import annotations

import math

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.device import Device
from . import functional as F
from .linear import Linear
from .loss import _WeightedLoss


class LinearCrossEntropyLoss(_WeightedLoss):
    r"""A :class:`~kagari.nn.Linear` layer and the :class:`~kagari.nn.CrossEntropyLoss` of its results in one.

    .. math::
        l_n = -w_{y_n} \log \text{softmax}(x_n A^T + b)_{y_n}

    Args:
        in_features (int): :math:`E`, the size of an input.
        num_classes (int): :math:`C`, the number of classes.
        out_features (tuple): :math:`(d_1, ..., d_K)`, how many predictions are made of each input. Default: ``()``, one
        bias (bool): whether :math:`b` is added. Default: ``False``
        device, dtype: where the parameters are made, and of which type.
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each target. Default: ``"mean"``
        weight (Tensor, optional): :math:`w`, one number for each class.
        ignore_index (int, optional): a class that counts for nothing as a target. Default: -100
        label_smoothing (float): how much of the target is spread evenly over all classes. Default: 0.0
        options: ``None``; the logits are computed at once.

    Shape:
        - Input: :math:`(N, E)` or :math:`(E)`.
        - Target: :math:`(N)`, :math:`()` or :math:`(N, d_1, ..., d_K)`, classes; or :math:`(N, C, d_1, ..., d_K)`,
          probabilities.
        - Output: scalar; :math:`(N)`, :math:`()` or :math:`(N, d_1, ..., d_K)` without reduction.

    Attributes:
        linear: the layer, with a weight of shape :math:`(C d_1 \cdots d_K, E)`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> loss = nn.LinearCrossEntropyLoss(5, 10, out_features=(4, 3))
        >>> tuple(loss(torch.randn(2, 5), torch.randint(0, 10, (2, 4, 3))).shape)
        ()
    """

    __constants__ = ("num_classes", "out_features", "reduction", "ignore_index", "label_smoothing")

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: None = None,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        if options is not None:
            raise NotImplementedError("LinearCrossEntropyLoss: logits are computed at once, options are not supported")
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = num_classes * math.prod(self.out_features)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape = (self.num_classes, *self.out_features)
        bias = None if self.linear.bias is None else self.linear.bias.reshape(shape)
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=bias,
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options=None"
        )


__all__ = ["LinearCrossEntropyLoss"]
