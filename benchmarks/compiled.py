"""Compiled functions: `kagari.compile` and `torch.compile` of whole steps, in the long run and in their first call."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from . import language, models, vision
from .framework import Build, Step
from .measure import Bench, Row, duration, geometric_row
from .networks import trained
from .process import numbers

TITLE = "Compiled functions"

AT_LEAST, MEAN_AT_LEAST = 1.05, 2.0
"""How much faster than compiled PyTorch each step has to be, and all of them in the mean."""

OWN_AT_LEAST = 0.97
"""Compiled, a step may be slower than the same one eagerly by so much, which is what measuring tells apart."""

FIRST_AT_LEAST, FIRST_LIMIT = 20.0, 0.1

STORE = "TORCHINDUCTOR_CACHE_DIR"
"""The variable that says where PyTorch keeps what it compiled."""

# Prints the seconds of the first call, of the first three, and how long six later ones took at least.
FIRST_CALLS = """
import time
import {framework} as torch
from benchmarks import compiled
step = torch.compile(compiled.STEPS[{what!r}].build(torch))
def call():
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
first = [call() for _ in range(3)]
later = [call() for _ in range(6)]
print(first[0], sum(first), min(later))
"""


@dataclass(frozen=True)
class Case:
    """A step that is compiled; how much faster it has to be than PyTorch's eager one; whether PyTorch compiles it."""

    build: Build
    against_eager: float | None = None
    by_both: bool = True


STEPS = {
    "linear regression": Case(lambda torch: models.linear_regression(torch)[1], 6.0, by_both=False),
    "GAN": Case(lambda torch: models.gan(torch)[1], 3.0),
    "CNN for MNIST": Case(trained(vision.mnist)),
    "ResNet-18, inference, batch 8": Case(partial(vision.resnet_inference, batch=8)),
    "ResNet-18, training": Case(trained(vision.resnet_training)),
    "GPT, training": Case(trained(language.gpt_training), 2.3),
}
"""What is compiled: steps that are measured eagerly in other sections."""


def rows(bench: Bench) -> Iterator[Row]:
    """First calls in processes of their own, with empty stores; then four sides in turn, with what PyTorch stored.

    The lines that say most come first.
    """
    logging.getLogger("torch").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as store:
        firsts = [row for what, case in STEPS.items() if case.by_both for row in first_calls(bench, what, store)]
        before = os.environ.get(STORE)
        os.environ[STORE] = store
        try:
            yield from long_run(bench)
        finally:
            os.environ.pop(STORE)
            if before is not None:
                os.environ[STORE] = before
    yield from firsts


def long_run(bench: Bench) -> Iterator[Row]:
    """Each step compiled against compiled PyTorch, eager PyTorch, and the same step eagerly."""
    ratios = []
    for what, case in STEPS.items():
        steps = [case.build(bench.torch), case.build(bench.kagari), settled(bench, case.build)]
        if case.by_both:
            steps.append(bench.torch.compile(case.build(bench.torch)))
        eager_pytorch, eager, compiled, *compiled_pytorch = bench.least(steps)
        for theirs in compiled_pytorch:
            ratios.append(theirs / compiled)
            yield faster(f"{what}: both compiled", theirs, compiled, AT_LEAST)
        yield faster(f"{what}: compiled against eager PyTorch", eager_pytorch, compiled, case.against_eager)
        own = duration(eager) + " eager, " + duration(compiled)
        enough = eager / compiled >= OWN_AT_LEAST
        yield Row(f"{what}: compiled against itself, eager", "", own, eager / compiled, f">= {OWN_AT_LEAST}x", enough)
    yield geometric_row("both compiled", ratios, MEAN_AT_LEAST)


def settled(bench: Bench, build: Build) -> Step:
    """The step compiled by Kagari, which has measured by now what is faster."""
    step = bench.kagari.compile(build(bench.kagari))
    while "still being measured" in str(step.explain()):
        step()
    return step


def first_calls(bench: Bench, what: str, pytorch_store: str) -> Iterator[Row]:
    """PyTorch's first call, once; Kagari's, the least of two, with an empty kernel store and with a full one."""
    theirs, theirs_3, _ = numbers(FIRST_CALLS.format(framework="torch", what=what), **{STORE: pytorch_store})
    empty: list[list[float]] = []
    warm: list[list[float]] = []
    for _ in range(1 if bench.quick else 2):
        with tempfile.TemporaryDirectory() as store:
            for times in (empty, warm):
                times.append(numbers(FIRST_CALLS.format(framework="kagari", what=what), KAGARI_CACHE_DIR=store))
    first, first_3 = min(first for first, _, _ in empty), min(three for _, three, _ in empty)
    beyond = min(first - later for first, _, later in warm)
    yield faster(f"{what}: first call, empty stores", theirs, first, FIRST_AT_LEAST)
    yield faster(f"{what}: first three calls, empty stores", theirs_3, first_3)
    limit = f"<= {duration(FIRST_LIMIT)}"
    what = f"{what}: first call beyond a later one, warm store"
    yield Row(what, "", duration(max(beyond, 0.0)), None, limit, beyond <= FIRST_LIMIT)


def faster(what: str, pytorch: float, kagari: float, at_least: float | None = None) -> Row:
    """The row of two times."""
    ratio = pytorch / kagari
    required = "" if at_least is None else f">= {at_least:g}x"
    passed = None if at_least is None else ratio >= at_least
    return Row(what, duration(pytorch), duration(kagari), ratio, required, passed)
