"""Attention: values averaged with weights that queries and keys give.

In shapes, N stands for any dimensions of a batch, L for the number of queries, S for that of keys, E for the size of
both, and D for the size of a value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.dtypes import accumulate, bool_
from ..base.symbols import hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import C_NAMES
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .softmax import spread
from .window import is_one


def _require(query: Value, key: Value, value: Value | None, mask: Value | None, is_causal: bool) -> None:
    others = [key] if value is None else [key, value]
    ranks, names = [x.ndim for x in (query, *others)], [C_NAMES[x.dtype] for x in (query, *others)]
    if min(ranks) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {} key.dim: {} and "
            "value.dim: {} instead.".format(*ranks, *ranks[1:][:1])
        )
    if len(set(names)) > 1:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and "
            "value.dtype: {} instead.".format(*names, *names[1:][:1])
        )
    if mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if mask is not None and mask.dtype not in (bool_, accumulate(query.dtype), query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{C_NAMES[mask.dtype]} and  query.dtype: {C_NAMES[query.dtype]} instead."
        )


def _for_each_query_head(x: Value, query: Value) -> Value:
    """Keys or values `(N, H', S, E)` with each head repeated, for a query of more heads: `(N, H, S, E)`."""
    if x.ndim < 3 or query.ndim < 3:
        dims = min(x.ndim, query.ndim)
        raise IndexError(f"Dimension out of range (expected to be in range of [{-dims}, {dims - 1}], but got -3)")
    have, heads = x.shape[-3], query.shape[-3]
    repeats = heads // have
    if repeats * have != heads:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
    repeated = (*x.shape[:-2], repeats, *x.shape[-2:])
    return graph.reshape(graph.expand(ir.unsqueeze(x, x.ndim - 2), repeated), (*x.shape[:-3], heads, *x.shape[-2:]))


def _product(a: Value, b: Value) -> Value:
    """The matrix product, batch dimensions broadcast."""
    if a.shape[-1] != b.shape[-2]:
        sizes = [f"{hint(x.shape[-2])}x{hint(x.shape[-1])}" for x in (a, b)]
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes[0]} and {sizes[1]})")
    batch = ir.broadcast_shape(a.shape[:-2], b.shape[:-2]) if a.ndim > 2 or b.ndim > 2 else ()
    return graph.dot(*(ir.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b)))


def _probabilities(scores: Value) -> Value:
    """The softmax of each row; a row in which nothing is allowed gives zeros."""
    last = (scores.ndim - 1,)
    if isinstance(scores.shape[-1], int) and not scores.shape[-1]:
        return scores
    largest = graph.detach(graph.reduce("max", scores, last))
    largest = ir.where(ir.eq(largest, -math.inf), 0, largest)
    powers = ir.exp(ir.sub(scores, spread(scores, largest, last)))
    total = graph.reduce("sum", powers, last)
    return ir.div(powers, spread(scores, ir.where(ir.eq(total, 0), 1, total), last))


def _scaled(x: Value, query: Value, scale: Number | None) -> Value:
    """x times the scale, which is `1 / sqrt(E)` where none is given."""
    size = query.shape[-1]
    if scale is not None:
        return ir.mul(x, scale)
    return x if isinstance(size, int) and not size else ir.div(x, ir.sqrt(graph.cast(ir.lift(size), x.dtype)))


def _weights(query: Value, key: Value, mask: Value | None, is_causal: bool, scale: Number | None) -> Value:
    """How much each query looks at each key: `(N, L, S)`."""
    wide = accumulate(query.dtype)
    scores = _scaled(graph.cast(_product(query, ir.transpose(key)), wide), query, scale)
    if is_causal:
        rows, columns = (graph.iota(scores.shape, scores.ndim - k) for k in (2, 1))
        scores = ir.where(ir.ge(rows, columns), scores, -math.inf)
    if mask is not None:
        masked = mask.dtype is bool_
        scores = ir.where(mask, scores, -math.inf) if masked else ir.add(scores, graph.cast(mask, wide))
    return graph.cast(_probabilities(scores), query.dtype)


def _of_own_heads(x: Value, like: Value) -> Value:
    """The gradient of keys or values, summed over the heads that were repeated and the batch that was broadcast."""
    if x.ndim >= 3 and like.ndim >= 3 and x.shape[-3] != like.shape[-3] and not is_one(like.shape[-3]):
        have = like.shape[-3]
        parts = graph.reshape(x, (*x.shape[:-3], have, x.shape[-3] // have, *x.shape[-2:]))
        x = graph.reduce("sum", parts, (parts.ndim - 3,))
    return ir.sum_to(x, like.shape)


def _attention_gradient(
    g: Value,
    query: Value,
    key: Value,
    value: Value | None,
    attn_mask: Value | None = None,
    is_causal: bool = False,
    scale: Number | None = None,
    enable_gqa: bool = False,
) -> list[Value | None]:
    """Of scores `w (h - sum(w h))`, where w are the weights and `h = g v^T` their gradients."""
    keys = _for_each_query_head(key, query) if enable_gqa else key
    values = _for_each_query_head(value, query) if enable_gqa and value is not None else value
    weights = _weights(query, keys, attn_mask, is_causal, scale)
    slopes = g if values is None else _product(g, ir.transpose(values))
    wide, slopes = (graph.cast(x, accumulate(query.dtype)) for x in (weights, slopes))
    if slopes.shape != wide.shape:
        wide = ir.broadcast_to(wide, slopes.shape)
    last = (wide.ndim - 1,)
    scores = ir.mul(wide, ir.sub(slopes, spread(wide, graph.reduce("sum", ir.mul(wide, slopes), last), last)))
    scaled = graph.cast(_scaled(scores, query, scale), query.dtype)
    grads: list[Value | None] = [ir.sum_to(_product(scaled, keys), query.shape)]
    grads.append(_of_own_heads(_product(ir.transpose(scaled), query), key))
    if value is not None:
        grads.append(_of_own_heads(_product(ir.transpose(weights), g), value))
    if attn_mask is not None:
        numbers = attn_mask.dtype is not bool_
        grads.append(graph.cast(ir.sum_to(scores, attn_mask.shape), attn_mask.dtype) if numbers else None)
    return grads


def _attended(make: Make) -> Iterator[Sample]:
    q, k, v = make(2, 3, 4, low=-1, high=1), make(2, 5, 4, low=-1, high=1), make(2, 5, 6)
    yield (q, k, v), {}
    yield (q, k, v), {"is_causal": True}
    yield (q, k, v), {"scale": 0.25}
    yield (q, k, v), {"attn_mask": make(values=[[1, 0, 1, 1, 0], [0, 0, 0, 0, 1], [1] * 5], dtype="bool")}
    yield (q, k, v), {"attn_mask": make(3, 5)}
    yield (make(3, 4, low=-1, high=1), make(5, 4, low=-1, high=1), make(5, 4)), {}
    yield (make(1, 2, 3, 4), make(1, 2, 3, 4), make(1, 2, 3, 4)), {"attn_mask": make(3, 3, dtype="bool")}
    yield (make(2, 1, 3, 4, low=-1, high=1), make(1, 2, 5, 4, low=-1, high=1), make(5, 4)), {}
    yield (make(1, 4, 3, 2), make(1, 2, 5, 2), make(1, 2, 5, 2)), {"enable_gqa": True}
    yield (make(2, 0, 4), make(2, 5, 4), make(2, 5, 4)), {}
    yield (make(2, 3, 4), make(2, 0, 4), make(2, 0, 4)), {}


_SIZES = "must match the size of tensor"


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    gradient=_attention_gradient,
    samples=_attended,
    errors=[
        (
            args(wanted(3), wanted(3), wanted(3)),
            RuntimeError,
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: 1 key.dim: 1 and "
            "value.dim: 1 instead.",
        ),
        (
            args(wanted(2, 3), wanted(4, 3, dtype="float64"), wanted(4, 3)),
            RuntimeError,
            "Expected query, key, and value to have the same dtype, but got query.dtype: float key.dtype: double and "
            "value.dtype: float instead.",
        ),
        (
            args(wanted(2, 3), wanted(2, 4), wanted(2, 3)),
            RuntimeError,
            r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x2\)",
        ),
        (args(wanted(2, 2, 3), wanted(3, 4, 3), wanted(3, 4, 3)), RuntimeError, _SIZES),
        (args(wanted(2, 3), wanted(4, 3), wanted(4, 3), attn_mask=wanted(3, 4)), RuntimeError, _SIZES),
        (
            args(wanted(2, 3), wanted(4, 3), wanted(4, 3), attn_mask=wanted(2, 4, dtype="int64")),
            RuntimeError,
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: long int",
        ),
        (
            args(wanted(2, 3), wanted(4, 3), wanted(4, 3), attn_mask=wanted(2, 4), is_causal=True),
            RuntimeError,
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
        ),
        (
            args(wanted(1, 4, 2, 3), wanted(1, 3, 4, 3), wanted(1, 3, 4, 3), enable_gqa=True),
            RuntimeError,
            "Number of heads in key and value must divide the number of heads in ",
        ),
    ],
)
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor | None,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: Number | None = None,
    enable_gqa: bool = False,
) -> Value:
    """`softmax(scale q k^T + mask) v`: `(N, L, E)`, `(N, S, E)` and `(N, S, D)` to `(N, L, D)`.

    The scale is `1 / sqrt(E)` where it is not given. Without values, the weights: `(N, L, S)`. A boolean mask is true
    where a key may be looked at. Source: Vaswani and others, Attention Is All You Need, 2017 (arXiv 1706.03762).
    """
    _require(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key = _for_each_query_head(key, query)
        value = None if value is None else _for_each_query_head(value, query)
    weights = _weights(query, key, attn_mask, is_causal, scale)
    return weights if value is None else _product(weights, value)


OPERATORS: tuple[Operator, ...] = (scaled_dot_product_attention,)
