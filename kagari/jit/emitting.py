"""Nodes for calls of operators: the overload that fits, with arguments converted as signatures allow."""

from __future__ import annotations

import ast
from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NoReturn

from ..base.dtypes import dtype
from ..eager import aten, device
from ..eager.aten import Argument, Schema
from . import codes, types
from .frontend import ScriptError, Source
from .ir import Block, Graph, Node, Value
from .types import Type

# What an operator does whose name is that of another one, for a number and a tensor in this order.
_SWAPPED = {"aten::add": "aten::add", "aten::mul": "aten::mul", "aten::eq": "aten::eq", "aten::ne": "aten::ne",
            "aten::lt": "aten::gt", "aten::gt": "aten::lt", "aten::le": "aten::ge", "aten::ge": "aten::le"}  # fmt: skip
_TO_NUMBER = {"int": "aten::IntImplicit", "float": "aten::FloatImplicit", "number": "aten::ScalarImplicit",
              "complex": "aten::ComplexImplicit"}  # fmt: skip
_SAME_NAME = {"absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
              "arctan": "atan", "arctanh": "atanh", "clip": "clamp", "concat": "cat", "concatenate": "cat",
              "divide": "div", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
              "multiply": "mul", "negative": "neg", "not_equal": "ne", "subtract": "sub", "swapaxes": "transpose",
              "swapdims": "transpose", "true_divide": "div"}  # fmt: skip
"""Names of operators that programs are stored without."""


@cache
def result_class(fields: tuple[str, ...]) -> Any:
    """The class of several results that have names."""
    return namedtuple("results", fields)


class Mismatch(Exception):
    """Arguments that do not fit a signature."""


def type_of(value: Any) -> Type | None:
    """The type of a constant; None for what can be none."""
    if value is None:
        return types.Nothing
    for kind, found in ((bool, types.Bool), (int, types.Int), (float, types.Float), (complex, types.Complex),
                        (str, types.Str), (device, types.Device)):  # fmt: skip
        if isinstance(value, kind):
            return found
    if isinstance(value, tuple):
        parts = [type_of(one) for one in value]
        return None if None in parts else types.Tuple(tuple(p for p in parts if p is not None))
    if isinstance(value, list) and value:
        inside = type_of(value[0])
        return None if inside is None else types.List(inside)
    return None


class Emitter:
    """Puts nodes into the block that is being made."""

    def __init__(self, source: Source, graph: Graph) -> None:
        self.source, self.graph = source, graph
        self.block: Block = graph

    def fail(self, message: str, node: ast.AST) -> NoReturn:
        """Raises the error for a place in the program."""
        raise ScriptError(message, self.source, node)

    def emit(
        self, kind: str, inputs: Sequence[Value], results: Sequence[Type], at: ast.AST, schema: Any = None, **more: Any
    ) -> Node:
        """Adds a node."""
        return self.block.append(Node(kind, inputs, results, schema, self.source.place(at), **more))

    def constant(self, value: Any, at: ast.AST, type: Type | None = None) -> Value:
        """Adds a constant."""
        if isinstance(value, dtype):
            value = codes.of_dtype(value)
        found = type or type_of(value)
        if found is None:
            self.fail(f"a {value.__class__.__name__} can't be a constant of a script", at)
        return self.emit("prim::Constant", (), (found,), at, value=value).output

    # Calls of operators

    def call(self, name: str, args: Sequence[Value], at: ast.AST, kwargs: Mapping[str, Value] | None = None) -> Value:
        """A call of the operator; several results are a tuple. Raises ScriptError where no overload fits."""
        kwargs = kwargs or {}
        space, _, plain = name.partition("::")
        name = f"{space}::{_SAME_NAME.get(plain, plain)}"
        schemas = aten.schemas(name)
        swapped = self._swapped(name, args, at)
        if swapped is not None:
            return swapped
        reasons: list[str] = []
        for converting in (False, True):
            reasons = []
            for schema in schemas:
                before = len(self.block.nodes)
                try:
                    return self._call(schema, args, kwargs, at, converting)
                except Mismatch as error:
                    for node in reversed(self.block.nodes[before:]):
                        node.remove()
                    reasons.append(f"  \n  {_signature(schema)}:\n  {error}\n")
        if len(reasons) == 1:
            self.fail(f"{reasons[0].strip()}", at)
        listed = "".join(reasons)
        raise ScriptError(
            f"Arguments for call are not valid.\nThe following variants are available:\n{listed}\n"
            "The original call is", self.source, at,
        )  # fmt: skip

    def _swapped(self, name: str, args: Sequence[Value], at: ast.AST) -> Value | None:
        """An operator of a number and a tensor, which there is for a tensor and a number."""
        if len(args) != 2 or args[0].type not in types.NUMBERS or args[1].type != types.Tensor:
            return None
        if name in _SWAPPED:
            return self.call(_SWAPPED[name], (args[1], args[0]), at)
        if name == "aten::sub":
            return self.call("aten::add", (self.call("aten::neg", (args[1],), at), args[0]), at)
        if name == "aten::div":
            return self.call("aten::mul", (self.call("aten::reciprocal", (args[1],), at), args[0]), at)
        return None

    def _call(
        self, schema: Schema, args: Sequence[Value], kwargs: Mapping[str, Value], at: ast.AST, converting: bool
    ) -> Value:
        bound: dict[str, Type] = {}
        inputs = self.matched(schema, args, kwargs, at, converting, bound)
        results = [types.bind(types.of_signature(text), bound) for text in schema.returns]
        node = self.emit(schema.name, inputs, results, at, schema)
        return self.packed(node, at, schema.fields)

    def packed(self, node: Node, at: ast.AST, fields: tuple[str, ...] = ()) -> Value:
        """The results of a node as one value."""
        if len(node.outputs) == 1:
            return node.output
        if not node.outputs:
            return self.constant(None, at)
        named = fields if all(fields) else ()
        kind = types.Tuple(tuple(v.type for v in node.outputs), "", named)
        return self.emit("prim::TupleConstruct", node.outputs, (kind,), at).output

    def matched(
        self, schema: Schema, args: Sequence[Value], kwargs: Mapping[str, Value], at: ast.AST, converting: bool,
        bound: dict[str, Type],
    ) -> list[Value]:  # fmt: skip
        """The arguments in order, one for each parameter. Raises Mismatch where they do not fit."""
        rest, left = list(args), dict(kwargs)
        inputs = []
        for place, argument in enumerate(schema.arguments):
            formal = types.of_signature(argument.type)
            if argument.keyword_only:
                given = left.pop(argument.name, None)
            elif rest and converting and self._takes_rest(schema, place, rest, formal):
                given, rest = self._as_list(rest, formal, at), []
            elif rest:
                given = rest.pop(0)
            else:
                given = left.pop(argument.name, None)
                if given is None and argument.name == "self":
                    given = left.pop("input", None)
            if given is None:
                if argument.is_required:
                    raise Mismatch(f"Argument {argument.name} not provided.")
                given = self._default(argument, formal, at)
            inputs.append(self.converted(given, formal, argument, bound, at, converting))
        if rest and not schema.takes_more:
            raise Mismatch(
                f"Expected at most {len(schema.arguments)} arguments but found {len(args)} positional arguments."
            )
        if left:
            raise Mismatch(f"Unknown keyword argument '{next(iter(left))}'.")
        return inputs + rest

    def _takes_rest(self, schema: Schema, place: int, rest: list[Value], formal: Type) -> bool:
        """Whether all further arguments are the elements of a list."""
        last = place + 1 == len(schema.arguments) or schema.arguments[place + 1].keyword_only
        if not last or not isinstance(formal, types.List) or isinstance(rest[0].type, types.List | types.Tuple):
            return False
        return len(rest) > 1 or not schema.arguments[place].spread

    def _as_list(self, values: list[Value], formal: Type, at: ast.AST) -> Value:
        (element,) = formal.parts()
        single = Argument("", "")
        converted = [self.converted(v, element, single, {}, at, True) for v in values]
        return self.emit("prim::ListConstruct", converted, (formal,), at).output

    def _default(self, argument: Argument, formal: Type, at: ast.AST) -> Value:
        value = argument.default
        if isinstance(value, list):
            element = formal.element if isinstance(formal, types.Optional) else formal
            return self.constant(value, at, element)
        if isinstance(value, int) and argument.spread and not isinstance(value, bool):
            return self.constant([value] * argument.spread, at, formal)
        return self.constant(value, at)

    def converted(
        self, value: Value, formal: Type, argument: Argument, bound: dict[str, Type], at: ast.AST, converting: bool
    ) -> Value:
        """The value as a parameter takes it. Raises Mismatch where it does not."""
        plain = formal.element if isinstance(formal, types.Optional) else formal
        if isinstance(plain, types.List) and isinstance(value.type, types.Tuple):
            value = self._list_of_tuple(value, plain, at)
        elif isinstance(plain, types.List) and argument.spread and value.type in (types.Int, types.Float, types.Bool):
            if value.type == plain.element:
                value = self.emit("prim::ListConstruct", [value] * argument.spread, (plain,), at).output
        elif converting and value.type == types.Tensor and str(plain) in _TO_NUMBER:
            value = self.call(_TO_NUMBER[str(plain)], (value,), at)
        elif converting and value.type == types.Number and str(plain) in ("int", "float"):
            value = self.call("aten::Int" if plain == types.Int else "aten::Float", (value,), at)
        elif converting and value.type == types.Str and plain == types.Device:
            value = self.emit("aten::device", (value,), (types.Device,), at, aten.schemas("aten::device")[0]).output
        if not types.match(formal, value.type, bound):
            wanted = types.bind(formal, bound) if not isinstance(formal, types.Variable) else bound[formal.name]
            raise Mismatch(
                f"Expected a value of type '{wanted}' for argument '{argument.name}' but instead found type "
                f"'{value.type}'."
            )
        return value

    def _list_of_tuple(self, value: Value, formal: types.List, at: ast.AST) -> Value:
        """A tuple of equal types as a list."""
        assert isinstance(value.type, types.Tuple)
        if not value.type.elements or not all(types.is_subtype(t, formal.element) for t in value.type.elements):
            return value
        parts = self.unpacked(value, at)
        return self.emit("prim::ListConstruct", parts, (formal,), at).output

    def unpacked(self, value: Value, at: ast.AST) -> list[Value]:
        """The elements of a tuple."""
        assert isinstance(value.type, types.Tuple)
        if value.is_constant:
            return [self.constant(one, at, t) for one, t in zip(value.constant, value.type.elements)]
        if value.node is not None and value.node.kind == "prim::TupleConstruct":
            return list(value.node.inputs)
        return self.emit("prim::TupleUnpack", (value,), value.type.elements, at).outputs


def _signature(schema: Schema) -> str:
    starred, parts = False, list[str]()
    for a in schema.arguments:
        if a.keyword_only and not starred:
            parts, starred = [*parts, "*"], True
        spread = a.type.replace("[]", f"[{a.spread}]") if a.spread else a.type
        parts.append(f"{spread} {a.name}" + ("" if a.is_required else f"={a.default}"))
    returns = ", ".join(schema.returns)
    return f"{schema}({', '.join(parts)}) -> {returns if len(schema.returns) == 1 else f'({returns})'}"


__all__ = ["Emitter", "Mismatch", "result_class", "type_of"]
