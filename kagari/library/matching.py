"""Which overload of an operator fits arguments, and the arguments in the form that stored graphs have them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..base.dtypes import dtype
from ..eager import Generator, Tensor
from ..eager.aten import Argument, Schema, schemas
from ..eager.device import Device as device
from ..eager.formats import layout, memory_format

_AS_TENSORS = frozenset(("add", "sub", "mul", "div", "floor_divide"))
"""Operators whose functions in Python have no overload for numbers: a number counts as a tensor."""
_OF_NUMBERS = ("Scalar", "Scalar_mode")
_MOMENTS = frozenset(("std", "std_mean", "var", "var_mean"))


class Arguments(NamedTuple):
    """The arguments of one overload: those left out at the end have their defaults."""

    schema: Schema
    args: list[Any]
    kwargs: dict[str, Any]


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex)


_FITS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda v: isinstance(v, Tensor),
    "Scalar": _is_number,
    "int": _is_int,
    "float": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "bool": lambda v: isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "ScalarType": lambda v: isinstance(v, dtype),
    "Layout": lambda v: type(v) is layout,
    "Device": lambda v: isinstance(v, device | str),
    "MemoryFormat": lambda v: isinstance(v, memory_format),
    "Generator": lambda v: isinstance(v, Generator),
}


def _fits(value: Any, kind: str, parameter: Argument, lenient: bool) -> bool:
    """Whether a value is of a type; `lenient` takes numbers for tensors."""
    if kind.endswith("?"):
        return value is None or _fits(value, kind[:-1], parameter, lenient)
    if kind.endswith("[]"):
        if isinstance(value, list | tuple):
            return all(_fits(one, kind[:-2], parameter, False) for one in value)
        return bool(parameter.spread) and _FITS[kind[:-2]](value)
    if kind == "Tensor" and lenient and _is_number(value):
        return True
    test = _FITS.get(kind)
    return test is not None and test(value)


def _normal(value: Any, kind: str, parameter: Argument) -> Any:
    """A value that fits as graphs have it: sequences as lists, a device as one."""
    kind = kind.rstrip("?")
    if kind.endswith("[]") and value is not None:
        if isinstance(value, list | tuple):
            return [_normal(one, kind[:-2], parameter) for one in value]
        return [value] * parameter.spread
    return device(value) if kind == "Device" and isinstance(value, str) else value


def _kind(parameter: Argument) -> str:
    return parameter.type.replace("SymInt", "int")


def _gathered(parameters: Sequence[Argument], args: Sequence[Any]) -> list[Any]:
    """Positional arguments, with sizes that are given one by one as one list."""
    last = len(parameters) - 1
    if not (len(args) > last >= 0 and _kind(parameters[last]) in ("int[]", "int[]?") and _is_int(args[last])):
        return list(args)
    several = not parameters[last].spread or len(args) > last + 1
    return [*args[:last], list(args[last:])] if several else list(args)


def fitted(schema: Schema, args: Sequence[Any], kwargs: dict[str, Any], lenient: bool = False) -> Arguments | None:
    """The arguments in the order of a schema; None where they do not fit it."""
    positional = [p for p in schema.arguments if not p.keyword_only]
    given = _gathered(positional, args)
    if len(given) > len(positional):
        return None
    named = dict(kwargs)
    values: list[tuple[Argument, Any]] = []
    for i, p in enumerate(schema.arguments):
        if i < len(given) and not p.keyword_only:
            value = given[i]
        elif p.name in named:
            value = named.pop(p.name)
        elif p.is_required:
            return None
        else:
            values.append((p, _normal(p.default, _kind(p), p)))
            continue
        if value is None and not p.type.endswith("?") and not p.is_required:
            value = p.default
        if not _fits(value, _kind(p), p, lenient):
            return None
        values.append((p, _normal(value, _kind(p), p)))
    return None if named else _trimmed(schema, values)


def _is_default(parameter: Argument, value: Any) -> bool:
    if parameter.is_required:
        return False
    default = _normal(parameter.default, _kind(parameter), parameter)
    return type(value) is type(default) and bool(value == default)


def _trimmed(schema: Schema, values: list[tuple[Argument, Any]]) -> Arguments:
    """Arguments without the defaults behind the last one that is none."""
    ordered = [(p, v) for p, v in values if not p.keyword_only]
    while ordered and _is_default(*ordered[-1]):
        ordered.pop()
    named = {p.name: v for p, v in values if p.keyword_only and not _is_default(p, v)}
    return Arguments(schema, [v for _, v in ordered], named)


def matched(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Arguments | None:
    """The first overload of an operator that arguments fit; None where none does.

    The name is that without namespace; behind a point it may say which overload it is to be.
    """
    name, _, overload = name.partition(".")
    found = [s for s in schemas(f"aten::{name}") if any("Tensor" in p.type for p in s.arguments) or _makes(s)]
    if overload:
        found = [s for s in found if s.overload == overload]
    elif name.rstrip("_") in _AS_TENSORS:
        found = [s for s in found if s.overload not in _OF_NUMBERS]
    elif name in _MOMENTS and len(args) == 1:
        found = [s for s in found if s.overload == "correction"] + found
    for lenient in (False, True):
        for schema in found:
            fitting = fitted(schema, args, kwargs, lenient)
            if fitting is not None:
                return fitting
    return None


def _makes(schema: Schema) -> bool:
    """Whether it is an operator that makes a tensor of sizes and numbers."""
    return any(p.name == "dtype" and p.keyword_only for p in schema.arguments)


__all__ = ["Arguments", "fitted", "matched"]
