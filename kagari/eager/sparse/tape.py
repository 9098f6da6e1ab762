"""Sparse tensors on the tape.

The values of a sparse tensor are *opened*: a plain tensor on the tape, whose gradient is one of the sparse tensor's.
What operators make of it is *closed* again. Between the two there are ordinary operators with their gradients. Of a
result's gradient what lies outside of its places is of no interest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import new_class
from typing import Any

from ...autograd.function import Function
from ...autograd.node import bare
from ...base import dtypes
from .. import convert
from ..calls import call
from . import coo, places
from .coo import Coo


def opened(s: Coo) -> Any:
    """The values with their place on the tape."""
    return called(_Values, "Values").apply(s) if s._needs and places.recording() else s._elements


def closed(name: str, values: Any, at: Any, size: Sequence[int], ordered: bool = False) -> Any:
    """Values as those of a sparse tensor; `name` is that of the operation, which its node is called by."""
    if values._needs and places.recording():
        return called(_Closed, name).apply(values, at, tuple(size), ordered)
    return coo.made(at, bare(values), size, ordered)


def like(name: str, values: Any, s: Coo) -> Any:
    """Values at the places of a sparse tensor."""
    return closed(name, values, s._at, tuple(s.shape), s._ordered)


def named(name: str, result: Any) -> Any:
    """A result whose node is called by the operation that it is one of."""
    return called(_Named, name).apply(result) if result._needs and places.recording() else result


def linear(name: str, change: Any, back: Any, s: Coo) -> Any:
    """A sparse tensor with its values changed by a linear function. The gradient, which `back` changes, keeps all its
    places.
    """
    if s._needs and places.recording():
        return called(_Linear, name).apply(s, change, back)
    return _changed(s, change)


def _changed(s: Coo, change: Any) -> Coo:
    return coo.made(s._at, change(s._elements), s.shape, s._ordered)


class _Linear(Function):
    """A linear function of values."""

    @staticmethod
    def forward(ctx: Any, s: Coo, change: Any, back: Any) -> Any:
        """The values changed."""
        ctx.back = back
        return _changed(s, change)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient, changed."""
        return ctx.back(grad), None, None


class _Values(Function):
    """The values of a sparse tensor."""

    @staticmethod
    def forward(ctx: Any, s: Coo) -> Any:
        """The memory itself."""
        ctx.of = s.bare()
        return bare(s._elements)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient at the places of the tensor; at one that occurs several times all of its values have the same
        gradient.
        """
        s = ctx.of
        if s._ordered:
            return closed("SparseCooTensorWithDims", grad, s._at, s.shape, True)
        different, first = places.first_of(places.positions(s._at, s.sparse_sizes))
        at = places.columns(different, s.sparse_sizes)
        return closed("SparseCooTensorWithDims", call("index_select")(grad, 0, first), at, s.shape, True)


class _Closed(Function):
    """A sparse tensor of values."""

    @staticmethod
    def forward(ctx: Any, values: Any, at: Any, size: tuple[int, ...], ordered: bool) -> Any:
        """The sparse tensor sees the memory of the values."""
        ctx.at = at
        return coo.made(at, bare(values), size, ordered)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient at the places."""
        return at_places(grad, ctx.at), None, None, None


class _Named(Function):
    """A result as it is."""

    @staticmethod
    def forward(ctx: Any, result: Any) -> Any:
        """The same memory."""
        return result.bare() if isinstance(result, Coo) else bare(result)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient as it came."""
        return grad


@cache
def called(kind: Any, name: str) -> Any:
    """A function whose nodes have the name of an operation."""
    return new_class(name, (kind,), {"node": "Backward0"})


def at_places(t: Any, at: Any) -> Any:
    """The values of a dense or sparse tensor at places; zeros where a sparse one has none."""
    if not isinstance(t, Coo):
        return places.taken(t, at)
    if t._at is at and t._ordered:
        return opened(t)
    t = coalesced(t)
    known = places.positions(t._at, t.sparse_sizes)
    where, there = places.matched(places.positions(at, t.sparse_sizes), known)
    if not known.size:
        return places.zeros((at.shape[1], *t.dense_sizes), t.dtype)
    values = call("index_select")(opened(t), 0, where)
    if there.all():
        return values
    mask = convert.copied(there.reshape(-1, *[1] * (values.ndim - 1)), dtypes.bool_)
    return call("where")(mask, values, places.zeros((), values.dtype))


class _Coalesce(Function):
    """Places in ascending order, each once."""

    @staticmethod
    def forward(ctx: Any, s: Coo) -> Any:
        """Sums the values of each place."""
        return _coalesced(s)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient as it came."""
        return grad


def _coalesced(s: Coo) -> Coo:
    different, numbers = places.grouped(places.positions(s._at, s.sparse_sizes))
    values = places.summed(s._elements, numbers, different.size)
    return coo.made(places.columns(different, s.sparse_sizes), values, s.shape, True)


def coalesced(s: Coo) -> Any:
    """The tensor with its places in ascending order, each once; itself where they are."""
    if s._ordered:
        return s
    return called(_Coalesce, "Coalesce").apply(s) if s._needs and places.recording() else _coalesced(s)
