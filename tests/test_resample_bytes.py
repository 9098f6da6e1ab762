"""Images of bytes of another size: to the bit what PyTorch makes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch
from kagari.engine import code

RNG = np.random.default_rng(0)
MODES = [(mode, antialias) for mode in ("bilinear", "bicubic") for antialias in (False, True)] + [("lanczos", True)]


@pytest.mark.parametrize(("mode", "antialias"), MODES)
@pytest.mark.parametrize("shape", [(1, 3, 17, 22), (2, 1, 40, 9), (1, 5, 16, 120)])
def test_same_bytes(shape: tuple[int, ...], mode: str, antialias: bool, oracle: ModuleType) -> None:
    image = RNG.integers(0, 256, shape, dtype=np.uint8)
    options: list[dict[str, Any]] = [{"size": size} for size in ((9, 7), (30, 41), (17, 5), (2, 3), (16, 120))]
    options += [{"scale_factor": (0.6, 1.7)}]
    if mode != "lanczos":
        options += [{"size": (12, 30), "align_corners": True}]
    for one in options:
        one |= {"mode": mode, "antialias": antialias}
        made = torch.nn.functional.interpolate(torch.from_numpy(image), **one)
        expected = oracle.nn.functional.interpolate(oracle.from_numpy(image), **one)
        assert made.dtype is torch.uint8 and np.array_equal(made.numpy(), expected.numpy())


@pytest.mark.parametrize(("shape", "options"), [((1, 3, 4, 4), {"size": (0, 3)}), ((1, 3, 0, 4), {"size": (2, 3)})])
def test_errors(shape: tuple[int, ...], options: dict[str, Any], oracle: ModuleType) -> None:
    messages = []
    for library in (torch, oracle):
        with pytest.raises(RuntimeError) as error:
            library.nn.functional.interpolate(library.zeros(shape, dtype=library.uint8), mode="bilinear", **options)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_sizes_make_no_kernels_of_their_own() -> None:
    def resized(height: int, width: int) -> None:
        image = torch.zeros(1, 3, height, width, dtype=torch.uint8)
        torch.nn.functional.interpolate(image, size=(height // 2, width // 2), mode="bilinear", antialias=True)

    resized(40, 60)
    before = len(code._kernels)
    resized(52, 76)
    assert len(code._kernels) == before
