"""Processes that pass tensors to each other without copies.

All of Python's `multiprocessing` is here. What is sent through its queues, pipes and pools, or given to a process as an
argument, shares its tensors: their memory is moved to where both processes see it, and a change that one makes is seen
by the other. Gradients are not sent, and locks are up to the program (Recht et al., *Hogwild!*, 2011, has none).

>>> import kagari as torch
>>> import kagari.multiprocessing as mp
>>> x = torch.ones(2)
>>> x.is_shared(), x.share_memory_().is_shared()
(False, True)
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403
from multiprocessing import get_logger as get_logger
from multiprocessing import log_to_stderr as log_to_stderr
from multiprocessing import parent_process as parent_process

from .reductions import init_reductions
from .spawn import ProcessContext, ProcessExitedException, ProcessRaisedException, SpawnContext, spawn, start_processes

_STRATEGIES = ("file_descriptor", "file_system")
_strategy = _STRATEGIES[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Says how memory is shared, as `get_all_sharing_strategies` names it. AssertionError for another name.

    There is one way, by descriptors of files without names; `"file_system"` is accepted and is the same.
    """
    global _strategy
    assert new_strategy in _STRATEGIES, (
        f"invalid sharing strategy '{new_strategy}', expected one of {get_all_sharing_strategies()}"
    )
    _strategy = new_strategy


def get_sharing_strategy() -> str:
    """What `set_sharing_strategy` said; at first `"file_descriptor"`."""
    return _strategy


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return set(_STRATEGIES)


init_reductions()

__all__ = [
    "ProcessContext", "ProcessExitedException", "ProcessRaisedException", "SpawnContext",
    "get_all_sharing_strategies", "get_sharing_strategy", "init_reductions", "set_sharing_strategy", "spawn",
    "start_processes",
]  # fmt: skip
__all__ += multiprocessing.__all__
