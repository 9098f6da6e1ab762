"""The same seed and the same script give the same numbers: losses and weights after training, to four digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import language, models, vision
from .framework import Framework, TrainStep
from .measure import Bench, Row

TITLE = "The same numbers from the same seed"

TOLERANCE = 1e-4
"""Relative difference of two numbers that differ by at most one in their fourth digit, whatever that digit is."""

LONG = 20
"""Steps after which weights are compared, too: some begin at zero, and are differences of large sums after one step."""

Model = Callable[[Framework], tuple[Any, TrainStep]]


def train(torch: Framework, model: Model, steps: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The losses, one array per step, and the weights in the end, one array per tensor."""
    module, step = model(torch)
    losses = [np.array([loss.item() for loss in step()]) for _ in range(steps)]
    return losses, [parameter.detach().numpy() for parameter in module.parameters()]


def difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest relative difference between two arrays of the lists, in the Euclidean norm."""
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(one, other))


def rows(bench: Bench) -> Iterator[Row]:
    """The losses of each model, of those that train long its weights, too, and the tokens that a GPT generates."""
    cases: list[tuple[str, Model, int]] = [
        ("linear regression, 100 epochs", models.linear_regression, 100),
        ("GAN, 20 steps", models.gan, 20),
        ("CNN for MNIST, 5 steps", vision.mnist, 5),
        ("ResNet-18, 2 steps", vision.resnet_training, 2),
        ("GPT, 2 steps", language.gpt_training, 2),
        ("LSTM, 3 steps", language.lstm_training, 3),
    ]
    for what, model, steps in cases:
        results = [train(torch, model, steps) for torch in (bench.kagari, bench.torch)]
        for name, kagari, pytorch in zip(("losses", "weights") if steps >= LONG else ("losses",), *results):
            off = difference(kagari, pytorch)
            yield Row(f"{what}: {name}", "", f"differ by {off:.1e}", None, f"<= {TOLERANCE:.0e}", off <= TOLERANCE)
    kagari, pytorch = (language.gpt_generation(torch)().tolist()[0] for torch in (bench.kagari, bench.torch))
    same, wanted = sum(a == b for a, b in zip(kagari, pytorch)), language.GENERATED
    yield Row("GPT, tokens generated alike", "", str(same), None, str(wanted), same == wanted)
