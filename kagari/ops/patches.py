"""The windows of images as columns, and the sum of columns at the places of the windows."""

from __future__ import annotations

import math
from typing import Any

from ..base.symbols import Size, hint, product, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.differentiate import differentiate
from ..ir.graph import Value
from .check import TYPE_NAMES
from .convolve import Ints
from .operator import Operator, Tensor, operator
from .shapes import listed
from .window import around, window_count, windowed

_WORDS = {
    "kernel_size": ("kernel size", "kernel"),
    "dilation": ("dilation", "dilation"),
    "stride": ("stride", "stride"),
}


def _pair(parameter: str, given: Any) -> Ints:
    numbers = (given, given) if isinstance(given, int) else tuple(given)
    if len(numbers) != 2:
        raise RuntimeError(f"It is expected {parameter} equals to 2, but got size {len(numbers)}")
    return numbers


def _pairs(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Ints, Ints, Ints, Ints]:
    taps, apart = _pair("kernel_size", kernel_size), _pair("dilation", dilation)
    around_, steps = _pair("padding", padding), _pair("stride", stride)
    for parameter, numbers in (("kernel_size", taps), ("dilation", apart), ("stride", steps)):
        if min(numbers) < 1:
            words, name = _WORDS[parameter]
            raise RuntimeError(
                f"{words} should be greater than zero, but got {name}_height: {numbers[0]} {name}_width: {numbers[1]}"
            )
    if min(around_) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {around_[0]} pad_width: {around_[1]}")
    return taps, apart, around_, steps


def _counts(sizes: tuple[Size, ...], taps: Ints, apart: Ints, zeros: Ints, steps: Ints) -> list[Size]:
    return [window_count(n + 2 * z, k, s, d) for n, k, d, z, s in zip(sizes, taps, apart, zeros, steps)]


def _tuple(numbers: Any) -> str:
    return f"({', '.join(str(hint(n)) for n in numbers)})"


def _columns(x: Value, taps: Ints, apart: Ints, zeros: Ints, steps: Ints) -> Value:
    """x[N, C, H, W] as [N, C * KH * KW, OH * OW]."""
    seen = windowed(around(x, (2, 3), zeros, zeros), (2, 3), taps, steps, apart)
    moved = graph.permute(seen, (0, 1, 4, 5, 2, 3))
    return graph.reshape(moved, (x.shape[0], x.shape[1] * math.prod(taps), product(seen.shape[2:4])))


@operator(name="im2col", namespace="nn.functional", method=False, out=False, fresh=True)
def im2col(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    dilation: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    stride: int | tuple[int, ...] = 1,
) -> Value:
    """The windows of an image as columns: `(N, C, H, W)` to `(N, C * taps, windows)`. `unfold` is this.

    >>> import kagari as torch
    >>> torch.nn.functional.unfold(torch.ones(1, 2, 4, 4), 2).shape
    torch.Size([1, 8, 9])
    """
    taps, apart, zeros, steps = _pairs(kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4) or any(s == 0 for s in input.shape[-3:]):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {listed(input.shape)}"
        )
    if input.dtype.category == 1:
        raise NotImplementedError(f"\"im2col_out_cpu\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    counts = _counts(input.shape[-2:], taps, apart, zeros, steps)
    if any(n < 1 for n in counts):
        raise RuntimeError(
            f"Given input with spatial size {_tuple(input.shape[-2:])}, kernel_size={_tuple(taps)}, "
            f"dilation={_tuple(apart)}, padding={_tuple(zeros)}, calculated shape of the array of sliding blocks as "
            f"{_tuple(max(0, hint(n)) for n in counts)}, but its components must be at least one."
        )
    x = input if input.ndim == 4 else graph.reshape(input, (1, *input.shape))
    columns = _columns(x, taps, apart, zeros, steps)
    return columns if input.ndim == 4 else graph.reshape(columns, columns.shape[1:])


def _fold_gradient(
    g: Value, input: Value, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> list[Value]:
    batched = graph.reshape(g, (1, *g.shape)) if g.ndim == 3 else g
    return [graph.reshape(_columns(batched, *_pairs(kernel_size, dilation, padding, stride)), input.shape)]


@operator(name="col2im", namespace="nn.functional", method=False, out=False, fresh=True, gradient=_fold_gradient)
def col2im(
    input: Tensor,
    output_size: int | tuple[int, ...],
    kernel_size: int | tuple[int, ...],
    dilation: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    stride: int | tuple[int, ...] = 1,
) -> Value:
    """Columns added up at the places of their windows: `(N, C * taps, windows)` to `(N, C, *output_size)`.

    It is the transpose of `im2col`: what takes the gradient of the columns to that of the image. `fold` is this.

    >>> import kagari as torch
    >>> torch.nn.functional.fold(torch.ones(1, 4, 4), (3, 3), 2)
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    sizes = _pair("output_size", output_size)
    taps, apart, zeros, steps = _pairs(kernel_size, dilation, padding, stride)
    if input.ndim not in (2, 3) or any(s == 0 for s in input.shape[-2:]):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {listed(input.shape)}"
        )
    rows, windows = input.shape[-2:]
    if rows % math.prod(taps) != 0:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)="
            f"{hint(rows)} and kernel_size={_tuple(taps)}."
        )
    counts = [max(0, hint(n)) for n in _counts(sizes, taps, apart, zeros, steps)]
    if windows != math.prod(counts):
        raise RuntimeError(
            f"Given output_size={_tuple(sizes)}, kernel_size={_tuple(taps)}, dilation={_tuple(apart)}, padding="
            f"{_tuple(zeros)}, stride={_tuple(steps)}, expected size of input's dimension 2 to match the calculated "
            f"number of sliding blocks {counts[0]} * {counts[1]} = {math.prod(counts)}, but got input.size(2)="
            f"{hint(windows)}."
        )
    if input.dtype.category not in (2, 3):
        raise NotImplementedError(f"\"col2im_out_cpu\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    g = input if input.ndim == 3 else graph.reshape(input, (1, *input.shape))
    image = ir.full((g.shape[0], settled(rows // math.prod(taps)), *sizes), 0, g.dtype)
    # The columns of an image are linear in it, so their derivative is the same at every image.
    (summed,) = differentiate([_columns(image, taps, apart, zeros, steps)], [g], [image])
    assert summed is not None
    return summed if input.ndim == 3 else graph.reshape(summed, summed.shape[1:])


OPERATORS: tuple[Operator, ...] = (im2col, col2im)
