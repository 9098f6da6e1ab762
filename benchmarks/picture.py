"""The bar chart of a run as a picture: the sections' means where there are such, or else their rows."""

from __future__ import annotations

from pathlib import Path

from matplotlib import pyplot
from matplotlib.ticker import ScalarFormatter

from .measure import Row


def draw(results: dict[str, list[Row]], path: Path) -> None:
    """Horizontal bars from 1, where both frameworks are equal, on a logarithmic axis."""
    bars = [(row.what.strip("*"), row.ratio) for rows in results.values() for row in shown(rows) if row.ratio]
    names, ratios = zip(*reversed(bars))
    figure, axes = pyplot.subplots(figsize=(11, 1 + 0.24 * len(bars)), layout="constrained")
    colors = ["tab:green" if ratio >= 1 else "tab:red" for ratio in ratios]
    drawn = axes.barh(names, [ratio - 1 for ratio in ratios], left=1, color=colors)
    axes.bar_label(drawn, [f"{ratio:.2f}x" for ratio in ratios], padding=3, fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.axvline(1, color="black", linewidth=0.8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title("PyTorch's time, or size, over Kagari's: bars to the right are in Kagari's favour")
    axes.margins(x=0.12, y=0.01)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def shown(rows: list[Row]) -> list[Row]:
    """The rows of a section that say most."""
    means = [row for row in rows if row.what.startswith("**")]
    return means or [row for row in rows if row.ratio is not None]
