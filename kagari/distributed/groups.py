"""Beginning and ending: the group of all processes, and others made of it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any

from .group import Backend, GroupMember, ProcessGroup, carrier, given, outside, world
from .network import meeting
from .store import PrefixStore, Store, default_pg_timeout

_Group = ProcessGroup | None


def is_available() -> bool:
    """Whether processes can exchange tensors over a network.

    >>> import kagari as torch
    >>> torch.distributed.is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` has been called.

    >>> import kagari as torch
    >>> torch.distributed.is_initialized()
    False
    """
    return world.default is not None


def is_gloo_available() -> bool:
    """Whether there is the backend `"gloo"`, of tensors of the processor: yes."""
    return True


def is_nccl_available() -> bool:
    """Whether there is NVIDIA's library: no."""
    return False


def is_mpi_available() -> bool:
    """Whether there is MPI: no."""
    return False


def is_ucc_available() -> bool:
    """Whether there is UCC: no."""
    return False


def is_xccl_available() -> bool:
    """Whether there is Intel's library: no."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether there is a backend of this name."""
    return Backend(backend) == Backend.GLOO


def is_torchelastic_launched() -> bool:
    """Whether `torchrun` started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Connects this process with the others. All of them call it, and wait for each other.

    Args:
        backend (str): `"gloo"`, the default, for tensors of the processor; names by device, as
            `"cpu:gloo,cuda:nccl"`, are understood.
        init_method (str): where they meet: `env://`, the default, which reads `MASTER_ADDR`, `MASTER_PORT`, `RANK` and
            `WORLD_SIZE` from the environment, `tcp://host:port` or `file:///path`.
        timeout (timedelta): how long operations wait for other processes. Default: 30 minutes
        world_size (int), rank (int): how many processes there are, and the number of this one, where `init_method`
            does not say it.
        store (Store): where they meet, instead of `init_method`
        group_name, pg_options, device_id: accepted, and mean nothing.

    Raises ValueError for a second call and where a number is missing, RuntimeError for a backend that is not there.

    >>> import kagari as torch
    >>> import kagari.distributed as dist
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> x = torch.ones(2)
    >>> dist.all_reduce(x)
    >>> x, dist.get_rank(), dist.get_world_size()
    (tensor([1., 1.]), 0, 1)
    >>> dist.destroy_process_group()
    """
    if world.default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    assert store is None or init_method is None, "Cannot specify both init_method and store."
    if timeout is not None and not isinstance(timeout, timedelta):
        raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
    limit = timeout or default_pg_timeout
    if store is not None:
        assert world_size > 0, "world_size must be positive if using store"
        assert rank >= 0, "rank must be non-negative if using store"
    carrier(backend)
    if store is None:
        store, rank, world_size = next(meeting.rendezvous(init_method or "env://", rank, world_size, timeout=limit))
    store.set_timeout(limit)
    # A store may serve one group after the other.
    generation = store.add(f"generation/{rank}", 1)
    world.join(PrefixStore(f"default_pg/{generation}", store), rank, world_size, limit, "default_pg")
    world.hooks = sys.excepthook, partial(_told_by, rank)
    sys.excepthook = world.hooks[1]


def _told_by(rank: int, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Says of a program's last error which process it ended, as others may end at the same time."""
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    sys.stderr.write("".join(f"[rank{rank}]: {line}\n" for line in lines))


def destroy_process_group(group: _Group = None) -> None:
    """Ends a group: all connections for the group of all processes, which is the default.

    AssertionError where there is none, ValueError for one that has ended.
    """
    if outside(group):
        return
    ended = group if group is not None else world.default
    assert ended is not None, "Process group cannot be None"
    if ended not in world.groups:
        raise ValueError("Invalid process group specified or has been destroyed.")
    if ended is world.default:
        for one in world.groups:
            one.close()
        ended.mesh.close()
        world.groups.clear()
        world.default = None
        if sys.excepthook is world.hooks[1]:
            sys.excepthook = world.hooks[0]
    else:
        ended.close()
        world.groups.remove(ended)


def get_rank(group: _Group = None) -> int:
    """The number of this process in a group; -1 if it is not in it. ValueError before `init_process_group`."""
    given(None)
    return -1 if outside(group) else given(group).rank()


def get_world_size(group: _Group = None) -> int:
    """How many processes are in a group; -1 if this one is not in it. ValueError before `init_process_group`."""
    given(None)
    return -1 if outside(group) else given(group).size()


def get_backend(group: _Group = None) -> str:
    """What carries the messages of a group: `"gloo"`. ValueError where this process is not in it."""
    given(None)
    if outside(group):
        raise ValueError("Invalid process group specified")
    return given(group).name()


def get_process_group_ranks(group: _Group) -> list[int]:
    """The numbers that the processes of a group have among all. ValueError where this process is not in it."""
    if outside(group):
        raise ValueError("get_process_group_ranks: this process is not in the group")
    return list(given(group).ranks)


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The number in a group of a process, by its number among all. ValueError if it is not in it."""
    ranks = given(group).ranks
    if global_rank not in ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The number among all of a process, by its number in a group. ValueError if the group has no such number."""
    ranks = given(group).ranks
    if not 0 <= group_rank < len(ranks):
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return ranks[group_rank]


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The number of this process on its machine, as `torchrun` told it by `LOCAL_RANK`.

    RuntimeError where nobody has, unless there is a number to fall back to.
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )


def get_pg_count() -> int:
    """How many groups this process is in."""
    return len(world.groups)


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> Any:
    """A group of some processes. All processes call it, those outside of it too, and in the same order.

    Args:
        ranks (list of int): their numbers among all; default: all
        timeout (timedelta): how long its operations wait. Default: as that of all processes
        backend (str): as for `init_process_group`
        group_desc (str): a word about it
        sort_ranks (bool): whether they are numbered in the order of their numbers among all. Default: ``True``
        pg_options, use_local_synchronization, device_id: accepted, and mean nothing.

    Gives `GroupMember.NON_GROUP_MEMBER` where this process is not in it. Raises ValueError for a number that no process
    has, or that is there twice.
    """
    everybody = given(None)
    carrier(backend)
    chosen = list(range(everybody.size())) if ranks is None else list(ranks)
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"ranks list must not contain duplicate entries, got {chosen}")
    for one in chosen:
        if not 0 <= one < everybody.size():
            last = everybody.size() - 1
            raise ValueError(f"Rank {one} is out of range. Valid ranks are 0 to {last} (world_size={everybody.size()})")
    if sort_ranks:
        chosen.sort()
    if everybody.rank() not in chosen:
        world.made += 1
        return GroupMember.NON_GROUP_MEMBER
    limit = timeout or everybody.timeout
    return world.group(everybody.mesh, chosen, everybody.rank(), everybody.store, limit, group_desc or "undefined")


def new_subgroups(
    group_size: int | None = None,
    group: _Group = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """Groups of `group_size` processes each, in their order: the one that this process is in, and all of them.

    ValueError where the number of processes is no multiple of the size.
    """
    if group_size is None:
        raise ValueError("Default group size only takes effect when CUDA is available")
    if group_size <= 0:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be positive")
    ranks = given(group).ranks
    if len(ranks) < group_size:
        raise ValueError(f"The arg 'group_size' ({group_size}) must not exceed the world size ({len(ranks)})")
    if len(ranks) % group_size:
        raise ValueError(f"The world size ({len(ranks)}) must be divisible by 'group_size={group_size}'")
    parts = [ranks[i : i + group_size] for i in range(0, len(ranks), group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: Sequence[Sequence[int]],
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """A group for each list of processes: the one that this process is in, or None, and all of them.

    ValueError where a process is in two of them.
    """
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    seen: set[int] = set()
    for ranks in ranks_per_subgroup_list:
        for rank in ranks:
            if rank in seen:
                raise ValueError(f"Rank {rank} has appeared in both subgroups {sorted(seen)} and {list(ranks)}")
        seen.update(ranks)
    made = [new_group(ranks, timeout, backend, pg_options, group_desc=group_desc) for ranks in ranks_per_subgroup_list]
    mine = next((one for one in made if not outside(one)), None)
    return mine, made


__all__ = [
    "destroy_process_group", "get_backend", "get_global_rank", "get_group_rank", "get_node_local_rank",
    "get_pg_count", "get_process_group_ranks", "get_rank", "get_world_size", "init_process_group", "is_available",
    "is_backend_available", "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available",
    "is_torchelastic_launched", "is_ucc_available", "is_xccl_available", "new_group", "new_subgroups",
    "new_subgroups_by_enumeration",
]  # fmt: skip
