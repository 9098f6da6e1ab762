"""The backward pass: nodes in the opposite order of their making, which is a topological order, without recursion."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..engine.code import native
from . import modes
from .library import function
from .node import Node, OutputOf


class _Wanted:
    """The tensors whose gradients `grad` asks for."""

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.edges = [t._grad_fn if t._grad_fn is not None else t for t in inputs]
        self.found: dict[int, Any] = {}
        self.ids = {id(e) for e in self.edges}

    def gradients(self) -> list[Any]:
        return [self.found.get(id(e)) for e in self.edges]


def run(
    roots: Sequence[Any], grads: Sequence[Any], retain: bool, create: bool, inputs: Sequence[Any] | None = None, accumulate: bool = True
) -> list[Any]:
    """Propagates gradients from the roots.

    With `accumulate` they are added to the `grad` of the leaves (of `inputs` alone where given); else those of `inputs` are returned.
    """
    wanted = _Wanted(inputs) if inputs is not None else None
    pending: dict[Any, Any] = {}
    nodes: list[Node] = []
    before = modes.mode()
    modes.set_mode(before | modes.GRADIENTS if create else before & ~modes.GRADIENTS)
    try:
        pass_ = _Pass(pending, wanted, accumulate, create)
        for t, g in zip(roots, grads):
            edge = t._grad_fn if t._grad_fn is not None else t
            pass_.give(edge, g)
            node = edge.node if type(edge) is OutputOf else edge
            if isinstance(node, Node):
                nodes.append(node)
        order = _order(nodes)
        if wanted is not None:
            order = _needed(order, wanted)
        pass_.run(order, retain)
    finally:
        modes.set_mode(before)
    return wanted.gradients() if wanted is not None and not accumulate else []


def _order(roots: list[Node]) -> list[Node]:
    """All nodes that the roots reach, the last made first."""
    seen: set[Node] = set()
    stack = roots
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        for edge in node._edges:
            if edge is None:
                continue
            kind = type(edge)
            if kind is Node:
                stack.append(edge)
            elif kind is OutputOf:
                stack.append(edge.node)
            elif isinstance(edge, Node):
                stack.append(edge)
    return sorted(seen, key=_sequence, reverse=True)


def _sequence(node: Node) -> int:
    return node._sequence


def _needed(order: list[Node], wanted: _Wanted) -> list[Node]:
    """The nodes on a path to what is wanted."""
    needed: set[Node] = set()
    for node in reversed(order):
        if id(node) in wanted.ids:
            needed.add(node)
        for edge in node._edges:
            target = edge.node if type(edge) is OutputOf else edge
            if id(edge) in wanted.ids or (isinstance(target, Node) and target in needed):
                needed.add(node)
                break
    return [n for n in order if n in needed]


class _Pass:
    def __init__(self, pending: dict[Any, Any], wanted: _Wanted | None, accumulate: bool, create: bool) -> None:
        self.pending, self.wanted, self.accumulate, self.create = pending, wanted, accumulate, create
        self.leaves: dict[Any, Any] = {}

    def run(self, order: list[Node], retain: bool) -> None:
        pending, give = self.pending, self.give
        call = native().node_call
        for node in order:
            grad = pending.pop(node, None)
            if grad is None:
                continue
            extra = node._extra
            if type(node) is Node and extra is None and type(grad) is not dict and not self.create:
                out = call(node, grad)
                grad = None
                if out is None:
                    explain(node)
                edges = node._edges
                if len(edges) == 1:
                    give(edges[0], out)
                else:
                    for edge, o in zip(edges, out):
                        give(edge, o)
            else:
                self.rare(node, grad)
            if not retain:
                node.release()
        self.finish()

    def rare(self, node: Node, grad: Any) -> None:
        """A node with several outputs, hooks, or a body in Python."""
        count = node.outputs
        grads = tuple(grad.get(i) for i in range(count)) if type(grad) is dict else (grad, *([None] * (count - 1)))
        extra = node._extra or {}
        for i, retained in extra.get("retains", {}).items():
            target = retained()
            if target is not None and grads[i] is not None:
                target._grad = grads[i] if target._grad is None else function("add").run((target._grad, grads[i]))
        for hook in tuple(extra.get("pre", {}).values()):
            replaced = hook(grads)
            if replaced is not None:
                grads = replaced if isinstance(replaced, tuple) else (replaced,)
        if self.wanted is not None and not self.accumulate:
            self.capture(node, grads)
        try:
            out = node.apply_backward(grads)
        except Exception as error:
            note = extra.get("forward")
            if note:
                error.add_note(f"The forward call that this gradient belongs to:\n{note}")
            raise
        if out is None and node._saved is None or (out is None and type(node) is Node):
            explain(node)
        outs = out if isinstance(out, tuple) else (out,)
        if modes.anomaly and modes.anomaly[-1]:
            _check_nan(node, outs)
        for hook in tuple(extra.get("post", {}).values()):
            replaced = hook(outs, grads)
            if replaced is not None:
                outs = replaced if isinstance(replaced, tuple) else (replaced,)
        for edge, o in zip(node._edges, outs):
            self.give(edge, o)

    def capture(self, node: Node, grads: tuple[Any, ...]) -> None:
        assert self.wanted is not None
        for edge in self.wanted.edges:
            target, index = (edge.node, edge.index) if type(edge) is OutputOf else (edge, 0)
            if target is node and grads[index] is not None:
                self.wanted.found[id(edge)] = grads[index]

    def give(self, edge: Any, grad: Any) -> None:
        """Adds a gradient to what an edge's target has got so far."""
        if edge is None or grad is None:
            return
        kind = type(edge)
        pending = self.pending
        if kind is Node or isinstance(edge, Node):
            if self.wanted is not None and not self.accumulate and id(edge) in self.wanted.ids:
                edge.notes()
            old = pending.get(edge)
            if type(old) is dict:
                old[0] = grad if 0 not in old else function("add").run((old[0], grad))
            else:
                pending[edge] = grad if old is None else function("add").run((old, grad))
        elif kind is OutputOf:
            if self.wanted is not None and not self.accumulate and id(edge) in self.wanted.ids:
                edge.node.notes()
            old = pending.get(edge.node)
            if type(old) is not dict:
                old = pending[edge.node] = {} if old is None else {0: old}
            have = old.get(edge.index)
            old[edge.index] = grad if have is None else function("add").run((have, grad))
        else:
            self.leaf(edge, grad)

    def leaf(self, tensor: Any, grad: Any) -> None:
        """Adds to what a leaf has got in this pass; it is handed over at the end."""
        if self.wanted is not None and id(tensor) not in self.wanted.ids:
            return
        have = self.leaves.get(tensor)
        self.leaves[tensor] = grad if have is None else function("add").run((have, grad))

    def finish(self) -> None:
        """Hands the leaves their gradients, through their hooks."""
        while self.leaves:
            tensor, grad = self.leaves.popitem()
            extra = tensor._extra
            if extra is not None:
                for hook in tuple(extra.get("hooks", {}).values()):
                    replaced = hook(grad)
                    grad = grad if replaced is None else replaced
            if self.wanted is not None and not self.accumulate:
                self.wanted.found[id(tensor)] = grad
                continue
            if tensor._grad is None:
                # A gradient that nobody else holds is taken as it is. References: `grad`, and the argument of getrefcount.
                alone = sys.getrefcount(grad) <= 2 and sys.getrefcount(grad._storage) <= 2
                same = grad._layout.strides == tensor._layout.strides
                tensor._grad = grad if (alone and same) or self.create else function("clone").run((grad,))
            elif self.create:
                tensor._grad = function("add").run((tensor._grad, grad))
            else:
                function("add_").run((tensor._grad, grad))
            if extra is not None:
                for hook in tuple(extra.get("accumulated", {}).values()):
                    hook(tensor)


def explain(node: Node) -> None:
    """Raises for a node whose saved tensors are gone or were overwritten."""
    if node._saved is None:
        raise RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
            "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
            "you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
        )
    for item, version in zip(node._saved, node._versions):
        storage = getattr(item, "_storage", None)
        if storage is not None and storage.version != version:
            shape = list(item._layout.shape)
            kind = item._layout.dtype
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"[{kind} {shape}], which {node.name()} saved, is at version {storage.version}; expected version {version} instead. "
                "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
                "torch.autograd.set_detect_anomaly(True)."
            )
    raise RuntimeError(f"{node.name()} returned no gradient")


def _check_nan(node: Node, outs: tuple[Any, ...]) -> None:
    for i, o in enumerate(outs):
        if o is not None and function("any").run((function("ne").run((o, o)),)).item():
            error = RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
            note = (node._extra or {}).get("forward")
            if note:
                error.add_note(f"The forward call that this gradient belongs to:\n{note}")
            raise error
