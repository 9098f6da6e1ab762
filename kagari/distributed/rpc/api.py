"""Taking part in calls, and calling."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from ...futures import Future
from ..errors import DistStoreError
from ..network import meeting
from ..store import PrefixStore, Store, default_pg_timeout
from . import calls, gradients, rref, state
from .options import (
    DEFAULT_SHUTDOWN_TIMEOUT,
    UNSET_RPC_TIMEOUT,
    BackendType,
    RpcBackendOptions,
    TensorPipeRpcBackendOptions,
    WorkerInfo,
)

_FOREVER = timedelta(days=365)
_store: list[Store] = []
_times = [0]  # how often this process took part: a store that lives on has the keys of before
_To = str | int | WorkerInfo


def is_available() -> bool:
    """Whether there are calls between processes: yes."""
    return True


def init_rpc(
    name: str,
    backend: BackendType | None = None,
    rank: int = -1,
    world_size: int | None = None,
    rpc_backend_options: RpcBackendOptions | None = None,
) -> None:
    """Begins to take part, under a name that no other process has. Returns when all processes are there.

    Args:
        name: of this process.
        backend: there is one, `BackendType.TENSORPIPE`.
        rank: the number of this process, by default what the environment says.
        world_size: how many processes there are, by default what the environment says.
        rpc_backend_options: where they meet, timeouts and threads.

    Raises RuntimeError where this process takes part already, or another one has the name, or some do not come; then
    nothing is left running. TypeError for a backend or options of another type.
    """
    if backend is not None and not isinstance(backend, BackendType):
        raise TypeError("Argument backend must be a member of BackendType")
    if rpc_backend_options is not None and not isinstance(rpc_backend_options, RpcBackendOptions):
        raise TypeError("Argument rpc_backend_options must be an instance of RpcBackendOptions")
    if state.current:
        raise RuntimeError("RPC is already initialized")
    options = rpc_backend_options or TensorPipeRpcBackendOptions()
    threads = getattr(options, "num_worker_threads", TensorPipeRpcBackendOptions().num_worker_threads)
    size = -1 if world_size is None else world_size
    meeting_store, rank, size = next(meeting.rendezvous(options.init_method, rank, size))
    store = PrefixStore(f"rpc_{_times[0]}", meeting_store)
    _times[0] += 1
    store.set(f"name/{rank}", name)
    names = [store.get(f"name/{peer}").decode() for peer in range(size)]
    if len(set(names)) < size:
        raise RuntimeError(f"RPC worker names are not unique: {name!r} is one of {names}")
    links = meeting.connections(store, rank, size, default_pg_timeout)
    for link in links.values():
        link.settimeout(None)
    infos = [WorkerInfo(peer, one) for peer, one in enumerate(names)]
    agent = calls.agent_of(infos, rank, links, threads, options.rpc_timeout)
    _store[:] = [store]
    state.current[:] = [state.Here(agent, calls.call)]
    try:
        _all_at(store, "begun", size, default_pg_timeout)
    except BaseException:
        shutdown(graceful=False)
        raise


def _all_at(store: Store, place: str, size: int, timeout: timedelta | None) -> None:
    """Waits until all processes are at a place; for ever without a timeout."""
    if store.add(f"{place}/count", 1) == size:
        store.set(f"{place}/all", "")
    store.wait([f"{place}/all"], timeout or _FOREVER)


def shutdown(graceful: bool = True, timeout: float = DEFAULT_SHUTDOWN_TIMEOUT) -> None:
    """Ends taking part. With `graceful` when all processes have come here, and nothing is on its way any more.

    Args:
        graceful: whether to wait for the others. Without, their calls to this process fail from now on.
        timeout: seconds that waiting may take, 0 for any.

    Raises RuntimeError where this process does not take part, or waiting takes too long.
    """
    here, store = state.here(), _store[0]
    size = len(here.agent.infos)
    try:
        if graceful:
            _wait_for_rest(store, here, size, timedelta(seconds=timeout) if timeout else None)
    finally:
        state.current.clear()
        _store.clear()
        here.close()
        rref.forget()
        gradients.forget()


def _wait_for_rest(store: Store, here: state.Here, size: int, timeout: timedelta | None) -> None:
    """Until all processes are at rest, and were so twice without a message in between."""
    before, round_ = -1, 0
    while True:
        while not here.agent.at_rest():
            time.sleep(0.001)
        store.add(f"moved/{round_}", here.agent.moved)
        _all_at(store, f"rest/{round_}", size, timeout)
        moved = int(store.add(f"moved/{round_}", 0))
        if moved == before:
            break
        before, round_ = moved, round_ + 1
    # The process that may keep the store leaves last.
    if store.add("left", 1) == size:
        store.set("left/all", "")
    if here.agent.info.id == 0:
        with suppress(DistStoreError):
            store.wait(["left/all"], timedelta(seconds=10))


def get_worker_info(worker_name: str | None = None) -> WorkerInfo:
    """The process of this name, by default this one. RuntimeError where there is none."""
    agent = state.here().agent
    return agent.info if worker_name is None else agent.worker(worker_name)


def get_rpc_timeout() -> float:
    """Seconds that a call may take where it says nothing itself."""
    return state.here().agent.timeout


def _called(to: _To, func: Callable[..., Any], args: Any, kwargs: Any, timeout: float) -> Future[Any]:
    here = state.here()
    if not callable(func):
        raise TypeError("function should be callable.")
    return here.call(here.agent.worker(to).id, func, args, kwargs, timeout)


def rpc_sync(
    to: _To, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = UNSET_RPC_TIMEOUT
) -> Any:
    """What a function gives in another process.

    Args:
        to: the process, by name, number or :class:`WorkerInfo`.
        func: a function, class or method that pickle finds by name in that process, too.
        args, kwargs: its arguments, which are pickled. Tensors arrive as copies.
        timeout: seconds that it may take; 0 for any, by default what the options of `init_rpc` say.

    Raises what the function raises, with the lines that led to it there as text, RuntimeError where it takes too long
    or the process has gone.
    """
    return _called(to, func, args, kwargs, timeout).wait()


def rpc_async(
    to: _To, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = UNSET_RPC_TIMEOUT
) -> Future[Any]:
    """The same as :func:`rpc_sync`, without waiting: a `torch.futures.Future`."""
    return state.here().handed(_called(to, func, args, kwargs, timeout))


def remote(
    to: _To, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = UNSET_RPC_TIMEOUT
) -> rref.RRef[Any]:
    """A reference to what a function will give in another process, where it stays. Returns at once.

    The arguments are those of :func:`rpc_sync`.
    """
    here = state.here()
    if not callable(func):
        raise TypeError("function should be callable.")
    return rref.make(here.agent.worker(to).id, func, args, kwargs, timeout)


__all__ = [
    "get_rpc_timeout", "get_worker_info", "init_rpc", "is_available", "remote", "rpc_async", "rpc_sync", "shutdown",
]  # fmt: skip
