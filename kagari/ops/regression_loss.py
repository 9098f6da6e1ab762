"""Losses of numbers that were predicted: of errors, and of densities with the prediction as a parameter.

With mean or sum a loss is one kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import single
from .check import C_NAMES, cannot_hold, require, result_type
from .operator import Number, Operator, Tensor, operator
from .reduction import integers, numbered, pairs, reduced, shape_errors
from .samples import Make, Sample, args, together, wanted


def _of_one_shape(input: Value, target: Value) -> tuple[Value, Value]:
    """Both in their common shape, where a single number has a say in the dtype."""
    shape = ir.broadcast_shape(input.shape, target.shape)
    return ir.broadcast_to(input, shape), ir.broadcast_to(target, shape)


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=pairs(),
    errors=[*shape_errors(), integers("mse_cpu")],
)
def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Value:
    """`(x - y)^2`."""
    input, target = _of_one_shape(input, target)
    require("mse_cpu", result_type(input, target))
    difference = ir.sub(input, target)
    return reduced(ir.mul(difference, difference), reduction)


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="fic",
    samples=pairs(),
    errors=[
        *shape_errors(),
        (
            args(wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="int64")),
            RuntimeError,
            r"mean\(\): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            r"Got: Long",
        ),
    ],
    node=nodes.reduced(2, none="AbsBackward0"),
)
def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Value:
    """`|x - y|`."""
    input, target = _of_one_shape(input, target)
    return reduced(ir.abs_(ir.sub(input, target)), reduction)


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=together(pairs(), pairs(beta=0.5)),
    errors=[*shape_errors(), integers("smooth_l1_cpu")],
)
def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: Number = 1.0) -> Value:
    """`(x - y)^2 / (2 beta)` where `|x - y| < beta`, `|x - y| - beta / 2` elsewhere."""
    input, target = _of_one_shape(input, target)
    require("smooth_l1_cpu", result_type(input, target))
    apart = ir.sub(input, target)
    distance = ir.abs_(apart)
    near = ir.div(ir.mul(ir.mul(apart, apart), 0.5), beta)
    return reduced(ir.where(ir.lt(distance, beta), near, ir.sub(distance, ir.mul(0.5, beta))), reduction)


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=together(pairs(), pairs(delta=0.5)),
    errors=[*shape_errors(), integers("huber_cpu")],
)
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: Number = 1.0) -> Value:
    """`(x - y)^2 / 2` where `|x - y| <= delta`, `delta (|x - y| - delta / 2)` elsewhere."""
    result = result_type(input, target)
    require("huber_cpu", result)
    if result.is_differentiable and not input.dtype.is_differentiable:
        raise RuntimeError(cannot_hold(result, input.dtype))
    apart = ir.sub(input, target)
    distance = ir.abs_(apart)
    near = ir.mul(ir.mul(apart, apart), 0.5)
    far = ir.mul(ir.sub(distance, ir.mul(0.5, delta)), delta)
    return reduced(graph.cast(ir.where(ir.le(distance, delta), near, far), input.dtype), reduction)


# Densities


def _counts(make: Make) -> Iterator[Sample]:
    for log_input in (True, False):
        for full in (True, False):
            rates = make(2, 3, low=0.2, high=2), make(2, 3, low=0, high=4)
            yield (*rates, log_input, full, 1e-8, 1), {}
    yield (make(2, 3), make(values=[[0.0, 1.0, 2.0], [3.0, 0.5, 1.5]], constant=True), True, True, 1e-8, 2), {}
    yield (make(2, 3), make(3, low=0, high=3, dtype="int64"), True, True, 1e-8, 0), {}
    yield (make(4, 5, noncontiguous=True), make(4, 5, low=0, high=3), True, False, 1e-8, 0), {}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="fic",
    samples=_counts,
    errors=[
        (
            args(wanted(2, 3), wanted(2), True, False, 1e-8, 1),
            RuntimeError,
            r"The size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dimension 1",
        )
    ],
    node=nodes.reduced(5, 0, "SubBackward0"),
)
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: Number, reduction: int) -> Value:
    """`exp(x) - y x` of the logarithm x of a Poisson distribution's rate, or `x - y log(x + eps)` of the rate.

    `full` adds Stirling's approximation of `log(y!)` where y is above 1.
    """
    if log_input:
        loss = ir.sub(ir.exp(input), ir.mul(target, input))
    else:
        loss = ir.sub(input, ir.mul(target, ir.log(ir.add(input, eps))))
    if full:
        large = ir.where(ir.gt(target, 1), target, 1)
        stirling = ir.sub(ir.mul(target, ir.log(large)), target) + ir.mul(ir.log(ir.mul(large, 2 * math.pi)), 0.5)
        loss = graph.cast(ir.add(loss, ir.where(ir.gt(target, 1), stirling, 0)), loss.dtype)
    return reduced(loss, numbered(reduction))


def _normals(make: Make) -> Iterator[Sample]:
    pair = make(2, 3), make(2, 3)
    for reduction in ("mean", "sum", "none"):
        yield (*pair, make(2, 3, low=0.5, high=2)), {"reduction": reduction}
    yield (*pair, make(2, 1, low=0.5, high=2)), {"full": True}
    yield (*pair, make(2, low=0.5, high=2)), {"reduction": "none"}
    raised = make(values=[0.0, 0.01, 4.0], dtype="float32")
    yield (make(3, dtype="float32"), make(3, dtype="float32"), raised), {"eps": 0.25}
    yield (make(4, 5, noncontiguous=True), make(4, 5), make(4, 5, low=0.5, high=2)), {}


def _of_rows(var: Value, input: Value) -> Value:
    """Variances of rows, `(*,)` or `(*, 1)`, as the latter: one of the sizes may be 1 instead of the input's."""
    if var.ndim == input.ndim - 1 and all(v == s for v, s in zip(var.shape, input.shape)):
        return ir.unsqueeze(var, var.ndim)
    differing = [v for v, s in zip(var.shape, input.shape) if v != s]
    if var.ndim != input.ndim or len(differing) != 1 or differing[0] != 1:
        raise ValueError("var is of incorrect size")
    return var


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=_normals,
    errors=[
        (args(wanted(2, 3), wanted(2, 3), wanted(3)), ValueError, "var is of incorrect size"),
        (args(wanted(2, 3), wanted(2, 3), wanted(2, 3), reduction="foo"), ValueError, "foo is not valid"),
        (
            args(wanted(2, dtype="int64"), wanted(2, dtype="int64"), wanted(2, dtype="int64")),
            RuntimeError,
            "result type Float can't be cast to the desired output type long int",
        ),
    ],
    node=nodes.reduced(5, none="MulBackward1"),
)
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: Number = 1e-6, reduction: str = "mean"
) -> Value:
    """`(log v + (x - y)^2 / v) / 2` of a normal distribution's mean x and variance v, which is at least `eps`.

    `full` adds `log(2 pi) / 2`. Of a variance that was raised to `eps` the gradient is that of `eps`.
    """
    if not var.dtype.is_floating_point:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {C_NAMES[var.dtype]}")
    if var.ndim != input.ndim or any(v != s for v, s in zip(var.shape, input.shape)):
        var = _of_rows(var, input)
    # Adding the variance without its value gives the bound the gradient that a bound has not.
    variance = ir.add(graph.detach(ir.maximum(var, eps)), ir.sub(var, graph.detach(var)))
    error = ir.sub(input, target)
    loss = ir.mul(ir.add(ir.log(variance), ir.div(ir.mul(error, error), variance)), 0.5)
    return reduced(ir.add(loss, 0.5 * math.log(2 * math.pi)) if full else loss, reduction)


OPERATORS: tuple[Operator, ...] = (mse_loss, l1_loss, smooth_l1_loss, huber_loss, poisson_nll_loss, gaussian_nll_loss)
