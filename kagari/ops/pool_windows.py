"""The windows of a pooling layer: what they are along each dimension, checks of arguments, and how they are read.

The spatial dimensions are the last ones of an input; those before them are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

from ..base.dtypes import dtype, int32
from ..base.symbols import Size, hint, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .shapes import listed, narrowed
from .window import extent

MAX_TAPS = 64
"""Up to so many elements a window is written out, element by element: then all of it is one element-wise kernel."""

WORDS = {1: "one", 2: "two", 3: "three"}


@dataclass(frozen=True, slots=True)
class Axis:
    """`count` windows of `taps` elements along the dimension `dim`, of size `size`, with padding around it."""

    dim: int
    size: Size
    taps: int
    step: int
    pad: int
    dilation: int
    ceil: bool
    count: Size

    @property
    def beyond(self) -> int:
        """How far windows may reach behind the last element."""
        return self.pad + (self.step - 1 if self.ceil else 0)

    def positions(self, tap: int) -> Value:
        """Where in the input a tap of each window lies: an int32 vector."""
        starts = ir.mul(graph.cast(graph.iota((self.count,), 0), int32), self.step)
        return ir.add(starts, tap * self.dilation - self.pad)

    def inside(self, tap: int) -> Value | None:
        """Which windows have this tap inside of the input; None where that goes for all."""
        low = self.pad > tap * self.dilation
        high = self.beyond > (self.taps - 1 - tap) * self.dilation
        if not low and not high:
            return None
        at = self.positions(tap)
        within = [ir.ge(at, 0)] if low else []
        within += [ir.lt(at, graph.cast(ir.lift(self.size), int32))] if high else []
        return reduce(ir.bitand, within)


def per_dim(name: str, argument: str, value: Any, rank: int) -> tuple[int, ...]:
    """An argument for each dimension. Raises RuntimeError where there are neither one nor as many as dimensions."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) == 1:
        values *= rank
    if len(values) != rank:
        if rank == 1 and name.startswith("avg"):
            raise RuntimeError(f"{name}() argument '{argument}' should contain one int (got {len(values)})")
        if rank == 1:
            raise RuntimeError(
                f"{name}() {argument} must be an int, list of ints or tuple of ints of size 1 but got size "
                f"{len(values)}"
            )
        either = "" if name == "avg_pool3d" else "either "
        omitted = "omitted, " if argument == "stride" else ""
        raise RuntimeError(
            f"{name}: {argument} must {either}be {omitted}a single int, or a tuple of {WORDS[rank]} ints"
        )
    return values


def axes_of(
    name: str, x: Value, rank: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> list[Axis]:
    """The windows along each spatial dimension, after all checks of arguments and shapes."""
    kernel = per_dim(name, "kernel_size", kernel_size, rank)
    step = kernel if stride is None or stride == () else per_dim(name, "stride", stride, rank)
    pad = per_dim(name, "padding", padding, rank)
    apart = per_dim(name, "dilation", dilation, rank)
    line = rank == 1 and name.startswith("max")
    (_check_line if line else _check_grid)(name, x, rank, kernel, step, pad, apart)
    lead = x.ndim - rank
    axes = []
    for d, (k, s, p, a) in enumerate(zip(kernel, step, pad, apart), lead):
        size = x.shape[d]
        count = settled((size + 2 * p - a * (k - 1) - 1 + (s - 1 if ceil_mode else 0)) // s + 1)
        # The last window has to start inside of the input or of the padding before it.
        if ceil_mode and (count - 1) * s >= size + p:
            count = settled(count - 1)
        axes.append(Axis(d, size, k, s, p, a, ceil_mode, count))
    if any(axis.count < 1 for axis in axes) or (name == "avg_pool3d" and any(a.size < a.taps for a in axes)):
        _refuse_counts(name, x, axes)
    return axes


def _refuse_counts(name: str, x: Value, axes: Sequence[Axis]) -> None:
    if len(axes) == 1 and name.startswith("max"):
        raise RuntimeError(f"{name}() Invalid computed output size: {hint(axes[0].count)}")
    if name == "avg_pool3d":
        sizes, kernel = (
            " ".join(f"{prefix}{letter}: {n}" for letter, n in zip("THW", numbers))
            for prefix, numbers in (("", [hint(axis.size) for axis in axes]), ("k", [axis.taps for axis in axes]))
        )
        raise RuntimeError(f"input image ({sizes}) smaller than kernel size ({kernel})")
    shape = [x.shape[axes[0].dim - 1], *((1,) if len(axes) == 1 else ())]
    given, made = ("x".join(str(hint(s)) for s in (*shape, *more)) for more in (
        [axis.size for axis in axes], [axis.count for axis in axes]
    ))  # fmt: skip
    raise RuntimeError(f"Given input size: ({given}). Calculated output size: ({made}). Output size is too small")


def _check_line(
    name: str,
    x: Value,
    rank: int,
    kernel: Sequence[int],
    step: Sequence[int],
    pad: Sequence[int],
    dilation: Sequence[int],
) -> None:
    """The checks for one spatial dimension, with PyTorch's wording of their own."""
    if x.ndim not in (2, 3) or any(s == 0 for s in x.shape[-2:]):
        raise RuntimeError(
            f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{listed(x.shape)}"
        )
    for argument, (value,) in (("kernel_size", kernel), ("stride", step), ("dilation", dilation)):
        if value <= 0:
            raise RuntimeError(f"{name}() {argument} must be greater than zero, but got {value}")
    if pad[0] < 0:
        raise RuntimeError(f"{name}() padding must be non-negative, but got {pad[0]}")
    if pad[0] > extent(kernel[0], dilation[0]) // 2:
        raise RuntimeError(
            f"{name}() padding should be at most half of kernel size, but got padding={pad[0]} and "
            f"kernel_size={kernel[0]}"
        )


def require_line(name: str, x: Value) -> None:
    """Refuses what is no sequence of channels, with or without a batch."""
    if x.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 'self' (while checking "
            f"arguments for {name})"
        )


def _check_grid(
    name: str,
    x: Value,
    rank: int,
    kernel: Sequence[int],
    step: Sequence[int],
    pad: Sequence[int],
    dilation: Sequence[int],
) -> None:
    if rank == 1:
        require_line(name, x)
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input")
    if any(s == 0 for s in x.shape[-rank - 1 :]):
        raise RuntimeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{listed(x.shape)}"
        )
    if any(s <= 0 for s in step):
        raise RuntimeError("stride should not be zero")
    if any(k <= 0 for k in kernel):
        sizes = " ".join(f"k{axis}: {k}" for axis, k in zip("THW"[-rank:], kernel))
        raise RuntimeError(f"kernel size should be greater than zero, but got {sizes}")
    if any(d <= 0 for d in dilation):
        sizes = " ".join(f"dilation{axis}: {d}" for axis, d in zip("THW"[-rank:], dilation))
        raise RuntimeError(f"dilation should be greater than zero, but got {sizes}")
    for k, p, a in zip(kernel, pad, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > extent(k, a) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={a}"
            )


def padded(x: Value, axes: Sequence[Axis]) -> Value:
    """x with zeros around it, so that all windows lie within."""
    low, high = [0] * x.ndim, [0] * x.ndim
    for axis in axes:
        low[axis.dim], high[axis.dim] = axis.pad, axis.beyond
    return graph.pad(x, tuple(low), tuple(high)) if any((*low, *high)) else x


def tap_count(axes: Sequence[Axis]) -> int:
    """How many elements a window has."""
    return math.prod(axis.taps for axis in axes)


def along(vector: Value, axis: Axis, ndim: int) -> Value:
    """A vector over the windows of an axis, in a shape that broadcasts against the result of pooling."""
    return graph.reshape(vector, tuple(axis.count if d == axis.dim else 1 for d in range(ndim)))


def taps_of(x: Value, axes: Sequence[Axis]) -> Iterator[tuple[tuple[int, ...], Value]]:
    """Each tap's number along each axis, and its element of every window of x; x is what `padded` gave."""
    shape = list(x.shape)
    for axis in axes:
        shape[axis.dim] = axis.count
    for numbers in product(*(range(axis.taps) for axis in axes)):
        starts, steps = [0] * x.ndim, [1] * x.ndim
        for axis, number in zip(axes, numbers):
            starts[axis.dim], steps[axis.dim] = number * axis.dilation, axis.step
        yield numbers, graph.slice_(x, tuple(starts), tuple(steps), tuple(shape))


def masked(x: Value, axes: Sequence[Axis], numbers: Sequence[int], fill: Callable[[dtype], Any]) -> Value:
    """A tap with a fill where it lies outside of the input."""
    for axis, number in zip(axes, numbers):
        inside = axis.inside(number)
        if inside is not None:
            x = ir.where(along(inside, axis, x.ndim), x, ir.full((), fill(x.dtype), x.dtype))
    return x


def shown(x: Value, axis: Axis) -> Value:
    """The windows along one axis, read in place, with their taps as a dimension at the end; x is padded."""
    span = extent(axis.taps, axis.dilation)
    windows = graph.windows(x, axis.dim, axis.count, span, axis.step)
    return narrowed(windows, windows.ndim - 1, 0, axis.taps, axis.dilation) if axis.dilation > 1 else windows
