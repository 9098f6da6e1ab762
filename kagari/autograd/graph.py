"""The graph that a backward pass walks, for those who look at it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ..base.later import Later
from . import engine
from .modes import count_change
from .node import Node, RemovableHandle, as_function, edge_of
from .packing import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from .views import refresh

__all__ = [
    "GradientEdge", "Node", "RemovableHandle", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
    "get_gradient_edge", "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


_mutation: Any = Later(f"{__package__}.mutation")


class GradientEdge(NamedTuple):
    """Where a tensor stands in the graph: a node, and the number of its output."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """Where a tensor stands in the graph. Raises RuntimeError for a tensor that wants no gradient."""
    refresh(tensor)
    if not tensor._needs:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*as_function(edge_of(tensor)))


def increment_version(tensor: Any) -> None:
    """Says that a tensor's memory was changed in a way that Kagari cannot see."""
    count_change(tensor)


class _MultiHandle(RemovableHandle):
    """Takes the hooks on several tensors away again."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Takes the hooks away; does nothing the second time."""
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Calls a function when the gradients of several tensors are known, in each backward pass that reaches one.

    Args:
        tensors: tensors that want gradients
        fn: with the mode `"all"`, gets the list of their gradients, None for those that the pass does not reach; with
            `"any"`, the first gradient that there is
        mode: `"all"` or `"any"`

    Raises ValueError for another mode, and AssertionError for a tensor that wants no gradient.

    >>> import kagari as torch
    >>> x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook((x, y), print)
    >>> (2 * x + y).sum().backward()
    [tensor([2., 2.]), tensor([1., 1.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if not all(t._needs for t in tensors):
        raise AssertionError("Expected gradient function to be set")
    passes: dict[int, list[Any]] = {}  # the gradients of a pass that is going on, by thread

    def hook(index: int, grad: Any) -> None:
        thread = threading.get_ident()
        called = engine.at_end.setdefault(thread, {})
        if end not in called:  # the first gradient of a pass
            passes[thread] = [None] * len(tensors)
            called[end] = lambda: end(thread)
            if mode == "any":
                fn(grad)
        passes[thread][index] = grad

    def end(thread: int) -> None:
        found = passes.pop(thread)
        if mode == "all":
            fn(found)

    return _MultiHandle([t.register_hook(lambda grad, i=i: hook(i, grad)) for i, t in enumerate(tensors)])


def allow_mutation_on_saved_tensors() -> AbstractContextManager[Any]:
    """A region in which tensors may be changed that the backward pass needs: it gets what they were before.

    A tensor is copied when an operator first changes it. The backward pass belongs inside of the region, too.

    Raises RuntimeError for a region inside of another one, and in a backward pass that needs what was changed
    otherwise, by random numbers or an optimizer; AssertionError in a backward pass outside of the region.

    >>> import kagari as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x * 1
    ...     loss = (y**2).sum()
    ...     y = y.zero_()
    ...     loss.backward()
    >>> x.grad
    tensor([2., 4.])
    """
    return _mutation.region()
