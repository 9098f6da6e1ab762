"""The loader: a sampler's indices, the samples they stand for, and batches of them."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count, cycle
from typing import Any, Generic

from ..base import dtypes
from ..eager import Generator
from ..eager import operators as ops
from .collate import default_collate, default_convert
from .dataset import IterableDataset, T_co
from .fetch import Fetcher, Source
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from .workers import END, FAULT, Job, Processes, Threads

_FIXED = frozenset(("batch_size", "batch_sampler", "dataset", "drop_last", "persistent_workers", "sampler"))


class DataLoader(Generic[T_co]):
    """Iterates over batches of a data set; each pass starts anew.

    The same seed gives the same batches as PyTorch's, with any number of workers.

    Args:
        dataset: a :class:`Dataset`, an :class:`IterableDataset`, or any sequence
        batch_size (int): samples in a batch; ``None`` gives the samples by themselves. Default: ``1``
        shuffle (bool): whether to read in random order. Default: ``False``
        sampler: an iterable of the indices, in place of ``shuffle``
        batch_sampler: an iterable of lists of indices, in place of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``
        num_workers (int): workers that read ahead. Default: ``0``, samples are read in this process, when a batch is
            asked for
        collate_fn: makes a batch of a list of samples. Default: :func:`default_collate`, without batches
            :func:`default_convert`
        pin_memory (bool): accepted; there is no device to pin memory for
        drop_last (bool): whether to leave out a last batch that is not full. Default: ``False``
        timeout (float): seconds to wait for a batch of a worker; ``0`` waits for ever. Default: ``0``
        worker_init_fn: called in each worker with its number, before it reads
        multiprocessing_context: how processes are started: ``"fork"``, ``"spawn"``, ``"forkserver"`` or a context.
            Default: the system's way
        generator (Generator): the source of the random order. Default: the default generator
        prefetch_factor (int): batches that each worker reads ahead. Default: ``2``
        persistent_workers (bool): whether workers live on from pass to pass. Default: ``False``
        in_order (bool): whether batches come in the order of the sampler, or as they are ready. Default: ``True``
        worker_type (str): ``"process"``, or ``"thread"`` for workers that share the data set and need no copies of
            batches: the better choice where reading releases the interpreter's lock. Threads share the random
            generators, so their random numbers depend on who is first. Default: ``"process"``

    An exception in a worker is raised here, with its traceback in its text. A worker that is gone raises RuntimeError,
    as does a batch that takes longer than ``timeout``. Raises ValueError for options that exclude each other.

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
        worker_type: str = "process",
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, worker_type)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset, self.generator = dataset, generator
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.worker_type = worker_type
        self._workers: Processes | Threads | None = None
        self._pass: _WorkerPass | None = None
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
        if not self.num_workers:
            return _Pass(self)
        if not self.persistent_workers:
            return _WorkerPass(self, self._started())
        if self._workers is None:
            self._workers = self._started()
        elif self._pass is not None:
            self._pass.drain()
            for number in range(self.num_workers):
                self._workers.send(number, (None, None))
                self._workers.receive([number], self.timeout)
        self._pass = _WorkerPass(self, self._workers)
        return self._pass

    def _seed(self) -> int:
        """What PyTorch draws for its workers in each pass, whether there are any or not."""
        return int(ops.empty((), dtype=dtypes.int64).random_(generator=self.generator).item())

    def _source(self) -> Source:
        return Source(self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last)

    def _started(self) -> Processes | Threads:
        """New workers."""
        ahead = self.prefetch_factor or 0
        is_even = self.in_order and not isinstance(self.dataset, IterableDataset)
        blocks = ahead * (1 if is_even else self.num_workers) + 1
        job = Job(self._source(), self.num_workers, self._seed(), self.worker_init_fn, blocks)
        if self.worker_type == "thread":
            return Threads(job)
        return Processes(job, self.multiprocessing_context or multiprocessing.get_context())

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
    """One pass over the data, read in this process."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        self.indices = iter(loader._indices())
        loader._seed()
        self.fetch = Fetcher(loader._source())

    def __iter__(self) -> _Pass:
        return self

    def __next__(self) -> Any:
        return self.fetch(next(self.indices))

    def __len__(self) -> int:
        return len(self.loader._indices())  # type: ignore[arg-type]


class _WorkerPass:
    """One pass over the data, read ahead by workers. Batches come in the order of their tasks.

    Tasks go round the workers. Each batch that is taken makes room for another task.
    """

    def __init__(self, loader: DataLoader, workers: Processes | Threads) -> None:
        self.loader, self.workers = loader, workers
        self.indices = iter(loader._indices())
        self.active = [True] * loader.num_workers
        self.turn = cycle(range(loader.num_workers))
        self.sent: deque[tuple[int, int]] = deque()  # tasks under way: label and worker
        self.labels = count()
        for _ in range((loader.prefetch_factor or 0) * loader.num_workers):
            self._send()

    def __iter__(self) -> _WorkerPass:
        return self

    def __len__(self) -> int:
        return len(self.loader._indices())  # type: ignore[arg-type]

    def _send(self) -> None:
        """Gives the next task to the worker whose turn it is, or, where order does not matter, to the idlest."""
        if not any(self.active):
            return
        index = next(self.indices, _NONE)
        if index is _NONE:
            return
        number = next(n for n in self.turn if self.active[n])
        if not self.loader.in_order:
            busy = [sum(n == at for _, at in self.sent) for n in range(len(self.active))]
            number = min((n for n, is_active in enumerate(self.active) if is_active), key=lambda n: busy[n])
        label = next(self.labels)
        self.sent.append((label, number))
        self.workers.send(number, (label, index))

    def __next__(self) -> Any:
        try:
            kind, data = self._received()
        except BaseException:  # a worker is gone, or an interrupt: no more comes from here
            self.loader._workers = None
            self.workers.close()
            raise
        if kind == FAULT:
            data.raise_here()
        if kind == END:
            raise StopIteration
        return data

    def _received(self) -> tuple[str, Any]:
        """The next batch or exception of a worker; the end where all have come to theirs."""
        while self.sent:
            numbers = [self.sent[0][1]] if self.loader.in_order else sorted({n for _, n in self.sent})
            number, (kind, label, data) = self.workers.receive(numbers, self.loader.timeout)
            self.sent.remove((label, number))
            if kind != END:
                self._send()
                return kind, data
            if self.active[number]:
                self.active[number] = False
                self._send()
        if not self.loader.persistent_workers:
            self.workers.close()
        return END, None

    def drain(self) -> None:
        """Takes what is still under way, so that the workers can begin anew."""
        while self.sent:
            number = self.sent.popleft()[1]
            self.workers.receive([number], self.loader.timeout)


_NONE = object()


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


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, worker_type: str
) -> None:
    """Raises ValueError for options of workers that can't be, or that need workers where there are none."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor <= 0:
        raise ValueError(f"prefetch_factor option should be positive, got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if worker_type not in ("process", "thread"):
        raise ValueError(f'worker_type option should be "process" or "thread", got {worker_type!r}')


def _context(given: Any, num_workers: int) -> Any:
    """The way to start processes that is asked for. Raises ValueError or TypeError where there is no such way."""
    if given is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            "num_workers=0"
        )
    if isinstance(given, str):
        methods = multiprocessing.get_all_start_methods()
        if given not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                f"multiprocessing_context={given!r}"
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={given}"
        )
    return given


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


__all__ = ["DataLoader"]
