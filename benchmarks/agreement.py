"""The same seed and the same script give the same numbers: losses and weights after training, to four digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import models
from .measure import Bench, Framework, Row

TITLE = "The same numbers from the same seed"

TOLERANCE = 1e-4
"""Relative difference of two numbers that differ by at most one in their fourth digit, whatever that digit is."""

Model = Callable[[Framework], tuple[Any, models.TrainStep]]


def train(torch: Framework, model: Model, steps: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The losses, one array per step, and the weights in the end, one array per tensor."""
    module, step = model(torch)
    losses = [np.array([loss.item() for loss in step()]) for _ in range(steps)]
    return losses, [parameter.detach().numpy() for parameter in module.parameters()]


def difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest relative difference between two arrays of the lists, in the Euclidean norm."""
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(one, other))


def rows(bench: Bench) -> Iterator[Row]:
    """One line each for the losses and the weights of both models."""
    cases: list[tuple[str, Model, int]] = [
        ("linear regression, 100 epochs", models.linear_regression, 100),
        ("GAN, 20 steps", models.gan, 20),
    ]
    for what, model, steps in cases:
        results = [train(torch, model, steps) for torch in (bench.kagari, bench.torch)]
        for name, kagari, pytorch in zip(("losses", "weights"), *results):
            off = difference(kagari, pytorch)
            yield Row(f"{what}: {name}", "", f"differ by {off:.1e}", None, f"<= {TOLERANCE:.0e}", off <= TOLERANCE)
