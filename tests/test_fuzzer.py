"""Fuzzed tensors for measurements."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.utils.benchmark import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias


@pytest.mark.parametrize(
    "bounds", [(1, 1000, "loguniform"), (1, 10, "uniform"), (1.0, 10, "uniform"), (0.5, 10, "loguniform")]
)
def test_samples_are_the_oracles(bounds: Any, oracle: ModuleType) -> None:
    from torch.utils.benchmark import FuzzedParameter as Theirs

    ours, theirs = FuzzedParameter("p", *bounds), Theirs("p", *bounds)
    for seed in range(5):
        assert ours.sample(np.random.RandomState(seed)) == theirs.sample(np.random.RandomState(seed))


def all_kinds() -> Fuzzer:
    parameters = [
        FuzzedParameter("k0", 1, 1000, "loguniform"),
        FuzzedParameter("k1", distribution={ParameterAlias("k0"): 0.5, 3: 0.25, 5: 0.25}),
        FuzzedParameter("dim", 1, 3, "uniform", strict=True),
        [FuzzedParameter("step", 1, 4, "uniform")],
    ]
    tensors = [
        FuzzedTensor(
            "x", ("k0", "k1", 3), steps=(1, "step", 2), min_elements=12, max_elements=10000, dim_parameter="dim"
        ),
        FuzzedTensor("y", ("k1", 4), probability_contiguous=0, dtype=kagari.int8),
        FuzzedTensor("z", (2, "k1"), probability_contiguous=1, roll_parameter="step", dtype=kagari.complex64),
    ]
    return Fuzzer(parameters, tensors, [lambda params: params["k0"] > 5], seed=3)  # type: ignore[arg-type]


def test_sets_of_tensors() -> None:
    fuzzer = all_kinds()
    assert fuzzer.rejection_rate == 0
    seen = set()
    for tensors, about, params in fuzzer.take(30):
        x = tensors["x"]
        assert params["k0"] > 5 and params["k1"] in (params["k0"], 3, 5)
        assert x.shape == (params["k0"], params["k1"], 3)[: params["dim"]]
        assert 12 <= x.numel() <= 10000 and about["x"]["numel"] == x.numel()
        assert about["x"]["is_contiguous"] is x.is_contiguous()
        assert about["x"]["steps"] == (1, params["step"], 2)[: params["dim"]]
        assert (tensors["y"].dtype is kagari.int8 and not about["y"]["is_contiguous"]) or params["k1"] == 1
        assert tensors["z"].shape == (2, params["k1"]) and tensors["z"].dtype is kagari.complex64
        seen.add((params["dim"], x.is_contiguous()))
    assert {(1, True), (3, False)} <= seen
    assert 0 < fuzzer.rejection_rate < 1


def test_a_seed_says_all() -> None:
    first, second = ([(t["x"].tolist(), p) for t, _, p in all_kinds().take(3)] for _ in range(2))
    assert first == second


def test_made_by_a_function_of_ones_own() -> None:
    seen = []

    def make(size: Any, dtype: Any, **params: Any) -> Any:
        seen.append((size, dtype, params))
        return kagari.zeros(size, dtype=dtype)

    fuzzed = FuzzedTensor("t", ("a", 3), steps=(2, 1), probability_contiguous=1, tensor_constructor=make)
    ((tensors, _, _),) = Fuzzer([FuzzedParameter("a", 2, 2, "uniform")], [fuzzed]).take(1)
    assert seen == [((4, 3), kagari.float32, {"a": 2})]
    assert tensors["t"].shape == (2, 3) and tensors["t"].stride() == (6, 1)


def test_errors() -> None:
    a = FuzzedParameter("a", 1, 2, "uniform")
    with pytest.raises(AssertionError, match="Unknown distribution: foo"):
        FuzzedParameter("a", 1, 2, "foo")
    with pytest.raises(AssertionError, match="Distribution is not normalized"):
        FuzzedParameter("a", distribution={1: 0.2})
    with pytest.raises(AssertionError, match="no meaning"):
        FuzzedParameter("a", 1, 2, {1: 1.0})
    with pytest.raises(AssertionError, match="needs minval and maxval"):
        FuzzedParameter("a", 1, None, "uniform")
    with pytest.raises(ValueError, match="Duplicate names in parameters and tensors"):
        Fuzzer([a, a], [])
    with pytest.raises(ValueError, match="Failed to generate"):
        next(Fuzzer([a], [FuzzedTensor("t", ("a",), min_elements=10)]).take(1))
    with pytest.raises(NotImplementedError, match="there are no GPUs"):
        FuzzedTensor("t", (1,), cuda=True)
