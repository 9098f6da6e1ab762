"""Forward-mode differentiation of the intermediate representation.

There are no rules of its own. The gradient of a graph is linear in the gradient of its outputs, `u -> J^T u`, and the
gradient of that in turn is the product `J t`, where u is no longer: the transpose of the transpose (J. Townsend, "A new
trick for calculating Jacobian vector products", 2017). Simplification leaves what a rule for forward mode would write.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import build
from .differentiate import differentiate
from .graph import Value, topological


def forward(
    gradients: Sequence[Value | None], seeds: Sequence[Value | None], tangents: Sequence[Value]
) -> list[Value | None]:
    """The derivative of outputs along tangents of inputs.

    Args:
        gradients: those of the inputs, made from `seeds`.
        seeds: leaves that stand for the gradients of the outputs, None for outputs that have none.
        tangents: how each of the inputs changes.

    Returns for each seed a value of its shape and dtype, or None where the output does not change.
    """
    leaves = [s for s in seeds if s is not None]
    pairs = [(g, t) for g, t in zip(gradients, tangents) if g is not None]
    found = differentiate([g for g, _ in pairs], [t for _, t in pairs], leaves)
    # Any gradient will do where one is left: rules that tell positive from negative ones are linear for each.
    ones = {s: build.full(s.shape, 1, s.dtype) for s in leaves}
    whole = iter(_replaced(found, ones))
    return [None if s is None else next(whole) for s in seeds]


def _replaced(values: Sequence[Value | None], new: dict[Value, Value]) -> list[Value | None]:
    """The values with some replaced, and what was a constant of the first derivative no longer one."""
    for v in topological([v for v in values if v is not None]):
        if v.op == "detach":
            new[v] = new[v.args[0]]
        elif v not in new:
            args = tuple([new[a] for a in v.args])
            new[v] = v if args == v.args else Value(v.op, args, v.attrs, v.shape, v.dtype, v.weak)
    return [None if v is None else new[v] for v in values]
