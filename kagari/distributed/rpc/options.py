"""Who takes part, and with which options."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

DEFAULT_RPC_TIMEOUT_SEC = 60.0
DEFAULT_NUM_WORKER_THREADS = 16
DEFAULT_SHUTDOWN_TIMEOUT = 0
UNSET_RPC_TIMEOUT = -1.0


@dataclass(frozen=True)
class WorkerInfo:
    """A process that takes part: its number and its name."""

    id: int
    name: str

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, name={self.name})"


class BackendType(enum.Enum):
    """How calls travel; there is one way, TCP, under PyTorch's name."""

    TENSORPIPE = "TENSORPIPE"


class RpcBackendOptions:
    """Options of all backends.

    Args:
        rpc_timeout (float): seconds that a call may take where it says nothing itself; 0 for any.
        init_method (str): where the processes meet.
    """

    def __init__(self, rpc_timeout: float = DEFAULT_RPC_TIMEOUT_SEC, init_method: str = "env://") -> None:
        self.rpc_timeout, self.init_method = rpc_timeout, init_method


class TensorPipeRpcBackendOptions(RpcBackendOptions):
    """Options of the backend.

    Args:
        num_worker_threads (int): how many calls of others run at once.
        rpc_timeout (float): seconds that a call may take where it says nothing itself; 0 for any.
        init_method (str): where the processes meet.
        device_maps (dict): which GPU of a process stands for which one here; accepted, there are none.
        devices (list): GPUs that are used; accepted, there are none.

    >>> import kagari as torch
    >>> torch.distributed.rpc.TensorPipeRpcBackendOptions(num_worker_threads=4).num_worker_threads
    4
    """

    def __init__(
        self,
        *,
        num_worker_threads: int = DEFAULT_NUM_WORKER_THREADS,
        rpc_timeout: float = DEFAULT_RPC_TIMEOUT_SEC,
        init_method: str = "env://",
        device_maps: dict[str, Any] | None = None,
        devices: list[Any] | None = None,
        _transports: list[str] | None = None,
        _channels: list[str] | None = None,
    ) -> None:
        super().__init__(rpc_timeout, init_method)
        if num_worker_threads < 1:
            raise ValueError(f"num_worker_threads must be positive, got {num_worker_threads}")
        self.num_worker_threads = num_worker_threads
        self.device_maps, self.devices = device_maps or {}, devices or []

    def set_device_map(self, to: str, device_map: dict[Any, Any]) -> None:
        """Notes which GPU here stands for which one of another process; there are none."""
        self.device_maps[to] = device_map

    def set_devices(self, devices: list[Any]) -> None:
        """Notes GPUs that are used; there are none."""
        self.devices = devices
