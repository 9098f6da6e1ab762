"""Reductions, and scans along a dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..base.dtypes import accumulate, bool_, dtype, int64, uint8
from ..ir import build as ir
from ..ir import graph
from ..ir.differentiate import differentiate
from ..ir.graph import Value
from . import nodes
from .autocast import single
from .check import TYPE_NAMES, require
from .complex import complex_product, complex_running_product
from .operator import Number, Operator, Sample, Static, Tensor, operator
from .samples import args, reduced, special_pairs, together, wanted

Dims = Any
"""One dimension, several, or None for all of them."""

_all: tuple[dict[str, Any], ...] = (
    {},
    {"dim": 1},
    {"dim": -1, "keepdim": True},
    {"dim": (0, 2)},
    {"dim": (0, 1), "keepdim": True},
    {"dim": 0},
    {"dim": ()},
)
_one: tuple[dict[str, Any], ...] = ({}, {"dim": 1}, {"dim": -1, "keepdim": True}, {"dim": 0})
_out_of_range = (
    ((wanted(2, 3),), {"dim": 2}),
    IndexError,
    r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)",
)
_twice = ((wanted(2, 3),), {"dim": (0, 0)}), RuntimeError, "dim 0 appears multiple times in the list of dims"


def _special(**named: Any) -> Callable[[Callable[..., Any]], Iterator[Sample]]:
    """Rows with NaN and with infinities."""
    inf, nan = math.inf, math.nan
    return lambda make: iter(
        [((make(values=[[1.0, nan, 2.0], [inf, -2.0, 5.0], [-inf, -inf, -inf], [inf, inf, -inf]]),), named)]
    )


def _restored(x: Value, input: Value, dims: tuple[int, ...], keepdim: bool) -> Value:
    """A result of a reduction of `input`, with the dimensions of size 1 that let it broadcast against it."""
    return x if keepdim else ir.keep(x, input.shape, dims)


def _several(name: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions as a tuple; all of them for None or an empty list."""
    if isinstance(dim, str | float):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be tuple of ints, not {type(dim).__name__}")
    return ir.normalize_dims(dim, ndim)


def _single(name: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """One dimension, or all of them for None, as a tuple."""
    if dim is None:
        return tuple(range(ndim))
    if not isinstance(dim, int):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    return ir.normalize_dims(dim, ndim)


# Sums and products


def summed(input: Value, dtype: dtype | None = None) -> Value:
    """What a sum is over: integers as int64."""
    return ir.astype(input, dtype or (int64 if input.dtype.category < 2 else input.dtype))


@operator(
    name="sum",
    fresh=True,
    samples=together(reduced(*_all), _special(dim=1)),
    errors=[_out_of_range, _twice],
    node=nodes.if_given("Sum"),
)
def sum_(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Value:
    """The sum of all elements, or over the dimensions `dim`. Integers are summed as int64.

    >>> import kagari as torch
    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), dim=0)
    tensor([4, 6])
    """
    return ir.sum_(summed(input, dtype), dim, keepdim)


@operator(
    autocast=single,
    fresh=True,
    samples=together(reduced(*_one, low=0.5, high=1.5), _special(dim=1)),
    errors=[_out_of_range],
    node=nodes.if_given("Prod"),
)
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Value:
    """The product of all elements, or over the dimension `dim`. Integers are multiplied as int64."""
    x, dims = summed(input, dtype), _single("prod", dim, input.ndim)
    if x.dtype.is_complex:
        return ir.keep(complex_product(x, dims), x.shape, dims, keepdim)
    return ir.prod(x, dims, keepdim)


def _floating(name: str, input: Value, dtype: dtype | None) -> dtype:
    dt = dtype or input.dtype
    if dt.category < 2:
        kind = "Optional" if dtype else "Input"
        raise RuntimeError(
            f"{name}(): could not infer output dtype. {kind} dtype must be either a floating point or complex dtype. "
            f"Got: {TYPE_NAMES[dt]}"
        )
    return dt


@operator(
    fresh=True,
    samples=together(reduced(*_all), _special(dim=1)),
    dtypes="fc",
    errors=[
        _out_of_range,
        _twice,
        (
            args(wanted(2, dtype="int64")),
            RuntimeError,
            r"mean\(\): could not infer output dtype. Input dtype must be either .* Got: Long",
        ),
    ],
    node=nodes.if_given("Mean"),
)
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Value:
    """The mean of all elements, or over the dimensions `dim`: their sum divided by their number.

    >>> import kagari as torch
    >>> torch.mean(torch.tensor([1.0, 2.0, 6.0]))
    tensor(3.)
    """
    dt = _floating("mean", input, dtype)
    return ir.astype(ir.mean(ir.astype(input, accumulate(dt)), dim, keepdim), dt)


def _without_nan(x: Value) -> Value:
    return ir.where(ir.ne(x, x), 0, x) if x.dtype.is_differentiable else x


@operator(fresh=True, samples=together(reduced(*_all), _special(dim=1), _special()), errors=[_out_of_range])
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Value:
    """The sum of what is not NaN."""
    if input.dtype.is_complex:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    return ir.sum_(summed(_without_nan(input), dtype), _several("nansum", dim, input.ndim) or None, keepdim)


@operator(
    fresh=True,
    samples=together(reduced(*_all), _special(dim=1), _special()),
    dtypes="f",
    errors=[
        _out_of_range,
        (
            args(wanted(2, dtype="int64")),
            RuntimeError,
            r"nanmean\(\): expected input to have floating point or complex dtype but got Long",
        ),
    ],
    node="DivBackward0",
)
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Value:
    """The mean of what is not NaN."""
    if input.dtype.is_complex:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if input.dtype.category < 2:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {TYPE_NAMES[input.dtype]}"
        )
    dt = dtype or input.dtype
    x, dim = ir.astype(input, accumulate(dt)), _several("nanmean", dim, input.ndim) or None
    count = ir.sum_(ir.astype(ir.eq(x, x), x.dtype), dim, keepdim)
    return ir.astype(ir.sum_(_without_nan(x), dim, keepdim) / count, dt)


@operator(
    fresh=True,
    samples=together(reduced({}, {"dim": 1}, {"dim": (0, 2)}), _special(dim=1)),
    differentiable=False,
    out=False,
)
def count_nonzero(input: Tensor, dim: Dims = None) -> Value:
    """How many elements are not 0."""
    return ir.sum_(ir.astype(ir.astype(input, bool_), int64), dim)


# Truth


def _quantified(name: str, op: str, words: str) -> Operator:
    def define(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Value:
        kind = uint8 if input.dtype is uint8 else bool_
        dims = () if isinstance(dim, tuple | list) and not dim else ir.normalize_dims(dim, input.ndim)
        found = graph.reduce(op, ir.astype(input, bool_), dims)
        return ir.astype(ir.keep(found, input.shape, dims, keepdim), kind)

    define.__doc__ = f"Whether {words} not 0, over all dimensions or those in `dim`; as booleans, of uint8 as uint8."
    samples = together(reduced(*_all, low=0, high=2), _special(dim=1))
    return operator(name=name, fresh=True, samples=samples, differentiable=False, errors=[_out_of_range, _twice])(
        define
    )


any_ = _quantified("any", "max", "any element is")
all_ = _quantified("all", "min", "all elements are")


# Extrema


def _not_empty(name: str, input: Value, dims: Sequence[int], all_dims: bool, error: type = RuntimeError) -> None:
    empty = [d for d in range(input.ndim) if input.shape[d] == 0]
    if all_dims and empty:
        more = " Specify the reduction dim with the 'dim' argument." if error is RuntimeError else ""
        raise error(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{more}")
    for d in dims:
        if d in empty:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _empty(name: str, error: type = RuntimeError) -> list[Any]:
    return [
        _out_of_range,
        (args(wanted(0, 3)), error, rf"{name}\(\): Expected reduction dim to be specified for input.numel\(\) == 0"),
        (((wanted(0, 3),), {"dim": 0}), IndexError, rf"{name}\(\): Expected reduction dim 0 to have non-zero size"),
    ]


def _ties(make: Callable[..., Any]) -> Iterator[Sample]:
    yield (make(values=[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]),), {"dim": 1}
    yield (make(values=[[1.0, 3.0, 3.0], [2.0, 2.0, 3.0]]),), {}
    yield (make(0, 3),), {"dim": 1}


def _amax(name: str, op: str, word: str) -> Operator:
    def define(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Value:
        dims = _several(name, dim, input.ndim)
        require(f"{op}_values_cpu", input.dtype, lowest=0)
        _not_empty(name, input, dims, not isinstance(dim, int) and not dim)
        return ir.keep(graph.reduce(op, input, dims), input.shape, dims, keepdim)

    define.__doc__ = (
        f"The {word} element, over all dimensions or those in `dim`, NaN if there is one; ties share the gradient."
    )
    return operator(
        name=name,
        fresh=True,
        samples=together(reduced(*_all, empty=False), _special(dim=1), _ties),
        errors=_empty(name),
    )(define)


amax, amin = _amax("amax", "max", "largest"), _amax("amin", "min", "smallest")


def _position(op: str, input: Value, dim: int) -> Value:
    """The index of the extremum along a dimension."""
    return graph.reduce(op, input, (dim,)) if input.ndim else ir.full((), 0, int64)


def _node(name: str) -> nodes.Named:
    def named(args: nodes.Arguments) -> str:
        return (
            f"{name}imumBackward0" if nodes.is_tensor(nodes.given(args, 1)) else f"{name}Backward{int(len(args) < 2)}"
        )

    return named


def _extremum(name: str, word: str) -> Operator:
    pairwise = getattr(ir, f"{name}imum")

    def define(input: Tensor, dim: Tensor | Static = None, keepdim: bool = False) -> Value | tuple[Value, Value]:
        if isinstance(dim, Value):
            return pairwise(input, dim)
        dims = _single(name, dim, input.ndim)
        if dim is None:
            require(f"{name}_all", input.dtype, lowest=0)
        if input.dtype.is_complex:
            raise RuntimeError(f"{name}(): does not support complex input")
        _not_empty(name, input, dims, dim is None)
        values = graph.reduce(name, input, dims)
        if dim is None:
            return values
        indices = _position(f"arg{name}", input, (*dims, 0)[0])
        return ir.keep(values, input.shape, dims, keepdim), ir.keep(indices, input.shape, dims, keepdim)

    def gradient(g: Any, input: Value, dim: Any = None, keepdim: bool = False) -> list[Value | None]:
        # Along a dimension the element at the index has the gradient; the derived one would be shared by ties.
        if dim is None or isinstance(dim, Value):
            return differentiate([define(input, dim)], [g], [input] if dim is None else [input, dim])  # type: ignore[list-item]
        dims = ir.normalize_dims(dim, input.ndim)
        g = _restored(g[0], input, dims, keepdim)
        if not dims:
            return [g]
        index = _restored(define(input, dim, keepdim)[1], input, dims, keepdim)  # type: ignore[index]
        return [ir.where(ir.eq(graph.iota(input.shape, dims[0]), index), g, 0)]

    define.__doc__ = (
        f"The {word} element; or with `dim` the pair (values, indices) of the {word} along a dimension; or with "
        f"another tensor `{name}imum` of the two. NaN counts as {word}."
    )
    samples = together(reduced(*_one, empty=False), _special(dim=1), _ties, special_pairs)
    return operator(
        name=name,
        fresh=True,
        gradient=gradient,
        samples=samples,
        errors=_empty(name),
        synonyms={"other": "dim"},
        returns=("values", "indices"),
        node=_node(name.capitalize()),
    )(define)


max_, min_ = _extremum("max", "largest"), _extremum("min", "smallest")


@operator(
    fresh=True,
    samples=reduced({}, {"dim": 1}, {"dim": -1, "keepdim": True}, empty=False),
    returns=("min", "max"),
    errors=[
        (
            args(wanted(0, 3)),
            RuntimeError,
            r"aminmax\(\): cannot compute aminmax over an empty dimension as the operation has no identity",
        )
    ],
)
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Value, Value]:
    """The pair (min, max) of all elements, or along the dimension `dim`."""
    dims = ir.normalize_dims(dim, input.ndim)
    require("aminmax_cpu", input.dtype, lowest=0)
    if any(s == 0 for s in input.shape) and (dim is None or any(input.shape[d] == 0 for d in dims)):
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    return ir.amin(input, dims or None, keepdim), ir.amax(input, dims or None, keepdim)


def _index(name: str, word: str) -> Operator:
    def define(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Value:
        if input.dtype is bool_:
            raise RuntimeError(f"{name}(): does not support bool input")
        if input.dtype.is_complex:
            raise RuntimeError(f"{name}(): does not support complex input")
        dims = _single(name, dim, input.ndim)
        _not_empty(name, input, dims, dim is None, IndexError)
        if dim is None:
            found = _position(name, graph.reshape(input, (ir.count(input, dims),)), 0)
        else:
            found = _position(name, input, (*dims, 0)[0])
        return ir.keep(found, input.shape, dims, keepdim)

    define.__doc__ = (
        f"The index of the first {word} element, counted over all of them or along `dim`; NaN counts as {word}."
    )
    errors = [
        *_empty(name, IndexError),
        (args(wanted(2, dtype="bool")), RuntimeError, rf"{name}\(\): does not support bool input"),
    ]
    samples = together(reduced(*_one, {"keepdim": True}, empty=False), _special(dim=1), _special(), _ties)
    return operator(name=name, fresh=True, samples=samples, dtypes="fi", differentiable=False, errors=errors)(define)


argmax, argmin = _index("argmax", "largest"), _index("argmin", "smallest")


# Spread


def _freedom(input: Value, dims: tuple[int, ...], unbiased: bool | None, correction: Any) -> Value:
    """What a sum of squares is divided by: the number of elements less the correction."""
    if correction is None:
        correction = 0 if unbiased is False else 1
    return ir.sub(ir.lift(ir.count(input, dims)), correction)


def _settings(dim: Any, unbiased: bool | None) -> tuple[Any, bool | None]:
    """`var(x, False)` means `unbiased`."""
    return (None, dim) if isinstance(dim, bool) else (dim, unbiased)


def _square_of_size(x: Value) -> Value:
    """|x|²."""
    return ir.real(x) * ir.real(x) + ir.imag(x) * ir.imag(x) if x.dtype.is_complex else x * x


def _spread(
    input: Value, dim: Any, unbiased: bool | None, keepdim: bool, correction: Any, name: str
) -> tuple[Value, Value]:
    """The variance and the mean, in the type they are computed in."""
    if input.dtype.category < 2:
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    dim, unbiased = _settings(dim, unbiased)
    x, dims = ir.astype(input, accumulate(input.dtype)), ir.normalize_dims(dim, input.ndim)
    centre = ir.mean(x, dims or None, keepdim=True)
    squares = ir.sum_(_square_of_size(x - centre), dims or None, keepdim)
    variance = squares / ir.maximum(_freedom(input, dims, unbiased, correction), 0)
    return variance, centre if keepdim else graph.reshape(centre, squares.shape)


def _var_gradient(
    g: Any, input: Value, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = None
) -> list[Value]:
    # The derived gradient would sum x - mean once more, which is 0.
    dim, unbiased = _settings(dim, unbiased)
    dims = ir.normalize_dims(dim, input.ndim)
    x = ir.astype(input, accumulate(input.dtype))
    centred = x - ir.mean(x, dims or None, keepdim=True)
    return [2 * _restored(g, input, dims, keepdim) * centred / _freedom(input, dims, unbiased, correction)]


def _std_gradient(g: Any, input: Value, *rest: Any) -> list[Value]:
    # Where the deviation is 0 its derivative counts as 0.
    deviation = std.define(input, *rest[:3], **dict(zip(("correction",), rest[3:])))
    slope = ir.where(ir.eq(deviation, 0), 0, g / (2 * deviation))
    return _var_gradient(slope, input, *rest)


def _pair_gradient(first: Callable[..., list[Value]]) -> Callable[..., list[Value]]:
    """The gradient of a pair of which the second is the mean."""

    def gradient(g: Sequence[Value], input: Value, *rest: Any) -> list[Value]:
        dim, unbiased, keepdim = (*rest, None, None, False)[:3] if len(rest) < 3 else rest[:3]
        dim, _ = _settings(dim, unbiased)
        dims = ir.normalize_dims(dim, input.ndim)
        share = _restored(g[1], input, dims, bool(keepdim)) / ir.lift(ir.count(input, dims))
        return [first(g[0], input, *rest)[0] + share]

    return gradient


_spreads = reduced(
    {},
    {"dim": 1},
    {"dim": (0, 2), "keepdim": True},
    {"dim": 1, "unbiased": False},
    {"dim": 0, "correction": 2},
    {"dim": 1, "correction": 0.5},
)  # fmt: skip
_no_ints = lambda words: (args(wanted(2, dtype="int64")), RuntimeError, f"{words} only support floating point")  # noqa: E731


@operator(
    fresh=True, gradient=_var_gradient, samples=_spreads, dtypes="fc", errors=[_no_ints("std and var"), _out_of_range]
)
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> Value:
    """The variance `sum((x_i - mean)²) / max(0, n - correction)`; `unbiased` means a correction of 1, the default.

    >>> import kagari as torch
    >>> torch.var(torch.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    tensor(1.2500)
    """
    return ir.astype(_spread(input, dim, unbiased, keepdim, correction, "std and var")[0], input.dtype.to_real())


@operator(
    fresh=True, gradient=_std_gradient, samples=_spreads, dtypes="fc", errors=[_no_ints("std and var"), _out_of_range]
)
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> Value:
    """The standard deviation, the square root of `var`."""
    variance, _ = _spread(input, dim, unbiased, keepdim, correction, "std and var")
    return ir.astype(ir.sqrt(variance), input.dtype.to_real())


@operator(
    fresh=True,
    gradient=_pair_gradient(_var_gradient),
    samples=_spreads,
    dtypes="fc",
    errors=[_no_ints("var_mean"), _out_of_range],
    method=False,
    out=False,
)
def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> tuple[Value, Value]:
    """The pair (variance, mean)."""
    variance, centre = _spread(input, dim, unbiased, keepdim, correction, "var_mean")
    return ir.astype(variance, input.dtype.to_real()), ir.astype(centre, input.dtype)


@operator(
    fresh=True,
    gradient=_pair_gradient(_std_gradient),
    samples=_spreads,
    dtypes="fc",
    errors=[_no_ints("std_mean"), _out_of_range],
    method=False,
    out=False,
)
def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> tuple[Value, Value]:
    """The pair (standard deviation, mean)."""
    variance, centre = _spread(input, dim, unbiased, keepdim, correction, "std_mean")
    return ir.astype(ir.sqrt(variance), input.dtype.to_real()), ir.astype(centre, input.dtype)


# Norms and exponentials


def _logsumexp_gradient(g: Value, input: Value, dim: Any, keepdim: bool = False) -> list[Value]:
    # The derived gradient would be that of the maximum, too.
    dims = ir.normalize_dims(dim, input.ndim)
    total = _restored(logsumexp.define(input, dim, keepdim), input, dims, keepdim)
    return [_restored(g, input, dims, keepdim) * ir.conj(ir.exp(input - total))]


@operator(
    fresh=True,
    gradient=_logsumexp_gradient,
    errors=[_out_of_range],
    samples=together(reduced({"dim": 1}, {"dim": -1, "keepdim": True}, {"dim": (0, 2)}, {"dim": 0}), _special(dim=1)),
)
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Value:
    """`ln(sum(e ** input_i))` over the dimensions `dim`, without overflow on the way."""
    dt = input.dtype if input.dtype.is_differentiable else ir.default_dtype()
    if dim is None:
        raise TypeError("logsumexp(): argument 'dim' (position 2) must be tuple of ints, not NoneType")
    x, dims = ir.astype(input, accumulate(dt)), _several("logsumexp", dim, input.ndim)
    top = graph.reduce("max", ir.real(x), dims)
    top = ir.where(ir.eq(ir.abs_(top), math.inf), 0, top)
    shifted = ir.exp(x - ir.keep(top, x.shape, dims))
    return ir.astype(ir.keep(ir.log(graph.reduce("sum", shifted, dims)) + top, x.shape, dims, keepdim), dt)


def _power_of(p: Any) -> float:
    if p in (None, "fro"):
        return 2.0
    if not isinstance(p, int | float | str):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(p).__name__}")
    if isinstance(p, str):
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    return float(p)


def _norm_gradient(
    g: Value, input: Value, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtype | None = None
) -> list[Value | None]:
    # Of the formula, with 0 where the norm is 0: the derived gradient divides 0 by 0 there.
    p = _power_of(p)
    value = norm.define(input, p, dim, keepdim, dtype)
    if p in (0.0, 1.0, math.inf, -math.inf):
        return differentiate([value], [g], [input])
    dims = ir.normalize_dims(dim, input.ndim)
    total, g = (_restored(x, input, dims, keepdim) for x in (value, g))
    zero = ir.eq(total, 0)
    total = ir.where(zero, 1, total)
    scale = ir.where(zero, 0, g / (total if p == 2 else ir.pow_(total, p - 1)))
    if p == 2:
        return [input * scale]
    magnitude = ir.where(ir.eq(input, 0), 1, ir.abs_(input))
    return [ir.where(ir.eq(input, 0), 0, ir.sign(input) * ir.pow_(magnitude, p - 1)) * scale]


def _norms(make: Callable[..., Any]) -> Iterator[Sample]:
    for p in ("fro", 2, 1, 3, 0.5, 2.5, 0, math.inf, -math.inf):
        yield (make(3, 4, 5),), {"p": p}
        yield (make(6, 35, noncontiguous=True),), {"p": p, "dim": 1}
    yield (make(3, 4, 5),), {"dim": (0, 2), "keepdim": True}
    yield (make(),), {}
    yield (make(0, 3),), {}
    yield (make(0, 3),), {"dim": 0}
    yield (make(values=[[0.0, 0.0], [3.0, 4.0]]),), {"dim": 1}


@operator(
    fresh=True,
    gradient=_norm_gradient,
    samples=_norms,
    dtypes="fc",
    errors=[
        _out_of_range,
        (
            args(wanted(2, dtype="int64")),
            RuntimeError,
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
        ),
        (
            args(wanted(0, 3), math.inf),
            RuntimeError,
            "linalg.vector_norm cannot compute the inf norm on an empty tensor",
        ),
    ],
    node="LinalgVectorNormBackward0",
)
def norm(
    input: Tensor, p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False, dtype: dtype | None = None
) -> Value:
    """The norm of a vector, `sum(|x_i| ** p) ** (1 / p)`;
    for `p = inf` the largest magnitude, for 0 the count of non-zeros.

    >>> import kagari as torch
    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    p = _power_of(p)
    dt = dtype or input.dtype
    if dt.category < 2:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {TYPE_NAMES[dt]}"
        )
    dims = ir.normalize_dims(dim, input.ndim)
    x = ir.astype(input, accumulate(dt))
    return ir.astype(ir.keep(_norm(x, p, dims), input.shape, dims, keepdim), dt.to_real())


def _norm(x: Value, p: float, dims: tuple[int, ...]) -> Value:
    if abs(p) == math.inf:
        if any(x.shape[d] == 0 for d in dims):
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p:g} norm on an empty tensor because the operation does not "
                "have an identity"
            )
        return graph.reduce("max" if p > 0 else "min", ir.abs_(x), dims)
    if p == 0:
        return graph.reduce("sum", ir.astype(ir.astype(x, bool_), x.dtype.to_real()), dims)
    if p == 1:
        return graph.reduce("sum", ir.abs_(x), dims)
    if p == 2:
        return ir.sqrt(graph.reduce("sum", _square_of_size(x), dims))
    return ir.pow_(graph.reduce("sum", ir.pow_(ir.abs_(x), p), dims), 1 / p)


# Scans


def _scanned(name: str, words: str) -> Operator:
    def define(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Value:
        if not isinstance(dim, int):
            raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
        x = summed(input, dtype)
        dim = ir.normalize_dim(dim, input.ndim)
        if x.dtype.is_complex and name == "cumprod" and input.ndim:
            return complex_running_product(x, dim)
        return graph.scan(name, x, dim) if input.ndim else x

    define.__doc__ = f"The {words} of the elements up to each one, along `dim`. Integers are computed as int64."
    samples = together(reduced({"dim": 1}, {"dim": -1}, {"dim": 0}, low=0.5, high=1.5), _special(dim=1))
    return operator(name=name, inplace=True, fresh=True, samples=samples, errors=[_out_of_range])(define)


cumsum, cumprod = _scanned("cumsum", "sum"), _scanned("cumprod", "product")

OPERATORS: tuple[Operator, ...] = (
    sum_, prod, mean, nansum, nanmean, count_nonzero, any_, all_, amax, amin, max_, min_, aminmax, argmax, argmin, var,
    std, var_mean, std_mean, logsumexp, norm, cumsum, cumprod,
)  # fmt: skip
