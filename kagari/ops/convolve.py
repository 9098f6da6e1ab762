"""The sums of convolution: matrix products over windows that are read where they lie.

Three sums are all there is. With weights w[O, C/groups, *K] they tie an input x[N, C, *S] to an output y[N, O, *P] by
`place of x = place of y * stride + tap * dilation - padding`:

    convolved    y from x and w
    scattered    x from y and w: the gradient of the input, and what a transposed convolution computes
    correlated   w from x and y: the gradient of the weights
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from ..base.symbols import Size, product, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import depthwise
from .movement import turned as flipped
from .shapes import narrowed
from .window import around, extent, is_one, spread, windowed

Sizes = tuple[Size, ...]
Ints = tuple[int, ...]


class Geometry(NamedTuple):
    """How places of the input and of the output belong together; one number for each spatial dimension."""

    stride: Ints
    low: Sizes  # zeros before the input
    high: Sizes  # zeros after it
    dilation: Ints
    groups: int


def convolved(
    x: Value, w: Value, geometry: Geometry, bias: Value | None = None, turned: bool = False, last: bool = False
) -> Value:
    """y[n, o, p] = sum over c, k of x[n, c, p * stride + k * dilation - low] w[o, c, k], plus bias[o].

    With `turned`, the taps of w count from the other end. With `last`, w is [O, *K, C/groups].
    """
    stride, low, high, dilation, groups = geometry
    alone = groups > 1 and x.shape[1] == groups
    if alone and not turned and depthwise.is_short(x, w.shape[2:], stride):
        return depthwise.output(x, w, bias, stride, low, high, dilation)
    spatial, rank, batch = range(2, x.ndim), x.ndim - 2, x.shape[0]
    taps, channels = (w.shape[1:-1], w.shape[-1]) if last else (w.shape[2:], w.shape[1])
    seen = windowed(around(x, spatial, low, high), spatial, taps, stride, dilation)  # [N, C, *P, *K]
    if turned:
        seen = flipped(seen, tuple(range(2 + rank, seen.ndim)))
    if alone:
        return _with_bias(_depthwise(seen, graph.reshape(w, (w.shape[0], 1, *taps)), groups), bias)
    places, inner = seen.shape[2 : 2 + rank], product(w.shape[1:])
    lead = (batch, groups) if groups > 1 else (batch,)
    apart = graph.reshape(seen, (*lead, channels, *seen.shape[2:]))
    at = len(lead)
    tap_dims = range(at + 1 + rank, apart.ndim)
    rows_of = (*tap_dims, at) if last else (at, *tap_dims)
    order = (*range(at), *rows_of, *range(at + 1, at + 1 + rank))
    columns = graph.reshape(graph.permute(apart, order), (*lead, inner, product(places)))
    outs = w.shape[0] // groups
    rows = graph.reshape(w, (1, *lead[1:], outs, inner))
    made = graph.dot(graph.expand(rows, (*lead, outs, inner)), columns)  # [N, (groups,) O / groups, P]
    if bias is not None:
        made = ir.add(made, graph.reshape(bias, (1, *lead[1:], outs, 1)))
    return graph.reshape(made, (batch, w.shape[0], *places))


def _depthwise(seen: Value, w: Value, groups: int) -> Value:
    """The case of one channel a group: a weighted sum over each window."""
    rank = w.ndim - 2
    each = w.shape[0] // groups
    places = seen.shape[2 : 2 + rank]
    apart = graph.reshape(seen, (*seen.shape[:2], 1, *seen.shape[2:]))
    factors = graph.reshape(w, (1, groups, each, *(1,) * rank, *w.shape[2:]))
    made = ir.sum_(ir.mul(apart, factors), range(3 + rank, 3 + 2 * rank))
    return graph.reshape(made, (seen.shape[0], w.shape[0], *places))


def _with_bias(y: Value, bias: Value | None) -> Value:
    return y if bias is None else ir.add(y, graph.reshape(bias, (1, bias.shape[0], *(1,) * (y.ndim - 2))))


FEW_CHANNELS = 16
"""Channels of x with which one product for all phases has hardly more rows than a product needs to be fast."""


class _Phase(NamedTuple):
    """Along one dimension: x[q * stride + r - start] is a sum over `taps` neighbours of y[q], for each r < `each`."""

    each: Size
    taps: Size
    stride: int
    dilation: int
    front: int  # zeros before the weights
    before: Size  # zeros before y, or elements cut off
    length: Size  # how many q there are
    start: Size


def _phase(taps: Size, stride: int, dilation: int, low: Size, size: Size) -> _Phase:
    if stride == 1:
        return _Phase(1, taps, 1, dilation, 0, dilation * (taps - 1) - low, size, 0)
    assert isinstance(low, int)
    neighbours = (taps + stride - 1) // stride
    # With as many zeros before the weights x begins at the first place of a phase. They cost no neighbour more, or
    # x is cut out afterwards.
    front = -low % stride
    if front and (taps + front + stride - 1) // stride != neighbours:
        front = 0
    skipped, start = divmod(low + front, stride)
    each = taps + front if is_one(neighbours) else stride
    return _Phase(
        each, neighbours, stride, 1, front, neighbours - 1 - skipped, (size + start + stride - 1) // stride, start
    )


def scattered(y: Value, w: Value, geometry: Geometry, sizes: Sizes) -> Value:
    """x[n, c, s] = sum over o, p, k with s = p * stride + k * dilation - low of y[n, o, p] w[o, c, k]; x has `sizes`.

    Elements of x that are `stride` apart are a convolution of y with every `stride`-th weight, turned round; then the
    results of these convolutions are put between each other. They are one convolution with channels for each of them
    where all have as many weights, or where x has few channels. Else each is done alone: weights of zero cost work.
    """
    stride, low, _, dilation, groups = geometry
    rank = y.ndim - 2
    if groups > 1 and is_one(w.shape[1]) and depthwise.is_short(y, w.shape[2:], stride):
        return depthwise.input_(y, w, stride, low, dilation, groups, sizes)
    apart = [s if d > 1 else 1 for s, d in zip(stride, dilation)]
    y = spread(y, range(2, y.ndim), apart)
    stride = tuple([s // a for s, a in zip(stride, apart)])
    if _is_uneven(w, stride, groups):
        return _phase_by_phase(y, w, stride, low, dilation, groups, sizes)
    phases = [_phase(*numbers) for numbers in zip(w.shape[2:], stride, dilation, low, sizes)]
    before = tuple([p.before for p in phases])
    after = tuple([p.length + p.dilation * (p.taps - 1) - p.before - n for p, n in zip(phases, y.shape[2:])])
    form = Geometry((1,) * rank, before, after, tuple([p.dilation for p in phases]), groups)
    last = any(p.stride > 1 for p in phases)
    made = convolved(y, _phase_weights(w, phases, groups, last), form, turned=True, last=last)  # [N, C * R.., Q..]
    return _interleaved(made, phases, sizes) if last else made


def _is_uneven(w: Value, stride: Ints, groups: int) -> bool:
    """Whether phases have different numbers of weights, but at least one each, and enough channels to be done alone."""
    pairs = list(zip(w.shape[2:], stride))
    return any(k % s != 0 for k, s in pairs) and all(k >= s for k, s in pairs) and w.shape[1] >= FEW_CHANNELS


def _phase_by_phase(y: Value, w: Value, stride: Ints, low: Sizes, dilation: Ints, groups: int, sizes: Sizes) -> Value:
    """`scattered` by a convolution for each phase."""
    lengths = [settled((n + s - 1) // s) for n, s in zip(sizes, stride)]
    made: dict[Ints, Value] = {}
    for phase in itertools.product(*map(range, stride)):
        before: list[Size] = []
        weights = graph.reshape(w, (groups, w.shape[0] // groups, *w.shape[1:]))
        for d, (r, s, a) in enumerate(zip(phase, stride, low), 3):
            skipped, first = _turn(r, a, s)
            taps = settled((weights.shape[d] - first + s - 1) // s)
            weights = narrowed(weights, d, first, taps, s)
            before.append(dilation[d - 3] * (taps - 1) - skipped)
        spans = [extent(k, d) - 1 for k, d in zip(weights.shape[3:], dilation)]
        after = [q + t - b - n for q, t, b, n in zip(lengths, spans, before, y.shape[2:])]
        weights = graph.permute(weights, (0, 2, *range(3, weights.ndim), 1))
        weights = graph.reshape(weights, (groups * w.shape[1], *weights.shape[2:]))  # [C, *T, O / groups]
        form = Geometry((1,) * len(stride), tuple(before), tuple(after), dilation, groups)
        made[phase] = convolved(y, weights, form, turned=True, last=True)
    return _merged(made, stride, sizes)


def _turn(phase: int, low: Size, stride: int) -> tuple[Size, int]:
    """How many places of y a phase of x begins behind that of its first weight, and which weight that is."""
    if stride == 1:
        return low, 0
    assert isinstance(low, int)
    return divmod(phase + low, stride)


def _merged(made: dict[Ints, Value], stride: Ints, sizes: Sizes) -> Value:
    """The phases [N, C, Q..] as [N, C, *sizes], put between each other along one dimension after the other."""
    for i, s in reversed(list(enumerate(stride))):
        at = 3 + i
        for phase in itertools.product(*map(range, stride[:i])):
            parts = [made.pop((*phase, r)) for r in range(s)]
            whole = parts[0]
            if s > 1:
                shape, size = whole.shape, sizes[i]
                apart = [graph.reshape(x, (*shape[:at], 1, *shape[at:])) for x in parts]
                whole = graph.cat(tuple(apart), at)
                fits = shape[at - 1] * s == size
                whole = graph.reshape(whole, (*shape[: at - 1], size if fits else shape[at - 1] * s, *shape[at:]))
                whole = whole if fits else narrowed(whole, at - 1, 0, size)
            made[phase] = whole
    return made[()]


def _interleaved(made: Value, phases: Sequence[_Phase], sizes: Sizes) -> Value:
    """[N, C * R.., Q..] as [N, C, Q * R..]: one phase in every `stride` elements."""
    rank = len(phases)
    each, lengths = [p.each for p in phases], [p.length for p in phases]
    channels = made.shape[1] // product(tuple(each))
    made = graph.reshape(made, (made.shape[0], channels, *each, *lengths))
    made = graph.permute(made, (0, 1, *[d for i in range(rank) for d in (2 + rank + i, 2 + i)]))  # [N, C, Q, R, ..]
    made = around(made, range(3, made.ndim, 2), [0] * rank, [p.stride - p.each for p in phases])
    exact = [p.start == 0 and p.length * p.stride == n for p, n in zip(phases, sizes)]
    whole = [n if fits else p.length * p.stride for p, n, fits in zip(phases, sizes, exact)]
    made = graph.reshape(made, (*made.shape[:2], *whole))
    for i, (p, size, fits) in enumerate(zip(phases, sizes, exact)):
        if not fits:
            made = narrowed(made, 2 + i, p.start, size)
    return made


def _phase_weights(w: Value, phases: Sequence[_Phase], groups: int, last: bool) -> Value:
    """w[O, C/groups, *K] as the weights [C * R.., O/groups, *T] of the convolutions that make x of y.

    With `last`, as [C * R.., *T, O/groups]: a copy in that order takes less time. Where all strides are 1 none is made,
    products read w where it lies.
    """
    rank, outs = len(phases), w.shape[0] // groups
    rest = [p.taps * p.each - p.front - k for p, k in zip(phases, w.shape[2:])]
    w = around(w, range(2, w.ndim), [p.front for p in phases], rest)
    w = graph.reshape(w, (groups, outs, w.shape[1], *[n for p in phases for n in (p.taps, p.each)]))
    taps = range(3, w.ndim, 2)
    w = graph.permute(w, (0, 2, *range(4, w.ndim, 2), *((*taps, 1) if last else (1, *taps))))
    return graph.reshape(w, (product(w.shape[: 2 + rank]), *w.shape[2 + rank :]))


def correlated(x: Value, y: Value, geometry: Geometry, taps: Sizes) -> Value:
    """w[o, c, k] = sum over n, p of x[n, c, p * stride + k * dilation - low] y[n, o, p]; w has `taps`."""
    stride, low, high, dilation, groups = geometry
    alone = groups > 1 and x.shape[1] == groups
    if alone and depthwise.is_short(x, taps, stride):
        return depthwise.weight(x, y, stride, low, dilation, taps)
    rank, spatial = x.ndim - 2, range(2, x.ndim)
    seen = windowed(around(x, spatial, low, high), spatial, taps, stride, dilation)  # [N, C, *P, *K]
    places, batch = seen.shape[2 : 2 + rank], x.shape[0]
    inputs, outs = x.shape[1] // groups, y.shape[1] // groups
    if alone:
        each = graph.reshape(y, (batch, groups, outs, *places, *(1,) * rank))
        product_ = ir.mul(each, graph.reshape(seen, (batch, groups, 1, *seen.shape[2:])))
        summed = ir.sum_(product_, (0, *range(3, 3 + rank)))
        return graph.reshape(summed, (y.shape[1], 1, *taps))
    inner = batch * product(places)
    rows = graph.permute(graph.reshape(y, (batch, groups, outs, *places)), (1, 2, 0, *range(3, 3 + rank)))
    apart = graph.reshape(seen, (batch, groups, inputs, *seen.shape[2:]))
    order = (1, 0, *range(3, 3 + rank), 2, *range(3 + rank, 3 + 2 * rank))
    columns = graph.permute(apart, order)  # [groups, N, *P, C / groups, *K]
    lead = (groups,) if groups > 1 else ()
    left = graph.reshape(rows, (*lead, outs, inner))
    right = graph.reshape(columns, (*lead, inner, inputs * product(taps)))
    return graph.reshape(graph.dot(left, right), (y.shape[1], inputs, *taps))
