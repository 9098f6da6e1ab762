"""The benchmarks measure what they say: rounds, tables, the picture, and models that are the same on both sides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from benchmarks import framework, language, process, vision

pytestmark = pytest.mark.oracle

# These import PyTorch.
measure = pytest.importorskip("benchmarks.measure")
agreement = pytest.importorskip("benchmarks.agreement")
compiled = pytest.importorskip("benchmarks.compiled")
report = pytest.importorskip("benchmarks.report")


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """What is timed: each block's step (which says its seconds) and number of calls; no time passes."""
    seen: list[tuple[str, int]] = []

    def block(step: Any, calls: int) -> float:
        name, seconds = step()
        seen.append((name, calls))
        return seconds

    monkeypatch.setattr(measure, "block", block)
    monkeypatch.setattr(measure.time, "sleep", lambda seconds: None)
    yield seen


def bench(quick: bool = False) -> Any:
    return measure.Bench("torch", "kagari", 2, quick)


def test_short_steps_are_timed_in_many_rounds_of_many_calls(clocked: list[tuple[str, int]]) -> None:
    seconds = {"torch": 2e-3, "kagari": 1e-3}
    pair = bench().compare(lambda name: lambda: (name, seconds[name]))
    assert (pair.pytorch, pair.kagari, pair.ratio) == (2e-3, 1e-3, 2.0)
    rounds = clocked[-2 * 25 :]
    assert [calls for name, calls in rounds if name == "torch"] == [6] * 25
    assert [calls for name, calls in rounds if name == "kagari"] == [10] * 25
    assert [name for name, _ in rounds[:4]] == ["torch", "kagari", "kagari", "torch"]


def test_long_steps_are_timed_a_few_times_without_warming_up(clocked: list[tuple[str, int]]) -> None:
    calls = {"torch": 0, "kagari": 0}

    def build(name: str) -> Any:
        def step() -> tuple[str, float]:
            calls[name] += 1
            return name, 9.0 - calls[name]

        return step

    pair = bench().compare(build)
    # One call before anything is timed, one that finds out how long it takes, and three rounds.
    assert calls == {"torch": 5, "kagari": 5}
    assert pair.pytorch == pair.kagari == 4.0


def test_any_number_of_sides_take_turns(clocked: list[tuple[str, int]]) -> None:
    seconds = {"a": 3e-2, "b": 2e-2, "c": 1e-2}
    assert bench().least([lambda name=name: (name, seconds[name]) for name in seconds]) == [3e-2, 2e-2, 1e-2]
    assert [name for name, _ in clocked[3:9]] == ["a", "b", "c", "c", "b", "a"]


def test_the_first_call_of_a_compiled_step_is_measured_in_a_process_of_its_own() -> None:
    script = compiled.FIRST_CALLS.format(framework="kagari", what="linear regression")
    first, three, later = process.numbers(script)
    assert 0 < later < first < three


def test_operations_are_counted(oracle: ModuleType) -> None:
    x = oracle.ones(8, 16)
    assert measure.Bench._operations(lambda: x @ x.t()) == 2 * 8 * 8 * 16


def test_gradients_are_made_anew_by_each_step() -> None:
    x = kagari.ones(3)
    step = framework.with_gradients(lambda: x * 2, [x], kagari.ones(3))
    step()
    step()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


ROWS = [
    measure.Pair(2.0, 1.0, flops=1e9, peak=4e9).row("product", at_least=3),
    measure.Pair(1e-3, 2e-6).row("sum"),
    measure.geometric_row("both", [2.0, 8.0], at_least=3),
]


def test_the_table_has_times_rates_and_verdicts() -> None:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.table(ROWS).splitlines()]
    assert lines[0] == ["What", "PyTorch", "Kagari", "Ratio", "Required", ""]
    assert lines[2:] == [
        ["product", "2 s, 0 GFLOP/s (12%)", "1 s, 1 GFLOP/s (25%)", "2.00x", ">= 3x", "**fail**"],
        ["sum", "1 ms", "2 us", "500.00x", "", ""],
        ["**both: geometric mean of 2**", "", "", "4.00x", ">= 3x", "pass"],
    ]


def test_the_document_shows_the_picture_and_what_is_missed() -> None:
    text = report.document("make bench", 2, {"Title": ROWS})
    assert "](performance.png)" in text
    assert "1 of 2 requirements are met." in text
    assert "- Title: product\n" in text


def test_the_picture_shows_means_where_there_are_such(tmp_path: Path) -> None:
    picture = pytest.importorskip("benchmarks.picture")
    assert picture.shown(ROWS) == ROWS[2:]
    assert picture.shown(ROWS[:2]) == ROWS[:2]
    picture.draw({"one": ROWS, "two": [measure.Row("size")]}, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_both_sides_train_the_same_model(oracle: ModuleType) -> None:
    (kagari_losses, _), (losses, _) = (agreement.train(torch, vision.mnist, 2) for torch in (kagari, oracle))
    assert agreement.difference(kagari_losses, losses) < agreement.TOLERANCE


def test_agreement_is_a_relative_distance() -> None:
    one, other = [np.array([3.0, 4.0]), np.array([1.0])], [np.array([3.0, 4.5]), np.array([1.0])]
    assert math.isclose(agreement.difference(one, other), 0.5 / math.hypot(3.0, 4.5))


def test_a_cache_leaves_the_logits_as_they_are() -> None:
    model = language.gpt(kagari).eval()
    tokens = kagari.randint(0, language.GPT_VOCABULARY, (1, 5))
    caches: list[list[Any]] = [[] for _ in range(language.GPT_LAYERS)]
    with kagari.no_grad():
        whole = model(tokens)
        parts = [model(piece, caches) for piece in (tokens[:, :3], tokens[:, 3:4], tokens[:, 4:])]
    kagari.testing.assert_close(kagari.cat(parts, 1), whole, atol=1e-4, rtol=1e-4)
    assert caches[0][0].shape[2] == 5
