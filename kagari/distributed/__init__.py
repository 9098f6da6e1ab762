"""Computing with several processes, on one machine or on many, under PyTorch's names.

Each process has a number, its rank, and calls the same functions; `init_process_group` connects them. Tensors travel
over TCP, straight from the memory of one process to that of another.

    import torch.distributed as dist

    dist.init_process_group("gloo")          # the rest is told by the environment, see `torchrun`
    x = torch.ones(2) * dist.get_rank()
    dist.all_reduce(x)                       # the sum, in all processes
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .barriers import barrier, monitored_barrier
from .collecting import (
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_to_all,
    all_to_all_single,
    broadcast,
    gather,
    scatter,
)
from .errors import DistBackendError, DistError, DistNetworkError, DistStoreError, QueueEmptyError
from .group import Backend, GroupMember, ProcessGroup, group
from .groups import (
    destroy_process_group,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_pg_count,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    init_process_group,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
)
from .objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from .point import P2POp, batch_isend_irecv, irecv, isend, recv, send
from .reducing import all_reduce, all_reduce_coalesced, reduce, reduce_scatter, reduce_scatter_tensor
from .reduction import ReduceOp, supports_complex
from .store import HashStore, PrefixStore, Store, default_pg_timeout
from .work import Work

if TYPE_CHECKING:
    from . import autograd, nn, rpc
    from .network.meeting import register_rendezvous_handler, rendezvous
    from .network.store_file import FileStore
    from .network.store_tcp import TCPStore

# What a program of one process can do without: the network.
_LATER = {
    "FileStore": "network.store_file", "TCPStore": "network.store_tcp", "rendezvous": "network.meeting",
    "register_rendezvous_handler": "network.meeting",
}  # fmt: skip

__all__ = [
    "Backend", "DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "FileStore", "GroupMember",
    "HashStore", "P2POp", "PrefixStore", "ProcessGroup", "QueueEmptyError", "ReduceOp", "Store", "TCPStore", "Work",
    "all_gather", "all_gather_coalesced", "all_gather_into_tensor", "all_gather_object", "all_reduce",
    "all_reduce_coalesced", "all_to_all", "all_to_all_single", "autograd", "barrier", "batch_isend_irecv", "broadcast",
    "broadcast_object_list", "default_pg_timeout", "destroy_process_group", "gather", "gather_object", "get_backend",
    "get_global_rank", "get_group_rank", "get_node_local_rank", "get_pg_count", "get_process_group_ranks", "get_rank",
    "get_world_size", "group", "init_process_group", "irecv", "is_available", "is_backend_available",
    "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available", "is_torchelastic_launched",
    "is_ucc_available", "is_xccl_available", "isend", "monitored_barrier", "new_group", "new_subgroups",
    "new_subgroups_by_enumeration", "nn", "recv", "recv_object_list", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "register_rendezvous_handler", "rendezvous", "rpc", "scatter", "scatter_object_list",
    "send", "send_object_list", "supports_complex",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """What is loaded when it is first asked for."""
    if name in ("autograd", "nn", "rpc"):
        return import_module(f".{name}", __name__)
    if name in _LATER:
        found = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
