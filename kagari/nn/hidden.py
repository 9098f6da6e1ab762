"""Finding layers and parameters in plain lists, tuples and dictionaries.

Nothing registers them there, so training would pass them by without a word. Assigning a container to an attribute
notes it; it is looked into once, when the parameters or the state of a finished module are asked for. Calls of modules
know nothing of it.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from .members import Members
from .parameter import Parameter
from .registry import NOTED, PLAIN, Registry

if TYPE_CHECKING:
    from .module import Module

_DEPTH, _MOST, _PATIENCE = 3, 256, 100
_PACKAGE = __name__.partition(".")[0]


def warn_of_hidden(root: Module) -> None:
    """Warns of layers and parameters that modules of the tree keep in plain containers, once for each container.

    No alarm for what is registered with any module, is frozen or in evaluation mode, or contains the tree itself:
    programs keep references to teachers, parents and shared layers that way on purpose. Nor while one of the modules
    is still in its ``__init__``.
    """
    tree = dict(root.named_modules())
    holders = [(path, module) for path, module in tree.items() if id(module) in NOTED]
    if not holders:
        _pass_by()
    if not holders or _in_init(tree.values()):
        return
    known = {id(module) for module in tree.values()}
    known.update(id(parameter) for module in tree.values() for parameter in module._parameters.values())
    for path, module in holders:
        for name in sorted(NOTED.pop(id(module)).names):
            container = getattr(module, name, None)
            where = f"{path}.{name}" if path else name
            found = _inside(where, container, _DEPTH)
            lost = _unregistered([pair for pair in found if id(pair[1]) not in known and _is_wanted(pair[1], root)])
            if lost:
                warnings.warn(_message(root, where, container, lost), stacklevel=_level_of_caller())


def _pass_by() -> None:
    """Drops the notes of modules that nobody asks for, or every question about others would go through a tree."""
    for key, note in list(NOTED.items()):
        note.passed += 1
        if note.passed > _PATIENCE:
            NOTED.pop(key, None)


def _inside(where: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """The layers and parameters in a container, with their places."""
    if isinstance(value, (Registry, Parameter)):
        yield where, value
    elif depth and type(value) in PLAIN:
        pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in islice(pairs, _MOST):
            yield from _inside(f"{where}[{key!r}]", item, depth - 1)


def _is_wanted(item: Any, root: Module) -> bool:
    """Whether training would have to reach the item."""
    if isinstance(item, Parameter):
        return item.requires_grad
    modules = list(item.modules())
    trainable = any(p is not None and p.requires_grad for m in modules for p in m._parameters.values())
    return trainable and item.training and all(module is not root for module in modules)


def _unregistered(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Those that no module whatsoever has registered."""
    if not found:
        return []
    # Slow, all objects are gone through: so once for all, and only where there is something to warn of.
    tables = [table for table in gc.get_referrers(*(item for _, item in found)) if type(table) is Members]
    registered = {id(value) for table in tables for value in table.values()}
    return [pair for pair in found if id(pair[1]) not in registered]


def _message(root: Module, where: str, container: Any, lost: list[tuple[str, Any]]) -> str:
    place, item = lost[0]
    noun = "Parameter" if isinstance(item, Parameter) else "Module"
    better = f"nn.{noun}{'Dict' if isinstance(container, dict) else 'List'}"
    are = f" and {len(lost) - 1} more are" if len(lost) > 1 else " is"
    name = type(root).__name__
    return (
        f"{name}.{where} is a plain {type(container).__name__}: the {type(item).__name__} {name}.{place}{are} not "
        f"registered: parameters(), state_dict(), to() and train() pass by it. Use {better} instead."
    )


def _in_init(modules: Iterable[Module]) -> bool:
    """Whether the constructor of one of the modules is running."""
    known = {id(module) for module in modules}
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "__init__" and code.co_argcount and id(frame.f_locals.get(code.co_varnames[0])) in known:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _level_of_caller() -> int:
    """The stack level, as `warnings.warn` counts it, of the first frame outside of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    return level


__all__ = ["warn_of_hidden"]
