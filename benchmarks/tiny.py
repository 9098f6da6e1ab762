"""Overhead: operations on four elements, where everything but the arithmetic counts, and chains of fifty of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .framework import Build, Framework, Step, with_gradients
from .measure import Bench, Row, geometric_row

TITLE = "Overhead of tiny operations"

# Each operation with the shapes of its arguments.
OPERATIONS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "add": (lambda torch, x, y: x + y, [(4,), (4,)]),
    "mul": (lambda torch, x, y: x * y, [(4,), (4,)]),
    "relu": (lambda torch, x: torch.relu(x), [(4,)]),
    "sum": (lambda torch, x: x.sum(), [(4,)]),
    "matmul 4x4": (lambda torch, x, y: x @ y, [(4, 4), (4, 4)]),
    "linear": (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), [(1, 4), (4, 4), (4,)]),
}


def forward(name: str) -> Build:
    """The operation alone, on tensors that need no gradient."""
    operation, shapes = OPERATIONS[name]

    def build(torch: Framework) -> Step:
        arguments = [torch.randn(*shape) for shape in shapes]
        return lambda: operation(torch, *arguments)

    return build


def forward_backward(name: str) -> Build:
    """The operation and the gradients of all its arguments."""
    operation, shapes = OPERATIONS[name]

    def build(torch: Framework) -> Step:
        arguments = [torch.randn(*shape) for shape in shapes]
        seed = torch.ones_like(operation(torch, *arguments))
        return with_gradients(lambda: operation(torch, *arguments), arguments, seed)

    return build


def chain(torch: Framework, needs_gradient: bool) -> Step:
    """Fifty operations one after the other; with a gradient, also the way back."""
    x, scale, shift, seed = torch.randn(4), torch.randn(4), torch.randn(4), torch.ones(4)
    x.requires_grad_(needs_gradient)

    def step() -> None:
        y = x
        for _ in range(25):
            y = y * scale
            y = y + shift
        if needs_gradient:
            x.grad = None
            y.backward(seed)

    return step


def rows(bench: Bench) -> Iterator[Row]:
    """Single operations with their geometric mean, then the chains."""
    ratios = []
    for label, family in (("forward", forward), ("forward + backward", forward_backward)):
        for name in OPERATIONS:
            pair = bench.compare(family(name))
            ratios.append(pair.ratio)
            yield pair.row(f"{name}, {label}")
    yield geometric_row("tiny operations", ratios, at_least=1.3)
    yield bench.compare(partial(chain, needs_gradient=False)).row("chain of 50, forward", at_least=1.3)
    yield bench.compare(partial(chain, needs_gradient=True)).row("chain of 50, forward + backward", at_least=1.8)
