"""Sparse tensors. Their calls are answered by operators on what they consist of; see `compound`."""

from __future__ import annotations

from . import coo, invariants, lookup, making, members, movement, pointwise, product, reduce, tape
from .coo import Coo

coo.Coo._answers = {
    **members.ANSWERS, **pointwise.ANSWERS, **movement.ANSWERS, **reduce.ANSWERS, **product.ANSWERS,
}  # fmt: skip

coo.Coo.__iter__ = movement.iterated  # type: ignore[method-assign]

__all__ = ["Coo", "coo", "invariants", "lookup", "making", "members", "pointwise", "product", "reduce", "tape"]
