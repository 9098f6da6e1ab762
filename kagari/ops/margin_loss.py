"""Losses that ask for a margin: between scores, or between distances."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.dtypes import accumulate, dtype, float32, int64
from ..base.symbols import hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import single
from .check import TYPE_NAMES, cannot_hold, require, result_type
from .distance import distance, require_wide, root
from .operator import Number, Operator, Tensor, operator
from .reduction import numbered, pairs, reduced, spread_over
from .samples import Make, Sample, args, wanted
from .shapes import listed
from .unary import neg


def _excess(x: Value) -> Value:
    """`max(x, 0)`; at 0 the gradient is that of x."""
    return ir.where(ir.lt(x, 0), 0, x)


def _signs(make: Make, *shape: int) -> Sample:
    """1 and -1, as numbers of the dtype that is tried."""
    values = [1.0 if (k * 7) % 3 else -1.0 for k in range(math.prod(shape))]
    nested = values if len(shape) == 1 else [values[k : k + shape[1]] for k in range(0, len(values), shape[1])]
    return make(values=nested, constant=True)


_BROADCAST = r"The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 1"


# Margins of numbers


def _hinges(make: Make) -> Iterator[Sample]:
    for reduction in (0, 1, 2):
        yield (make(2, 3), _signs(make, 2, 3), 1.0, reduction), {}
    yield (make(2, 3), _signs(make, 3), 0.5), {}
    yield (make(values=[1.0, -1.0, 2.0, 0.5]), make(values=[-1.0, -1.0, 0.0, 1.0], constant=True), 1.0, 0), {}
    yield (make(4, 5, noncontiguous=True), _signs(make, 4, 5)), {}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="fi",
    samples=_hinges,
    errors=[
        (args(wanted(2, 3), wanted(2, 4)), RuntimeError, r"must match the size of tensor . \(.\) at non-singleton"),
        (
            args(wanted(2, dtype="int64"), wanted(2, dtype="int64"), 1.0, 1),
            RuntimeError,
            r"mean\(\): could not infer output dtype. Input dtype must be either a floating point",
        ),
    ],
    node=nodes.reduced(3, 0, "AddBackward0"),
)
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: Number = 1.0, reduction: int = 0) -> Value:
    """x of targets 1, `max(0, margin - x)` of targets -1."""
    far = ir.where(ir.ne(target, 1), _excess(graph.cast(ir.sub(margin, input), input.dtype)), 0)
    return reduced(ir.add(far, ir.where(ir.ne(target, -1), input, 0)), numbered(reduction))


def _rankings(make: Make) -> Iterator[Sample]:
    for reduction in (0, 1, 2):
        yield (make(2, 3), make(2, 3), _signs(make, 2, 3), 0.5, reduction), {}
    yield (make(2, 3), make(3), _signs(make, 2, 3)), {}
    yield (make(values=[1.0, 2.0]), make(values=[1.0, 2.0]), make(values=[1.0, -1.0], constant=True)), {}
    yield (make(4, 5, noncontiguous=True), make(4, 5), _signs(make, 4, 5)), {}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="fi",
    samples=_rankings,
    errors=[
        (args(wanted(2, 3), wanted(2, 4), wanted(2, 4)), RuntimeError, _BROADCAST),
        (args(wanted(3), wanted(3), wanted(3, dtype="bool")), RuntimeError, "Negation, the `-` operator, on a bool"),
    ],
    node=nodes.reduced(4, 0, "ClampMinBackward0"),
)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: Number = 0.0, reduction: int = 0
) -> Value:
    """`max(0, margin - y (x1 - x2))`: the first is to be larger where y is 1, the second where it is -1."""
    return reduced(_excess(ir.add(ir.mul(neg.define(target), ir.sub(input1, input2)), margin)), numbered(reduction))


def _soft_margin_gradient(g: Value, input: Value, target: Value, reduction: str = "mean") -> list[Value]:
    """Of the input `-y s(-y x)` with the logistic function s, which no exponential overflows."""
    product = ir.mul(input, target)
    each = ir.mul(spread_over(g, product, reduction), ir.neg(ir.sigmoid(ir.neg(product))))
    return [ir.sum_to(ir.mul(each, by), x.shape) for x, by in ((input, target), (target, input))]


def _signed(make: Make) -> Iterator[Sample]:
    for reduction in ("mean", "sum", "none"):
        yield (make(2, 3), _signs(make, 2, 3)), {"reduction": reduction}
    yield (make(4, 5, noncontiguous=True), _signs(make, 5)), {}
    yield (make(), make(values=-1.0, constant=True)), {}
    yield (make(0, 3), make(3, constant=True)), {"reduction": "sum"}
    yield (make(values=[1e4, -1e4]), make(values=[1.0, -1.0], constant=True)), {"reduction": "none"}


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="fc",
    gradient=_soft_margin_gradient,
    samples=_signed,
    errors=[
        (args(wanted(2, 3), wanted(2, 4)), RuntimeError, _BROADCAST),
        (
            args(wanted(2, dtype="int64"), wanted(2, dtype="int64")),
            RuntimeError,
            "result type Float can't be cast to the desired output type Long",
        ),
    ],
)
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Value:
    """`log(1 + exp(-y x))` of targets y that are 1 or -1."""
    if not input.dtype.is_differentiable:
        raise RuntimeError(cannot_hold(float32, input.dtype))
    x = graph.cast(input, accumulate(input.dtype))
    return graph.cast(reduced(ir.log1p(ir.exp(ir.neg(ir.mul(x, target)))), reduction), input.dtype)


# Margins of scores: the classes of a row


def _require_scores(kernel: str, input: Value) -> None:
    """Raises unless the input holds the scores of one row or of several."""
    if input.ndim > 2 or (input.ndim and isinstance(input.shape[-1], int) and not input.shape[-1]):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {listed(input.shape)}"
        )
    require_wide(kernel, input)


def _require_type(dt: dtype, found: dtype) -> None:
    if found is not dt:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[dt]} but found {TYPE_NAMES[found]}")


def _pair_of_classes(make: Make) -> Iterator[Sample]:
    pair = make(3, 4), make(values=[3, 0, 1], dtype="int64")
    for reduction in ("mean", "sum", "none"):
        for p in (1, 2):
            yield pair, {"p": p, "reduction": reduction}
    yield pair, {"margin": 0.25, "weight": make(4, low=0.5, high=2, constant=True)}
    yield pair, {"p": 2, "weight": make(4, low=0.5, high=2, constant=True), "reduction": "none"}
    yield (make(4), make(values=2, dtype="int64")), {"reduction": "none"}
    yield (make(4), make(values=[2], dtype="int64")), {"reduction": "none"}
    yield (make(), make(values=0, dtype="int64")), {}
    yield (make(4, 5, noncontiguous=True), make(values=[3, 0, 1, 4], dtype="int64")), {}
    yield (make(0, 3), make(0, dtype="int64")), {"reduction": "none"}


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    refusal="target out of range",
    samples=_pair_of_classes,
    errors=[
        (
            args(wanted(2, 3, 3), wanted(2, dtype="int64")),
            RuntimeError,
            r"Expected non-empty vector or matrix with optional 0-dim batch size, but got: \[2, 3, 3\]",
        ),
        (args(wanted(2, 3), wanted(2, dtype="int64"), p=3), ValueError, "only p == 1 and p == 2 supported"),
        (
            args(wanted(2, 3), wanted(3, dtype="int64")),
            RuntimeError,
            r"multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples \(batch "
            r"size\). Expected target size \[2\], but got \[3\]. Input has shape \[2, 3\].",
        ),
        (args(wanted(2, 3), wanted(2)), RuntimeError, "expected scalar type Long but found Float"),
        (
            args(wanted(2, 3), wanted(2, dtype="int64"), weight=wanted(2)),
            RuntimeError,
            r"inconsistent weight size, expected 3 but got \[2\]",
        ),
        (
            args(wanted(2, 3), wanted(2, dtype="int64"), weight=wanted(3, dtype="float64")),
            RuntimeError,
            "expected scalar type Float but found Double",
        ),
        (args(wanted(1, 1), wanted(1, dtype="int64"), weight=wanted(1)), RuntimeError, "target out of range"),
    ],
)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: Number = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Value:
    """`sum_i w[y] max(0, margin - x[y] + x[i]) ** p / C` over the classes i that are not y; p is 1 or 2."""
    _require_scores("multi_margin_loss_cpu_kernel", input)
    classes = input.shape[-1] if input.ndim else 1
    rows = graph.reshape(input, (input.shape[0] if input.ndim == 2 else 1, classes))
    count = rows.shape[0]
    if target.ndim > 1 or (target.ndim == 1 and target.shape[0] != count) or (not target.ndim and input.ndim == 2):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{hint(count)}], but got {listed(target.shape)}. "
            f"Input has shape {listed(input.shape)}."
        )
    if weight is not None and (weight.ndim > 1 or (weight.ndim == 1 and weight.shape[0] != classes)):
        raise RuntimeError(f"inconsistent weight size, expected {hint(classes)} but got {listed(weight.shape)}")
    _require_type(int64, target.dtype)
    at = graph.reshape(target, (count,))
    at = ir.require(ir.bitand(ir.ge(at, 0), ir.lt(at, ir.lift(classes))), at)
    excess = _excess(ir.add(ir.sub(margin, ir.unsqueeze(graph.pick(rows, at, 1), 1)), rows))
    if p == 2:
        excess = ir.mul(excess, excess)
    if weight is not None:
        _require_type(input.dtype, weight.dtype)
        table = graph.expand(graph.reshape(weight, (1, classes)), rows.shape)
        excess = ir.mul(excess, ir.unsqueeze(graph.pick(table, at, 1), 1))
    others = ir.ne(graph.iota(rows.shape, 1), ir.unsqueeze(at, 1))
    losses = ir.div(graph.reduce("sum", ir.where(others, excess, 0), (1,)), classes)
    return graph.reshape(losses, target.shape) if reduction == "none" else reduced(losses, reduction)


def _several_classes(make: Make) -> Iterator[Sample]:
    pair = make(3, 4), make(values=[[3, 0, -1, 1], [-1, 0, 2, 1], [0, 1, 2, 3]], dtype="int64")
    for reduction in ("mean", "sum", "none"):
        yield pair, {"reduction": reduction}
    yield (make(4), make(values=[2, 2, -1, 0], dtype="int64")), {"reduction": "none"}
    yield (make(), make(values=0, dtype="int64")), {}
    yield (make(2, 5, noncontiguous=True), make(values=[[3, 0, -1, -1, -1], [4, -1, 0, 0, 0]], dtype="int64")), {}
    yield (make(0, 3), make(0, 3, dtype="int64")), {"reduction": "none"}


@operator(
    autocast=single,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    refusal="argument #2 'target' is out of range",
    samples=_several_classes,
    errors=[
        (
            args(wanted(2, 3), wanted(2, 2, dtype="int64")),
            RuntimeError,
            r"inconsistent target size: \[2, 2\] for input of size: \[2, 3\]",
        ),
        (
            args(wanted(2, 0), wanted(2, 0, dtype="int64")),
            RuntimeError,
            r"Expected non-empty vector or matrix with optional 0-dim batch size, but got: \[2, 0\]",
        ),
        (args(wanted(2, 3), wanted(2, 3)), RuntimeError, "expected scalar type Long but found Float"),
        (args(wanted(1), wanted(1, dtype="int64")), RuntimeError, "argument #2 'target' is out of range"),
    ],
)
def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Value:
    """`sum_ij max(0, 1 - x[y_j] + x[i]) / C` over the classes y_j before the first -1 and the i that are none of them.

    `(N, C)` and `(N, C)` to `(N,)`, or both without N.
    """
    if input.ndim != target.ndim or any(a != b for a, b in zip(input.shape, target.shape)):
        raise RuntimeError(f"inconsistent target size: {listed(target.shape)} for input of size: {listed(input.shape)}")
    _require_scores("multilabel_margin_loss_forward_out_frame", input)
    _require_type(int64, target.dtype)
    classes = input.shape[-1] if input.ndim else 1
    shape = (input.shape[0] if input.ndim == 2 else 1, classes)
    rows, labels = graph.reshape(input, shape), graph.reshape(target, shape)
    labels = ir.require(ir.bitand(ir.ge(labels, -1), ir.lt(labels, ir.lift(classes))), labels)
    named = ir.ne(graph.scan("cumprod", graph.cast(ir.ge(labels, 0), int64), 1), 0)
    at = ir.where(named, labels, 0)
    # (N, C labels, C classes): is it this class, and is it one of the labels?
    cube = (*shape, classes)
    same = ir.bitand(ir.eq(graph.iota(cube, 2), ir.unsqueeze(at, 2)), ir.unsqueeze(named, 2))
    others = ir.bitnot(graph.reduce("max", same, (1,)))
    excess = _excess(ir.add(ir.sub(1, ir.unsqueeze(graph.gather(rows, at, 1), 2)), ir.unsqueeze(rows, 1)))
    counted = ir.bitand(ir.unsqueeze(named, 2), ir.unsqueeze(others, 1))
    losses = ir.div(graph.reduce("sum", ir.where(counted, excess, 0), (1, 2)), classes)
    if reduction == "none":
        return losses if input.ndim == 2 else graph.reshape(losses, ())
    return reduced(losses, reduction) if shape[0] != 0 else ir.full((), 0, input.dtype)


def _label_pairs(make: Make) -> Iterator[Sample]:
    yield from pairs(-3, 3, 0, 1)(make)
    yield (make(2, 3), make(2, 3, low=0, high=1)), {"weight": make(3, low=0, high=2, constant=True)}
    yield (make(2, 3), make(3, low=0, high=1)), {}


@operator(
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="f",
    samples=lambda make: (s for s in _label_pairs(make) if s[0][0].values.ndim),
    errors=[
        (args(wanted(2, 3), wanted(2, 3), reduction="foo"), ValueError, "foo is not valid"),
        (args(wanted(2, 3), wanted(2, 4)), RuntimeError, r"must match the size of tensor . \(.\) at non-singleton"),
        (args(wanted(), wanted()), IndexError, "Dimension specified as -1 but tensor has no dimensions"),
    ],
    node=nodes.reduced(3, none="DivBackward0"),
)
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Value:
    """`-sum_c w_c (y_c log s(x_c) + (1 - y_c) log s(-x_c)) / C` of the last dimension, with the logistic function s."""
    if not input.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    require("log_sigmoid_cpu", input.dtype)
    # log s(x) = min(x, 0) - log(1 + exp(-|x|)), and -x differs in its first part only.
    common = ir.log1p(ir.exp(ir.neg(ir.abs_(input))))
    one, zero = ir.sub(ir.minimum(input, 0), common), ir.sub(ir.minimum(ir.neg(input), 0), common)
    each = ir.neg(ir.add(ir.mul(target, one), ir.mul(ir.sub(1, target), zero)))
    each = each if weight is None else ir.mul(each, weight)
    losses = ir.div(ir.sum_(graph.cast(each, accumulate(each.dtype)), each.ndim - 1), input.shape[-1])
    return reduced(graph.cast(losses, each.dtype), reduction)


# Margins of distances


def _directions(make: Make) -> Iterator[Sample]:
    for reduction in (0, 1, 2):
        yield (make(4, 3), make(4, 3), _signs(make, 4), 0.2, reduction), {}
    yield (make(3), make(3), make(values=-1.0, constant=True), -0.5), {}
    yield (make(4, 5, noncontiguous=True), make(4, 5), make(values=[1, -1, 1, 0], dtype="int64")), {}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="fib",
    samples=_directions,
    errors=[
        (
            args(wanted(2, 3), wanted(2, 3), wanted(2, 1)),
            RuntimeError,
            "0D or 1D target tensor expected, multi-target not supported",
        ),
        (
            args(wanted(3), wanted(2, 3), wanted(2)),
            RuntimeError,
            r"1D target tensor expects 2D input tensors, but found inputs with sizes \[3\] and \[2, 3\].",
        ),
        (
            args(wanted(2, 3), wanted(2, 3), wanted()),
            RuntimeError,
            r"0D target tensor expects 1D input tensors, but found inputs with sizes \[2, 3\] and \[2, 3\].",
        ),
    ],
    node=nodes.reduced(4, 0, "AddBackward0"),
)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: Number = 0.0, reduction: int = 0
) -> Value:
    """`1 - cos(x1, x2)` of targets 1, `max(0, cos(x1, x2) - margin)` of targets -1."""
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes "
            f"{listed(input1.shape)} and {listed(input2.shape)}."
        )

    def inner(a: Value, b: Value) -> Value:
        product = ir.mul(a, b)
        return graph.reduce("sum", product, (product.ndim - 1,))

    wide = result_type(input1, input2)
    wide = accumulate(wide) if wide.is_floating_point else int64
    a, b = graph.cast(input1, wide), graph.cast(input2, wide)
    square = ir.mul(ir.add(inner(a, a), 1e-12), ir.add(inner(b, b), 1e-12))
    cosine = ir.div(inner(a, b), root(square))
    near = ir.where(ir.eq(target, 1), ir.sub(1, cosine), 0)
    loss = ir.add(near, ir.where(ir.eq(target, -1), _excess(ir.sub(cosine, margin)), 0))
    narrow = ir.sub(input1, input2).dtype
    return reduced(graph.cast(loss, narrow) if narrow.is_floating_point else loss, numbered(reduction))


def _triples(make: Make) -> Iterator[Sample]:
    three = make(4, 3), make(4, 3), make(4, 3)
    for reduction in (0, 1, 2):
        yield (*three, 1.0, 2.0, 1e-6, False, reduction), {}
    yield three, {"swap": True, "reduction": 0}
    yield three, {"p": 1.0, "margin": 2.5}
    yield three, {"p": 3.0, "eps": 0.5}
    yield (make(3), make(3), make(3)), {}
    yield (make(4, 5, noncontiguous=True), make(4, 5), make(1, 5)), {}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="fic",
    samples=_triples,
    errors=[
        (
            args(wanted(2, 3), wanted(2, 3), wanted(3)),
            RuntimeError,
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            "anchor 2D, positive 2D, and negative 1D inputs",
        ),
        (
            args(wanted(2, 3), wanted(2, 4), wanted(2, 3)),
            RuntimeError,
            _BROADCAST,
        ),
    ],
    node=nodes.reduced(7, 0, "ClampMinBackward0"),
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: Number = 1.0,
    p: float = 2.0,
    eps: Number = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Value:
    """`max(0, d(a, p) - d(a, n) + margin)` with the p-norm of differences as the distance d along the last dimension.

    With `swap` the negative is as far as it is from the nearer one of anchor and positive.
    """
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive, p, eps), distance(anchor, negative, p, eps)
    if swap:
        far = ir.minimum(far, distance(positive, negative, p, eps))
    return reduced(_excess(ir.add(ir.sub(near, far), margin)), numbered(reduction))


OPERATORS: tuple[Operator, ...] = (
    hinge_embedding_loss, margin_ranking_loss, soft_margin_loss, multi_margin_loss, multilabel_margin_loss,
    multilabel_soft_margin_loss, cosine_embedding_loss, triplet_margin_loss,
)  # fmt: skip
