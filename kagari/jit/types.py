"""The types of scripts: how they are written in programs, in graphs and in signatures, and which is part of which."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ..eager.aten import split

if TYPE_CHECKING:
    from .ir import Graph


class Type:
    """A type. `str` gives how a program writes it, `graph` how the text of a graph does."""

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return str(self)

    def parts(self) -> tuple[Type, ...]:
        """The types inside of it."""
        return ()

    def with_parts(self, parts: tuple[Type, ...]) -> Type:
        """The same kind of type, of other parts."""
        return self


@dataclass(frozen=True)
class Plain(Type):
    """A type without parts."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return "Scalar" if self.name == "number" else self.name


Tensor, Int, Float, Complex = Plain("Tensor"), Plain("int"), Plain("float"), Plain("complex")
Bool, Str, Nothing, Device = Plain("bool"), Plain("str"), Plain("NoneType"), Plain("Device")
Number, Anything, Code, Generator = Plain("number"), Plain("Any"), Plain("Function"), Plain("Generator")
NUMBERS = (Int, Float, Complex)


@dataclass(frozen=True)
class List(Type):
    """A list of elements of one type."""

    element: Type

    def __str__(self) -> str:
        return f"List[{self.element}]"

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return f"{self.element.graph}[]"

    def parts(self) -> tuple[Type, ...]:
        """The type of the elements."""
        return (self.element,)

    def with_parts(self, parts: tuple[Type, ...]) -> Type:
        """A list of other elements."""
        return List(*parts)


@dataclass(frozen=True)
class Optional(Type):
    """A value or None."""

    element: Type

    def __str__(self) -> str:
        return f"Optional[{self.element}]"

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return f"{self.element.graph}?"

    def parts(self) -> tuple[Type, ...]:
        """The type of the value."""
        return (self.element,)

    def with_parts(self, parts: tuple[Type, ...]) -> Type:
        """Another type or None."""
        return optional(*parts)


@dataclass(frozen=True)
class Future(Type):
    """What a call that was forked will give."""

    element: Type

    def __str__(self) -> str:
        return f"Future[{self.element}]"

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return f"Future[{self.element.graph}]"

    def parts(self) -> tuple[Type, ...]:
        """The type of the result."""
        return (self.element,)

    def with_parts(self, parts: tuple[Type, ...]) -> Type:
        """The future of another type."""
        return Future(*parts)


@dataclass(frozen=True)
class Dict(Type):
    """A dictionary of keys of one type and values of one type."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"Dict[{self.key}, {self.value}]"

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return f"Dict({self.key.graph}, {self.value.graph})"

    def parts(self) -> tuple[Type, ...]:
        """The types of keys and values."""
        return (self.key, self.value)

    def with_parts(self, parts: tuple[Type, ...]) -> Type:
        """A dictionary of other types."""
        return Dict(*parts)


@dataclass(frozen=True)
class Tuple(Type):
    """A tuple of given length; one with a name and names of its fields is a NamedTuple."""

    elements: tuple[Type, ...]
    name: str = ""
    fields: tuple[str, ...] = ()
    python: Any = field(default=None, compare=False)  # the class of its values

    def __str__(self) -> str:
        if self.name:
            return self.name
        return f"Tuple[{', '.join(map(str, self.elements)) or '()'}]"

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        inside = ", ".join(e.graph for e in self.elements)
        return self.name or f"({inside})"

    def parts(self) -> tuple[Type, ...]:
        """The types of the elements."""
        return self.elements

    def with_parts(self, parts: tuple[Type, ...]) -> Type:
        """A tuple of other elements."""
        return Tuple(parts, self.name, self.fields, self.python)


@dataclass(frozen=True)
class Variable(Type):
    """Stands for any type in a signature: equal letters for equal types."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Enum(Type):
    """The members of an enumeration."""

    name: str
    value: Type
    python: Any = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name

    @property
    def graph(self) -> str:
        """The type in the text of a graph."""
        return f"Enum<{self.name}>"


@dataclass
class Method:
    """A function of a class, or one of no class: its name, its signature and its graph, which is made once."""

    name: str
    arguments: list[tuple[str, Type, Any]]  # name, type, default
    returns: Type | None = None
    build: Callable[[], Graph] | None = None
    made: Graph | None = None
    keyword_only: frozenset[str] = frozenset()
    spread: dict[str, int] = field(default_factory=dict)  # how many integers one argument may stand for
    building: bool = False

    @property
    def graph(self) -> Graph:
        """The graph. Raises RuntimeError where it needs itself to be made."""
        if self.made is None:
            if self.building:
                raise RecursionError(self.name)
            assert self.build is not None
            self.building = True
            try:
                self.made = self.build()
            finally:
                self.building = False
        return self.made

    @property
    def result(self) -> Type:
        """The type of the result, which may take the graph to know."""
        if self.returns is None:
            self.returns = self.graph.result
        return self.returns


class Class(Type):
    """A class of scripts, or a module: names and types of attributes, and methods."""

    def __init__(self, name: str, *, is_module: bool = False) -> None:
        self.name, self.is_module = name, is_module
        self.attributes: dict[str, Type] = {}
        self.parameters: list[str] = []
        self.buffers: list[str] = []
        self.constants: dict[str, Any] = {}
        self.methods: dict[str, Method] = {}
        self.statics: dict[str, Method] = {}
        self.properties: dict[str, tuple[str, str | None]] = {}
        self.python: Any = None
        self.is_interface = False
        self.is_open = False  # whether what is assigned to becomes an attribute: while `__init__` is compiled

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


def optional(element: Type) -> Type:
    """The type or None; a type that has None already stays as it is."""
    return element if isinstance(element, Optional) or element in (Nothing, Anything) else Optional(element)


# Signatures

_WORDS: dict[str, Type] = {
    "Tensor": Tensor, "int": Int, "float": Float, "complex": Complex, "bool": Bool, "str": Str, "NoneType": Nothing,
    "Device": Device, "Scalar": Number, "number": Number, "Any": Anything, "SymInt": Int, "ScalarType": Int,
    "Layout": Int, "MemoryFormat": Int, "AnyEnumType": Anything, "AnyClassType": Anything, "Generator": Generator,
}  # fmt: skip


@cache
def of_signature(text: str) -> Type:
    """The type that a signature writes, such as `Dict(str, t)[]?`."""
    if text.endswith("?"):
        return Optional(of_signature(text[:-1]))
    if text.endswith("[]"):
        return List(of_signature(text[:-2]))
    inside = re.fullmatch(r"(\w*)\((.*)\)", text)
    if inside is not None:
        parts = tuple(of_signature(part) for part in split(inside[2]))
        kinds: dict[str, Callable[..., Type]] = {"Dict": Dict, "Future": Future, "": lambda *p: Tuple(p)}
        return kinds[inside[1]](*parts)
    return _WORDS.get(text) or Variable(text)


# Relations


def is_subtype(one: Type, other: Type) -> bool:
    """Whether every value of the one type is one of the other."""
    if one == other or other == Anything:
        return True
    if isinstance(other, Optional):
        if isinstance(one, Optional):
            return is_subtype(one.element, other.element)
        return one == Nothing or is_subtype(one, other.element)
    if other == Number:
        return one in NUMBERS
    if isinstance(one, Tuple) and isinstance(other, Tuple):
        same = len(one.elements) == len(other.elements) and (not other.name or one.name == other.name)
        return same and all(map(is_subtype, one.elements, other.elements))
    if isinstance(one, Class) and isinstance(other, Class) and other.is_interface:
        return all(name in one.methods for name in other.methods)
    return False


def unify(one: Type, other: Type) -> Type | None:
    """The smallest type that has the values of both; None where there is none but Any."""
    if is_subtype(one, other):
        return other
    if is_subtype(other, one):
        return one
    if one == Nothing or other == Nothing:
        return optional(other if one == Nothing else one)
    if isinstance(one, Optional) or isinstance(other, Optional):
        inside = unify(*(t.element if isinstance(t, Optional) else t for t in (one, other)))
        return None if inside is None else optional(inside)
    if isinstance(one, Tuple) and isinstance(other, Tuple) and len(one.elements) == len(other.elements):
        parts = [unify(a, b) for a, b in zip(one.elements, other.elements)]
        return None if None in parts else Tuple(tuple(p for p in parts if p is not None))
    return None


def unify_all(types: Sequence[Type]) -> Type | None:
    """The smallest type that has the values of all."""
    found: Type | None = types[0]
    for one in types[1:]:
        found = None if found is None else unify(found, one)
    return found


def match(formal: Type, actual: Type, bound: dict[str, Type]) -> bool:
    """Whether variables of the formal type can be bound so that the actual one is part of it."""
    if isinstance(formal, Variable):
        known = bound.setdefault(formal.name, actual)
        wider = unify(known, actual)
        if wider is not None and not isinstance(wider, Optional):
            bound[formal.name] = wider
        return is_subtype(actual, bound[formal.name])
    if isinstance(formal, Optional) and formal.element.parts():
        inner = actual.element if isinstance(actual, Optional) else actual
        return actual == Nothing or match(formal.element, inner, bound)
    if isinstance(formal, Optional) and isinstance(formal.element, Variable):
        inner = actual.element if isinstance(actual, Optional) else actual
        return inner != Nothing and match(formal.element, inner, bound)
    if type(formal) is type(actual) and formal.parts() and len(formal.parts()) == len(actual.parts()):
        return all(match(f, a, bound) for f, a in zip(formal.parts(), actual.parts()))
    return is_subtype(actual, formal)


def bind(formal: Type, bound: dict[str, Type]) -> Type:
    """The formal type with its variables replaced."""
    if isinstance(formal, Variable):
        return bound.get(formal.name, Tensor)
    parts = formal.parts()
    return formal.with_parts(tuple(bind(p, bound) for p in parts)) if parts else formal
