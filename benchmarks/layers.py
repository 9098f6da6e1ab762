"""Single layers that are no products of matrices: pooling, batch norm, cross entropy, and attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .framework import Framework, Step, with_gradients
from .measure import Bench, Row

TITLE = "Single layers"

Layer = Callable[[Framework], tuple[Callable[[], Any], list[Any]]]
"""Gives the operation, and the tensors that it has gradients for."""


def max_pool(torch: Framework) -> tuple[Callable[[], Any], list[Any]]:
    """As after the first layer of a ResNet."""
    x = torch.randn(8, 64, 112, 112)
    return lambda: torch.nn.functional.max_pool2d(x, 3, 2, 1), [x]


def batch_norm(torch: Framework) -> tuple[Callable[[], Any], list[Any]]:
    """While training: statistics of the batch, and running ones."""
    x = torch.randn(8, 64, 56, 56)
    norm = torch.nn.BatchNorm2d(64)
    return lambda: norm(x), [x, *norm.parameters()]


def cross_entropy(torch: Framework) -> tuple[Callable[[], Any], list[Any]]:
    """Of the words of a language model."""
    x, y = torch.randn(512, 32_000), torch.randint(0, 32_000, (512,))
    return lambda: torch.nn.functional.cross_entropy(x, y), [x]


def attention(torch: Framework, is_causal: bool) -> tuple[Callable[[], Any], list[Any]]:
    """8 heads of 64 over 512 tokens, four sequences."""
    q, k, v = (torch.randn(4, 8, 512, 64) for _ in range(3))
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=is_causal), [q, k, v]


LAYERS: dict[str, tuple[Layer, float]] = {
    "max_pool2d 3x3/2, 8 x 64 x 112 x 112": (max_pool, 5.0),
    "batch norm in training, 8 x 64 x 56 x 56": (batch_norm, 1.3),
    "cross entropy, 512 x 32,000": (cross_entropy, 3.0),
    "attention, 4 x 8 x 512 x 64": (partial(attention, is_causal=False), 1.7),
    "causal attention, 4 x 8 x 512 x 64": (partial(attention, is_causal=True), 1.7),
}
"""Each layer, and how much faster it has to be."""


def build(torch: Framework, layer: Layer, backward: bool) -> Step:
    """The layer alone, or with all its gradients."""
    operation, tensors = layer(torch)
    return with_gradients(operation, tensors, torch.ones_like(operation())) if backward else operation


def rows(bench: Bench) -> Iterator[Row]:
    """All layers, forward and with the gradients."""
    for name, (layer, at_least) in LAYERS.items():
        for label, backward in (("forward", False), ("forward + backward", True)):
            yield bench.compare(partial(build, layer=layer, backward=backward)).row(f"{name}, {label}", at_least)
