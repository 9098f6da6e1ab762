"""What an expression of a script may stand for besides a value of its graph: all that is known when it is compiled."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .ir import Value
from .types import Class, Method


@dataclass(frozen=True)
class Static:
    """An object of Python: a function, a module of Python, a class, a type."""

    value: Any


@dataclass(frozen=True)
class Builtin:
    """An operator by its name, with the value it is a method of."""

    name: str
    owner: Value | None = None


@dataclass(frozen=True)
class Bound:
    """A method of a class of scripts, or of a module."""

    owner: Value
    method: Method


@dataclass(frozen=True)
class Called:
    """A function of scripts."""

    method: Method


@dataclass(frozen=True)
class Chosen:
    """Two functions of scripts, of which an argument says which one is called."""

    methods: tuple[Method, Method]
    name: str
    place: int


@dataclass(frozen=True)
class Made:
    """A class of scripts, which is called to make an object."""

    type: Class


@dataclass(frozen=True)
class Fresh:
    """What `C.__new__` is: called, it gives an object without attributes."""

    type: Class


@dataclass(frozen=True)
class Inner:
    """A function inside of a stored program, which is forked."""

    body: Sequence[ast.stmt]


@dataclass(frozen=True)
class Ignored:
    """A function that stays Python's, with the module it is a method of."""

    function: Any
    owner: Value | None = None


@dataclass(frozen=True)
class Members:
    """The modules in a container; `kind` is `values`, `items` or `keys`."""

    owner: Value
    kind: str = "values"


@dataclass(frozen=True)
class Range:
    """What `range` gives: where it begins, ends, and its step."""

    bounds: tuple[Value, ...]


@dataclass(frozen=True)
class Zipped:
    """What `zip` gives, and `enumerate` with a range as the first."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Several:
    """A tuple of which not all is a value."""

    parts: Sequence[Any]


@dataclass(frozen=True)
class Super:
    """What `super()` gives."""

    owner: Value


Sugar = (
    Static
    | Builtin
    | Bound
    | Called
    | Chosen
    | Fresh
    | Inner
    | Made
    | Ignored
    | Members
    | Range
    | Zipped
    | Several
    | Super
)

__all__ = [
    "Bound", "Builtin", "Called", "Chosen", "Fresh", "Ignored", "Inner", "Made", "Members", "Range", "Several",
    "Static", "Sugar", "Super", "Zipped",
]  # fmt: skip
