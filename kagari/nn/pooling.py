"""Layers that keep one number of each window: its largest, its mean, a power mean."""

from __future__ import annotations

from typing import Any

from ..eager import Tensor
from . import functional as F
from .functional_pool import tuple_of
from .module import Module

Ints = int | tuple[int, ...]


class _MaxPool(Module):
    """What the layers for one, two and three spatial dimensions share."""

    __constants__ = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
    kernel_size: Ints
    stride: Ints
    padding: Ints
    dilation: Ints
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    r"""The largest element of each window of a sequence. See :class:`MaxPool2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: :math:`(N, C, L_\text{out})` or :math:`(C, L_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.MaxPool1d(3, stride=2)(torch.randn(20, 16, 50)).shape)
        (20, 16, 24)
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool2d(_MaxPool):
    r"""The largest element of each window of an image. With windows of :math:`k_H \times k_W`:

    .. math::
        y_{i, j} = \max_{m < k_H} \max_{n < k_W} x_{i s + m d - p, \; j s + n d - p}

    Outside of the input there is nothing, and NaN counts as the largest.

    Args:
        kernel_size (int or tuple): :math:`k`, the size of a window.
        stride (int or tuple, optional): :math:`s`, from one window to the next. Default: ``kernel_size``
        padding (int or tuple): :math:`p`, how far windows reach beyond the input. Default: 0
        dilation (int or tuple): :math:`d`, from one element of a window to the next. Default: 1
        return_indices (bool): whether the place of each element, counted in its channel, is returned, too.
            Default: ``False``
        ceil_mode (bool): whether windows may end beyond the padding, so that all elements are seen. Default: ``False``

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})` or :math:`(C, H_\text{out}, W_\text{out})`, with
          :math:`H_\text{out} = \lfloor (H + 2 p - d (k_H - 1) - 1) / s \rfloor + 1`, and :math:`W` likewise.

    Raises:
        RuntimeError: if no window fits, or the padding is more than half of a window.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.MaxPool2d(3, stride=2, padding=1)(torch.randn(8, 16, 50, 32)).shape)
        (8, 16, 25, 16)
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool3d(_MaxPool):
    r"""The largest element of each window of a volume. See :class:`MaxPool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with :math:`D_\text{out}, H_\text{out}, W_\text{out}`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.MaxPool3d(2)(torch.randn(2, 3, 6, 8, 10)).shape)
        (2, 3, 3, 4, 5)
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class _AvgPool(Module):
    """What the layers for one, two and three spatial dimensions share."""

    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    r"""The mean of each window of a sequence. See :class:`AvgPool2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: :math:`(N, C, L_\text{out})` or :math:`(C, L_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.AvgPool1d(3, stride=2)(torch.arange(7.0).reshape(1, 7))
        tensor([[1., 3., 5.]])
    """

    __constants__ = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    ceil_mode: bool
    count_include_pad: bool

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = tuple_of(kernel_size, 1)
        self.stride = tuple_of(stride, 1) if stride is not None else self.kernel_size
        self.padding = tuple_of(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolNd(_AvgPool):
    """What the layers for two and three spatial dimensions share."""

    __constants__ = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    kernel_size: Ints
    stride: Ints
    padding: Ints
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPoolNd):
    r"""The mean of each window of an image. With windows of :math:`k_H \times k_W`:

    .. math::
        y_{i, j} = \frac{1}{k_H k_W} \sum_{m < k_H} \sum_{n < k_W} x_{i s + m - p, \; j s + n - p}

    Args:
        kernel_size (int or tuple): :math:`k`, the size of a window.
        stride (int or tuple, optional): :math:`s`, from one window to the next. Default: ``kernel_size``
        padding (int or tuple): :math:`p`, how many zeros are around the input. Default: 0
        ceil_mode (bool): whether windows may end beyond the padding, so that all elements are seen. Default: ``False``
        count_include_pad (bool): whether the zeros of the padding count. Default: ``True``
        divisor_override (int, optional): what is divided by in place of the number of elements.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})` or :math:`(C, H_\text{out}, W_\text{out})`, with
          :math:`H_\text{out} = \lfloor (H + 2 p - k_H) / s \rfloor + 1`, and :math:`W` likewise.

    Raises:
        RuntimeError: if no window fits, or the padding is more than half of a window.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.AvgPool2d((3, 2), stride=(2, 1))(torch.randn(8, 16, 50, 32)).shape)
        (8, 16, 24, 31)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool3d(_AvgPoolNd):
    r"""The mean of each window of a volume. See :class:`AvgPool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with :math:`D_\text{out}, H_\text{out}, W_\text{out}`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.AvgPool3d(2)(torch.randn(2, 3, 6, 8, 10)).shape)
        (2, 3, 3, 4, 5)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _LPPool(Module):
    """What the layers for one, two and three spatial dimensions share."""

    __constants__ = ("norm_type", "kernel_size", "stride", "ceil_mode")
    norm_type: float
    kernel_size: Ints
    stride: Ints | None
    ceil_mode: bool

    def __init__(
        self, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    r"""The power sum of each window of a sequence. See :class:`LPPool2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: :math:`(N, C, L_\text{out})` or :math:`(C, L_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.LPPool1d(2, 2)(torch.tensor([[3.0, 4.0, 0.0, 0.0]]))
        tensor([[5., 0.]])
    """

    kernel_size: int

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    r"""The power sum of each window of an image: :math:`\left(\sum x^p\right)^{1/p}`.

    With :math:`p = 1` it is the sum, and the larger :math:`p` is, the closer it comes to the maximum.

    Args:
        norm_type (float): :math:`p`.
        kernel_size (int or tuple): the size of a window.
        stride (int or tuple, optional): from one window to the next. Default: ``kernel_size``
        ceil_mode (bool): whether windows may end beyond the input, so that all elements are seen. Default: ``False``

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: the same with :math:`H_\text{out}, W_\text{out}`, as in :class:`AvgPool2d`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.LPPool2d(2, 3, stride=2)(torch.randn(8, 16, 50, 32)).shape)
        (8, 16, 24, 15)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    r"""The power sum of each window of a volume. See :class:`LPPool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with :math:`D_\text{out}, H_\text{out}, W_\text{out}`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.LPPool3d(2, 2)(torch.randn(2, 3, 6, 8, 10)).shape)
        (2, 3, 3, 4, 5)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]
