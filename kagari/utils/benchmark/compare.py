"""Tables of measurements."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from math import ceil, floor, log10

from .measurement import Measurement, select_unit, unit_to_english

_BEST, _GOOD, _BAD, _WORST, _END = (
    "\033[92m\033[1m",
    "\033[34m\033[1m",
    "\033[2m\033[91m",
    "\033[31m\033[1m",
    "\033[0m\033[0m",
)
_SAME = 1e-7  # seconds that are no difference
_Row = tuple[int, str | None, str]  # threads, where, and name


class Colorize(Enum):
    """With what a time is compared to get its colour."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """Tables of measurements: one for each label, a row for each `sub_label`, a column for each `description`.

    >>> from kagari.utils.benchmark import Compare, Measurement, TaskSpec
    >>> specs = [TaskSpec("f()", "pass", label="Speed", sub_label="f", description=d) for d in ("small", "large")]
    >>> Compare([Measurement(1, [t], spec) for t, spec in zip((2e-6, 3e-5), specs)]).print()
    [--------- Speed ---------]
             |  small  |  large
    1 threads: ----------------
          f  |   2.0   |   30.0
    <BLANKLINE>
    Times are in microseconds (us).
    <BLANKLINE>
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results: list[Measurement] = []
        self._trim = self._highlight = False
        self._colorize = Colorize.NONE
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds measurements. Raises ValueError for anything else."""
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(result)} instead.")
            self._results.append(result)

    def trim_significant_figures(self) -> None:
        """Leaves out digits that chance decides."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colours the times by how they compare to the best one of their column, or of their row."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Marks the times of which many differ from each other."""
        self._highlight = True

    def print(self) -> None:
        """Prints the tables."""
        print(str(self))

    def __str__(self) -> str:
        groups: dict[str, list[Measurement]] = {}
        for result in Measurement.merge(self._results):
            spec = result.task_spec
            groups.setdefault(spec.label if spec.label is not None else spec.stmt, []).append(result)
        return "\n".join(self._table(label, results) for label, results in groups.items())

    def _table(self, label: str, results: list[Measurement]) -> str:
        cells = {(_row(r), r.task_spec.description): r for r in results}
        rows, columns = list(dict.fromkeys(r for r, _ in cells)), list(dict.fromkeys(c for _, c in cells))
        rows.sort(key=lambda row: row[0])
        unit, scale = select_unit(min(r.median for r in results))
        several = len({row[1] for row in rows}) > 1
        names = [(f"({where}): " if several else "") + name for _, where, name in rows]
        texts = [[self._text(cells.get((row, c)), scale) for c in columns] for row in rows]
        inner = [max(map(len, column)) for column in zip(*texts)]
        widths = [max(len(column or ""), width) for column, width in zip(columns, inner)]
        first = max(len(name) for name in names)
        heads = [(column or "").center(width) for column, width in zip(columns, widths)]
        lines = [_line(" " * (6 + first), heads)]
        threads = 0
        for row, name, line in zip(rows, names, texts):
            if row[0] != threads:
                threads = row[0]
                lines.append(f"{threads} threads: ".ljust(len(lines[0]), "-"))
            shown = [t.rjust(n).center(width) for t, n, width in zip(line, inner, widths)]
            lines.append(_line("      " + name.ljust(first), self._coloured(row, columns, shown, cells)))
        title = f" {label} ".center(len(lines[0]) - 2, "-")
        note = f"Times are in {unit_to_english(unit)}s ({unit})."
        if self._highlight and any(r.has_warnings for r in results):
            note += "\n(! XX%) Measurement has high variance, where XX is the IQR / median * 100."
        return "\n".join([f"[{title}]", *lines, "", note, ""])

    def _text(self, result: Measurement | None, scale: float) -> str:
        if result is None:
            return ""
        value, digits = result.median / scale, 1
        if self._trim:
            figures = result.significant_figures
            digits = max(figures - (floor(log10(value)) + 1), 0)
            value = round(value, figures - (floor(log10(value)) + 1))
        mark = f" (! {ceil(result.iqr / result.median * 100)}%)" if self._highlight and result.has_warnings else ""
        return f"{value:.{digits}f}{mark}"

    def _coloured(
        self,
        row: _Row,
        columns: list[str | None],
        shown: list[str],
        cells: dict[tuple[_Row, str | None], Measurement],
    ) -> list[str]:
        if self._colorize is Colorize.NONE:
            return shown
        result = []
        for column, text in zip(columns, shown):
            own = cells.get((row, column))
            if own is None:
                result.append(text)
                continue
            by_row = self._colorize is Colorize.ROWWISE
            rivals = [m for (r, c), m in cells.items() if (r == row if by_row else c == column and r[0] == row[0])]
            colour = _colour(own.median, min(m.median for m in rivals))
            result.append(colour + text + _END if colour else text)
        return result


def _row(result: Measurement) -> _Row:
    return result.task_spec.num_threads, result.task_spec.env, result.as_row_name


def _line(name: str, cells: list[str]) -> str:
    return f"{name}  |  " + "  |  ".join(cells)


def _colour(time: float, best: float) -> str:
    if time <= max(1.01 * best, best + _SAME):
        return _BEST
    if time <= 1.1 * best:
        return _GOOD
    return "" if time <= 2 * best else _BAD if time < 5 * best else _WORST


__all__ = ["Colorize", "Compare"]
