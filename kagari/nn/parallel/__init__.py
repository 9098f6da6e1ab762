"""Layers that share a batch, among devices or among processes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .data_parallel import DataParallel

if TYPE_CHECKING:
    from .distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel"]


def __getattr__(name: str) -> Any:
    """What needs `kagari.distributed`, loaded when it is first asked for."""
    if name == "DistributedDataParallel":
        found = globals()[name] = import_module(".distributed", __name__).DistributedDataParallel
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
