"""The command: which families to measure, on what, and where the results go."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

import kagari

from . import (
    agreement,
    compiled,
    conv,
    data,
    footprint,
    layers,
    matmul,
    memory,
    networks,
    picture,
    report,
    shapes,
    startup,
    tiny,
    training,
)
from .measure import Bench, Row

FAMILIES = {
    "data": data,  # first: workers begin as copies of the process, with all that other families leave behind
    "agreement": agreement,
    "tiny": tiny,
    "training": training,
    "networks": networks,
    "compiled": compiled,
    "matmul": matmul,
    "conv": conv,
    "layers": layers,
    "memory": memory,
    "shapes": shapes,
    "startup": startup,
    "footprint": footprint,
}
THREADS = 2
BUSY = 0.5
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def main() -> None:
    """Measures, prints, and after a complete run writes docs/performance.md and its picture."""
    arguments = parse()
    for framework in (torch, kagari):
        framework.set_num_threads(THREADS)
    bench = Bench(torch, kagari, THREADS, arguments.quick)
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"This machine is busy (load {load:.1f}): figures of work on {THREADS} threads will be off.")

    results: dict[str, list[Row]] = {}
    for name in arguments.families or FAMILIES:
        family = FAMILIES[name]
        print(f"\n{family.TITLE}\n", flush=True)
        results[family.TITLE] = rows = list(family.rows(bench))
        print(report.table(rows), flush=True)
        if any(row.ratio is not None for row in rows):
            print(f"\n{report.chart(rows)}", flush=True)

    print(f"\n{report.summary(results)}")
    if not arguments.families and not arguments.quick:
        DOCUMENT.write_text(report.document("make bench", THREADS, results))
        picture.draw(results, DOCUMENT.with_suffix(".png"))
        print(f"\nWritten: {DOCUMENT.relative_to(DOCUMENT.parents[1])} and its picture")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Kagari and PyTorch side by side.")
    names = ", ".join(FAMILIES)
    # The empty list is a choice because argparse checks it, too, where no family is named.
    parser.add_argument(
        "families", nargs="*", choices=[*FAMILIES, []], metavar="FAMILY", help=f"any of {names}; or all"
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it runs, not to cite")
    return parser.parse_args()
