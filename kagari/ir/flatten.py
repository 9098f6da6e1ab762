"""Element-wise values of a reshaped product in the product's own shape, where they can become its epilogue.

A convolution is the product of a matrix and the windows of an image, [batch, channels, places], in the shape of an
image, [batch, channels, height, width]. A bias, a normalisation or an activation that follows has the image's shape,
and a kernel of its own, unless it is computed on the product and what comes of it is reshaped.
"""

from __future__ import annotations

from ..base.symbols import Size, identical
from . import graph
from .graph import ELEMENTWISE, LEAVES, MOVEMENT, REDUCE, Graph, Value
from .simplify import is_number, reshape_of_expand


def flatten(g: Graph) -> Graph:
    """An equal graph, in which reshapes of products stand after what is computed element by element of them."""
    for product in reversed([v for v in g.values() if v.op == "dot"]):  # a change makes what follows it anew
        moved = _moved(g, product)
        if moved is not None:
            g = _replaced(g, *moved)
    return g


def _moved(g: Graph, product: Value) -> tuple[Value, Value] | None:
    """The one value through which all that is made of a product goes, and what takes its place; None where there is
    no such value, or nothing is gained.
    """
    users = g.users()
    if [v.op for v in users[product]] != ["reshape"] or product in g.outputs:
        return None
    (image,) = users[product]
    lead = product.ndim - 1
    if image.ndim <= product.ndim or not identical(image.shape[:lead], product.shape[:lead]) or image in g.outputs:
        return None
    made = {image}
    for v in g.values():
        if v.op in ELEMENTWISE and not made.isdisjoint(v.args):
            made.add(v)
    seen = [v for v in made if v in g.outputs or any(u not in made for u in users[v])]
    if len(seen) != 1 or seen[0] is image or seen[0].dtype.category != 2:
        return None
    if seen[0] not in g.outputs and any(u.op in REDUCE for u in users[seen[0]]):
        return None  # a sum's kernel computes its terms, and does not round them
    known: dict[Value, Value] = {image: product}
    flat = _flat(seen[0], product.shape, known)
    if flat is None or any(u not in known for v in known if v.op in ELEMENTWISE and v not in seen for u in users[v]):
        return None
    return seen[0], graph.reshape(flat, seen[0].shape)


def _flat(v: Value, shape: tuple[Size, ...], known: dict[Value, Value]) -> Value | None:
    """v in the shape of the product; None where it is not computed element by element of what lies in memory."""
    if v in known:
        return known[v]
    if v.op in ELEMENTWISE and not is_number(v):
        args = [_flat(a, shape, known) for a in v.args]
        if v.op == "require" or None in args:
            return None
        found = tuple(a for a in args if a is not None)
        known[v] = _of_parts(v, found) or Value(v.op, found, v.attrs, shape, v.dtype, v.weak)
        return known[v]
    base = v
    while base.op in MOVEMENT:
        base = base.args[0]
    if is_number(base) or (base.op in LEAVES and not base.shape):
        known[v] = graph.expand(graph.reshape(base, (1,) * len(shape)), shape)
    elif base.op in LEAVES and base.op != "iota":
        moved = graph.reshape(v, shape)
        known[v] = reshape_of_expand(moved) or moved
    return known.get(v)


def _of_parts(v: Value, args: tuple[Value, ...]) -> Value | None:
    """An element-wise value of repeated values as the repeated value of those, which is computed once for each; None
    where not all are repeated, or all are numbers.
    """
    if any(a.op != "expand" for a in args):
        return None
    inner: list[Size] = [1] * args[0].ndim
    for (a,) in [x.args for x in args]:
        for d, n in enumerate(a.shape):
            if not identical((n,), (1,)):
                if not identical((inner[d],), (1,)) and not identical((inner[d],), (n,)):
                    return None
                inner[d] = n
    if identical(tuple(inner), (1,) * len(inner)):
        return None
    small = tuple(inner)
    whole = [x.args[0] if identical(x.args[0].shape, small) else graph.expand(x.args[0], small) for x in args]
    return graph.expand(Value(v.op, tuple(whole), v.attrs, small, v.dtype, v.weak), args[0].shape)


def _replaced(g: Graph, old: Value, new: Value) -> Graph:
    """The graph with one value in the place of another."""
    done: dict[Value, Value] = {old: new}
    for v in g.values():
        if v not in done:
            args = tuple([done[a] for a in v.args])
            done[v] = v if args == v.args else Value(v.op, args, v.attrs, v.shape, v.dtype, v.weak)
    return Graph(g.inputs, [done[v] for v in g.outputs])
