"""Whole networks: training steps, inference and generation, and the memory that training takes at its peak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from . import language, vision
from .framework import Build, Framework, Step
from .measure import Bench, Row, size
from .process import number

TITLE = "Networks"

STATUS = Path("/proc/self/status")
"""Where Linux tells how much memory a process had at most; elsewhere that is left out."""

# Prints the most memory the process ever held, in bytes.
PEAK_MEMORY = """
import re
import {framework} as torch
from pathlib import Path
from benchmarks.{module} import {model}
model, step = {model}(torch)
for _ in range(3):
    step()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("{status}").read_text())[1]) * 1000)
"""


def trained(model: Callable[[Framework], tuple[object, Step]]) -> Build:
    """The model's training step."""
    return lambda torch: model(torch)[1]


STEPS: dict[str, tuple[Build, float]] = {
    "ResNet-18, inference, 224 x 224, batch 1": (partial(vision.resnet_inference, batch=1), 1.5),
    "ResNet-18, inference, 224 x 224, batch 8": (partial(vision.resnet_inference, batch=8), 1.5),
    "ResNet-18, training step, 64 x 64, batch 8": (trained(vision.resnet_training), 1.6),
    "CNN for MNIST, training step, batch 64": (trained(vision.mnist), 2.0),
    "GPT, 6 layers of 384, training step, 8 x 256 tokens": (trained(language.gpt_training), 2.0),
    "GPT, 6 layers of 384, training step in bfloat16 by autocast": (trained(language.gpt_autocast), 1.2),
    "GPT, 6 layers of 384, forward, 8 x 256 tokens": (language.gpt_forward, 2.0),
    "GPT, 6 layers of 384, 64 tokens generated one by one": (language.gpt_generation, 3.0),
    "LSTM, 2 layers of 200, 10,000 words, training step, 20 x 35 tokens": (trained(language.lstm_training), 2.0),
}
"""What is measured, and how much faster it has to be."""

PEAKS = {"ResNet-18": ("vision", "resnet_training"), "GPT": ("language", "gpt_training")}
"""The models whose memory is measured: the file of each and its function."""


def rows(bench: Bench) -> Iterator[Row]:
    """The time of all steps, then memory: each framework in a process of its own, with all that it has loaded."""
    for what, (build, at_least) in STEPS.items():
        yield bench.compare(build, count=True).row(what, at_least)
    for what, (module, model) in PEAKS.items() if STATUS.exists() else ():
        pytorch, kagari = (
            number(PEAK_MEMORY.format(framework=name, module=module, model=model, status=STATUS))
            for name in ("torch", "kagari")
        )
        yield Row(f"{what}, training: memory at its peak", size(pytorch), size(kagari), pytorch / kagari)
