"""What is said of functions that are called from elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def async_execution(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one whose result is a future: who called it from elsewhere gets the value when it is there.

    No thread waits meanwhile. It goes below `staticmethod` and `classmethod`.
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    wrapper._wrapped_async_rpc_function = fn  # type: ignore[attr-defined]
    return wrapper


__all__ = ["async_execution"]
