"""Statements of scripts."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from . import types
from .branches import LEFT, RESULT, RETURNED, Exit, head_of
from .frontend import UnsupportedNodeError
from .ir import Value
from .loops import Loops
from .sugar import Inner, Several, Sugar
from .types import Type


class Statements(Loops):
    """Makes nodes of all other statements."""

    # Leaving a block

    def _on_Return(self, node: ast.Return) -> Exit:
        found = self.constant(None, node) if node.value is None else self.value(node.value, self.returns)
        if self.returns is not None:
            found = self.as_declared(found, self.returns, node)
        self.last_return = node
        self.frame.names[RESULT] = found
        self.frame.names[RETURNED] = self.constant(True, node)
        return True

    def as_declared(self, value: Value, kind: Type, node: ast.AST) -> Value:
        """A result as the type that was said for it. Raises ScriptError where it is none."""
        if value.type == types.Tensor and kind in (types.Int, types.Float, types.Number):
            value = self.call(f"aten::{str(kind).title().replace('Number', 'Scalar')}Implicit", (value,), node)
        if not types.is_subtype(value.type, kind):
            self.fail(f"Return value was annotated as having type {kind} but is actually of type {value.type}", node)
        return value

    def _on_Break(self, node: ast.Break) -> Exit:
        self.frame.names[LEFT] = self.constant(True, node)
        return True

    def _on_Continue(self, node: ast.Continue) -> Exit:
        return True

    def _on_Pass(self, node: ast.Pass) -> None:
        pass

    def _on_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.expression(node.value)

    def _on_Raise(self, node: ast.Raise) -> Exit:
        kind, message = "Exception", self.constant("", node)
        if isinstance(node.exc, ast.Call):
            kind = ast.unparse(node.exc.func)
            if node.exc.args:
                parts = [self.value(a) for a in node.exc.args]
                message = parts[0] if parts[0].type == types.Str else self.call("aten::str", (parts[0],), node)
        elif node.exc is not None:
            kind = ast.unparse(node.exc)
        self.raises(message, f"builtins.{kind}" if "." not in kind else kind, node)
        return True

    def raises(self, message: Value, kind: str, node: ast.AST) -> None:
        """An exception, at the end of a block."""
        self.emit("prim::RaiseException", (message, self.constant(kind or None, node)), (), node)

    def _on_Assert(self, node: ast.Assert) -> None:
        condition = self.condition(node.test)

        def fails() -> Exit:
            text = self.constant("AssertionError: ", node) if node.msg is None else self.value(node.msg)
            if node.msg is not None and text.is_constant:
                text = self.constant(f"AssertionError: {text.constant}", node)
            elif node.msg is not None:
                text = self.call("aten::add", (self.constant("AssertionError: ", node), text), node)
            self.raises(text, "", node)
            return True

        if condition.known is None:
            self._branches(condition, lambda: False, fails, node)
        elif not condition.known:
            fails()
        if condition.known is None:
            self.refine(condition.holds, node)

    def _on_With(self, node: ast.With) -> Exit:
        for item in node.items:
            entered = self.with_item(item, node)
            if not entered:
                raise UnsupportedNodeError("with statements of this kind aren't supported", self.source, head_of(node))
        left = self.run(node.body)
        for item in reversed(node.items):
            self.leave_item(item, node)
        return left

    def with_item(self, item: ast.withitem, node: ast.With) -> bool:
        """Enters what a `with` statement names; whether it is of a kind that there is."""
        raise NotImplementedError

    def leave_item(self, item: ast.withitem, node: ast.With) -> None:
        """Leaves it."""
        raise NotImplementedError

    def _on_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function inside of a function, which stored programs have for what is forked."""
        if not self.world.has_inner_functions:
            raise UnsupportedNodeError("function definitions aren't supported", self.source, head_of(node))
        self.frame.names[node.name] = Inner(node.body)

    def _on_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.look_up(target.id, target)
                self.frame.names.pop(target.id, None)
                self.frame.missing[target.id] = ("deleted", node)
            elif isinstance(target, ast.Subscript):
                self.call("aten::Delete", (self.value(target.value), self.value(target.slice)), node)
            else:
                raise UnsupportedNodeError("del of attributes aren't supported", self.source, node)

    # Assignment

    def _on_Assign(self, node: ast.Assign) -> None:
        hint = self.declared.get(node.targets[0].id) if isinstance(node.targets[0], ast.Name) else None
        if hint is None and isinstance(node.targets[0], ast.Attribute):
            hint = self._type_of_target(node.targets[0])
        found = self.expression(node.value, hint)
        for target in node.targets:
            self.assign(target, found)

    def _type_of_target(self, target: ast.Attribute) -> Type | None:
        """The type that an attribute has."""
        owner = self.frame.find(target.value.id) if isinstance(target.value, ast.Name) else None
        if isinstance(owner, Value) and isinstance(owner.type, types.Class):
            return owner.type.attributes.get(target.attr)
        return None

    def _on_AnnAssign(self, node: ast.AnnAssign) -> None:
        kind = self.world.annotation(node.annotation, self.source)
        if isinstance(node.target, ast.Attribute):
            if node.value is not None:
                self.assign(node.target, self.value(node.value, kind))
            return
        assert isinstance(node.target, ast.Name)
        if node.value is None:
            self.declared[node.target.id] = kind
            return
        value = self.value(node.value, kind)
        if not types.is_subtype(value.type, kind):
            self.fail(
                f"Variable '{node.target.id}' is annotated with type {kind} but is being assigned to a value of type "
                f"{value.type}", node.target,
            )  # fmt: skip
        self.declared[node.target.id] = kind
        self.store(node.target.id, value, node.target)

    def assign(self, target: ast.expr, found: Value | Sugar) -> None:
        """`target = found`."""
        if isinstance(target, ast.Name):
            self.store(target.id, found, target)
        elif isinstance(target, ast.Tuple | ast.List):
            self._assign_parts(target, found)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value)
            self.set_attribute(owner, target.attr, self.as_value(found, target), target)
        elif isinstance(target, ast.Subscript):
            self.assign_element(self.value(target.value), target.slice, self.as_value(found, target), target)
        else:
            raise UnsupportedNodeError("assignment to this aren't supported", self.source, target)

    def _assign_parts(self, target: ast.Tuple | ast.List, found: Value | Sugar) -> None:
        """Unpacks a tuple or a list into several names, of which one may take all that is left."""
        star = next((k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)), None)
        parts = self._parts(target, found, star)
        count = len(target.elts)
        if star is None:
            if len(parts) != count:
                few = (
                    "need {} values to unpack but found only {}"
                    if len(parts) < count
                    else ("too many values to unpack: need {} but found {}")
                )
                self.fail(few.format(count, len(parts)), target)
            for one, part in zip(target.elts, parts):
                self.assign(one, part)
            return
        after = count - star - 1
        for one, part in zip(target.elts[:star], parts):
            self.assign(one, part)
        starred = target.elts[star]
        assert isinstance(starred, ast.Starred)
        self.assign(starred.value, Several(parts[star : len(parts) - after]))
        for one, part in zip(target.elts[star + 1 :], parts[len(parts) - after :]):
            self.assign(one, part)

    def _parts(self, target: ast.Tuple | ast.List, found: Value | Sugar, star: int | None) -> Sequence[Value | Sugar]:
        if isinstance(found, Several):
            return found.parts
        value = self.as_value(found, target)
        if isinstance(value.type, types.Tuple):
            return self.unpacked(value, target)
        if isinstance(value.type, types.List) and star is None:
            kind = value.type.element
            return self.emit("prim::ListUnpack", (value,), [kind] * len(target.elts), target).outputs
        if value.type == types.Tensor and star is None:
            listed = self.call("aten::unbind", (value, self.constant(0, target)), target)
            return self.emit("prim::ListUnpack", (listed,), [types.Tensor] * len(target.elts), target).outputs
        self.fail(f"{value.type} cannot be used as a tuple", target)

    def _on_AugAssign(self, node: ast.AugAssign) -> None:
        op, target = type(node.op), node.target
        reading = ast.copy_location(_loaded(target), target)
        left, right = self.value(reading), self.value(node.value)
        if isinstance(left.type, types.Class):
            magic = self.magic(f"__i{_PLAIN.get(op, '')}__", left, (right,), node)
            self.assign(target, self.binary(op, left, right, node) if magic is None else magic)
            return
        in_place = _IN_PLACE.get(op)
        grows = isinstance(left.type, types.List) and op is ast.Add
        if in_place is None or (left.type != types.Tensor and not grows):
            self.assign(target, self.binary(op, left, right, node))
            return
        found = self.call(f"aten::{in_place}", (left, right), node)
        if not isinstance(target, ast.Subscript):
            self.assign(target, found)


_PLAIN = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv"}
_IN_PLACE = {
    ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_", ast.Div: "div_", ast.FloorDiv: "floor_divide_",
    ast.Mod: "remainder_", ast.Pow: "pow_", ast.BitAnd: "__iand__", ast.BitOr: "__ior__", ast.BitXor: "__ixor__",
    ast.LShift: "__ilshift__", ast.RShift: "__irshift__",
}  # fmt: skip


def _loaded(target: ast.expr) -> ast.expr:
    """The target of an assignment as an expression."""
    copied = ast.parse(ast.unparse(target), mode="eval").body
    for part in ast.walk(copied):
        ast.copy_location(part, target)
    return copied


__all__ = ["Statements"]
