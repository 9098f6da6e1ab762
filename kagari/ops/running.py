"""Along a dimension: extrema and sums of exponentials so far, and differences of neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.dtypes import bool_, complex128
from ..base.symbols import hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require, result_type
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import narrowed, replaced

_INF, _NAN = math.inf, math.nan
_RANGE = args(wanted(2, 3), dim=2), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\]"


def _lines(make: Make) -> Iterator[Sample]:
    yield (make(3, 4, 5), 1), {}
    yield (make(40, 3, noncontiguous=True), 0), {}
    yield (make(3, 30), -1), {}
    yield (make(), 0), {}
    yield (make(0, 3), 0), {}
    yield (make(0, 3), 1), {}


def _extrema(make: Make) -> Iterator[Sample]:
    yield from _lines(make)
    yield (make(values=[1.0, 3.0, 0.0, 0.0, 3.0, 2.0]), 0), {}
    yield (make(values=[1.0, _NAN, 0.0, _INF, _NAN, -_INF]), 0), {}


def _so_far(name: str, word: str) -> Operator:
    def define(input: Tensor, dim: int) -> tuple[Value, Value]:
        if not input.ndim and dim not in (0, -1):
            raise IndexError(f"{name}(): Expected reduction dim -1 or 0 for scalar but got {dim}")
        dim = ir.normalize_dim(dim, input.ndim)
        require(f"{name}_cpu", input.dtype, 0)
        x = input if input.ndim else graph.reshape(input, (1,))
        places = graph.arg_scan(f"arg{name}", x, dim)
        return graph.reshape(graph.gather(x, places, dim), input.shape), graph.reshape(places, input.shape)

    define.__doc__ = f"""The pair (values, indices) of the {word} element up to each one, along `dim`.

    NaN counts as {word}; of equal elements the index is that of the last one.

    >>> import kagari as torch
    >>> torch.{name}(torch.tensor([2, 1, 3]), 0).indices
    tensor({[0, 0, 2] if name == "cummax" else [0, 1, 1]})
    """
    return operator(name=name, fresh=True, returns=("values", "indices"), samples=_extrema, errors=[_RANGE])(define)


cummax, cummin = _so_far("cummax", "largest"), _so_far("cummin", "smallest")


def _exponents(make: Make) -> Iterator[Sample]:
    yield from _lines(make)
    yield (make(3, 30, low=-300, high=300, dtype="float64"), 1), {}
    yield (make(values=[-_INF, -_INF, 1.0, 2.0, -_INF, _INF, -_INF, _NAN, 1.0]), 0), {}


@operator(
    fresh=True,
    samples=_exponents,
    dtypes="fc",
    errors=[
        _RANGE,
        (
            args(wanted(2, dtype="int64"), 0),
            NotImplementedError,
            "\"logcumsumexp_out_cpu\" not implemented for 'Long'",
        ),
    ],
)
def logcumsumexp(input: Tensor, dim: int) -> Value:
    """The logarithm of the sum of exponentials up to each element: `log(exp(x_0) + ... + exp(x_i))`, along `dim`.

    Of complex numbers, those whose real part is 700 or more below the largest one of their row count as nothing.

    >>> import kagari as torch
    >>> torch.logcumsumexp(torch.zeros(3), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    dim = ir.normalize_dim(dim, input.ndim)
    require("logcumsumexp_out_cpu", input.dtype, highest=3)
    if input.dtype.is_complex and input.ndim and input.shape[dim] != 0:
        return _complex_exponents(input, dim)
    return graph.scan("logcumsumexp", input, dim) if input.ndim and not input.dtype.is_complex else input


def _complex_exponents(x: Value, dim: int) -> Value:
    """The logarithms of the sums so far, of complex numbers, which are divided by the largest one: before a number
    whose real part is larger by 700 or more the sums count as nothing.

    Imaginary parts are those of adding one number after the other: they are not brought between -pi and pi.
    """
    wide = graph.cast(x, complex128)
    largest = graph.reduce("max", ir.real(wide), (dim,))
    largest = ir.where(ir.lt(ir.abs_(largest), math.inf), largest, 0)
    largest = graph.detach(ir.broadcast_to(ir.unsqueeze(largest, dim), x.shape))
    sums = ir.log(graph.scan("cumsum", ir.exp(wide - largest), dim)) + largest
    turns = ir.round_(graph.detach(_angles(wide, sums, dim) - ir.imag(sums)) / (2 * math.pi))
    return graph.cast(ir.complex_(ir.real(sums), ir.imag(sums) + turns * (2 * math.pi)), x.dtype)


def _angles(x: Value, sums: Value, dim: int) -> Value:
    """Nearly the imaginary part of each sum: that of the last number above the sum before it, and what each later
    number adds.
    """
    nothing = ir.full(replaced(x.shape, dim, 1), -math.inf, x.dtype)
    before = graph.cat((nothing, narrowed(sums, dim, 0, x.shape[dim] - 1)), dim)
    higher = ir.lt(ir.real(before), ir.real(x))
    apart = ir.where(higher, before - x, x - before)
    steps = ir.imag(ir.log1p(ir.exp(apart)))
    steps = ir.where(ir.ne(steps, steps), 0, steps)
    totals = graph.scan("cumsum", steps, dim)
    places = ir.where(higher, graph.iota(x.shape, dim), 0)
    start = graph.gather(places, graph.arg_scan("argcummax", places, dim), dim)
    return graph.gather(ir.imag(x) - totals + steps, start, dim) + totals


def _neighbours(make: Make) -> Iterator[Sample]:
    yield (make(7),), {}
    yield (make(3, 5),), {"n": 2, "dim": 0}
    yield (make(4, 5, noncontiguous=True), 1, -1), {}
    yield (make(3, 5), 0), {}
    yield (make(3, 5), 9), {}
    yield (make(3, 5),), {"prepend": make(3, 1), "append": make(3, 2)}
    yield (make(3, 5),), {"dim": 0, "prepend": make(values=[[1.0, 0.0, 1.0, 1.0, 0.0]], dtype="int64")}
    yield (make(0),), {}
    yield (make(1),), {}


@operator(
    fresh=True,
    samples=_neighbours,
    errors=[
        _RANGE,
        (args(wanted()), RuntimeError, "diff expects input to be at least one-dimensional"),
        (args(wanted(3), -1), RuntimeError, "order must be non-negative but got -1"),
        (args(wanted(3), 1.5), TypeError, r"diff\(\): argument 'n' \(position 2\) must be int, not float"),
        (
            args(wanted(2, 3), prepend=wanted(3, 1)),
            RuntimeError,
            r"diff expects the shape of tensor to prepend or append to match that of input except along the "
            r"differencing dimension; input.size\(0\) = 2, but got tensor.size\(0\) = 3",
        ),
        (
            args(wanted(2, 3), append=wanted(1)),
            RuntimeError,
            "diff expects prepend or append to be the same dimension as input",
        ),
    ],
    node="SubBackward0",
)
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Value:
    """The differences of neighbours along `dim`, `x[i + 1] - x[i]`, taken `n` times. Of booleans, whether they differ.

    `prepend` and `append` are joined to the input before.

    >>> import kagari as torch
    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    dim = ir.normalize_dim(dim, input.ndim)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    x = _joined(input, prepend, append, dim)
    if n == 0:
        return input
    for _ in range(n):
        if x.shape[dim] == 0:
            break
        rest = x.shape[dim] - 1
        ends = narrowed(x, dim, 1, rest), narrowed(x, dim, 0, rest)
        x = ir.ne(*ends) if x.dtype is bool_ else ir.sub(*ends)
    return x


def _joined(x: Value, prepend: Value | None, append: Value | None, dim: int) -> Value:
    """x between what is put before and behind it. Raises RuntimeError where that does not fit."""
    parts = [v for v in (prepend, x, append) if v is not None]
    for v in parts:
        if v.ndim != x.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for d, (have, given) in enumerate(zip(x.shape, v.shape)):
            if d != dim and have != given:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    f"differencing dimension; input.size({d}) = {hint(have)}, but got tensor.size({d}) = {hint(given)}"
                )
    dt = result_type(*parts)
    return graph.cat(tuple(graph.cast(v, dt) for v in parts), dim) if len(parts) > 1 else x


OPERATORS: tuple[Operator, ...] = (cummax, cummin, logcumsumexp, diff)
