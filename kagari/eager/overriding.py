"""Types that answer calls of operators themselves, by `__torch_function__`: subclasses of Tensor, and others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..engine.function import Hooks


class _Calls(threading.local):
    plain = 0  # how many calls are going on in which subclasses count as tensors


_calls = _Calls()


def asked(kind: type) -> bool:
    """Whether a call with an argument of this type, which is not Tensor itself, is the type's to answer."""
    return not _calls.plain and getattr(kind, "__torch_function__", None) is not None


def override(func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hands a call to the types that are asked, one after another. Raises TypeError where none has an answer."""
    plain = Hooks.tensor_types
    kinds = {type(a): None for a in (*args, *kwargs.values()) if type(a) not in plain and asked(type(a))}
    for kind in kinds:
        result = kind.__torch_function__(func, tuple(kinds), args, kwargs)
        if result is not NotImplemented:
            return result
    told = "".join(f"\n\n  - tensor subclass {kind}" for kind in kinds)
    raise TypeError(
        f"Multiple dispatch failed for 'torch.{name}'; all __torch_function__ handlers returned NotImplemented:{told}"
        "\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )


WRITTEN = ["__getitem__", "__setitem__", "detach", "to", "type"]
"""The methods of Tensor that are written in Python, and whose results are tensors; the floors above add theirs."""


def prepare(cls: type, base: type) -> None:
    """Has a new subclass answer calls of such methods, where it inherits them from the base."""
    for name in WRITTEN:
        owner = next(kind for kind in cls.__mro__ if name in kind.__dict__)
        if owner is base:
            setattr(cls, name, _answered(base.__dict__[name], name))


def _answered(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not asked(type(self)):
            return method(self, *args, **kwargs)
        return override(method, name, (self, *args), kwargs)

    return call


def as_plain(
    cls: type, func: Callable[..., Any], types: tuple[type, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What a call gives where subclasses count as tensors, as tensors of one class; NotImplemented for other types."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    _calls.plain += 1
    try:
        return _converted(func(*args, **kwargs), cls)
    finally:
        _calls.plain -= 1


def _converted(result: Any, cls: type) -> Any:
    """The tensors of a result as ones of a class."""
    if isinstance(result, Hooks.tensor_types) and not isinstance(result, cls):
        return result.as_subclass(cls)
    if isinstance(result, tuple | list):
        parts = [_converted(part, cls) for part in result]
        return type(result)(parts)
    return result
