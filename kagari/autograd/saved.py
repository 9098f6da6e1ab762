"""What stands in the place of tensors that a node saved, where hooks have packed them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..engine.function import Hooks
from . import modes

NOTE = "checkpoint"
"""Where among a node's notes stands how it gets what it saved."""

_FREED = (
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are "
    "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved variables after calling backward."
)


class Packed(NamedTuple):
    """What a node saved, with the tensors that were packed by their numbers: layout, the edge that each came with, and
    what unpacks it.

    An operator's backward relies on shapes and dtypes; a function of the user's own gets what there is.
    """

    node: str
    saved: tuple[Any, ...]
    packed: dict[int, tuple[Any, Any, Callable[[Any], Any]]]
    relies: bool
    with_history: Callable[[Any, Any], Any]

    def take(self) -> tuple[Any, ...]:
        """What the node saved."""
        saved, n = list(self.saved), len(self.saved) >> 1
        for i, (layout, edge, unpack) in self.packed.items():
            found = unpack(saved[i])
            if not isinstance(found, Hooks.tensor_types):
                raise TypeError(
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                    f"{type(found).__name__}"
                )
            now = found._layout
            if self.relies and (now.shape != layout.shape or now.dtype is not layout.dtype):
                raise RuntimeError(
                    f"{self.node}: unpack_hook returned a tensor of shape {list(now.shape)} and {now.dtype} for one "
                    f"that was saved with shape {list(layout.shape)} and {layout.dtype}"
                )
            saved[i], saved[n + 1 + i] = self.with_history(found, edge), found._storage.version
        return tuple(saved)


def pack_saved(
    node: Any, numbers: Iterable[int], packing: Callable[[Any], Any], unpacking: Callable[[Any], Any]
) -> None:
    """Packs some of what a node saved; those of the numbers that are no tensors stay as they are."""
    note = node.notes().get(NOTE)
    items, packed = list(note.saved if note is not None else node._saved), {}
    with modes.no_grad():
        for i in numbers:
            t = items[i]
            if isinstance(t, Hooks.tensor_types):
                t, edge = node.saved_as(i, t)
                packed[i] = t._layout, edge, unpacking
                version = t._storage.version
                items[i] = packing(t)
                if t._storage.version != version:
                    raise RuntimeError(
                        "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack "
                        "hook cannot be modified by in-place operations as this can lead to unexpected side-effects."
                    )
    packed = {**(note.packed if note is not None else {}), **packed}
    node.notes()[NOTE] = Packed(node.name(), tuple(items), packed, node._tape is not None, node.with_history)
    node._saved = None


class SavedTensor:
    """A tensor that a node saved: what its `_raw_saved_self` and the like give.

    >>> import kagari as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> y = x.exp()
    >>> y.grad_fn._raw_saved_result.register_hooks(lambda t: t.tolist(), lambda kept: torch.tensor(kept))
    >>> y.sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """

    __slots__ = ("_node", "_number")

    def __init__(self, node: Any, number: int) -> None:
        self._node, self._number = node, number

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Hands the tensor to `pack_hook` now, and what that returns to `unpack_hook` each time it is needed.

        Raises RuntimeError where the tensor has such hooks already, or was let go; TypeError for hooks that can't be
        called.
        """
        if not callable(pack_hook) or not callable(unpack_hook):
            kinds = type(pack_hook).__name__, type(unpack_hook).__name__
            raise TypeError(f"register_hooks(): expected two functions, got {kinds[0]} and {kinds[1]}")
        node = self._node
        note = node.notes().get(NOTE)
        if isinstance(note, Packed):
            if self._number in note.packed:
                raise RuntimeError(
                    "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair "
                    "of hooks is allowed at a time."
                )
        elif node._saved is None:
            raise RuntimeError(_FREED)
        pack_saved(node, (self._number,), pack_hook, unpack_hook)
