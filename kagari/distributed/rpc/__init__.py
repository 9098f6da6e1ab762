"""Calls of functions in other processes, and references to values that lie there, under PyTorch's names.

    import torch.distributed.rpc as rpc

    rpc.init_rpc("worker0", rank=0, world_size=2)                   # MASTER_ADDR and MASTER_PORT say where
    rpc.rpc_sync("worker1", torch.add, args=(torch.ones(2), 1))     # tensor([2., 2.])
    rpc.shutdown()

Functions travel by name, arguments pickled: any process may have any other one run anything. Only processes that trust
each other should take part, in a network that others have no access to. The connections are known to be of these
processes by words that they exchange in the store.
"""

from __future__ import annotations

from . import functions
from .api import get_rpc_timeout, get_worker_info, init_rpc, is_available, remote, rpc_async, rpc_sync, shutdown
from .options import BackendType, RpcBackendOptions, TensorPipeRpcBackendOptions, WorkerInfo
from .rref import RRef

PyRRef = RRef

__all__ = [
    "BackendType", "PyRRef", "RRef", "RpcBackendOptions", "TensorPipeRpcBackendOptions", "WorkerInfo",
    "functions", "get_rpc_timeout", "get_worker_info", "init_rpc", "is_available", "remote", "rpc_async", "rpc_sync",
    "shutdown",
]  # fmt: skip
