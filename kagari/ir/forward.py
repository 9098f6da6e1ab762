"""Forward-mode differentiation of the intermediate representation.

There are no rules of its own. The gradient of a graph is linear in the gradient of its outputs, `u -> J^T u`, and the
gradient of that in turn is the product `J t`, where u is no longer: the transpose of the transpose (J. Townsend, "A new
trick for calculating Jacobian vector products", 2017). Simplification leaves what a rule for forward mode would write.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import build
from .differentiate import differentiate
from .graph import Value, rebuild, topological


def forward(gradients: Sequence[Value], seeds: Sequence[Value], tangents: Sequence[Value]) -> list[Value | None]:
    """The derivative of outputs along tangents of inputs.

    Args:
        gradients: those of the inputs, made from `seeds`.
        seeds: leaves that stand for the gradients of the outputs.
        tangents: how each of the inputs changes.

    Returns for each seed a value of its shape and dtype, or None where the output does not change.
    """
    found = differentiate(gradients, tangents, seeds)
    # Any gradient will do where one is left: rules that tell positive from negative ones are linear for each.
    return _at(found, {s: build.full(s.shape, 1, s.dtype) for s in seeds})


def _at(values: Sequence[Value | None], new: dict[Value, Value]) -> list[Value | None]:
    """The values with some replaced, and what was a constant of the first derivative no longer one."""
    listed = [v for v in values if v is not None]
    for v in topological(listed):
        if v.op == "detach":
            (new[v],) = rebuild(v.args, new)
    whole = iter(rebuild(listed, new))
    return [None if v is None else next(whole) for v in values]
