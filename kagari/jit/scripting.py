"""`script`: functions, modules and classes compiled from their source."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

from ..nn import Module
from .actions import is_instance
from .annotations import is_tracing
from .function import ScriptFunction, ScriptModule
from .modules import scripted
from .python_types import of_annotation
from .sugar import Called
from .world import class_of, method_of, scripted_class, sugared

_F = TypeVar("_F", bound=Callable[..., Any])


def script(obj: Any, *, example_inputs: Any = None) -> Any:
    """Compiles a function, a module or a class from its source, so that its control flow is part of the program.

    Raises RuntimeError, with the place in the source, for what is none of the script language: a part of Python with
    types that are known before it runs. A parameter without annotation is a tensor.

    Args:
        obj: a function, a module (its `forward`, what that calls, and methods marked by :func:`export`), or a class,
            which functions that are compiled may use then
        example_inputs: accepted as PyTorch has it, for types to be learnt from; annotations say them here

    >>> import kagari as torch
    >>> @torch.jit.script
    ... def clipped(x, limit: float):
    ...     if bool(x.abs().max() > limit):
    ...         return x / x.abs().max() * limit
    ...     return x
    >>> clipped(torch.tensor([1.0, 4.0]), 2.0)
    tensor([0.5000, 2.0000])
    """
    if isinstance(obj, ScriptFunction | ScriptModule):
        return obj
    if isinstance(obj, Module):
        return scripted(obj)
    if isinstance(obj, type):
        if issubclass(obj, Module):
            raise RuntimeError(
                f"Type '{obj}' cannot be compiled since it inherits from nn.Module, consider passing an instance "
                "instead"
            )
        scripted_class(obj)
        return obj
    found = sugared(obj)
    if isinstance(found, Called):
        _ = found.method.graph
        return ScriptFunction(found.method, obj)
    if isinstance(obj, FunctionType):
        made = method_of(obj)
        _ = made.graph
        return ScriptFunction(made, obj)
    raise RuntimeError(f"can't compile {obj!r}: it is no function, module or class with source")


def script_if_tracing(fn: _F) -> _F:
    """Has the function compiled as a script where a call of it is recorded, so that its control flow is kept.

    >>> import kagari as torch
    >>> @torch.jit.script_if_tracing
    ... def first(x):
    ...     return x[0]
    >>> first(torch.ones(2))
    tensor(1.)
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return script(fn)(*args, **kwargs)
        return fn(*args, **kwargs)

    wrapper._original = fn  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]


def is_of(obj: Any, target_type: Any) -> bool:
    """Whether a value is of a type of scripts; of containers the elements are looked at. It is `torch.jit.isinstance`.

    >>> import kagari as torch
    >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance([1, "a"], list[int])
    (True, False)
    """
    wanted = target_type if isinstance(target_type, tuple) else (target_type,)
    return is_instance(obj, [of_annotation(one, class_of) for one in wanted])


__all__ = ["is_of", "script", "script_if_tracing"]
