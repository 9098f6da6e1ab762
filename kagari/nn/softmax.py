"""Activations along a dimension: the softmax family."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module


class Softmax(Module):
    r"""Positive numbers that sum to one, in proportion to the exponentials of the input.

    .. math::
        \text{Softmax}(x_i) = \frac{e^{x_i}}{\sum_j e^{x_j}}

    Args:
        dim (int): the dimension along which they sum to one.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Softmax(dim=0)(torch.tensor([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """

    __constants__ = ("dim",)
    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    r"""A :class:`Softmax` over the channels of images, at each place for itself.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten().tolist()
        [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3, _stacklevel=5)


class Softmin(Module):
    r"""Positive numbers that sum to one, the greatest where the input is least.

    .. math::
        \text{Softmin}(x_i) = \frac{e^{-x_i}}{\sum_j e^{-x_j}}

    Args:
        dim (int): the dimension along which they sum to one.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Softmin(dim=0)(torch.tensor([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """

    __constants__ = ("dim",)
    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    r"""The logarithm of :class:`Softmax`, computed without leaving the range of floating point.

    .. math::
        \text{LogSoftmax}(x_i) = \log \frac{e^{x_i}}{\sum_j e^{x_j}}

    Args:
        dim (int): the dimension along which the exponentials sum to one.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.LogSoftmax(dim=0)(torch.tensor([3.0])).tolist()
        [0.0]
    """

    __constants__ = ("dim",)
    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]
