"""Names of a script: what they stand for at each place."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Protocol

from . import types
from .emitting import Emitter
from .frontend import ScriptError, Source
from .ir import Graph, Value
from .sugar import Sugar
from .types import Type


class World(Protocol):
    """What is outside of a function: the names that it sees, and what expressions and annotations there mean."""

    has_inner_functions: bool  # whether functions may be defined inside of functions

    def name(self, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """What a name stands for; None for an unknown one."""
        ...

    def annotation(self, node: ast.expr, source: Source) -> Type:
        """The type that an annotation writes."""
        ...

    def attribute(self, owner: Any, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """An attribute of an object of Python; None where there is none."""
        ...

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any], emitter: Any, node: ast.AST) -> Any:
        """A call of an object of Python."""
        ...

    def result_of(self, function: Any) -> Type:
        """The type of what a function of Python gives."""
        ...

    def member(self, owner: Value, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """A member of a module that is none of its type's."""
        ...

    def type_at(self, found: Any) -> Type | None:
        """The type that an object of Python stands for; None for what is no type."""
        ...


class Frame:
    """The names of a block."""

    def __init__(self, parent: Frame | None) -> None:
        self.parent = parent
        self.names: dict[str, Value | Sugar] = {}
        self.missing: dict[str, tuple[str, ast.AST]] = {}  # names that have no value on some way, and why

    def find(self, name: str) -> Value | Sugar | None:
        """What a name stands for."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            if name in frame.missing:
                return None
            frame = frame.parent
        return None

    def why_missing(self, name: str) -> tuple[str, ast.AST] | None:
        """Why a name has no value, where it has one on some way."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.missing:
                return frame.missing[name]
            frame = frame.parent
        return None


class Scopes(Emitter):
    """Keeps what names stand for while a function is compiled."""

    def __init__(self, source: Source, graph: Graph, world: World) -> None:
        super().__init__(source, graph)
        self.world = world
        self.frame = Frame(None)
        self.declared: dict[str, Type] = {}
        self.nameless: set[Value] = set()  # values that keep no name of the variable they are assigned to

    # What the layers above say of expressions

    def value(self, node: ast.expr, hint: Type | None = None) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def expression(self, node: ast.expr, hint: Type | None = None) -> Value | Sugar:
        """What an expression stands for."""
        raise NotImplementedError

    def as_value(self, found: Value | Sugar, node: ast.AST) -> Value:
        """What was found as a value."""
        raise NotImplementedError

    def magic(self, name: str, owner: Value, args: tuple[Value, ...], node: ast.AST) -> Value | None:
        """What a special method of a script's class gives; None where there is none."""
        raise NotImplementedError

    # Frames

    def enter(self) -> None:
        """Begins a block."""
        self.frame = Frame(self.frame)

    def leave(self) -> Frame:
        """Ends a block; gives its names."""
        frame = self.frame
        assert frame.parent is not None
        self.frame = frame.parent
        return frame

    def look_up(self, name: str, node: ast.AST) -> Value | Sugar:
        """What a name stands for. Raises ScriptError for an unknown one."""
        found = self.frame.find(name)
        if found is None:
            missing = self.frame.why_missing(name)
            if missing is not None:
                raise ScriptError(
                    f"\n{name} is not defined in the {missing[0]} branch:\n{self.source.marked(missing[1])}"
                    "and was used here", self.source, node,
                )  # fmt: skip
            found = self.world.name(name, self, node)
        if found is None:
            self.fail(f"undefined value {name}", node)
        return found

    def store(self, name: str, value: Value | Sugar, node: ast.AST) -> None:
        """Has a name stand for a value. Raises ScriptError where it is of another type than before."""
        if isinstance(value, Value):
            known = self.frame.find(name)
            declared = self.declared.get(name)
            before = declared or (known.type if isinstance(known, Value) else None)
            if isinstance(before, types.Class) and before.is_module:
                before = None  # a name for modules in turn
            if before is not None and not types.is_subtype(value.type, before) and self._is_kept(name, before):
                self.fail(
                    f"Variable '{name}' previously had type {before} but is now being assigned to a value of type "
                    f"{value.type}\n", node,
                )  # fmt: skip
            if not value.name and not value.is_constant and value not in self.nameless:
                value.name = name
        self.frame.names.pop(name, None)
        self.frame.names[name] = value

    def _is_kept(self, name: str, before: Type) -> bool:
        """Whether a name keeps its type: where a block further out has it, or it was declared."""
        return name in self.declared or name not in self.frame.names or self.frame.parent is None

    def refine(self, refined: Mapping[str, Type], node: ast.AST) -> None:
        """Has names stand for the same values, of which more is known."""
        for name, kind in refined.items():
            value = self.frame.find(name)
            if isinstance(value, Value) and value.type != kind:
                cast = self.emit("prim::unchecked_cast", (value,), (kind,), node).output
                cast.name = name
                self.frame.names[name] = cast


__all__ = ["Frame", "Scopes", "World"]
