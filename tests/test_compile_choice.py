"""A compiled function is measured, and left where it is slower, as a whole and group by group. Time is made up here."""

from __future__ import annotations

import time

import pytest

import kagari as torch
from kagari.capture import function, groups, segment
from kagari.capture.runner import RUNNER


@pytest.fixture(autouse=True)
def fresh():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize(("captured", "eager", "slower"), [(100, 90, True), (101, 100, False), (90, 100, False)])
def test_a_function_that_is_slower_captured_stays_eager(monkeypatch, captured, eager, slower):
    now = 0

    def f(x):
        nonlocal now
        now += captured if RUNNER.captures() else eager
        return (x + 1).exp()

    monkeypatch.setattr(segment, "read", lambda clock: now)
    compiled = torch.compile(f)
    x = torch.randn(5)
    for _ in range(4 * function.TRIALS):
        torch.testing.assert_close(compiled(x), (x + 1).exp())
    assert compiled.eager is slower
    assert {len(times) >= function.TRIALS for times in compiled.times.values()} == {True}
    # What is eager is called without any Python in between: there is nothing left that could be slower.
    assert (compiled.func is f) is slower
    assert ("runs eagerly, which is faster" in str(compiled.explain())) is slower


def test_a_function_no_call_of_which_is_like_one_before_stays_eager():
    length = iter(range(1, 1000))
    compiled = torch.compile(lambda x: [x := x + 1 for _ in range(next(length))])
    for _ in range(function.PATIENCE):
        compiled(torch.ones(1))
    assert compiled.eager


def test_a_function_is_captured_where_no_split_is_allowed(monkeypatch):
    times = iter(range(10**9))
    monkeypatch.setattr(segment, "read", lambda clock: next(times))
    compiled = torch.compile(lambda x: x + 1, fullgraph=True)
    for _ in range(2 * function.PATIENCE):
        compiled(torch.ones(2))
    assert compiled.eager is False


def test_time_of_one_thread_is_its_own_and_of_several_what_passes(monkeypatch):
    for threads, expected in ((1, time.CLOCK_THREAD_CPUTIME_ID), (2, time.CLOCK_MONOTONIC)):
        monkeypatch.setattr(segment, "get_num_threads", lambda threads=threads: threads)
        assert segment.clock() == expected


@pytest.mark.parametrize("fused", [True, False])
def test_a_group_that_is_slower_fused_runs_call_by_call(monkeypatch, fused):
    note = groups.Part.note
    monkeypatch.setattr(groups.Part, "note", lambda part, _, way: note(part, 1 if way is fused else 2, way))
    compiled = torch.compile(lambda x: (x * 2).sin() + 1)
    compiled.choose(False)
    x = torch.randn(5)
    for _ in range(4 * groups.TRIALS):
        torch.testing.assert_close(compiled(x), (x * 2).sin() + 1)
    (part,) = compiled.explain().parts
    assert [k.operators for k in part.kernels] == ([("mul", "sin", "add")] if fused else [("mul",), ("sin",), ("add",)])
    # Other sizes of the same structure are not measured again.
    compiled(torch.ones(7))
    assert len(compiled.explain().parts[1].kernels) == len(part.kernels)
