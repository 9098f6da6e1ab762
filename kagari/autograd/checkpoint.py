"""Checkpoints: nodes let go of what they saved, and a backward pass that needs it computes it again.

A part of a program is run as it is. What it made is on the tape: the nodes behind its results with numbers from those
between its begin and its end. They give up what they saved and get a note in its place. The first node that runs has
the part run once more; the same nodes are made again, in the same order, and hand over what they saved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..engine.code import native
from ..engine.function import Hooks
from . import modes
from .node import Node, OutputOf, bare, changed
from .saved import NOTE


class CheckpointError(RuntimeError):
    """What a checkpoint computes again is not what it computed before."""


class _Pass(threading.local):
    limited = False


current = _Pass()
"""Whether the backward pass of this thread gives gradients to certain tensors alone."""


@dataclass(slots=True)
class Note:
    """Where a node finds what it saved: a number in a part that can be run again."""

    part: Part
    number: int

    def take(self) -> Any:
        """What the node saved."""
        found = self.part.restored().pop(self.number)
        while isinstance(found, Note):
            found = found.take()
        return found


class Part:
    """A call, about to be made, whose nodes will keep nothing.

    `again()` makes it once more; `given` are its arguments.
    """

    def __init__(self, again: Callable[[], Any], given: Any, check: bool = True) -> None:
        self._again, self._check, self._since = again, check, native().next_sequence(None)
        self._versions = [(t, t._version) for t in tensors_in(given)]
        self._descriptions: list[Any] = []
        self._restored: dict[int, Any] | None = None

    def strip(self, result: Any) -> None:
        """Takes from the nodes that made the call's result what they saved."""
        for number, node in enumerate(_nodes(result, self._since)):
            self._descriptions.append(_describe(node))
            node.notes()[NOTE] = Note(self, number)
            node._saved = None

    def restored(self) -> dict[int, Any]:
        """What each node saved, by its number. Raises CheckpointError where other nodes are made than before."""
        if self._restored is None:
            for t, version in self._versions:
                if t._version != version:
                    raise changed(t, version, None, 0)
            recorded = modes.mode() & modes.GRADIENTS
            since = native().next_sequence(None)
            with modes.enable_grad():
                nodes = _nodes(self._again(), since)
            if self._check:
                self._compare(nodes)
            self._restored = {number: _saved_by(node, bool(recorded)) for number, node in enumerate(nodes)}
        return self._restored

    def _compare(self, nodes: list[Node]) -> None:
        found = [_describe(node) for node in nodes]
        if len(found) != len(self._descriptions):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of nodes during forward: {len(self._descriptions)}\nNumber of nodes during "
                f"recomputation: {len(found)}."
            )
        for number, (before, now) in enumerate(zip(self._descriptions, found)):
            if before != now:
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    f"during the forward pass.\nnode {number}:\nsaved metadata: {before}\nrecomputed metadata: {now}"
                )


def _describe(node: Node) -> tuple[str, Any]:
    """A node's name, and shape and dtype of each tensor that it saves."""
    saved = node._saved
    if saved is None:
        return node.name(), "another checkpoint's"
    layouts = [item._layout for item in saved[: len(saved) >> 1] if isinstance(item, Hooks.tensor_types)]
    return node.name(), [(tuple(lay.shape), lay.dtype) for lay in layouts]


def _saved_by(node: Node, recorded: bool) -> Any:
    """What a node saved; without the history that it has since it was computed again, unless that is wanted."""
    if node._saved is None:
        return node.notes()[NOTE]
    n = len(node._saved) >> 1
    items = node._saved[:n]
    if not recorded:
        items = tuple([bare(t) if isinstance(t, Hooks.tensor_types) and t._grad_fn is not None else t for t in items])
    return (*items, *node._saved[n:])


def _nodes(result: Any, since: int) -> list[Node]:
    """The nodes behind a result that were made since a number and save something, in the order they were made."""
    found: dict[Node, None] = {}
    stack = [t.grad_fn for t in tensors_in(result) if t.grad_fn is not None]
    while stack:
        node = stack.pop()
        if node in found or node._sequence <= since:
            continue
        found[node] = None
        stack += [e.node if type(e) is OutputOf else e for e in node._edges if isinstance(e, Node | OutputOf)]
    saving = [n for n in found if n._saved is None or len(n._saved) > 1]
    return sorted(saving, key=lambda node: node._sequence)


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors in a value, which may be lists, tuples and dictionaries."""
    if isinstance(value, Hooks.tensor_types):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)


__all__ = ["CheckpointError", "Note", "Part", "current", "tensors_in"]
