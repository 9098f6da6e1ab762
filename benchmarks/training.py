"""Whole training steps, and Adam alone over many small tensors."""

from __future__ import annotations

from collections.abc import Iterator

from . import models
from .framework import Framework, Step
from .measure import Bench, Row

TITLE = "Training steps"


def adam(torch: Framework) -> Step:
    """Adam over 100 tensors of 1,000 elements whose gradients are given."""
    parameters = [torch.randn(1000).requires_grad_() for _ in range(100)]
    for parameter in parameters:
        parameter.grad = torch.randn(1000)
    return torch.optim.Adam(parameters).step


def rows(bench: Bench) -> Iterator[Row]:
    """From the smallest model to the largest, then the optimizer."""
    steps = bench.compare(lambda torch: models.linear_regression(torch)[1])
    yield steps.row("linear regression, 100 points, SGD", at_least=3)
    steps = bench.compare(lambda torch: models.mlp(torch)[1])
    yield steps.row(f"MLP 64-64-10, batch {models.MLP_BATCH}, Adam", at_least=3)
    steps = bench.compare(lambda torch: models.gan(torch)[1], count=True)
    yield steps.row(f"GAN, batch {models.GAN_BATCH}, Adam", at_least=2.2)
    yield bench.compare(adam).row("Adam over 100 tensors of 1,000", at_least=10)
