"""Gradients through calls: each message that carries tensors is an edge of a graph that spans processes.

In a context, who sends tensors that want gradients keeps them under the message's name; who receives them gets tensors
with a node on the tape whose backward pass asks the sender to go on from there. Gradients of leaves are summed up in
the context, in the process where the leaves are, and not in their `grad`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd import Function, enable_grad, grad
from ...eager import Tensor
from ...eager import operators as ops
from . import state

_SHIFT = 48  # bits of a context's number that its maker counts in; above them stands who made it
Message = tuple[int, int]  # who sent it, and its number there


class _Context:
    """What one process knows of a context."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: dict[Message, list[Tensor]] = {}
        self.gradients: dict[Tensor, Tensor] = {}
        self.others: set[int] = set()  # processes that know it from this one


_contexts: dict[int, _Context] = {}
_lock = threading.Lock()
_thread = threading.local()
_counted = [0]


def current() -> int | None:
    """The context that this thread is in."""
    return getattr(_thread, "context", None)


@contextmanager
def within(context: int | None) -> Iterator[None]:
    """Puts this thread into a context, which may be one of another process."""
    before = current()
    _thread.context = context
    if context is not None:
        with _lock:
            _contexts.setdefault(context, _Context())
    try:
        yield
    finally:
        _thread.context = before


def begin() -> int:
    """A new context. RuntimeError where this thread is in one."""
    if current() is not None:
        raise RuntimeError("Already have an autograd context id for this thread.")
    with _lock:
        _counted[0] += 1
        context = (state.here().agent.info.id << _SHIFT) + _counted[0] - 1
        _contexts[context] = _Context()
    _thread.context = context
    return context


def end(context: int) -> None:
    """Forgets a context, here and in all processes that it came to."""
    _thread.context = None
    release(context)


def release(context: int) -> None:
    """Forgets a context, and has those forget it that know it from this process."""
    with _lock:
        known = _contexts.pop(context, None)
    if known is None or not state.current:
        return
    for other in known.others:
        state.current[0].call(other, release, (context,), {}, -1.0)


def _known(context: int) -> _Context:
    with _lock:
        found = _contexts.get(context)
    if found is None:
        raise RuntimeError(f"Could not find autograd context with id: {context}")
    return found


def forget() -> None:
    """Forgets all contexts."""
    with _lock:
        _contexts.clear()


def sent(context: int, to: int, tensors: list[Tensor]) -> Message:
    """Keeps tensors that leave; the name of their message."""
    known, name = _known(context), state.here().new_id()
    with known.lock:
        known.others.add(to)
        if tensors:
            known.sent[name] = tensors
    return name


class _Received(Function):
    """Tensors of a message, whose gradients go to who sent it."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, context: int, message: Message, *values: Tensor) -> Any:
        ctx.context, ctx.message = context, message
        ctx.set_materialize_grads(False)
        return tuple(value.detach() for value in values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        state.here().call(ctx.message[0], _go_on, (ctx.context, ctx.message, grads), {}, -1.0).wait()
        return (None,) * (3 + len(grads))


def received(context: int, message: Message, values: Sequence[Tensor]) -> Sequence[Tensor]:
    """The tensors of a message as this process sees them."""
    if not values:
        return values
    with enable_grad():
        found: Sequence[Tensor] = _Received.apply(ops.zeros((), requires_grad=True), context, message, *values)
    return found


def _go_on(context: int, message: Message, grads: Sequence[Tensor | None]) -> None:
    """The backward pass from tensors that were sent, with the gradients of what became of them."""
    known = _known(context)
    with known.lock:
        tensors = known.sent[message]
    pairs = [(t, g) for t, g in zip(tensors, grads) if g is not None]
    _accumulate(known, [t for t, _ in pairs], [g for _, g in pairs])


def _accumulate(known: _Context, roots: Sequence[Tensor], grads: Sequence[Tensor | None]) -> None:
    """Adds the gradients of all leaves that roots come from to those of the context."""
    leaves = _leaves(roots)
    if not leaves:
        return
    found = grad(roots, leaves, grads, retain_graph=True, allow_unused=True)
    with known.lock:
        for leaf, g in zip(leaves, found):
            if g is not None:
                before = known.gradients.get(leaf)
                known.gradients[leaf] = g if before is None else before + g


def _leaves(roots: Sequence[Tensor]) -> list[Tensor]:
    """The leaves that tensors come from; a tensor may be one itself."""
    found: dict[int, Tensor] = {id(t): t for t in roots if t.grad_fn is None}
    seen: set[Any] = set()
    nodes = [t.grad_fn for t in roots if t.grad_fn is not None]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            found[id(variable)] = variable
        nodes += [after for after, _ in node.next_functions]
    return list(found.values())


def backward(context_id: int, roots: Sequence[Tensor], retain_graph: bool = False) -> None:
    """Adds the gradients of losses, numbers each, to those of a context, in all processes that took part."""
    known = _known(context_id)
    if not roots:
        raise RuntimeError("No tensors provided for gradient computation.")
    for root in roots:
        if not root.requires_grad:
            raise RuntimeError("requires_grad not set on root")
        if root.numel() != 1:
            raise RuntimeError(f"{root.name or ''} is not a scalar, all roots need to be scalar")
    with within(context_id):
        _accumulate(known, roots, [None] * len(roots))


def get_gradients(context_id: int) -> dict[Tensor, Tensor]:
    """The gradients of a context that lie in this process, by leaf."""
    known = _known(context_id)
    with known.lock:
        return dict(known.gradients)
