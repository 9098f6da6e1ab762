"""The part of a data set that one of several processes reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from ..distributed import get_rank, get_world_size
from ..eager import Generator
from ..eager import operators as ops
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    r"""Every :math:`n`-th index of an order that all :math:`n` processes agree on.

    The order is a permutation from ``seed`` plus the number of the pass, or that of the data set. It is lengthened from
    its beginning until all processes get as many indices, :math:`\lceil N / n \rceil`, or cut, to
    :math:`\lfloor N / n \rfloor` of them.

    Args:
        dataset: a data set with a length, :math:`N`
        num_replicas (int): how many processes there are, :math:`n`. Default: as many as are connected
        rank (int): which one this is, from 0. Default: this process's number
        shuffle (bool): whether the order is random. Default: ``True``
        seed (int): the same in all processes. Default: 0
        drop_last (bool): whether the order is cut, not lengthened. Default: ``False``

    Raises ValueError for a rank out of range, and where a number is not given and processes are not connected.

    Example::

        >>> import kagari as torch
        >>> from kagari.utils.data import DistributedSampler
        >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in (0, 1)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = get_world_size()
        if rank is None:
            rank = get_rank()
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.drop_last, self.shuffle, self.seed = 0, drop_last, shuffle, seed
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            order: list[int] = ops.randperm(count, generator=generator).tolist()
        else:
            order = list(range(count))
        if count:
            order *= -(-self.total_size // count)
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Says which pass comes next: each has an order of its own where they are random."""
        self.epoch = epoch


__all__ = ["DistributedSampler"]
