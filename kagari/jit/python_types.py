"""The types of scripts that annotations and objects of Python stand for."""

from __future__ import annotations

import ast
import collections.abc
import enum
import inspect
import types as python
import typing
from collections.abc import Callable, Mapping
from typing import Any

from ..base.dtypes import dtype
from ..base.layout import Size
from ..eager import Tensor, device
from ..eager.formats import layout, memory_format
from ..nn import Module
from . import types
from .emitting import type_of
from .futures import Future
from .types import Type

_PLAIN: dict[Any, Type] = {
    Tensor: types.Tensor, int: types.Int, float: types.Float, complex: types.Complex, bool: types.Bool,
    str: types.Str, None: types.Nothing, type(None): types.Nothing, device: types.Device, dtype: types.Int,
    layout: types.Int, memory_format: types.Int, Size: types.List(types.Int), Any: types.Anything,
    list: types.List(types.Tensor), inspect.Signature.empty: types.Tensor,
}  # fmt: skip
_PACKAGE = __name__.partition(".")[0]
_TAKEN: dict[str, int] = {}
Scripted = Callable[[type], Type | None]


def home(found: Any) -> str:
    """The module that a class or function is of: Kagari's own, also where it shows the name of PyTorch's."""
    module = getattr(found, "__module__", None) or ""
    root, point, rest = module.partition(".")
    ours = {"torch": _PACKAGE, "torchvision": f"{_PACKAGE}.vision"}.get(root)
    return module if ours is None else ours + point + rest


def is_own(found: Any) -> bool:
    """Whether a class or function is part of this package."""
    return home(found).partition(".")[0] == _PACKAGE


class Spread:
    """An annotation: a list of numbers that may be given as one for all of `count`."""

    def __init__(self, count: int, element: Type = types.Int) -> None:
        self.count, self.element = count, element

    def __call__(self) -> None:
        """An annotation is something that can be called, as far as `typing` knows."""


class NoType(TypeError):
    """An object of Python that stands for no type of scripts."""


def of_annotation(found: Any, scripted: Scripted) -> Type:
    """The type that an annotation stands for; `scripted` knows the classes. Raises NoType where there is none."""
    if isinstance(found, Type):
        return found
    if isinstance(found, Spread):
        return types.List(found.element)
    try:
        if found in _PLAIN:
            return _PLAIN[found]
    except TypeError:
        pass
    origin, args = typing.get_origin(found), typing.get_args(found)
    if origin is not None:
        return _of_generic(found, origin, args, scripted)
    if isinstance(found, type):
        if issubclass(found, Tensor):
            return types.Tensor
        if issubclass(found, tuple) and hasattr(found, "_fields"):
            return _of_named_tuple(found, scripted)
        if issubclass(found, enum.Enum):
            return _of_enum(found)
        known = scripted(found)
        if known is not None:
            return known
    raise NoType(f"Unknown type annotation: '{getattr(found, '__name__', found)}'")


def _of_generic(found: Any, origin: Any, args: tuple[Any, ...], scripted: Scripted) -> Type:
    if origin in (typing.Union, python.UnionType):
        inside = [a for a in args if a is not type(None)]
        if len(inside) == 1:
            return types.optional(of_annotation(inside[0], scripted))
        raise NoType(f"a union of several types is not there yet: {found}")
    if origin in (list, collections.abc.Sequence):
        return types.List(of_annotation(args[0], scripted))
    if origin is dict:
        return types.Dict(of_annotation(args[0], scripted), of_annotation(args[1], scripted))
    if origin is tuple:
        return types.Tuple(tuple(of_annotation(a, scripted) for a in args if a != ()))
    if origin is Future:
        return types.Future(of_annotation(args[0], scripted))
    if origin in (typing.Final, typing.ClassVar, typing.Annotated):
        return of_annotation(args[0], scripted)
    raise NoType(f"Unknown type annotation: '{found}'")


def _of_named_tuple(cls: Any, scripted: Scripted) -> Type:
    hints = typing.get_type_hints(cls)
    elements = tuple(of_annotation(hints.get(name, Tensor), scripted) for name in cls._fields)
    return types.Tuple(elements, qualified(cls), cls._fields, cls)


def _of_enum(cls: type[enum.Enum]) -> Type:
    kinds = {type_of(member.value) for member in cls}
    if len(kinds) != 1 or None in kinds:
        raise NoType(f"the values of the enumeration {cls.__name__} are not of one type")
    (kind,) = kinds
    assert kind is not None
    return types.Enum(qualified(cls), kind, cls)


def qualified(found: Any, root: str = "__torch__") -> str:
    """The name that a class or a function has in stored programs."""
    module = home(found)
    name = found.__qualname__.replace("<locals>.", "").replace("<lambda>", "_lambda").split(".")[-1]
    if module == "__main__" or not module:
        return f"{root}.{name}"
    parts = module.split(".")
    if parts[0] == _PACKAGE:
        inside = parts[1:]
        if inside[:1] == ["nn"]:
            functions = isinstance(found, python.FunctionType | python.BuiltinFunctionType)
            of_modules = inside if inside[1:2] == ["modules"] else ["nn", "modules", *inside[1:]]
            inside = ["nn", "functional"] if functions else of_modules
        parts = ["torch", *inside] if inside[:1] != ["vision"] else ["torchvision", *inside[1:]]
    return ".".join((root, *(p if p.isidentifier() else f"_{p}" for p in parts), name))


def mangled(name: str) -> str:
    """The name, or one like it that no other class has."""
    number = _TAKEN.get(name)
    _TAKEN[name] = 0 if number is None else number + 1
    if number is None:
        return name
    _TAKEN[""] = _TAKEN.get("", -1) + 1
    space, _, last = name.rpartition(".")
    return f"{space}.___torch_mangle_{_TAKEN['']}.{last}"


def of_object(value: Any, scripted: Scripted) -> Type:
    """The type of an object, as that of a module's attribute. Raises NoType where there is none."""
    plain = type_of(value)
    if plain is not None and not isinstance(value, tuple | list):
        return plain
    if isinstance(value, Tensor):
        return types.Tensor
    if isinstance(value, dtype):
        return types.Int
    if isinstance(value, enum.Enum):
        return _of_enum(type(value))
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return _of_named_tuple(type(value), scripted)
        return types.Tuple(tuple(of_object(one, scripted) for one in value))
    if isinstance(value, list | dict):
        if not value:
            raise NoType(f"the type of an empty {type(value).__name__} can't be known")
        inside = list(value.values()) if isinstance(value, dict) else value
        kind = types.unify_all([of_object(one, scripted) for one in inside])
        if kind is None or (isinstance(kind, types.Optional) and not isinstance(value, dict)):
            raise NoType("elements of several types")
        if isinstance(value, list):
            return types.List(kind)
        key = types.unify_all([of_object(one, scripted) for one in value])
        if key is None:
            raise NoType("keys of several types")
        return types.Dict(key, kind)
    if not isinstance(value, Module):
        known = scripted(type(value))
        if known is not None:
            return known
    raise NoType(
        f"Only tensors and (possibly nested) tuples of tensors, lists, or dicts are supported as inputs or outputs of "
        f"traced functions, but instead got value of type {type(value).__name__}."
    )


def spread(found: Any) -> int:
    """How many integers one stands for in an annotation; 0 where it stands for itself."""
    inner = [a for a in typing.get_args(found) if isinstance(a, Spread)]
    return found.count if isinstance(found, Spread) else inner[0].count if inner else 0


def evaluated(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The object that an annotation of the program being compiled writes, in the program's own names."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    return eval(compile(ast.Expression(ast.fix_missing_locations(node)), "<annotation>", "eval"), {}, names)


__all__ = [
    "NoType", "Spread", "evaluated", "home", "is_own", "mangled", "of_annotation", "of_object", "qualified", "spread",
]  # fmt: skip
