"""Convolutions and transposed convolutions over one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import accumulate, int64
from ..base.symbols import Size, hint, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import lower
from .check import C_NAMES, TYPE_NAMES, for_tensors
from .conv_samples import forward_errors, forward_samples, general_samples, transposed_errors, transposed_samples
from .convolve import Geometry, Ints, convolved, correlated, scattered
from .operator import Operator, Tensor, operator
from .samples import args, wanted
from .shapes import listed
from .window import extent

# Arguments


def _listed(name: str, parameter: str, given: Any, rank: int, spatial: int) -> Ints:
    """One number for each spatial dimension, from a number or several of them."""
    numbers = (given,) * rank if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(numbers, (tuple, list)) or not all(isinstance(n, int) for n in numbers):
        kind = type(given).__name__
        raise TypeError(f"{name}(): argument '{parameter}' must be tuple of ints, not {kind}")
    if len(numbers) == 1:
        return (numbers[0],) * spatial
    if len(numbers) != spatial:
        raise RuntimeError(
            f"expected {parameter} to be a single integer value or a list of {spatial} values to match the convolution "
            f"dimensions, but got {parameter}={list(numbers)}"
        )
    return tuple(numbers)


def _require_positive(parameter: str, numbers: Ints, least: int) -> None:
    if any(n < least for n in numbers):
        if parameter == "dilation":
            raise RuntimeError(f"dilation should be greater than zero, but got {list(numbers)}")
        raise RuntimeError(f"{'non-positive' if least else 'negative'} {parameter} is not supported")


def _require_shapes(x: Value, w: Value, bias: Value | None, groups: int, transposed: bool) -> None:
    """What has to hold whatever stride and padding are."""
    _require_positive("groups", (groups,), 1)
    if w.ndim != x.ndim:
        raise RuntimeError(
            f"Expected {w.ndim}-dimensional input for {w.ndim}-dimensional weight {listed(w.shape)}, but got "
            f"{x.ndim}-dimensional input of size {listed(x.shape)} instead"
        )
    if w.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{listed(w.shape)} instead"
        )
    if w.shape[0] % groups != 0:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{listed(w.shape)}] instead"
        )
    channels, outs = (w.shape[0], w.shape[1] * groups) if transposed else (w.shape[1] * groups, w.shape[0])
    if x.shape[1] != channels:
        given = "transposed=1" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {given}, weight of size {listed(w.shape)}, expected input{listed(x.shape)} to have "
            f"{hint(channels)} channels, but got {hint(x.shape[1])} channels instead"
        )
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != outs):
        given = "Given transposed=1, weight" if transposed else "Given weight"
        raise RuntimeError(
            f"{given} of size {listed(w.shape)}, expected bias to be 1-dimensional with {hint(outs)} elements, but got "
            f"bias of size {listed(bias.shape)} instead"
        )


def _require_dtypes(x: Value, w: Value, bias: Value | None, dilation: Ints, transposed: bool) -> None:
    for other, what in ((bias, "bias"), (w, "weight")):
        if other is not None and other.dtype is not x.dtype:
            given, found = C_NAMES[x.dtype], C_NAMES[other.dtype]
            raise RuntimeError(f"Input type ({given}) and {what} type ({found}) should be the same")
    dt = x.dtype
    if transposed:
        lacks, kernel = dt.category < 2 and dt is not int64, f"slow_conv_transpose{max(w.ndim - 2, 2)}d_out_cpu"
    elif any(d > 1 for d in dilation):
        lacks, kernel = dt.category < 2 and dt is not int64, "slow_conv_dilated<>"
    else:
        lacks, kernel = dt.category == 0, "compute_columns3d" if w.ndim == 5 else "slow_conv2d_cpu"
    if lacks:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dt]}'")


def _same(taps: Sequence[Size], stride: Ints, dilation: Ints) -> tuple[tuple[Size, ...], tuple[Size, ...]]:
    """The zeros before and after, with which the output is as large as the input."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [extent(k, d) - 1 for k, d in zip(taps, dilation)]
    low = tuple([settled(t // 2) for t in total])
    return low, tuple([settled(t - a) for t, a in zip(total, low)])


def _geometry(name: str, w: Value, rank: int, stride: Any, padding: Any, dilation: Any, groups: int) -> Geometry:
    spatial = w.ndim - 2
    steps = _listed(name, "stride", stride, rank, spatial)
    apart = _listed(name, "dilation", dilation, rank, spatial)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        low, high = _same(w.shape[2:], steps, apart) if padding == "same" else ((0,) * spatial,) * 2
    else:
        low = high = _listed(name, "padding", padding, rank, spatial)
        _require_positive("padding", _listed(name, "padding", padding, rank, spatial), 0)
    _require_positive("stride", steps, 1)
    _require_positive("dilation", apart, 1)
    return Geometry(steps, low, high, apart, groups)


def _batched(name: str, x: Value, rank: int) -> Value:
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: "
            f"{listed(x.shape)}"
        )
    return graph.reshape(x, (1, *x.shape)) if x.ndim == rank + 1 else x


def _unbatched(y: Value, x: Value) -> Value:
    return graph.reshape(y, y.shape[1:]) if x.ndim < y.ndim else y


# Definitions and gradients, for any number of dimensions


def _wide(x: Value, w: Value, third: Value | None) -> tuple[Value, Value, Value | None]:
    """16-bit floats as 32-bit ones, once: each is read many times, and windows of those are read where they lie."""
    if x.dtype.category != 2:
        return x, w, third
    dt = accumulate(x.dtype)
    return graph.cast(x, dt), graph.cast(w, dt), None if third is None else graph.cast(third, dt)


def _require_kernel(w: Value) -> None:
    if any(isinstance(k, int) and k == 0 for k in w.shape[2:]):
        raise RuntimeError(f"kernel size should be greater than zero, but got {listed(w.shape[2:])}")


def _forward(x: Value, w: Value, bias: Value | None, form: Geometry) -> Value:
    _require_shapes(x, w, bias, form.groups, False)
    _require_kernel(w)
    padded = [a + s + b for a, s, b in zip(form.low, x.shape[2:], form.high)]
    spans = [extent(k, d) for k, d in zip(w.shape[2:], form.dilation)]
    if any(p < span for p, span in zip(padded, spans)) or any(p == 0 for p in padded):
        have, need = (" x ".join(str(hint(n)) for n in sizes) for sizes in (padded, spans))
        raise RuntimeError(
            f"Calculated padded input size per channel: ({have}). Kernel size: ({need}). Kernel size can't be greater "
            "than actual input size"
        )
    _require_dtypes(x, w, bias, form.dilation, False)
    wide_x, wide_w, wide_bias = _wide(x, w, bias)
    y = convolved(wide_x, wide_w, form, wide_bias)
    # What the gradient decides on sizes is decided here, too: calls with and without it then share their traces.
    scattered(y, wide_w, form, x.shape[2:])
    return graph.cast(y, x.dtype)


def _forward_transposed(x: Value, w: Value, bias: Value | None, form: Geometry, more: Ints) -> Value:
    _require_positive("output_padding", more, 0)
    _require_shapes(x, w, bias, form.groups, True)
    _require_kernel(w)
    _require_less(more, form)
    _require_dtypes(x, w, bias, form.dilation, True)
    sizes = [
        settled((n - 1) * s - 2 * p + extent(k, d) + m)
        for n, s, p, k, d, m in zip(x.shape[2:], form.stride, form.low, w.shape[2:], form.dilation, more)
    ]
    if any(n < 0 for n in sizes):
        have, made = (" x ".join(str(hint(n)) for n in shape) for shape in (x.shape[2:], sizes))
        raise RuntimeError(
            f"Given input size per channel: ({have}). Calculated output size per channel: ({made}). Output size is too "
            "small"
        )
    wide_x, wide_w, wide_bias = _wide(x, w, bias)
    y = scattered(wide_x, wide_w, form, tuple(sizes))
    if wide_bias is not None:
        y = ir.add(y, graph.reshape(wide_bias, (1, wide_bias.shape[0], *(1,) * (y.ndim - 2))))
    return graph.cast(y, x.dtype)


def _require_less(more: Ints, form: Geometry) -> None:
    """An output padding adds what the stride has left out: there is no more of that."""
    if all(m < max(s, d) for m, s, d in zip(more, form.stride, form.dilation)):
        return
    lead = (2 - len(more),) if len(more) < 2 else ()
    sides = ("depth", "height", "width")[-max(len(more), 2) :]
    parts = (
        ("output_padding", (0,) * len(lead) + more),
        ("stride", lead + form.stride),
        ("dilation", lead + form.dilation),
    )
    text = " ".join(f"{name}_{side}: {n}" for name, numbers in parts for side, n in zip(sides, numbers))
    raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {text}")


def _gradients(g: Value, x: Value, w: Value, bias: Value | None, form: Geometry) -> list[Value]:
    wide_x, wide_w, wide_g = _wide(x, w, g)
    assert wide_g is not None
    wide_x, wide_w = ir.conj(wide_x), ir.conj(wide_w)
    dx, dw = scattered(wide_g, wide_w, form, x.shape[2:]), correlated(wide_x, wide_g, form, w.shape[2:])
    return for_tensors((x, dx), (w, dw), (bias, _to_bias(g)))


def _gradients_transposed(g: Value, x: Value, w: Value, bias: Value | None, form: Geometry, more: Ints) -> list[Value]:
    """The sums of a convolution with input and output exchanged, from which the output padding is cut."""
    form = form._replace(high=tuple([p - m for p, m in zip(form.high, more)]))
    wide_x, wide_w, wide_g = _wide(x, w, g)
    assert wide_g is not None
    wide_x, wide_w = ir.conj(wide_x), ir.conj(wide_w)
    dx, dw = convolved(wide_g, wide_w, form), correlated(wide_g, wide_x, form, w.shape[2:])
    return for_tensors((x, dx), (w, dw), (bias, _to_bias(g)))


def _to_bias(g: Value) -> Value:
    return ir.sum_(g, (0, *range(2, g.ndim)))


# The operators


def _node(rank: int) -> nodes.Named:
    """A single image is made a batch, and taken out of it."""
    return lambda args: "ConvolutionBackward0" if nodes.rank(args) == rank + 2 else "SqueezeBackward1"


def _words(rank: int, size: int, made: int) -> dict[str, str]:
    """What the text of a convolution says: its places, and the sizes of its example."""
    sizes, result, taps = (", ".join([str(n)] * rank) for n in (size, made, 3))
    return {"places": ", ".join(("D", "H", "W")[-rank:]), "sizes": sizes, "made": result, "taps": taps}


def _convolution(rank: int) -> Operator:
    """The convolution over `rank` dimensions."""
    name = f"conv{rank}d"

    def gradient(
        g: Value, input: Value, weight: Value, bias: Value | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> list[Value]:  # fmt: skip
        form = _geometry(name, weight, rank, stride, padding, dilation, groups)
        dx, *others = _gradients(_batched(name, g, rank), _batched(name, input, rank), weight, bias, form)
        return [_unbatched(dx, input), *others]

    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
    ) -> Value:
        x = _batched(name, input, rank)
        form = _geometry(name, weight, rank, stride, padding, dilation, groups)
        return _unbatched(_forward(x, weight, bias, form), input)

    conv.__doc__ = _DOC.format(name=name, **_words(rank, 5, 3))
    return operator(
        name=name, method=False, out=False, fresh=True, order="channels", autocast=lower, dtypes="fic",
        gradient=gradient, samples=forward_samples(rank), errors=forward_errors(rank), node=_node(rank),
    )(conv)  # fmt: skip


def _transposed_convolution(rank: int) -> Operator:
    """The transposed convolution over `rank` dimensions."""
    name = f"conv_transpose{rank}d"

    def gradient(
        g: Value, input: Value, weight: Value, bias: Value | None = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> list[Value]:  # fmt: skip
        form = _geometry(name, weight, rank, stride, padding, dilation, groups)
        more = _listed(name, "output_padding", output_padding, rank, rank)
        x, g = _batched(name, input, rank), _batched(name, g, rank)
        dx, *others = _gradients_transposed(g, x, weight, bias, form, more)
        return [_unbatched(dx, input), *others]

    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        dilation: int | tuple[int, ...] = 1,
    ) -> Value:
        x = _batched(name, input, rank)
        form = _geometry(name, weight, rank, stride, padding, dilation, groups)
        more = _listed(name, "output_padding", output_padding, rank, weight.ndim - 2)
        return _unbatched(_forward_transposed(x, weight, bias, form, more), input)

    conv.__doc__ = _TRANSPOSED_DOC.format(name=name, **_words(rank, 3, 5))
    return operator(
        name=name, method=False, out=False, fresh=True, order="channels", autocast=lower, dtypes="fc",
        gradient=gradient, samples=transposed_samples(rank), errors=transposed_errors(rank), node=_node(rank),
    )(conv)  # fmt: skip


_DOC = """The convolution of `input` with `weight`: products of the weights with each window, summed, plus `bias`.

    y[n, o, p] = bias[o] + sum over c, k of x[n, c, p * stride + k * dilation - padding] weight[o, c, k]

    `input` is (N, C, {places}) or (C, {places}), `weight` (O, C / groups, *taps), `bias` (O,). With `groups` each of as
    many parts of the channels has weights of its own. `padding` counts zeros on both sides; `"same"` keeps the size,
    `"valid"` adds none. Raises RuntimeError where shapes do not fit or a window is larger than the padded input.
    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Windows of 3 x 3 with stride 1 over many channels of float32 may be summed by Lavin's and Gray's minimal filtering
    (2015), with rounding errors as small; but an element that is infinite or NaN then makes NaN of results up to two
    places further than its windows reach.

    >>> import kagari as torch
    >>> torch.{name}(torch.ones(1, 2, {sizes}), torch.ones(4, 2, {taps})).shape
    torch.Size([1, 4, {made}])
    """
_TRANSPOSED_DOC = """The transposed convolution: each element of `input` adds its multiple of the weights to a window.

    y[n, o, p * stride + k * dilation - padding] = bias[o] + sum over all that hits it of x[n, c, p] weight[c, o, k]

    It is what takes the gradient of a convolution's output to that of its input. `input` is (N, C, {places}) or
    (C, {places}), `weight` (C, O / groups, *taps), `bias` (O,). `padding` cuts elements off both sides,
    `output_padding` adds some to the end, fewer than stride or dilation. Raises RuntimeError where shapes do not fit.

    >>> import kagari as torch
    >>> torch.{name}(torch.ones(1, 2, {sizes}), torch.ones(2, 4, {taps})).shape
    torch.Size([1, 4, {made}])
    """


def _convolution_form(weight: Value, stride: Any, padding: Any, dilation: Any, groups: int) -> Geometry:
    return _geometry("convolution", weight, weight.ndim - 2, stride, padding, dilation, groups)


def _convolution_gradient(
    g: Value, input: Value, weight: Value, bias: Value | None, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
) -> list[Value]:  # fmt: skip
    form = _convolution_form(weight, stride, padding, dilation, groups)
    if not transposed:
        return _gradients(g, input, weight, bias, form)
    more = _listed("convolution", "output_padding", output_padding, len(form.stride), len(form.stride))
    return _gradients_transposed(g, input, weight, bias, form, more)


@operator(
    method=False,
    out=False,
    fresh=True,
    order="channels",
    dtypes="fi",
    gradient=_convolution_gradient,
    samples=general_samples,
    errors=[
        (
            args(wanted(3, 4, 4), wanted(2, 3, 3, 3), None, (1,), (0,), (1,), False, (0,), 1),
            RuntimeError,
            "Expected 4-dimensional input for 4-dimensional weight",
        )
    ],
)
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    transposed: bool,
    output_padding: tuple[int, ...],
    groups: int,
) -> Value:
    """A convolution over as many dimensions as `weight` has, or a `transposed` one; `input` has a batch dimension.

    >>> import kagari as torch
    >>> x, w = torch.ones(1, 2, 5), torch.ones(4, 2, 3)
    >>> torch.convolution(x, w, None, [1], [0], [1], False, [0], 1).shape
    torch.Size([1, 4, 3])
    """
    form = _convolution_form(weight, stride, padding, dilation, groups)
    if not transposed:
        return _forward(input, weight, bias, form)
    more = _listed("convolution", "output_padding", output_padding, len(form.stride), len(form.stride))
    return _forward_transposed(input, weight, bias, form, more)


OPERATORS: tuple[Operator, ...] = (
    *map(_convolution, (1, 2, 3)), *map(_transposed_convolution, (1, 2, 3)), convolution,
)  # fmt: skip
