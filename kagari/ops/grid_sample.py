"""Elements of images and volumes at places between them, which a grid holds."""

from __future__ import annotations

from itertools import product

from ..base.dtypes import accumulate, float64, int64
from ..base.symbols import Size
from ..base.symbols import product as product_of
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import lower, single
from .check import TYPE_NAMES, require
from .operator import Operator, Tensor, operator
from .resample import cubic
from .shapes import listed


def _places(grid: Value, sizes: tuple[Size, ...], align_corners: bool) -> list[Value]:
    """The grid's numbers from -1 to 1 as places along each dimension, counted in elements: each [N, P]."""
    rank, n = len(sizes), grid.shape[0]
    points = graph.reshape(grid, (n, product_of(grid.shape[1:-1]), rank))
    found = []
    for d, size in enumerate(sizes):
        # The last number of a point belongs to the first dimension.
        at = graph.slice_(points, (0, 0, rank - 1 - d), (1, 1, 1), (n, points.shape[1], 1))
        unit = ir.add(graph.reshape(at, points.shape[:2]), 1)
        if align_corners:
            found.append(ir.mul(ir.div(unit, 2), size - 1))
        else:
            found.append(ir.div(ir.sub(ir.mul(unit, size), 1), 2))
    return found


def _reflected(x: Value, size: Size, align_corners: bool) -> Value:
    """Places that left the input, reflected at its edges as often as it takes."""
    if align_corners and isinstance(size, int) and size == 1:
        return ir.mul(x, 0)
    low, span = (0.0, size - 1) if align_corners else (-0.5, size)
    distance = ir.abs_(ir.sub(x, low))
    flips = ir.floor(ir.div(distance, span))
    rest = ir.sub(distance, ir.mul(graph.detach(flips), span))
    even = ir.eq(ir.sub(flips, ir.mul(ir.floor(ir.div(flips, 2)), 2)), 0)
    return ir.add(ir.where(even, rest, ir.sub(span, rest)), low)


def _bounded(x: Value, size: Size) -> Value:
    return ir.minimum(ir.maximum(x, 0), size - 1)


def _padded(x: Value, size: Size, padding_mode: str, align_corners: bool) -> Value:
    """Places as the padding has them: only zeros leave them outside."""
    if padding_mode == "zeros":
        return x
    return _bounded(_reflected(x, size, align_corners) if padding_mode == "reflection" else x, size)


def _looked_up(x: Value, at: list[Value], sizes: tuple[Size, ...]) -> Value:
    """The elements [N, C, P] of a flat x [N, C, elements] at whole places [N, P]; zeros outside."""
    index, inside = None, None
    for place, size in zip(at, sizes):
        here = graph.cast(_bounded(place, size), int64)
        index = here if index is None else ir.add(ir.mul(index, size), here)
        within = ir.bitand(ir.ge(place, 0), ir.le(place, size - 1))
        inside = within if inside is None else ir.bitand(inside, within)
    assert index is not None and inside is not None
    n, points = index.shape
    shape = (n, x.shape[1], points)
    index, inside = (graph.expand(graph.reshape(v, (n, 1, points)), shape) for v in (index, inside))
    return ir.where(inside, graph.gather(x, index, 2), 0.0)


def _per_point(v: Value) -> Value:
    """[N, P] as [N, 1, P]."""
    return graph.reshape(v, (v.shape[0], 1, v.shape[1]))


def _linear(x: Value, at: list[Value], sizes: tuple[Size, ...]) -> Value:
    """The sum over the corners of the cell that a place is in."""
    below = [graph.detach(ir.floor(place)) for place in at]
    shares = [ir.sub(place, low) for place, low in zip(at, below)]
    total: Value | None = None
    for corner in product((0, 1), repeat=len(at)):
        value = _looked_up(x, [ir.add(low, step) for low, step in zip(below, corner)], sizes)
        for share, step in zip(shares, corner):
            value = ir.mul(value, _per_point(share if step else ir.sub(1, share)))
        total = value if total is None else ir.add(total, value)
    assert total is not None
    return total


def _cubic(x: Value, at: list[Value], sizes: tuple[Size, ...], padding_mode: str, align_corners: bool) -> Value:
    """The sum over 4 x 4 elements; the padding applies to each of them."""
    below = [graph.detach(ir.floor(place)) for place in at]
    shares = [ir.sub(place, low) for place, low in zip(at, below)]
    total: Value | None = None
    for steps in product((-1, 0, 1, 2), repeat=len(at)):
        taps = [
            _padded(ir.add(low, step), size, padding_mode, align_corners)
            for low, step, size in zip(below, steps, sizes)
        ]
        value = _looked_up(x, taps, sizes)
        for share, step in zip(shares, steps):
            value = ir.mul(value, _per_point(cubic(ir.sub(share, step), -0.75)))
        total = value if total is None else ir.add(total, value)
    assert total is not None
    return total


def _check(input: Value, grid: Value, mode: str) -> None:
    if input.dtype is not grid.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[input.dtype]} but found {TYPE_NAMES[grid.dtype]}")
    shapes = f"but got input with sizes {listed(input.shape)} and grid with sizes {listed(grid.shape)}"
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {shapes}")
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, {shapes}")
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with sizes "
            f"{listed(grid.shape)}"
        )
    for d in range(2, input.ndim):
        if input.shape[d] == 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{listed(input.shape)} with dimension {d} being empty"
            )
    if mode == "bicubic" and input.ndim == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    require("grid_sampler_2d_cpu", input.dtype)


@operator(autocast=single, function=False, method=False, out=False)
def grid_sample(input: Tensor, grid: Tensor, mode: str, padding_mode: str, align_corners: bool) -> Value:
    """`(N, C, *in)` and `(N, *out, rank)` to `(N, C, *out)`: the input at places that are numbers from -1 to 1.

    Source: Jaderberg et al., Spatial Transformer Networks, 2015 (arXiv 1506.02025).
    """
    _check(input, grid, mode)
    sizes = input.shape[2:]
    dt = accumulate(input.dtype)
    x = graph.cast(graph.reshape(input, (*input.shape[:2], product_of(sizes))), dt)
    at = _places(graph.cast(grid, dt), sizes, align_corners)
    if mode == "bicubic":
        made = _cubic(x, at, sizes, padding_mode, align_corners)
    else:
        at = [_padded(place, size, padding_mode, align_corners) for place, size in zip(at, sizes)]
        made = _linear(x, at, sizes) if mode == "bilinear" else _looked_up(x, [ir.round_(p) for p in at], sizes)
    return graph.cast(graph.reshape(made, (*input.shape[:2], *grid.shape[1:-1])), input.dtype)


def _axis(size: Size, align_corners: bool, like: Value) -> Value:
    """`size` numbers from -1 to 1: from edge to edge, or the centres of so many cells.

    The numbers are those of `linspace`, counted from both ends. The identity puts places on elements, where the slope
    of `grid_sample` jumps, and the last bit says which side of an element a place is on.
    """
    if isinstance(size, int) and size == 1:
        return ir.full((1,), 0, like.dtype)
    at = graph.cast(graph.iota((size,), 0), float64)
    step = graph.cast(graph.cast(ir.div(ir.full((1,), 2, float64), size - 1), like.dtype), float64)
    rising = ir.sub(ir.mul(at, step), 1)
    falling = ir.sub(1, ir.mul(ir.sub(size - 1, at), step))
    line = graph.cast(ir.where(ir.lt(ir.add(ir.mul(at, 2), 1), size), rising, falling), like.dtype)
    return line if align_corners else ir.div(ir.mul(line, size - 1), size)


@operator(autocast=lower, function=False, method=False, out=False)
def affine_grid(theta: Tensor, size: tuple[int, ...], align_corners: bool) -> Value:
    """`(N, rank, rank + 1)` to `(N, *out, rank)`: the points of a regular grid, each mapped by an affine matrix.

    Source: Jaderberg et al., Spatial Transformer Networks, 2015 (arXiv 1506.02025).
    """
    n, *spatial = size[0], *size[2:]
    rank = len(spatial)
    columns = []
    for d in reversed(range(rank)):
        line = _axis(spatial[d], align_corners, theta)
        shape = tuple(spatial[d] if i == d else 1 for i in range(rank))
        columns.append(graph.expand(graph.reshape(line, shape), tuple(spatial)))
    columns.append(ir.full(tuple(spatial), 1, theta.dtype))
    points = graph.cat(tuple(ir.unsqueeze(column, rank) for column in columns), rank)
    flat = graph.reshape(points, (1, product_of(tuple(spatial)), rank + 1))
    made = graph.dot(graph.expand(flat, (n, *flat.shape[1:])), ir.transpose(theta))
    return graph.reshape(made, (n, *spatial, rank))


OPERATORS: tuple[Operator, ...] = (grid_sample, affine_grid)
