"""Fractional max pooling as functions. See :mod:`kagari.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..eager import Tensor, pool
from ..eager import operators as ops
from .functional_pool import tuple_of

Ints = int | tuple[int, ...]


def _pooled(
    rank: int,
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None,
    output_ratio: Sequence[float] | None,
    samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        assert output_ratio is not None
        if len(output_ratio) != rank:
            raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        output_size = tuple([int(n * ratio) for n, ratio in zip(tuple(input.shape)[-rank:], output_ratio)])
    kernel, size = tuple_of(kernel_size, rank), tuple_of(output_size, rank)
    for argument, values in (("kernel_size", kernel), ("output_size", size)):
        if len(values) != rank:
            raise RuntimeError(f"{name}: {argument} must either be a single Int or tuple of Ints")
    whole = input.unsqueeze(0) if input.dim() == rank + 1 else input
    if whole.dim() != rank + 2:
        raise IndexError(f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(input.shape)}")
    if samples is None:
        samples = ops.rand(whole.shape[0], whole.shape[1], rank, dtype=input.dtype)
    found = pool.fractional_max_pool(whole, kernel, size, samples)
    return found if whole is input else (found[0].squeeze(0), found[1].squeeze(0))


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""As :func:`fractional_max_pool2d`, and the places of the elements."""
    return _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    r"""The largest element of each of ``output_size`` windows at random distances.

    See :class:`~kagari.nn.FractionalMaxPool2d`.
    """
    found = _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""As :func:`fractional_max_pool3d`, and the places of the elements."""
    return _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    r"""The largest element of each of ``output_size`` windows at random distances.

    See :class:`~kagari.nn.FractionalMaxPool3d`.
    """
    found = _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]
