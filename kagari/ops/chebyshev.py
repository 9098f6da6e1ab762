"""Chebyshev's polynomials of all four kinds: by the recurrence for small degrees, by their cosines elsewhere.

They have no gradient, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import float64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require, result_type
from .operator import Number, Operator, Sample, Tensor, operator
from .samples import args, wanted

_SMALL = 6
"""Up to this degree the recurrence is used, which is exact for whole numbers."""


def _degrees(make: Callable[..., Any]) -> Iterator[Sample]:
    x = [-1, 1, 0.5, -0.25, 2, -3, 1, -1, 3, 0.75, -2]
    n = [0, 1, 3, 12, 9, 8, 30, 31, -1, 5, 7]
    yield (make(values=x, constant=True), make(values=n, constant=True)), {}
    yield (make(3, 1, low=-1, high=1, constant=True), 2.5), {}
    yield (1.5, make(values=[[1, 7], [4, 2]], constant=True)), {}


def _even(n: Value) -> Value:
    return ir.eq(ir.rem(n, 2), 0)


def _quotient(above: Value, below: Value, limit: Value) -> Value:
    """The quotient, and where it would be 0 / 0 the limit."""
    zero = ir.eq(below, 0)
    return ir.where(zero, limit, above / ir.where(zero, 1, below))


def _at_angle(kind: str, n: Value, x: Value) -> Value:
    """Of x between -1 and 1, as quotients of cosines or sines of multiples of an angle."""
    angle, half = ir.acos(x), 0.5 * ir.acos(x)
    sign = ir.where(_even(n), 1.0, -1.0)
    if kind == "t":
        return ir.cos(n * angle)
    if kind == "u":
        ends = ir.where(ir.lt(x, 0), sign, 1.0) * (n + 1)
        return ir.where(ir.eq(ir.abs_(x), 1), ends, _quotient(ir.sin((n + 1) * angle), ir.sin(angle), ends))
    if kind == "v":
        ends = sign * (2 * n + 1)
        return ir.where(ir.eq(x, -1), ends, _quotient(ir.cos((n + 0.5) * angle), ir.cos(half), ends))
    return _quotient(ir.sin((n + 0.5) * angle), ir.sin(half), 2 * n + 1)


def _beyond(kind: str, n: Value, size: Value) -> Value:
    """Of x above 1, by the hyperbolic forms."""
    angle, half = ir.acosh(size), 0.5 * ir.acosh(size)
    if kind == "t":
        return ir.cosh(n * angle)
    if kind == "u":
        return ir.sinh((n + 1) * angle) / ir.sinh(angle)
    if kind == "v":
        return ir.cosh((n + 0.5) * angle) / ir.cosh(half)
    return ir.sinh((n + 0.5) * angle) / ir.sinh(half)


def _outside(kind: str, n: Value, x: Value) -> Value:
    """Beyond -1 and 1: V and W change places with the sign of x."""
    size = ir.maximum(ir.abs_(x), 1.0 + 1e-15)
    up, down = _beyond(kind, n, size), _beyond({"v": "w", "w": "v"}.get(kind, kind), n, size)
    return ir.where(ir.lt(x, 0), ir.where(_even(n), down, ir.neg(down)), up)


_FIRST = {"t": (1, 0), "u": (2, 0), "v": (2, -1), "w": (2, 1)}
"""Of each kind the polynomial of degree 1: `a x + b`."""


def _polynomial(kind: str, n: Value, x: Value) -> Value:
    inside = ir.le(ir.abs_(x), 1)
    value = ir.where(inside, _at_angle(kind, n, ir.where(inside, x, 0)), _outside(kind, n, ir.where(inside, 2, x)))
    a, b = _FIRST[kind]
    before, current = ir.full(x.shape, 1.0, float64), x * a + b
    value = ir.where(ir.eq(n, 0), before, ir.where(ir.eq(n, 1), current, value))
    for k in range(2, _SMALL + 1):
        before, current = current, 2 * x * current - before
        value = ir.where(ir.eq(n, k), current, value)
    return ir.where(ir.lt(n, 0), 0, ir.where(ir.ne(x, x) & ir.lt(0, n), x, value))


def _record(kind: str, shifted: bool) -> Operator:
    name = f"{'shifted_' if shifted else ''}chebyshev_polynomial_{kind}"
    number = {"t": "first", "u": "second", "v": "third", "w": "fourth"}[kind]
    made = f"`out_i = {kind.upper()}{'*' if shifted else ''}_n(input_i)` with `n = n_i`"
    where = f", which is {kind.upper()}_n at `2 input_i - 1`" if shifted else ""

    def define(input: Tensor | Number, n: Tensor | Number) -> Value:
        dt = result_type(input, n)
        require(f"{name}_cpu", dt, lowest=0)
        dt = dt if dt.category == 2 else ir.default_dtype()
        if dt.itemsize < 4:
            require(f"{name}_cpu", dt, lowest=4)
        x, degree = (ir.lift(v) for v in (input, n))
        shape = ir.broadcast_shape(x.shape, degree.shape)
        x, degree = (ir.broadcast_to(graph.cast(v, float64), shape) for v in (x, degree))
        return graph.cast(_polynomial(kind, ir.trunc(degree), 2 * x - 1 if shifted else x), dt)

    define.__doc__ = (
        f"{made}, Chebyshev's polynomial of the {number} kind{where}. Degrees are rounded to 0; below 0 it is 0."
    )
    define.__name__ = name
    return operator(
        name=name, namespace="special", method=False, pointwise=True, differentiable=False, samples=_degrees,
        dtypes="fib", errors=[(args(wanted(2, dtype="float16"), 2), NotImplementedError, "not implemented for 'Half'")],
    )(define)  # fmt: skip


OPERATORS: tuple[Operator, ...] = tuple(_record(kind, shifted) for shifted in (False, True) for kind in "tuvw")
