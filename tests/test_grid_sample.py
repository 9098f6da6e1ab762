"""Spatial transformers against the oracle: values, both gradients, errors and warnings."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari


def close(ours: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    a, b = (np.array(t.detach().tolist(), float) for t in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def sampled(lib: ModuleType, mode: str, padding: str, aligned: bool, volume: bool, dtype: str) -> list[Any]:
    random = np.random.default_rng(0)
    shape, out = ((2, 3, 4, 5, 3), (2, 2, 3, 4, 3)) if volume else ((2, 3, 4, 5), (2, 6, 7, 2))
    kind = getattr(lib, dtype)
    x = lib.tensor(random.uniform(-2, 2, shape).tolist(), dtype=kind, requires_grad=True)
    grid = lib.tensor(random.uniform(-1.9, 1.9, out).tolist(), dtype=kind, requires_grad=True)
    y = lib.nn.functional.grid_sample(x, grid, mode, padding, aligned)
    (y * y.detach()).sum().backward()
    return [y, x.grad, grid.grad]


IMAGES = [
    (mode, padding, aligned)
    for mode in ("bilinear", "nearest")
    for padding in ("zeros", "border", "reflection")
    for aligned in (False, True)
]


@pytest.mark.parametrize(
    ("mode", "padding", "aligned"), [*IMAGES, ("bicubic", "zeros", False), ("bicubic", "reflection", True)]
)
def test_images(mode: str, padding: str, aligned: bool, oracle: ModuleType) -> None:
    found = [sampled(lib, mode, padding, aligned, False, "float64") for lib in (kagari, oracle)]
    for ours, theirs in zip(*found):
        close(ours, theirs, 1e-9)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_volumes(mode: str, padding: str, oracle: ModuleType) -> None:
    found = [sampled(lib, mode, padding, False, True, "float32") for lib in (kagari, oracle)]
    for ours, theirs in zip(*found):
        close(ours, theirs)


def test_places_that_are_no_numbers(oracle: ModuleType) -> None:
    places = [[[[float("nan"), 0.0], [float("inf"), 0.0], [0.0, -1e30]]]]
    ours, theirs = (
        lib.nn.functional.grid_sample(lib.ones(1, 1, 3, 3), lib.tensor(places), "nearest", align_corners=False)
        for lib in (kagari, oracle)
    )
    close(ours, theirs)


@pytest.mark.parametrize("n", [7, 9, 28, 48])
def test_identity_finds_the_same_neighbours(n: int, oracle: ModuleType) -> None:
    """A spatial transformer begins with the identity: each place is an element, and slopes are those of a side."""
    found = []
    for lib in (kagari, oracle):
        grid = lib.nn.functional.affine_grid(lib.eye(2, 3)[None], (1, 1, n, n + 1), align_corners=False)
        place = grid.clone().requires_grad_()
        image = lib.arange(float(n * (n + 1))).reshape(1, 1, n, n + 1) ** 2
        lib.nn.functional.grid_sample(image, place, align_corners=False).sum().backward()
        found.append((grid.numpy(), place.grad.numpy()))
    (ours, our_slopes), (theirs, their_slopes) = found
    assert (ours.view(np.int32) == theirs.view(np.int32)).all()
    np.testing.assert_allclose(our_slopes, their_slopes, rtol=1e-3, atol=1e-3 * np.abs(their_slopes).max() / n)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 1, 3, 2, 4), (2, 3, 1, 4)])
def test_affine_grid(size: tuple[int, ...], aligned: bool, oracle: ModuleType) -> None:
    rank = len(size) - 2
    found = []
    for lib in (kagari, oracle):
        theta = lib.tensor(np.random.default_rng(1).uniform(-1, 1, (2, rank, rank + 1)).tolist(), requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grid = lib.nn.functional.affine_grid(theta, size, aligned)
        (grid * grid.detach()).sum().backward()
        found.append([grid, theta.grad])
    for ours, theirs in zip(*found):
        close(ours, theirs)


ERRORS = {
    "another batch": lambda t, f: f.grid_sample(t.ones(2, 1, 3, 3), t.ones(1, 2, 2, 2), align_corners=False),
    "no such mode": lambda t, f: f.grid_sample(t.ones(1, 1, 3, 3), t.ones(1, 2, 2, 2), "linear"),
    "no such padding": lambda t, f: f.grid_sample(t.ones(1, 1, 3, 3), t.ones(1, 2, 2, 2), padding_mode="one"),
    "points of a volume": lambda t, f: f.grid_sample(t.ones(1, 1, 3, 3), t.ones(1, 2, 2, 3), align_corners=False),
    "cubic volume": lambda t, f: f.grid_sample(
        t.ones(1, 1, 3, 3, 3), t.ones(1, 2, 2, 2, 3), "bicubic", align_corners=False
    ),
    "matrices of integers": lambda t, f: f.affine_grid(t.ones(1, 2, 3, dtype=t.int64), (1, 1, 2, 2), False),
    "a line": lambda t, f: f.affine_grid(t.ones(1, 2, 3), (1, 1, 2), False),
    "matrices of another rank": lambda t, f: f.affine_grid(t.ones(1, 3, 3), (1, 1, 2, 2), False),
    "an empty image": lambda t, f: f.affine_grid(t.ones(1, 2, 3), (1, 1, 0, 2), False),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: ERRORS[name](lib, lib.nn.functional), oracle, kagari)


def test_warnings(oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lib.nn.functional.grid_sample(lib.ones(1, 1, 3, 3), lib.ones(1, 2, 2, 2))
            lib.nn.functional.affine_grid(lib.ones(1, 2, 3), (1, 1, 2, 2))
            lib.nn.functional.affine_grid(lib.ones(1, 2, 3), (1, 1, 1, 2), True)
        said.append([str(w.message) for w in caught])
    assert said[0] == said[1]
