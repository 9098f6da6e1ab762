"""Layers that max pool by factors that are no whole numbers."""

from __future__ import annotations

from typing import Any

from ..eager import Tensor
from . import functional as F
from .functional_pool import tuple_of
from .module import Module

Ints = int | tuple[int, ...]
Ratios = float | tuple[float, ...]


class _FractionalMaxPool(Module):
    """What the layers for two and three spatial dimensions share; `_rank` is their number."""

    __constants__ = ("kernel_size", "return_indices", "output_size", "output_ratio")
    _rank: int
    kernel_size: tuple[int, ...]
    return_indices: bool
    output_size: tuple[int, ...] | None
    output_ratio: tuple[float, ...] | None
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Ints,
        output_size: Ints | None = None,
        output_ratio: Ratios | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = tuple_of(kernel_size, self._rank)
        if min(self.kernel_size) <= 0:
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = tuple_of(output_size, self._rank) if output_size is not None else None
        if isinstance(output_ratio, int | float):
            output_ratio = (output_ratio,) * self._rank
        self.output_ratio = output_ratio
        if output_size is None and output_ratio is None:
            raise ValueError(f"{type(self).__name__} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
            shown = output_ratio[0] if len({*output_ratio}) == 1 else output_ratio
            raise ValueError(f"output_ratio must be between 0 and 1 (got {shown})")


class FractionalMaxPool2d(_FractionalMaxPool):
    r"""The largest element of each of :math:`H_\text{out} \times W_\text{out}` windows of an image.

    The distance from one window to the next varies at random, so that it is :math:`(H - k) / (H_\text{out} - 1)` in the
    mean; each channel of each sample has its own.

    Args:
        kernel_size (int or tuple): :math:`k`, the size of a window.
        output_size (int or tuple, optional): :math:`(H_\text{out}, W_\text{out})`.
        output_ratio (float or tuple, optional): :math:`H_\text{out} / H`, between 0 and 1; either this or
            ``output_size``.
        return_indices (bool): whether the place of each element, counted in its channel, is returned, too.
            Default: ``False``

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})` or :math:`(C, H_\text{out}, W_\text{out})`.

    Raises:
        ValueError: without a size or a ratio, or with both.

    Source: Graham, *Fractional max-pooling* (2014).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.FractionalMaxPool2d(3, output_ratio=0.5)(torch.randn(4, 16, 50, 32)).shape)
        (4, 16, 25, 16)
    """

    _rank = 2

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool3d(_FractionalMaxPool):
    r"""The largest element of each of a given number of windows of a volume. See :class:`FractionalMaxPool2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same with the sizes ``output_size``.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.FractionalMaxPool3d(2, output_size=(3, 4, 3))(torch.randn(1, 2, 6, 8, 7)).shape)
        (1, 2, 3, 4, 3)
    """

    _rank = 3

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d"]
