"""One step of connectionist temporal classification: all ways of reading a target, one output further.

In shapes, N stands for the batch, and L for the places in a target with a blank before, between and after its labels.
"""

from __future__ import annotations

import math

from ..base.dtypes import accumulate
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .operator import Operator, Tensor, operator
from .shapes import narrowed


def _from_before(x: Value, places: int) -> Value:
    """Each row moved up by so many places, with -inf for what has none before it."""
    length = x.shape[1]
    if isinstance(length, int) and length <= places:
        return ir.full(x.shape, -math.inf, x.dtype)
    moved = graph.pad(narrowed(x, 1, 0, length - places), (0, places), (0, 0))
    return ir.where(ir.ge(graph.iota(x.shape, 1), places), moved, -math.inf)


@operator(namespace="nn.functional", method=False, out=False)
def ctc_step(alpha: Tensor, emitted: Tensor, skips: Tensor, active: Tensor) -> Value:
    """`log(exp(a[s]) + exp(a[s-1]) + exp(a[s-2])) + e[s]`, the third where `skips` allows it, for rows that are active.

    a are the log-probabilities of having come to each place, `(N, L)`, and e those of what stands there.
    Source: Graves and others, Connectionist Temporal Classification, 2006.
    """
    x = graph.cast(alpha, accumulate(alpha.dtype))
    stay, one = x, _from_before(x, 1)
    two = ir.where(skips, _from_before(x, 2), -math.inf)
    largest = graph.detach(ir.maximum(ir.maximum(stay, one), two))
    largest = ir.where(ir.eq(largest, -math.inf), 0, largest)
    total = ir.add(ir.add(*(ir.exp(ir.sub(way, largest)) for way in (stay, one))), ir.exp(ir.sub(two, largest)))
    nowhere = ir.eq(total, 0)
    come = ir.add(ir.add(ir.log(ir.where(nowhere, 1, total)), largest), emitted)
    return graph.cast(ir.where(active, ir.where(nowhere, -math.inf, come), x), alpha.dtype)


OPERATORS: tuple[Operator, ...] = (ctc_step,)
