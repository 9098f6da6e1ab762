"""Complex numbers: their parts, their making, and what is asked of them."""

from __future__ import annotations

import math

from ..base.dtypes import bool_, float16, float32, float64, int64
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .operator import Operator, Tensor, operator
from .shapes import narrowed, replaced


@operator(function=False, method=False, out=False)
def real(input: Tensor) -> Value:
    """The real parts, as a view; a real tensor itself."""
    return ir.real(input)


@operator(function=False, method=False, out=False)
def imag(input: Tensor) -> Value:
    """The imaginary parts, as a view. Raises RuntimeError for a real tensor."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return ir.imag(input)


@operator(method=False, out=False)
def view_as_real(input: Tensor) -> Value:
    """A view of a complex tensor with its real and imaginary parts along a dimension more, the last.

    >>> import kagari as torch
    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return graph.storage(input)


def joined_parts(x: Value) -> Value:
    """The complex numbers whose parts lie along the last dimension."""
    last, shape = x.ndim - 1, x.shape[:-1]
    return graph.join(*(graph.reshape(narrowed(x, last, i, 1), shape) for i in (0, 1)))


@operator(autocast=single, function=False, method=False, out=False)
def view_as_complex(input: Tensor) -> Value:
    """A view of a real tensor whose last dimension holds real and imaginary parts, as a complex one."""
    if input.dtype not in (float16, float32, float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{input.dtype.type_name}"
        )
    if not input.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return joined_parts(input)


def _require_floats(a: Value, b: Value) -> None:
    names = f"{a.dtype.type_name} and {b.dtype.type_name}"
    if not {a.dtype, b.dtype} <= {float16, float32, float64}:
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {names}")
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {a.dtype.type_name} but got scalar type {b.dtype.type_name} for second "
            "argument"
        )


@operator(name="complex", method=False)
def complex_(real: Tensor, imag: Tensor) -> Value:
    """`out_i = real_i + imag_i j`.

    >>> import kagari as torch
    >>> torch.complex(torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([1.+2.j])
    """
    _require_floats(real, imag)
    return ir.complex_(real, imag)


@operator(autocast=single, method=False, pointwise=True)
def polar(abs: Tensor, angle: Tensor) -> Value:
    """`out_i = abs_i (cos(angle_i) + sin(angle_i) j)`.

    >>> import kagari as torch
    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    _require_floats(abs, angle)
    return ir.complex_(abs * ir.cos(angle), abs * ir.sin(angle))


@operator(name="conj_physical", inplace=True, pointwise=True)
def conj_physical(input: Tensor) -> Value:
    """The conjugates: `out_i = real_i - imag_i j`; real numbers as they are."""
    return ir.conj(input)


def _angle_gradient(g: Value, input: Value) -> list[Value]:
    # i z / |z|², and 0 at 0 and for real numbers.
    if not input.dtype.is_complex:
        return [ir.full(input.shape, 0, input.dtype)]
    a, b = ir.real(input), ir.imag(input)
    square = a * a + b * b
    scaled = ir.where(ir.eq(square, 0), 0, g / ir.where(ir.eq(square, 0), 1, square))
    return [ir.complex_(ir.neg(scaled * b), scaled * a)]


@operator(pointwise=True, gradient=_angle_gradient)
def angle(input: Tensor) -> Value:
    """The angle of `input_i` in the complex plane, from -pi to pi; of real numbers 0, or pi where they are negative.

    >>> import kagari as torch
    >>> torch.angle(torch.tensor([1j, -1.0 + 0j]))
    tensor([1.5708, 3.1416])
    """
    if input.dtype.is_complex:
        return ir.atan2(ir.imag(input), ir.real(input))
    x = input if input.dtype.is_floating_point else ir.astype(input, ir.default_dtype())
    return ir.where(ir.ne(x, x), x, ir.astype(ir.where(x < 0, math.pi, 0.0), x.dtype))


@operator(pointwise=True, differentiable=False, out=False)
def isreal(input: Tensor) -> Value:
    """Whether the imaginary part of `input_i` is 0; all real numbers are real."""
    return ir.eq(ir.imag(input), 0) if input.dtype.is_complex else ir.full(input.shape, True, bool_)


# Products, which are no reductions of the parts: factors are multiplied in pairs, by doubling


def doublings(count: Size) -> int:
    """How often 1 has to be doubled to be no less than a count."""
    steps = 0
    while count > 1 << steps:
        steps += 1
    return steps


def complex_product(x: Value, dims: tuple[int, ...]) -> Value:
    """The product over dimensions, which go."""
    rest = tuple(d for d in range(x.ndim) if d not in dims)
    kept = tuple(x.shape[d] for d in rest)
    count = ir.count(x, dims)
    rows = graph.reshape(graph.permute(x, (*rest, *dims)), (*kept, count))
    last, steps = len(kept), doublings(count)
    rows = graph.cat((rows, ir.full((*kept, (1 << steps) - count), 1, x.dtype)), last)
    for k in reversed(range(steps)):
        rows = narrowed(rows, last, 0, 1 << k) * narrowed(rows, last, 1 << k, 1 << k)
    return graph.reshape(rows, kept)


def complex_running_product(x: Value, dim: int) -> Value:
    """The products of the elements up to each one along a dimension."""
    size = x.shape[dim]
    for k in range(doublings(size)):
        ones = ir.full(replaced(x.shape, dim, 1 << k), 1, x.dtype)
        x = x * graph.cat((ones, narrowed(x, dim, 0, size - (1 << k))), dim)
    return x


def scatter(op: str, x: Value, index: Value, src: Value, dim: int) -> Value:
    """One of the primitives that scatter.

    Complex factors are sorted by their places and multiplied as far as those are equal, by doubling; the last one of
    each place is then the product that x is multiplied by.
    """
    if op != "scatter_prod" or not x.dtype.is_complex:
        return graph.scatter(op, x, index, src, dim)
    order = graph.argsort(index, dim)
    places, factors = (graph.gather(v, order, dim) for v in (index, src))
    size = index.shape[dim]
    for k in range(doublings(size)):
        start = (replaced(index.shape, dim, 1 << k), size - (1 << k))
        before = graph.cat((ir.full(start[0], -1, int64), narrowed(places, dim, 0, start[1])), dim)
        earlier = graph.cat((ir.full(start[0], 1, x.dtype), narrowed(factors, dim, 0, start[1])), dim)
        factors = factors * ir.where(ir.eq(before, places), earlier, 1)
    following = graph.cat((narrowed(places, dim, 1, size - 1), ir.full(replaced(index.shape, dim, 1), -1, int64)), dim)
    last = ir.where(ir.ne(following, places), factors, 0)
    products = graph.scatter("scatter_add", ir.full(x.shape, 0, x.dtype), places, last, dim)
    ones = ir.full(index.shape, 1, int64)
    count = graph.scatter("scatter_add", ir.full(x.shape, 0, int64), places, ones, dim)
    return x * ir.where(ir.eq(count, 0), 1, products)


OPERATORS: tuple[Operator, ...] = (
    real, imag, view_as_real, view_as_complex, complex_, polar, conj_physical, angle, isreal,
)  # fmt: skip
