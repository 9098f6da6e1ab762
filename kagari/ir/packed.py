"""Complex arithmetic that does the same to both parts, on memory as it lies: the parts along a dimension more.

Sums, differences and copies of complex values are those of their real storage. Where a graph holds nothing else, a
complex value becomes one real value with a last dimension of 2, which kernels go through without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import build as ir
from . import graph
from .graph import Graph, Value

ALIKE = frozenset(("add", "sub", "neg", "detach", "reshape", "slice", "pad", "cat"))


def is_alike(order: Sequence[Value]) -> bool:
    """Whether nothing in a graph, whose values are given in order, tells real and imaginary parts apart."""
    return all(_is_alike(v) for v in order if any(x.dtype.is_complex for x in (v, *v.args)))


def _is_alike(v: Value) -> bool:
    if v.op == "input" or _both(v) is not None:
        return True
    if v.op == "cast":
        return v.dtype.is_complex and (v.args[0].dtype.is_complex or _both(v) is not None)
    return v.op in ALIKE and v.dtype.is_complex


def _both(v: Value) -> float | None:
    """The number that both parts are everywhere, where v is such a literal: 0 for zeros."""
    while v.op in ("expand", "reshape", "cast"):
        (v,) = v.args
    number = complex(v.attrs[0]) if v.op == "const" else None
    return number.real if number is not None and number.real == number.imag else None


def pack(order: Sequence[Value], g: Graph) -> Graph:
    """The graph on the storage of its complex values."""
    packed: dict[Value, Value] = {}
    for v in order:
        packed[v] = _packed(v, [packed[a] for a in v.args])
    return Graph(g.inputs, [packed[v] for v in g.outputs])


def _packed(v: Value, args: list[Value]) -> Value:
    if not v.dtype.is_complex:
        return v
    dt, shape = v.dtype.to_real(), (*v.shape, 2)
    number = _both(v)
    if number is not None:
        return ir.full(shape, number, dt)
    if v.op == "input":
        return graph.storage(v)
    if v.op == "cast":
        return graph.cast(args[0], dt)
    attrs = v.attrs
    if v.op in ("slice", "pad"):
        first, second = attrs
        attrs = ((*first, 0), (*second, 1 if v.op == "slice" else 0))
    return Value(v.op, tuple(args), attrs, shape, dt)
