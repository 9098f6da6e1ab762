"""Batches from indices: the same in the main process and in workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from operator import getitem
from typing import Any

from ..eager import convert
from .collate import default_collate
from .dataset import IterableDataset, Subset, TensorDataset
from .progress import is_stateful
from .stacking import Allocate, collate_each, rows_of


@dataclass(frozen=True)
class Source:
    """What a batch is made of: a data set, and how its samples become a batch."""

    dataset: Any
    batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool


class Fetcher:
    """Makes the batch that an index stands for: a list of indices, or one where there are no batches."""

    def __init__(
        self,
        source: Source,
        allocate: Allocate = convert.empty,
        start: dict[str, Any] | None = None,
        owns_dataset: bool = True,
    ) -> None:
        self.source, self.allocate = source, allocate
        dataset = source.dataset
        self.tells = owns_dataset and is_stateful(dataset)
        if start is not None and start["dataset"] is not None and self.tells:
            dataset.load_state_dict(start["dataset"])
        self.stream: Iterator[Any] | None = iter(dataset) if isinstance(dataset, IterableDataset) else None
        self.count, self.ended = 0, False  # the stream: how many samples were read, and whether there are no more
        if start is not None and self.stream is not None:
            self._go_on(self.stream, start)
        # What another function makes of a list of samples nobody knows before it has the list.
        self.stacks = source.batched and source.collate_fn is default_collate

    def _go_on(self, stream: Any, start: dict[str, Any]) -> None:
        """Has a stream that begins go to where another one was."""
        self.count, self.ended = start["count"], start["ended"]
        if self.ended:
            self.stream = iter(())
        elif start["stream"] is not None and is_stateful(stream):
            stream.load_state_dict(start["stream"])
        elif start["dataset"] is None or not self.tells:
            next(islice(stream, self.count, self.count), None)

    def state(self) -> dict[str, Any] | None:
        """How to begin where this one is; None where nothing has to be known for that."""
        dataset = self.source.dataset.state_dict() if self.tells else None
        if self.stream is None:
            return {"count": 0, "ended": False, "stream": None, "dataset": dataset} if self.tells else None
        stream = self.stream.state_dict() if is_stateful(self.stream) else None  # type: ignore[attr-defined]
        return {"count": self.count, "ended": self.ended, "stream": stream, "dataset": dataset}

    def __call__(self, index: Any) -> Any:
        """The batch. Raises StopIteration at the end of a stream."""
        source = self.source
        if self.stream is not None:
            if not source.batched:
                self.count += 1
                return source.collate_fn(next(self.stream))
            if self.stacks and not source.drop_last:
                samples = self._taken(self.stream, len(index))
                return collate_each(chain((next(samples),), samples), len(index), self.allocate)
            data = list(self._taken(self.stream, len(index)))
            if not data or (source.drop_last and len(data) < len(index)):
                raise StopIteration
            return source.collate_fn(data)
        if self.stacks:
            return self._stacked(source.dataset, index)
        return source.collate_fn(_samples(source.dataset, index) if source.batched else source.dataset[index])

    def _stacked(self, dataset: Any, index: list[Any]) -> Any:
        """What `default_collate` makes of the samples."""
        while type(dataset) is Subset:
            index, dataset = [dataset.indices[i] for i in index], dataset.dataset
        if type(dataset) is TensorDataset:
            batch = rows_of(dataset.tensors, index, self.allocate)
            if batch is not None:
                return batch
        if getattr(dataset, "__getitems__", None):
            samples = dataset.__getitems__(index)
            return collate_each(samples, len(samples), self.allocate)
        return collate_each(map(getitem, repeat(dataset), index), len(index), self.allocate)

    def _taken(self, stream: Iterator[Any], n: int) -> Iterator[Any]:
        """The next n samples of the stream, or those that are left."""
        taken = 0
        for sample in islice(stream, n):
            taken += 1
            yield sample
        self.count += taken
        # A batch that is not full is the last one: the stream is at its end, or, if asked, at its beginning again.
        self.ended = taken < n


def _samples(dataset: Any, indices: list[Any]) -> Any:
    """The samples of a batch, at once where the data set can do that."""
    if getattr(dataset, "__getitems__", None):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_here = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """What the worker that calls this knows of itself; None in the main process.

    An :class:`IterableDataset` divides its samples among workers by this.

    >>> import kagari as torch
    >>> torch.utils.data.get_worker_info() is None
    True
    """
    return getattr(_here, "info", None)


def become_worker(info: WorkerInfo) -> None:
    """Has `get_worker_info` answer in this thread."""
    _here.info = info
