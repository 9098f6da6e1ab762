"""Results of computations are memory of their own, also where there is nothing to compute."""

from collections.abc import Callable
from typing import Any

import pytest

import kagari
import kagari.nn.functional as F

NOTHING_TO_DO: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "trace": ((1, 1), kagari.trace), "empty diagonal": ((3, 4), lambda x: x.diagonal_scatter(kagari.zeros(0), 9)),
    "avg_pool1d": ((1, 1, 4), lambda x: F.avg_pool1d(x, 1)), "avg_pool2d": ((1, 1, 4, 4), lambda x: F.avg_pool2d(x, 1)),
    "avg_pool3d": ((1, 1, 2, 2, 2), lambda x: F.avg_pool3d(x, 1)),
    "max_pool1d": ((1, 1, 4), lambda x: F.max_pool1d(x, 1)),
    "max_pool2d": ((1, 1, 4, 4), lambda x: F.max_pool2d(x, 1)),
    "max_pool3d": ((1, 1, 2, 2, 2), lambda x: F.max_pool3d(x, 1)),
    "max_pool2d, indices": ((1, 1, 4, 4), lambda x: F.max_pool2d(x, 1, return_indices=True)[0]),
    "adaptive_avg_pool1d": ((1, 1, 4), lambda x: F.adaptive_avg_pool1d(x, 4)),
    "adaptive_avg_pool2d": ((1, 1, 4, 4), lambda x: F.adaptive_avg_pool2d(x, 4)),
    "adaptive_max_pool2d": ((1, 1, 4, 4), lambda x: F.adaptive_max_pool2d(x, 4)),
    "nearest": ((1, 1, 4, 4), lambda x: F.interpolate(x, (4, 4))),
    "nearest-exact": ((1, 1, 4, 4), lambda x: F.interpolate(x, (4, 4), mode="nearest-exact")),
    "area": ((1, 1, 4, 4), lambda x: F.interpolate(x, (4, 4), mode="area")),
    "bilinear": ((1, 1, 4, 4), lambda x: F.interpolate(x, (4, 4), mode="bilinear")),
    "sum over one": ((1, 4), lambda x: x.sum(0)),
    "batch norm": ((2, 3), lambda x: F.batch_norm(x, kagari.zeros(3), kagari.ones(3))),
    "convolution": ((1, 1, 4), lambda x: F.conv1d(x, kagari.ones(1, 1, 1))), "diff": ((4,), lambda x: x.diff(n=0)),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING_TO_DO)
def test_writing_to_a_result_leaves_the_input_alone(name: str) -> None:
    shape, call = NOTHING_TO_DO[name]
    x = -kagari.ones(shape)
    result = call(x)
    result.fill_(7)
    assert (x == -1).all() and result._base is None
