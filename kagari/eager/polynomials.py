"""Hermite's, Laguerre's and Legendre's polynomials, by their recurrences up to the largest degree that is asked for.

They have no gradient, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..autograd import modes
from ..engine.function import Hooks
from ..ops.check import TYPE_NAMES
from .calls import call
from .creation import finished, ones_like, zeros_like

if TYPE_CHECKING:
    from .tensor import Tensor

Step = Callable[[int, Any, Any, Any], Any]
"""The polynomial of degree k + 1 from k, x, and those of degrees k and k - 1."""


def _evaluated(name: str, input: Any, n: Any, out: Any, first: Callable[[Any], Any], step: Step) -> Any:
    tensors = [t for t in (input, n) if isinstance(t, Hooks.tensor_types)]
    if not tensors:
        raise TypeError(
            f"special_{name}() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(n).__name__}), but expected one of:\n * (Tensor x, Tensor n, *, Tensor out = None)\n"
            " * (Number x, Tensor n, *, Tensor out = None)\n * (Tensor x, Number n, *, Tensor out = None)\n"
        )
    with modes.no_grad():
        total = call("mul")(*((input, n) if tensors[0] is input else (n, input)))
        dt = call("div")(total, 1).dtype
        if dt.is_complex or dt.itemsize < 4:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{TYPE_NAMES[dt]}'")
        zeros = zeros_like(total, dtype=dt)
        x, degree = call("add")(zeros, input), call("trunc")(call("add")(zeros, n))
        return finished(_picked(x, degree, first(x), step), out)


def _picked(x: Any, degree: Any, linear: Any, step: Step) -> Any:
    """Of each element the polynomial of its degree; 0 for negative degrees."""
    before, current = ones_like(x), linear
    found = call("where")(call("lt")(degree, 0), zeros_like(x), before)
    found = call("where")(call("eq")(degree, 1), current, found)
    for k in range(1, int(degree.max()) if degree.numel() else 0):
        before, current = current, step(k, x, current, before)
        found = call("where")(call("eq")(degree, k + 1), current, found)
    return found


def hermite_polynomial_h(input: Any, n: Any, *, out: Any = None) -> Tensor:
    """`out_i = H_n(input_i)` with `n = n_i`, Hermite's polynomial as in physics. Degrees are rounded to 0; below 0 it
    is 0.

    >>> import kagari as torch
    >>> torch.special.hermite_polynomial_h(torch.tensor([0.0, 1.0]), 2)
    tensor([-2.,  2.])
    """
    return _evaluated("hermite_polynomial_h", input, n, out, lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q)


def hermite_polynomial_he(input: Any, n: Any, *, out: Any = None) -> Tensor:
    """`out_i = He_n(input_i)` with `n = n_i`, Hermite's polynomial as in statistics. Degrees are rounded to 0; below 0
    it is 0.

    >>> import kagari as torch
    >>> torch.special.hermite_polynomial_he(torch.tensor([0.0, 2.0]), 2)
    tensor([-1.,  3.])
    """
    return _evaluated("hermite_polynomial_he", input, n, out, lambda x: 1 * x, lambda k, x, p, q: x * p - k * q)


def laguerre_polynomial_l(input: Any, n: Any, *, out: Any = None) -> Tensor:
    """`out_i = L_n(input_i)` with `n = n_i`, Laguerre's polynomial. Degrees are rounded to 0; below 0 it is 0.

    >>> import kagari as torch
    >>> torch.special.laguerre_polynomial_l(torch.tensor([0.0, 1.0]), 2)
    tensor([ 1.0000, -0.5000])
    """
    return _evaluated(
        "laguerre_polynomial_l", input, n, out, lambda x: 1 - x,
        lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1),
    )  # fmt: skip


def legendre_polynomial_p(input: Any, n: Any, *, out: Any = None) -> Tensor:
    """`out_i = P_n(input_i)` with `n = n_i`, Legendre's polynomial. Degrees are rounded to 0; below 0 it is 0.

    >>> import kagari as torch
    >>> torch.special.legendre_polynomial_p(torch.tensor([0.0, 1.0]), 2)
    tensor([-0.5000,  1.0000])
    """
    return _evaluated(
        "legendre_polynomial_p", input, n, out, lambda x: 1 * x,
        lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1),
    )  # fmt: skip


POLYNOMIALS = {
    f.__name__: f for f in (hermite_polynomial_h, hermite_polynomial_he, laguerre_polynomial_l, legendre_polynomial_p)
}
