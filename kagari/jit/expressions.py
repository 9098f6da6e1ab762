"""Expressions of scripts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from . import codes, types
from .calls import Calls
from .emitting import type_of
from .frontend import NotSupportedError, UnsupportedNodeError
from .ir import Block, Value
from .sugar import Several, Static, Sugar
from .types import Type

_BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "remainder",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "__and__", ast.BitOr: "__or__", ast.BitXor: "__xor__",
    ast.LShift: "__lshift__", ast.RShift: "__rshift__",
}  # fmt: skip
_COMPARE = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Is: "__is__",
    ast.IsNot: "__isnot__",
}  # fmt: skip
_MAGIC = {
    ast.Add: "__add__", ast.Sub: "__sub__", ast.Mult: "__mul__", ast.Div: "__truediv__", ast.FloorDiv: "__floordiv__",
    ast.Mod: "__mod__", ast.Pow: "__pow__", ast.MatMult: "__matmul__", ast.Eq: "__eq__", ast.NotEq: "__ne__",
    ast.Lt: "__lt__", ast.LtE: "__le__", ast.Gt: "__gt__", ast.GtE: "__ge__", ast.USub: "__neg__",
}  # fmt: skip
Refinement = dict[str, Type]
T = TypeVar("T")


class Condition:
    """A condition: its value, what it is if that is known, and what it tells of variables where it holds or fails."""

    def __init__(
        self, value: Value | None, known: bool | None = None, holds: Refinement | None = None,
        fails: Refinement | None = None,
    ) -> None:  # fmt: skip
        self.value, self.known = value, known
        self.holds, self.fails = holds or {}, fails or {}


class Expressions(Calls):
    """Makes values of expressions."""

    def value(self, node: ast.expr, hint: Type | None = None) -> Value:
        """The value of an expression. Raises ScriptError for what is none, such as a function."""
        return self.as_value(self.expression(node, hint), node)

    def as_value(self, found: Value | Sugar, node: ast.AST) -> Value:
        """What was found as a value."""
        if isinstance(found, Value):
            return found
        if isinstance(found, Several):
            parts = [self.as_value(part, node) for part in found.parts]
            return self.emit("prim::TupleConstruct", parts, (types.Tuple(tuple(p.type for p in parts)),), node).output
        if isinstance(found, Static):
            number = codes.of_object(found.value)
            if number is not None:
                return self.constant(number, node)
            if type_of(found.value) is not None and not isinstance(found.value, str):
                return self.constant(found.value, node)
            kind = type(found.value).__name__
            self.fail(
                f"python value of type '{kind}' cannot be used as a value. Perhaps it is a closed over global "
                "variable? If so, please consider passing it in as an argument or use a local varible instead.", node,
            )  # fmt: skip
        self.fail(f"{type(found).__name__.lower()} cannot be used as a value", node)

    def expression(self, node: ast.expr, hint: Type | None = None) -> Value | Sugar:
        """What an expression stands for; `hint` is the type that is wanted of it."""
        method: Callable[..., Any] | None = getattr(self, f"_of_{type(node).__name__}", None)
        if method is None:
            raise UnsupportedNodeError(f"{type(node).__name__} aren't supported", self.source, first_letter(node))
        found: Value | Sugar = method(node, hint)
        return found

    # Literals and names

    def _of_Constant(self, node: ast.Constant, hint: Type | None) -> Value:
        if node.value is None and isinstance(hint, types.Optional):
            return self.constant(None, node, hint)
        if node.value is ... or isinstance(node.value, bytes):
            raise UnsupportedNodeError(f"{type(node.value).__name__} aren't supported", self.source, node)
        return self.constant(node.value, node)

    def _of_Name(self, node: ast.Name, hint: Type | None) -> Value | Sugar:
        return self.look_up(node.id, node)

    def _of_Tuple(self, node: ast.Tuple, hint: Type | None) -> Value | Sugar:
        hints: Sequence[Type | None] = [None] * len(node.elts)
        if isinstance(hint, types.Tuple) and len(hint.elements) == len(node.elts):
            hints = hint.elements
        parts = [self.expression(one, h) for one, h in zip(node.elts, hints)]
        several = Several(parts)
        return self.as_value(several, node) if all(isinstance(p, Value) for p in parts) else several

    def _of_List(self, node: ast.List, hint: Type | None) -> Value:
        wanted = hint.element if isinstance(hint, types.Optional) else hint
        inside = wanted.element if isinstance(wanted, types.List) else None
        values = [self.value(one, inside) for one in node.elts]
        if inside is None:
            found = types.unify_all([v.type for v in values]) if values else types.Tensor
            if found is None:
                self.fail(f"Lists must contain only a single type, but found {_listed(values)}", node)
            inside = found
        for value in values:
            if not types.is_subtype(value.type, inside):
                self.fail(
                    f"List type annotation `List[{inside}]` did not match the types of the given list elements: "
                    f"{_listed(values)}", node,
                )  # fmt: skip
        made = self.emit("prim::ListConstruct", values, (types.List(inside),), node).output
        if not values and hint is None:
            self.nameless.add(made)
        return made

    def _of_Dict(self, node: ast.Dict, hint: Type | None) -> Value:
        wanted = hint.element if isinstance(hint, types.Optional) else hint
        kind = wanted if isinstance(wanted, types.Dict) else None
        flat: list[Value] = []
        for key, value in zip(node.keys, node.values):
            if key is None:
                raise NotSupportedError("Dict expansion (**dict) is not supported", self.source, node)
            flat += [self.value(key), self.value(value, kind.value if kind else None)]
        if kind is None:
            keys = types.unify_all([v.type for v in flat[::2]]) if flat else types.Str
            values = types.unify_all([v.type for v in flat[1::2]]) if flat else types.Tensor
            if keys is None or values is None:
                self.fail("Dict keys and values must each be of a single type", node)
            kind = types.Dict(keys, values)
        return self.emit("prim::DictConstruct", flat, (kind,), node).output

    def _of_JoinedStr(self, node: ast.JoinedStr, hint: Type | None) -> Value:
        text, values = "", []
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            else:
                assert isinstance(part, ast.FormattedValue)
                if part.conversion != -1:
                    raise NotSupportedError("Don't support conversion in JoinedStr", self.source, part)
                if part.format_spec is not None:
                    raise NotSupportedError("Don't support formatting in JoinedStr", self.source, part)
                text += "{}"
                values.append(self.value(part.value))
        return self.call("aten::format", (self.constant(text, node), *values), node)

    # Operators

    def _of_BinOp(self, node: ast.BinOp, hint: Type | None) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        return self.binary(type(node.op), left, right, node)

    def binary(self, op: type[ast.operator], left: Value, right: Value, node: ast.AST) -> Value:
        """The value of an operator on two."""
        magic = self.magic(_MAGIC.get(op, ""), left, (right,), node)
        if magic is not None:
            return magic
        name = _BINARY[op]
        if op is ast.Mod and left.type == types.Str:
            return self.call("aten::percentFormat", (left, right), node)
        if op is ast.FloorDiv and types.Tensor in (left.type, right.type):
            name = "floor_divide"
        return self.call(f"aten::{name}", (left, right), node)

    def magic(self, name: str, owner: Value, args: tuple[Value, ...], node: ast.AST) -> Value | None:
        """What a special method of a script's class gives; None where there is none."""
        if not isinstance(owner.type, types.Class) or name not in owner.type.methods:
            return None
        return self.call_method(owner, owner.type.methods[name], args, {}, node)

    def _of_UnaryOp(self, node: ast.UnaryOp, hint: Type | None) -> Value:
        if isinstance(node.op, ast.Not):
            return self._condition_value(self.condition(node), node)
        operand = self.value(node.operand)
        if isinstance(node.op, ast.USub) and operand.is_constant and operand.type in types.NUMBERS:
            found = -operand.constant
            assert operand.node is not None
            operand.node.remove()
            return self.constant(found, node)
        if isinstance(node.op, ast.USub):
            magic = self.magic("__neg__", operand, (), node)
            return self.call("aten::neg", (operand,), node) if magic is None else magic
        if isinstance(node.op, ast.Invert):
            return self.call("aten::bitwise_not", (operand,), node)
        raise UnsupportedNodeError("unary plus aren't supported", self.source, node)

    def _of_Compare(self, node: ast.Compare, hint: Type | None) -> Value:
        if len(node.ops) > 1:
            return self._condition_value(self.condition(node), node)
        op, left = node.ops[0], self.value(node.left)
        right = self.value(node.comparators[0])
        return self.compared(type(op), left, right, node)

    def compared(self, op: type[ast.cmpop], left: Value, right: Value, node: ast.AST) -> Value:
        """The value of a comparison."""
        if op in (ast.In, ast.NotIn):
            if isinstance(right.type, types.Tuple) and right.type.elements:
                right = self._list_of_tuple(right, types.List(right.type.elements[0]), node)
            found = self.magic("__contains__", right, (left,), node)
            if found is None:
                found = self.call("aten::__contains__", (right, left), node)
            return self.call("aten::__not__", (found,), node) if op is ast.NotIn else found
        magic = self.magic(_MAGIC.get(op, ""), left, (right,), node)
        return self.call(f"aten::{_COMPARE[op]}", (left, right), node) if magic is None else magic

    # Conditions

    def told_condition(self, node: ast.expr) -> Condition | None:
        """A condition that tells what it says of types. `special.py` knows them."""
        raise NotImplementedError

    def condition(self, node: ast.expr) -> Condition:
        """A condition, with what it tells."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            known = None if inner.known is None else not inner.known
            value = None if inner.value is None else self.call("aten::__not__", (inner.value,), node)
            return Condition(value, known, inner.fails, inner.holds)
        if isinstance(node, ast.BoolOp):
            return self._joined(node)
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            return self._joined(_pairs(node))
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
            return self._against_none(node)
        told = self.told_condition(node)
        if told is not None:
            return told
        value = self.as_bool(self.value(node), node)
        known = bool(value.constant) if value.is_constant else None
        return Condition(value, known)

    def as_bool(self, value: Value, node: ast.AST) -> Value:
        """The value as a condition."""
        if value.type == types.Bool:
            return value
        magic = self.magic("__bool__", value, (), node) or self.magic("__len__", value, (), node)
        if magic is not None:
            return magic if magic.type == types.Bool else self.call("aten::Bool", (magic,), node)
        if value.type not in (types.Tensor, types.Int, types.Float, types.Number):
            self.fail(f"Could not cast value of type {value.type} to bool", node)
        return self.call("aten::Bool", (value,), node)

    def _condition_value(self, condition: Condition, node: ast.AST) -> Value:
        return self.constant(condition.known, node) if condition.value is None else condition.value

    def _against_none(self, node: ast.Compare) -> Condition:
        """`x is None` and its negation."""
        left, right = self.value(node.left), self.value(node.comparators[0])
        negated = isinstance(node.ops[0], ast.IsNot)
        other, subject = (left, node.comparators[0]) if left.type == types.Nothing else (right, node.left)
        tested = right if other is left else left
        if other.type != types.Nothing:
            return Condition(self.compared(type(node.ops[0]), left, right, node))
        if tested.type == types.Nothing:
            return Condition(None, not negated)
        if not isinstance(tested.type, types.Optional) and tested.type != types.Anything:
            return Condition(None, negated)
        value = self.compared(type(node.ops[0]), left, right, node)
        some: Refinement = {}
        if isinstance(subject, ast.Name) and isinstance(tested.type, types.Optional):
            some[subject.id] = tested.type.element
        return Condition(value, None, some if negated else {}, {} if negated else some)

    def _joined(self, node: ast.BoolOp) -> Condition:
        """Conditions joined by `and` or `or`, of which later ones are looked at where the earlier leave it open."""
        first = self.condition(node.values[0])
        if len(node.values) == 1:
            return first
        rest = ast.copy_location(ast.BoolOp(node.op, node.values[1:]), node)
        conjunction = isinstance(node.op, ast.And)
        if first.known is not None:
            if first.known is not conjunction:
                return Condition(None, first.known, first.holds, first.fails)
            return self._joined(rest)
        assert first.value is not None
        outcome = self.emit("prim::If", (first.value,), (types.Bool,), node)
        inner, other = outcome.add_block(), outcome.add_block()
        second: list[Condition] = []

        def evaluate() -> Value:
            second.append(self._joined(rest))
            return self._condition_value(second[0], node)

        def settled() -> Value:
            return self.constant(not conjunction, node)

        makers = (evaluate, settled) if conjunction else (settled, evaluate)
        for block, make, refined in zip((inner, other), makers, (first.holds, first.fails)):
            block.end.add_input(self.inside(block, make, refined, node))
        later = second[0]
        if later.known is not None:
            outcome.remove()
            if later.known is conjunction:
                return first
            return Condition(None, later.known)
        if conjunction:
            return Condition(outcome.output, None, {**first.holds, **later.holds}, {})
        return Condition(outcome.output, None, {}, {**first.fails, **later.fails})

    def _of_BoolOp(self, node: ast.BoolOp, hint: Type | None) -> Value:
        return self._condition_value(self._joined(node), node)

    def _of_IfExp(self, node: ast.IfExp, hint: Type | None) -> Value | Sugar:
        condition = self.condition(node.test)
        if condition.known is not None:
            return self.expression(node.body if condition.known else node.orelse, hint)
        assert condition.value is not None
        outcome = self.emit("prim::If", (condition.value,), (), node)
        results: list[Value] = []
        for part, refined in ((node.body, condition.holds), (node.orelse, condition.fails)):
            block = outcome.add_block()
            results.append(self.inside(block, partial(self.value, part, hint), refined, node))
        kind = hint or types.unify(results[0].type, results[1].type)
        if kind is None:
            self.fail(
                f"type mismatch in the branches of a conditional expression: {results[0].type} and {results[1].type}",
                node,
            )
        for block, value in zip(outcome.blocks, results):
            block.end.add_input(value)
        outcome.outputs = [Value(kind, outcome)]
        return outcome.output

    def inside(self, block: Block, make: Callable[[], T], refined: Refinement, node: ast.AST) -> T:
        """What is made in a block, with what is known of variables there."""
        outer = self.block
        self.block = block
        self.enter()
        self.refine(refined, node)
        made = make()
        self.leave()
        self.block = outer
        return made


def first_letter(node: ast.expr) -> ast.AST:
    """The place where an expression begins."""
    line, column = node.lineno, node.col_offset
    return ast.Pass(lineno=line, col_offset=column, end_lineno=line, end_col_offset=column + 1)


def _pairs(node: ast.Compare) -> ast.BoolOp:
    """`a < b < c` as two comparisons."""
    operands = [node.left, *node.comparators]
    parts = [ast.copy_location(ast.Compare(a, [op], [b]), node) for a, op, b in zip(operands, node.ops, operands[1:])]
    return ast.copy_location(ast.BoolOp(ast.And(), list(parts)), node)


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(str(v.type) for v in values)


__all__ = ["Condition", "Expressions"]
