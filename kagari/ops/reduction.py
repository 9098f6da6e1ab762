"""How losses are reduced, and what losses of single elements are tried with."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.dtypes import accumulate, int64
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import TYPE_NAMES
from .samples import Make, Sample, args, wanted


def numbered(reduction: int) -> str:
    """The reduction that the functions of PyTorch's top namespace know by a number: 1 is the mean, 2 the sum.

    Any other number is none, which is also their default there.
    """
    return {1: "mean", 2: "sum"}.get(reduction, "none")


def reduced(x: Value, reduction: str) -> Value:
    """All losses, their mean or their sum."""
    if reduction == "none":
        return x
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if reduction == "mean" and not x.dtype.is_differentiable:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{TYPE_NAMES[x.dtype]}"
        )
    if not x.dtype.is_differentiable:
        return ir.sum_(graph.cast(x, int64))
    wide = graph.cast(x, accumulate(x.dtype))
    return graph.cast(ir.sum_(wide) if reduction == "sum" else ir.mean(wide), x.dtype)


def spread_over(g: Value, x: Value, reduction: str) -> Value:
    """The gradient of each element of x, given that of its reduction."""
    if reduction == "none":
        return g
    whole = ir.broadcast_to(g, x.shape)
    return ir.div(whole, ir.count(x, tuple(range(x.ndim)))) if reduction == "mean" else whole


def pairs(low: float = -3, high: float = 3, target_low: float = -3, target_high: float = 3, **named: object):
    """Samples: an input and a target, with each reduction."""

    def samples(make: Make) -> Iterator[Sample]:
        def pair(*shape: int, **how: object) -> tuple[object, object]:
            return make(*shape, low=low, high=high, **how), make(*shape, low=target_low, high=target_high)

        for reduction in ("mean", "sum", "none"):
            yield pair(2, 3), {"reduction": reduction, **named}
        yield pair(), dict(named)
        yield pair(0, 3), {"reduction": "sum", **named}
        yield pair(4, 5, noncontiguous=True), dict(named)
        yield pair(1000), dict(named)

    return samples


def shape_errors(dtype: str = "float32") -> list[tuple[Sample, type, str]]:
    """Calls that must fail: of sizes that do not fit, and with no such reduction."""
    return [
        (
            args(wanted(2, 3, dtype=dtype), wanted(2, dtype=dtype)),
            RuntimeError,
            r"The size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 1",
        ),
        (
            args(wanted(2, 3, dtype=dtype), wanted(2, 3, dtype=dtype), reduction="foo"),
            ValueError,
            "foo is not a valid value for reduction",
        ),
    ]


def integers(name: str) -> tuple[Sample, type, str]:
    """A call of integers, which the kernel of that name must refuse."""
    pair = args(wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="int64"))
    return pair, NotImplementedError, f"\"{name}\" not implemented for 'Long'"
