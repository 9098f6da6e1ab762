"""Loaders that go on where another one was: the batches are those that would have come, pass after pass."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

import kagari
from kagari.utils import data
from kagari.utils.data import DataLoader, get_worker_info

EPOCHS = 3


class Numbers(data.IterableDataset):
    """The numbers that the worker has: those of worker 0 are the most."""

    length = 26

    def begin(self) -> int:
        return 0

    def __iter__(self) -> Any:
        info = get_worker_info()
        number, count = (0, 1) if info is None else (info.id, info.num_workers)
        length = self.length - 11 * number if count > 1 else self.length
        for k in range(self.begin(), length):
            self.position = k + 1
            yield 100 * number + k
        self.position = 0


class Telling(Numbers):
    """Says itself where it is, and is told; what it has read before it is not read again."""

    position = 0
    state: int | None = None
    read_from = 0

    def begin(self) -> int:
        begin, self.state = self.state or 0, None
        return begin

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.state = state["position"]


class Cursor:
    """An iterator that says where it is."""

    def __init__(self, number: int) -> None:
        self.number, self.at = number, 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> int:
        if self.at == 17 - 3 * self.number:
            raise StopIteration
        self.at += 1
        return 100 * self.number + self.at - 1

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        assert self.at == 0
        self.at = state["at"]


class WithCursor(data.IterableDataset):
    def __iter__(self) -> Any:
        info = get_worker_info()
        return Cursor(0 if info is None else info.id)


class Stateful(data.Sampler[int]):
    """Draws from Python's generator, which nobody else knows of, and says where it is."""

    def __init__(self, n: int) -> None:
        self.n, self.epoch, self.at = n, 0, 0

    def __iter__(self) -> Any:
        order = list(range(self.n))
        random.Random(self.epoch).shuffle(order)
        while self.at < self.n:
            self.at += 1
            yield order[self.at - 1]
        self.epoch, self.at = self.epoch + 1, 0

    def __len__(self) -> int:
        return self.n

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.at = state["epoch"], state["at"]


def generator() -> Any:
    return kagari.Generator().manual_seed(5)


LOADERS = {
    "in order": lambda **o: DataLoader(range(17), 3, **o),
    "shuffled": lambda **o: DataLoader(range(17), 3, shuffle=True, **o),
    "full batches": lambda **o: DataLoader(range(17), 3, shuffle=True, drop_last=True, **o),
    "shuffled by a generator": lambda **o: DataLoader(range(17), 3, shuffle=True, generator=generator(), **o),
    "no batches": lambda **o: DataLoader(range(9), None, shuffle=True, **o),
    "with replacement": lambda **o: DataLoader(
        range(90), 7, sampler=data.RandomSampler(range(90), True, 80, generator()), **o
    ),
    "more than once": lambda **o: DataLoader(range(9), 4, sampler=data.RandomSampler(range(9), num_samples=21), **o),
    "subset": lambda **o: DataLoader(range(17), 2, sampler=data.SubsetRandomSampler(range(3, 17)), **o),
    "weighted": lambda **o: DataLoader(range(5), 2, sampler=data.WeightedRandomSampler([1.0, 2, 3, 4, 5], 13), **o),
    "weighted, no batches": lambda **o: DataLoader(
        range(5), None, sampler=data.WeightedRandomSampler([1.0, 2, 3, 4, 5], 9), **o
    ),
    "lists": lambda **o: DataLoader(
        range(17), batch_sampler=data.BatchSampler(data.RandomSampler(range(17), generator=generator()), 4, False), **o
    ),
    "stateful sampler": lambda **o: DataLoader(range(17), 3, sampler=Stateful(17), **o),
    "stream": lambda **o: DataLoader(Numbers(), 3, **o),
    "stream, no batches": lambda **o: DataLoader(Numbers(), None, **o),
    "stream, full batches": lambda **o: DataLoader(Numbers(), 4, drop_last=True, **o),
    "stream that tells": lambda **o: DataLoader(Telling(), 3, **o),
    "stream whose iterator tells": lambda **o: DataLoader(WithCursor(), 3, **o),
}  # fmt: skip
WORKERS: dict[str, dict[str, Any]] = {
    "none": {}, "processes": {"num_workers": 2}, "threads": {"num_workers": 2, "worker_type": "thread"},
    "persistent": {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 1},
    "threads that stay": {"num_workers": 3, "worker_type": "thread", "persistent_workers": True, "prefetch_factor": 3},
}  # fmt: skip


def taken(loader: DataLoader, epochs: int = EPOCHS, stop: int = -1) -> tuple[list[Any], int]:
    """The batches of some passes, or the first of them, and how many passes were left. Random numbers come between."""
    seen: list[Any] = []
    for epoch in range(epochs):
        for batch in loader:
            seen.append(batch.tolist() if hasattr(batch, "tolist") else batch)
            kagari.rand(3)
            if len(seen) == stop:
                return seen, epochs - epoch
    return seen, 0


def goes_on(make: Any, stop: int, whole: list[Any], again: Any = None) -> None:
    """Stops after some batches, and has a new loader go on, elsewhere in the stream of random numbers."""
    kagari.manual_seed(0)
    loader = make()
    first, left = taken(loader, stop=stop)
    file = io.BytesIO()
    kagari.save(loader.state_dict(), file)
    del loader
    file.seek(0)
    kagari.manual_seed(99)
    loader = (again or make)()
    loader.load_state_dict(kagari.load(file))
    assert first + taken(loader, left)[0] == whole


def uninterrupted(make: Any) -> list[Any]:
    kagari.manual_seed(0)
    return taken(make())[0]


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("workers", ["none", "threads", "threads that stay"])
def test_goes_on_from_anywhere(name: str, workers: str) -> None:
    def make() -> DataLoader:
        return LOADERS[name](**WORKERS[workers])

    whole = uninterrupted(make)
    for stop in range(1, len(whole) + 1):
        goes_on(make, stop, whole)


@pytest.mark.parametrize(
    "name", ["shuffled", "stateful sampler", "stream", "stream that tells", "weighted, no batches"]
)
@pytest.mark.parametrize("workers", ["processes", "persistent"])
def test_goes_on_with_processes(name: str, workers: str) -> None:
    def make() -> DataLoader:
        return LOADERS[name](**WORKERS[workers])

    whole = uninterrupted(make)
    for stop in (1, len(whole) // 2, len(whole) - 1):
        goes_on(make, stop, whole)


@pytest.mark.parametrize("name", [name for name in LOADERS if "stream" not in name])
def test_goes_on_with_other_workers(name: str) -> None:
    ways: list[dict[str, Any]] = [WORKERS["none"], WORKERS["threads"], WORKERS["threads that stay"]]
    for one in ways:
        whole = uninterrupted(lambda one=one: LOADERS[name](**one))
        for other in ways:
            if other is not one:
                first_pass = len(LOADERS[name]())
                make, again = (lambda way=way: LOADERS[name](**way) for way in (one, other))
                kagari.manual_seed(0)
                loader = make()
                first, _ = taken(loader, stop=2)
                resumed = again()
                kagari.manual_seed(99)
                resumed.load_state_dict(loader.state_dict())
                assert first + taken(resumed, 1)[0] == whole[:first_pass]


def test_between_passes_and_before_the_first() -> None:
    for name in ("shuffled", "shuffled by a generator", "stateful sampler"):
        whole = uninterrupted(LOADERS[name])
        for epochs in (0, 1, 2):
            kagari.manual_seed(0)
            loader = LOADERS[name]()
            first, _ = taken(loader, epochs)
            other = LOADERS[name]()
            other.load_state_dict(loader.state_dict())
            kagari.manual_seed(99)
            assert first + taken(other, EPOCHS - epochs)[0] == whole


def test_a_state_is_not_changed_by_what_comes_later() -> None:
    kagari.manual_seed(0)
    loader = LOADERS["stream that tells"]()
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = [batch.tolist() for batch in batches]
    for _ in range(2):
        other = LOADERS["stream that tells"]()
        other.load_state_dict(state)
        assert other.state_dict() is state
        assert [batch.tolist() for batch in other] == rest


def test_a_stream_that_tells_is_not_read_again() -> None:
    class Watched(Telling):
        def __iter__(self) -> Any:
            for k in super().__iter__():
                read.append(k)
                yield k

    read: list[int] = []
    loader = DataLoader(Watched(), 5)
    next(iter(loader))
    state = loader.state_dict()
    read.clear()
    other = DataLoader(Watched(), 5)
    other.load_state_dict(state)
    assert next(iter(other)).tolist() == read == [5, 6, 7, 8, 9]


def test_batches_as_they_are_ready_come_once() -> None:
    options = {"num_workers": 3, "worker_type": "thread", "in_order": False}
    loader = DataLoader(range(40), 4, **options)
    batches = iter(loader)
    seen = [next(batches).tolist() for _ in range(4)]
    other = DataLoader(range(40), 4, **options)
    other.load_state_dict(loader.state_dict())
    seen += [batch.tolist() for batch in other]
    assert sorted(x for batch in seen for x in batch) == list(range(40))


def test_states_of_other_loaders() -> None:
    for wrong in (None, {}, {"pass": None}):
        with pytest.raises(ValueError, match=r"expected a state that DataLoader.state_dict\(\) has returned"):
            DataLoader([1]).load_state_dict(wrong)  # type: ignore[arg-type]
    stream = LOADERS["stream"](**WORKERS["threads"])
    next(iter(stream))
    with pytest.raises(ValueError, match="a loader with num_workers=2, this one has num_workers=0"):
        LOADERS["stream"]().load_state_dict(stream.state_dict())
    sampler = data.RandomSampler(range(5), generator=generator())
    with pytest.raises(ValueError, match="samplers have 1 random generators, those of this one have 2"):
        DataLoader(range(5), sampler=sampler).load_state_dict(DataLoader(range(5)).state_dict())
    with pytest.raises(ValueError, match="one of the two says itself where it is"):
        DataLoader(range(5), sampler=Stateful(5)).load_state_dict(DataLoader(range(5)).state_dict())
    loader = DataLoader(range(9), 2)
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    other = DataLoader(range(5), 2)
    other.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="had come to batch 4, but there are 3"):
        iter(other)
