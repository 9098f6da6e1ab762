"""From a list of samples to a batch of tensors."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..eager import Tensor, convert
from ..eager import operators as ops

_NO_NUMBERS = "OSUV"  # NumPy's kinds of dtypes that tensors can't have


def default_collate(batch: Any) -> Any:
    """A batch from a list of samples, in the structure of a sample.

    Tensors, arrays and numbers are stacked along a new first dimension; strings stay in a list; dictionaries, named
    tuples, lists and tuples are collated element by element. Raises TypeError for anything else, RuntimeError for
    samples of different sizes.

    >>> import kagari as torch
    >>> torch.utils.data.default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, Tensor):
        if first._layout.compound:
            raise RuntimeError(
                "Batches of sparse tensors are not currently supported by the default collate_fn; please provide a "
                "custom collate_fn to handle them appropriately."
            )
        return ops.stack(list(batch), 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in _NO_NUMBERS:
            raise TypeError(_refusal(first.dtype))
        return _stacked(first, batch)
    if isinstance(first, np.generic):
        return ops.as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return ops.tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return ops.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _as_mapping(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _as_sequence(first, [default_collate(part) for part in zip(*batch)])
    raise TypeError(_refusal(type(first)))


def default_convert(data: Any) -> Any:
    """A sample with its arrays as tensors; what is neither an array nor a container of them stays as it is.

    >>> import numpy, kagari as torch
    >>> torch.utils.data.default_convert([numpy.arange(2), "a"])
    [tensor([0, 1]), 'a']
    """
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in _NO_NUMBERS else ops.as_tensor(data)
    if isinstance(data, Mapping):
        return _as_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes | Tensor):
        return _as_sequence(data, [default_convert(value) for value in data])
    return data


def _as_mapping(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """The items in a mapping of the same type, if it can be made; else in a dictionary."""
    try:
        if isinstance(like, MutableMapping):
            made = copy.copy(like)
            made.update(items)
            return made
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _as_sequence(like: Sequence[Any], items: list[Any]) -> Any:
    """The items in a sequence of the same type: a named tuple as one, any other tuple as a list."""
    if isinstance(like, tuple):
        return type(like)(*items) if hasattr(like, "_fields") else items
    try:
        if isinstance(like, MutableSequence):
            made = copy.copy(like)
            made[:] = items
            return made
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _stacked(first: np.ndarray, batch: list[np.ndarray]) -> Tensor:
    """Arrays as one tensor: those that are alike are written into it straight away."""
    dtype = convert.FROM_NUMPY.get(first.dtype)
    if dtype is None or any(a.shape != first.shape or a.dtype != first.dtype for a in batch):
        return ops.stack([ops.as_tensor(sample) for sample in batch], 0)
    made = ops.empty((len(batch), *first.shape), dtype=dtype)
    np.stack(batch, out=convert.raw_array(made))
    return made


def _refusal(found: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}"


__all__ = ["default_collate", "default_convert"]
