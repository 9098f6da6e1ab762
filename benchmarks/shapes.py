"""Shapes never seen before: 200 batch sizes through an MLP, forward and backward, each new once and then again."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator

from .framework import Framework
from .measure import Bench, Row, duration

TITLE = "New shapes of a known structure"

FEW = 5
"""So many batch sizes may still make the framework generate code."""

BATCH_SIZES = random.Random(0).sample(range(16, 16 + FEW + 200), FEW + 200)
OPERATORS = 8
"""linear, relu, linear and cross entropy, and the backward of each."""

LIMIT = 50e-6


def kernels_compiled(torch: Framework) -> int | None:
    """How many kernels this process has generated code for; None for a framework that does not count them."""
    backend = getattr(torch.backends, "kagari", None)
    return None if backend is None else backend.kernels_compiled()


def passes(torch: Framework) -> Callable[[int], float]:
    """A function that takes a batch size, goes forward and backward with it, and returns the seconds it took."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    criterion = nn.CrossEntropyLoss()

    def run(batch: int) -> float:
        x, y = torch.randn(batch, 64), torch.randint(0, 10, (batch,))
        model.zero_grad()
        start = time.perf_counter()
        criterion(model(x), y).backward()
        return time.perf_counter() - start

    return run


def added(torch: Framework) -> tuple[float, int | None]:
    """Seconds per operator that a new shape takes longer than a known one (the mean over 200 shapes), and how many
    kernels were compiled on the way."""
    run = passes(torch)
    for batch in BATCH_SIZES[:FEW]:
        run(batch)
    new = BATCH_SIZES[FEW:]
    gc.collect()  # what other families left behind takes a third of a second, and is not these shapes'
    before = kernels_compiled(torch)
    first = [run(batch) for batch in new]
    after = kernels_compiled(torch)
    again = [min(run(batch) for _ in range(3)) for batch in new]
    extra = statistics.fmean(one - other for one, other in zip(first, again)) / OPERATORS
    return max(extra, 0.0), None if before is None or after is None else after - before


def rows(bench: Bench) -> Iterator[Row]:
    """The time added per operator, and the kernels compiled."""
    (pytorch, _), (kagari, compiled) = added(bench.torch), added(bench.kagari)
    yield Row(
        "added per operator by a new batch size, mean of 200",
        duration(pytorch),
        duration(kagari),
        None,
        f"<= {duration(LIMIT)}",
        kagari <= LIMIT,
    )
    yield Row(f"kernels compiled after the first {FEW} sizes", "", str(compiled), None, "0", compiled == 0)
