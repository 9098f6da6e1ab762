"""What a module has registered: dictionaries whose entries are plain attributes of the module as well.

Reading ``self.weight`` must cost what reading any attribute costs, so a registered value lives twice: in the module's
table (``_parameters``, ``_buffers`` or ``_modules``), which says what it is and in which order it came, and among the
module's attributes. The table keeps the two in step, also when it is written to directly, as in
``model._modules["head"] = new_head``.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any


def _no_owner() -> None:
    return None


class Unmade:
    """Stands for a table until ``Module.__init__`` has made it: reading it says what was forgotten."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type | None = None) -> Any:
        if module is None:
            return self
        raise AttributeError(forgotten(module, self.name), name=self.name, obj=module)


def forgotten(module: object, name: str) -> str:
    """The message for a module whose ``__init__`` did not call that of its base class."""
    cls = type(module).__name__
    return f"'{cls}' object has no attribute '{name}': {cls}.__init__() has to call super().__init__() first"


class Members(dict[str, Any]):
    """A table of a module's members of one kind.

    An entry is not shown as an attribute where the module's class has an attribute of that name: there the class wins,
    as it does in PyTorch. The owner is referred to weakly, so that a model without an owner is freed at once.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: object, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__()
        self._owner: Callable[[], object] = weakref.ref(owner)
        self.update(items)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        owner = self._owner()
        if owner is not None and not hasattr(type(owner), name):
            object.__setattr__(owner, name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._hide(name)

    def _hide(self, name: str) -> None:
        owner = self._owner()
        if owner is not None:
            vars(owner).pop(name, None)

    def release(self) -> None:
        """Takes the entries from the owner's attributes; the table stays as it is, a plain dictionary from now on."""
        for name in self:
            self._hide(name)
        self._owner = _no_owner

    def popitem(self) -> tuple[str, Any]:
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        name = next(reversed(self))
        return name, self.pop(name)

    def __ior__(self, other: Any) -> Members:  # type: ignore[override, misc]
        self.update(other)
        return self

    # dict's own methods would write past `__setitem__` and `__delitem__`.
    pop = MutableMapping.pop
    clear = MutableMapping.clear
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # A copy belongs to nobody yet: `Module.__setstate__` makes a table of it.
        return dict, (dict(self),)


__all__ = ["Members", "Unmade", "forgotten"]
