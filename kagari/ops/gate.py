"""Activations of more than the element itself: with a slope for each channel, or gated by the other half."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.symbols import Size, hint, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import lower
from .check import TYPE_NAMES, require
from .operator import Operator, Tensor, operator
from .samples import SPECIAL, Make, Sample, args, wanted
from .shapes import narrowed


def _slopes(make: Make) -> Iterator[Sample]:
    for shape, weights in (((2, 3), 3), ((2, 3), 1), ((4, 5, 6), 5), ((2, 1, 3), 1), ((0, 3), 3), ((2, 0), 0)):
        yield (make(*shape), make(weights)), {}
    yield (make(7), make()), {}
    yield (make(), make(1)), {}
    yield (make(4, 6, noncontiguous=True), make(6)), {}
    yield (make(3, 4, 70), make(4)), {}
    yield (make(values=SPECIAL), make(1)), {}


@operator(
    autocast=lower,
    pointwise=True,
    out=False,
    samples=_slopes,
    dtypes="f",
    errors=[
        (
            args(wanted(2, 3), wanted(2)),
            RuntimeError,
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = 2 and channel size = 3.",
        ),
        (args(wanted(3), wanted(3)), RuntimeError, "Found parameter numbers = 3 and channel size = 1."),
        (args(wanted(), wanted(2)), RuntimeError, "Not allow zero-dim input tensor."),
        (
            args(wanted(2, 3), wanted(1, 3)),
            RuntimeError,
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = 2",
        ),
        (
            args(wanted(2, 3), wanted(3, dtype="float64")),
            RuntimeError,
            "prelu: Type promoting not supported. Got Float and Double",
        ),
        (args(wanted(2, dtype="int64"), wanted(1, dtype="int64")), NotImplementedError, "\"prelu_cpu\" .* for 'Long'"),
    ],
    node="PreluKernelBackward0",
)
def prelu(input: Tensor, weight: Tensor) -> Value:
    """`out_i = input_i` above 0, `weight_c * input_i` elsewhere; `weight` has one number or one for each channel c.

    The channels are dimension 1 of `input`.

    >>> import kagari as torch
    >>> torch.prelu(torch.tensor([-1.0, 2.0]), torch.tensor(0.5))
    tensor([-0.5000,  2.0000])
    """
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {TYPE_NAMES[input.dtype]} and {TYPE_NAMES[weight.dtype]}"
        )
    count = product(weight.shape)
    if count != 1:
        if not input.ndim:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels: Size = input.shape[1] if input.ndim > 1 else 1
        if channels != count:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{hint(count)} and channel size = {hint(channels)}."
            )
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    require("prelu_cpu", input.dtype)
    if input.ndim > 1:
        slope = graph.reshape(weight, (1, count, *(1,) * (input.ndim - 2)))
    else:
        slope = graph.reshape(weight, (1,) * input.ndim)
    return ir.where(ir.lt(0, input), input, input * slope)


def _halves(make: Make) -> Iterator[Sample]:
    for shape, named in (
        ((3, 4), {}),
        ((4, 3), {"dim": 0}),
        ((2, 6, 5), {"dim": 1}),
        ((2, 6, 5), {"dim": -2}),
        ((0, 4), {}),
        ((4, 0), {}),
        ((0, 4), {"dim": 0}),
        ((3, 70), {}),
    ):
        yield (make(*shape),), named
    yield (make(4, 6, noncontiguous=True),), {}
    yield (make(values=[1.0, float("nan"), float("inf"), -200.0, 0.0, 1.0, 2.0, 200.0]),), {}


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    samples=_halves,
    dtypes="f",
    errors=[
        (args(wanted(3, 4), 0), RuntimeError, "Halving dimension must be even, but dimension 0 is size 3"),
        (args(wanted()), RuntimeError, "glu does not support scalars because halving size must be even"),
        (args(wanted(4), 1), IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)"),
        (args(wanted(4, dtype="int64")), NotImplementedError, "\"glu_cpu\" not implemented for 'Long'"),
    ],
)
def glu(input: Tensor, dim: int = -1) -> Value:
    """`a * sigmoid(b)`, where a and b are the two halves of `input` along `dim`."""
    if not input.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    dim = ir.normalize_dim(dim, input.ndim)
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {hint(size)}")
    require("glu_cpu", input.dtype)
    half = size // 2
    return narrowed(input, dim, 0, half) * ir.sigmoid(narrowed(input, dim, half, half))


OPERATORS: tuple[Operator, ...] = (prelu, glu)
