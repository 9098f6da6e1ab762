"""Pooling as functions. See :mod:`kagari.nn.functional`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
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


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: int, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    r""":math:`(\sum x^p)^{1/p}` of each window of a sequence. See :class:`~kagari.nn.LPPool1d`."""
    means = ops.avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _root_of_sum(means, kernel_size, norm_type)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    r""":math:`(\sum x^p)^{1/p}` of each window of an image. See :class:`~kagari.nn.LPPool2d`."""
    means = ops.avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _root_of_sum(means, math.prod(tuple_of(kernel_size, 2)), norm_type)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    r""":math:`(\sum x^p)^{1/p}` of each window of a volume. See :class:`~kagari.nn.LPPool3d`."""
    means = ops.avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _root_of_sum(means, math.prod(tuple_of(kernel_size, 3)), norm_type)


def _root_of_sum(means: Tensor, count: int, norm_type: float) -> Tensor:
    return (ops.sign(means) * ops.abs(means)).mul(count).pow(1.0 / norm_type)


def tuple_of(value: Any, count: int) -> tuple[Any, ...]:
    """A tuple of what can be iterated over, and of a single value `count` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


def _unpooled_size(
    input: Tensor, rank: int, kernel_size: Ints, stride: Ints | None, padding: Ints, output_size: Sequence[int] | None
) -> tuple[int, ...]:
    """The spatial sizes that pooling came from: those asked for, or the smallest ones."""
    kernel, pad = tuple_of(kernel_size, rank), tuple_of(padding, rank)
    step = tuple_of(stride, rank) if stride is not None else kernel
    sizes = tuple(input.shape)[-rank:]
    default = tuple([(n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, kernel, step, pad)])
    if output_size is None:
        return default
    wanted = tuple(output_size)
    if len(wanted) == rank + 2:
        wanted = wanted[2:]
    if len(wanted) != rank:
        raise ValueError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of "
            f"'{len(wanted)}'"
        )
    for d, (size, n, s) in enumerate(zip(wanted, default, step)):
        if not n - s < size < n + s:
            shown = str(output_size) if len(output_size) == rank else str(wanted)
            raise ValueError(f'invalid output_size "{shown}" (dim {d} must be between {n - s} and {n + s})')
    return wanted


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    r"""Puts what max pooling gave back to its places in a sequence. See :class:`~kagari.nn.MaxUnpool1d`."""
    size = _unpooled_size(input, 1, kernel_size, stride, padding, output_size)
    return ops.max_unpool1d(input, indices, size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    r"""Puts what max pooling gave back to its places in an image. See :class:`~kagari.nn.MaxUnpool2d`."""
    size = _unpooled_size(input, 2, kernel_size, stride, padding, output_size)
    return ops.max_unpool2d(input, indices, size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    r"""Puts what max pooling gave back to its places in a volume. See :class:`~kagari.nn.MaxUnpool3d`."""
    size = _unpooled_size(input, 3, kernel_size, stride, padding, output_size)
    return ops.max_unpool3d(input, indices, size)


__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]
