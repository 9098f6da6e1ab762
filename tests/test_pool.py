"""Pooling layers against the oracle: results, places, gradients, what they print, errors; and large windows."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

LAYERS = {
    "MaxPool1d(3)": (2, 3, 10),
    "MaxPool1d(3, 2, 1, ceil_mode=True)": (3, 9),
    "MaxPool2d(2)": (2, 3, 6, 7),
    "MaxPool2d((3, 2), stride=(2, 1), padding=1)": (2, 3, 7, 6),
    "MaxPool2d(3, 1, dilation=(1, 2))": (3, 7, 6),
    "MaxPool3d((2, 1, 2))": (2, 1, 4, 3, 5),
    "AvgPool1d(3)": (2, 3, 10),
    "AvgPool1d(2, padding=1, count_include_pad=False)": (3, 9),
    "AvgPool2d(2)": (2, 3, 6, 7),
    "AvgPool2d((3, 2), (2, 1), 1, True, False)": (2, 3, 7, 6),
    "AvgPool2d(3, 1, divisor_override=4)": (3, 7, 6),
    "AvgPool2d(5, 7)": (2, 3, 14, 12),
    "AvgPool3d((2, 1, 2), 1)": (2, 1, 4, 3, 5),
    "AdaptiveAvgPool1d(4)": (2, 3, 10),
    "AdaptiveAvgPool2d((None, 4))": (2, 3, 6, 7),
    "AdaptiveAvgPool2d(1)": (2, 3, 6, 7),
    "AdaptiveAvgPool3d((2, 3, 5))": (2, 1, 4, 3, 4),
    "AdaptiveMaxPool1d(4)": (2, 3, 10),
    "AdaptiveMaxPool2d((3, None))": (2, 3, 7, 6),
    "AdaptiveMaxPool3d(2)": (1, 4, 3, 5),
    "LPPool1d(2, 3)": (2, 3, 10),
    "LPPool2d(1.5, (3, 2), 2, True)": (2, 3, 7, 6),
    "LPPool3d(3, 2)": (2, 1, 4, 3, 5),
}
WITH_PLACES = {
    "MaxPool1d(3, 2, 1, return_indices=True)": (2, 3, 9),
    "MaxPool2d(2, 1, return_indices=True)": (3, 6, 7),
    "MaxPool3d(2, padding=1, return_indices=True)": (2, 1, 4, 3, 5),
    "AdaptiveMaxPool1d(4, return_indices=True)": (2, 3, 10),
    "AdaptiveMaxPool2d(3, return_indices=True)": (2, 3, 7, 6),
    "AdaptiveMaxPool3d(2, return_indices=True)": (1, 4, 3, 5),
}


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of which some are equal, and none is negative, for the powers."""
    return np.random.default_rng(0).integers(0, 40, shape) / 4


def close(ours: Any, theirs: Any) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-5, equal_nan=True)


def run(lib: ModuleType, text: str, shape: tuple[int, ...]) -> tuple[str, list[Any]]:
    layer = eval(text, dict(vars(lib.nn)))
    x = lib.tensor(numbers(shape).tolist(), requires_grad=True)
    found = layer(x)
    parts = list(found) if isinstance(found, tuple) else [found]
    (parts[0] * parts[0].detach()).sum().backward()
    assert not any(part.requires_grad for part in parts[1:])
    return repr(layer), [*parts, x.grad]


@pytest.mark.parametrize("text", [*LAYERS, *WITH_PLACES])
def test_layer(text: str, oracle: ModuleType) -> None:
    shape = {**LAYERS, **WITH_PLACES}[text]
    ours, theirs = run(kagari, text, shape), run(oracle, text, shape)
    assert ours[0] == theirs[0]
    for a, b in zip(ours[1], theirs[1], strict=True):
        close(a, b)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_there_and_back(rank: int, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        pool = getattr(lib.nn, f"MaxPool{rank}d")(2, return_indices=True)
        unpool = getattr(lib.nn, f"MaxUnpool{rank}d")(2)
        x = lib.tensor(numbers((2, 3, *(5, 4, 6)[:rank])).tolist(), requires_grad=True)
        back = unpool(*pool(x), output_size=x.shape)
        (back * back.detach()).sum().backward()
        found.append([back, x.grad])
        assert (
            repr(unpool) == f"MaxUnpool{rank}d(kernel_size={(2,) * rank}, stride={(2,) * rank}, padding={(0,) * rank})"
        )
    for a, b in zip(*found):
        close(a, b)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("pool", ["max_pool2d", "avg_pool2d"])
def test_large_windows(pool: str, ceil_mode: bool, oracle: ModuleType) -> None:
    """Those with too many elements to be written out."""
    found = []
    for lib in (kagari, oracle):
        x = lib.tensor(numbers((2, 3, 33, 30)).tolist(), requires_grad=True)
        y = getattr(lib.nn.functional, pool)(x, (9, 11), (5, 12), (4, 5), ceil_mode=ceil_mode)
        (y * y.detach()).sum().backward()
        found.append([y, x.grad])
    for a, b in zip(*found):
        close(a, b)


@pytest.mark.parametrize("how", ["output_size=3", "output_size=(4, 1)", "output_ratio=0.5"])
def test_windows_at_random_distances(how: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        layer = eval(f"n.FractionalMaxPool2d(2, {how}, return_indices=True)", {"n": lib.nn})
        assert repr(layer) == "FractionalMaxPool2d()"
        x = lib.tensor(numbers((2, 3, 9, 8)).tolist(), requires_grad=True)
        lib.manual_seed(3)
        y, places = layer(x)
        (y * y.detach()).sum().backward()
        found.append([y, places, x.grad, lib.rand(2)])
    for a, b in zip(*found):
        close(a, b)


def test_volumes_at_random_distances(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        samples = lib.tensor(np.random.default_rng(5).uniform(0, 1, (1, 2, 3)).tolist())
        layer = lib.nn.FractionalMaxPool3d((2, 1, 3), output_size=(3, 4, 2), _random_samples=samples)
        x = lib.tensor(numbers((2, 7, 6, 8)).tolist(), requires_grad=True)
        y = layer(x)
        (y * y.detach()).sum().backward()
        found.append([y, x.grad])
    for a, b in zip(*found):
        close(a, b)


def test_planes_that_threads_share(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        x = lib.tensor(numbers((8, 8, 48, 48)), dtype=lib.float32, requires_grad=True)
        y = lib.nn.functional.max_pool2d(x, 3, 2, 1)
        (y * y.detach()).sum().backward()
        found.append([y, x.grad])
    for a, b in zip(*found):
        close(a, b)


def test_sizes_that_were_not_seen_before(oracle: ModuleType) -> None:
    """One structure serves all sizes: what follows from them must not be taken from the first call."""
    for size in range(5, 12):
        for call in ("max_pool1d(x, 3, 2, 1, ceil_mode=True)", "avg_pool1d(x, 3, 2, 1)", "adaptive_avg_pool1d(x, 4)"):
            found = []
            for lib in (kagari, oracle):
                x = lib.tensor(numbers((2, 3, size)).tolist(), requires_grad=True)
                y = eval(f"F.{call}", {"F": lib.nn.functional, "x": x})
                (y * y.detach()).sum().backward()
                found.append([y, x.grad])
            for a, b in zip(*found):
                close(a, b)


def test_nan_and_infinity(oracle: ModuleType) -> None:
    nan, inf = float("nan"), float("inf")
    rows = [[nan, 1.0, -inf, -inf, -inf, -inf, 2.0, inf, nan, nan]]
    for padding in (0, 1):
        ours, theirs = (lib.nn.functional.max_pool1d(lib.tensor(rows), 2, 2, padding, return_indices=True)
                        for lib in (kagari, oracle))  # fmt: skip
        for a, b in zip(ours, theirs):
            close(a, b)


ERRORS = {
    "window larger than the input": lambda t, n: n.MaxPool2d(9)(t.zeros(2, 3, 6, 7)),
    "sequence shorter than a window": lambda t, n: n.MaxPool1d(9)(t.zeros(2, 3, 7)),
    "more padding than half a window": lambda t, n: n.AvgPool2d(2, padding=2)(t.zeros(2, 3, 6, 7)),
    "three numbers for two dimensions": lambda t, n: n.MaxPool2d((2, 2, 2))(t.zeros(2, 3, 6, 7)),
    "a vector": lambda t, n: n.MaxPool2d(2)(t.zeros(4)),
    "mean of a vector": lambda t, n: n.AvgPool1d(2)(t.zeros(4)),
    "no step": lambda t, n: n.MaxPool2d(2, stride=0)(t.zeros(2, 3, 6, 7)),
    "divided by nothing": lambda t, n: n.AvgPool2d(2, divisor_override=0)(t.zeros(2, 3, 6, 7)),
    "given size of a matrix": lambda t, n: n.AdaptiveAvgPool2d(2)(t.zeros(2, 3)),
    "given size of nothing": lambda t, n: n.AdaptiveMaxPool2d(2)(t.zeros(2, 3, 0, 4)),
    "negative size": lambda t, n: n.AdaptiveAvgPool2d(-1)(t.zeros(2, 3, 4, 4)),
    "a size that pooling can't have come from": lambda t, n: n.MaxUnpool2d(2)(
        t.zeros(1, 2, 2), t.zeros(1, 2, 2, dtype=t.int64), output_size=(9, 4)
    ),
    "sizes for other dimensions": lambda t, n: n.MaxUnpool2d(2)(
        t.zeros(1, 2, 2), t.zeros(1, 2, 2, dtype=t.int64), output_size=(4,)
    ),
    "no fractional size": lambda t, n: n.FractionalMaxPool2d(2),
    "two fractional sizes": lambda t, n: n.FractionalMaxPool2d(2, 3, 0.5),
    "a ratio above 1": lambda t, n: n.FractionalMaxPool3d(2, output_ratio=1.5),
    "fractional windows that do not fit": lambda t, n: n.FractionalMaxPool2d(2, 9)(t.zeros(2, 3, 7, 6)),
    "an empty window": lambda t, n: n.FractionalMaxPool3d((2, 0, 1), 3),
    "places of another shape": lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 1, 2, dtype=t.int64)),
    "places as int32": lambda t, n: n.MaxUnpool2d(2)(t.zeros(1, 2, 2), t.zeros(1, 2, 2, dtype=t.int32)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: ERRORS[name](lib, lib.nn), oracle, kagari)


def test_a_place_outside_of_the_channel() -> None:
    with pytest.raises(RuntimeError, match="index out of range"):
        kagari.nn.functional.max_unpool1d(kagari.ones(1, 2), kagari.tensor([[0, 9]]), 2)
