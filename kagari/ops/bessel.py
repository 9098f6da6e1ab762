"""Bessel's functions and Airy's, computed in float64: near 0 by quadrature or a series, far out by the asymptotic one.

They have no gradient, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..base.dtypes import float64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require
from .operator import Operator, Sample, Tensor, operator
from .special import modified_bessel, polynomial

_SPECIAL: dict[str, Any] = {"namespace": "special", "method": False, "pointwise": True, "differentiable": False}


def _points(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(4, 5, low=0.1, high=40, noncontiguous=True, constant=True),), {}
    yield (make(0, 3, constant=True),), {}
    corners = [0.0, -0.0, 1.0, -1.0, 2.0, 19.9, 20.1, -35.5, 100.0, math.nan]
    yield (make(values=corners, constant=True),), {}


def _wide(name: str, x: Value) -> tuple[Any, Value]:
    """The dtype of a result, and the argument in float64. Refuses floats of 16 bits and complex numbers."""
    require(f"{name}_cpu", x.dtype, lowest=0)
    dt = x.dtype if x.dtype.category == 2 else ir.default_dtype()
    if dt.itemsize < 4:
        require(f"{name}_cpu", dt, lowest=4)
    return dt, graph.cast(x, float64)


# J and Y. Near 0, by the integral of Bessel with equal steps, which is exact to rounding for so few of them, and by
# Neumann's series of Y in J of even orders, whose sum goes into the weights

_FAR = 20.0
_STEPS = 24
_ANGLES = [(j + 0.5) * math.pi / (2 * _STEPS) for j in range(_STEPS)]
_NEUMANN = [sum((-1) ** k * math.cos(2 * k * t) / k for k in range(1, _STEPS + 1)) for t in _ANGLES]


def _near(x: Value, order: int, weights: list[float]) -> Value:
    """The mean of the weights times `cos(x sin t)`, or for order 1 of `sin t sin(x sin t)`."""
    total: Any = 0.0
    for t, w in zip(_ANGLES, weights):
        s = math.sin(t)
        total = total + (ir.sin(x * s) * (w * s) if order else ir.cos(x * s) * w)
    return total / _STEPS


def _hankel(order: int) -> tuple[list[float], list[float]]:
    """The coefficients of the two asymptotic series in 1 / x², the second one to be divided by x."""
    even: list[float] = [1.0]
    odd: list[float] = []
    c = 1.0
    for k in range(1, 32):
        c *= (4.0 * order * order - (2 * k - 1) ** 2) / (8 * k)
        (odd if k % 2 else even).append(c * (-1) ** (k // 2))
    return even, odd


_HANKEL = [_hankel(0), _hankel(1)]


def _distant(x: Value, order: int, second: bool) -> Value:
    """J, or Y for the `second` kind, far out."""
    even, odd = _HANKEL[order]
    inverse = 1 / x
    p, q = polynomial(inverse * inverse, even), polynomial(inverse * inverse, odd) * inverse
    sine, cosine = ir.sin(x), ir.cos(x)
    # The angle is x - pi / 4, and for order 1 a quarter turn less.
    across, along = (sine + cosine, sine - cosine) if not order else (sine - cosine, ir.neg(sine + cosine))
    both = p * along + q * across if second else p * across - q * along
    return both / ir.sqrt(math.pi * x)


def _first_kind(name: str, order: int, input: Value) -> Value:
    dt, x = _wide(name, input)
    size = ir.abs_(x)
    inside = ir.lt(size, _FAR)
    near = _near(ir.where(inside, size, 0), order, [1.0] * _STEPS)
    value = ir.where(inside, near, _distant(ir.where(inside, _FAR, size), order, False))
    if order:
        value = ir.where(ir.lt(x, 0), ir.neg(value), value)
        value = ir.where(ir.eq(x, 0), x, value)
    return graph.cast(value, dt)


def _second_kind(name: str, order: int, input: Value) -> Value:
    dt, x = _wide(name, input)
    regular = ir.lt(0, x) & ir.lt(x, _FAR)
    inner = ir.where(regular, x, 1)
    log = ir.log(inner * 0.5) + _EULER
    ones = [1.0] * _STEPS
    near = log * _near(inner, order, ones) - 2 * _near(inner, order, _NEUMANN)
    near = (near - _near(inner, 0, ones) / inner if order else near) * (2 / math.pi)
    value = ir.where(regular, near, _distant(ir.where(ir.le(_FAR, x), x, _FAR), order, True))
    value = ir.where(ir.eq(x, 0), -math.inf, value)
    return graph.cast(ir.where(ir.lt(x, 0) | ir.ne(x, x) | ir.eq(x, math.inf), math.nan, value), dt)


_EULER = 0.57721566490153286060


@operator(**_SPECIAL, samples=_points)
def bessel_j0(input: Tensor) -> Value:
    """`out_i = J_0(input_i)`, Bessel's function of the first kind and order 0.

    >>> import kagari as torch
    >>> torch.special.bessel_j0(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.7652])
    """
    return _first_kind("bessel_j0", 0, input)


@operator(**_SPECIAL, samples=_points)
def bessel_j1(input: Tensor) -> Value:
    """`out_i = J_1(input_i)`, Bessel's function of the first kind and order 1."""
    return _first_kind("bessel_j1", 1, input)


@operator(**_SPECIAL, samples=_points)
def bessel_y0(input: Tensor) -> Value:
    """`out_i = Y_0(input_i)`, Bessel's function of the second kind and order 0: NaN below 0."""
    return _second_kind("bessel_y0", 0, input)


@operator(**_SPECIAL, samples=_points)
def bessel_y1(input: Tensor) -> Value:
    """`out_i = Y_1(input_i)`, Bessel's function of the second kind and order 1: NaN below 0."""
    return _second_kind("bessel_y1", 1, input)


@operator(**_SPECIAL, samples=_points)
def spherical_bessel_j0(input: Tensor) -> Value:
    """`out_i = sin(input_i) / input_i`, and 1 at 0."""
    dt, x = _wide("spherical_bessel_j0", input)
    regular = ir.ne(x, 0) & ir.ne(ir.abs_(x), math.inf)
    inner = ir.where(regular, x, 1)
    return graph.cast(ir.where(regular, ir.sin(inner) / inner, ir.where(ir.eq(x, 0), 1.0, 0.0)), dt)


# Modified


@operator(**_SPECIAL, samples=_points)
def modified_bessel_i0(input: Tensor) -> Value:
    """`out_i = I_0(input_i)`, the modified Bessel function of the first kind and order 0."""
    dt, x = _wide("modified_bessel_i0", input)
    return graph.cast(modified_bessel(0, x, False), dt)


@operator(**_SPECIAL, samples=_points)
def modified_bessel_i1(input: Tensor) -> Value:
    """`out_i = I_1(input_i)`, the modified Bessel function of the first kind and order 1."""
    dt, x = _wide("modified_bessel_i1", input)
    return graph.cast(modified_bessel(1, x, False), dt)


def _logarithmic(order: int) -> list[float]:
    """The coefficients, in (x / 2)², of what K has beside `(-1)^(order + 1) ln(x / 2) I`."""
    found, k_digamma = [], -_EULER
    for k in range(20):
        further = k_digamma + 1 / (k + 1)  # the digamma function at k + 2
        weight = 1 / (math.factorial(k) * math.factorial(k + order))
        found.append(weight * (-0.5 * (k_digamma + further) if order else k_digamma))
        k_digamma = further
    return found


_LOGARITHMIC = [_logarithmic(0), _logarithmic(1)]
_K_NEAR, _K_STEP, _K_NODES = 2.0, 0.3, 21


def _third_kind(name: str, order: int, scaled: bool, input: Value) -> Value:
    """K, or e^x K. With cosh t = 1 + u² / x its integral becomes one of e^-u² times a smooth function."""
    dt, x = _wide(name, input)
    inside = ir.lt(x, _K_NEAR)
    inner, outer = ir.where(inside & ir.lt(0, x), x, 1), ir.where(inside, _K_NEAR, x)
    half = inner * 0.5
    rest = polynomial(half * half, _LOGARITHMIC[order])
    log = ir.log(half) * modified_bessel(order, inner, False)
    near = log + rest * half + 1 / inner if order else rest - log
    near = near * ir.exp(inner) if scaled else near
    total: Any = 0.5
    for j in range(1, _K_NODES + 1):
        square = (j * _K_STEP) ** 2
        height = ir.rsqrt(0.5 * square / outer + 1) * math.exp(-square)
        total = total + (height * (square / outer + 1) if order else height)
    far = ir.sqrt(2 / outer) * total * _K_STEP
    far = far if scaled else far * ir.exp(ir.neg(outer))
    value = ir.where(ir.eq(x, 0), math.inf, ir.where(inside, near, far))
    return graph.cast(ir.where(ir.lt(x, 0) | ir.ne(x, x), math.nan, value), dt)


@operator(**_SPECIAL, samples=_points)
def modified_bessel_k0(input: Tensor) -> Value:
    """`out_i = K_0(input_i)`, the modified Bessel function of the second kind and order 0: NaN below 0."""
    return _third_kind("modified_bessel_k0", 0, False, input)


@operator(**_SPECIAL, samples=_points)
def modified_bessel_k1(input: Tensor) -> Value:
    """`out_i = K_1(input_i)`, the modified Bessel function of the second kind and order 1: NaN below 0."""
    return _third_kind("modified_bessel_k1", 1, False, input)


@operator(**_SPECIAL, samples=_points)
def scaled_modified_bessel_k0(x: Tensor) -> Value:
    """`out_i = e ** x_i * K_0(x_i)`: NaN below 0."""
    return _third_kind("scaled_modified_bessel_k0", 0, True, x)


@operator(**_SPECIAL, samples=_points)
def scaled_modified_bessel_k1(x: Tensor) -> Value:
    """`out_i = e ** x_i * K_1(x_i)`: NaN below 0."""
    return _third_kind("scaled_modified_bessel_k1", 1, True, x)


# Airy: the integral of `cos(t³ / 3 + x t)` along a line through the saddle point, and far below 0 the asymptotic series

_AIRY_FAR, _AIRY_STEP, _AIRY_NODES = -10.0, 0.052, 120


def _airy_series() -> tuple[list[float], list[float]]:
    """The coefficients in 1 / zeta², the second ones to be divided by zeta."""
    even: list[float] = [1.0]
    odd: list[float] = []
    u = 1.0
    for k in range(1, 30):
        u *= (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1))
        (odd if k % 2 else even).append(u * (-1) ** (k // 2))
    return even, odd


_AIRY = _airy_series()


def _airy_near(x: Value) -> Value:
    """With t = r / sqrt(c) + i c and c² = x, where x is large enough."""
    c = ir.sqrt(ir.maximum(x, 0.25))
    shape = (*x.shape, _AIRY_NODES)

    def wide(value: Value) -> Value:
        return graph.expand(ir.unsqueeze(value, value.ndim), shape)

    r = (graph.cast(graph.iota(shape, x.ndim), float64) + 0.5) * _AIRY_STEP
    cubic, linear = 1 / (3 * c * ir.sqrt(c)), (x - c * c) / ir.sqrt(c)
    phase = (wide(cubic) * r * r + wide(linear)) * r
    total = ir.sum_(ir.exp(ir.neg(r * r)) * ir.cos(phase), x.ndim) * (_AIRY_STEP / math.pi)
    return total * ir.exp(c * (c * c / 3 - x)) / ir.sqrt(c)


def _airy_far(x: Value) -> Value:
    z = ir.neg(x)
    root = ir.sqrt(z)
    zeta = z * root * (2 / 3)
    inverse = 1 / zeta
    even, odd = (polynomial(inverse * inverse, part) for part in _AIRY)
    sine, cosine = ir.sin(zeta), ir.cos(zeta)
    both = (sine + cosine) * even - (cosine - sine) * odd * inverse
    return both / ir.sqrt(2 * math.pi * root)


@operator(**_SPECIAL, samples=_points)
def airy_ai(input: Tensor) -> Value:
    """`out_i = Ai(input_i)`, Airy's function, which solves `y'' = x y` and falls to 0.

    >>> import kagari as torch
    >>> torch.special.airy_ai(torch.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])
    """
    dt, x = _wide("airy_ai", input)
    far = ir.lt(x, _AIRY_FAR)
    value = ir.where(far, _airy_far(ir.where(far, x, _AIRY_FAR)), _airy_near(ir.where(far, 0, x)))
    return graph.cast(ir.where(ir.eq(ir.abs_(x), math.inf), math.nan, value), dt)


OPERATORS: tuple[Operator, ...] = (
    bessel_j0, bessel_j1, bessel_y0, bessel_y1, spherical_bessel_j0, modified_bessel_i0, modified_bessel_i1,
    modified_bessel_k0, modified_bessel_k1, scaled_modified_bessel_k0, scaled_modified_bessel_k1, airy_ai,
)  # fmt: skip
