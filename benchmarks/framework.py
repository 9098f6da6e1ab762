"""What is written once and runs on both frameworks. New processes import it: it brings neither of them along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Framework = Any
"""A module with PyTorch's interface: `torch` or `kagari`."""

Step = Callable[[], object]
Build = Callable[[Framework], Step]

TrainStep = Callable[[], list[Any]]
"""Does one step of training and returns its losses, as tensors."""


def with_gradients(operation: Callable[[], Any], tensors: Sequence[Any], seed: Any = None) -> Step:
    """A step that computes `operation()` and the gradients of the tensors; `seed` is the gradient of its result."""
    for tensor in tensors:
        tensor.requires_grad_()

    def step() -> None:
        for tensor in tensors:
            tensor.grad = None
        operation().backward(seed)

    return step
