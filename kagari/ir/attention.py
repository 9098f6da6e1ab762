"""What the primitives of attention mean, as formulas of other primitives.

The kernels of `attend` and `attend_grad` never make the matrix of scores. These formulas do: second gradients are
derived from them, and they serve where the weights themselves are wanted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..base.dtypes import accumulate, bool_
from . import build, graph
from .graph import Value


def over_keys(x: Value, scores: Value) -> Value:
    """A number for each query, repeated for each key."""
    return graph.expand(build.unsqueeze(x, x.ndim), scores.shape)


def scores_of(query: Value, key: Value, scale: Value, mask: Sequence[Value], causal: bool) -> Value:
    """How much each query looks at each key, before the softmax, in the wide dtype; -inf where it does not."""
    wide = accumulate(query.dtype)
    scores = build.mul(graph.dot(graph.cast(query, wide), build.transpose(graph.cast(key, wide))), scale)
    if causal:
        rows, columns = (graph.iota(scores.shape, scores.ndim - k) for k in (2, 1))
        scores = build.where(build.ge(rows, columns), scores, -math.inf)
    for m in mask:
        masked = m.dtype is bool_
        scores = build.where(m, scores, -math.inf) if masked else build.add(scores, graph.cast(m, wide))
    return scores


def _powers(scores: Value) -> tuple[Value, Value, Value]:
    """The maximum of each row, exponentials relative to it, and their sum."""
    last = (scores.ndim - 1,)
    largest = graph.detach(graph.reduce("max", scores, last))
    largest = build.where(build.eq(largest, -math.inf), 0, largest)
    powers = build.exp(build.sub(scores, over_keys(largest, scores)))
    return largest, powers, graph.reduce("sum", powers, last)


def weights_of(scores: Value) -> Value:
    """The softmax of each row; a row in which nothing is allowed gives zeros."""
    if isinstance(scores.shape[-1], int) and not scores.shape[-1]:
        return scores
    _, powers, total = _powers(scores)
    return build.div(powers, over_keys(build.where(build.eq(total, 0), 1, total), scores))


def _logsums(scores: Value) -> Value:
    """The logarithm of the sum of each row's exponentials; +inf where nothing is allowed."""
    if isinstance(scores.shape[-1], int) and not scores.shape[-1]:
        return build.full(scores.shape[:-1], math.inf, scores.dtype)
    largest, _, total = _powers(scores)
    nothing = build.eq(total, 0)
    return build.where(nothing, math.inf, build.add(largest, build.log(build.where(nothing, 1, total))))


def formula(v: Value) -> Value:
    """`attend` or `attend_grad` by way of all scores."""
    causal, part = v.attrs
    if v.op == "attend":
        query, key, value, scale, *mask = v.args
        scores = scores_of(query, key, scale, mask, causal)
        if part == "logsums":
            return _logsums(scores)
        return graph.cast(graph.dot(weights_of(scores), graph.cast(value, scale.dtype)), v.dtype)
    query, key, value, gradient, logsums, delta, scale, *mask = v.args
    scores = scores_of(query, key, scale, mask, causal)
    weights = build.exp(build.sub(scores, over_keys(logsums, scores)))
    query, key, value, gradient = (graph.cast(x, scale.dtype) for x in (query, key, value, gradient))
    if part == 2:
        return graph.cast(graph.dot(build.transpose(weights), gradient), v.dtype)
    slopes = build.sub(graph.dot(gradient, build.transpose(value)), over_keys(delta, scores))
    slopes = build.mul(build.mul(weights, slopes), scale)
    found = graph.dot(build.transpose(slopes), query) if part else graph.dot(slopes, key)
    return graph.cast(found, v.dtype)
