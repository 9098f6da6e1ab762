"""Gradients through calls of `kagari.distributed.rpc`.

    with torch.distributed.autograd.context() as context_id:
        loss = rpc.rpc_sync("worker1", torch.add, args=(x, 1)).sum()
        torch.distributed.autograd.backward(context_id, [loss])
        grads = torch.distributed.autograd.get_gradients(context_id)     # {x: ...}

In a context, tensors that travel with calls keep their history. The backward pass goes through all processes that took
part; gradients are summed up in the context, not in `grad`, in each process for the leaves that lie there.
"""

from __future__ import annotations

from typing import Any

from .rpc import gradients
from .rpc.gradients import backward, get_gradients


def is_available() -> bool:
    """Whether there are gradients through calls: yes."""
    return True


class context:
    """A context, whose number `with` gives. What it holds in all processes is let go at its end.

    RuntimeError where this thread is in one, or before `init_rpc`.
    """

    def __enter__(self) -> int:
        self._number = gradients.begin()
        return self._number

    def __exit__(self, *exception: Any) -> None:
        gradients.end(self._number)


__all__ = ["backward", "context", "get_gradients", "is_available"]
