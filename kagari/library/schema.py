"""Schemas of operators, such as `(Tensor x, float s=1.0) -> Tensor`: read, and made of a function's annotations."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..eager import Tensor, device, dtype

_TYPES: dict[Any, str] = {
    Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str", complex: "Scalar",
    dtype: "ScalarType", device: "Device",
}  # fmt: skip
_ARGUMENT = re.compile(
    r"(?P<type>[A-Za-z]+(?:\([a-z]\w*!?\))?(?:\[\d*\])?\??)\s+(?P<name>\w+)(?:\s*=\s*(?P<default>.+))?"
)
_WORDS = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Schema:
    """What an operator takes, and the text that says so."""

    text: str
    types: dict[str, str]
    signature: inspect.Signature


def parse(text: str) -> Schema:
    """The schema of a text.

    Raises ValueError for what can't be read.

    >>> parse("(Tensor x, *, float s=1.0) -> Tensor").signature
    <Signature (x, *, s=1.0)>
    """
    head, arrow, results = text.strip().rpartition("->")
    head = head.strip()
    if not arrow or not head.startswith("(") or not head.endswith(")"):
        raise ValueError(f"expected a schema such as '(Tensor x, float s=1.0) -> Tensor', got {text!r}")
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    types, parameters = {}, []
    for part in re.split(r",\s*(?![^\[(]*[\])])", head[1:-1]) if head[1:-1].strip() else []:
        if part.strip() == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        found = _ARGUMENT.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"can't read the argument {part.strip()!r} of the schema {text!r}")
        name, default = found["name"], found["default"]
        types[name] = found["type"]
        value = inspect.Parameter.empty if default is None else _value(default.strip())
        parameters.append(inspect.Parameter(name, kind, default=value))
    return Schema(f"{head} -> {results.strip()}", types, inspect.Signature(parameters))


def _value(text: str) -> Any:
    return _WORDS[text] if text in _WORDS else ast.literal_eval(text)


def infer_schema(prototype_function: Callable[..., Any], /, *, mutates_args: Sequence[str] | str) -> str:
    """The schema of a function, from its annotations.

    Raises ValueError for a parameter without annotation, or of a type that no operator takes.

    >>> import kagari as torch
    >>> def scale(x: torch.Tensor, by: float = 2.0) -> torch.Tensor: ...
    >>> torch.library.infer_schema(scale, mutates_args=())
    '(Tensor x, float by=2.0) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    parts: list[str] = []
    star = False
    for name, p in signature.parameters.items():
        if name not in hints:
            raise ValueError(
                f"infer_schema(func): Parameter {name} must have a type annotation. Got func with signature "
                f"{signature})"
            )
        if p.kind is p.KEYWORD_ONLY and not star:
            parts, star = [*parts, "*"], True
        written = _named(hints[name], name, signature)
        if mutates_args == "unknown" or name in mutates_args:
            written = written.replace("Tensor", f"Tensor(a{len(parts)}!)", 1)
        default = "" if p.default is p.empty else f"={p.default!r}"
        parts.append(f"{written} {name}{default}")
    result = hints.get("return", type(None))
    if typing.get_origin(result) is tuple:
        results = f"({', '.join(_named(one, 'return', signature) for one in typing.get_args(result))})"
    else:
        results = "()" if result is type(None) else _named(result, "return", signature)
    return f"({', '.join(parts)}) -> {results}"


def _named(hint: Any, name: str, signature: inspect.Signature) -> str:
    arguments = typing.get_args(hint)
    if hint in _TYPES:
        return _TYPES[hint]
    if type(None) in arguments and len(arguments) == 2:
        return f"{_named(next(a for a in arguments if a is not type(None)), name, signature)}?"
    if typing.get_origin(hint) in (list, Sequence) and len(arguments) == 1:
        return f"{_named(arguments[0], name, signature)}[]"
    raise ValueError(
        f"infer_schema(func): Parameter {name} has unsupported type {hint}. Got func with signature {signature})"
    )
