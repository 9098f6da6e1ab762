"""Convolutions: the layers of ResNet-50 by kind, and one channel a group as in MobileNet, on batches of 8."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from .framework import Framework, Step, with_gradients
from .measure import Bench, Row, geometric_row

TITLE = "Convolutions"

BATCH = 8
FLOOR = 0.85
DEPTHWISE = 2.0


class Layer(NamedTuple):
    """A convolution of square images, padded so that a stride of 1 keeps their size."""

    inputs: int
    outputs: int
    size: int
    taps: int
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        """Such as `3x3/2, 128 to 128, 56 x 56`."""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kind = "depthwise " if self.groups > 1 else ""
        return f"{kind}{self.taps}x{self.taps}{stride}, {self.inputs} to {self.outputs}, {self.size} x {self.size}"


STEM = Layer(3, 64, 224, 7, 2)
LAYERS = (
    STEM,
    Layer(64, 256, 56, 1),
    Layer(1024, 256, 14, 1),
    Layer(2048, 512, 7, 1),
    Layer(256, 512, 56, 1, 2),
    Layer(64, 64, 56, 3),
    Layer(128, 128, 28, 3),
    Layer(256, 256, 14, 3),
    Layer(512, 512, 7, 3),
    Layer(128, 128, 56, 3, 2),
    Layer(512, 512, 14, 3, 2),
)
DEPTHWISE_LAYERS = (Layer(144, 144, 56, 3, 1, 144), Layer(144, 144, 56, 3, 2, 144), Layer(240, 240, 28, 5, 1, 240))


def convolution(torch: Framework, layer: Layer, backward: bool) -> Step:
    """The layer alone, or with all its gradients; images, which the stem is given, need none."""
    x = torch.randn(BATCH, layer.inputs, layer.size, layer.size)
    w = torch.randn(layer.outputs, layer.inputs // layer.groups, layer.taps, layer.taps)

    def operation() -> object:
        return torch.nn.functional.conv2d(x, w, None, layer.stride, layer.taps // 2, 1, layer.groups)

    if not backward:
        return operation
    return with_gradients(operation, [w] if layer is STEM else [x, w], torch.ones_like(operation()))


def rows(bench: Bench) -> Iterator[Row]:
    """Each kind of layer, forward and with the gradients, and the geometric means over those of ResNet-50."""
    for label, backward, at_least in (("forward", False, 1.05), ("forward + backward", True, 1.3)):
        ratios = []
        for layer in (*LAYERS, *DEPTHWISE_LAYERS):
            depthwise = layer in DEPTHWISE_LAYERS  # whose operations PyTorch counts as if it had all weights
            pair = bench.compare(partial(convolution, layer=layer, backward=backward), count=not depthwise)
            yield pair.row(f"{layer.name}, {label}", DEPTHWISE if depthwise else FLOOR)
            if not depthwise:
                ratios.append(pair.ratio)
        yield geometric_row(f"layers of ResNet-50, {label}", ratios, at_least)
