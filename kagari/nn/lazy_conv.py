"""Convolutions that learn the number of input channels from the first input."""

from __future__ import annotations

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.device import Device
from .conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Numbers,
    _Conv,
    _ConvNd,
    _ConvTranspose,
)
from .lazy import LazyModuleMixin, _materialize
from .parameter import UninitializedParameter


class _LazyConvNd(LazyModuleMixin, _ConvNd):
    """What all of them share."""

    def _make_lazy(self, out_channels: int, bias: bool, device: str | Device | None, dtype: dtype | None) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        if self.has_uninitialized_params():
            self.in_channels = self._channels_of(input)
            if self.in_channels % self.groups:
                raise ValueError("in_channels must be divisible by groups")
            inputs, outputs = self.in_channels, self.out_channels
            shape = (inputs, outputs // self.groups) if self.transposed else (outputs, inputs // self.groups)
            _materialize(self, weight=(*shape, *self.kernel_size), bias=(outputs,))
            self.reset_parameters()
        if not self.in_channels:
            self.in_channels = self._channels_of(input)

    def _channels_of(self, input: Tensor) -> int:
        single, batch = self.rank + 1, self.rank + 2
        if input.ndim not in (single, batch):
            raise RuntimeError(
                f"Expected {single}D (unbatched) or {batch}D (batched) input to {type(self).__name__}, but got input "
                f"of size: {input.shape}"
            )
        return input.shape[1 if input.ndim == batch else 0]


class _LazyConv(_LazyConvNd, _Conv):
    """A convolution."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: str | Numbers = 0,
        dilation: Numbers = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._make_lazy(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvNd, _ConvTranspose):
    """A transposed convolution."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers = 0,
        output_padding: Numbers = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Numbers = 1,
        padding_mode: str = "zeros",
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self._make_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    r"""A :class:`Conv1d` that takes ``in_channels`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyConv1d(4, kernel_size=1)
        >>> output = layer(torch.zeros(2, 3, 5))
        >>> layer.in_channels, type(layer) is nn.Conv1d
        (3, True)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    r"""A :class:`Conv2d` that takes ``in_channels`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyConv2d(4, kernel_size=1)
        >>> output = layer(torch.zeros(2, 3, 5, 5))
        >>> layer.in_channels, type(layer) is nn.Conv2d
        (3, True)
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    r"""A :class:`Conv3d` that takes ``in_channels`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyConv3d(4, kernel_size=1)
        >>> output = layer(torch.zeros(2, 3, 5, 5, 5))
        >>> layer.in_channels, type(layer) is nn.Conv3d
        (3, True)
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    r"""A :class:`ConvTranspose1d` that takes ``in_channels`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyConvTranspose1d(4, kernel_size=1)
        >>> output = layer(torch.zeros(2, 3, 5))
        >>> layer.in_channels, type(layer) is nn.ConvTranspose1d
        (3, True)
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    r"""A :class:`ConvTranspose2d` that takes ``in_channels`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyConvTranspose2d(4, kernel_size=1)
        >>> output = layer(torch.zeros(2, 3, 5, 5))
        >>> layer.in_channels, type(layer) is nn.ConvTranspose2d
        (3, True)
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    r"""A :class:`ConvTranspose3d` that takes ``in_channels`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyConvTranspose3d(4, kernel_size=1)
        >>> output = layer(torch.zeros(2, 3, 5, 5, 5))
        >>> layer.in_channels, type(layer) is nn.ConvTranspose3d
        (3, True)
    """

    cls_to_become = ConvTranspose3d


__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]
