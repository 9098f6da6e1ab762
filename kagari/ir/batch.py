"""Batching of the intermediate representation: a graph of one example as the graph of many.

One table says, for each primitive, how its attributes change where each argument has a dimension more in front. An
argument that all examples share is repeated; products and convolutions rather fold the examples into a dimension that
they have, so that what is shared is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..base.symbols import Size
from . import attention, build, graph
from .graph import ELEMENTWISE, MOVEMENT, Value

Attributes: TypeAlias = tuple[Any, ...]


def batch(outputs: Sequence[Value], leaves: dict[Value, Value], size: Size) -> list[Value]:
    """The outputs of `size` examples, as a dimension in front.

    Args:
        outputs: the graph of one example.
        leaves: for the inputs of which every example has its own, the inputs with all of them. The examples share all
            others.
        size: how many examples there are.
    """
    new = dict(leaves)
    for v in graph.topological(outputs):
        if v not in new and any(a in new for a in v.args):
            rule = _RULES.get(v.op)
            new[v] = _with_dimension(v, new, size) if rule is None else rule(v, new, size)
    return [new[v] if v in new else _repeated(v, size) for v in outputs]


def _repeated(v: Value, size: Size) -> Value:
    """What all examples share, once for each of them."""
    return graph.expand(build.unsqueeze(v, 0), (size, *v.shape))


def _with_dimension(v: Value, new: dict[Value, Value], size: Size) -> Value:
    """The primitive itself, with a dimension more."""
    args = tuple([new[a] if a in new else _repeated(a, size) for a in v.args])
    attrs = v.attrs if v.op in ELEMENTWISE else _ATTRIBUTES[v.op](v.attrs)
    return Value(v.op, args, attrs, (size, *v.shape), v.dtype, v.weak)


def _same(attrs: Attributes) -> Attributes:
    return attrs


def _first_dim(attrs: Attributes) -> Attributes:
    """Attributes that begin with a dimension."""
    return attrs[0] + 1, *attrs[1:]


def _two_dims(attrs: Attributes) -> Attributes:
    return attrs[0] + 1, attrs[1] + 1


def _dims(attrs: Attributes) -> Attributes:
    return (tuple([d + 1 for d in attrs[0]]),)


def _order(attrs: Attributes) -> Attributes:
    return ((0, *[d + 1 for d in attrs[0]]),)


_ATTRIBUTES: dict[str, Callable[[Attributes], Attributes]] = {
    "real": _same,
    "imag": _same,
    "storage": _same,
    "reinterpret": _same,
    "reshape": _same,
    "expand": _same,
    "searchsorted": _same,
    "dot": _same,
    "permute": _order,
    "slice": lambda attrs: ((0, *attrs[0]), (1, *attrs[1])),
    "pad": lambda attrs: ((0, *attrs[0]), (0, *attrs[1])),
    "diagonal": _two_dims,
    "windows": _first_dim,
    "cat": _first_dim,
    "reduce_sum": _dims,
    "reduce_prod": _dims,
    "reduce_max": _dims,
    "reduce_min": _dims,
    "argmax": _first_dim,
    "argmin": _first_dim,
    "cumsum": _first_dim,
    "cumprod": _first_dim,
    "logcumsumexp": _first_dim,
    "argsort": _first_dim,
    "nth": _first_dim,
    "argcummax": _first_dim,
    "argcummin": _first_dim,
    "gather": _first_dim,
    "pick": _first_dim,
    "scatter_add": _first_dim,
    "scatter_prod": _first_dim,
    "scatter_max": _first_dim,
    "scatter_min": _first_dim,
    "scatter": _first_dim,
}
"""What becomes of the attributes of each primitive that is not element-wise."""


def _dot(v: Value, new: dict[Value, Value], size: Size) -> Value:
    """Where the examples share one side, those of the other are its rows or columns: one product, not one for each."""
    a, b = v.args
    lead, m, n = v.shape[:-2], v.shape[-2], v.shape[-1]
    k = len(lead)
    if (a in new and b in new) or _shows_windows(a if a in new else b):
        return _with_dimension(v, new, size)
    if a in new:
        rows = graph.permute(new[a], (*range(1, k + 1), 0, k + 1, k + 2))
        product = graph.dot(graph.reshape(rows, (*lead, size * m, a.shape[-1])), b)
        apart = graph.reshape(product, (*lead, size, m, n))
        return graph.permute(apart, (k, *range(k), k + 1, k + 2))
    columns = graph.permute(new[b], (*range(1, k + 2), 0, k + 2))
    product = graph.dot(a, graph.reshape(columns, (*lead, b.shape[-2], size * n)))
    apart = graph.reshape(product, (*lead, m, size, n))
    return graph.permute(apart, (k + 1, *range(k + 1), k + 2))


def _shows_windows(v: Value) -> bool:
    """Whether one side of a product is windows of an image, which a product reads in place."""
    while v.op in MOVEMENT or v.op == "pad":
        if v.op == "windows":
            return True
        (v,) = v.args
    return False


def _depthwise(v: Value, new: dict[Value, Value], size: Size) -> Value:
    """Examples with one set of weights are images more; with weights of their own they are channels more."""
    part, *form = v.attrs
    weights = v if part == "weight" else v.args[1]
    by_channel = weights is v or weights in new

    def folded(x: Value) -> Value:
        whole = new[x] if x in new else _repeated(x, size)
        if x is not weights and by_channel:
            whole = graph.permute(whole, (1, 0, *range(2, whole.ndim)))
            return graph.reshape(whole, (x.shape[0], size * x.shape[1], *x.shape[2:]))
        return graph.reshape(whole, (size * x.shape[0], *x.shape[1:]))

    args = v.args[0], v.args[1]
    first, second = folded(args[0]), args[1] if args[1] is weights and not by_channel else folded(args[1])
    if v is not weights and by_channel:
        made = graph.depthwise(part, (first, second), (v.shape[0], size * v.shape[1], *v.shape[2:]), *form)
        apart = graph.reshape(made, (v.shape[0], size, *v.shape[1:]))
        return graph.permute(apart, (1, 0, *range(2, apart.ndim)))
    made = graph.depthwise(part, (first, second), (size * v.shape[0], *v.shape[1:]), *form)
    return graph.reshape(made, (size, *v.shape))


def _attention(v: Value, new: dict[Value, Value], size: Size) -> Value:
    """The examples are a dimension in front of the heads; a scale of their own is for the formula alone."""
    scale = v.args[3 if v.op == "attend" else 6]
    if scale in new:
        return batch([attention.formula(v)], new, size)[0]
    args = tuple([a if a is scale else new[a] if a in new else _repeated(a, size) for a in v.args])
    return Value(v.op, args, v.attrs, (size, *v.shape), v.dtype)


_RULES: dict[str, Callable[[Value, dict[Value, Value], Size], Value]] = {
    "dot": _dot, "depthwise": _depthwise, "attend": _attention, "attend_grad": _attention,
}  # fmt: skip
