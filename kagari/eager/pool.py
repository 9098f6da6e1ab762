"""Pooling by extrema: where a gradient is wanted, the places have to be known, and else they need not be found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.casting import in_float32
from .calls import call
from .indexing import recorded
from .tensor import Tensor


def _differentiable(input: Tensor, values: Tensor, indices: Tensor, rank: int) -> Tensor:
    """Values that were found at indices, with their gradient where one is wanted."""
    if recorded(input):
        return call("placed")(input, values, indices, rank)
    return values


def _max_pool(rank: int, dims: str, example: str) -> tuple[Callable[..., Tensor], Callable[..., tuple[Tensor, Tensor]]]:
    name = f"max_pool{rank}d"

    def pairs(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> tuple[Tensor, Tensor]:
        values, indices = call(f"{name}_with_indices")(input, kernel_size, stride, padding, dilation, ceil_mode)
        return _differentiable(input, values, indices, rank), indices

    def values(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Tensor:
        if isinstance(input, Tensor) and recorded(input):
            return pairs(input, kernel_size, stride, padding, dilation, ceil_mode)[0]
        return call(name)(input, kernel_size, stride, padding, dilation, ceil_mode)

    values = in_float32(values) if rank == 3 else values  # what gives places, too, stays in lower precision in PyTorch
    values.__name__ = values.__qualname__ = name
    values.__doc__ = f"""The largest element of each window over the last {dims}.

    >>> import kagari as torch
    >>> {example}
    """
    pairs.__name__ = pairs.__qualname__ = f"{name}_with_indices"
    pairs.__doc__ = f"The largest element of each window over the last {dims}, and its place among those of a channel."
    return values, pairs


max_pool1d, max_pool1d_with_indices = _max_pool(
    1,
    "dimension",
    """torch.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])""",
)
max_pool2d, max_pool2d_with_indices = _max_pool(
    2,
    "two dimensions",
    """torch.max_pool2d(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    tensor([[[3.]]])""",
)
max_pool3d, max_pool3d_with_indices = _max_pool(
    3,
    "three dimensions",
    """torch.max_pool3d(torch.ones(1, 2, 2, 2), 2)
    tensor([[[[1.]]]])""",
)


def _adaptive_max_pool(rank: int, dims: str) -> Callable[..., tuple[Tensor, Tensor]]:
    name = f"adaptive_max_pool{rank}d"

    def pairs(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
        values, indices = call(f"{name}_with_indices")(input, output_size)
        return _differentiable(input, values, indices, rank), indices

    pairs.__name__ = pairs.__qualname__ = name
    pairs.__doc__ = f"""The largest element of each of `output_size` windows over the last {dims}, and its place."""
    return pairs


adaptive_max_pool1d = _adaptive_max_pool(1, "dimension")
adaptive_max_pool2d = _adaptive_max_pool(2, "two dimensions")
adaptive_max_pool3d = _adaptive_max_pool(3, "three dimensions")


def fractional_max_pool(
    input: Tensor, kernel_size: tuple[int, ...], output_size: tuple[int, ...], samples: Tensor
) -> tuple[Tensor, Tensor]:
    """The largest element of each window of `(N, C, *)`, windows being at random distances, and its place."""
    values, indices = call("fractional_max_pool")(input, kernel_size, output_size, samples)
    return _differentiable(input, values, indices, len(kernel_size)), indices


FUNCTIONS = (adaptive_max_pool1d, max_pool1d, max_pool1d_with_indices, max_pool2d, max_pool3d)
