"""Batches from indices: the same in the main process and in workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .dataset import IterableDataset


@dataclass(frozen=True)
class Source:
    """What a batch is made of: a data set, and how its samples become a batch."""

    dataset: Any
    batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool


class Fetcher:
    """Makes the batch that an index stands for: a list of indices, or one where there are no batches."""

    def __init__(self, source: Source) -> None:
        self.source = source
        is_stream = isinstance(source.dataset, IterableDataset)
        self.stream: Iterator[Any] | None = iter(source.dataset) if is_stream else None

    def __call__(self, index: Any) -> Any:
        """The batch. Raises StopIteration at the end of a stream."""
        source = self.source
        if self.stream is not None:
            data = self._from_stream(self.stream, len(index)) if source.batched else next(self.stream)
        else:
            data = _samples(source.dataset, index) if source.batched else source.dataset[index]
        return source.collate_fn(data)

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
