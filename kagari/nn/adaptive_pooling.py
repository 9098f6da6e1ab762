"""Layers that pool to a given size, whatever that of the input."""

from __future__ import annotations

from typing import Any

from ..eager import Tensor
from . import functional as F
from .module import Module

Sizes = int | tuple[int | None, ...] | None


class _AdaptiveAvgPool(Module):
    """What the layers for one, two and three spatial dimensions share."""

    __constants__ = ("output_size",)
    output_size: Sizes

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    r"""The mean of each of :math:`L_\text{out}` windows of a sequence. See :class:`AdaptiveAvgPool2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: :math:`(N, C, L_\text{out})` or :math:`(C, L_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.AdaptiveAvgPool1d(3)(torch.arange(7.0).reshape(1, 7))
        tensor([[1., 3., 5.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    r"""The mean of each of :math:`H_\text{out} \times W_\text{out}` windows of an image.

    Of :math:`o` windows over :math:`n` elements window :math:`i` goes from :math:`\lfloor i n / o \rfloor` to
    :math:`\lceil (i + 1) n / o \rceil`.

    Args:
        output_size (int or tuple): :math:`(H_\text{out}, W_\text{out})`; one number for both, ``None`` for the size of
            the input.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})` or :math:`(C, H_\text{out}, W_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.AdaptiveAvgPool2d((None, 7))(torch.randn(1, 64, 10, 9)).shape)
        (1, 64, 10, 7)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    r"""The mean of each of a given number of windows of a volume. See :class:`AdaptiveAvgPool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with the sizes ``output_size``.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.AdaptiveAvgPool3d(2)(torch.randn(1, 4, 5, 6, 7)).shape)
        (1, 4, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPool(Module):
    """What the layers for one, two and three spatial dimensions share."""

    __constants__ = ("output_size", "return_indices")
    output_size: Sizes
    return_indices: bool

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    r"""The largest element of each of :math:`L_\text{out}` windows of a sequence. See :class:`AdaptiveMaxPool2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: :math:`(N, C, L_\text{out})` or :math:`(C, L_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.AdaptiveMaxPool1d(3)(torch.arange(7.0).reshape(1, 7))
        tensor([[2., 4., 6.]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    r"""The largest element of each of :math:`H_\text{out} \times W_\text{out}` windows of an image.

    The windows are those of :class:`AdaptiveAvgPool2d`.

    Args:
        output_size (int or tuple): :math:`(H_\text{out}, W_\text{out})`; one number for both, ``None`` for the size of
            the input.
        return_indices (bool): whether the place of each element, counted in its channel, is returned, too.
            Default: ``False``

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})` or :math:`(C, H_\text{out}, W_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.AdaptiveMaxPool2d((5, 7))(torch.randn(1, 64, 10, 9)).shape)
        (1, 64, 5, 7)
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    r"""The largest element of each of a given number of windows of a volume. See :class:`AdaptiveMaxPool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with the sizes ``output_size``.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.AdaptiveMaxPool3d(2)(torch.randn(1, 4, 5, 6, 7)).shape)
        (1, 4, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]
