"""Connectionist temporal classification and the adaptive softmax against the oracle."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from outcomes import assert_same_error

import kagari


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().double().reshape(-1).tolist()


def same(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=tolerance, abs=tolerance)


LABELS = [[1, 2, 2, 3], [3, 3, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]
LENGTHS = [4, 2, 1, 0]

CASES: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "another blank": {"blank": 4},
    "double": {"dtype": "float64"},
    "one after the other": {"flat": True},
    "sequences as lengths": {"plain": True},
    "inputs too short": {"inputs": [4, 3, 0, 0], "zero_infinity": True, "reduction": "none"},
}


@pytest.mark.parametrize("name", CASES)
def test_ctc(name: str, oracle: ModuleType) -> None:
    options = dict(CASES[name])
    dtype, flat, plain = (options.pop(key, None) for key in ("dtype", "flat", "plain"))
    inputs, results = options.pop("inputs", [7, 6, 5, 4]), []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        logits = lib.randn(7, 4, 5, dtype=getattr(lib, dtype or "float32")).requires_grad_()
        targets = lib.tensor(LABELS)
        if flat:
            targets = lib.tensor([x for row, n in zip(LABELS, LENGTHS) for x in row[:n]])
        lengths = (inputs, LENGTHS) if plain else (lib.tensor(inputs), lib.tensor(LENGTHS))
        loss = lib.nn.CTCLoss(**options)(logits.log_softmax(2), targets, *lengths)
        (loss * loss).sum().backward()
        results.append([loss, logits.grad])
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)


def test_ctc_without_batch(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(1)
        log_probs = lib.randn(6, 4).log_softmax(1)
        args = lib.tensor([1, 3]), lib.tensor(6), lib.tensor(2)
        results += [lib.nn.functional.ctc_loss(log_probs, *args, reduction=r) for r in ("none", "mean")]
    same(results[0], results[2])
    same(results[1], results[3])


def test_ctc_adds_up_all_ways() -> None:
    """All ways of six outputs that read as 1, 2, written out."""
    kagari.manual_seed(2)
    log_probs = kagari.randn(6, 1, 3, dtype=kagari.float64).log_softmax(2)
    total = 0.0
    for way in itertools.product(range(3), repeat=6):
        if [c for c, _ in itertools.groupby(way) if c] == [1, 2]:
            total += math.exp(sum(log_probs[t, 0, c].item() for t, c in enumerate(way)))
    loss = kagari.nn.functional.ctc_loss(log_probs, kagari.tensor([[1, 2]]), [6], [2], reduction="sum")
    assert loss.item() == pytest.approx(-math.log(total), rel=1e-9)


def test_ctc_is_infinite_where_an_input_is_too_short() -> None:
    log_probs = kagari.zeros(2, 1, 4)
    assert kagari.nn.functional.ctc_loss(log_probs, kagari.tensor([[1, 1]]), [2], [2]).item() == math.inf


def call(t: Any, **changed: Any) -> Any:
    given = {
        "log_probs": t.zeros(5, 2, 4),
        "targets": t.tensor([[1, 2], [3, 3]]),
        "input_lengths": t.tensor([5, 4]),
        "target_lengths": t.tensor([2, 2]),
        **changed,
    }
    return t.nn.functional.ctc_loss(**given)


def adaptive(t: Any) -> Any:
    return t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5], div_value=2.0)


ERRORS: dict[str, Callable[[Any], Any]] = {
    "blank outside": lambda t: call(t, blank=4),
    "too few inputs": lambda t: call(t, input_lengths=t.tensor([5])),
    "too few targets": lambda t: call(t, target_lengths=t.tensor([5])),
    "inputs too long": lambda t: call(t, input_lengths=t.tensor([6, 4])),
    "inputs below zero": lambda t: call(t, input_lengths=t.tensor([-1, 4])),
    "targets below zero": lambda t: call(t, target_lengths=t.tensor([-1, 2])),
    "targets too long": lambda t: call(t, target_lengths=t.tensor([3, 2])),
    "lengths as floats": lambda t: call(t, input_lengths=t.tensor([5.0, 4.0])),
    "half": lambda t: call(t, log_probs=t.zeros(5, 2, 4).half()),
    "a vector of outputs": lambda t: call(t, log_probs=t.zeros(5)),
    "no such reduction": lambda t: call(t, reduction="x"),
    "targets of another batch": lambda t: call(t, targets=t.tensor([[1, 2]])),
    "too many targets in a row": lambda t: call(t, targets=t.tensor([1, 2, 3, 3, 1])),
    "targets of three dimensions": lambda t: call(t, targets=t.ones(1, 2, 2, dtype=t.int64)),
    "nothing": lambda t: call(t, log_probs=t.zeros(5, 0, 4)),
    "no cutoffs": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, []),
    "falling cutoffs": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [5, 2]),
    "cutoffs beyond the classes": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 10]),
    "cutoffs in between": lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2.5]),
    "another batch": lambda t: adaptive(t)(t.ones(3, 8), t.tensor([1, 2])),
    "no batch of targets": lambda t: adaptive(t)(t.ones(8, 8), t.tensor(1)),
    "tables of targets": lambda t: adaptive(t)(t.ones(2, 8), t.tensor([[1, 2]])),
    "a target that is no class": lambda t: adaptive(t)(t.ones(2, 8), t.tensor([1, 10])),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_error(ERRORS[name], oracle, kagari, exact=False)


@pytest.mark.parametrize("options", [{}, {"head_bias": True, "div_value": 1.5}, {"dtype": "float64"}])
def test_adaptive_softmax(options: dict[str, Any], oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(3)
        named = {k: getattr(lib, v) if k == "dtype" else v for k, v in options.items()}
        layer = lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [3, 6, 12], **{"div_value": 2.0, **named})
        dtype = named.get("dtype", lib.float32)
        x = lib.randn(9, 8, dtype=dtype).requires_grad_()
        target = lib.tensor([0, 1, 4, 4, 7, 19, 2, 5, 4])  # in all clusters
        output, loss = layer(x, target)
        (loss + (output * output).sum()).backward()
        single = layer(x[0], lib.tensor(7))
        found = [output, loss, *single, layer.log_prob(x), layer.predict(x), x.grad]
        shown = repr(layer), list(layer.state_dict()), layer.cutoffs
        results.append((shown, [*found, *(p.grad for p in layer.parameters())]))
    assert results[0][0] == results[1][0]
    for ours, theirs in zip(results[0][1], results[1][1], strict=True):
        same(ours, theirs)


def test_adaptive_softmax_of_frequent_classes_only(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(3)
        layer = lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [3, 6], div_value=2.0)
        results.append(layer(lib.randn(2, 8), lib.tensor([0, 2])).output)
    same(*results)
