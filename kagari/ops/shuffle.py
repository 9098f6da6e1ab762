"""Elements that change places between channels and space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.symbols import hint, settled
from ..ir import graph
from ..ir.graph import Value
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import listed


def _require_image(name: str, argument: str, x: Value, factor: int) -> None:
    if x.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {x.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")


def _up(make: Make) -> Iterator[Sample]:
    yield (make(2, 8, 3, 2), 2), {}
    yield (make(9, 2, 1), 3), {}
    yield (make(2, 2, 4, 3, 2, noncontiguous=True), 2), {}
    yield (make(0, 4, 2, 2), 2), {}
    yield (make(3, 2, 2), 1), {}


_HOW: dict[str, Any] = {"method": False, "out": False, "fresh": True}


@operator(
    order="channels",
    samples=_up,
    errors=[
        (
            args(wanted(3, 2, 2), 2),
            RuntimeError,
            "divisible by the square of upscale_factor, but input.size.-3.=3 is not divisible by 4",
        ),
        (args(wanted(3, 2), 2), RuntimeError, "pixel_shuffle expects input to have at least 3 dimensions"),
        (args(wanted(4, 2, 2), 0), RuntimeError, "pixel_shuffle expects a positive upscale_factor, but got 0"),
    ],
    **_HOW,
)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Value:
    """`(*, C r^2, H, W)` to `(*, C, H r, W r)`: r^2 channels become a square of r x r elements.

    Source: Shi et al., Real-Time Single Image and Video Super-Resolution, 2016 (arXiv 1609.05158).

    >>> import kagari as torch
    >>> torch.pixel_shuffle(torch.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    r = upscale_factor
    _require_image("pixel_shuffle", "upscale_factor", input, r)
    *lead, channels, h, w = input.shape
    if channels % (r * r) != 0:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={hint(channels)} is not divisible by {r * r}"
        )
    n, c = len(lead), settled(channels // (r * r))
    split = graph.reshape(input, (*lead, c, r, r, h, w))
    mixed = graph.permute(split, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))  # (*, C, H, r, W, r)
    return graph.reshape(mixed, (*lead, c, h * r, w * r))


def _down(make: Make) -> Iterator[Sample]:
    yield (make(2, 2, 4, 6), 2), {}
    yield (make(1, 3, 6), 3), {}
    yield (make(2, 2, 1, 2, 4, noncontiguous=True), 2), {}


@operator(
    order="channels",
    samples=_down,
    errors=[
        (args(wanted(3, 3, 4), 2), RuntimeError, "height to be divisible by downscale_factor, but input.size.-2.=3"),
        (args(wanted(3, 4, 3), 2), RuntimeError, "width to be divisible by downscale_factor, but input.size.-1.=3"),
        (args(wanted(4, 2, 2), 0), RuntimeError, "pixel_unshuffle expects a positive downscale_factor, but got 0"),
    ],
    **_HOW,
)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Value:
    """`(*, C, H r, W r)` to `(*, C r^2, H, W)`: what `pixel_shuffle` did is undone.

    >>> import kagari as torch
    >>> torch.pixel_unshuffle(torch.arange(4).reshape(1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    r = downscale_factor
    _require_image("pixel_unshuffle", "downscale_factor", input, r)
    *lead, c, h, w = input.shape
    for name, at, size in (("height", -2, h), ("width", -1, w)):
        if size % r != 0:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})="
                f"{hint(size)} is not divisible by {r}"
            )
    n, high, wide = len(lead), settled(h // r), settled(w // r)
    split = graph.reshape(input, (*lead, c, high, r, wide, r))
    mixed = graph.permute(split, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))  # (*, C, r, r, H, W)
    return graph.reshape(mixed, (*lead, c * r * r, high, wide))


def _grouped(make: Make) -> Iterator[Sample]:
    yield (make(2, 6, 3), 3), {}
    yield (make(1, 4, 2, 3), 2), {}
    yield (make(2, 4, 3, noncontiguous=True), 4), {}
    yield (make(0, 4, 2), 2), {}


@operator(
    order="channels",
    samples=_grouped,
    errors=[
        (
            args(wanted(2, 3, 4), 2),
            RuntimeError,
            "Number of channels must be divisible by groups. Got 3 channels and 2",
        ),
        (args(wanted(2, 3, 4), 0), RuntimeError, "Number of groups to divide channels in must be positive"),
        (args(wanted(2, 4), 2), RuntimeError, "channel_shuffle expects input with > 2 dims, but got input with sizes"),
    ],
    aliases=("native_channel_shuffle",),
    **_HOW,
)
def channel_shuffle(input: Tensor, groups: int) -> Value:
    """The channels of `(N, C, *)`, of which `groups` follow each other, in turns: one of each group.

    Source: Zhang et al., ShuffleNet, 2018 (arXiv 1707.01083).

    >>> import kagari as torch
    >>> torch.channel_shuffle(torch.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    if input.ndim <= 2:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {listed(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, channels, *rest = input.shape
    if channels % groups != 0:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {hint(channels)} channels and {groups} groups."
        )
    split = graph.reshape(input, (n, groups, settled(channels // groups), *rest))
    return graph.reshape(graph.permute(split, (0, 2, 1, *range(3, split.ndim))), input.shape)


OPERATORS: tuple[Operator, ...] = (pixel_shuffle, pixel_unshuffle, channel_shuffle)
