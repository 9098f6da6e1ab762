"""Convolution of each channel alone, over one or two dimensions, as the primitive that has kernels of its own.

Weights are [O, 1, *K], where O is a multiple of the input's channels: a channel with several results is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.dtypes import float32, float64
from ..base.symbols import Size, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .window import window_count

Sizes = tuple[Size, ...]
Ints = tuple[int, ...]


def is_short(x: Value, taps: Sequence[Size], stride: Ints) -> bool:
    """Whether there are kernels for it: floats, and few taps, all of which are unrolled."""
    if x.dtype not in (float32, float64) or len(stride) > 2 or max(stride) > graph.LONGEST_STRIDE:
        return False
    return all(1 <= k <= graph.LONGEST_TAPS for k in taps)


def output(x: Value, w: Value, bias: Value | None, stride: Ints, low: Sizes, high: Sizes, dilation: Ints) -> Value:
    """y[n, o, p] = sum over k of x[n, c, p * stride + k * dilation - low] w[o, 0, k], plus bias[o]."""
    x = _repeated(x, w.shape[0])
    counts = [
        window_count(a + n + b, k, s, d)
        for a, n, b, k, s, d in zip(low, x.shape[2:], high, w.shape[2:], stride, dilation)
    ]
    shape = (*x.shape[:2], *counts)
    made = graph.depthwise("output", (_image(x), _weight(w)), _two(shape), *_form(stride, low, dilation))
    if bias is not None:
        made = ir.add(made, graph.reshape(bias, (1, bias.shape[0], 1, 1)))
    return graph.reshape(made, shape)


def input_(y: Value, w: Value, stride: Ints, low: Sizes, dilation: Ints, groups: int, sizes: Sizes) -> Value:
    """x[n, c, s] = sum over o, p, k of y[n, o, p] w[o, 0, k], s = p * stride + k * dilation - low; x has `sizes`."""
    shape = (*y.shape[:2], *sizes)
    made = graph.depthwise("input", (_image(y), _weight(w)), _two(shape), *_form(stride, low, dilation))
    made = graph.reshape(made, shape)
    if y.shape[1] == groups:
        return made
    apart = graph.reshape(made, (y.shape[0], groups, settled(y.shape[1] // groups), *sizes))
    return ir.sum_(apart, (2,))


def weight(x: Value, y: Value, stride: Ints, low: Sizes, dilation: Ints, taps: Sizes) -> Value:
    """w[o, 0, k] = sum over n, p of x[n, c, p * stride + k * dilation - low] y[n, o, p]; w has `taps`."""
    x = _repeated(x, y.shape[1])
    shape = (y.shape[1], 1, *taps)
    args, form = (_image(x), _image(y)), _form(stride, low, dilation)
    return graph.reshape(graph.depthwise("weight", args, (y.shape[1], *_two(shape)[2:]), *form), shape)


def _repeated(x: Value, outs: Size) -> Value:
    """Each channel as often as it has results."""
    if x.shape[1] == outs:
        return x
    images, channels, *sizes = x.shape
    apart = graph.reshape(x, (images, channels, 1, *sizes))
    return graph.reshape(
        graph.expand(apart, (images, channels, settled(outs // channels), *sizes)), (images, outs, *sizes)
    )


def _two(shape: Sizes) -> Sizes:
    """The shape of lines, as that of images of one row."""
    return shape if len(shape) == 4 else (*shape[:2], 1, *shape[2:])


def _image(x: Value) -> Value:
    return graph.reshape(x, _two(x.shape))


def _weight(w: Value) -> Value:
    shape = _two(w.shape)
    return graph.reshape(w, (shape[0], *shape[2:]))


def _form(stride: Ints, low: Sizes, dilation: Ints) -> tuple[Ints, Sizes, Ints]:
    return (stride, low, dilation) if len(stride) == 2 else ((1, *stride), (0, *low), (1, *dilation))
