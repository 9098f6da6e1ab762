"""Layers that convolve."""

from __future__ import annotations

import math

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from . import init
from .functional_pool import tuple_of
from .module import Module
from .parameter import Parameter

Numbers = int | tuple[int, ...]

_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What plain and transposed convolutions over any number of dimensions share."""

    __constants__ = (
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    )
    operator: str
    rank: int
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]
    transposed = False
    output_padding: tuple[int, ...]
    groups: int
    padding_mode: str
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers,
        padding: str | Numbers,
        dilation: Numbers,
        output_padding: Numbers,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: str | Device | None,
        dtype: dtype | None,
    ) -> None:
        super().__init__()
        rank = self.rank
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = tuple_of(kernel_size, rank), tuple_of(stride, rank)
        self.padding = padding if isinstance(padding, str) else tuple_of(padding, rank)
        self.dilation, self.output_padding = tuple_of(dilation, rank), tuple_of(output_padding, rank)
        self.groups, self.padding_mode = groups, padding_mode
        self._check()
        self._reversed_padding_repeated_twice = self._amounts()
        shape = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(ops.empty((*shape, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty((out_channels,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if self.out_channels % self.groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {self.padding!r}, should be one of {{'same', 'valid'}}")
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in _MODES:
            listed = ", ".join(map(repr, _MODES))
            raise ValueError(f"padding_mode must be one of {{{listed}}}, but got padding_mode='{self.padding_mode}'")

    def _amounts(self) -> tuple[int, ...] | list[int]:
        """The padding as `F.pad` takes it."""
        if not isinstance(self.padding, str):
            return tuple(n for n in reversed(self.padding) for _ in range(2))
        result: list[int] = []
        for taps, dilation in zip(reversed(self.kernel_size), reversed(self.dilation)):
            total = dilation * (taps - 1) if self.padding == "same" else 0
            result += [total // 2, total - total // 2]
        return result

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        # a = sqrt(5) makes the bound of kaiming_uniform_ 1 / sqrt(fan_in).
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        ones, zeros = (1,) * len(self.dilation), (0,) * len(self.output_padding)
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != ones:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != zeros:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution; which one `rank` says."""

    def __init__(
        self,
        in_channels: int,
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
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, device,
            dtype,
        )  # fmt: skip
        self._valid = (0,) * self.rank

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
            padding = self._valid
        conv = getattr(ops, self.operator)
        result: Tensor = conv(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return result


class _ConvTranspose(_ConvNd):
    """A transposed convolution; which one `rank` says."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
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
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {self.__class__.__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: list[int] | tuple[int, ...] | None = None) -> Tensor:
        more = self.output_padding if output_size is None else self._output_padding(input, tuple(output_size))
        conv = getattr(ops, self.operator)
        weight, bias = self.weight, self.bias
        result: Tensor = conv(input, weight, bias, self.stride, self.padding, more, self.groups, self.dilation)
        return result

    def _output_padding(self, input: Tensor, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """What has to be added for an output of the wanted size: the stride leaves several sizes open."""
        rank, lead = self.rank, input.dim() - self.rank
        if len(wanted) == rank + lead:
            wanted = wanted[lead:]
        if len(wanted) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {input.dim()}D input, output_size must have {rank} or {rank + lead} "
                f"elements (got {len(wanted)})"
            )
        assert not isinstance(self.padding, str)
        least = [
            (input.size(d + lead) - 1) * self.stride[d] - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1) + 1
            for d in range(rank)
        ]  # fmt: skip
        most = [n + s - 1 for n, s in zip(least, self.stride)]
        if any(not a <= n <= b for a, n, b in zip(least, wanted, most)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.size()[2:]})"
            )
        return tuple(n - a for n, a in zip(wanted, least))


class Conv1d(_Conv):
    r"""A convolution over one dimension.

    .. math::
        y_{n,o,p} = b_o + \sum_{c,k} w_{o,c,k}\, x_{n,c,\; p \cdot \text{stride} + k \cdot \text{dilation}}

    where :math:`x` is the padded input.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): the number of taps :math:`K`.
        stride (int or tuple): how far apart windows are. Default: 1
        padding (int, tuple or str): how much is added on both sides; ``'same'`` keeps the size, ``'valid'`` adds
            nothing. Default: 0
        dilation (int or tuple): how far apart taps are. Default: 1
        groups (int): so many parts of the channels have weights of their own. Default: 1
        bias (bool): whether :math:`b` is added. Default: ``True``
        padding_mode (str): ``'zeros'``, ``'reflect'``, ``'replicate'`` or ``'circular'``. Default: ``'zeros'``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(N, C_\text{in}, L)` or :math:`(C_\text{in}, L)`.
        - Output: :math:`(N, C_\text{out}, L_\text{out})` or :math:`(C_\text{out}, L_\text{out})`, where
          :math:`L_\text{out} = \lfloor (L + 2\,\text{padding} - \text{dilation}\,(K - 1) - 1) / \text{stride}
          \rfloor + 1`.

    Attributes:
        weight: :math:`w`, of shape :math:`(C_\text{out}, C_\text{in} / \text{groups}, K)`, from
            :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = \text{groups} / (C_\text{in} K)`.
        bias: :math:`b`, of shape :math:`(C_\text{out})`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Conv1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).shape)
        (20, 33, 24)
    """

    operator = "conv1d"
    rank = 1


class Conv2d(_Conv):
    r"""A convolution over images. Arguments and formula are those of :class:`~kagari.nn.Conv1d`, with a number for
    each of two dimensions.

    Shape:
        - Input: :math:`(N, C_\text{in}, H, W)` or :math:`(C_\text{in}, H, W)`.
        - Output: :math:`(N, C_\text{out}, H_\text{out}, W_\text{out})` or the same without :math:`N`.

    Attributes:
        weight: of shape :math:`(C_\text{out}, C_\text{in} / \text{groups}, K_H, K_W)`.
        bias: of shape :math:`(C_\text{out})`.

    Source: LeCun et al., *Gradient-based learning applied to document recognition* (1998).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Conv2d(3, 8, (3, 5), padding=(1, 2))(torch.randn(2, 3, 10, 12)).shape)
        (2, 8, 10, 12)
    """

    operator = "conv2d"
    rank = 2


class Conv3d(_Conv):
    r"""A convolution over volumes. Arguments and formula are those of :class:`~kagari.nn.Conv1d`, with a number for
    each of three dimensions.

    Shape:
        - Input: :math:`(N, C_\text{in}, D, H, W)` or the same without :math:`N`.
        - Output: :math:`(N, C_\text{out}, D_\text{out}, H_\text{out}, W_\text{out})`.

    Attributes:
        weight: of shape :math:`(C_\text{out}, C_\text{in} / \text{groups}, K_D, K_H, K_W)`.
        bias: of shape :math:`(C_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Conv3d(2, 4, 3, stride=2)(torch.randn(1, 2, 5, 7, 9)).shape)
        (1, 4, 2, 3, 4)
    """

    operator = "conv3d"
    rank = 3


class ConvTranspose1d(_ConvTranspose):
    r"""A transposed convolution over one dimension: each element of the input adds its multiple of the weights to a
    window of the output.

    It takes what :class:`~kagari.nn.Conv1d` gives back to the size of its input, and is how the gradient of that
    goes back.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): the number of taps :math:`K`.
        stride (int or tuple): how far apart windows of the output are. Default: 1
        padding (int or tuple): how much is cut off both sides of the output. Default: 0
        output_padding (int or tuple): how much is added to its end, less than stride or dilation. Default: 0
        groups (int): so many parts of the channels have weights of their own. Default: 1
        bias (bool): whether a bias is added. Default: ``True``
        dilation (int or tuple): how far apart taps are. Default: 1
        padding_mode (str): ``'zeros'``, and nothing else.
        device, dtype: where the parameters are made, and of which type.

    The layer takes a second argument, ``output_size``, from which the output padding follows.

    Shape:
        - Input: :math:`(N, C_\text{in}, L)` or :math:`(C_\text{in}, L)`.
        - Output: :math:`(N, C_\text{out}, L_\text{out})` or :math:`(C_\text{out}, L_\text{out})`, where
          :math:`L_\text{out} = (L - 1)\,\text{stride} - 2\,\text{padding} + \text{dilation}\,(K - 1) +
          \text{output\_padding} + 1`.

    Attributes:
        weight: of shape :math:`(C_\text{in}, C_\text{out} / \text{groups}, K)`, from
            :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = \text{groups} / (C_\text{out} K)`.
        bias: of shape :math:`(C_\text{out})`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ConvTranspose1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).shape)
        (20, 33, 101)
    """

    operator = "conv_transpose1d"
    rank = 1


class ConvTranspose2d(_ConvTranspose):
    r"""A transposed convolution over images. Arguments are those of :class:`~kagari.nn.ConvTranspose1d`, with a number
    for each of two dimensions.

    Shape:
        - Input: :math:`(N, C_\text{in}, H, W)` or :math:`(C_\text{in}, H, W)`.
        - Output: :math:`(N, C_\text{out}, H_\text{out}, W_\text{out})` or the same without :math:`N`.

    Source: Dumoulin and Visin, *A guide to convolution arithmetic for deep learning* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1)
        >>> tuple(layer(torch.randn(2, 8, 6, 6), output_size=(12, 12)).shape)
        (2, 3, 12, 12)
    """

    operator = "conv_transpose2d"
    rank = 2


class ConvTranspose3d(_ConvTranspose):
    r"""A transposed convolution over volumes. Arguments are those of :class:`~kagari.nn.ConvTranspose1d`, with a number
    for each of three dimensions.

    Shape:
        - Input: :math:`(N, C_\text{in}, D, H, W)` or the same without :math:`N`.
        - Output: :math:`(N, C_\text{out}, D_\text{out}, H_\text{out}, W_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ConvTranspose3d(4, 2, 2, stride=2)(torch.randn(1, 4, 2, 3, 4)).shape)
        (1, 2, 4, 6, 8)
    """

    operator = "conv_transpose3d"
    rank = 3


__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
