"""`torch.utils.benchmark`: reports and tables of given times as PyTorch's, and runs that measure something."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.utils import benchmark


@pytest.fixture
def theirs(oracle: ModuleType) -> Any:
    import torch.utils.benchmark

    return torch.utils.benchmark


SPECS: dict[str, dict[str, Any]] = {
    "plain": {"stmt": "x + y", "setup": "pass"},
    "all": {
        "stmt": "x", "setup": "x = 1", "label": "Sum", "sub_label": "small", "description": "first", "num_threads": 2,
    },
    "lines": {"stmt": "a\nb", "setup": "c\nd"},
    "second label": {"stmt": "x", "setup": "pass", "sub_label": "small"},
    "place": {"stmt": "x", "setup": "pass", "env": "here", "description": "D"},
}  # fmt: skip
TIMES = [
    [1e-5], [1e-5, 1.1e-5, 1.2e-5], [1e-5, 2e-5, 9e-5, 1e-4], [3e-3] * 10, [1 + i / 25 for i in range(10)],
    [4e-8, 5e-8], [2.0, 2.01, 2.02, 2.0],
]  # fmt: skip


def measured(module: Any, times: list[float], number: int = 10, **spec: Any) -> Any:
    return module.Measurement(number, times, module.TaskSpec(**spec))


@pytest.mark.parametrize("name", list(SPECS))
@pytest.mark.parametrize("times", TIMES, ids=len)
def test_reports(name: str, times: list[float], theirs: Any) -> None:
    ours, wanted = (measured(module, times, **SPECS[name]) for module in (benchmark, theirs))
    assert repr(ours).splitlines()[1:] == repr(wanted).splitlines()[1:]
    for what in ("median", "mean", "iqr", "times"):
        assert getattr(ours, what) == pytest.approx(getattr(wanted, what))
    for what in ("significant_figures", "has_warnings", "title", "as_row_name", "env", "label", "num_threads"):
        assert getattr(ours, what) == getattr(wanted, what)
    assert ours.meets_confidence(0.5) == wanted.meets_confidence(0.5)


def test_merged_reports(theirs: Any) -> None:
    found = []
    for module in (benchmark, theirs):
        parts = [measured(module, [t], **SPECS[name]) for t, name in ((1.0, "plain"), (3.0, "all"), (2.0, "plain"))]
        found.append([(m.times, m.number_per_run, m.title) for m in module.Measurement.merge(parts)])
    assert found[0] == found[1]


def table(module: Any, how: str) -> str:
    """A table of two labels, of two rows and columns each, for one and two threads."""
    results = []
    for label, scale in (("Sum", 1e-5), ("A longer label", 3e-8)):
        for threads in (1, 2):
            for sub_label in ("a", "longer name"):
                for k, description in enumerate(("one", "the second")):
                    value = scale * (1 + 1.3 * k) * (3 if sub_label == "a" else 1) / threads
                    times = [value * (1 + d / 50) for d in range(-2, 3)] if k else [value * d for d in (1, 1, 1.3, 1.4)]
                    spec = {"label": label, "sub_label": sub_label, "description": description, "num_threads": threads}
                    results.append(measured(module, times, 1, stmt="s", setup="pass", **spec))
    compare = module.Compare(results[:-3])
    compare.extend_results(results[-3:])
    if "trim" in how:
        compare.trim_significant_figures()
    if "colour" in how:
        compare.colorize(rowwise="row" in how)
    return str(compare)


@pytest.mark.parametrize("how", ["", "trim", "colour", "trim colour row"])
def test_tables(how: str, theirs: Any) -> None:
    assert table(benchmark, how) == table(theirs, how)


def test_warnings_in_tables() -> None:
    spec = {"stmt": "s", "setup": "pass", "label": "L", "sub_label": "r", "description": "c"}
    compare = benchmark.Compare([measured(benchmark, [1.0, 2.0, 3.0, 4.0], **spec)])
    compare.highlight_warnings()
    assert "(! 60%)" in str(compare) and "Measurement has high variance" in str(compare)


def test_runs() -> None:
    calls = []
    timer = benchmark.Timer("f()", "f(); f()", globals={"f": lambda: calls.append(0)})
    result = timer.timeit(300)
    assert len(calls) == (3 + 2) + (300 + 2) and result.number_per_run == 300 and len(result.raw_times) == 1
    seen: list[Any] = []
    result = timer.blocked_autorange(callback=lambda number, time: seen.append((number, time)), min_run_time=0.01)
    assert sum(result.raw_times) >= 0.01 and [t for _, t in seen] == result.raw_times
    assert {number for number, _ in seen} == {result.number_per_run}
    result = timer.adaptive_autorange(threshold=0.9, min_run_time=0.001, max_run_time=0.5)
    assert result.meets_confidence(0.9) or sum(result.raw_times) >= 0.5


def test_statements() -> None:
    """Indented ones, the package under PyTorch's name, the number of threads, and errors inside."""
    before = kagari.get_num_threads()
    seen: dict[str, Any] = {}
    benchmark.Timer(
        """
            y = torch.ones(2) + x
            seen["threads"] = torch.get_num_threads()
            seen["y"] = y
        """,
        "x = 2",
        globals={"seen": seen},
        num_threads=1 + before,
    ).timeit(1)
    assert seen["threads"] == 1 + before and seen["y"].tolist() == [3, 3] and kagari.get_num_threads() == before
    with pytest.raises(ZeroDivisionError):
        benchmark.Timer("1 / 0", num_threads=before + 1).timeit(1)
    assert kagari.get_num_threads() == before


def test_refused(theirs: Any) -> None:
    for call, error in (
        (lambda m: m.Timer(3), ValueError), (lambda m: m.Timer("x", global_setup="y"), ValueError),
        (lambda m: m.Timer("x", language="latin"), ValueError), (lambda m: m.Compare([3]), ValueError),
        (lambda m: m.Timer("x").repeat(), NotImplementedError),
        (lambda m: m.Timer("x").autorange(), NotImplementedError),
    ):  # fmt: skip
        for module in (benchmark, theirs):
            with pytest.raises(error):
                call(module)
