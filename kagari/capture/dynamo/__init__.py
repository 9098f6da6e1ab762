"""What programs ask of the front of PyTorch's compiler, under its name `torch._dynamo`, and mean of `compile`.

Hints that only another compiler needs are taken and change nothing: a tensor's memory never moves here, and a compiled
function calls Python functions as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..compiler import disable, is_compiling, list_backends, reset
from . import config

__all__ = [
    "allow_in_graph", "assume_constant_result", "config", "disable", "is_compiling", "list_backends",
    "mark_static_address", "reset",
]  # fmt: skip

_F = TypeVar("_F", bound=Callable[..., Any])


def allow_in_graph(fn: _F) -> _F:
    """The function as it is: its operators are recorded like those around its call.

    >>> allow_in_graph(abs) is abs
    True
    """
    return fn


def assume_constant_result(fn: _F) -> _F:
    """The function as it is: it is called each time, which is right whether or not its result stays the same.

    >>> assume_constant_result(abs) is abs
    True
    """
    return fn


def mark_static_address(t: Any, guard: bool = False) -> None:
    """Says that a tensor's memory does not move, as no tensor's does here. `guard` is accepted as PyTorch has it.

    Raises TypeError where it is no tensor.

    >>> import kagari as torch
    >>> mark_static_address(torch.zeros(2))
    """
    if not hasattr(t, "untyped_storage"):
        raise TypeError(f"mark_static_address expects a tensor but received {type(t)}")
