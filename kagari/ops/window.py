"""Windows over one or more dimensions: what convolution and pooling read."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.symbols import Size, settled
from ..ir import graph
from ..ir.graph import Value
from .shapes import narrowed


def extent(taps: Size, dilation: int) -> Size:
    """How many elements a window of `taps` elements spans, `dilation` apart."""
    return (taps - 1) * dilation + 1


def window_count(size: Size, taps: Size, step: int, dilation: int) -> Size:
    """How many windows, `step` apart, lie within `size`; not positive where none does."""
    return settled((size - extent(taps, dilation)) // step + 1)


def windowed(
    x: Value, dims: Sequence[int], taps: Sequence[Size], steps: Sequence[int], dilations: Sequence[int]
) -> Value:
    """All windows within x, read in place: `[.., H, W]` becomes `[.., OH, OW, KH, KW]`.

    Along each of `dims` an element of the result is x[.., window * step + tap * dilation, ..]; the taps are dimensions
    at the end, in the order of `dims`.
    """
    for dim, count, step, dilation in zip(dims, taps, steps, dilations):
        windows = window_count(x.shape[dim], count, step, dilation)
        x = graph.windows(x, dim, windows, extent(count, dilation), step)
        if dilation > 1:
            x = narrowed(x, x.ndim - 1, 0, count, dilation)
    return x


def around(x: Value, dims: Sequence[int], low: Sequence[Size], high: Sequence[Size]) -> Value:
    """Zeros around x along `dims`; a negative amount cuts elements off."""
    before: list[Size] = [0] * x.ndim
    after: list[Size] = [0] * x.ndim
    for d, a, b in zip(dims, low, high):
        cut_a, cut_b = (-amount if amount < 0 else 0 for amount in (a, b))
        if not is_zero(cut_a) or not is_zero(cut_b):
            x = narrowed(x, d, cut_a, settled(x.shape[d] - cut_a - cut_b))
        before[d], after[d] = a + cut_a, b + cut_b
    return x if all(map(is_zero, (*before, *after))) else graph.pad(x, tuple(before), tuple(after))


def is_zero(size: Size) -> bool:
    """Whether a size is the number 0; a symbol is not asked, which would make a guard."""
    return isinstance(size, int) and size == 0


def is_one(size: Size) -> bool:
    """Whether a size is the number 1; a symbol is not asked."""
    return isinstance(size, int) and size == 1


def spread(x: Value, dims: Sequence[int], steps: Sequence[int]) -> Value:
    """Zeros between the elements of x, which are then `steps` apart along `dims`."""
    for d, step in zip(dims, steps):
        size = x.shape[d]
        if step > 1 and not is_zero(size):
            columns = graph.reshape(x, (*x.shape[: d + 1], 1, *x.shape[d + 1 :]))
            columns = around(columns, [d + 1], [0], [step - 1])
            line = graph.reshape(columns, (*x.shape[:d], size * step, *x.shape[d + 1 :]))
            x = narrowed(line, d, 0, (size - 1) * step + 1)
    return x
