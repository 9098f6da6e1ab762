"""The loader: a sampler's indices, the samples they stand for, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic

from ..base import dtypes
from ..eager import Generator
from ..eager import operators as ops
from .collate import default_collate, default_convert
from .dataset import IterableDataset, T_co
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

_FIXED = frozenset(("batch_size", "batch_sampler", "dataset", "drop_last", "persistent_workers", "sampler"))


class DataLoader(Generic[T_co]):
    """Iterates over batches of a data set; each pass starts anew.

    The same seed gives the same batches as PyTorch's. Samples are read in this process, when a batch is asked for.

    Args:
        dataset: a :class:`Dataset`, an :class:`IterableDataset`, or any sequence
        batch_size (int): samples in a batch; ``None`` gives the samples by themselves. Default: ``1``
        shuffle (bool): whether to read in random order. Default: ``False``
        sampler: an iterable of the indices, in place of ``shuffle``
        batch_sampler: an iterable of lists of indices, in place of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``
        num_workers (int): processes that read ahead: none yet, so ``0``
        collate_fn: makes a batch of a list of samples. Default: :func:`default_collate`, without batches
            :func:`default_convert`
        pin_memory (bool): accepted; there is no device to pin memory for
        drop_last (bool): whether to leave out a last batch that is not full. Default: ``False``
        generator (Generator): the source of the random order. Default: the default generator

    Raises ValueError for options that exclude each other, NotImplementedError for ``num_workers`` above 0.

    >>> import kagari as torch
    >>> from kagari.utils.data import DataLoader, TensorDataset
    >>> for x, y in DataLoader(TensorDataset(torch.arange(3), torch.ones(3)), batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([1., 1.])
    tensor([2]) tensor([1.])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset, self.generator = dataset, generator
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.multiprocessing_context, self.prefetch_factor = multiprocessing_context, prefetch_factor
        self.persistent_workers, self.in_order = persistent_workers, in_order
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = _default_sampler(dataset, shuffle, generator)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        batched = batch_sampler is not None
        self.collate_fn = collate_fn if collate_fn is not None else default_collate if batched else default_convert
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_made" in vars(self):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        return _Pass(self)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._indices())  # type: ignore[arg-type]
        n = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def _indices(self) -> Iterable[Any]:
        """What a pass goes through: lists of indices, or indices where there are no batches."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler


class _Pass:
    """One pass over the data."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        self.indices = iter(loader._indices())
        # PyTorch draws a seed for its workers in each pass, whether there are any or not.
        ops.empty((), dtype=dtypes.int64).random_(generator=loader.generator)
        is_stream = isinstance(loader.dataset, IterableDataset)
        self.stream: Iterator[Any] | None = iter(loader.dataset) if is_stream else None

    def __iter__(self) -> _Pass:
        return self

    def __next__(self) -> Any:
        index = next(self.indices)
        batched = self.loader.batch_sampler is not None
        if self.stream is not None:
            data = self._from_stream(self.stream, len(index)) if batched else next(self.stream)
        else:
            data = _fetched(self.loader.dataset, index) if batched else self.loader.dataset[index]
        return self.loader.collate_fn(data)

    def _from_stream(self, stream: Iterator[Any], n: int) -> list[Any]:
        data = list(islice(stream, n))
        if not data or (self.loader.drop_last and len(data) < n):
            raise StopIteration
        return data

    def __len__(self) -> int:
        return len(self.loader._indices())  # type: ignore[arg-type]


class _Unknown(Sampler[None]):
    """Stands for the indices of what has none."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _default_sampler(dataset: Any, shuffle: bool | None, generator: Generator | None) -> Sampler[Any]:
    """The order of a data set for which none is given."""
    if isinstance(dataset, IterableDataset):
        return _Unknown()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def _fetched(dataset: Any, indices: list[Any]) -> Any:
    """The samples of a batch, at once where the data set can do that."""
    if getattr(dataset, "__getitems__", None):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    """Raises for options of worker processes, which are not there."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers:
        raise NotImplementedError(
            f"DataLoader: expected num_workers=0, got {num_workers}: worker processes are not there yet. With 0 the "
            "batches are the same, read in this process"
        )
    if prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if persistent_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is not None:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            "num_workers=0"
        )


def _check_order(
    dataset: Any, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """Raises ValueError for options that exclude each other."""
    if isinstance(dataset, IterableDataset):
        given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
    if batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")


def get_worker_info() -> None:
    """What a worker process knows of itself; None in the main process, and there is no other yet.

    >>> import kagari as torch
    >>> torch.utils.data.get_worker_info() is None
    True
    """


__all__ = ["DataLoader", "get_worker_info"]
