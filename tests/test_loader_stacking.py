"""Batches that are made while samples come are those that are made of the list of them, errors included."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.data import stacking
from kagari.utils import data as ours

SAMPLES = {
    "arrays": lambda t: [np.full((2, 3), k, np.float32) for k in range(5)],
    "pairs": lambda t: [(np.full(2, k), k) for k in range(5)],
    "lists": lambda t: [[np.float64(k), f"w{k}"] for k in range(5)],
    "dictionaries": lambda t: [{"x": np.arange(k, k + 2), "y": k / 2, "z": {"deep": np.ones(1)}} for k in range(5)],
    "tensors": lambda t: [(t.full((2, 2), k), t.tensor(k), t.ones(2, dtype=t.bfloat16) * k) for k in range(5)],
    "turned": lambda t: [np.arange(6).reshape(2, 3).T for k in range(3)] + [np.arange(6).reshape(3, 2)] * 2,
    "turned tensors": lambda t: [t.arange(6).reshape(2, 3).t(), *[t.arange(6).reshape(3, 2)] * 4],
    "then turned tensors": lambda t: [*[t.arange(6).reshape(3, 2)] * 4, t.arange(6).reshape(2, 3).t()],
    "byte order": lambda t: [np.arange(3, dtype=">i4").astype("<i4") for _ in range(5)],
    "scalars": lambda t: [np.array(k) for k in range(5)],
    "nothing in them": lambda t: [np.zeros((0, 2)), np.zeros((0, 2)), *[np.zeros((0, 2))] * 3],
    "empty tensors": lambda t: [t.zeros(0)] * 5,
    "nested": lambda t: [((k, [np.ones(1)]), {"a": t.ones(1)}) for k in range(5)],
    "strings": lambda t: list("abcde"),
    "pairs of strings": lambda t: [("a", b"b")] * 5,
    "empty pairs": lambda t: [()] * 5,
    "empty dictionaries": lambda t: [{}] * 5,
    "other dtype": lambda t: [(np.ones(2, np.float32), 1)] * 3 + [(np.ones(2, np.float64), 2)] * 2,
    "number types": lambda t: [1, 2, 3.5, 4, 5],
    "floats, then integers": lambda t: [1.5, 2.5, 3, 4, 5.5],
    "truth values": lambda t: [(True, 1), (False, 2), (1, True), (0, False), (True, 1)],
    "large numbers": lambda t: [(2**63 - 1, -(2**63)), (2**63 - 2, 0), (2**63 - 3, 1), (0, 0), (2**63, 1)],
    "numbers beside turned arrays": lambda t: [(np.arange(6).reshape(2, 3).T, k, k / 2, "a") for k in range(5)],
    "mixed kinds": lambda t: [(np.ones(2), 1), [np.ones(2), 1], (np.ones(2), 1), (np.ones(2), 1), [np.ones(2), 2]],
    "more keys": lambda t: [{"x": 1}, {"x": 2, "y": 3}, {"x": 4}, {"x": 5}, {"x": 6}],
    "wants a gradient": lambda t: [t.ones(2), t.ones(2, requires_grad=True), t.ones(2), t.ones(2), t.ones(2)],
    "other shape": lambda t: [np.ones(2), np.ones(2), np.ones(3), np.ones(2), np.ones(2)],
    "other shape of tensors": lambda t: [(t.ones(2),), (t.ones(3),), (t.ones(2),), (t.ones(2),), (t.ones(2),)],
    "other length": lambda t: [(1, 2), (1, 2, 3), (1, 2), (1, 2), (1, 2)],
    "fewer keys": lambda t: [{"x": 1, "y": 2}, {"x": 1}, {"x": 1}, {"x": 1}, {"x": 1}],
    "an object": lambda t: [(1, None)] * 5,
    "texts in arrays": lambda t: [np.array(["a"])] * 5,
}


def plain(obj: Any) -> Any:
    if hasattr(obj, "requires_grad"):
        return str(obj.dtype), tuple(obj.shape), obj.stride(), obj.requires_grad, obj.tolist()
    if isinstance(obj, dict):
        return [(key, plain(value)) for key, value in obj.items()]
    if isinstance(obj, list | tuple):
        return type(obj).__name__, [plain(value) for value in obj]
    return obj


def outcome(compute: Any) -> Any:
    try:
        return [plain(batch) for batch in compute()]
    except Exception as error:
        return type(error).__name__, str(error).partition("\n")[0]


class Stream(ours.IterableDataset):
    def __init__(self, samples: list[Any]) -> None:
        self.samples = samples

    def __iter__(self) -> Any:
        return iter(self.samples)


@pytest.mark.parametrize("name", SAMPLES)
def test_as_the_oracle(name: str, oracle: ModuleType) -> None:
    expected = outcome(lambda: oracle.utils.data.DataLoader(SAMPLES[name](oracle), 3))
    samples = SAMPLES[name](kagari)
    assert outcome(lambda: ours.DataLoader(samples, 3)) == expected
    assert outcome(lambda: ours.DataLoader(Stream(samples), 3)) == expected
    assert outcome(lambda: ours.DataLoader(ours.Subset(samples, range(5)), 3)) == expected


@pytest.mark.parametrize("name", ["pairs", "dictionaries", "tensors", "other dtype", "nested", "nothing in them"])
def test_from_workers(name: str) -> None:
    samples = SAMPLES[name](kagari) * 8
    expected = [plain(batch) for batch in ours.DataLoader(samples, 3)]
    kept = list(ours.DataLoader(samples, 3, num_workers=2))
    assert [plain(batch) for batch in kept] == expected


def test_batches_that_grow_and_that_fail_in_workers() -> None:
    class Growing:
        def __len__(self) -> int:
            return 30

        def __getitem__(self, k: int) -> np.ndarray:
            if k == 13:
                raise ValueError("thirteen")
            return np.full((k // 3 % 5 * 1000 + 1,), k)

    batches = iter(ours.DataLoader(Growing(), 3, num_workers=1))
    for at in range(10):
        if at == 4:
            with pytest.raises(ValueError, match="thirteen"):
                next(batches)
        else:
            assert next(batches)[:, 0].tolist() == [3 * at, 3 * at + 1, 3 * at + 2]


def test_a_sample_may_be_used_again() -> None:
    class Same:
        def __init__(self) -> None:
            self.row = np.zeros(2)

        def __len__(self) -> int:
            return 4

        def __getitem__(self, k: int) -> np.ndarray:
            self.row[:] = k
            return self.row

    assert next(iter(ours.DataLoader(Same(), 4)))[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("workers", [0, 2])
def test_sets_of_tensors_are_taken_from_at_once(workers: int, oracle: ModuleType, monkeypatch: Any) -> None:
    def batches(torch: Any, data: Any) -> Any:
        torch.manual_seed(0)
        whole = data.TensorDataset(torch.arange(20.0).reshape(10, 2), torch.arange(10).bfloat16(), torch.arange(10))
        parts = [whole, *data.random_split(whole, [3, 7])]
        return [plain(b) for part in parts for b in data.DataLoader(part, 4, shuffle=True, num_workers=workers)]

    expected = batches(oracle, oracle.utils.data)
    monkeypatch.setattr(stacking, "_column", None)
    assert batches(kagari, ours) == expected


def test_indices_of_sets_of_tensors(oracle: ModuleType) -> None:
    def found(torch: Any, data: Any, index: Any, needs: bool = False) -> Any:
        dataset = data.TensorDataset(torch.arange(6.0, requires_grad=needs))
        return outcome(lambda: data.DataLoader(dataset, batch_sampler=[index]))

    for index in ([0, -1], [-6], [True, False], [np.int64(2)], []):
        assert found(kagari, ours, index) == found(oracle, oracle.utils.data, index)
    for index in ([6], [0, -7]):
        assert found(kagari, ours, index)[0] == found(oracle, oracle.utils.data, index)[0] == "IndexError"
    assert found(kagari, ours, [1, 2], True) == found(oracle, oracle.utils.data, [1, 2], True)
