"""Data: batches from a loader with and without workers, and the state of a model to and from a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .framework import Framework, Step
from .measure import Bench, Row

TITLE = "Loading and saving"

SAMPLES = 10_000
BATCH = 64
TENSORS, ELEMENTS = 25, 4_000_000
"""A state of 400 MB."""


class Images:
    """Samples that are in memory already, as arrays, with a small transform; and their numbers."""

    def __init__(self) -> None:
        self.images = np.random.default_rng(0).random((SAMPLES, 3, 32, 32), np.float32)

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return (self.images[index] - np.float32(0.5)) * np.float32(4), index


def loading(torch: Framework, workers: int) -> Step:
    """All batches of 10,000 images."""
    loader = torch.utils.data.DataLoader(Images(), batch_size=BATCH, num_workers=workers)

    def step() -> None:
        for _ in loader:
            pass

    return step


def beginning(torch: Framework, workers: int) -> Step:
    """The first batch of new workers, which are then let go."""
    loader = torch.utils.data.DataLoader(Images(), batch_size=BATCH, num_workers=workers)
    return lambda: next(iter(loader))


def saving(torch: Framework, folder: str) -> Step:
    """A state of 400 MB to a file."""
    state = {f"layer{i}.weight": torch.randn(ELEMENTS) for i in range(TENSORS)}
    return lambda: torch.save(state, Path(folder, f"{torch.__name__}.pth"))


def reading(torch: Framework, folder: str) -> Step:
    """The same state from the file that PyTorch wrote."""
    return lambda: torch.load(Path(folder, "torch.pth"), weights_only=True)


def rows(bench: Bench) -> Iterator[Row]:
    """The loader, then the file."""
    for workers, at_least in ((0, 2.0), (2, 3.0)):
        pair = bench.compare(partial(loading, workers=workers))
        yield pair.row(f"DataLoader, {SAMPLES:,} arrays of 3 x 32 x 32, batch {BATCH}, {workers} workers", at_least)
    yield bench.compare(partial(beginning, workers=2)).row("first batch of 2 new workers, which are then let go", 1.0)
    with tempfile.TemporaryDirectory() as folder:
        yield bench.compare(partial(saving, folder=folder)).row("save a state of 400 MB", 1.0)
        yield bench.compare(partial(reading, folder=folder)).row("load a state of 400 MB", 1.0)
