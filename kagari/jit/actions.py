"""What runs for each operator of a script: Kagari's function of that name, or what is written here.

Most operators have the name and the arguments of the function. Those that do not are in `kernels.py`; operators on
numbers, text and containers are Python's own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from ..eager import Tensor, operators
from ..eager import device as Device
from ..eager.aten import Schema
from ..library.aten_functions import implementation, is_written
from . import kernels, types
from .annotations import is_scripting
from .futures import Future, fork, wait
from .types import Type


class Action(NamedTuple):
    """How an operator runs: `function`, which takes all arguments of the schema or those that are no defaults, or
    `operator`, which is a form of Python's.
    """

    function: Callable[..., Any]
    takes_all: bool = False
    operator: str = ""


# Operators that Python has a sign for. Of tensors, too, where the arguments are as many.
_SIGNS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "floordiv": "{} // {}",
    "remainder": "{} % {}", "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}",
    "ge": "{} >= {}", "neg": "-{}", "__not__": "not {}", "__is__": "{} is {}", "__isnot__": "{} is not {}",
    "__contains__": "{1} in {0}", "__and__": "{} & {}", "__or__": "{} | {}", "__xor__": "{} ^ {}",
    "__lshift__": "{} << {}", "__rshift__": "{} >> {}", "len": "len({})", "Bool": "bool({})", "str": "str({})",
    "list": "list({})", "dict": "dict({})", "keys": "list({}.keys())", "values": "list({}.values())",
    "items": "list({}.items())", "pow": "float({} ** {})",
}  # fmt: skip
_METHODS_OF = {
    "str": (
        "capitalize", "center", "count", "endswith", "expandtabs", "find", "index", "isalnum", "isalpha", "isdecimal",
        "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "join",
        "ljust", "lower", "lstrip", "partition", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit",
        "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
    ),
    "t[]": (
        "count", "clear", "copy", "extend", "index", "insert", "pop", "remove", "reverse",
    ),
    "Dict": (
        "clear", "copy", "get", "pop", "popitem", "setdefault", "update",
    ),
}  # fmt: skip


@cache
def action(schema: Schema) -> Action:
    """How an operator runs. Raises NotImplementedError for one that is not there yet."""
    space, _, name = schema.name.partition("::")
    for key in (f"{name}.{schema.overload}", name):
        found = kernels.OPERATORS.get(f"{space}::{key}")
        if found is not None:
            return Action(found, takes_all=True)
    on_tensors = any("Tensor" in a.type for a in schema.arguments) or "Tensor" in schema.returns
    if not on_tensors:
        return _plain(schema, name)
    if name in ("__getitem__", "_set_item", "append", "__contains__") or (
        name in ("len", "eq", "ne", "list", "keys", "values", "items") and schema.arguments[0].type != "Tensor"
    ):
        return _plain(schema, name)
    function = implementation(schema) if is_written(schema) else function_named(name) or implementation(schema)
    if function is None:
        raise NotImplementedError(f"the operator {schema} of scripts is not there yet")
    return Action(function)


def _plain(schema: Schema, name: str) -> Action:
    """An operator on numbers, text and containers."""
    if name in _PLAIN:
        return Action(_PLAIN[name], takes_all=True)
    if name in _SIGNS:
        return Action(len, operator=f"({_SIGNS[name]})")
    first = schema.arguments[0].type if schema.arguments else ""
    for kind, names in _METHODS_OF.items():
        if name in names and (first == kind or (kind == "t[]" and first.endswith("[]")) or first.startswith("Dict")):
            return Action(_method(name), takes_all=True)
    if hasattr(math, name):
        return Action(getattr(math, name), takes_all=True)
    function = function_named(name)
    if function is None:
        raise NotImplementedError(f"the operator {schema} of scripts is not there yet")
    return Action(function)


def _method(name: str) -> Callable[..., Any]:
    def call(owner: Any, *args: Any) -> Any:
        return getattr(owner, name)(*args)

    return call


def function_named(name: str) -> Callable[..., Any] | None:
    """Kagari's function with an operator's name: a function, or a method of tensors."""
    return next(functions_named(name), None)


def functions_named(name: str) -> Iterator[Callable[..., Any]]:
    """All functions with an operator's name, of which the first one computes it."""
    for found in (getattr(Tensor, name, None), getattr(operators, name, None), kernels.elsewhere(name)):
        if callable(found):
            yield found


# Operators on numbers, text and containers that are no sign


def _item(owner: Any, at: Any) -> Any:
    if isinstance(owner, list) and not -len(owner) <= at < len(owner):
        raise IndexError("list index out of range")
    return owner[at]


def _set_item(owner: Any, at: Any, value: Any) -> Any:
    owner[at] = value
    return owner


def _append(owner: list[Any], value: Any) -> list[Any]:
    owner.append(value)
    return owner


def _delete(owner: Any, at: Any) -> None:
    del owner[at]


def _slice(owner: Any, start: int | None, stop: int | None, step: int) -> Any:
    return owner[start:stop:step]


def _format(text: str, *values: Any) -> str:
    """The text with a value in the place of each `{}`; others, which reach into objects, are no part of scripts."""
    first, *rest = text.split("{}")
    return first + "".join(f"{value}{part}" for value, part in zip(values, rest))


def _percent(text: str, *values: Any) -> str:
    return text % (values[0] if len(values) == 1 else values)


def _warn(message: str, level: int = 2) -> None:
    warnings.warn(message, stacklevel=level + 2)


def _least(*values: Any) -> Any:
    return min(*values)


def _largest(*values: Any) -> Any:
    return max(*values)


def _extended(owner: list[Any], other: list[Any]) -> list[Any]:
    owner += other
    return owner


def _sort(owner: list[Any], reverse: bool = False) -> None:
    owner.sort(reverse=reverse)


def _derived(index: int, start: int, step: int) -> int:
    return start + index * step


def _range_length(start: int, stop: int, step: int) -> int:
    return len(range(start, stop, step))


def _rounded(value: float) -> float:
    return float(round(value))


_PLAIN: dict[str, Callable[..., Any]] = {
    "__getitem__": _item, "_set_item": _set_item, "append": _append, "Delete": _delete, "slice": _slice,
    "format": _format, "percentFormat": _percent, "warn": _warn, "min": _least, "max": _largest, "abs": abs,
    "add_": _extended, "sort": _sort, "__derive_index": _derived, "__range_length": _range_length, "sorted": sorted,
    "any": any, "all": all, "sum": sum, "Int": int, "Float": float, "Complex": complex, "chr": chr, "ord": ord,
    "hash": hash, "divmod": divmod, "hex": hex, "oct": oct, "bin": bin, "wait": wait, "is_scripting": is_scripting,
    "StringIndex": _item, "mathremainder": math.remainder, "rangelist": lambda n: list(range(n)), "round": _rounded,
    "device": Device, "type": lambda d: d.type, "EnumName": lambda e: e.name, "EnumValue": lambda e: e.value,
    "select": _item, "copy": lambda owner: owner.copy(), "_unwrap_optional": lambda x: x,
    "ceil": lambda x: math.ceil(x), "floor": lambda x: math.floor(x), "Size": list,
}  # fmt: skip


# What the functions that scripts become call


def is_instance(value: Any, kinds: Sequence[Type]) -> bool:
    """Whether a value is of one of some types."""
    return any(_fits(value, kind) for kind in kinds)


_CLASSES: dict[Type, Any] = {
    types.Tensor: Tensor, types.Str: str, types.Bool: bool, types.Complex: complex, types.Device: Device,
    types.Nothing: type(None), types.Float: float,
}  # fmt: skip


def _fits(value: Any, kind: Type) -> bool:
    if kind in _CLASSES:
        return isinstance(value, _CLASSES[kind])
    if kind == types.Int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(kind, types.Optional):
        return value is None or _fits(value, kind.element)
    if isinstance(kind, types.List):
        return isinstance(value, list) and all(_fits(v, kind.element) for v in value)
    if isinstance(kind, types.Dict):
        return isinstance(value, dict) and all(_fits(k, kind.key) and _fits(v, kind.value) for k, v in value.items())
    if isinstance(kind, types.Tuple):
        same = isinstance(value, tuple) and len(value) == len(kind.elements)
        return same and all(map(_fits, value, kind.elements))
    if isinstance(kind, types.Class):
        return getattr(value, "_script_type", None) is kind or type(value) is kind.python
    return kind == types.Plain(type(value).__name__)


def forked(function: Callable[..., Any], *args: Any) -> Future[Any]:
    """A call that was forked."""
    return fork(function, *args)


class ScriptObject:
    """An object of a class of scripts whose class in Python is not there, as in a program that was loaded."""

    _script_type: types.Class

    def __repr__(self) -> str:
        return f"<torch.ScriptObject of {self._script_type}>"


def new_object(kind: types.Class) -> Any:
    """An object of a class of scripts, without attributes."""
    if kind.python is not None:
        return object.__new__(kind.python)
    made = ScriptObject()
    made._script_type = kind
    return made


__all__ = [
    "Action",
    "ScriptObject",
    "action",
    "forked",
    "function_named",
    "functions_named",
    "is_instance",
    "new_object",
]
