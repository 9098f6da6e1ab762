"""Sparse tensors. Their calls are answered by operators on what they consist of; see `compound`."""

from __future__ import annotations

from typing import Any

from . import (
    checking,
    compressed,
    compressing,
    coo,
    invariants,
    lookup,
    making,
    matrices,
    members,
    movement,
    pointwise,
    product,
    reduce,
    tape,
)
from .compressed import Compressed
from .coo import Coo

Coo._answers = {
    **members.ANSWERS, **pointwise.ANSWERS, **movement.ANSWERS, **reduce.ANSWERS, **product.ANSWERS,
    **matrices.CONVERSIONS,
}  # fmt: skip
Compressed._answers = matrices.ANSWERS
Coo.__iter__ = movement.iterated  # type: ignore[method-assign]
Compressed.__iter__ = matrices.iterated  # type: ignore[method-assign]


def masked(t: Any, mask: Any) -> Any:
    """The elements of a dense tensor at the places of a sparse one."""
    return type(mask)._answers["sparse_mask"](t, mask)


__all__ = [
    "Compressed", "Coo", "checking", "compressed", "compressing", "coo", "invariants", "lookup", "making", "masked",
    "matrices", "members", "pointwise", "product", "reduce", "tape",
]  # fmt: skip
