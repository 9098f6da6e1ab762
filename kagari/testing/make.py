"""Random tensors for tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..eager import Tensor, dtype, random
from ..eager.creation import tensor
from ..eager.parts import view_as_complex


def make_tensor(
    *shape: int | Sequence[int],
    dtype: dtype,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of uniformly distributed numbers.

    Args:
        shape: the sizes, one after the other or as one sequence.
        dtype: of the tensor.
        device: where it lies.
        low: the least number. Default: -9, 0 for uint8 and booleans
        high: the bound above. Default: 9, 10 for integers, 2 for booleans
        requires_grad: whether gradients are wanted.
        noncontiguous: whether it lies in memory with gaps; of no effect on fewer than two elements.
        exclude_zero: whether 0 becomes the smallest positive number of the dtype.
        memory_format: that of a contiguous tensor.

    >>> import kagari as torch
    >>> torch.testing.make_tensor(2, 3, dtype=torch.int64, low=5, high=6)
    tensor([[5, 5, 5],
            [5, 5, 5]])
    """
    made: Any
    sizes: tuple[int, ...] = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else tuple(shape)  # type: ignore[arg-type]
    lowest, highest = (
        (0, 2) if dtype.category == 0 else (-9 if dtype.is_signed else 0, 9 if dtype.is_differentiable else 10)
    )
    low, high = lowest if low is None else low, highest if high is None else high
    if low >= high:
        raise ValueError(f"make_tensor: `low` must be less than `high`, but got {low} >= {high}")
    if noncontiguous and memory_format is not None:
        raise ValueError("The parameters `noncontiguous` and `memory_format` are mutually exclusive")
    if requires_grad and dtype.category < 2:
        raise ValueError("`requires_grad=True` is only supported for floating point and complex dtypes")
    gaps = noncontiguous and math.prod(sizes) > 1
    wide = (*sizes[:-1], 2 * sizes[-1]) if gaps else sizes
    if dtype.is_differentiable:
        made = random.rand((*wide, 2) if dtype.is_complex else wide) * (high - low) + low
        made = (view_as_complex(made) if dtype.is_complex else made).to(dtype)
    else:
        made = random.randint(math.ceil(low), math.ceil(high), wide).to(dtype)
    if gaps:
        made = made[..., ::2]
    if exclude_zero:
        made[made == 0] = tensor(_least_above_zero(dtype), dtype=dtype)
    return made.requires_grad_() if requires_grad else made


def _least_above_zero(dt: dtype) -> float:
    """The smallest normal number of a dtype."""
    return {"float16": 2.0**-14, "float64": 2.0**-1022}.get(dt.to_real().name, 2.0**-126) if dt.is_differentiable else 1
