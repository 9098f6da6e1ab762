"""Pooling as functions. See :mod:`kagari.nn.functional`."""

from __future__ import annotations

from typing import Any

from ..eager import Tensor, pool
from ..eager import operators as ops

Ints = int | tuple[int, ...] | list[int]


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""The largest element of each window of a sequence, and its place. See :class:`~kagari.nn.MaxPool1d`."""
    return pool.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""The largest element of each window of a sequence. See :class:`~kagari.nn.MaxPool1d`."""
    find: Any = pool.max_pool1d_with_indices if return_indices else pool.max_pool1d
    return find(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""The largest element of each window of an image, and its place. See :class:`~kagari.nn.MaxPool2d`."""
    return pool.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""The largest element of each window of an image. See :class:`~kagari.nn.MaxPool2d`."""
    find: Any = pool.max_pool2d_with_indices if return_indices else pool.max_pool2d
    return find(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""The largest element of each window of a volume, and its place. See :class:`~kagari.nn.MaxPool3d`."""
    return pool.max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""The largest element of each window of a volume. See :class:`~kagari.nn.MaxPool3d`."""
    find: Any = pool.max_pool3d_with_indices if return_indices else pool.max_pool3d
    return find(input, kernel_size, stride, padding, dilation, ceil_mode)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    r"""The mean of each of ``output_size`` windows of an image. See :class:`~kagari.nn.AdaptiveAvgPool2d`."""
    return ops.adaptive_avg_pool2d(input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    r"""The mean of each of ``output_size`` windows of a volume. See :class:`~kagari.nn.AdaptiveAvgPool3d`."""
    return ops.adaptive_avg_pool3d(input, output_size)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    r"""As :func:`adaptive_max_pool1d`, and the places of the elements."""
    return pool.adaptive_max_pool1d(input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    r"""The largest element of each of ``output_size`` windows. See :class:`~kagari.nn.AdaptiveMaxPool1d`."""
    found = pool.adaptive_max_pool1d(input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    r"""As :func:`adaptive_max_pool2d`, and the places of the elements."""
    return pool.adaptive_max_pool2d(input, output_size)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    r"""The largest element of each of ``output_size`` windows. See :class:`~kagari.nn.AdaptiveMaxPool2d`."""
    found = pool.adaptive_max_pool2d(input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    r"""As :func:`adaptive_max_pool3d`, and the places of the elements."""
    return pool.adaptive_max_pool3d(input, output_size)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    r"""The largest element of each of ``output_size`` windows. See :class:`~kagari.nn.AdaptiveMaxPool3d`."""
    found = pool.adaptive_max_pool3d(input, output_size)
    return found if return_indices else found[0]


__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]
