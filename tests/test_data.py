"""Data sets, samplers and the loader: the same seed gives the oracle's batches, and wrong options its errors."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.utils import data as ours

Point = namedtuple("Point", "x y")


def plain(obj: Any) -> Any:
    """A structure with tensors as their dtypes and values, for comparison."""
    if hasattr(obj, "requires_grad"):
        return str(obj.dtype), obj.tolist()
    if isinstance(obj, dict | MappingProxyType):
        return type(obj).__name__, [(key, plain(value)) for key, value in obj.items()]
    if isinstance(obj, list | tuple):
        return type(obj).__name__, [plain(value) for value in obj]
    return obj


def outcome(compute: Any, torch: Any) -> Any:
    """What comes of a computation: its result, or type and text of its error."""
    data = torch.utils.data if torch is not kagari else ours
    torch.manual_seed(3)
    try:
        return plain(compute(torch, data))
    except Exception as error:
        return type(error).__name__, str(error)


def stream(data: Any, n: int) -> Any:
    """A data set that can only be read from front to end."""

    class Stream(data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(n))

    return Stream()


def tensors(torch: Any, data: Any) -> Any:
    return data.TensorDataset(torch.arange(10), torch.arange(20).reshape(10, 2).float())


def twice(loader: Any) -> list[Any]:
    """Two passes: the second one has an order of its own."""
    return [list(loader), list(loader)]


def shares(d: Any, data: Any, count: int, **how: Any) -> Any:
    """What each process gets in two passes, and how much that is."""
    samplers = [d.DistributedSampler(data, count, rank, **how) for rank in range(count)]
    first = [list(s) for s in samplers]
    for s in samplers:
        s.set_epoch(1)
    return first, [list(s) for s in samplers], [len(s) for s in samplers]


ORDERS = {
    "sequential": lambda t, d: list(d.SequentialSampler(range(5))),
    "random": lambda t, d: twice(d.RandomSampler(range(20))),
    "random, more": lambda t, d: twice(d.RandomSampler(range(5), num_samples=13)),
    "random, fewer": lambda t, d: twice(d.RandomSampler(range(50), num_samples=7)),
    "random, replacement": lambda t, d: twice(d.RandomSampler(range(50), replacement=True, num_samples=70)),
    "random, generator": lambda t, d: twice(d.RandomSampler(range(9), generator=t.Generator().manual_seed(1))),
    "random, then": lambda t, d: [list(d.RandomSampler(range(9))), t.rand(2)],
    "subset": lambda t, d: twice(d.SubsetRandomSampler([5, 6, 7, 8])),
    "weighted": lambda t, d: twice(d.WeightedRandomSampler([0.1, 0.5, 0.4], 9)),
    "weighted, no replacement": lambda t, d: twice(d.WeightedRandomSampler([0.1, 0.5, 0.4], 3, replacement=False)),
    "batches": lambda t, d: list(d.BatchSampler(range(7), 3, False)),
    "batches, full": lambda t, d: list(d.BatchSampler(range(7), 3, True)),
    "distributed": lambda t, d: [shares(d, range(n), 3) for n in (0, 1, 2, 7, 9)],
    "distributed, cut": lambda t, d: [shares(d, range(n), 3, drop_last=True) for n in (0, 2, 7, 9)],
    "distributed, in order": lambda t, d: [shares(d, range(n), 3, shuffle=False, seed=4) for n in (1, 7)],
    "lengths": lambda t, d: [len(d.BatchSampler(range(n), 3, last)) for n in range(7) for last in (True, False)],
    "split": lambda t, d: [list(s) for s in d.random_split(range(10), [3, 7])],
    "split by fractions": lambda t, d: [list(s) for s in d.random_split(range(11), [0.33, 0.33, 0.34])],
    "split by a generator": lambda t, d: [
        list(s) for s in d.random_split("abcd", [2, 2], t.Generator().manual_seed(9))
    ],
}

LOADERS = {
    "plain": lambda t, d: list(d.DataLoader(tensors(t, d))),
    "batches": lambda t, d: list(d.DataLoader(tensors(t, d), 3)),
    "full batches": lambda t, d: list(d.DataLoader(tensors(t, d), 3, drop_last=True)),
    "shuffled": lambda t, d: twice(d.DataLoader(tensors(t, d), 3, shuffle=True)),
    "shuffled, generator": lambda t, d: twice(
        d.DataLoader(tensors(t, d), 3, True, generator=t.Generator().manual_seed(5))
    ),
    "interleaved": lambda t, d: [*zip(*[iter(d.DataLoader(tensors(t, d), 5, shuffle=True)) for _ in range(2)])],
    "seed after a pass": lambda t, d: [list(d.DataLoader(range(4), 2)), t.rand(3)],
    "seed after a shuffled pass": lambda t, d: [list(d.DataLoader(range(4), 2, shuffle=True)), t.rand(3)],
    "sampler": lambda t, d: list(d.DataLoader(tensors(t, d), 2, sampler=[3, 1, 4])),
    "batch sampler": lambda t, d: list(d.DataLoader(tensors(t, d), batch_sampler=[[1, 2, 3], [0]])),
    "no batches": lambda t, d: list(d.DataLoader(tensors(t, d), batch_size=None)),
    "no batches, shuffled": lambda t, d: list(d.DataLoader(tensors(t, d), batch_size=None, shuffle=True)),
    "no batches, lists": lambda t, d: list(
        d.DataLoader(tensors(t, d), None, sampler=d.BatchSampler(range(10), 4, False))
    ),
    "collate": lambda t, d: list(d.DataLoader(range(5), 2, collate_fn=sum)),
    "stream": lambda t, d: twice(d.DataLoader(stream(d, 5), 2)),
    "stream, full": lambda t, d: list(d.DataLoader(stream(d, 5), 2, drop_last=True)),
    "stream, no batches": lambda t, d: list(d.DataLoader(stream(d, 3), None)),
    "chained streams": lambda t, d: list(d.DataLoader(stream(d, 3) + stream(d, 2), 2)),
    "empty": lambda t, d: list(d.DataLoader([])),
    "subset": lambda t, d: list(d.DataLoader(d.Subset(tensors(t, d), [4, 2, 0]), 2)),
    "sum": lambda t, d: list(d.DataLoader(tensors(t, d) + tensors(t, d), 7)),
    "lengths": lambda t, d: [
        len(d.DataLoader(range(10), b, drop_last=last)) for b in (1, 3, 10, 11) for last in (True, False)
    ],
    "length without batches": lambda t, d: len(d.DataLoader(range(10), None)),
    "attributes": lambda t, d: [
        (x.batch_size, x.drop_last, x.num_workers, x.pin_memory, type(x.sampler).__name__, x.collate_fn.__name__)
        for x in (d.DataLoader(range(3)), d.DataLoader(range(3), None, True), d.DataLoader("ab", batch_sampler=[[1]]))
    ],
}

COLLATED = {
    "tensors": lambda t, d: d.default_collate([t.ones(2), t.zeros(2)]),
    "floats": lambda t, d: d.default_collate([1.5, 2.0]),
    "integers": lambda t, d: d.default_collate([1, 2]),
    "booleans": lambda t, d: d.default_collate([True, False]),
    "strings": lambda t, d: d.default_collate(["a", "b"]),
    "bytes": lambda t, d: d.default_collate([b"a"]),
    "arrays": lambda t, d: d.default_collate([np.ones((1, 2)), np.zeros((1, 2))]),
    "scalars": lambda t, d: d.default_collate([np.float32(1), np.float32(2)]),
    "tuples": lambda t, d: d.default_collate([(1, 2.0), (3, 4.0)]),
    "lists": lambda t, d: d.default_collate([[1, "a"], [3, "b"]]),
    "dictionaries": lambda t, d: d.default_collate([{"x": 1, "y": {"z": t.ones(1)}}, {"x": 2, "y": {"z": t.ones(1)}}]),
    "ordered": lambda t, d: d.default_collate([OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)]),
    "named": lambda t, d: d.default_collate([Point(1, 2.0), Point(3, 4.0)]),
    "frozen mapping": lambda t, d: d.default_collate([MappingProxyType({"x": 1}), MappingProxyType({"x": 2})]),
    "ranges": lambda t, d: d.default_collate([range(2), range(2)]),
    "converted": lambda t, d: d.default_convert([1, "a", {"b": np.ones(2)}, (np.float64(1),), Point(t.ones(1), None)]),
    "objects": lambda t, d: d.default_collate([object()]),
    "None": lambda t, d: d.default_collate([None]),
    "nothing": lambda t, d: d.default_collate([]),
    "unequal lists": lambda t, d: d.default_collate([[1, 2], [1]]),
    "unequal tensors": lambda t, d: d.default_collate([t.ones(1), t.ones(2)]),
    "arrays of text": lambda t, d: d.default_collate([np.array(["a"])]),
}

ERRORS = {
    "RandomSampler, empty": lambda t, d: d.RandomSampler([]),
    "RandomSampler, replacement": lambda t, d: d.RandomSampler([1], replacement=1),
    "RandomSampler, none": lambda t, d: d.RandomSampler([1], num_samples=0),
    "RandomSampler, half": lambda t, d: d.RandomSampler([1], num_samples=1.5),
    "WeightedRandomSampler, none": lambda t, d: d.WeightedRandomSampler([1, 2], 0),
    "WeightedRandomSampler, True": lambda t, d: d.WeightedRandomSampler([1, 2], True),
    "WeightedRandomSampler, matrix": lambda t, d: d.WeightedRandomSampler([[1, 2]], 1),
    "WeightedRandomSampler, replacement": lambda t, d: d.WeightedRandomSampler([1.0, 2], 1, replacement=2),
    "BatchSampler, 0": lambda t, d: d.BatchSampler([1], 0, False),
    "BatchSampler, drop_last": lambda t, d: d.BatchSampler([1], 1, 2),
    "Sampler": lambda t, d: iter(d.Sampler()),
    "ConcatDataset, none": lambda t, d: d.ConcatDataset([]),
    "ConcatDataset, stream": lambda t, d: d.ConcatDataset([stream(d, 1)]),
    "ConcatDataset, before": lambda t, d: d.ConcatDataset(["ab", "c"])[-4],
    "ConcatDataset, behind": lambda t, d: d.ConcatDataset(["ab", "c"])[3],
    "ConcatDataset, last": lambda t, d: d.ConcatDataset(["ab", "c"])[-1],
    "TensorDataset": lambda t, d: d.TensorDataset(t.ones(1), t.ones(2)),
    "split": lambda t, d: d.random_split(range(10), [3, 3]),
    "split, fractions": lambda t, d: d.random_split(range(10), [0.5, 0.6]),
    "split, negative": lambda t, d: d.random_split(range(10), [-0.5, 1.5]),
    "Dataset": lambda t, d: d.Dataset()[0],
    "IterableDataset": lambda t, d: d.IterableDataset(),
    "workers": lambda t, d: d.DataLoader("ab", num_workers=-1),
    "timeout": lambda t, d: d.DataLoader("ab", timeout=-1),
    "prefetch": lambda t, d: d.DataLoader("ab", prefetch_factor=2),
    "persistent": lambda t, d: d.DataLoader("ab", persistent_workers=True),
    "context": lambda t, d: d.DataLoader("ab", multiprocessing_context="spawn"),
    "stream, shuffled": lambda t, d: d.DataLoader(stream(d, 1), shuffle=True),
    "stream, sampler": lambda t, d: d.DataLoader(stream(d, 1), sampler=[1]),
    "stream, batch sampler": lambda t, d: d.DataLoader(stream(d, 1), batch_sampler=[1]),
    "sampler, shuffled": lambda t, d: d.DataLoader("ab", sampler=[1], shuffle=True),
    "batch sampler, size": lambda t, d: d.DataLoader("ab", batch_sampler=[[1]], batch_size=2),
    "batch sampler, shuffled": lambda t, d: d.DataLoader("ab", batch_sampler=[[1]], shuffle=True),
    "no batches, drop_last": lambda t, d: d.DataLoader("ab", batch_size=None, drop_last=True),
    "batch of 0": lambda t, d: d.DataLoader("ab", batch_size=0),
    "batch of 2.5": lambda t, d: d.DataLoader("ab", batch_size=2.5),
    "empty, shuffled": lambda t, d: d.DataLoader([], shuffle=True),
    "fixed size": lambda t, d: setattr(d.DataLoader("ab"), "batch_size", 3),
    "fixed data": lambda t, d: setattr(d.DataLoader("ab"), "dataset", 3),
}

CASES = [(f"{kind}: {name}", case) for kind, cases in {
    "order": ORDERS, "loader": LOADERS, "collate": COLLATED, "error": ERRORS}.items() for name, case in cases.items()
]  # fmt: skip


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_as_the_oracle(case: Any, oracle: ModuleType) -> None:
    assert outcome(case, kagari) == outcome(case, oracle)


def test_every_sample_comes_once() -> None:
    kagari.manual_seed(0)
    loader = ours.DataLoader(range(10), 4, shuffle=True)
    first, second = ([batch.tolist() for batch in loader] for _ in range(2))
    assert [len(batch) for batch in first] == [4, 4, 2] and first != second
    for order in (first, second):
        assert sorted(index for batch in order for index in batch) == list(range(10))
    parts = ours.random_split(range(10), [3, 7])
    assert sorted([*parts[0], *parts[1]]) == list(range(10))


def test_samples_are_asked_for_at_once_where_the_data_set_can() -> None:
    class AtOnce(ours.Dataset[int]):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [i * 10 for i in indices]

        def __len__(self) -> int:
            return 5

    assert [b.tolist() for b in ours.DataLoader(AtOnce(), 2)] == [[0, 10], [20, 30], [40]]
    assert [b.tolist() for b in ours.DataLoader(ours.Subset(AtOnce(), [4, 1]), 2)] == [[40, 10]]


def test_samples_are_read_when_asked_for() -> None:
    seen = []

    class Watched(ours.Dataset[int]):
        def __getitem__(self, index: int) -> int:
            seen.append(index)
            return index

        def __len__(self) -> int:
            return 4

    batches = iter(ours.DataLoader(Watched(), 2))
    assert seen == [] and len(batches) == 2
    next(batches)
    assert seen == [0, 1]


def test_empty_parts_of_a_split_are_warned_of(oracle: ModuleType) -> None:
    for torch, data in ((kagari, ours), (oracle, oracle.utils.data)):
        torch.manual_seed(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            parts = data.random_split(range(2), [0.1, 0.1, 0.8])
        assert [len(part) for part in parts] == [1, 0, 1]
        assert [str(w.message) for w in caught] == [
            "Length of split at index 1 is 0. This might result in an empty dataset."
        ]


def test_trains_as_on_the_oracle(oracle: ModuleType) -> None:
    def losses(torch: Any, data: Any) -> list[float]:
        torch.manual_seed(0)
        x = torch.rand(40, 3)
        loader = data.DataLoader(data.TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
        model = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        found = []
        for _ in range(3):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
                loss.backward()
                optimizer.step()
                found.append(loss.item())
        return found

    assert losses(kagari, ours) == pytest.approx(losses(oracle, oracle.utils.data), rel=1e-4)
