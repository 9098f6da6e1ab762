"""Calls of scripts from Python: arguments in their order and of their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import device as Device
from . import codes, types
from .actions import is_instance
from .calls import REQUIRED
from .futures import Future
from .types import Method, Type


def bound(method: Method, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """The arguments in order, as the script takes them. Raises RuntimeError where they do not fit."""
    if len(args) > len(method.arguments):
        raise RuntimeError(
            f"{_short(method)}() expected at most {len(method.arguments)} argument(s) but received {len(args)} "
            f"argument(s). Declaration: {declaration(method)}"
        )
    given, left = [], dict(kwargs)
    for place, (name, kind, default) in enumerate(method.arguments):
        if place < len(args):
            value = args[place]
        elif name in left:
            value = left.pop(name)
        elif default is not REQUIRED:
            value = default
        else:
            raise RuntimeError(
                f"{_short(method)}() is missing value for argument '{name}'. Declaration: {declaration(method)}"
            )
        given.append(_checked(method, place, name, kind, value))
    if left:
        raise RuntimeError(
            f"Unknown keyword argument '{next(iter(left))}' for operator '{_short(method)}'. Schema: "
            f"{declaration(method)}"
        )
    return given


def _short(method: Method) -> str:
    return method.name.rpartition(".")[2]


def declaration(method: Method) -> str:
    """The signature of a script."""
    parts = [
        f"{kind.graph} {name}" + ("" if default is REQUIRED else f"={default}")
        for name, kind, default in method.arguments
    ]
    return f"{_short(method)}({', '.join(parts)}) -> {method.result.graph}"


class Unfit(TypeError):
    """A value that is not of the type of its parameter."""


def _checked(method: Method, place: int, name: str, kind: Type, value: Any) -> Any:
    try:
        return converted(value, kind)
    except Unfit:
        raise RuntimeError(
            f"{_short(method)}() Expected a value of type '{kind}' for argument '{name}' but instead found type "
            f"'{type(value).__name__}'.\nPosition: {place}\nValue: {value}\nDeclaration: {declaration(method)}"
        ) from None


def converted(value: Any, kind: Type) -> Any:
    """An object of Python as a value of a type. Raises Unfit for one that is none."""
    if kind == types.Tensor:
        if isinstance(value, Tensor):
            return value
    elif kind == types.Float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind == types.Int:
        if isinstance(value, dtype):
            return codes.of_dtype(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif kind in (types.Anything, types.Number) or isinstance(kind, types.Class | types.Enum):
        return value
    elif isinstance(kind, types.Optional):
        return None if value is None else converted(value, kind.element)
    elif kind == types.Device:
        if isinstance(value, str | Device):
            return Device(value)
    elif isinstance(kind, types.List):
        if isinstance(value, list | tuple):
            return (
                value if isinstance(value, list) and _same(value, kind) else [converted(v, kind.element) for v in value]
            )
    elif isinstance(kind, types.Dict):
        if isinstance(value, dict):
            return value
    elif isinstance(kind, types.Tuple):
        if isinstance(value, tuple) and len(value) == len(kind.elements):
            parts = [converted(v, t) for v, t in zip(value, kind.elements)]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    elif isinstance(kind, types.Future):
        if isinstance(value, Future):
            return value
    elif is_instance(value, [kind]):
        return value
    raise Unfit


def _same(value: list[Any], kind: types.List) -> bool:
    """Whether the list itself can be passed, so that what is done to it is seen."""
    return all(is_instance(v, [kind.element]) for v in value)


__all__ = ["bound", "converted", "declaration"]
