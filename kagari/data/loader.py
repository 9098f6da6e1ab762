"""The loader: a sampler's indices, the samples they stand for, and batches of them."""

from __future__ import annotations

import copy
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic

from ..base import dtypes
from ..eager import Generator
from ..eager import operators as ops
from .collate import default_collate, default_convert
from .dataset import IterableDataset, T_co
from .fetch import Source
from .passes import Pass, WorkerPass, begin_anew, drain
from .progress import Progress, generators_of, samplers_of, set_generators, stateful_of
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from .workers import Job, Processes, Threads

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
            The server of ``"forkserver"``, unless it is told what to preload, loads once what workers need: the first
            batches of later passes then come about as soon as with ``"fork"``. Default: the system's way
        generator (Generator): the source of the random order. Default: the default generator
        prefetch_factor (int): batches that each worker reads ahead. Default: ``2``
        persistent_workers (bool): whether workers live on from pass to pass. Default: ``False``
        in_order (bool): whether batches come in the order of the sampler, or as they are ready. Default: ``True``
        worker_type (str): ``"process"``, or ``"thread"`` for workers that share the data set and need no copies of
            batches: the better choice where reading releases the interpreter's lock. Threads share the random
            generators, so their random numbers depend on who is first. Default: ``"process"``

    Of a list of many thousand elements that a data set is, or has as an attribute, forked workers get no copies of
    their own: if it has numbers, texts, arrays and containers of them, it is packed into memory that all share, and its
    elements are made when they are asked for. Changes that a worker makes in such an element are not kept.

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
        self._seed_of_workers = 0
        self._progress: Progress | None = None
        self._resumed: dict[str, Any] | None = None
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
        state, self._resumed = self._resumed, None
        resumed = None
        if state is not None and state["pass"] is not None:
            resumed = {**state["pass"], "now": state["generators"]}
        samplers, generators = self._samplers()
        if state is not None and resumed is None:  # no pass was under way
            set_generators(generators, state["generators"])
            if state["sampler"] is not None:
                stateful_of(samplers).load_state_dict(state["sampler"])
        progress = Progress(samplers, generators)
        workers = self._ready(progress, resumed) if self.num_workers else None
        self._progress = progress
        if resumed is not None:
            progress.go_on(resumed)
            if progress.seeds == "before":
                self._seed()
        indices = iter(self._indices())
        if workers is None and resumed is None:
            progress.seed, progress.seeds = self._seed(), "after"
        elif progress.seeds == "after":
            self._seed()
        if workers is None:
            return Pass(self, indices, progress, resumed)
        return WorkerPass(self, workers, indices, progress, resumed)

    def _ready(self, progress: Progress, resumed: Any) -> Processes | Threads:
        """Workers at the beginning of a pass."""
        if self._workers is not None:
            if self._progress is not None:
                drain(self._workers, self._progress, self.timeout)
                for number in range(self.num_workers):
                    begin_anew(self._workers, number, self.timeout)
            progress.seed = self._seed_of_workers
            return self._workers
        if resumed is None:
            progress.seed, progress.seeds = self._seed(), "before"
        seed = self._seed_of_workers = progress.seed if resumed is None else resumed["seed"]
        workers = self._started(seed)
        if self.persistent_workers:
            self._workers = workers
        return workers

    def state_dict(self) -> dict[str, Any]:
        """How far the present pass has come: what :meth:`load_state_dict` takes, in another program, to go on.

        In it are the batches that were taken, not those that workers have read ahead; and where the random generators
        of the loader and its samplers stand, the default generator where they have none of their own. Data sets,
        iterators of streams and samplers that have `state_dict` and `load_state_dict` say themselves where they are.
        Other streams are read again up to there, without making batches. Between passes the state is that of the
        pass to come.

        >>> import kagari as torch
        >>> from kagari.utils.data import DataLoader
        >>> loader, other = DataLoader(range(6), 2), DataLoader(range(6), 2)
        >>> for batch in loader:
        ...     break
        >>> other.load_state_dict(loader.state_dict())
        >>> list(other)
        [tensor([2, 3]), tensor([4, 5])]
        """
        if self._resumed is not None:
            return self._resumed
        progress = self._progress
        samplers, generators = self._samplers()
        sampler = stateful_of(samplers)
        return {
            "num_workers": self.num_workers,
            "generators": [g.get_state() for g in generators],
            "sampler": None if sampler is None else copy.deepcopy(sampler.state_dict()),
            "pass": None if progress is None or progress.finished else progress.state(),
        }

    def _samplers(self) -> tuple[list[Any], list[Generator]]:
        """The samplers, and the generators that they and the loader draw from."""
        samplers = samplers_of(self.batch_sampler, self.sampler)
        return samplers, generators_of(self.generator, samplers)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Has the next pass go on where that of the state was; the passes after it are those that would have come.

        The random generators that the loader uses then stand where they stood, too. The random numbers that samples
        draw inside of workers are others, as workers begin anew.

        Raises ValueError for what is no state of a loader, or that of one with other generators or, for an
        :class:`IterableDataset`, another number of workers.
        """
        parts = {"num_workers", "generators", "sampler", "pass"}
        if not isinstance(state_dict, dict) or not parts <= state_dict.keys():
            raise ValueError("expected a state that DataLoader.state_dict() has returned")
        count, (samplers, generators) = state_dict["num_workers"], self._samplers()
        if isinstance(self.dataset, IterableDataset) and state_dict["pass"] is not None and count != self.num_workers:
            raise ValueError(
                f"the state is of a loader with num_workers={count}, this one has num_workers={self.num_workers}: a "
                "stream can go on only with as many"
            )
        if len(state_dict["generators"]) != len(generators):
            raise ValueError(
                f"the state is of a loader whose samplers have {len(state_dict['generators'])} random generators, "
                f"those of this one have {len(generators)}"
            )
        if (state_dict["sampler"] is None) != (stateful_of(samplers) is None):
            raise ValueError("the state is of a loader with another sampler: one of the two says itself where it is")
        self._resumed = state_dict

    def _seed(self) -> int:
        """What PyTorch draws for its workers in each pass, whether there are any or not."""
        return int(ops.empty((), dtype=dtypes.int64).random_(generator=self.generator).item())

    def _source(self) -> Source:
        return Source(self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last)

    def _started(self, seed: int) -> Processes | Threads:
        """New workers."""
        ahead = self.prefetch_factor or 0
        is_even = self.in_order and not isinstance(self.dataset, IterableDataset)
        blocks = ahead * (1 if is_even else self.num_workers) + 1
        job = Job(self._source(), self.num_workers, seed, self.worker_init_fn, blocks)
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
