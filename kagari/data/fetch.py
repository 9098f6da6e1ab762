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

    def __init__(self, source: Source, allocate: Allocate = convert.empty) -> None:
        self.source, self.allocate = source, allocate
        dataset = source.dataset
        self.stream: Iterator[Any] | None = iter(dataset) if isinstance(dataset, IterableDataset) else None
        # What another function makes of a list of samples nobody knows before it has the list.
        self.stacks = source.batched and source.collate_fn is default_collate

    def __call__(self, index: Any) -> Any:
        """The batch. Raises StopIteration at the end of a stream."""
        source = self.source
        if self.stream is not None:
            if self.stacks and not source.drop_last:
                first = next(self.stream)
                rest = islice(self.stream, len(index) - 1)
                return collate_each(chain((first,), rest), len(index), self.allocate)
            return source.collate_fn(
                self._from_stream(self.stream, len(index)) if source.batched else next(self.stream)
            )
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

    def _from_stream(self, stream: Iterator[Any], n: int) -> list[Any]:
        data = list(islice(stream, n))
        if not data or (self.source.drop_last and len(data) < n):
            raise StopIteration
        return data


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
