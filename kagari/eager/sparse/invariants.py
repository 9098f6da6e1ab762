"""What indices, values and sizes of sparse tensors have to fulfil."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import convert
from . import places


class _State(threading.local):
    enabled = False


_state = _State()


class check_sparse_tensor_invariants:
    """Whether what sparse tensors are made of is looked at: in a `with`, or in a function that it decorates. Indices
    out of bounds are an error there, else they are wrong answers later.

    >>> import kagari as torch
    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     torch.sparse_coo_tensor([[3]], [1.0], (2,))
    Traceback (most recent call last):
      ...
    RuntimeError: size is inconsistent with indices: for dim 0, size is 2 but found index 3
    """

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self._before: bool | None = None

    @staticmethod
    def is_enabled() -> bool:
        """Whether they are looked at."""
        return _state.enabled

    @staticmethod
    def enable() -> None:
        """From now on they are looked at."""
        _state.enabled = True

    @staticmethod
    def disable() -> None:
        """From now on they are not."""
        _state.enabled = False

    def __enter__(self) -> None:
        if self._before is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context manager instance for "
                "context nesting."
            )
        self._before, _state.enabled = _state.enabled, self.state

    def __exit__(self, *exception: object) -> None:
        assert self._before is not None
        _state.enabled, self._before = self._before, None

    def __call__(self, mth: Callable[..., Any]) -> Callable[..., Any]:
        """The function, in which they are looked at."""

        def checking(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return mth(*args, **kwargs)

        return checking


def asked(check: bool | None) -> bool:
    """Whether a call with this argument has to check."""
    return _state.enabled if check is None else check


def inferred(at: Any, values: Any) -> tuple[int, ...]:
    """The smallest size that has all places. Raises RuntimeError for a negative index."""
    if not at.shape[1]:
        return (0,) * at.shape[0] + tuple(values.shape)[1:]
    array = convert.array_of(at)
    _check_negative(array)
    return tuple([int(n) + 1 for n in array.max(1)]) + tuple(values.shape)[1:]


def _check_negative(array: np.ndarray) -> None:
    for d, low in enumerate(array.min(1).tolist()):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {d}")


def check_coo_shapes(at: Any, values: Any, size: Sequence[int]) -> None:
    """Raises RuntimeError where the shapes of indices and values do not fit the size."""
    sparse_dim, dense_dim = at.shape[0], values.ndim - 1
    if any(n < 0 for n in size):
        raise RuntimeError("numel: integer multiplication overflow")
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{sparse_dim}, dense_dim = {dense_dim}"
        )
    if at.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {at.shape[1]}, nnz from values: "
            f"{values.shape[0]}"
        )
    expected = [values.shape[0], *size[sparse_dim:]]
    if list(values.shape) != expected:
        raise RuntimeError(f"values has incorrect size, expected {expected}, got {list(values.shape)}")


def check_coo(at: Any, size: Sequence[int], ordered: bool) -> None:
    """Raises RuntimeError for places out of bounds, and for ones that are not ordered though they are said to be."""
    if not at.numel():
        return
    array = convert.array_of(at)
    _check_negative(array)
    for d, high in enumerate(array.max(1).tolist()):
        if high >= size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {high}"
            )
    if ordered and (np.diff(places.positions(at, tuple(size)[: at.shape[0]])) <= 0).any():
        raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")
