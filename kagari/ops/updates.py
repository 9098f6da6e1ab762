"""The equations of the optimizers: what becomes of a parameter and its state, given its gradient.

A rule is called as `rule(m, k, s, p, g, *state)` and returns the new parameter and the new state. `k` holds what is
structure, `s` the operands, in the order that each rule names. `m` has the functions `sqrt`, `maximum`, `sign` and
`where`: those of IR values where a kernel is made, those of tensors where autograd records the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir import build as ir
from ..ir.graph import Value

Rule = Callable[..., tuple[Any, ...]]
Structure = tuple[bool, ...]


def over_values(rule: Rule, structure: Structure) -> Callable[[Sequence[Value], Sequence[Value]], tuple[Any, ...]]:
    """A rule as a function of its operands and of the parameter, the gradient and the state, all of them IR values."""
    return lambda operands, tensors: rule(ir, structure, operands, *tensors)


def _pull(p: Value, g: Value, maximize: bool, decays: bool, decay: Value, decoupled: bool = False) -> tuple[Any, Any]:
    """Parameter and gradient after maximize and weight decay: g + decay p or, decoupled, p decay."""
    g = -g if maximize else g
    if not decays:
        return p, g
    return (p * decay, g) if decoupled else (p, g + p * decay)


def _moments(g: Value, m1: Value, m2: Value, weight1: Value, beta2: Value, weight2: Value) -> tuple[Any, Any]:
    """m1' = m1 + weight1 (g - m1); m2' = beta2 m2 + weight2 g^2."""
    return m1 + (g - m1) * weight1, m2 * beta2 + g * g * weight2


def sgd(m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, b: Value | None = None) -> tuple[Value, ...]:
    """b' = momentum b + (1 - dampening) g; p' = p - rate b', or along g + momentum b' after Nesterov.

    Structure: decays, nesterov, maximize, whether the buffer starts. Operands: rate, momentum, 1 - dampening, decay.
    """
    decays, nesterov, maximize, first = k
    rate, momentum, weight, decay = s
    p, g = _pull(p, g, maximize, decays, decay)
    if b is None:
        return (p - g * rate,)
    b = g if first else b * momentum + g * weight
    return p - (g + b * momentum if nesterov else b) * rate, b


def adam(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, m1: Value, m2: Value, top: Value | None = None
) -> tuple[Value, ...]:
    """m1' = m1 + (1 - beta1) (g - m1); m2' = beta2 m2 + (1 - beta2) g^2; p' = p - rate m1' / (sqrt(m2') / root + eps).

    Structure: decays, decoupled, maximize. Operands: lr / (1 - beta1^t), sqrt(1 - beta2^t), eps, 1 - beta1, beta2, 1 -
    beta2, decay.
    """
    decays, decoupled, maximize = k
    rate, root, eps, weight1, beta2, weight2, decay = s
    p, g = _pull(p, g, maximize, decays, decay, decoupled)
    m1, m2 = _moments(g, m1, m2, weight1, beta2, weight2)
    largest = m2 if top is None else m.maximum(top, m2)
    p = p - rate * m1 / (m.sqrt(largest) / root + eps)
    return (p, m1, m2) if top is None else (p, m1, m2, largest)


def nadam(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, m1: Value, m2: Value
) -> tuple[Value, Value, Value]:
    """Moments as in Adam; p' = p - (ahead g + rate m1') / (sqrt(m2') / root + eps).

    Structure: decays, decoupled, maximize. Operands: ahead, rate, root, eps, 1 - beta1, beta2, 1 - beta2, decay.
    """
    decays, decoupled, maximize = k
    ahead, rate, root, eps, weight1, beta2, weight2, decay = s
    p, g = _pull(p, g, maximize, decays, decay, decoupled)
    m1, m2 = _moments(g, m1, m2, weight1, beta2, weight2)
    return p - (ahead * g + rate * m1) / (m.sqrt(m2) / root + eps), m1, m2


def radam(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, m1: Value, m2: Value
) -> tuple[Value, Value, Value]:
    """Moments as in Adam; p' = p - rate m1' / (sqrt(m2') + eps) where the rate is rectified, else p - rate m1'.

    Structure: decays, decoupled, maximize, rectified. Operands: rate, eps, 1 - beta1, beta2, 1 - beta2, decay.
    """
    decays, decoupled, maximize, rectified = k
    rate, eps, weight1, beta2, weight2, decay = s
    p, g = _pull(p, g, maximize, decays, decay, decoupled)
    m1, m2 = _moments(g, m1, m2, weight1, beta2, weight2)
    return p - (rate * m1 / (m.sqrt(m2) + eps) if rectified else rate * m1), m1, m2


def adamax(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, m1: Value, u: Value
) -> tuple[Value, Value, Value]:
    """m1' = m1 + (1 - beta1) (g - m1); u' = max(beta2 u, |g| + eps); p' = p - rate m1' / u'.

    Structure: decays, maximize. Operands: lr / (1 - beta1^t), eps, 1 - beta1, beta2, decay.
    """
    decays, maximize = k
    rate, eps, weight1, beta2, decay = s
    p, g = _pull(p, g, maximize, decays, decay)
    m1 = m1 + (g - m1) * weight1
    u = m.maximum(u * beta2, m.maximum(g, -g) + eps)
    return p - rate * m1 / u, m1, u


def adagrad(m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, total: Value) -> tuple[Value, Value]:
    """total' = total + g^2; p' = p - rate g / (sqrt(total') + eps).

    Structure: decays, maximize. Operands: rate, eps, decay.
    """
    decays, maximize = k
    rate, eps, decay = s
    p, g = _pull(p, g, maximize, decays, decay)
    total = total + g * g
    return p - rate * g / (m.sqrt(total) + eps), total


def adadelta(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, square: Value, moved: Value
) -> tuple[Value, Value, Value]:
    """square' = rho square + (1 - rho) g^2; d = sqrt(moved + eps) / sqrt(square' + eps) g; moved' = rho moved + (1 -
    rho) d^2; p' = p - rate d.

    Structure: decays, maximize. Operands: rate, rho, 1 - rho, eps, decay.
    """
    decays, maximize = k
    rate, rho, weight, eps, decay = s
    p, g = _pull(p, g, maximize, decays, decay)
    square = square * rho + g * g * weight
    d = m.sqrt(moved + eps) / m.sqrt(square + eps) * g
    return p - d * rate, square, moved * rho + d * d * weight


def rmsprop(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, square: Value, *more: Value
) -> tuple[Value, ...]:
    """square' = alpha square + (1 - alpha) g^2; b' = momentum b + g / (sqrt(square' - mean'^2) + eps); p' = p - rate
    b'.

    `more` is the momentum buffer b, where there is momentum, and the mean of the gradients, where it is centered.
    Structure: decays, maximize, has momentum, centered. Operands: rate, alpha, 1 - alpha, eps, momentum, decay.
    """
    decays, maximize, has_momentum, centered = k
    rate, alpha, weight, eps, momentum, decay = s
    p, g = _pull(p, g, maximize, decays, decay)
    square = square * alpha + g * g * weight
    mean = more[-1] + (g - more[-1]) * weight if centered else None
    step = g / (m.sqrt(square if mean is None else square - mean * mean) + eps)
    if has_momentum:
        step = more[0] * momentum + step
    new = (*([step] if has_momentum else []), *([mean] if mean is not None else []))
    return p - step * rate, square, *new


def asgd(m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, average: Value) -> tuple[Value, Value]:
    """p' = (1 - lambda rate) p - rate g; average' = average + share (p' - average).

    Structure: decays, maximize, whether the average is p' itself. Operands: rate, 1 - lambda rate, share, decay.
    """
    decays, maximize, follows = k
    rate, shrink, share, decay = s
    p, g = _pull(p, g, maximize, decays, decay)
    p = p * shrink - g * rate
    return p, p if follows else average + (p - average) * share


def rprop(
    m: Any, k: Structure, s: Sequence[Value], p: Value, g: Value, before: Value, size: Value
) -> tuple[Value, Value, Value]:
    """The step grows where the gradient keeps its sign, shrinks where it changes and is left out there; p' = p - size'
    sign(g').

    Structure: maximize. Operands: shrinking factor, growing factor, least and greatest size.
    """
    (maximize,) = k
    shrink, grow, least, greatest = s
    g = -g if maximize else g
    same = m.sign(g * before)
    # The last branch is 1 where the product is 0, and NaN where it is NaN.
    size = size * m.where(same > 0, grow, m.where(same < 0, shrink, same + 1.0))
    size = m.where(size < least, least, m.where(size > greatest, greatest, size))
    g = m.where(same < 0, g * 0.0, g)
    return p - m.sign(g) * size, g, size
