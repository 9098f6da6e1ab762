"""Max pooling by a factor that is no whole number: the distance from one window to the next varies at random."""

from __future__ import annotations

from itertools import product

from ..base.dtypes import int64
from ..base.symbols import Size, hint
from ..base.symbols import product as product_of
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .check import require
from .operator import Operator, Tensor, operator
from .pool import lowest
from .shapes import listed


def _starts(sample: Value, size: Size, taps: int, count: int) -> Value:
    """Where the windows of each channel begin, [N, C, count]: `floor((i + u) a) - floor(u a)`, the last one at the end.

    `a` is what makes the last window end with the input, `u` the random number.
    """
    shape = (*sample.shape, count)
    last = ir.full(shape, size - taps, int64)
    if count == 1:
        return last
    ratio = ir.div(graph.cast(ir.lift(size - taps), sample.dtype), count - 1)
    u = graph.expand(graph.reshape(sample, (*sample.shape, 1)), shape)
    i = graph.iota(shape, 2)
    moved = ir.sub(
        graph.cast(ir.trunc(ir.mul(ir.add(graph.cast(i, sample.dtype), u), ratio)), int64),
        graph.cast(ir.trunc(ir.mul(u, ratio)), int64),
    )
    return ir.where(ir.eq(i, count - 1), last, moved)


def _check(input: Value, kernel: tuple[int, ...], size: tuple[int, ...], samples: Value) -> None:
    rank = len(kernel)
    name = f"fractional_max_pool{rank}d" + ("" if rank == 2 else "_out")
    for d in range(1, input.ndim):
        if input.shape[d] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got"
                f"{listed(input.shape)} with dimension {d} being empty."
            )
    for word, n, k, o in zip(("time", "height", "width")[-rank:], input.shape[-rank:], kernel, size):
        if o + k - 1 > n:
            raise RuntimeError(f"{name}(): pool {word} {k} too large relative to input {word} {hint(n)}")
    if samples.shape[0] < input.shape[0]:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    require(f"fractional_max_pool{rank}d", input.dtype)


@operator(autocast=single, function=False, method=False, out=False, differentiable=False)
def fractional_max_pool(
    input: Tensor, kernel_size: tuple[int, ...], output_size: tuple[int, ...], samples: Tensor
) -> tuple[Value, Value]:
    """The largest element of each window of `(N, C, *)`, and its place among those of the channel.

    `samples`, `(N, C, rank)`, has a number from 0 to 1 for each dimension, for images that of the width first.
    Source: Graham, Fractional Max-Pooling, 2014 (arXiv 1412.6071).
    """
    rank = len(kernel_size)
    _check(input, kernel_size, output_size, samples)
    n, channels, *sizes = input.shape
    plane = graph.reshape(input, (n, channels, product_of(tuple(sizes))))
    made = (n, channels, *output_size)
    first: Value | None = None
    for d, (size, taps, count) in enumerate(zip(sizes, kernel_size, output_size)):
        at = rank - 1 - d if rank == 2 else d
        sample = graph.reshape(graph.slice_(samples, (0, 0, at), (1, 1, 1), (n, channels, 1)), (n, channels))
        line = (n, channels, *(count if i == d else 1 for i in range(rank)))
        start = graph.expand(graph.reshape(_starts(sample, size, taps, count), line), made)
        first = start if first is None else ir.add(ir.mul(first, size), start)
    assert first is not None
    flat = graph.reshape(first, (n, channels, product_of(output_size)))
    best, place = ir.full(flat.shape, lowest(input.dtype), input.dtype), flat
    for steps in product(*(range(k) for k in kernel_size)):
        offset: Size = 0
        for step, size in zip(steps, sizes):
            offset = offset * size + step
        here = ir.add(flat, offset)
        element = graph.gather(plane, here, 2)
        better = ir.bitor(ir.gt(element, best), ir.ne(element, element))
        best, place = ir.where(better, element, best), ir.where(better, here, place)
    return graph.reshape(best, made), graph.reshape(place, made)


OPERATORS: tuple[Operator, ...] = (fractional_max_pool,)
