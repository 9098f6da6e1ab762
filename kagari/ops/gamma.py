"""The regularized incomplete gamma functions, by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import float64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require, result_type
from .operator import Operator, Sample, Tensor, operator
from .samples import args, wanted

_NODES, _STEP, _START = 112, 1 / 14, -3.6
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_LARGE = 10.0
"""From here on Stirling's series for the logarithm of the gamma function is exact in float64."""


def _excess(z: Value) -> Value:
    """`e ** z - 1 - z`, without cancellation near 0."""
    near = ir.lt(ir.abs_(z), 1)
    small, total = ir.where(near, z, 0), ir.full((), 1 / math.factorial(20), float64)
    for k in range(19, 1, -1):
        total = total * small + 1 / math.factorial(k)
    return ir.where(near, total * small * small, ir.expm1(z) - z)


def _density(a: Value, x: Value) -> Value:
    """`x ** a * e ** -x / Γ(a)`."""
    large = ir.ge(a, _LARGE)
    first = ir.where(large, a, _LARGE)
    over = (x - first) / first
    logarithm = ir.where(ir.lt(ir.abs_(over), 0.5), ir.log1p(over), ir.log(x) - ir.log(first))
    inverse = 1 / first
    correction: Any = 0.0
    for c in reversed(_STIRLING):
        correction = correction * inverse * inverse + c
    far = ir.sqrt(first / (2 * math.pi)) * ir.exp(ir.neg(first * _excess(logarithm) + correction * inverse))
    return ir.where(large, far, ir.exp(a * ir.log(x) - x - ir.lgamma(ir.where(large, 1, a))))


def _smaller_side(a: Value, x: Value, below: Value) -> Value:
    """The lower function where x is `below` a, the upper one elsewhere.

    With t = x e^±v both are the density times the integral of e^(±(a - x) v - x (e^±v - 1 ∓ v)) over v from 0 on, which
    falls from 1 without a rise. The nodes are v = scale * e^(u - e^-u) with u in equal steps.
    """
    distance = ir.abs_(x - a)
    scale = 2 / (distance + ir.sqrt(distance * distance + 2 * x))
    shape = (*x.shape, _NODES)
    u = graph.cast(graph.iota(shape, x.ndim), float64) * _STEP + _START
    fall = ir.exp(ir.neg(u))
    node = ir.exp(u - fall)

    def wide(value: Value) -> Value:
        return graph.expand(ir.unsqueeze(value, x.ndim), shape)

    v = wide(scale) * node
    signed = ir.where(wide(below), ir.neg(v), v)
    height = ir.exp((wide(a) - wide(x)) * signed - wide(x) * _excess(signed))
    return _density(a, x) * scale * ir.sum_(height * node * (fall + 1), x.ndim) * _STEP


def _both(input: Value, other: Value, kernel: str) -> tuple[Value, Value]:
    """The lower and the upper function. Where both arguments are small, by P(a, x) = P(a + 1, x) + density / a."""
    dt = result_type(input, other)
    require(kernel, dt, lowest=2)
    shape = ir.broadcast_shape(input.shape, other.shape)
    a, x = (ir.broadcast_to(graph.cast(v, float64), shape) for v in (input, other))
    regular = ir.lt(0, a) & ir.lt(0, x) & ir.lt(a, math.inf) & ir.lt(x, math.inf)
    order, at = ir.where(regular, a, 1), ir.where(regular, x, 1)
    small = ir.lt(order, 1) & ir.lt(at, 1.5)
    shifted = ir.where(small, order + 1, order)
    below = ir.lt(at, shifted)
    side = _smaller_side(shifted, at, below)
    lower, upper = ir.where(below, side, 1 - side), ir.where(below, 1 - side, side)
    step = ir.where(small, _density(ir.where(small, order, 1), at) / order, 0)
    lower, upper = lower + step, upper - step
    undefined = ir.lt(a, 0) | ir.lt(x, 0) | (ir.eq(a, 0) & ir.eq(x, 0)) | (ir.eq(a, math.inf) & ir.eq(x, math.inf))
    # PyTorch asks for these limits before it asks for NaN.
    undefined = undefined | (ir.ne(a, a) & ir.ne(x, 0) & ir.ne(x, math.inf)) | (ir.ne(x, x) & ir.ne(a, math.inf))
    whole = ir.eq(a, 0) | ir.eq(x, math.inf)
    results = []
    for value, limit in ((lower, ir.where(whole, 1.0, 0.0)), (upper, ir.where(whole, 0.0, 1.0))):
        value = ir.where(regular, value, graph.cast(limit, float64))
        results.append(graph.cast(ir.where(undefined, math.nan, value), dt))
    return results[0], results[1]


def _slope(g: Value, input: Value, other: Value) -> Value:
    return g * ir.exp((input - 1) * ir.log(other) - other - ir.lgamma(input))


def _samples(make: Callable[..., Any]) -> Iterator[Sample]:
    """PyTorch has a gradient with respect to the second argument alone: the first ones want none."""
    yield (make(2, 3, low=0.1, high=4, constant=True), make(2, 3, low=0.1, high=6)), {}
    yield (make(3, 1, low=0.5, high=9, constant=True), make(5, low=0.5, high=9, noncontiguous=True)), {}
    rows = [(a, a * f) for a in (0.05, 0.5, 1, 3, 12, 100) for f in (0.01, 0.5, 0.97, 1, 1.03, 2, 10)]
    yield (make(values=[a for a, _ in rows], constant=True), make(values=[x for _, x in rows])), {}
    corners = [0.0, 1.0, math.inf, -1.0, math.nan]
    pairs = [(a, x) for a in corners for x in corners]
    yield (make(values=[a for a, _ in pairs], constant=True), make(values=[x for _, x in pairs], constant=True)), {}
    yield (make(0, 3, constant=True), make(3, low=1)), {}


_REFUSED = [
    (args(wanted(2), 2.0), TypeError, r"argument 'other' \(position 2\) must be Tensor, not float"),
    (
        args(wanted(2, dtype="int64"), wanted(2, dtype="int64")),
        NotImplementedError,
        r"\"igammac?_cpu\" not implemented",
    ),
]


@operator(
    inplace=True,
    pointwise=True,
    dtypes="f",
    gradient=lambda g, input, other: [g * math.nan, _slope(g, input, other)],
    samples=_samples,
    errors=_REFUSED,
)
def igamma(input: Tensor, other: Tensor) -> Value:
    """`out_i` is the integral of `t ** (input_i - 1) * e ** -t` from 0 to `other_i`, divided by that to infinity: the
    regularized lower incomplete gamma function. Both arguments should be from 0 on; elsewhere it is NaN.

    The gradient with respect to `input` is NaN: PyTorch has none.

    >>> import kagari as torch
    >>> torch.igamma(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 5.0]))
    tensor([0.6321, 0.7350])
    """
    return _both(input, other, "igamma_cpu")[0]


@operator(
    inplace=True,
    pointwise=True,
    dtypes="f",
    gradient=lambda g, input, other: [g * math.nan, ir.neg(_slope(g, input, other))],
    samples=_samples,
    errors=_REFUSED,
)
def igammac(input: Tensor, other: Tensor) -> Value:
    """`1 - igamma(input_i, other_i)`, the regularized upper incomplete gamma function, also where that is tiny.

    The gradient with respect to `input` is NaN: PyTorch has none.

    >>> import kagari as torch
    >>> torch.igammac(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 5.0]))
    tensor([0.3679, 0.2650])
    """
    return _both(input, other, "igammac_cpu")[1]


OPERATORS: tuple[Operator, ...] = (igamma, igammac)
