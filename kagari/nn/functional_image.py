"""Windows of images as functions, with PyTorch's signatures; `functional` shows them."""

from __future__ import annotations

from collections.abc import Sequence

from ..eager import Tensor
from ..eager import operators as ops


def unfold(
    input: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    r"""The windows of images as columns. See :class:`~kagari.nn.Unfold`."""
    return ops.im2col(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    r"""Columns added up at the places of their windows. See :class:`~kagari.nn.Fold`."""
    return ops.col2im(input, output_size, kernel_size, dilation, padding, stride)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    r"""More elements around ``input``.

    Args:
        input (Tensor): of any shape; for all modes but ``'constant'`` one to three dimensions are padded, behind one
            or two others.
        pad (tuple): two amounts for each dimension, the last dimension first; negative ones cut off.
        mode (str): ``'constant'``; ``'reflect'``, mirrored at the outermost element; ``'replicate'``, the outermost
            element again; ``'circular'``, from the other end. Default: ``'constant'``
        value (float, optional): what ``'constant'`` fills in. Default: 0
    """
    return ops.pad(input, pad, mode, value or None)


__all__ = ["fold", "pad", "unfold"]
