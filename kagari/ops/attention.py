"""Attention: values averaged with weights that queries and keys give.

In shapes, N stands for any dimensions of a batch, L for the number of queries, S for that of keys, E for the size of
both, and D for the size of a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..base.dtypes import accumulate, bool_
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.attention import over_keys, scores_of, weights_of
from ..ir.differentiate import differentiate
from ..ir.graph import Value
from . import nodes
from .autocast import lower
from .check import C_NAMES
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
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


FEW = 8  # queries, for which a product with keys is faster than blocks that they do not fill


@dataclass(frozen=True, slots=True)
class _Attention:
    """The operands, of one batch: `(N, L, E)`, `(N, S, E)`, `(N, S, D)` and `(N, L, S)`.

    `batch` is that of the result.
    """

    query: Value
    key: Value
    value: Value | None
    mask: Value | None
    scale: Value
    causal: bool
    batch: tuple[Size, ...]

    @property
    def operands(self) -> list[Value]:
        return [x for x in (self.query, self.key, self.value, self.mask) if x is not None]

    @property
    def whole(self) -> bool:
        """Whether the matrix of weights is made: where it is the result, or is small, as it is in generation."""
        return self.value is None or bool(self.query.shape[-2] <= FEW)

    def weights(self) -> Value:
        """How much each query looks at each key: `(N, L, S)`."""
        mask = [] if self.mask is None else [self.mask]
        scores = scores_of(self.query, self.key, self.scale, mask, self.causal)
        return graph.cast(weights_of(scores), self.query.dtype)

    def result(self) -> Value:
        if self.value is None:
            found = self.weights()
        elif self.whole:
            found = graph.dot(self.weights(), self.value)
        else:
            args = (self.query, self.key, self.value, self.scale, *([] if self.mask is None else [self.mask]))
            found = graph.attend(args, self.causal)
        return graph.reshape(found, (*self.batch, *found.shape[-2:]))

    def gradients(self, g: Value) -> list[Value | None]:
        """Of scores `w (h - sum(w h))`, where w are the weights and `h = g v^T` their gradients."""
        weights, value, wide = self.weights(), self.value, self.scale.dtype
        g = graph.reshape(g, (*weights.shape[:-1], g.shape[-1]))
        slopes = g if value is None else graph.dot(g, ir.transpose(value))
        high, slopes = graph.cast(weights, wide), graph.cast(slopes, wide)
        total = graph.reduce("sum", ir.mul(high, slopes), (high.ndim - 1,))
        scores = ir.mul(high, ir.sub(slopes, over_keys(total, high)))
        scaled = graph.cast(ir.mul(scores, self.scale), self.query.dtype)
        grads: list[Value | None] = [graph.dot(scaled, self.key), graph.dot(ir.transpose(scaled), self.query)]
        if value is not None:
            grads.append(graph.dot(ir.transpose(weights), g))
        if self.mask is not None:
            grads.append(None if self.mask.dtype is bool_ else graph.cast(scores, self.mask.dtype))
        return grads


def _prepared(
    query: Value,
    key: Value,
    value: Value | None,
    mask: Value | None,
    is_causal: bool,
    scale: Number | None,
    enable_gqa: bool,
) -> _Attention:
    """The operands as matrices of one batch. Heads that share one of the keys are a dimension of their own."""
    heads = query.shape[-3:-2]
    if enable_gqa:
        query, key, value, mask = _with_groups(query, key, value, mask)
    _multiplied(query.shape, (key.shape[-1], key.shape[-2]))
    given = [x for x in (query, key, value, mask) if x is not None]
    batch = ir.broadcast_shape(*(x.shape[:-2] for x in given)) if any(x.ndim > 2 for x in given) else ()
    rows, keys = scores = (query.shape[-2], key.shape[-2])
    if mask is not None:
        rows, keys = ir.broadcast_shape(scores, mask.shape[-2:])
        mask = ir.broadcast_to(mask, (*batch, rows, keys))
    if value is not None:
        _multiplied((rows, keys), value.shape)
        value = ir.broadcast_to(value, (*batch, *value.shape[-2:]))
    query, key = (ir.broadcast_to(x, (*batch, n, x.shape[-1])) for x, n in ((query, rows), (key, keys)))
    wide, size = accumulate(query.dtype), query.shape[-1]
    if scale is not None:
        factor = graph.cast(ir.lift(scale), wide)
    else:
        factor = ir.div(1.0, ir.sqrt(graph.cast(ir.lift(ir.maximum(size, 1)), wide)))
    shape = (*batch[:-2], *heads) if enable_gqa else batch
    return _Attention(query, key, value, mask, factor, is_causal, shape)


def _multiplied(a: tuple[Size, ...], b: tuple[Size, ...]) -> None:
    """Refuses two matrices whose inner sizes differ."""
    if a[-1] != b[-2]:
        sizes = [f"{hint(x[-2])}x{hint(x[-1])}" for x in (a, b)]
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes[0]} and {sizes[1]})")


def _with_groups(
    query: Value, key: Value, value: Value | None, mask: Value | None
) -> tuple[Value, Value, Value | None, Value | None]:
    """Query and mask `(N, H, L, E)` as `(N, H', H / H', L, E)`, keys and values with the dimension of H / H' as 1."""
    repeats = _repeats(key, query)
    if value is not None and value.shape[-3] != key.shape[-3]:
        # Heads of values that are shared otherwise than those of keys become as many as these.
        key, value = (_repeated(x, _repeats(x, query)) for x in (key, value))
        repeats = 1

    have = key.shape[-3]

    def apart(x: Value) -> Value:
        ir.broadcast_shape(query.shape[:-2], x.shape[:-2])
        shape = (1, 1) if x.ndim < 3 or is_one(x.shape[-3]) else (have, repeats)
        return graph.reshape(x, (*x.shape[:-3], *shape, *x.shape[-2:]))

    key, *values = (ir.unsqueeze(x, x.ndim - 2) for x in (key, value) if x is not None)
    return apart(query), key, values[0] if values else None, None if mask is None else apart(mask)


def _repeats(x: Value, query: Value) -> Size:
    """How many heads of a query one of keys or values serves."""
    if x.ndim < 3 or query.ndim < 3:
        dims = min(x.ndim, query.ndim)
        raise IndexError(f"Dimension out of range (expected to be in range of [{-dims}, {dims - 1}], but got -3)")
    have, heads = x.shape[-3], query.shape[-3]
    repeats = heads // have
    if repeats * have != heads:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
    return repeats


def _repeated(x: Value, repeats: Size) -> Value:
    """Keys or values with each head repeated."""
    shape = (*x.shape[:-2], repeats, *x.shape[-2:])
    whole = graph.expand(ir.unsqueeze(x, x.ndim - 2), shape)
    return graph.reshape(whole, (*x.shape[:-3], x.shape[-3] * repeats, *x.shape[-2:]))


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
    """The derived one, but for weights that are there as a whole."""
    inputs = [x for x in (query, key, value, attn_mask) if x is not None]
    held = _prepared(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    if not held.whole:
        return differentiate([held.result()], [g], inputs)
    return differentiate(held.operands, held.gradients(g), inputs)


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
    yield (make(2, 17, 4, low=-1, high=1), make(2, 19, 4, low=-1, high=1), make(2, 19, 3)), {"is_causal": True}
    yield (make(4, 9, 2), make(2, 9, 2), make(2, 9, 2)), {"enable_gqa": True, "attn_mask": make(9, 9, dtype="bool")}
    yield (make(2, 0, 4), make(2, 5, 4), make(2, 5, 4)), {}
    yield (make(2, 3, 4), make(2, 0, 4), make(2, 0, 4)), {}


_SIZES = "must match the size of tensor"


@operator(
    autocast=lower,
    namespace="nn.functional",
    method=False,
    out=False,
    order="first",
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
    node=lambda args: f"{'ScaledDotProductFlashAttentionForCpu' if nodes.rank(args) == 4 else 'UnsafeView'}Backward0",
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
    return _prepared(query, key, value, attn_mask, is_causal, scale, enable_gqa).result()


OPERATORS: tuple[Operator, ...] = (scaled_dot_product_attention,)
