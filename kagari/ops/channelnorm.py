"""Normalisation of channels, each over a batch or over a sample.

The dimensions of an input are (N, C, *). Forward and backward of a channel are one kernel that keeps it in cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..base.dtypes import accumulate, float32
from ..base.symbols import hint, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import TYPE_NAMES, for_tensors, require
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .softmax import spread


def moments(x: Value, dims: tuple[int, ...]) -> tuple[Value, Value]:
    """The mean over `dims`, and the sum of the squares of the distances from it."""
    mean = ir.div(graph.reduce("sum", x, dims), ir.count(x, dims))
    apart = ir.sub(x, spread(x, mean, dims))
    return mean, graph.reduce("sum", ir.mul(apart, apart), dims)


def inverse_deviation(x: Value, squares: Value, dims: tuple[int, ...], eps: Number) -> Value:
    """`1 / sqrt(var + eps)` from the sum of squares that the variance is the mean of."""
    return ir.rsqrt(ir.add(ir.div(squares, ir.count(x, dims)), eps))


def channelwise(parameter: Value, x: Value) -> Value:
    """A vector with an element for each channel, repeated to the shape of x."""
    shape = tuple(s if d == 1 else 1 for d, s in enumerate(x.shape))
    return graph.expand(graph.reshape(graph.cast(parameter, x.dtype), shape), x.shape)


def affine(y: Value, weight: Value | None, bias: Value | None) -> Value:
    """`weight y + bias` with vectors that have an element for each channel."""
    if weight is not None:
        y = ir.mul(y, channelwise(weight, y))
    return y if bias is None else ir.add(y, channelwise(bias, y))


def _others(x: Value) -> tuple[int, ...]:
    """All dimensions but the channels."""
    return (0, *range(2, x.ndim))


def _require_elements(x: Value, **parameters: Value | None) -> None:
    channels = x.shape[1] if x.ndim > 1 else 0
    for name, p in parameters.items():
        if p is not None and (p.ndim != 1 or p.shape[0] != channels):
            count = hint(product(p.shape))
            raise RuntimeError(f"{name} should contain {hint(channels)} elements not {count}")


def require_one_dtype(x: Value, parameters: Sequence[Value | None]) -> None:
    """Parameters have the dtype of x, or all of them that in which x is computed."""
    found = [p.dtype for p in parameters if p is not None]
    if all(dt is x.dtype for dt in found):
        return
    wide = accumulate(x.dtype)
    if wide.itemsize > float32.itemsize:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    if any(dt is not wide for dt in found):
        raise RuntimeError(
            f"mixed dtype (CPU): expect parameter to have scalar type of {TYPE_NAMES[wide]}, "
            f"got {', '.join(TYPE_NAMES[dt] for dt in found)}"
        )


# Over a batch


def _checked_batch(
    input: Value, running_mean: Value | None, running_var: Value | None, weight: Value | None, bias: Value | None
) -> Value:
    """The input in the dtype it is computed in."""
    if input.ndim < 2:
        ir.normalize_dim(1, input.ndim)
    _require_elements(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    require("batch_norm", input.dtype)
    require_one_dtype(input, (running_mean, running_var, weight, bias))
    return graph.cast(input, accumulate(input.dtype))


def _statistics_gradient(
    g: Value, input: Value, weight: Value | None, dims: tuple[int, ...], eps: Number
) -> tuple[Value, Value, Value]:
    """The gradients of input, weight and bias where mean and variance are the input's own, over `dims`.

    Two sums, of g and of g (x - mean), are all that the three need.
    """
    x = graph.cast(input, accumulate(input.dtype))
    g = graph.cast(g, x.dtype)
    mean, squares = moments(x, dims)
    rstd = inverse_deviation(x, squares, dims, eps)
    apart = ir.sub(x, spread(x, mean, dims))
    total, along = graph.reduce("sum", g, dims), graph.reduce("sum", ir.mul(g, apart), dims)
    scale = rstd if weight is None else ir.mul(rstd, graph.cast(weight, x.dtype))
    n = ir.count(x, dims)
    tilt = ir.div(ir.mul(ir.mul(rstd, rstd), along), n)
    slope = ir.sub(ir.sub(g, spread(x, ir.div(total, n), dims)), ir.mul(apart, spread(x, tilt, dims)))
    return ir.mul(slope, spread(x, scale, dims)), ir.mul(along, rstd), total


def _running_gradient(
    g: Value, input: Value, running_mean: Value, running_var: Value, weight: Value | None, eps: Number
) -> tuple[Value, Value, Value]:
    """The gradients of input, weight and bias where mean and variance are constants."""
    x, dims = graph.cast(input, accumulate(input.dtype)), _others(input)
    g = graph.cast(g, x.dtype)
    rstd = ir.rsqrt(ir.add(graph.cast(running_var, x.dtype), eps))
    along = graph.reduce("sum", ir.mul(g, ir.sub(x, channelwise(running_mean, x))), dims)
    scale = rstd if weight is None else ir.mul(rstd, graph.cast(weight, x.dtype))
    return ir.mul(g, channelwise(scale, x)), ir.mul(along, rstd), graph.reduce("sum", g, dims)


def _paired(
    found: tuple[Value, Value, Value],
    input: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None,
    bias: Value | None,
) -> list[Value]:
    """The gradients in the order of the arguments; running statistics have none."""
    flat = [(p, ir.full(p.shape, 0, p.dtype)) for p in (running_mean, running_var) if p is not None]
    return for_tensors((input, found[0]), *flat, (weight, found[1]), (bias, found[2]))


def _tracked_batch_rule(
    g: Sequence[Value],
    input: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None,
    bias: Value | None,
    momentum: Number,
    eps: Number,
) -> list[Value]:
    found = _statistics_gradient(g[0], input, weight, _others(input), eps)
    return _paired(found, input, running_mean, running_var, weight, bias)


def _untracked(tracked: Callable[..., list[Value]]) -> Callable[..., list[Value]]:
    """The rule of an operator that is told whether mean and variance are the input's own or constants."""

    def rule(
        g: Value,
        input: Value,
        running_mean: Value | None,
        running_var: Value | None,
        weight: Value | None,
        bias: Value | None,
        own: bool,
        momentum: Number,
        eps: Number,
    ) -> list[Value]:
        if own:
            return tracked([g], input, running_mean, running_var, weight, bias, momentum, eps)
        assert running_mean is not None and running_var is not None
        found = _running_gradient(g, input, running_mean, running_var, weight, eps)
        return _paired(found, input, running_mean, running_var, weight, bias)

    return rule


def _batches(make: Make) -> Iterator[Sample]:
    def statistics(channels: int) -> tuple[Any, Any]:
        return make(channels, low=-1, high=1, constant=True), make(channels, low=0.5, high=2, constant=True)

    for shape in ((4, 3), (2, 3, 4, 5), (0, 3, 2), (1, 2, 70)):
        channels = shape[1]
        yield (make(*shape), *statistics(channels)), {}
        yield (make(*shape), *statistics(channels), make(channels), make(channels)), {"eps": 0.1}
        if shape[0]:
            yield (make(*shape), *statistics(channels), make(channels), make(channels), True), {"momentum": 0.3}
            yield (make(*shape), None, None, make(channels), None, True), {}
    yield (make(4, 3, 5, noncontiguous=True), None, None, None, make(3), True), {}


_BATCH_ERRORS: list[tuple[Sample, type, str]] = [
    (args(wanted(2, 3, 4), None, None), RuntimeError, "running_mean must be defined in evaluation mode"),
    (args(wanted(2, 3, 4), wanted(3), None), RuntimeError, "running_var must be defined in evaluation mode"),
    (args(wanted(2, 3), wanted(4), wanted(4)), RuntimeError, "running_mean should contain 3 elements not 4"),
    (args(wanted(2, 3), wanted(3), wanted(4)), RuntimeError, "running_var should contain 3 elements not 4"),
    (args(wanted(2, 3), wanted(3), wanted(3), wanted(4)), RuntimeError, "weight should contain 3 elements not 4"),
    (args(wanted(2, 3), None, None, None, wanted(4), True), RuntimeError, "bias should contain 3 elements not 4"),
    (
        args(wanted(1, 3), None, None, training=True),
        ValueError,
        r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 3\]\)",
    ),
    (
        args(wanted(2, 3, dtype="int64"), wanted(3, dtype="int64"), wanted(3, dtype="int64")),
        NotImplementedError,
        "\"batch_norm\" not implemented for 'Long'",
    ),
    (
        args(wanted(2, 3), wanted(3, dtype="float64"), wanted(3)),
        RuntimeError,
        r"mixed dtype \(CPU\): expect parameter to have scalar type of Float",
    ),
    (
        args(wanted(2, 3, dtype="float64"), wanted(3), wanted(3)),
        RuntimeError,
        r"mixed dtype \(CPU\): all inputs must share same datatype.",
    ),
]


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    order="channels",
    dtypes="f",
    gradient=_untracked(_tracked_batch_rule),
    samples=_batches,
    errors=_BATCH_ERRORS,
    node="NativeBatchNormBackward0",
)
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Number = 0.1,
    eps: Number = 1e-5,
) -> Value:
    """`(x - mean) / sqrt(var + eps) * weight + bias` with the mean and the variance of each channel.

    While training they are those of the batch, else the running ones. Source: Ioffe, Szegedy, Batch Normalization,
    2015 (arXiv 1502.03167).
    """
    if not training:
        for name, p in (("running_mean", running_mean), ("running_var", running_var)):
            if p is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
    x = _checked_batch(input, running_mean, running_var, weight, bias)
    if training:
        return _normalized(input, x, weight, bias, _others(x), eps)[0]
    assert running_mean is not None and running_var is not None
    rstd = ir.rsqrt(ir.add(graph.cast(running_var, x.dtype), eps))
    scale = rstd if weight is None else ir.mul(rstd, graph.cast(weight, x.dtype))
    y = ir.mul(ir.sub(x, channelwise(running_mean, x)), channelwise(scale, x))
    return graph.cast(affine(y, None, bias), input.dtype)


def _normalized(
    input: Value, x: Value, weight: Value | None, bias: Value | None, dims: tuple[int, ...], eps: Number
) -> tuple[Value, Value, Value]:
    """The result, and over `dims` the mean and the variance of what the elements are a sample of."""
    mean, squares = moments(x, dims)
    y = ir.mul(ir.sub(x, spread(x, mean, dims)), spread(x, inverse_deviation(x, squares, dims, eps), dims))
    free = ir.sub(ir.lift(ir.count(x, dims)), 1)
    return graph.cast(affine(y, weight, bias), input.dtype), mean, ir.div(squares, free)


def _blended(
    running_mean: Value | None, running_var: Value | None, mean: Value, variance: Value, momentum: Number
) -> Iterator[Value]:
    """`(1 - momentum) running + momentum new` of the running statistics that there are."""
    for running, new in ((running_mean, mean), (running_var, variance)):
        if running is not None:
            kept = ir.mul(graph.cast(running, new.dtype), ir.sub(1, momentum))
            yield graph.cast(ir.add(kept, ir.mul(new, momentum)), running.dtype)


@operator(
    function=False,
    method=False,
    out=False,
    order="channels",
    gradient=_tracked_batch_rule,
    node="NativeBatchNormBackward0",
)
def batch_norm_tracked(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: Number,
    eps: Number,
) -> tuple[Value, ...]:
    """`batch_norm` while training, and the running statistics as they are after it."""
    x = _checked_batch(input, running_mean, running_var, weight, bias)
    result, mean, variance = _normalized(input, x, weight, bias, _others(x), eps)
    return result, *_blended(running_mean, running_var, mean, variance, momentum)


# Over a sample


def _checked_instances(
    input: Value, running_mean: Value | None, running_var: Value | None, weight: Value | None, bias: Value | None
) -> Value:
    """The input in the dtype it is computed in."""
    for name, p in {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}.items():
        if p is not None and (p.ndim != 1 or p.shape[0] != input.shape[1]):
            expected, found = (hint(input.shape[0]) * hint(s) for s in (input.shape[1], product(p.shape)))
            raise RuntimeError(f"{name} should contain {expected} elements not {found}")
    require("batch_norm", input.dtype)
    for group in ((running_mean, running_var), (weight, bias)):
        require_one_dtype(input, group)
    return graph.cast(input, accumulate(input.dtype))


def _tracked_instance_rule(
    g: Sequence[Value],
    input: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None,
    bias: Value | None,
    momentum: Number,
    eps: Number,
) -> list[Value]:
    by_input, by_weight, by_bias = _statistics_gradient(g[0], input, weight, tuple(range(2, input.ndim)), eps)
    found = by_input, graph.reduce("sum", by_weight, (0,)), graph.reduce("sum", by_bias, (0,))
    return _paired(found, input, running_mean, running_var, weight, bias)


def _instances(make: Make) -> Iterator[Sample]:
    def statistics(channels: int) -> tuple[Any, Any]:
        return make(channels, low=-1, high=1, constant=True), make(channels, low=0.5, high=2, constant=True)

    for shape in ((2, 3, 5), (1, 2, 3, 4)):
        channels = shape[1]
        yield (make(*shape),), {}
        yield (make(*shape), None, None, make(channels), make(channels)), {"eps": 0.1}
        yield (make(*shape), *statistics(channels), make(channels)), {"momentum": 0.3}
        yield (make(*shape), *statistics(channels), None, make(channels)), {"use_input_stats": False}
    yield (make(4, 3, 5, noncontiguous=True), None, None, None, make(3)), {}


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    gradient=_untracked(_tracked_instance_rule),
    samples=_instances,
    errors=[
        (args(wanted(2, 3, 4), wanted(4), wanted(4)), RuntimeError, "running_mean should contain 6 elements not 8"),
        (args(wanted(2, 3, 4), None, None, wanted(4)), RuntimeError, "weight should contain 6 elements not 8"),
        (
            args(wanted(2, 3, 4), use_input_stats=False),
            RuntimeError,
            "Expected running_mean and running_var to be defined when use_input_stats is false",
        ),
        (
            args(wanted(2, 3, 1)),
            ValueError,
            r"Expected more than 1 spatial element when training, got input size torch.Size\(\[2, 3, 1\]\)",
        ),
    ],
    node="ViewBackward0",
)
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: Number = 0.1,
    eps: Number = 1e-5,
) -> Value:
    """`(x - mean) / sqrt(var + eps) * weight + bias` with the mean and the variance of each channel of each sample.

    Source: Ulyanov, Vedaldi, Lempitsky, Instance Normalization, 2016 (arXiv 1607.08022).
    """
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm.define(input, running_mean, running_var, weight, bias, False, momentum, eps)
    x = _checked_instances(input, running_mean, running_var, weight, bias)
    return _normalized(input, x, weight, bias, tuple(range(2, x.ndim)), eps)[0]


@operator(function=False, method=False, out=False, gradient=_tracked_instance_rule, node="ViewBackward0")
def instance_norm_tracked(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: Number,
    eps: Number,
) -> tuple[Value, ...]:
    """`instance_norm`, and the running statistics as they are after it: they move towards the mean over the samples."""
    x = _checked_instances(input, running_mean, running_var, weight, bias)
    result, mean, variance = _normalized(input, x, weight, bias, tuple(range(2, x.ndim)), eps)
    return result, *_blended(running_mean, running_var, ir.mean(mean, 0), ir.mean(variance, 0), momentum)


OPERATORS: tuple[Operator, ...] = (batch_norm, batch_norm_tracked, instance_norm, instance_norm_tracked)
