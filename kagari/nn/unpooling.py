"""Layers that put what max pooling gave back to where it was."""

from __future__ import annotations

from collections.abc import Sequence

from ..eager import Tensor
from . import functional as F
from .functional_pool import tuple_of
from .module import Module

Ints = int | tuple[int, ...]


class _MaxUnpool(Module):
    """What the layers for one, two and three spatial dimensions share; `_rank` is their number."""

    _rank: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> None:
        super().__init__()
        self.kernel_size = tuple_of(kernel_size, self._rank)
        self.stride = tuple_of(stride, self._rank) if stride is not None else self.kernel_size
        self.padding = tuple_of(padding, self._rank)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    r"""Puts the elements that :class:`MaxPool1d` found back to their places. See :class:`MaxUnpool2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: :math:`(N, C, L_\text{out})` or :math:`(C, L_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> found = nn.MaxPool1d(2, return_indices=True)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
        >>> nn.MaxUnpool1d(2)(*found)
        tensor([[0., 3., 2., 0.]])
    """

    _rank = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpool):
    r"""Puts the elements that :class:`MaxPool2d` found back to their places, with zeros everywhere else.

    Several sizes of an image are pooled to the same size. Without ``output_size`` the smallest of them is taken:
    :math:`H_\text{out} = (H - 1) s - 2 p + k`.

    Args:
        kernel_size (int or tuple): :math:`k`, the size of a window.
        stride (int or tuple, optional): :math:`s`, from one window to the next. Default: ``kernel_size``
        padding (int or tuple): :math:`p`, that of the pooling. Default: 0

    Inputs:
        - ``input``: what pooling gave.
        - ``indices``: the places, as :class:`MaxPool2d` returns them with ``return_indices``.
        - ``output_size`` (optional): the size of the result.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})` or :math:`(C, H_\text{out}, W_\text{out})`.

    Raises:
        ValueError: if the pooling could not have come from ``output_size``.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> found = nn.MaxPool2d(2, return_indices=True)(torch.arange(1.0, 17.0).reshape(1, 4, 4))
        >>> nn.MaxUnpool2d(2)(*found)
        tensor([[[ 0.,  0.,  0.,  0.],
                 [ 0.,  6.,  0.,  8.],
                 [ 0.,  0.,  0.,  0.],
                 [ 0., 14.,  0., 16.]]])
    """

    _rank = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    r"""Puts the elements that :class:`MaxPool3d` found back to their places. See :class:`MaxUnpool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with :math:`D_\text{out}, H_\text{out}, W_\text{out}`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> found = nn.MaxPool3d(2, return_indices=True)(torch.randn(1, 2, 4, 6, 4))
        >>> tuple(nn.MaxUnpool3d(2)(*found).shape)
        (1, 2, 4, 6, 4)
    """

    _rank = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


__all__ = ["MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]
