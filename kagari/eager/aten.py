"""PyTorch's operators by the names that its programs are stored under, with the signatures they have there.

A stored program calls `aten::add.Tensor`: a name, an overload, and arguments in an order that is not always that of
the function of Python. Which operators there are is part of PyTorch's file formats, as the names of its dtypes are;
`aten.txt` lists those that Kagari has, one a line, in the order in which overloads are tried. Tests hold it against
PyTorch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_HEAD = re.compile(r"(?:(?P<space>\w+)::)?(?P<name>\w+)(?:\.(?P<overload>\w+))?\(")
_WORDS = {"True": True, "False": False, "None": None}
REQUIRED: Any = object()


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """A parameter of an operator; its type as it is written, without what it says of aliases."""

    name: str
    type: str
    default: Any = REQUIRED
    keyword_only: bool = False
    spread: int = 0  # how many elements one number stands for, in `int[2]`

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """The signature of one overload of an operator."""

    name: str  # with its namespace: aten::add
    overload: str
    arguments: tuple[Argument, ...]
    returns: tuple[str, ...]
    fields: tuple[str, ...] = ()  # the names of several results
    takes_more: bool = False  # any further arguments, as `format` does
    mutates: bool = False

    def __str__(self) -> str:
        return f"{self.name}.{self.overload}" if self.overload else self.name


def parse(text: str) -> Schema:
    """The schema of a line such as `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`.

    >>> schema = parse("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    >>> schema.name, schema.overload, schema.arguments[2]
    ('aten::add', 'Tensor', Argument(name='alpha', type='Scalar', default=1, keyword_only=True, spread=0))
    """
    mutates = "!" in text
    text = re.sub(r"(?<!Future)\((?:\*|\w)[^()]*?(?:!|\|\w|-> \*)?\)(?=[ \[?,)]|$)", _without_alias, text)
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"expected a schema such as 'neg(Tensor self) -> Tensor', got {text!r}")
    inside, _, results = text[head.end() :].rpartition(") -> ")
    keyword_only = takes_more = False
    arguments = []
    for part in split(inside):
        if part == "*":
            keyword_only = True
        elif part == "...":
            takes_more = True
        else:
            arguments.append(_argument(part, keyword_only))
    name = f"{head['space'] or 'aten'}::{head['name']}"
    listed = results[1:-1] if results.startswith("(") else results
    returns, fields = zip(*map(_result, split(listed))) if listed else ((), ())
    return Schema(name, head["overload"] or "", tuple(arguments), returns, fields, takes_more, mutates)


def _without_alias(found: re.Match[str]) -> str:
    """What stands in parentheses behind a type: which arguments share memory, or a part of the type itself."""
    return "" if re.fullmatch(r"\((\*|\w(\|\w)*!?|\w -> \*)\)", found[0]) else found[0]


def _result(text: str) -> tuple[str, str]:
    """The type of a result, and the name that it may have."""
    named = re.fullmatch(r"(.*[\])?\w]) (\w+)", text)
    return (named[1], named[2]) if named and named[1].count("(") == named[1].count(")") else (text, "")


def _argument(text: str, keyword_only: bool) -> Argument:
    declared, equals, default = text.partition("=")
    kind, _, name = declared.rpartition(" ")
    spread = re.search(r"\[(\d+)\]", kind)
    value = REQUIRED if not equals else _WORDS[default] if default in _WORDS else ast.literal_eval(default)
    plain = re.sub(r"\[\d+\]", "[]", kind)
    return Argument(name, plain, value, keyword_only, int(spread[1]) if spread else 0)


def split(text: str) -> Iterator[str]:
    """The parts between the commas that stand in no brackets and no quotes."""
    depth, part, quoted = 0, "", False
    for letter in text:
        quoted ^= letter == '"'
        depth += (letter in "([") - (letter in ")]") if not quoted else 0
        if letter == "," and not depth and not quoted:
            yield part.strip()
            part = ""
        else:
            part += letter
    if part.strip():
        yield part.strip()


@cache
def _lines() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "aten.txt").read_text().splitlines():
        head = _HEAD.match(line)
        assert head is not None, line
        found.setdefault(f"{head['space'] or 'aten'}::{head['name']}", []).append(line)
    return found


@cache
def schemas(name: str) -> tuple[Schema, ...]:
    """The overloads of an operator, in the order in which they are tried; none for an unknown name.

    >>> [schema.overload for schema in schemas("aten::softmax")]
    ['int']
    """
    return tuple(parse(line) for line in _lines().get(name, ()))


def names() -> frozenset[str]:
    """The names of all operators."""
    return frozenset(_lines())


__all__ = ["REQUIRED", "Argument", "Schema", "names", "parse", "schemas"]
