"""Element-wise functions of the array API: PyTorch's under the standard's names, with the standard's promotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.dtypes import dtype, int16, int32, int64
from ..eager import Tensor, operators
from .dtypes import of_number, promoted

ONE = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_not", "ceil", "conj", "cos", "cosh", "exp",
    "floor", "imag", "isfinite", "isinf", "isnan", "log", "log1p", "log2", "log10", "logical_not", "negative",
    "positive", "real", "reciprocal", "sin", "sinh", "square", "sqrt", "tan", "trunc",
)  # fmt: skip
TWO = (
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "copysign",
    "div", "eq", "greater", "greater_equal", "hypot", "less", "less_equal", "logaddexp", "logical_and",
    "logical_or", "logical_xor", "maximum", "minimum", "multiply", "nextafter", "not_equal", "pow", "subtract",
)  # fmt: skip
STANDARD = {"bitwise_not": "bitwise_invert", "div": "divide", "eq": "equal"}
"""The standard's names where they are others."""


def _described(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    standard = STANDARD.get(name, name)
    function.__name__ = function.__qualname__ = standard
    function.__doc__ = f"`torch.{name}`, under the name and with the promotion of the array API."
    return function


def _one(name: str) -> Callable[..., Any]:
    def function(x: Tensor, /) -> Tensor:
        return getattr(operators, name)(x)

    return _described(function, name)


def together(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two operands in one type: arrays whatever their dimensions, a Python number in that of the array."""
    dt: dtype
    if not isinstance(x1, Tensor):
        dt = of_number(x1, x2.dtype)
        return operators.full((), x1, dtype=dt), x2.to(dt)
    if not isinstance(x2, Tensor):
        dt = of_number(x2, x1.dtype)
        return x1.to(dt), operators.full((), x2, dtype=dt)
    if x1.dtype is x2.dtype:
        return x1, x2
    dt = promoted(x1.dtype, x2.dtype)
    return x1.to(dt), x2.to(dt)


def _two(name: str) -> Callable[..., Any]:
    def function(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
        return getattr(operators, name)(*together(x1, x2))

    return _described(function, name)


def floor_divide(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """Quotients rounded down; of infinite operands too.

    >>> import kagari as torch
    >>> torch.array_api.floor_divide(torch.tensor([7.0, torch.inf]), 2)
    tensor([3., inf])
    """
    a, b = together(x1, x2)
    made = operators.floor_divide(a, b)
    if not a.is_floating_point():
        return made
    return operators.where(operators.isinf(a) | operators.isinf(b), operators.floor(operators.div(a, b)), made)


def remainder(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """What a quotient rounded down leaves, with the sign of the divisor, zeros too.

    >>> import kagari as torch
    >>> torch.array_api.remainder(torch.tensor([-7, 7]), 3)
    tensor([2, 1])
    """
    a, b = together(x1, x2)
    made = operators.remainder(a, b)
    return operators.where(made == 0, operators.copysign(made, b), made) if a.is_floating_point() else made


_INTEGERS = {2: int16, 4: int32, 8: int64}


def signbit(x: Tensor, /) -> Tensor:
    """Whether the sign is minus, of zeros and of NaN too.

    >>> import kagari as torch
    >>> torch.array_api.signbit(torch.tensor([-1.0, -0.0, 2.0]))
    tensor([ True,  True, False])
    """
    return x.view(_INTEGERS[x.itemsize]) < 0 if x.is_floating_point() else operators.signbit(x)


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1 as the elements are below, at or above 0, of complex ones their direction; NaN of NaN.

    >>> import kagari as torch
    >>> torch.array_api.sign(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    made = operators.sgn(x)
    return operators.where(operators.isnan(x), x, made) if x.is_floating_point() else made


def expm1(x: Tensor, /) -> Tensor:
    """e to the elements, less 1, accurate near 0; of infinite complex numbers with the limits of C's functions, and
    with +0 as the real part of complex zeros.

    >>> import kagari as torch
    >>> torch.array_api.expm1(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    made = operators.expm1(x)
    if not x.is_complex():
        return made
    made = operators.where(operators.isfinite(x), made, operators.exp(x) - 1)
    return operators.complex(operators.where(made.real == 0, 0.0, made.real), made.imag)


def tanh(x: Tensor, /) -> Tensor:
    """The hyperbolic tangent; where the real part of a complex number is infinite, the zero of the imaginary part
    keeps the sign it had.

    >>> import kagari as torch
    >>> torch.array_api.tanh(torch.tensor([0.0, torch.inf]))
    tensor([0., 1.])
    """
    made = operators.tanh(x)
    if not x.is_complex():
        return made
    limit = operators.copysign(operators.zeros_like(x.imag), x.imag)
    return operators.complex(made.real, operators.where(operators.isinf(x.real), limit, made.imag))


def round_(x: Tensor, /) -> Tensor:
    """Whole numbers nearest to the elements, halves to the even one; of complex numbers for each part.

    >>> import kagari as torch
    >>> torch.array_api.round(torch.tensor([0.5, 1.7]))
    tensor([0., 2.])
    """
    if x.is_complex():
        return operators.complex(operators.round(x.real), operators.round(x.imag))
    return operators.round(x)


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """The elements held between two bounds, of which either may be left out; the type of `x` is kept.

    >>> import kagari as torch
    >>> torch.array_api.clip(torch.tensor([1, 5, 9]), 2, 6)
    tensor([2, 5, 6])
    """
    if min is None and max is None:
        return operators.clone(x)
    bounds = {
        name: bound if isinstance(bound, Tensor) else operators.full((), bound, dtype=x.dtype)
        for name, bound in (("min", min), ("max", max)) if bound is not None
    }  # fmt: skip
    shape = operators.broadcast_shapes(x.shape, *[bound.shape for bound in bounds.values()])
    within = {name: bound.to(x.dtype).expand(shape) for name, bound in bounds.items()}
    return operators.clamp(x.expand(shape), **within)


round_.__name__ = round_.__qualname__ = "round"
FUNCTIONS = (*map(_one, ONE), *map(_two, TWO), round_, clip, expm1, floor_divide, remainder, sign, signbit, tanh)
