"""Images of another size: each spatial dimension is resampled by itself, the last one first.

An element of the result is a weighted sum of a few elements along the dimension. Forward these are looked up, so that
no other element can touch it, be it NaN; in gradients the weights are a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from ..base.dtypes import accumulate, dtype, float32, int64, uint8
from ..base.symbols import Size, hint, settled
from ..base.symbols import product as product_of
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .check import require
from .operator import Operator, Tensor, operator
from .shapes import listed, narrowed, replaced

Sizes = tuple[int, ...]
Scales = tuple[float | None, ...]
Taps = list[tuple[Value, Value | None]]
"""Vectors over the results: an int64 place in the input, and its weight, None for 1."""


MAX_FACTOR = 8
"""Up to so often elements are repeated one time after the other: the kernels' inner loop is then along the image."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How `size` elements along `dim` become `count`; `scale` is the factor that was asked for, if any."""

    dim: int
    size: Size
    count: int
    scale: float | None
    mode: str
    align_corners: bool

    def ratio(self, dt: dtype) -> Value:
        """How far the results are apart, in elements of the input."""
        if self.align_corners and self.mode not in ("nearest", "nearest-exact"):
            if self.count == 1:
                return graph.const(0.0, dt)
            return ir.div(graph.cast(ir.lift(self.size - 1), dt), self.count - 1)
        if self.scale is not None and self.scale > 0:
            return graph.const(1.0 / self.scale, dt)
        return ir.div(graph.cast(ir.lift(self.size), dt), self.count)

    def centres(self, dt: dtype) -> Value:
        """Where in the input each result lies."""
        at = graph.cast(graph.iota((self.count,), 0), dt)
        if self.align_corners:
            return ir.mul(at, self.ratio(dt))
        return ir.sub(ir.mul(ir.add(at, 0.5), self.ratio(dt)), 0.5)

    def bounded(self, place: Value) -> Value:
        """Places outside of the input are those at its edge."""
        return ir.minimum(ir.maximum(graph.cast(place, int64), 0), ir.lift(self.size - 1))


def _taps(r: Resampling, dt: dtype) -> Taps:
    """The places that each result is made of, with their weights."""
    if r.mode in ("nearest", "nearest-exact"):
        at = graph.cast(graph.iota((r.count,), 0), float32)
        shifted = ir.add(at, 0.5) if r.mode == "nearest-exact" else at
        return [(r.bounded(ir.floor(ir.mul(shifted, r.ratio(float32)))), None)]
    centre = r.centres(dt)
    if r.mode == "linear":
        centre = ir.maximum(centre, 0)
        first = r.bounded(ir.floor(centre))
        share = ir.minimum(ir.sub(centre, graph.cast(first, dt)), 1)
        return [(first, ir.sub(1, share)), (r.bounded(ir.add(first, 1)), share)]
    below = ir.floor(centre)
    share = ir.sub(centre, below)
    return [(r.bounded(ir.add(below, k)), cubic(ir.sub(share, k), -0.75)) for k in (-1, 0, 1, 2)]


def cubic(x: Value, a: float) -> Value:
    """The kernel of Keys, which is 0 from a distance of 2 on. Source: Keys, Cubic Convolution Interpolation, 1981."""
    x = ir.abs_(x)
    near = ir.add(ir.mul(ir.mul(ir.sub(ir.mul(x, a + 2), a + 3), x), x), 1)
    far = ir.mul(ir.sub(ir.mul(ir.add(ir.mul(ir.sub(x, 5), x), 8), x), 4), a)
    return ir.where(ir.lt(x, 1), near, ir.where(ir.lt(x, 2), far, 0.0))


def _matrix(r: Resampling, dt: dtype) -> Value:
    """The weights [count, size] of all elements in each result."""
    total: Value | None = None
    for place, weight in _taps(r, dt):
        here = ir.eq(graph.reshape(place, (r.count, 1)), graph.iota((1, r.size), 1))
        share = graph.cast(here, dt) if weight is None else ir.where(here, graph.reshape(weight, (r.count, 1)), 0.0)
        total = share if total is None else ir.add(total, share)
    assert total is not None
    return total


def _along(x: Value, dim: int, matrix: Value) -> Value:
    """The sums `sum_j matrix[i, j] x[.., j, ..]` along a dimension."""
    lead, rest = product_of(x.shape[:dim]), product_of(x.shape[dim + 1 :])
    n, m = x.shape[dim], matrix.shape[0]
    if dim == x.ndim - 1:
        made = graph.dot(graph.reshape(x, (lead, n)), ir.transpose(matrix))
    else:
        each = graph.expand(graph.reshape(matrix, (1, m, n)), (lead, m, n))
        made = graph.dot(each, graph.reshape(x, (lead, n, rest)))
    return graph.reshape(made, replaced(x.shape, dim, m))


def _resampled(x: Value, r: Resampling) -> Value:
    """x with one dimension resampled."""
    factor = _repeats(r)
    if factor is not None:
        return _repeated(x, r, factor)
    shape = replaced(x.shape, r.dim, r.count)
    total: Value | None = None
    for place, weight in _taps(r, x.dtype):
        line = tuple(r.count if d == r.dim else 1 for d in range(x.ndim))
        part = graph.gather(x, graph.expand(graph.reshape(place, line), shape), r.dim)
        if weight is not None:
            part = ir.mul(part, graph.reshape(weight, line))
        total = part if total is None else ir.add(total, part)
    assert total is not None
    return total


def _repeats(r: Resampling) -> Size | None:
    """How often each element stands in the result, where that is all there is to it."""
    if r.mode not in ("nearest", "nearest-exact"):
        return None
    if r.mode == "nearest":
        # Of these sizes the factor that was asked for does not count, as in PyTorch.
        for factor in (1, 2):
            if r.count == factor * r.size:
                return factor
    if r.scale is not None:
        factor = int(r.scale)
        return factor if factor == r.scale and factor * r.size == r.count else None
    return settled(r.count // r.size) if r.count // r.size * r.size == r.count else None


def _repeated(x: Value, r: Resampling, factor: Size) -> Value:
    """Each element of a dimension `factor` times. Along the last one, where it is a few times, each time by itself."""
    each = ir.unsqueeze(x, r.dim + 1)
    if isinstance(factor, int) and factor <= MAX_FACTOR and r.dim == x.ndim - 1:
        copies = graph.cat((each,) * factor, r.dim + 1)
    else:
        copies = graph.expand(each, replaced(each.shape, r.dim + 1, factor))
    return graph.reshape(copies, replaced(x.shape, r.dim, r.count))


def _gathered(g: Value, r: Resampling, factor: Size) -> Value:
    """The transpose of `_repeated`: sums over blocks."""
    if isinstance(factor, int) and factor <= MAX_FACTOR:
        return reduce(ir.add, [narrowed(g, r.dim, k, r.size, factor) for k in range(factor)])
    blocks = graph.reshape(g, (*g.shape[: r.dim], r.size, factor, *g.shape[r.dim + 1 :]))
    return graph.reduce("sum", blocks, (r.dim + 1,))


def _resamplings(x: Value, size: Sizes, scales: Scales, mode: str, align_corners: bool) -> list[Resampling]:
    """What is done to each spatial dimension, after checks of the sizes."""
    lead = x.ndim - len(size)
    sizes = [(letter, hint(n)) for letter, n in zip("DHW"[-len(size) :], x.shape[lead:])]
    if any(n == 0 for n in x.shape[lead:]) or any(n <= 0 for n in size):
        given = ", ".join(f"{letter}: {n}" for letter, n in sizes)
        asked = ", ".join(f"{letter}: {n}" for (letter, _), n in zip(sizes, size))
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input ({given}) output ({asked})")
    if any(n == 0 for n in x.shape[1:]):
        raise RuntimeError(f"Non-empty {x.ndim}D data tensor expected but got a tensor with sizes {listed(x.shape)}")
    return [
        Resampling(lead + i, x.shape[lead + i], count, scale, mode, align_corners)
        for i, (count, scale) in enumerate(zip(size, scales))
    ]


def _returned(g: Value, input: Value, size: Sizes, scales: Scales, mode: str, align_corners: bool) -> list[Value]:
    """The transposes, one dimension after the other."""
    g = graph.cast(g, accumulate(input.dtype))
    for r in _resamplings(input, size, scales, mode, align_corners):
        factor = _repeats(r)
        g = _gathered(g, r, factor) if factor is not None else _along(g, r.dim, ir.transpose(_matrix(r, g.dtype)))
    return [g]


@operator(function=False, method=False, out=False, fresh=True, order="channels", gradient=_returned)
def resample(input: Tensor, size: Sizes, scales: Scales, mode: str, align_corners: bool) -> Value:
    """The last dimensions resampled to `size`, in the mode `nearest`, `nearest-exact`, `linear` or `cubic`.

    `scales` has for each of them the factor that was asked for, or None where the sizes say it.
    """
    steps = _resamplings(input, size, scales, mode, align_corners)
    nearest = mode in ("nearest", "nearest-exact")
    if not nearest or input.dtype is not uint8:
        require(f"compute_indices_weights_{mode}", input.dtype)
    x = input if nearest else graph.cast(input, accumulate(input.dtype))
    for r in reversed(steps):
        x = _resampled(x, r)
    return graph.cast(x, input.dtype)


OPERATORS: tuple[Operator, ...] = (resample,)
