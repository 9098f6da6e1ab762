"""The equations of the optimizers, over IR values: what becomes of a parameter and its state, given its gradient.

`k` holds what is structure, `s` the operands, in the order in which `eager.fused` passes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import build as ir
from ..ir.graph import Value


def sgd_plain(k: tuple[bool, ...], s: Sequence[Value], p: Value, g: Value) -> tuple[Value, ...]:
    """g' = g + decay p; p' = p - rate g'."""
    decays, _, maximize, _ = k
    g = -g if maximize else g
    g = g + p * s[3] if decays else g
    return (p - g * s[0],)


def sgd_momentum(k: tuple[bool, ...], s: Sequence[Value], p: Value, g: Value, b: Value) -> tuple[Value, ...]:
    """b' = momentum b + (1 - dampening) g'; p' = p - rate b', or along g' + momentum b' after Nesterov."""
    decays, nesterov, maximize, first = k
    g = -g if maximize else g
    g = g + p * s[3] if decays else g
    b = g if first else b * s[1] + g * s[2]
    return p - (g + b * s[1] if nesterov else b) * s[0], b


def adam(
    k: tuple[bool, ...], s: Sequence[Value], p: Value, g: Value, m: Value, v: Value, top: Value | None = None
) -> tuple[Value, ...]:
    """m' = m + (1 - beta1) (g - m); v' = beta2 v + (1 - beta2) g^2; p' = p - rate m' / (sqrt(v') / root + eps)."""
    decays, decoupled, amsgrad, maximize = k
    rate, root, eps, weight1, beta2, weight2, decay = s
    g = -g if maximize else g
    if decays:
        p, g = (p * decay, g) if decoupled else (p, g + p * decay)
    m = m + (g - m) * weight1
    v = v * beta2 + g * g * weight2
    largest = ir.maximum(top, v) if top is not None else v
    p = p - rate * m / (ir.sqrt(largest) / root + eps)
    return (p, m, v, largest) if amsgrad else (p, m, v)
