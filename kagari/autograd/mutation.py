"""Tensors that are changed although a backward pass needs them: what was saved is kept as it was, by a copy in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from ..engine.function import Function, Hooks
from .library import function
from .modes import no_grad
from .packing import saved_tensors_hooks
from .recorder import watching


class _Kept:
    """A tensor that a node saved, or, once that is about to be changed, a copy of it; and its version."""

    __slots__ = ("tensor", "version", "__weakref__")

    def __init__(self, tensor: Any) -> None:
        self.tensor, self.version = tensor, tensor._storage.version

    def copy(self) -> None:
        """Takes a copy."""
        self.tensor = function("clone").apply((self.tensor,), {})
        self.version = self.tensor._storage.version


class _AllowMutationOnSavedContext:
    """What was saved inside of one region, by the memory that it lies in."""

    def __init__(self) -> None:
        self._kept: dict[int, WeakSet[_Kept]] = {}
        self._open = True

    def clear(self) -> None:
        """Forgets what was saved: it can't be had any more."""
        self._kept.clear()
        self._open = False

    def pack(self, tensor: Any) -> _Kept:
        """Keeps a tensor."""
        kept = _Kept(tensor)
        self._kept.setdefault(id(tensor._storage), WeakSet()).add(kept)
        return kept

    def unpack(self, kept: _Kept) -> Any:
        """What was kept. Raises AssertionError where the region has ended, and RuntimeError where what changed it is no
        call of an operator.
        """
        if not self._open:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
                "in which the graph was originally recorded."
            )
        if kept.tensor._storage.version != kept.version:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation that "
                "allow_mutation_on_saved_tensors does not see"
            )
        return kept.tensor

    def knows(self, operator: Any) -> bool:
        """Operators of the program's own are seen by what they call."""
        return False

    def begins(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Copies what was saved of the memory that a call is about to change."""
        out = kwargs.get("out")
        targets = list(out) if isinstance(out, tuple | list) else [out]
        if isinstance(operator, Function) and operator.into is not None and len(args) > operator.into:
            targets.append(args[operator.into])
        for target in targets:
            if isinstance(target, Hooks.tensor_types):
                with no_grad():
                    for kept in self._kept.pop(id(target._storage), ()):
                        kept.copy()

    def __call__(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Nothing happens behind a call."""


_regions: list[_AllowMutationOnSavedContext] = []


@contextmanager
def region() -> Iterator[_AllowMutationOnSavedContext]:
    """See :func:`kagari.autograd.graph.allow_mutation_on_saved_tensors`."""
    if _regions:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    made = _AllowMutationOnSavedContext()
    _regions.append(made)
    try:
        with saved_tensors_hooks(made.pack, made.unpack), watching(made):
            yield made
    finally:
        _regions.pop()
        made.clear()


__all__ = ["region"]
