"""Losses of classes and probabilities. Each is written for one element or one row, and reduced as `reduction` says.

With mean or sum a loss of single elements is one kernel; a loss of rows is one kernel over the rows and one that joins
their results.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, bool_, int64, uint8
from ..base.symbols import hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import single
from .check import TWO_BOOLS, TYPE_NAMES, cannot_hold, for_tensors, require, result_type
from .operator import Operator, Tensor, operator
from .reduction import numbered, pairs, reduced, spread_over
from .samples import Make, Sample, args, together, wanted
from .shapes import listed, without
from .softmax import log_probabilities, shifted, spread

# Losses of single elements


def _entropies(input: Value, target: Value, weight: Value | None) -> Value:
    """`-w (t log x + (1 - t) log(1 - x))`, with logarithms no less than -100."""
    one, zero = ir.maximum(ir.log(input), -100), ir.maximum(ir.log1p(ir.neg(input)), -100)
    loss = ir.sub(ir.mul(ir.sub(target, 1), zero), ir.mul(target, one))
    return loss if weight is None else ir.mul(loss, graph.cast(weight, loss.dtype))


def _binary_cross_entropy_gradient(
    g: Value, input: Value, target: Value, weight: Value | None = None, reduction: str = "mean"
) -> list[Value]:
    """`(x - t) / max(x (1 - x), 1e-12)`, which stays finite where the input is 0 or 1."""
    each = spread_over(g, input, reduction)
    unweighted = each
    if weight is not None:
        each = ir.mul(each, graph.cast(weight, each.dtype))
    slope = ir.div(ir.sub(input, target), ir.maximum(ir.mul(ir.sub(1, input), input), 1e-12))
    odds = ir.sub(ir.maximum(ir.log1p(ir.neg(input)), -100), ir.maximum(ir.log(input), -100))
    by_weight = ir.mul(unweighted, _entropies(input, target, None))
    return for_tensors((input, ir.mul(each, slope)), (target, ir.mul(each, odds)), (weight, by_weight))


def _weighted(make: Make) -> Iterator[Sample]:
    yield (make(2, 3, low=0.1, high=0.9), make(2, 3, low=0, high=1), make(3, low=0, high=2, constant=True)), {}
    yield (
        (make(2, 3, low=0.1, high=0.9), make(2, 3, low=0, high=1), make(2, 3, low=0, high=2, constant=True)),
        {"reduction": "sum"},
    )
    yield (make(values=[0.0, 1.0, 0.0, 1.0]), make(values=[0.0, 1.0, 1.0, 0.0])), {}


def _probability(x: Value) -> Value:
    return ir.require(ir.bitand(ir.ge(x, 0), ir.le(x, 1)), x)


def _no_probability(input: Any = None, target: Any = None, *_: Any) -> str:
    """Which of the arrays, of one shape, has the first element that is none; the input where both have it."""
    wrong = "input"
    if input is not None:
        fine = [((x >= 0) & (x <= 1)).ravel() for x in (input, target)]
        wrong = "target" if fine[0][(fine[0] & fine[1]).argmin()] else "input"
    return f"all elements of {wrong} should be between 0 and 1"


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    refusal=_no_probability,
    gradient=_binary_cross_entropy_gradient,
    samples=together(pairs(0.05, 0.95, 0, 1), _weighted),
    errors=[
        (args(wanted(2, 3), wanted(2, 3, dtype="float64")), RuntimeError, "Found dtype Double but expected Float"),
        (
            args(wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="int64")),
            NotImplementedError,
            "not implemented for 'Long'",
        ),
    ],
)
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Value:
    """`-w (y log x + (1 - y) log(1 - x))` of probabilities x, with logarithms no less than -100."""
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {TYPE_NAMES[target.dtype]} but expected {TYPE_NAMES[input.dtype]}")
    require("binary_cross_entropy", input.dtype)
    if weight is not None and ir.broadcast_shape(input.shape, weight.shape) != input.shape:
        raise RuntimeError(
            f"output with shape {listed(input.shape)} doesn't match the broadcast shape "
            f"{listed(ir.broadcast_shape(input.shape, weight.shape))}"
        )
    input, target = (_probability(x) for x in (input, target))
    return reduced(_entropies(input, target, weight), reduction)


def _surprise(input: Value, target: Value, pos_weight: Value | None) -> Value:
    """`(1 + (p - 1) t) -log s(x)`; of the logarithm the first part never overflows."""
    negative_log = ir.add(ir.log1p(ir.exp(ir.neg(ir.abs_(input)))), ir.maximum(ir.neg(input), 0))
    return negative_log if pos_weight is None else ir.mul(_positive_factor(target, pos_weight), negative_log)


def _positive_factor(target: Value, pos_weight: Value) -> Value:
    return ir.add(ir.mul(ir.sub(pos_weight, 1), target), 1)


def _logits_gradient(
    g: Value,
    input: Value,
    target: Value,
    weight: Value | None = None,
    pos_weight: Value | None = None,
    reduction: str = "mean",
) -> list[Value]:
    """`s(x) - t`, smooth where the terms of the definition are not."""
    surprise = _surprise(input, target, None)
    loss = ir.add(ir.mul(ir.sub(1, target), input), _surprise(input, target, pos_weight))
    each = spread_over(g, loss if weight is None else ir.mul(loss, weight), reduction)
    weighted = each if weight is None else ir.mul(each, weight)
    if pos_weight is None:
        slope, by_target = ir.sub(ir.sigmoid(input), target), ir.neg(input)
    else:
        factor = _positive_factor(target, pos_weight)
        slope = ir.sub(ir.sub(1, target), ir.mul(factor, ir.sigmoid(ir.neg(input))))
        by_target = ir.sub(ir.mul(ir.sub(pos_weight, 1), surprise), input)
    return for_tensors(
        (input, ir.mul(weighted, slope)),
        (target, ir.mul(weighted, by_target)),
        (weight, ir.mul(each, loss)),
        (pos_weight, ir.mul(weighted, ir.mul(target, surprise))),
    )


def _logit_weights(make: Make) -> Iterator[Sample]:
    both = {"weight": make(3, low=0, high=2, constant=True), "pos_weight": make(3, low=0.5, high=2, constant=True)}
    yield (make(2, 3), make(2, 3, low=0, high=1)), both
    yield (
        (make(2, 3), make(2, 3, low=0, high=1)),
        {"pos_weight": make(3, low=0.5, high=2, constant=True), "reduction": "none"},
    )
    yield (make(values=[-100.0, 100.0, 0.0, 30.0]), make(values=[0.0, 1.0, 0.5, 0.0])), {"reduction": "none"}


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    gradient=_logits_gradient,
    samples=together(pairs(-3, 3, 0, 1), _logit_weights),
    errors=[
        (
            args(wanted(2, 3), wanted(2, 3), pos_weight=wanted(4)),
            RuntimeError,
            r"The size of tensor a \(4\) must match the size of tensor b \(3\) at non-singleton dimension 1",
        ),
        (
            args(wanted(2), wanted(2, dtype="int64")),
            RuntimeError,
            "result type Float can't be cast to the desired output type Long",
        ),
        (args(wanted(2), wanted(2, dtype="bool")), RuntimeError, "with two bool tensors is not supported"),
    ],
)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Value:
    """`-w (p y log s(x) + (1 - y) log(1 - s(x)))` with the logistic function s, for logits x of any size."""
    require("log_sigmoid_cpu", input.dtype)
    if target.dtype is bool_:
        raise RuntimeError(TWO_BOOLS)
    if not target.dtype.is_differentiable:
        raise RuntimeError(cannot_hold(input.dtype, target.dtype))
    loss = ir.add(ir.mul(ir.sub(1, target), input), _surprise(input, target, pos_weight))
    # PyTorch computes in the memory of the target's complement.
    return reduced(graph.cast(loss if weight is None else ir.mul(loss, weight), target.dtype), reduction)


def _divergences(make: Make) -> Iterator[Sample]:
    for reduction in (0, 1, 2):
        yield (make(2, 3), make(2, 3, low=0, high=1), reduction), {}
    yield (make(2, 3), make(2, 3)), {"log_target": True, "reduction": 2}
    yield (make(3), make(values=[0.0, 1.0, 0.5], constant=True)), {"reduction": 2}
    yield (make(4, 5, noncontiguous=True), make(5, low=0, high=1)), {"reduction": 2}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="f",
    samples=_divergences,
    errors=[
        (
            args(wanted(2, 3), wanted(2, 4), reduction=2),
            RuntimeError,
            r"must match the size of tensor . \(.\) at non-singleton dimension 1",
        ),
        (
            args(wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="int64"), reduction=2),
            RuntimeError,
            "kl_div: Integral inputs not supported",
        ),
    ],
    node=nodes.reduced(2, 0, "SubBackward0"),
)
def kl_div(input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False) -> Value:
    """`y (log y - x)` of log-probabilities x and probabilities y, or of their logarithms where `log_target` says so."""
    if not (input.dtype.is_floating_point and target.dtype.is_floating_point):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        return reduced(ir.mul(ir.exp(target), ir.sub(target, input)), numbered(reduction))
    # 0 log 0 is 0, and so is its gradient.
    none = ir.eq(target, 0)
    entropy = ir.mul(target, ir.log(ir.where(none, 1, target)))
    return reduced(ir.sub(entropy, ir.mul(target, input)), numbered(reduction))


# Losses of rows: one class among many


def _class_dim(input: Value) -> int:
    return 1 if input.ndim > 1 else 0


def _require_classes(input: Value, target: Value, weight: Value | None) -> None:
    """Raises, worded as in PyTorch, unless `target` has the shape of `input` without its classes."""
    if not input.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    targets = target.shape[0] if target.ndim else 0
    if input.ndim != 1 and input.shape[0] != targets:
        raise ValueError(
            f"Expected input batch_size ({hint(input.shape[0])}) to match target batch_size ({hint(targets)})."
        )
    if target.dtype not in (int64, uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {TYPE_NAMES[target.dtype]}")
    if input.ndim <= 2 and (target.ndim > 1 or (input.ndim == 2 and not target.ndim)):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input.ndim == 4 and target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    expected = without(input.shape, _class_dim(input))
    if input.ndim > 1 and (target.ndim != len(expected) or any(a != b for a, b in zip(target.shape, expected))):
        raise RuntimeError(
            f"size mismatch (got input: {listed(input.shape)} , target: {listed(target.shape)}"
            if input.ndim == 4
            else f"Expected target size {listed(expected)}, got {listed(target.shape)}"
        )
    if input.ndim == 1 and target.ndim and target.shape[0] != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {hint(target.shape[0])}")
    _require_weight(input, weight)


def _require_weight(input: Value, weight: Value | None) -> None:
    classes = input.shape[_class_dim(input)]
    if weight is not None and (weight.ndim != 1 or weight.shape[0] != classes):
        raise RuntimeError(
            f"weight tensor should be defined either for all {hint(classes)} classes or no classes but got weight "
            f"tensor of shape: "
            f"{listed(weight.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[input.dtype]} but found {TYPE_NAMES[weight.dtype]}")


def _by_class(weight: Value, input: Value, dtype_of: Value) -> Value:
    """The weights of the classes, repeated to the shape of the input."""
    dim = _class_dim(input)
    line = graph.reshape(weight, tuple(weight.shape[0] if d == dim else 1 for d in range(input.ndim)))
    return graph.expand(graph.cast(line, dtype_of.dtype), input.shape)


def _chosen(x: Value, target: Value, ignore_index: int) -> tuple[Value, Value]:
    """For each row the number of its class, 0 where the target is to be ignored, and whether it counts."""
    rows = without(x.shape, _class_dim(x))
    index = graph.reshape(graph.cast(target, int64), rows)
    counts = ir.ne(index, ignore_index)
    return ir.where(counts, index, 0), counts


def _averaged(losses: Value, counts: Value, weights: Value | None, reduction: str) -> Value:
    """The losses of the rows that count; their mean is divided by the sum of their weights."""
    losses = ir.where(counts, losses, 0)
    if reduction != "mean":
        return reduced(losses, reduction)
    total = ir.sum_(graph.cast(counts, losses.dtype) if weights is None else ir.where(counts, weights, 0))
    return ir.div(ir.sum_(losses), total)


def _labels(make: Make) -> Iterator[Sample]:
    pair = make(3, 4), make(values=[3, 0, 1], dtype="int64")
    for reduction in ("mean", "sum", "none"):
        yield pair, {"reduction": reduction}
    yield pair, {"weight": make(4, low=0.5, high=2, constant=True)}
    yield pair, {"weight": make(4, low=0.5, high=2, constant=True), "reduction": "none"}
    yield pair, {"ignore_index": 0}
    yield pair, {"ignore_index": 0, "weight": make(4, low=0.5, high=2, constant=True)}
    yield (make(3, 4), make(values=[3, -100, 1], dtype="int64")), {}
    yield (make(5), make(values=2, dtype="int64")), {}
    yield (make(2, 3, 4), make(values=[[0, 1, 2, 0], [2, 2, 1, 0]], dtype="int64")), {}
    images = make(2, 3, 2, 2), make(values=[[[0, 1], [2, 0]], [[2, 2], [1, -100]]], dtype="int64")
    yield images, {}
    yield images, {"reduction": "none", "weight": make(3, low=0.5, high=2, constant=True)}
    yield (make(3, 4, noncontiguous=True), make(values=[3, 0, 1], dtype="int64")), {}
    yield (make(0, 3), make(0, dtype="int64")), {"reduction": "sum"}
    yield (make(2, 70), make(values=[69, 3], dtype="int64")), {}


_LABEL_ERRORS = [
    (
        args(wanted(2, 3), wanted(3, dtype="int64")),
        ValueError,
        r"Expected input batch_size \(2\) to match target batch_size \(3\)",
    ),
    (args(wanted(2, 3), wanted(2)), RuntimeError, "expected target dtype to be Long or Byte, but got Float"),
    (
        args(wanted(2, 3), wanted(2, dtype="int64"), wanted(4)),
        RuntimeError,
        "weight tensor should be defined either for all 3 classes or no",
    ),
    (
        args(wanted(2, 3), wanted(2, 2, dtype="int64")),
        RuntimeError,
        "0D or 1D target tensor expected, multi-target not supported",
    ),
    (args(wanted(2, 3, 4), wanted(2, 5, dtype="int64")), RuntimeError, r"Expected target size \[2, 4\], got \[2, 5\]"),
    (
        args(wanted(2, 3, 4, 5), wanted(2, 4, 6, dtype="int64")),
        RuntimeError,
        r"size mismatch \(got input: \[2, 3, 4, 5\] , target: \[2, 4, 6\]",
    ),
    (args(wanted(2, 3, 4, 5), wanted(2, 4, dtype="int64")), RuntimeError, "only batches of spatial targets supported"),
]


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=_labels,
    errors=[
        *_LABEL_ERRORS,
        (args(wanted(), wanted(dtype="int64")), ValueError, r"Expected 1 or more dimensions \(got 0\)"),
    ],
    node=lambda args: f"NllLoss{'2D' if nodes.rank(args) > 2 else ''}Backward0",
)
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean", ignore_index: int = -100
) -> Value:
    """`-w[y] x[y]` of log-probabilities x, `(N, C, *)`, and the number y of the class, `(N, *)`.

    Rows whose class is `ignore_index` do not count.
    """
    _require_classes(input, target, weight)
    require("nll_loss_out_frame", input.dtype)
    dim = _class_dim(input)
    x = graph.cast(input, accumulate(input.dtype))
    index, counts = _chosen(x, target, ignore_index)
    losses = ir.neg(graph.pick(x, index, dim))
    weights = None if weight is None else graph.pick(_by_class(weight, x, x), index, dim)
    losses = losses if weights is None else ir.mul(losses, weights)
    return _as_result(_averaged(losses, counts, weights, reduction), input, target, reduction)


def _as_result(loss: Value, input: Value, target: Value, reduction: str) -> Value:
    """In the dtype of the input and, unreduced, in the shape of the target."""
    shaped = loss if reduction != "none" else graph.reshape(loss, target.shape)
    return graph.cast(shaped, input.dtype)


def _mixtures(make: Make) -> Iterator[Sample]:
    yield from _labels(make)
    pair = make(3, 4), make(values=[3, -100, 1], dtype="int64")
    for reduction in ("mean", "sum", "none"):
        yield pair, {"label_smoothing": 0.2, "reduction": reduction}
    yield pair, {"label_smoothing": 0.2, "weight": make(4, low=0.5, high=2, constant=True)}
    for reduction in ("mean", "sum", "none"):
        yield (make(3, 4), make(3, 4, low=0, high=1)), {"reduction": reduction}
    yield (
        (make(3, 4), make(3, 4, low=0, high=1)),
        {"weight": make(4, low=0.5, high=2, constant=True), "label_smoothing": 0.1},
    )
    yield (make(2, 3, 2, 2), make(2, 3, 2, 2, low=0, high=1)), {}
    yield (make(4), make(4, low=0, high=1)), {}
    yield (make(values=[[1e4, -1e4, 0.0], [5.0, 1.0, 2.0]]), make(values=[1, 0], dtype="int64")), {}


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=_mixtures,
    errors=[
        *_LABEL_ERRORS,
        (
            args(wanted(2, 3), wanted(2, 3, dtype="int64")),
            RuntimeError,
            "Expected floating point type for target with class probabilities",
        ),
        (
            args(wanted(2, 3), wanted(2, 3), ignore_index=2),
            RuntimeError,
            "ignore_index is not supported for floating point target",
        ),
        (
            args(wanted(2, 3), wanted(2, dtype="int64"), label_smoothing=2.0),
            RuntimeError,
            "label_smoothing must be between 0.0 and 1.0. Got: 2",
        ),
    ],
    node="NllLossBackward0",
)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Value:
    """`-w[y] log(softmax(x)[y])` of logits x, `(N, C, *)`, and the number y of the class, `(N, *)`.

    Of probabilities y of all classes, `(N, C, *)`, it is `-sum_c w[c] y[c] log(softmax(x)[c])`.
    Label smoothing gives that share of the probability to all classes alike. Source of it: Szegedy and others,
    Rethinking the Inception Architecture for Computer Vision, 2015 (arXiv 1512.00567).
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if input.ndim == target.ndim and all(a == b for a, b in zip(input.shape, target.shape)):
        return _soft(input, target, weight, reduction, ignore_index, label_smoothing)
    ir.normalize_dim(0 if input.ndim == 1 else 1, input.ndim)
    _require_classes(input, target, weight)
    require("log_softmax_lastdim_kernel_impl", input.dtype)
    dim = _class_dim(input)
    x = graph.cast(input, accumulate(input.dtype))
    index, counts = _chosen(x, target, ignore_index)
    below, largest = shifted(x, (dim,))
    normalizer = ir.log(graph.reduce("sum", ir.exp(below), (dim,)))
    losses = ir.sub(normalizer, ir.sub(graph.pick(x, index, dim), largest))
    weights = None if weight is None else graph.pick(_by_class(weight, x, x), index, dim)
    losses = losses if weights is None else ir.mul(losses, weights)
    if label_smoothing:
        every = ir.sub(below, spread(x, normalizer, (dim,)))
        every = every if weight is None else ir.mul(every, _by_class(weight, x, x))
        smooth = ir.div(graph.reduce("sum", every, (dim,)), x.shape[dim])
        losses = ir.sub(ir.mul(losses, 1 - label_smoothing), ir.mul(smooth, label_smoothing))
    return _as_result(_averaged(losses, counts, weights, reduction), input, target, reduction)


def _soft(
    input: Value, target: Value, weight: Value | None, reduction: str, ignore_index: int, smoothing: float
) -> Value:
    """The cross entropy with the probabilities of all classes."""
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {TYPE_NAMES[target.dtype]}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _require_weight(input, weight)
    require("log_softmax_lastdim_kernel_impl", input.dtype)
    dim = _class_dim(input)
    x = graph.cast(input, accumulate(input.dtype))
    share = target if not smoothing else ir.add(ir.mul(target, 1 - smoothing), ir.div(smoothing, x.shape[dim]))
    every = ir.mul(log_probabilities(x, (dim,)), share)
    every = every if weight is None else ir.mul(every, _by_class(weight, x, every))
    losses = ir.neg(graph.reduce("sum", every, (dim,)))
    dt = result_type(input, target)
    if reduction == "mean":
        rows = ir.count(x, tuple(d for d in range(x.ndim) if d != dim))
        return graph.cast(ir.div(ir.sum_(losses), rows), dt)
    return graph.cast(reduced(losses, reduction), dt)


OPERATORS: tuple[Operator, ...] = (
    binary_cross_entropy, binary_cross_entropy_with_logits, kl_div, nll_loss, cross_entropy,
)  # fmt: skip
