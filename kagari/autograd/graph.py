"""The graph that a backward pass walks, for those who look at it."""

from __future__ import annotations

from typing import Any, NamedTuple

from .node import Node, RemovableHandle, as_function, edge_of
from .packing import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from .views import refresh

__all__ = [
    "GradientEdge", "Node", "RemovableHandle", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
    "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


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
    tensor._storage.version += 1
