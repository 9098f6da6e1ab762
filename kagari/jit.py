"""What programs ask of PyTorch's script compiler, under its name: nothing is being compiled by it.

Functions run in Python here, and `torch.compile` makes them faster. There is no script compiler: `script` and `trace`
are not there, and annotations that it alone would read change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = ["Final", "annotate", "export", "ignore", "is_scripting", "is_tracing", "script_if_tracing", "unused"]

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")


def is_scripting() -> bool:
    """Whether the script compiler is reading this function: never, as it runs.

    >>> import kagari as torch
    >>> torch.jit.is_scripting()
    False
    """
    return False


def is_tracing() -> bool:
    """Whether the script compiler is recording this call: never, as there is none.

    >>> import kagari as torch
    >>> torch.jit.is_tracing()
    False
    """
    return False


def annotate(the_type: Any, the_value: _T) -> _T:
    """The value as it is; `the_type` would be its type in a script.

    >>> import kagari as torch
    >>> torch.jit.annotate(list[int], [1])
    [1]
    """
    return the_value


def export(fn: _F) -> _F:
    """The method as it is; a script of its module would have it beside `forward`.

    >>> import kagari as torch
    >>> torch.jit.export(abs) is abs
    True
    """
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function as it is, which a script would call as Python, or with `drop=True` not at all.

    It is a decorator, with parentheses as without. `kwargs` are accepted as PyTorch has them. Raises RuntimeError where
    `drop` is neither a function nor a bool.

    >>> import kagari as torch
    >>> torch.jit.ignore(abs) is abs, torch.jit.ignore(drop=True)(abs) is abs
    (True, True)
    """
    if callable(drop):
        return drop
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")

    def same(fn: _F) -> _F:
        return fn

    return same


def script_if_tracing(fn: _F) -> _F:
    """The function as it is, which would become a script where a call of it is recorded; none ever is.

    >>> import kagari as torch
    >>> torch.jit.script_if_tracing(abs) is abs
    True
    """
    return fn


def unused(fn: _F) -> _F:
    """The function as it is, which a script would replace by an error.

    >>> import kagari as torch
    >>> torch.jit.unused(abs) is abs
    True
    """
    return fn
