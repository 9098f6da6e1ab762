"""Layers that take images apart into windows, and put them together again."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module

Numbers = int | tuple[int, ...]


class Fold(Module):
    r"""Adds columns up at the places of their windows: the transpose of :class:`~kagari.nn.Unfold`.

    Args:
        output_size (int or tuple): height and width of the result.
        kernel_size (int or tuple): height and width of a window.
        dilation (int or tuple): how far apart the elements of a window are. Default: 1
        padding (int or tuple): zeros around the image that do not count. Default: 0
        stride (int or tuple): how far apart windows are. Default: 1

    Shape:
        - Input: :math:`(N, C \cdot K_H K_W, L)` or :math:`(C \cdot K_H K_W, L)`, with :math:`L` windows.
        - Output: :math:`(N, C, H, W)` or :math:`(C, H, W)`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Fold(output_size=(4, 5), kernel_size=2)(torch.randn(1, 3 * 2 * 2, 12)).shape)
        (1, 3, 4, 5)
    """

    __constants__ = ("output_size", "kernel_size", "dilation", "padding", "stride")
    output_size: Numbers
    kernel_size: Numbers
    dilation: Numbers
    padding: Numbers
    stride: Numbers

    def __init__(
        self, output_size: Numbers, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0,
        stride: Numbers = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    r"""The windows of images as columns.

    Args:
        kernel_size (int or tuple): height and width of a window.
        dilation (int or tuple): how far apart the elements of a window are. Default: 1
        padding (int or tuple): zeros around the image. Default: 0
        stride (int or tuple): how far apart windows are. Default: 1

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C \cdot K_H K_W, L)` or :math:`(C \cdot K_H K_W, L)`, with :math:`L` windows, row by row.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Unfold(kernel_size=(2, 3))(torch.randn(2, 5, 3, 4)).shape)
        (2, 30, 4)
    """

    __constants__ = ("kernel_size", "dilation", "padding", "stride")
    kernel_size: Numbers
    dilation: Numbers
    padding: Numbers
    stride: Numbers

    def __init__(self, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0, stride: Numbers = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


__all__ = ["Fold", "Unfold"]
