"""Special functions: Bessel's, Hurwitz's zeta, the normal distribution's. Those of `torch.special` alone are in its
namespace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..base.dtypes import bool_, int64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import for_tensors, require, result_type
from .operator import Number, Operator, Sample, Tensor, operator
from .samples import args, binary, special_pairs, together, unary, wanted

MOST_VARIABLES = 1 << 20  # of the gamma function of several

_SPECIAL: dict[str, Any] = {"namespace": "special", "method": False, "pointwise": True}


def _float(kernel: str, x: Any) -> Value:
    """As floats: integers in the default dtype. Refuses complex numbers."""
    v = ir.lift(x)
    require(kernel, v.dtype, lowest=0)
    return v if v.dtype.category == 2 else ir.astype(v, ir.default_dtype())


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """`sum c_k x^k` by Horner's scheme."""
    total: Any = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        total = x * total + c
    return total


# Modified Bessel functions: the power series, whose terms are all positive, and far out the asymptotic one

_FAR = 20.0


def _bessel_series(order: int) -> tuple[list[float], list[float]]:
    """The coefficients in (x / 2)^2 near 0, and those in 1 / x far out."""
    near = [1.0 / (math.factorial(k) * math.factorial(k + order)) for k in range(46)]
    far, c = [1.0], 1.0
    for k in range(1, 26):
        c *= -(4.0 * order * order - (2 * k - 1) ** 2) / (8 * k)
        far.append(c)
    return near, far


_SERIES = [_bessel_series(0), _bessel_series(1)]


def modified_bessel(order: int, x: Value, scaled: bool) -> Value:
    """I_0 or I_1; scaled, times e^-|x|."""
    near, far = _SERIES[order]
    size = ir.abs_(x)
    inner = ir.where(ir.lt(size, _FAR), size, 1)
    outer = ir.where(ir.lt(size, _FAR), _FAR, size)
    half = inner * 0.5
    close = polynomial(half * half, near) * (half if order else 1)
    distant = polynomial(1 / outer, far) / ir.sqrt(2 * math.pi * outer)
    both = (close * ir.exp(ir.neg(inner)), distant) if scaled else (close, ir.exp(outer) * distant)
    result = ir.where(ir.lt(size, _FAR), *both)
    result = ir.where(ir.ne(x, x), x, result)
    return ir.where(ir.lt(x, 0), ir.neg(result), result) if order else result


def _over(result: Value, x: Value) -> Value:
    """I_1(x) / x, which is 1/2 at 0."""
    zero = ir.eq(x, 0)
    return ir.where(zero, 0.5, result / ir.where(zero, 1, x))


@operator(
    inplace=True, pointwise=True, gradient=lambda g, input: [g * modified_bessel(1, input, False)], samples=unary()
)
def i0(input: Tensor) -> Value:
    """`out_i = I_0(input_i)`, the modified Bessel function of the first kind and order 0.

    >>> import kagari as torch
    >>> torch.i0(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return modified_bessel(0, _float("i0_vml_cpu", input), False)


def _i0e_gradient(g: Value, input: Value) -> list[Value]:
    return [g * (modified_bessel(1, input, True) - ir.sign(input) * modified_bessel(0, input, True))]


@operator(**_SPECIAL, gradient=_i0e_gradient, samples=unary())
def i0e(input: Tensor) -> Value:
    """`out_i = e ** -|input_i| * I_0(input_i)`."""
    return modified_bessel(0, _float("i0e_cpu", input), True)


def _i1_gradient(g: Value, input: Value) -> list[Value]:
    return [g * (modified_bessel(0, input, False) - _over(modified_bessel(1, input, False), input))]


@operator(**_SPECIAL, gradient=_i1_gradient, samples=unary())
def i1(input: Tensor) -> Value:
    """`out_i = I_1(input_i)`, the modified Bessel function of the first kind and order 1."""
    return modified_bessel(1, _float("i1_cpu", input), False)


def _i1e_gradient(g: Value, input: Value) -> list[Value]:
    value = modified_bessel(1, input, True)
    return [g * (modified_bessel(0, input, True) - ir.sign(input) * value - _over(value, input))]


@operator(**_SPECIAL, gradient=_i1e_gradient, samples=unary())
def i1e(input: Tensor) -> Value:
    """`out_i = e ** -|input_i| * I_1(input_i)`."""
    return modified_bessel(1, _float("i1e_cpu", input), True)


# Hurwitz's zeta, and what follows from it

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_SHIFT = 20


def _hurwitz(s: Any, q: Value) -> Value:
    """`sum (q + k)^-s` over all k from 0 on. Below 0, for a whole s, by reflection: the sum over all k has period 1."""
    below, part = ir.lt(q, 0), q - ir.floor(q)
    at = ir.where(below, part, q), ir.where(below, 1 - part, 1), ir.where(below, 1 - q, 1)
    row = graph.cat(tuple([ir.unsqueeze(x, x.ndim) for x in at]), q.ndim)
    sums = _series(ir.unsqueeze(s, s.ndim) if isinstance(s, Value) else s, row)
    first, near, far = (graph.pick(sums, ir.full(q.shape, i, int64), q.ndim) for i in range(3))
    rest = near - far
    if isinstance(s, Value):
        rest = ir.where(ir.eq(ir.rem(s, 2), 0), rest, ir.neg(rest))
    elif s % 2:
        rest = ir.neg(rest)
    return ir.where(below, first + rest, first)


def _series(s: Any, q: Value) -> Value:
    """The sum where q is not below 0: the first terms, and the rest by the formula of Euler and Maclaurin."""
    total = ir.pow_(q, ir.neg(s) if isinstance(s, Value) else -s)
    for k in range(1, _SHIFT):
        total = total + ir.pow_(q + k, ir.neg(s) if isinstance(s, Value) else -s)
    end = q + _SHIFT
    power = ir.pow_(end, ir.neg(s) if isinstance(s, Value) else -s)
    total = total + power * end / (s - 1) + power * 0.5
    factor, power = s, power / end
    for j, b in enumerate(_BERNOULLI):
        total = total + power * (factor * (b / math.factorial(2 * j + 2)))
        factor = factor * (s + 2 * j + 1) * (s + 2 * j + 2)
        power = power / (end * end)
    return total


def _zetas(make: Callable[..., Any]) -> Iterator[Sample]:
    """PyTorch has a gradient with respect to the second argument alone: the first ones want none."""
    yield (make(2, 3, low=1.5, high=4, constant=True), make(2, 3, low=0.5, high=4)), {}
    yield (make(values=[2, 3, 1, 0.5, 2, 2.5], constant=True), make(values=[1, 0.5, 1, 1, 0, -1.5], constant=True)), {}
    yield (2, make(3, low=1, high=4)), {}
    yield (make(values=[2, 3, 2, 4], constant=True), make(values=[-30.5, -30.5, -19.5, -7.25])), {}
    yield (make(3, low=2, high=4, constant=True), 1.5), {}


def _zeta_gradient(g: Value, input: Any, other: Any) -> list[Value]:
    s = ir.lift(input)
    return for_tensors((input, ir.full(s.shape, math.nan, s.dtype)), (other, ir.neg(g * s * zeta.define(s + 1, other))))


@operator(**_SPECIAL, dtypes="f", gradient=_zeta_gradient, samples=_zetas)
def zeta(input: Tensor | Number, other: Tensor | Number) -> Value:
    """`out_i = sum over k >= 0 of (k + other_i) ** -input_i`, Hurwitz's zeta function."""
    s, q = (ir.lift(x) for x in (input, other))
    dt = ir.result_type(s, q)
    dt = dt if dt.category >= 2 else ir.default_dtype()
    require("zeta_cpu", dt, lowest=2 if dt.itemsize > 2 else 4)
    shape = ir.broadcast_shape(s.shape, q.shape)
    s, q = (ir.broadcast_to(graph.cast(x, dt), shape) for x in (s, q))
    pole = ir.le(q, 0) & ir.eq(q, ir.floor(q))
    undefined = ir.lt(s, 1) | (ir.le(q, 0) & ir.ne(s, ir.floor(s)))
    regular = ir.bitnot(pole | undefined | ir.eq(s, 1))
    value = _hurwitz(ir.where(regular, s, 2), ir.where(regular, q, 1))
    value = ir.where(regular, value, ir.where(ir.eq(s, 1) | (pole & ir.ge(s, 1)), math.inf, math.nan))
    return ir.where(ir.ne(s, s) | ir.ne(q, q), s + q, value)


def _polygamma_gradient(g: Value, n: int, input: Value) -> list[Value]:
    return [g * polygamma.define(n + 1, input)]


def _orders(make: Callable[..., Any]) -> Iterator[Sample]:
    for n in (0, 1, 2, 4):
        yield (n, make(2, 3, low=0.5, high=5)), {}
    yield (1, make(4, 5, low=1, high=9, noncontiguous=True)), {}
    yield (2, make(0, 3)), {}
    for n in (1, 3):
        yield (n, make(values=[-30.5, -19.5, -25.25, -0.5], dtype="float64")), {}
    yield (100, make(values=[0.5, 0.25], constant=True)), {}


_LARGEST_FACTORIAL = 170  # of those that a float64 holds


@operator(
    method=False,
    pointwise=True,
    gradient=_polygamma_gradient,
    samples=_orders,
    errors=[(args(-1, wanted(2)), RuntimeError, r"polygamma\(n, x\) does not support negative n.")],
)
def polygamma(n: int, input: Tensor) -> Value:
    """`out_i` is the derivative of order `n` of the digamma function at `input_i`.

    >>> import kagari as torch
    >>> torch.polygamma(1, torch.tensor([1.0]))
    tensor([1.6449])
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        return ir.digamma(input)
    x = _float("trigamma" if n == 1 else "polygamma", input)
    factor = float(math.factorial(n)) if n <= _LARGEST_FACTORIAL else math.inf
    return _hurwitz(n + 1, x) * (factor if n % 2 else -factor)


def _variables(make: Callable[..., Any]) -> Iterator[Sample]:
    for p in (1, 2, 4):
        yield (make(2, 3, low=2, high=6), p), {}
        yield (make(0, 3), p), {}


@operator(
    inplace=True,
    pointwise=True,
    dtypes="fi",
    samples=_variables,
    errors=[
        (args(wanted(2), 0), RuntimeError, "p has to be greater than or equal to 1"),
        (args(wanted(2, dtype="bool"), 1), RuntimeError, "The input tensor may not be a boolean tensor."),
    ],
)
def mvlgamma(input: Tensor, p: int) -> Value:
    """The logarithm of the gamma function of `p` variables: `ln(pi) p (p - 1) / 4 + sum of ln Γ(input_i - j / 2)` over
    j from 0 to p - 1. Raises RuntimeError for `p` below 1 or beyond a million.

    >>> import kagari as torch
    >>> torch.mvlgamma(torch.tensor([3.0]), 2)
    tensor([1.5502])
    """
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if input.dtype is bool_:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    if p > MOST_VARIABLES:
        raise RuntimeError(f"mvlgamma: p should be at most {MOST_VARIABLES}, got {p}")
    x = _float("mvlgamma_cpu", input)
    shape = (*x.shape, p)
    shifted = graph.expand(ir.unsqueeze(x, x.ndim), shape) - graph.cast(graph.iota(shape, x.ndim), x.dtype) / 2
    return ir.sum_(ir.lgamma(shifted), x.ndim) + p * (p - 1) / 4 * math.log(math.pi)


# The normal distribution, and entropies


def _scaled_erfc(x: Value) -> Value:
    """e^(x^2) erfc(x): far out the asymptotic series, where erfc itself leaves the range of the type."""
    far = ir.ge(x, 8)
    inner, outer = ir.where(far, 0, x), ir.where(far, x, 8)
    coefficients, c = [1.0], 1.0
    for k in range(1, 19):
        c *= -(2 * k - 1) / 2
        coefficients.append(c)
    series = polynomial(1 / (outer * outer), coefficients) / (outer * math.sqrt(math.pi))
    return ir.where(far, series, ir.exp(inner * inner) * ir.erfc(inner))


def _wide(kernel: str, x: Value) -> Value:
    """As floats of at least 32 bits: PyTorch has no kernel for others."""
    v = _float(kernel, x)
    if v.dtype.itemsize < 4:
        require(kernel, v.dtype, lowest=4)
    return v


@operator(
    **_SPECIAL,
    gradient=lambda g, input: [g * (2 * input * _scaled_erfc(input) - 2 / math.sqrt(math.pi))],
    samples=unary(),
)
def erfcx(input: Tensor) -> Value:
    """`out_i = e ** input_i² * erfc(input_i)`."""
    x = _wide("erfcx_cpu", input)
    return ir.where(ir.ne(x, x), x, _scaled_erfc(x))


@operator(**_SPECIAL, samples=unary(), node="MulBackward1")
def ndtr(input: Tensor) -> Value:
    """The probability that a standard normal number is below `input_i`."""
    return 0.5 * ir.erfc(_float("erfc_vml_cpu", input) * -math.sqrt(0.5))


def _log_ndtr_gradient(g: Value, input: Value) -> list[Value]:
    return [g * (math.sqrt(2 / math.pi) / _scaled_erfc(input * -math.sqrt(0.5)))]


@operator(**_SPECIAL, gradient=_log_ndtr_gradient, samples=unary())
def log_ndtr(input: Tensor) -> Value:
    """The logarithm of the probability that a standard normal number is below `input_i`."""
    x = _wide("log_ndtr_cpu", input)
    low = ir.lt(x, -1)
    scaled = ir.where(low, x, -1) * -math.sqrt(0.5)
    tail = ir.log(_scaled_erfc(scaled) * 0.5) - scaled * scaled
    return ir.where(low, tail, ir.log1p(ir.erfc(ir.where(low, 0, x) * math.sqrt(0.5)) * -0.5))


def _quantile(q: Value) -> Value:
    """The number that a standard normal one is below with probability q, for q up to 1/2: a guess, made better by
    Newton's steps on the logarithm of the probability.
    """
    log_q = ir.log(q)
    distance = ir.sqrt(log_q * -2)
    guess = (ir.log(distance) + 0.5 * math.log(2 * math.pi)) / distance - distance
    x = ir.where(ir.lt(q, 0.05), guess, ir.erfinv(q * 2 - 1) * math.sqrt(2))
    for _ in range(4):
        scaled = x * -math.sqrt(0.5)
        tail = _scaled_erfc(scaled)
        error = ir.log(tail * 0.5) - scaled * scaled - log_q
        x = x - error * tail * math.sqrt(math.pi / 2)
    return x


def _ndtri_gradient(g: Value, input: Value) -> list[Value]:
    value = ndtri.define(input)
    return [g * (ir.exp(value * value * 0.5) * math.sqrt(2 * math.pi))]


@operator(**_SPECIAL, gradient=_ndtri_gradient, samples=unary(0.05, 0.95))
def ndtri(input: Tensor) -> Value:
    """The number that a standard normal one is below with probability `input_i`: the inverse of `ndtr`."""
    p = _wide("ndtri_cpu", input)
    inside = ir.lt(0, p) & ir.lt(p, 1)
    high = ir.lt(0.5, p)
    value = _quantile(ir.where(inside, ir.where(high, 1 - p, p), 0.5))
    value = ir.where(inside, ir.where(high, ir.neg(value), value), ir.full(p.shape, math.nan, p.dtype))
    return ir.where(ir.eq(p, 0), -math.inf, ir.where(ir.eq(p, 1), math.inf, value))


def _entr_gradient(g: Value, input: Value) -> list[Value]:
    return [ir.where(ir.lt(input, 0), math.nan, ir.neg(g * (1 + ir.log(ir.maximum(input, 0)))))]


@operator(**_SPECIAL, gradient=_entr_gradient, samples=unary(0.1, 3))
def entr(input: Tensor) -> Value:
    """`out_i = -input_i * ln(input_i)`: 0 at 0, and minus infinity below."""
    x = _float("entr_cpu", input)
    inside = ir.lt(0, x)
    value = ir.neg(x * ir.log(ir.where(inside, x, 1)))
    value = ir.where(inside, value, ir.full(x.shape, -math.inf, x.dtype))
    return ir.where(ir.ne(x, x), x, ir.where(ir.eq(x, 0), 0, value))


def _xlog1py_gradient(g: Value, input: Any, other: Any) -> list[Value]:
    # At input 0 the derived gradient would be 0 for any other.
    masked = ir.eq(input, 0) & ir.le(other, -1)
    return for_tensors((input, g * ir.where(masked, 0, ir.log1p(other))), (other, g * ir.div(input, ir.add(other, 1))))


@operator(**_SPECIAL, gradient=_xlog1py_gradient, samples=together(binary(0.5, 3, (2, 1.5)), special_pairs))
def xlog1py(input: Tensor | Number, other: Tensor | Number) -> Value:
    """`out_i = input_i * ln(1 + other_i)`, 0 where `input_i` is 0, and NaN where `other_i` is."""
    dt = result_type(input, other)
    require("xlog1py_cpu", dt, lowest=0)
    y = graph.cast(ir.lift(other), dt if dt.category == 2 else ir.default_dtype())
    zero = ir.eq(input, 0) & ir.eq(y, y)
    return ir.where(zero, 0, ir.mul(input, ir.log1p(y)))


OPERATORS: tuple[Operator, ...] = (
    i0, i0e, i1, i1e, zeta, polygamma, mvlgamma, erfcx, ndtr, log_ndtr, ndtri, entr, xlog1py,
)  # fmt: skip
