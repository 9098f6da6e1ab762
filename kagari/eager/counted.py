"""Results that depend on values of other tensors: writes at index tensors, repetitions, places of what is not 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import dtypes
from ..engine.function import Hooks
from . import convert, indexing
from .calls import call
from .creation import finished

if TYPE_CHECKING:
    from .tensor import Tensor


# Writing at index tensors


def index_put_(self: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """Writes values, or with `accumulate` adds them, at the places that index tensors or masks name: `t[indices] = v`.

    >>> import kagari as torch
    >>> torch.zeros(3).index_put_((torch.tensor([0, 0]),), torch.ones(2), accumulate=True)
    tensor([2., 0., 0.])
    """
    _check_index("index_put_", self, indices, values)
    indexing.put(self, tuple(indices), values, accumulate)
    return self


def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of a tensor with values written, or added, at the places that index tensors or masks name.

    >>> import kagari as torch
    >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 2]),), torch.tensor(5.0))
    tensor([5., 0., 5.])
    """
    _check_index("index_put", input, indices, values)
    return index_put_(call("clone")(input), indices, values, accumulate)


def _check_index(name: str, t: Any, indices: Any, values: Any) -> None:
    if not isinstance(indices, Sequence):
        raise TypeError(
            f"{name}(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}"
        )
    for i, index in enumerate(indices):
        if not isinstance(index, Hooks.tensor_types):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(index).__name__}")
    if not isinstance(values, Hooks.tensor_types):
        raise TypeError(f"{name}(): argument 'values' (position 2) must be Tensor, not {type(values).__name__}")
    if len(indices) > t.ndim:
        raise IndexError(f"too many indices for tensor of dimension {t.ndim} (got {len(indices)})")


# Repetitions, and places of what is not 0


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element along `dim` several times, one after the other: `repeats` is a number, or a tensor with one for each
    element. Without `dim`, of the elements as one row. A tensor alone is the repetitions of 0, 1, 2, ...

    >>> import kagari as torch
    >>> torch.repeat_interleave(torch.tensor([4, 5, 6]), torch.tensor([1, 0, 2]))
    tensor([4, 6, 6])
    """
    if repeats is None:
        return _counted(input, output_size)
    if not isinstance(repeats, Hooks.tensor_types):
        if isinstance(repeats, bool) or not isinstance(repeats, int):
            raise TypeError(
                "repeat_interleave() received an invalid combination of arguments - got "
                f"(Tensor, {type(repeats).__name__}, {type(dim).__name__}), but expected an int or a Tensor"
            )
        return call("repeat_interleave")(input, repeats, dim, output_size=output_size)
    x = input if dim is not None else call("reshape")(input, (-1,))
    x = x if x.ndim else call("reshape")(x, (1,))
    axis = 0 if dim is None else dim
    size = x.size(axis)
    if repeats.ndim == 0 or (repeats.ndim == 1 and repeats.numel() == 1):
        repeats = call("expand")(call("reshape")(repeats, (1,)), (size,))
    elif repeats.ndim != 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    elif repeats.numel() != size:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.numel()} and "
            f"input.size({axis}) = {size}"
        )
    return call("index_select")(x, axis, _counted(repeats, output_size))


def _counted(repeats: Any, output_size: int | None) -> Any:
    """The numbers from 0 on, each as often as a vector says."""
    if repeats.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if repeats.dtype not in (dtypes.int32, dtypes.int64):
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{repeats.dtype.type_name}'")
    counts = convert.raw_array(repeats)
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    found = np.repeat(np.arange(counts.size), counts)
    if output_size is not None and output_size != found.size:
        raise RuntimeError("allocated size does not match required size")
    return convert.copied(found, repeats.dtype)


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Any = None) -> Tensor:
    """The indices of the elements that are not zero, a row for each, in `size` rows: the first ones, or all and then
    rows of a fill value.

    >>> import kagari as torch
    >>> torch.nonzero_static(torch.tensor([0, 3]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = np.argwhere(convert.array_of(input))[:size]
    rows = np.full((size, input.ndim), fill_value, np.int64)
    rows[: len(found)] = found
    return finished(convert.copied(rows, dtypes.int64), out)


FUNCTIONS = (index_put, index_put_, nonzero_static, repeat_interleave)
METHODS = (index_put, index_put_, nonzero_static, repeat_interleave)
