"""Groups of processes, and the one of all of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from ..eager import Tensor
from .network import meeting, mesh
from .store import PrefixStore, Store
from .work import CollectiveWork, Work

if TYPE_CHECKING:
    from .network.mesh import Mesh

MISSING = "Default process group has not been initialized, please make sure to call init_process_group."


class Backend(str):
    """The name of what carries messages, in lower case: `"gloo"`, which is TCP between processors.

    >>> import kagari as torch
    >>> torch.distributed.Backend("GLOO")
    'gloo'
    """

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"
    backend_list: ClassVar[list[str]] = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI]

    def __new__(cls, name: str) -> str:  # type: ignore[misc]
        """The name as a plain string. ValueError for what is none."""
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return name.lower()


def carrier(backend: str | None) -> str:
    """The backend of the processor that a name asks for, which may tell those of several devices.

    RuntimeError for one that needs GPUs or a library, AssertionError for an unknown one.
    """
    asked = Backend(backend or Backend.GLOO)
    by_device = dict(part.split(":", 1) for part in asked.split(",") if ":" in part)
    name = by_device.get("cpu", asked)
    if name in (Backend.NCCL, Backend.UCC, Backend.MPI, Backend.XCCL):
        raise RuntimeError(f"Distributed package doesn't have {name.upper()} built in")
    assert name == Backend.GLOO, f"Unknown backend type {name}"
    return name


class ProcessGroup:
    """Some processes, numbered by their rank in the group. Made by `init_process_group` and `new_group`."""

    def __init__(
        self, links: Mesh, ranks: Sequence[int], me: int, number: int, store: Store, timeout: timedelta, desc: str
    ) -> None:
        self.mesh, self.ranks, self.number, self.store = links, list(ranks), number, store
        self.group_name, self.group_desc, self.timeout = str(number), desc, timeout
        self._me = self.ranks.index(me)
        self._lock, self._calls = threading.Lock(), 0
        self._threads: ThreadPoolExecutor | None = None
        self.bound_device_id = None

    def rank(self) -> int:
        """The number of this process in the group."""
        return self._me

    def size(self) -> int:
        """How many processes there are."""
        return len(self.ranks)

    def name(self) -> str:
        """What carries its messages."""
        return Backend.GLOO

    def ticket(self) -> int:
        """The number of the next operation, which is the same in all processes."""
        with self._lock:
            self._calls += 1
            return self._calls

    def launch(
        self,
        run: Callable[[int], None],
        tensors: Sequence[Tensor],
        name: str,
        later: bool,
        limit: timedelta | None = None,
    ) -> Work | None:
        """Does an operation, which gets its number: now, or later in a thread of the group; then it is given back."""
        ticket = self.ticket()
        if not later:
            run(ticket)
            return None
        if self._threads is None:
            self._threads = ThreadPoolExecutor(2, f"group-{self.number}")
        return CollectiveWork(self._threads.submit(run, ticket), tensors, name, limit or self.timeout)

    def trade(
        self, tag: int, send: Sequence[tuple[int, memoryview]], receive: Sequence[tuple[int, memoryview]], name: str
    ) -> None:
        """Sends bytes to processes of the group and receives those of others, all at the same time."""
        links, ranks, channel = self.mesh, self.ranks, 2 * self.number
        waiting = [links.receive(ranks[peer], channel, tag, view) for peer, view in receive]
        waiting += [links.send(ranks[peer], channel, tag, view) for peer, view in send]
        for pending in waiting:
            try:
                pending.wait(self.timeout.total_seconds(), name)
            except RuntimeError:
                for other in waiting:
                    links.forget(other)
                raise

    def close(self) -> None:
        """Ends its threads, when their operations have ended."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def __repr__(self) -> str:
        return f"ProcessGroup(ranks={self.ranks}, backend={self.name()!r})"


class _World:
    """What this process knows of groups."""

    def __init__(self) -> None:
        self.default: ProcessGroup | None = None
        self.groups: list[ProcessGroup] = []
        self.made = 0  # how many groups have been made by all processes
        self.hooks: tuple[Any, Any] = sys.excepthook, None  # what told a last error before, and what does now

    def join(self, store: Store, rank: int, size: int, timeout: timedelta, desc: str) -> None:
        """Connects this process to all others."""
        links = mesh.Mesh(meeting.connections(PrefixStore("mesh", store), rank, size, timeout))
        self.made = 0
        self.default = self.group(links, range(size), rank, store, timeout, desc)

    def group(
        self, links: Mesh, ranks: Sequence[int], me: int, store: Store, timeout: timedelta, desc: str
    ) -> ProcessGroup:
        """One more group, which this process is in."""
        made = ProcessGroup(links, ranks, me, self.made, store, timeout, desc)
        self.made += 1
        self.groups.append(made)
        return made


world = _World()


class _Default(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        """The group of all processes, once there is one."""
        return world.default


class GroupMember(metaclass=_Default):
    """`WORLD`, the group of all processes, and what stands for a group that this process is not in."""

    NON_GROUP_MEMBER = -100


class group(metaclass=_Default):
    """`WORLD`, the group of all processes."""


def given(chosen: ProcessGroup | None) -> ProcessGroup:
    """The group that an argument means. ValueError where there is none yet."""
    if chosen is None:
        if world.default is None:
            raise ValueError(MISSING)
        return world.default
    return chosen


def outside(chosen: Any) -> bool:
    """Whether an argument means a group that this process is not in."""
    return chosen is GroupMember.NON_GROUP_MEMBER


__all__ = ["Backend", "GroupMember", "ProcessGroup", "group"]
