"""Calls that are forked, and waiting for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..futures import Future

_T = TypeVar("_T")


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Calls a function and gives a future of its result.

    The call is made at once, in the thread of the caller: kernels use all processors, so there is nothing to be won
    by calls side by side, and what a program prints and draws at random comes in the order in which it is written.

    >>> import kagari as torch
    >>> @torch.jit.script
    ... def both(x):
    ...     later = torch.jit.fork(torch.neg, x)
    ...     return x + torch.jit.wait(later)
    >>> both(torch.ones(2))
    tensor([0., 0.])
    """
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future[_T]) -> _T:
    """The result of a forked call.

    >>> import kagari as torch
    >>> torch.jit.wait(torch.jit.fork(torch.neg, torch.ones(1)))
    tensor([-1.])
    """
    return future.wait()


__all__ = ["Future", "fork", "wait"]
