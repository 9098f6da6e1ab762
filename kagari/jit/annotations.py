"""What programs say to the script compiler; nothing of it changes what runs in Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")

_MARK = "_jit_mark"  # of functions: what the compiler is to do with them
DEFAULT, IGNORED, UNUSED, EXPORTED = "default", "ignored", "unused", "exported"


class Attribute(NamedTuple):
    """A value with the type that it has in a script, for attributes whose type can't be seen, such as an empty list.

    >>> import kagari as torch
    >>> torch.jit.Attribute([], list[int]).value
    []
    """

    value: Any
    type: Any


class _Tracing:
    """Who records the calls that are made, and how many recordings there are inside of each other."""

    depth = 0
    tracer: Any = None


tracing = _Tracing()


def is_scripting() -> bool:
    """Whether the script compiler reads this function: in Python no, in a script yes.

    >>> import kagari as torch
    >>> def f(x):
    ...     return x * 2 if torch.jit.is_scripting() else x
    >>> f(torch.ones(1)), torch.jit.script(f)(torch.ones(1))
    (tensor([1.]), tensor([2.]))
    """
    return False


def is_tracing() -> bool:
    """Whether this call is being recorded by :func:`trace`.

    >>> import kagari as torch
    >>> torch.jit.is_tracing()
    False
    """
    return tracing.depth > 0


def annotate(the_type: Any, the_value: _T) -> _T:
    """The value as it is; in a script it is of the type `the_type`.

    >>> import kagari as torch
    >>> torch.jit.annotate(list[int], [1])
    [1]
    """
    return the_value


def mark_of(fn: Any) -> str:
    """What the compiler is to do with a function."""
    return getattr(fn, _MARK, DEFAULT)


def _marked(fn: _F, mark: str) -> _F:
    with suppress(AttributeError):  # a native function is compiled as it is
        setattr(fn, _MARK, mark)
    return fn


def export(fn: _F) -> _F:
    """Has a script of the method's module have the method, even where `forward` does not call it.

    >>> import kagari as torch
    >>> torch.jit.export(abs) is abs
    True
    """
    return _marked(fn, EXPORTED)


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Leaves a function in Python: a script calls it there. With `drop=True` a script raises an error in its place.

    It is a decorator, with parentheses as without. A script that calls it can't be saved, unless with `drop=True`.
    `kwargs` are accepted as PyTorch has them. Raises RuntimeError where `drop` is neither a function nor a bool.

    >>> import kagari as torch
    >>> torch.jit.ignore(abs) is abs, torch.jit.ignore(drop=True)(abs) is abs
    (True, True)
    """
    if callable(drop):
        return _marked(drop, IGNORED)
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")

    def same(fn: _F) -> _F:
        return _marked(fn, UNUSED if drop else IGNORED)

    return same


def unused(fn: Any) -> Any:
    """Has a script raise an error in place of the function.

    >>> import kagari as torch
    >>> torch.jit.unused(abs) is abs
    True
    """
    if isinstance(fn, property):
        for part in (fn.fget, fn.fset):
            if part is not None:
                _marked(part, UNUSED)
        return fn
    return _marked(fn, UNUSED)


__all__ = [
    "Attribute", "Final", "annotate", "export", "ignore", "is_scripting", "is_tracing", "mark_of", "unused",
]  # fmt: skip
