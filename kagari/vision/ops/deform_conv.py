"""Convolutions that read their input at shifted places, which are part of the input."""

from __future__ import annotations

import math

from ... import nn
from ...base.dtypes import int64
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import init
from .regions import Size, pair


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = (1, 1),
    padding: Size = (0, 0),
    dilation: Size = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    r"""A convolution whose kernel reads the input where offsets say: between pixels, linearly, and 0 beyond the edges.

    .. math:: y(p) = b + \sum_k w_k \, m_k(p) \, x(p + p_k + \Delta p_k(p))

    Args:
        input (Tensor): the input.
        offset (Tensor): for each place of the kernel and each pixel of the output how far to go along y, then along x.
            The channels of the input may be in several groups, with offsets of their own.
        weight (Tensor): the kernel.
        bias (Tensor, optional): what is added to each channel.
        stride (int or tuple of int): pixels from one position of the kernel to the next. Default: 1
        padding (int or tuple of int): zeros around the input. Default: 0
        dilation (int or tuple of int): pixels from one element of the kernel to the next. Default: 1
        mask (Tensor, optional): what is read is multiplied by it.

    Shape:
        - Input: :math:`(N, C, H, W)`, weight :math:`(O, C / g, h, w)`, bias :math:`(O)`,
          offset :math:`(N, 2 G h w, H', W')`, mask :math:`(N, G h w, H', W')`, with g groups of weights, G of offsets.
        - Output: :math:`(N, O, H', W')`.

    Raises RuntimeError for shapes that do not fit together.

    Source: Dai and others, Deformable Convolutional Networks, 2017; with a mask Zhu and others, Deformable ConvNets v2:
    More Deformable, Better Results, 2018.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> x, half = torch.arange(9.0).reshape(1, 1, 3, 3), torch.zeros(1, 2, 3, 3)
        >>> half[:, 1] = 0.5
        >>> ops.deform_conv2d(x, half, torch.ones(1, 1, 1, 1))
        tensor([[[[0.5000, 1.5000, 1.0000],
                  [3.5000, 4.5000, 2.5000],
                  [6.5000, 7.5000, 4.0000]]]])
    """
    steps, margins, gaps = pair(stride), pair(padding), pair(dilation)
    sizes = [
        (input.shape[k + 2] + 2 * margins[k] - gaps[k] * (weight.shape[k + 2] - 1) - 1) // steps[k] + 1 for k in (0, 1)
    ]
    taps = weight.shape[2] * weight.shape[3]
    groups = _groups(input, offset, weight, mask, taps, (sizes[0], sizes[1]))
    n, channels = input.shape[:2]
    shifts = offset.reshape(n, groups, taps, 2, *sizes)
    starts = []
    for k in (0, 1):
        at = ops.arange(sizes[k]) * steps[k] - margins[k]
        starts.append(at + gaps[k] * ops.arange(weight.shape[k + 2]).unsqueeze(1))
    y = starts[0].view(-1, 1, sizes[0], 1).expand(-1, weight.shape[3], -1, -1).reshape(taps, sizes[0], 1)
    x = starts[1].view(1, -1, 1, sizes[1]).expand(weight.shape[2], -1, -1, -1).reshape(taps, 1, sizes[1])
    columns = _read(input, shifts[:, :, :, 0] + y, shifts[:, :, :, 1] + x)
    if mask is not None:
        columns = columns * mask.reshape(n, groups, 1, taps, -1)
    parts = channels // weight.shape[1]
    columns = columns.reshape(n, parts, weight.shape[1] * taps, -1)
    made: Tensor = ops.matmul(weight.reshape(parts, -1, weight.shape[1] * taps), columns)
    made = made.reshape(n, weight.shape[0], *sizes)
    return made if bias is None else made + bias.view(1, -1, 1, 1)


def _groups(
    input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, taps: int, sizes: tuple[int, int]
) -> int:
    """How many groups of offsets there are. Raises RuntimeError for shapes that do not fit together."""
    shapes = f"input {tuple(input.shape)}, offset {tuple(offset.shape)}, weight {tuple(weight.shape)}"
    groups = offset.shape[1] // (2 * taps)
    if groups == 0:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * "
            f"weight.size[2] * weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * "
            f"weight.size[3]={2 * taps}"
        )
    if input.shape[1] % weight.shape[1] or weight.shape[0] % (input.shape[1] // weight.shape[1] or 1):
        raise RuntimeError(f"deform_conv2d: the channels can't be divided into groups of the weight's; {shapes}")
    if input.shape[1] % groups:
        raise RuntimeError(f"deform_conv2d: the channels can't be divided into {groups} groups of offsets; {shapes}")
    if min(sizes) <= 0:
        raise RuntimeError(f"deform_conv2d: the output would have the size {sizes}; {shapes}")
    wanted = {"offset": (offset, (len(input), 2 * groups * taps, *sizes))}
    if mask is not None:
        wanted["mask"] = (mask, (len(input), groups * taps, *sizes))
    for name, (given, shape) in wanted.items():
        if tuple(given.shape) != shape:
            raise RuntimeError(f"deform_conv2d: expected {name} of shape {shape}, got {tuple(given.shape)}; {shapes}")
    return groups


def _read(input: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """The input [N, C, H, W] at places [N, G, K, H', W'] of groups of its channels: [N, G, C / G, K, H' * W']."""
    n, groups, taps = y.shape[:3]
    channels, height, width = input.shape[1:]
    pixels = input.reshape(n * groups, channels // groups, height * width).transpose(1, 2).flatten(0, 1)
    first = (ops.arange(n * groups) * (height * width)).view(n, groups, 1, 1, 1)
    top, left = y.floor(), x.floor()
    down, across = y - top, x - left
    total: Tensor | float = 0.0
    for row, share in ((top, 1 - down), (top + 1, down)):
        for column, part in ((left, 1 - across), (left + 1, across)):
            there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weights = ops.where(there, share * part, 0.0)
            places = row.clamp(0, height - 1).to(int64) * width + column.clamp(0, width - 1).to(int64)
            found = pixels.index_select(0, (first + places).flatten())
            total = total + found.reshape(n, groups, taps, -1, channels // groups) * weights.flatten(3).unsqueeze(4)
    made: Tensor = total.permute(0, 1, 4, 2, 3)  # type: ignore[union-attr]
    return made


class DeformConv2d(nn.Module):
    r"""See :func:`deform_conv2d`. Weights and bias begin as those of :class:`~kagari.nn.Conv2d`.

    Raises ValueError for channels that can't be divided into the groups.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = pair(kernel_size), pair(stride)
        self.padding, self.dilation = pair(padding), pair(dilation)
        self.weight = nn.Parameter(ops.empty(out_channels, in_channels // groups, *self.kernel_size))
        self.bias = nn.Parameter(ops.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        return deform_conv2d(input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask)

    def __repr__(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] * (self.padding != (0, 0))
        parts += [f"dilation={self.dilation}"] * (self.dilation != (1, 1))
        parts += [f"groups={self.groups}"] * (self.groups != 1) + ["bias=False"] * (self.bias is None)
        return f"{type(self).__name__}({', '.join(parts)})"


__all__ = ["DeformConv2d", "deform_conv2d"]
