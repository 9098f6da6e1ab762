"""How draws from the gamma and the Dirichlet distribution move with the parameters, by implicit differentiation.

A draw x with the distribution function F(x; a) and the density p moves by `dx/da = -(dF/da) / p` when the uniform
number behind it stays. dF/da is the integral of `d ln p / da` times the density on one side of x: of the side with less
of the probability, whose terms have one sign, by quadrature, and near the ends of the range by a series.

Source: Figurnov, Mohamed, Mnih, *Implicit reparameterization gradients* (2018).
"""

from __future__ import annotations

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
_TERMS = 28
_NEAR = 0.3  # of an end of the range from 0 to 1


def _integral(scale: Value, integrand: Callable[[Value, Callable[[Value], Value]], Value]) -> Value:
    """The integral over v from 0 on, at nodes v = scale * e^(u - e^-u) with u in equal steps."""
    shape = (*scale.shape, _NODES)

    def wide(value: Value) -> Value:
        return graph.expand(ir.unsqueeze(value, value.ndim), shape)

    u = graph.cast(graph.iota(shape, scale.ndim), float64) * _STEP + _START
    fall = ir.exp(ir.neg(u))
    node = ir.exp(u - fall)
    heights = integrand(wide(scale) * node, wide)
    return scale * ir.sum_(heights * node * (fall + 1), scale.ndim) * _STEP


def _reach(slope: Value, curvature: Value) -> Value:
    """How far `e^(-slope v - curvature v² / 2)` reaches."""
    return 2 / (slope + ir.sqrt(slope * slope + 2 * curvature))


# Gamma


def _gamma_series(a: Value, x: Value) -> Value:
    """For small x: the terms of the series of F, each times what its logarithm moves by."""
    term, moved = 1 / a, ir.log(x) - ir.digamma(a + 1)
    total = term * moved
    for k in range(1, _TERMS):
        term, moved = term * x / (a + k), moved - 1 / (a + k)
        total = total + term * moved
    return ir.neg(x * total)


def _gamma_quadrature(a: Value, x: Value) -> Value:
    """With t = x e^±v, below x where x is below a, and above elsewhere."""
    below = ir.lt(x, a)
    start = ir.log(x) - ir.digamma(a)

    def integrand(v: Value, wide: Callable[[Value], Value]) -> Value:
        s = ir.where(wide(below), ir.neg(v), v)
        return (wide(start) + s) * ir.exp(wide(a) * s - wide(x) * ir.expm1(s))

    found = x * _integral(_reach(ir.abs_(x - a), x), integrand)
    return ir.where(below, ir.neg(found), found)


def _gamma_slope(a: Value, x: Value) -> Value:
    near = ir.lt(x, 1.5)
    series = _gamma_series(ir.where(near, a, 1), ir.where(near, x, 1))
    return ir.where(near, series, _gamma_quadrature(ir.where(near, 1, a), ir.where(near, 2, x)))


def _wide(kernel: str, *values: Value) -> tuple[Any, list[Value]]:
    """The dtype of a result, and the arguments in float64, broadcast. Refuses types of 16 bits."""
    dt = result_type(*values)
    require(kernel, dt, lowest=2 if dt.itemsize > 2 else 4)
    shape = ir.broadcast_shape(*[v.shape for v in values])
    return dt, [ir.broadcast_to(graph.cast(v, float64), shape) for v in values]


def _drawn_gamma(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(values=[0.3, 2.0, 9.0], constant=True), make(values=[0.1, 2.5, 7.0], constant=True)), {}
    yield (make(0, constant=True), make(0, constant=True)), {}


_REFUSED = (args(wanted(2, dtype="int64"), wanted(2, dtype="int64")), NotImplementedError, "not implemented for 'Long'")


@operator(
    name="_standard_gamma_grad", method=False, out=False, pointwise=True, differentiable=False, dtypes="f",
    samples=_drawn_gamma, errors=[_REFUSED],
)  # fmt: skip
def standard_gamma_grad(input: Tensor, output: Tensor) -> Value:
    """How much `output_i`, drawn from a gamma distribution with concentration `input_i` and rate 1, moves with the
    concentration.

    >>> import kagari as torch
    >>> torch._standard_gamma_grad(torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([1.6317])
    """
    dt, (a, x) = _wide("_standard_gamma_grad_cpu", input, output)
    return graph.cast(_gamma_slope(a, x), dt)


@operator(
    function=False, method=False, out=False, dtypes="f", samples=_drawn_gamma, node="StandardGammaBackward0",
    gradient=lambda g, input, drawn: [g * standard_gamma_grad.define(input, drawn), None],
)  # fmt: skip
def moving_gamma(input: Tensor, drawn: Tensor) -> Value:
    """The numbers drawn, as a function of the concentrations."""
    return graph.cast(drawn, input.dtype)


# Dirichlet: each of its parts has a beta distribution


def _beta_low(x: Value, a: Value, total: Value) -> Value:
    """For x near 0: the terms of the series of F, each times what its logarithm moves by."""
    b = total - a
    level = ir.log(x) - ir.digamma(a + 1) + ir.digamma(total)
    total_sum, power = level / a, ir.full(x.shape, 1.0, float64)
    for k in range(1, _TERMS):
        power = power * x * (k - b) / k
        total_sum = total_sum + power / (a + k) * (level + 1 / a - 1 / (a + k))
    return ir.neg(x * ir.exp(ir.neg(b) * ir.log1p(ir.neg(x))) * total_sum)


def _beta_high(x: Value, a: Value, total: Value) -> Value:
    """For x near 1: the series of 1 - F in 1 - x, whose coefficients depend on `a`."""
    y, b = 1 - x, total - a
    level = ir.digamma(total) - ir.digamma(a)
    c, moved = ir.full(x.shape, 1.0, float64), ir.full(x.shape, 0.0, float64)
    total_sum = level / b
    for k in range(1, _TERMS):
        moved, c = y * (moved * (k - a) - c) / k, y * c * (k - a) / k
        total_sum = total_sum + (moved + c * level) / (b + k)
    return ir.exp((1 - a) * ir.log1p(ir.neg(y))) * total_sum


def _beta_quadrature(x: Value, a: Value, total: Value) -> Value:
    """With logit t = logit x ± v, below x where x is below the mean, and above elsewhere."""
    below = ir.lt(total * x, a)
    reach = _reach(ir.abs_(total * x - a), total * x * (1 - x))
    start = ir.log(x) - ir.digamma(a) + ir.digamma(total)

    def integrand(v: Value, wide: Callable[[Value], Value]) -> Value:
        # ln (t / x), and minus ln ((1 - t) / (1 - x)).
        side = wide(below)
        part = ir.log1p(wide(ir.where(below, x, 1 - x)) * ir.expm1(ir.neg(v)))
        up, spread = ir.where(side, ir.neg(v) - part, ir.neg(part)), ir.where(side, part, v + part)
        return (wide(start) + up) * ir.exp(wide(a) * up - wide(total - a) * spread)

    found = x * _integral(ir.maximum(reach, 1 / ir.where(below, a, total - a)), integrand)
    return ir.where(below, ir.neg(found), found)


def _beta_slope(x: Value, a: Value, total: Value) -> Value:
    """dx/da / (1 - x)."""
    low = ir.lt(x, _NEAR) & ir.lt(total * x, 1)
    high = ir.lt(1 - x, _NEAR) & ir.lt(total * (1 - x), 1)
    middle = ir.bitnot(low | high)

    def only(condition: Value, x: Value) -> tuple[Value, Value, Value]:
        return ir.where(condition, x, 0.5), ir.where(condition, a, 1), ir.where(condition, total, 2)

    found = ir.where(middle, _beta_quadrature(*only(middle, x)), _beta_high(*only(high, x)))
    return ir.where(low, _beta_low(*only(low, x)), found)


def _parts(make: Callable[..., Any]) -> Iterator[Sample]:
    values = [0.2, 0.9, 0.5], [0.3, 2.0, 8.0], [4.0, 2.5, 9.0]
    yield tuple(make(values=v, constant=True) for v in values), {}


@operator(
    name="_dirichlet_grad", method=False, out=False, pointwise=True, differentiable=False, dtypes="f", samples=_parts
)
def dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Value:
    """How much `x_i`, drawn from a beta distribution with concentrations `alpha_i` and `total_i - alpha_i`, moves with
    the first of them, divided by `1 - x_i`.

    >>> import kagari as torch
    >>> torch._dirichlet_grad(torch.tensor([0.5]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([0.6931])
    """
    dt, values = _wide("_dirichlet_grad_cpu", x, alpha, total)
    return graph.cast(_beta_slope(*values), dt)


def _moving_dirichlet(g: Value, input: Value, drawn: Value) -> list[Value | None]:
    # The other parts shrink in proportion where one grows.
    x = graph.cast(drawn, input.dtype)
    total = ir.broadcast_to(ir.sum_(input, -1, True), input.shape)
    return [dirichlet_grad.define(x, input, total) * (g - ir.sum_(x * g, -1, True)), None]


def _drawn_dirichlet(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(values=[[0.3, 2.0, 9.0]], constant=True), make(values=[[0.2, 0.3, 0.5]], constant=True)), {}


@operator(
    function=False, method=False, out=False, dtypes="f", samples=_drawn_dirichlet, gradient=_moving_dirichlet
)  # fmt: skip
def moving_dirichlet(input: Tensor, drawn: Tensor) -> Value:
    """The vectors drawn, as a function of the concentrations."""
    return graph.cast(drawn, input.dtype)


OPERATORS: tuple[Operator, ...] = (standard_gamma_grad, moving_gamma, dirichlet_grad, moving_dirichlet)
