"""Types that answer calls themselves, by `__torch_function__`: subclasses of Tensor, others, and modes of a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autograd import modes
from ..base.dtypes import dtype
from ..engine.function import OVERRIDDEN, Hooks

_SILENT = frozenset([int, float, bool, complex, str, bytes, type(None), dtype, slice, type(...)])


class _State(threading.local):
    plain = 0  # how many calls are going on in which subclasses count as tensors
    stack: tuple[Any, ...] = ()  # the modes, the innermost last
    skip = False  # whether the next call that would be told is not


state = _State()


def disabled(
    func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """The `__torch_function__` of a class that answers no calls: its instances count as tensors."""
    with plain():
        return func(*args, **(kwargs or {}))


def answers(kind: type) -> bool:
    """Whether a type has an answer to calls, now or when subclasses do not count as tensors."""
    answer = getattr(kind, "__torch_function__", None)
    return answer is not None and answer is not disabled


def asked(kind: type) -> bool:
    """Whether a call with an argument of this type, which is not Tensor itself, is the type's to answer. A compound
    tensor has no memory of its own, so it never counts as another tensor.
    """
    return (not state.plain or getattr(kind, "_compound", False)) and answers(kind)


def skipped() -> bool:
    """Whether the call that is about to be told is not to be: the next one is again."""
    before, state.skip = state.skip, False
    return before


def answering(given: Iterable[Any]) -> list[Any]:
    """The arguments that have an answer, lists looked into: one of each type, those of a subclass before others."""
    found: list[Any] = []
    for a in given:
        kind = type(a)
        if kind in _SILENT or kind in Hooks.tensor_types:
            continue
        if kind is list or kind is tuple:
            for one in a:
                if type(one) not in _SILENT and type(one) not in Hooks.tensor_types and asked(type(one)):
                    enter(found, one)
        elif asked(kind):
            enter(found, a)
    return found


def enter(found: list[Any], a: Any) -> None:
    """One more argument that answers, where there is none of its type."""
    if all(type(other) is not type(a) for other in found):
        at = next((i for i, other in enumerate(found) if isinstance(a, type(other))), len(found))
        found.insert(at, a)


def hand(func: Callable[..., Any], found: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hands a call to the innermost mode, then to the arguments that answer, until one has an answer; NotImplemented
    where none has.
    """
    types = tuple([type(a) for a in found])
    if state.stack:
        with below() as mode:
            result = mode.__torch_function__(func, types, args, kwargs)
        if result is not NotImplemented:
            return result
    for a in found:
        result = a.__torch_function__(func, types, args, kwargs)
        if result is not NotImplemented:
            return result
    return NotImplemented


def answered(func: Any, name: str, found: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The answer to a call of a function written in Python. Raises TypeError where there is none."""
    result = hand(func, found, args, kwargs)
    if result is NotImplemented:
        within = f" nor in mode {state.stack[-1]}" if state.stack else ""
        raise TypeError(
            f"no implementation found for '{name}' on types that implement __torch_function__: "
            f"{[type(a) for a in found]}{within}"
        )
    return result


# Subclasses as tensors


@contextmanager
def plain() -> Iterator[None]:
    """Subclasses count as tensors in it; modes are told of calls."""
    state.plain += 1
    try:
        yield
    finally:
        state.plain -= 1


_UNWRAPPED = ("_base", "grad", "_grad")  # properties that are given as they are


def as_plain(
    cls: type, func: Callable[..., Any], types: tuple[type, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What a call gives where subclasses count as tensors, as tensors of one class; NotImplemented for other types."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    state.plain += 1
    try:
        result = func(*args, **kwargs)
    finally:
        state.plain -= 1
    return result if func in unwrapped() else converted(result, cls)


def unwrapped() -> set[Callable[..., Any]]:
    """The functions whose results keep their class."""
    tensor = Hooks.tensor_types[0]
    return {tensor.__dict__[name].__get__ for name in _UNWRAPPED}


def converted(result: Any, cls: type) -> Any:
    """The tensors of a result as ones of a class."""
    if cls is Hooks.tensor_types[0]:
        return result
    if isinstance(result, Hooks.tensor_types) and not isinstance(result, cls):
        return result.as_subclass(cls)
    if isinstance(result, tuple | list):
        parts = [converted(part, cls) for part in result]
        return type(result)(parts)
    return result


# Modes


def set_stack(stack: tuple[Any, ...]) -> None:
    """Sets the modes of this thread that are told of all calls."""
    state.stack = stack
    modes.set_mode(modes.mode() | OVERRIDDEN if stack else modes.mode() & ~OVERRIDDEN)


@contextmanager
def below() -> Iterator[Any]:
    """Gives the innermost mode, which is told of nothing meanwhile."""
    before = state.stack
    set_stack(before[:-1])
    try:
        yield before[-1]
    finally:
        set_stack(before)


@contextmanager
def silence() -> Iterator[None]:
    """Neither subclasses nor modes answer calls in it."""
    before = state.stack
    set_stack(())
    try:
        with plain():
            yield
    finally:
        set_stack(before)
