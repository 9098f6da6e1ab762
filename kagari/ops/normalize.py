"""Normalisation of rows.

Forward it is one kernel; backward one over rows, for the input, and one over columns, for the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.dtypes import accumulate, bfloat16, dtype, float16, float32, float64
from ..base.symbols import Size
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .channelnorm import require_one_dtype
from .check import TYPE_NAMES, require
from .distance import length
from .operator import Number, Operator, Tensor, operator
from .reduce import Dims
from .samples import Make, Sample, args, wanted
from .shapes import listed
from .softmax import spread

EPSILON = {float16: 2.0**-10, bfloat16: 2.0**-7, float32: 2.0**-23, float64: 2.0**-52}


def _row_dims(input: Value, shape: tuple[int, ...], pattern: str) -> tuple[int, ...]:
    """The dimensions that are normalised, after a check that they have `shape`."""
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    lead = input.ndim - len(shape)
    if lead < 0 or any(have != s for have, s in zip(input.shape[lead:], shape)):
        inner = listed(shape)[1:]
        raise RuntimeError(
            f"Given normalized_shape={listed(shape)}, expected input with shape {pattern}{inner}, but got input of "
            f"size{listed(input.shape)}"
        )
    return tuple(range(lead, input.ndim))


def _require_parameter(name: str, x: Value | None, shape: tuple[int, ...]) -> None:
    if x is not None and (x.ndim != len(shape) or any(have != s for have, s in zip(x.shape, shape))):
        raise RuntimeError(
            f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {listed(x.shape)} and "
            f"normalized_shape = "
            f"{listed(shape)}"
        )


def _scaled(x: Value, weight: Value | None, bias: Value | None, dt: dtype) -> Value:
    for p, join in ((weight, ir.mul), (bias, ir.add)):
        if p is not None:
            x = join(x, graph.cast(p, x.dtype))
    return graph.cast(x, dt)


def _layers(make: Make) -> Iterator[Sample]:
    for shape, inner in (
        ((2, 3), (3,)),
        ((2, 3, 4), (4,)),
        ((2, 3, 4), (3, 4)),
        ((5,), (5,)),
        ((0, 3), (3,)),
        ((5, 70), (70,)),
    ):
        yield (make(*shape), inner), {}
        yield (make(*shape), inner, make(*inner), make(*inner)), {}
    yield (make(4, 5, noncontiguous=True), (5,), make(5), make(5), 0.1), {}
    yield (make(4, 5), (5,), None, make(5, constant=True)), {}


_SHAPE_ERRORS = [
    (
        args(wanted(2, 3), (4,)),
        RuntimeError,
        r"Given normalized_shape=\[4\], expected input with shape \[\*,? ?4\], but got input of size",
    ),
    (args(wanted(2, 3), ()), RuntimeError, "Expected normalized_shape to be at least 1-dimensional"),
    (
        args(wanted(2, 3), (3,), wanted(4)),
        RuntimeError,
        r"Expected weight to be of same shape as normalized_shape, but got weight of shape",
    ),
]


@operator(
    method=False,
    out=False,
    dtypes="f",
    samples=_layers,
    errors=[
        *_SHAPE_ERRORS,
        (
            args(wanted(2, 3), (3,), wanted(3), wanted(4)),
            RuntimeError,
            "Expected bias to be of same shape as normalized_shape",
        ),
        (
            args(wanted(2, 3), (3,), wanted(3, dtype="float64")),
            RuntimeError,
            "expect parameter to have scalar type of Float",
        ),
    ],
    node="NativeLayerNormBackward0",
)
def layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: Number = 1e-5,
    cudnn_enable: bool = True,
) -> Value:
    """`(x - mean(x)) / sqrt(var(x) + eps) * weight + bias` over the last dimensions.

    These have the shape `normalized_shape`.
    The variance is that of the population. Source: Ba, Kiros, Hinton, Layer Normalization, 2016 (arXiv 1607.06450).
    """
    dims = _row_dims(input, normalized_shape, "[*, ")
    _require_parameter("weight", weight, normalized_shape)
    _require_parameter("bias", bias, normalized_shape)
    require("LayerNormKernelImpl", input.dtype)
    require_one_dtype(input, (weight, bias))
    x = graph.cast(input, accumulate(input.dtype))
    count: Size = ir.count(x, dims)
    mean = ir.div(graph.reduce("sum", x, dims), count)
    # The variance does not change with the mean it is taken around, to first order: no gradient goes that way.
    apart = ir.sub(x, spread(x, graph.detach(mean), dims))
    variance = ir.div(graph.reduce("sum", ir.mul(apart, apart), dims), count)
    rstd = ir.rsqrt(ir.add(variance, eps))
    return _scaled(ir.mul(ir.sub(x, spread(x, mean, dims)), spread(x, rstd, dims)), weight, bias, input.dtype)


def _rms_layers(make: Make) -> Iterator[Sample]:
    for shape, inner in (((2, 3), (3,)), ((2, 3, 4), (3, 4)), ((0, 3), (3,)), ((5, 70), (70,))):
        yield (make(*shape), inner), {}
        yield (make(*shape), inner, make(*inner)), {}
    yield (make(4, 5, noncontiguous=True), (5,), make(5), 0.1), {}


@operator(
    method=False,
    out=False,
    dtypes="fc",
    samples=_rms_layers,
    errors=_SHAPE_ERRORS,
    node="MulBackward0",
)
def rms_norm(
    input: Tensor, normalized_shape: tuple[int, ...], weight: Tensor | None = None, eps: Number | None = None
) -> Value:
    """`x / sqrt(mean(x^2) + eps) * weight` over the last dimensions, which have the shape `normalized_shape`.

    `eps` is by default the machine epsilon. Source: Zhang, Sennrich, Root Mean Square Layer Normalization, 2019
    (arXiv 1910.07467).
    """
    dims = _row_dims(input, normalized_shape, "[*")
    _require_parameter("weight", weight, normalized_shape)
    require("rms_norm", input.dtype, highest=3)
    x = graph.cast(input, accumulate(input.dtype))
    square = ir.div(graph.reduce("sum", ir.mul(x, x), dims), ir.count(x, dims))
    rstd = ir.rsqrt(ir.add(square, EPSILON[x.dtype.to_real()] if eps is None else eps))
    return _scaled(ir.mul(x, spread(x, rstd, dims)), weight, None, input.dtype)


def _directions(make: Make) -> Iterator[Sample]:
    yield (make(3, 4),), {}
    yield (make(3, 4),), {"dim": 0}
    yield (make(3, 4), 1.0), {"dim": -1}
    for p in (3.0, 0, math.inf, -math.inf):
        yield (make(3, 4), p), {}
    for dim in ((0, 2), (-1, 0), (), None):
        yield (make(2, 3, 4),), {"dim": dim}
    yield (make(2, 3, 4), 3.0, (1, 2)), {}
    yield (make(4, 5, noncontiguous=True),), {}
    yield (make(0, 3),), {}
    yield (make(values=[[0.0, 0.0], [3.0, 4.0]], dtype="float32"),), {}
    yield (make(values=[[0.0, 0.0], [3.0, 4.0]], dtype="float32"), 3.0), {}


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    recomputes=True,
    dtypes="fc",
    samples=_directions,
    errors=[
        (args(wanted(2, 3), dim=3), IndexError, "Dimension out of range"),
        (args(wanted(2, 3), dim=(0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    ],
    node="DivBackward0",
)
def normalize(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: Number = 1e-12) -> Value:
    """`x / max(norm_p(x), eps)` with the norm taken along `dim`, or over several dimensions; None means all."""
    dims = ir.normalize_dims(dim, input.ndim)
    if not input.dtype.is_differentiable:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {TYPE_NAMES[input.dtype]}"
        )
    x = graph.cast(input, accumulate(input.dtype))
    norm = length(ir.abs_(x) if x.dtype.is_complex else x, float(p), dims)
    return graph.cast(ir.div(x, spread(x, ir.maximum(norm, eps), dims)), input.dtype)


OPERATORS: tuple[Operator, ...] = (layer_norm, rms_norm, normalize)
