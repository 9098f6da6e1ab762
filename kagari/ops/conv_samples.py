"""Arguments that convolutions are tried with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .operator import Samples
from .samples import Make, Sample, args, wanted


def forward_samples(rank: int) -> Samples:
    """Those of a convolution over `rank` dimensions."""

    def samples(make: Make) -> Iterator[Sample]:
        lines, rest = (5, 6, 7)[-rank:], (1,) * (rank - 1)
        yield (make(2, 3, *lines), make(4, 3, *(2,) * rank), make(4)), {}
        yield (make(3, *lines), make(4, 3, *rest, 3)), {"stride": 2, "padding": 1}
        yield (make(2, 4, *lines), make(6, 2, *(3,) * rank), make(6), 1, 2, 2, 2), {}
        if rank == 2:
            yield (make(1, 3, 8, 7, noncontiguous=True), make(3, 1, 3, 2), make(3), (2, 1)), {"groups": 3}
            yield (make(2, 2, 7, 8), make(3, 2, 3, 3), None, (3, 2), (0, 1), (1, 2)), {}
            yield (make(2, 3, 4, 5), make(5, 3, 1, 1), make(5)), {}
            yield (make(2, 3, 5, 5), make(5, 3, 1, 1, noncontiguous=True), None, 2), {}
            yield (make(1, 2, 5, 6), make(2, 2, 4, 3), None, 1, "same"), {}
            yield (make(2, 70, 9, 9), make(33, 70, 3, 3, low=-1, high=1)), {"padding": (1, 1)}
        if rank == 1:
            yield (make(2, 2, 9), make(2, 2, 3), make(2), (1,), "valid", (2,)), {}
            yield (make(0, 2, 9), make(3, 2, 3)), {}

    return samples


def _whole(make: Make, *shape: int) -> Any:
    """Small whole numbers: PyTorch rounds 16-bit sums of these as often as it likes."""
    values: Any = [(7 * i + i // 5) % 5 - 2 for i in range(math.prod(shape))]
    for n in reversed(shape[1:]):
        values = [values[i : i + n] for i in range(0, len(values), n)]
    return make(values=values)


def transposed_samples(rank: int) -> Samples:
    """Those of a transposed one."""

    def samples(make: Make) -> Iterator[Sample]:
        lines = (3, 4, 5)[-rank:]
        yield (_whole(make, 2, 3, *lines), _whole(make, 3, 4, *(2,) * rank), _whole(make, 4)), {}
        yield (_whole(make, 4, *lines), _whole(make, 4, 2, *(3,) * rank), _whole(make, 4), 2, 1, 1, 2), {}
        if rank == 2:
            yield (_whole(make, 1, 3, 4, 3), _whole(make, 3, 1, 2, 3), None, (3, 1), (0, 1)), {"groups": 3}
            yield (_whole(make, 2, 2, 3, 4), _whole(make, 2, 3, 3, 2), None, (2, 1), 1, (1, 2)), {"dilation": (2, 3)}
            yield (_whole(make, 2, 2, 3, 4), _whole(make, 2, 3, 1, 1), _whole(make, 3), 3, 0, 2), {}
            yield (_whole(make, 1, 2, 5, 5), _whole(make, 2, 3, 5, 5)), {"stride": 2, "padding": 3}

    return samples


def forward_errors(rank: int) -> list[tuple[Sample, type, str]]:
    """What a convolution over `rank` dimensions refuses; all of it for images."""
    if rank != 2:
        return [
            (
                args(wanted(4), wanted(3, 2, *(3,) * rank)),
                RuntimeError,
                r"input to conv\dd, but got input of size: \[4\]",
            )
        ]
    x, w = wanted(1, 2, 4, 4), wanted(3, 2, 3, 3)
    return [
        (
            args(wanted(1, 3, 4, 4), w),
            RuntimeError,
            r"expected input\[1, 3, 4, 4\] to have 2 channels, but got 3 channels",
        ),
        (args(wanted(1, 2, 2, 2), w), RuntimeError, r"\(2 x 2\). Kernel size: \(3 x 3\). Kernel size can't be greater"),
        (args(x, wanted(3, 2, 3)), RuntimeError, r"or a list of 1 values .* but got stride=\[1, 1\]"),
        (args(x, w, wanted(4)), RuntimeError, r"bias to be 1-dimensional with 3 elements, but got bias of size \[4\]"),
        (args(x, w, stride=0), RuntimeError, "non-positive stride is not supported"),
        (args(x, w, padding=-1), RuntimeError, "negative padding is not supported"),
        (args(x, w, dilation=0), RuntimeError, r"dilation should be greater than zero, but got \[0, 0\]"),
        (args(x, w, padding="foo"), RuntimeError, "Invalid padding string: 'foo'"),
        (
            args(x, w, padding="same", stride=2),
            RuntimeError,
            "padding='same' is not supported for strided convolutions",
        ),
        (args(x, w, groups=0), RuntimeError, "non-positive groups is not supported"),
        (args(x, w, groups=2), RuntimeError, "Given groups=2, expected weight to be divisible by 2 at dimension 0"),
        (
            args(x, w, wanted(3, dtype="float64")),
            RuntimeError,
            r"Input type \(float\) and bias type \(double\) should be the same",
        ),
        (
            args(wanted(1, 2, 4, 4, dtype="float64"), w, wanted(3)),
            RuntimeError,
            r"Input type \(double\) and bias type \(float\) should be the same",
        ),
    ]


def transposed_errors(rank: int) -> list[tuple[Sample, type, str]]:
    """What a transposed one refuses."""
    x, w = wanted(1, 3, *(4,) * rank), wanted(3, 2, *(3,) * rank)
    return [
        (args(x, w, output_padding=1), RuntimeError, "output padding must be smaller than either stride or dilation"),
        (args(x, w, output_padding=-1), RuntimeError, "negative output_padding is not supported"),
        (args(x, wanted(2, 3, *(3,) * rank)), RuntimeError, "Given transposed=1, weight of size .* to have 2 channels"),
    ]


def general_samples(make: Make) -> Iterator[Sample]:
    """Those of a convolution over any number of dimensions."""
    yield (make(2, 4, 6), make(4, 2, 3), make(4), (2,), (1,), (1,), False, (0,), 2), {}
    yield (_whole(make, 2, 3, 4, 5), _whole(make, 3, 2, 3, 2), None, [2, 1], [1, 0], [1, 1], True, [1, 0], 1), {}
