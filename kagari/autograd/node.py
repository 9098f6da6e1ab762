"""The tape: a node for each operator call that wants a gradient, tied to those of its inputs by edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.code import native
from ..engine.function import Hooks, differentiable_backward
from . import modes


class Node:
    """A step of the backward pass.

    An edge is another node, a leaf tensor, an `OutputOf` for all but the first output of a node, or None. Nodes of operators are
    made by the resident code (resident/dispatch.py, `record_node`).
    """

    __slots__ = (
        "_backward", "_saved", "_versions", "_edges", "_sequence", "_name", "_shapes", "_extra", "__weakref__",
    )  # fmt: skip

    def name(self) -> str:
        """The name of the operator's backward, such as `AddBackward0`."""
        return self._name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes this one hands gradients to, each with the number of its output."""
        return tuple(_as_function(edge) for edge in self._edges)

    def apply_backward(self, grads: tuple[Any, ...]) -> Any:
        """The gradients of the inputs, one for each edge; None where what was saved is gone or was changed."""
        if not modes.is_grad_enabled():
            return native().node_call(self, *grads)
        if self._saved is None or any(
            item._storage.version != version
            for item, version in zip(self._saved, self._versions)
            if isinstance(item, Hooks.tensor_types)
        ):
            return None
        return differentiable_backward(self, grads, lambda k: self if k == 0 else OutputOf(self, k))

    @property
    def outputs(self) -> int:
        """How many outputs the operator had."""
        return len(self._shapes)

    def release(self) -> None:
        """Lets go of what was saved."""
        self._saved = None

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Calls `hook(grad_inputs, grad_outputs)` after this node ran; what it returns replaces the gradients of the inputs."""
        return _register(self, "post", hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Calls `hook(grad_outputs)` before this node runs; what it returns replaces them."""
        return _register(self, "pre", hook)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for whoever wants to note something."""
        return self.notes().setdefault("metadata", {})

    def notes(self) -> dict[str, Any]:
        """What is rarely there: hooks, retained gradients, the forward line."""
        if self._extra is None:
            self._extra = {}
        return self._extra

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class OutputOf:
    """An output of a node other than the first, as the target of an edge."""

    __slots__ = ("node", "index")

    def __init__(self, node: Node, index: int) -> None:
        self.node, self.index = node, index


class AccumulateGrad:
    """How a leaf appears among `next_functions`: the place where its gradient gathers."""

    __slots__ = ("variable",)

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    @property
    def next_functions(self) -> tuple[()]:
        return ()


class RemovableHandle:
    """Takes a hook away again: by `remove()`, or at the end of a `with`."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self.hooks, self.id = hooks, max(hooks, default=-1) + 1
        hooks[self.id] = hook

    def remove(self) -> None:
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def _register(node: Node, when: str, hook: Callable[..., Any]) -> RemovableHandle:
    return RemovableHandle(node.notes().setdefault(when, {}), hook)


def _as_function(edge: Any) -> tuple[Any, int]:
    if edge is None or isinstance(edge, Node):
        return edge, 0
    if isinstance(edge, OutputOf):
        return edge.node, edge.index
    return AccumulateGrad(edge), 0
