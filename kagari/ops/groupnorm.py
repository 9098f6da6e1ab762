"""Normalisation of a sample over groups of its channels, or over channels next to each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, dtype
from ..base.symbols import product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .channelnorm import affine, channelwise, inverse_deviation, moments, require_one_dtype
from .check import for_tensors, require
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import listed, narrowed, replaced


def _grouped(x: Value, num_groups: int) -> Value:
    """(N, C, *) as (N, groups, C / groups, elements of a channel)."""
    n, channels, *rest = x.shape
    return graph.reshape(x, (n, num_groups, channels // num_groups, product(tuple(rest))))


def _for_channels(v: Value, x: Value) -> Value:
    """One element for each group of a sample, (N, groups), repeated to the shape of x."""
    n, channels, *rest = x.shape
    groups = v.shape[1]
    each = graph.expand(graph.reshape(v, (n, groups, 1)), (n, groups, channels // groups))
    return graph.expand(graph.reshape(each, (n, channels, *(1 for _ in rest))), x.shape)


def _statistics(x: Value, num_groups: int, eps: Number) -> tuple[Value, Value]:
    """Mean and inverse deviation of each group of a sample."""
    grouped = _grouped(x, num_groups)
    mean, squares = moments(grouped, (2, 3))
    return mean, inverse_deviation(grouped, squares, (2, 3), eps)


def _group_gradient(
    g: Value,
    input: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: Number = 1e-5,
    cudnn_enabled: bool = True,
) -> list[Value]:
    """All three follow from two sums for each channel of each sample: of g and of g (x - mean)."""
    x, g = (graph.cast(v, accumulate(input.dtype)) for v in (input, g))
    n, channels, *_ = x.shape
    mean, rstd = _statistics(x, num_groups, eps)
    apart = ir.sub(x, _for_channels(mean, x))
    dims = tuple(range(2, x.ndim))
    sums = [graph.reduce("sum", v, dims) for v in (g, ir.mul(g, apart))]  # (N, C)
    slope, weighted = g, sums
    if weight is not None:
        slope = ir.mul(g, channelwise(weight, x))
        weighted = [ir.mul(v, graph.cast(weight, x.dtype)) for v in sums]
    count = ir.count(_grouped(x, num_groups), (2, 3))
    in_groups = (n, num_groups, channels // num_groups)
    shift, tilt = (ir.div(graph.reduce("sum", graph.reshape(v, in_groups), (2,)), count) for v in weighted)
    tilt = ir.mul(ir.mul(rstd, rstd), tilt)
    slope = ir.sub(ir.sub(slope, _for_channels(shift, x)), ir.mul(apart, _for_channels(tilt, x)))
    by_weight = graph.reduce("sum", ir.mul(sums[1], _for_channels(rstd, sums[1])), (0,))
    return for_tensors(
        (input, ir.mul(slope, _for_channels(rstd, x))),
        (weight, by_weight),
        (bias, graph.reduce("sum", sums[0], (0,))),
    )


def _groups(make: Make) -> Iterator[Sample]:
    for shape, groups in (((2, 6, 5), 3), ((3, 4), 1), ((0, 4, 3), 2), ((1, 4, 5, 7), 2)):
        yield (make(*shape), groups), {}
        yield (make(*shape), groups, make(shape[1]), make(shape[1])), {"eps": 0.1}
    yield (make(2, 4, 5, noncontiguous=True), 2, None, make(4)), {}


@operator(
    method=False,
    out=False,
    order="channels",
    dtypes="f",
    gradient=_group_gradient,
    samples=_groups,
    errors=[
        (
            args(wanted(2, 3, 4), 2),
            RuntimeError,
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            r"\[2, 3, 4\] and num_groups=2",
        ),
        (
            args(wanted(2, 3, 4), 3, wanted(4)),
            RuntimeError,
            "Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape "
            r"\[4\] and input of shape \[2, 3, 4\]",
        ),
        (args(wanted(2, 3, 4, dtype="int64"), 3), NotImplementedError, "not implemented for 'Long'"),
    ],
    node="NativeGroupNormBackward0",
)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: Number = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    """`(x - mean) / sqrt(var + eps) * weight + bias` with mean and variance of each group of channels of a sample.

    Source: Wu, He, Group Normalization, 2018 (arXiv 1803.08494).
    """
    channels = input.shape[1]
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups != 0:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{listed(input.shape)} and num_groups={num_groups}"
        )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and (p.ndim != 1 or p.shape[0] != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {listed(p.shape)} and input of shape {listed(input.shape)}"
            )
    require("GroupNormKernelImpl", input.dtype)
    require_one_dtype(input, (weight, bias))
    x = graph.cast(input, accumulate(input.dtype))
    mean, rstd = _statistics(x, num_groups, eps)
    y = ir.mul(ir.sub(x, _for_channels(mean, x)), _for_channels(rstd, x))
    return graph.cast(affine(y, weight, bias), input.dtype)


MOST_TERMS = 32
"""A sum over more channels than these is the difference of two running ones."""


def _channel_sums(x: Value, size: int, before: int) -> Value:
    """The sum over `size` channels, of which so many lie before each one; there are zeros around them."""
    if size > MOST_TERMS:
        none = ir.full(replaced(x.shape, 1, 1), 0, x.dtype)
        sums = graph.cat((none, graph.scan("cumsum", x, 1)), 1)
        place, channels = graph.iota(x.shape, 1), ir.lift(x.shape[1])
        first = ir.maximum(ir.sub(place, before), 0)
        last = ir.minimum(ir.add(place, size - before), channels)
        return ir.sub(graph.gather(sums, last, 1), graph.gather(sums, first, 1))
    low, high = [0] * x.ndim, [0] * x.ndim
    low[1], high[1] = before, size - 1 - before
    padded = graph.pad(x, tuple(low), tuple(high))
    total = narrowed(padded, 1, 0, x.shape[1])
    for k in range(1, size):
        total = ir.add(total, narrowed(padded, 1, k, x.shape[1]))
    return total


def _response_gradient(
    g: Value, input: Value, size: int, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0
) -> list[Value]:
    """What reaches an element through its neighbours' divisors is a sum over the windows that it is in."""
    x = graph.cast(input, accumulate(input.dtype))
    g = graph.cast(g, x.dtype)
    base = ir.add(ir.mul(_channel_sums(ir.mul(x, x), size, size // 2), ir.div(alpha, size)), k)
    through = ir.div(ir.mul(g, x), ir.pow_(base, ir.add(beta, 1)))
    shared = ir.mul(_channel_sums(through, size, (size - 1) // 2), ir.mul(ir.div(alpha, size), ir.mul(beta, 2)))
    return [ir.sub(ir.div(g, ir.pow_(base, beta)), ir.mul(x, shared))]


def _responses(make: Make) -> Iterator[Sample]:
    yield (make(2, 7, 5), 3), {}
    # With more dimensions PyTorch averages in a kernel that knows no 16-bit floats.
    for name in ("float32", "float64"):
        yield (make(2, 4, 3, 2, dtype=name), 2), {"alpha": 0.5, "beta": 0.5, "k": 2.0}
        yield (make(1, 3, 2, 2, 3, dtype=name), 5), {"alpha": 0.1}
    yield (make(2, 5, 3, noncontiguous=True), 1), {}
    yield (make(0, 5, 3), 2), {}
    yield (make(2, 50, 3, low=0.5), 40), {}
    yield (make(2, 3, 2), 1000), {}


def _single_over_images(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast it is in float32, but for sequences, as in PyTorch."""
    return single(args, low) if args[0].ndim > 3 else args


@operator(
    autocast=_single_over_images,
    namespace="nn.functional",
    method=False,
    out=False,
    order="channels",
    dtypes="f",
    gradient=_response_gradient,
    samples=_responses,
    errors=[(args(wanted(2, 3), 2), ValueError, "Expected 3D or higher dimensionality  .*  input .got 2 dimensions.")],
    node="DivBackward0",
)
def local_response_norm(input: Tensor, size: int, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0) -> Value:
    """`x / (k + alpha mean(x^2))^beta` with the mean over `size` channels around each one.

    Source: Krizhevsky, Sutskever, Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
        )
    if size <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got kH: {size} kW: 1")
    require("local_response_norm", input.dtype)
    x = graph.cast(input, accumulate(input.dtype))
    base = ir.add(ir.mul(_channel_sums(ir.mul(x, x), size, size // 2), ir.div(alpha, size)), k)
    return graph.cast(ir.div(x, ir.pow_(base, beta)), input.dtype)


OPERATORS: tuple[Operator, ...] = (group_norm, local_response_norm)
