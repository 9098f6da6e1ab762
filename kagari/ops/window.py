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
