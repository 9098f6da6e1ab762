"""What a new process pays: the import, and all that happens until the first training step is done."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator

from .measure import Bench, Row, duration
from .process import number

TITLE = "Start of a process"

IMPORT_LIMIT = 0.150

IMPORT = """
import time
start = time.perf_counter()
import {framework}
print(time.perf_counter() - start)
"""

# Prints the moment the step was done; the parent process knows when the child was started.
FIRST_STEP = """
import time
import {framework} as torch
from benchmarks.models import mlp
model, step = mlp(torch)
step()[0].item()
print(time.time())
"""


def import_seconds(framework: str, store: str) -> float:
    """Seconds the import statement takes."""
    return number(IMPORT.format(framework=framework), KAGARI_CACHE_DIR=store)


def first_step_seconds(framework: str, store: str) -> float:
    """Seconds from the start of the process to the end of the first step."""
    start = time.time()
    return number(FIRST_STEP.format(framework=framework), KAGARI_CACHE_DIR=store) - start


def rows(bench: Bench) -> Iterator[Row]:
    """Import, then the first step with an empty and a filled store; the least of interleaved rounds."""
    times: dict[str, list[float]] = {}
    for _ in range(1 if bench.quick else 5):
        with tempfile.TemporaryDirectory() as store:
            times.setdefault("import torch", []).append(import_seconds("torch", store))
            times.setdefault("import kagari", []).append(import_seconds("kagari", store))
            times.setdefault("torch", []).append(first_step_seconds("torch", store))
            times.setdefault("empty", []).append(first_step_seconds("kagari", store))
            times.setdefault("warm", []).append(first_step_seconds("kagari", store))
    least = {what: min(seconds) for what, seconds in times.items()}

    yield Row(
        "import, with numpy",
        duration(least["import torch"]),
        duration(least["import kagari"]),
        least["import torch"] / least["import kagari"],
        f"<= {duration(IMPORT_LIMIT)}",
        least["import kagari"] <= IMPORT_LIMIT,
    )
    for store, at_least in (("empty", 3), ("warm", 4)):
        yield Row(
            f"process start to the end of the first MLP step, {store} kernel store",
            duration(least["torch"]),
            duration(least[store]),
            least["torch"] / least[store],
            f">= {at_least}x",
            least["torch"] / least[store] >= at_least,
        )
