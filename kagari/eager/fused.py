"""Optimizer steps: one native call over all parameters.

A step is element-wise arithmetic on a parameter, its gradient and its state, a rule of `ops.updates`; from it follows
one kernel that reads and writes each of them once, and the step that autograd records.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ..base.dtypes import dtype
from ..engine import foreach as engine
from ..ops.updates import (
    Rule,
    Structure,
    adadelta,
    adagrad,
    adam,
    adamax,
    asgd,
    nadam,
    over_values,
    radam,
    rmsprop,
    rprop,
    sgd,
)
from . import operators
from .calls import call
from .convert import wrap


def update(rule: Rule, structure: Structure, operands: Sequence[float], lists: Sequence[list[Any]]) -> None:
    """Applies a rule in place to lists of equal length: parameters, gradients, and a list for each part of the state.

    Sets that do not share a layout are brought to one first. On the device `meta` there is nothing to update. The
    parts of a complex number count as two numbers.
    """
    scalars = tuple([float(operand) for operand in operands])
    start, count = 0, len(lists[0])
    while start < count:
        dt = lists[0][start]._layout.dtype
        if lists[0][start]._layout.meta:
            start += 1
            continue
        if dt.is_complex:
            update(rule, structure, operands, [[_parts(tensors[start])] for tensors in lists])
            start += 1
            continue
        kernel = _kernel(rule, structure, len(lists), len(scalars), dt)
        part = lists if not start else [tensors[start:] for tensors in lists]
        start += kernel.run(scalars, part)
        if start < count and (lists[0][start]._layout.dtype is dt):
            _update_copied(kernel, scalars, [tensors[start] for tensors in lists])
            start += 1


def recorded(rule: Rule, structure: Structure, operands: Sequence[Any], tensors: Sequence[Any]) -> tuple[Any, ...]:
    """What a rule makes of one parameter, its gradient and its state, in ordinary operations, which autograd records.

    Operands may be tensors too.
    """
    if not tensors[0].is_complex():
        return rule(operators, structure, operands, *tensors)
    found = rule(operators, structure, operands, *[operators.view_as_real(t) for t in tensors])
    return tuple(operators.view_as_complex(t) for t in found)


def _parts(x: Any) -> Any:
    """A complex tensor's memory as real numbers, real and imaginary parts in turn."""
    return operators.view_as_real(x.detach())


def _writes(lists: int) -> tuple[bool, ...]:
    """Which of the lists a rule changes: all but the gradients."""
    return tuple(number != 1 for number in range(lists))


@cache
def _kernel(rule: Rule, structure: Structure, lists: int, scalars: int, dt: dtype) -> engine.ForEach:
    return engine.ForEach(rule.__name__, over_values(rule, structure), _writes(lists), scalars, dt)


def _update_copied(kernel: engine.ForEach, scalars: tuple[float, ...], tensors: list[Any]) -> None:
    """One set whose layouts differ: the kernel runs on row-major copies, and what it wrote is copied back."""
    copies = [call("contiguous")(t.detach().to(kernel.dtype)) for t in tensors]
    done = kernel.run(scalars, [[c] for c in copies])
    assert done == 1
    for t, c, written in zip(tensors, copies, _writes(len(tensors))):
        if written:
            wrap(t._layout, t._storage, t._offset).copy_(c)


__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "asgd",
    "nadam",
    "radam",
    "recorded",
    "rmsprop",
    "rprop",
    "sgd",
    "update",
]
