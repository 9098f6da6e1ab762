"""Loops of scripts, and comprehensions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from . import types
from .branches import LEFT, RESULT, RETURNED, Branches, Exit, constant_in, head_of, is_visible
from .frontend import NotSupportedError
from .ir import Node, Value
from .scopes import Frame
from .sugar import Members, Range, Several, Sugar, Zipped
from .types import Type

_ENDLESS = 9223372036854775807


class Loops(Branches):
    """Makes nodes of loops."""

    def assign(self, target: ast.expr, found: Value | Sugar) -> None:
        """`target = found`. `statements.py` does it."""
        raise NotImplementedError

    def _on_While(self, node: ast.While) -> Exit:
        self._no_else(node)

        def test(first: bool) -> Value:
            condition = self.condition(node.test)
            return self.constant(condition.known, node.test) if condition.value is None else condition.value

        return self._loop(node, self.constant(_ENDLESS, node, types.Int), test, None)

    def _on_For(self, node: ast.For) -> Exit:
        self._no_else(node)
        over = self.expression(node.iter)
        parts = self.static_elements(over, node.iter)
        if parts is not None:
            return self._unrolled(node, parts)
        count, element = self.counted(over, node.iter)
        return self._loop(node, count, None, lambda at: self.assign(node.target, element(at)))

    def _no_else(self, node: ast.For | ast.While) -> None:
        if node.orelse:
            raise NotSupportedError("else branches of loops aren't supported", self.source, head_of(node))

    def _unrolled(self, node: ast.For, parts: Sequence[Value | Sugar]) -> Exit:
        """A loop over what is known when it is compiled: its body for each."""
        if _leaves_loop(node.body):
            raise NotSupportedError(
                "break, continue and return in loops over modules or tuples aren't supported",
                self.source,
                head_of(node),
            )
        for part in parts:
            self.assign(node.target, part)
            self.run(node.body)
        return False

    def _loop(
        self, node: ast.For | ast.While, count: Value, test: Callable[[bool], Value] | None,
        begin: Callable[[Value], None] | None,
    ) -> Exit:  # fmt: skip
        start = self.constant(True, node) if test is None else test(True)
        loop = self.emit("prim::Loop", (count, start), (), node)
        body = loop.add_block()
        index = body.add_param(types.Int)
        carried = [name for name in _assigned(node.body) if isinstance(self.frame.find(name), Value)]
        for name in carried:
            before = self.frame.find(name)
            assert isinstance(before, Value)
            loop.add_input(before)
            body.add_param(self.declared.get(name, before.type), name)
        outer, self.block = self.block, body
        self.enter()
        self.frame.names.update(zip(carried, body.params[1:]))
        if begin is not None:
            begin(index)
        left = self.run(node.body)
        goes_on = self._goes_on(left, test, node)
        frame = self.leave()
        self.block = outer
        body.end.add_input(goes_on)
        return self._carry(loop, frame, carried, node)

    def _goes_on(self, left: Exit, test: Callable[[bool], Value] | None, node: ast.AST) -> Value:
        """Whether the loop runs again."""
        flags = [v for v in map(self.frame.names.get, (LEFT, RETURNED)) if isinstance(v, Value)]
        if not flags:
            return self.constant(True, node) if test is None else test(False)
        if all(f.is_constant for f in flags) and any(f.constant for f in flags):
            return self.constant(False, node)
        gone = flags[0]
        for flag in flags[1:]:
            gone = self.call("aten::__or__", (gone, flag), node)
        outcome = self.emit("prim::If", (gone,), (types.Bool,), node)
        stop, again = outcome.add_block(), outcome.add_block()
        stop.end.add_input(constant_in(stop, False, types.Bool))
        outer, self.block = self.block, again
        again.end.add_input(self.constant(True, node) if test is None else test(False))
        self.block = outer
        return outcome.output

    def _carry(self, loop: Node, frame: Frame, carried: list[str], node: ast.AST) -> Exit:
        """The values that go from one round to the next, and out of the loop."""
        (body,) = loop.blocks
        order = [name for name in frame.names if name in carried]
        params = dict(zip(carried, body.params[1:]))
        before = dict(zip(carried, loop.inputs[2:]))
        while len(loop.inputs) > 2:
            loop.drop_input(-1)
        body.params[1:] = []
        for name in [*order, RESULT, RETURNED]:
            value = frame.names.get(name)
            if not isinstance(value, Value):
                continue
            param = params.get(name) or Value(value.type, None)
            if not types.is_subtype(value.type, param.type):
                self.fail(
                    f"Variable '{name}' previously had type {param.type} but is now being assigned to a value of type "
                    f"{value.type}\n", node,
                )  # fmt: skip
            start = before.get(name) or self._absent_before(loop, name, value.type)
            loop.add_input(start)
            body.params.append(param)
            body.end.add_input(value if is_visible(value, body) else param)
            loop.outputs.append(Value(param.type, loop, param.name))
            self.frame.names.pop(name, None)
            self.frame.names[name] = loop.outputs[-1]
        for name in params:
            if name not in order:
                params[name].replace_by(before[name])
        returned = self.frame.names.get(RETURNED)
        return returned if RETURNED in frame.names and isinstance(returned, Value) else False

    def _absent_before(self, loop: Node, name: str, kind: Type) -> Value:
        made = (
            Node("prim::Constant", (), (types.Bool,), value=False)
            if name == RETURNED
            else Node("prim::Uninitialized", (), (kind,))
        )
        return made.before(loop).output

    def counted(self, over: Value | Sugar, node: ast.expr) -> tuple[Value, Callable[[Value], Value | Sugar]]:
        """How many elements a loop goes through, and the one at a place."""
        if isinstance(over, Range):
            return self._counted_range(over, node)
        if isinstance(over, Zipped):
            parts = [self.counted(part, node) for part in over.parts]
            ends = [length for length, _ in parts]
            listed = self.emit("prim::ListConstruct", ends, (types.List(types.Int),), node).output
            return self.call("prim::min", (listed,), node), lambda at: Several([get(at) for _, get in parts])
        value = self.as_value(over, node)
        if isinstance(value.type, types.Dict):
            value = self.call("aten::keys", (value,), node)
        if value.type == types.Tensor:
            dim = self.constant(0, node)
            length = self.call("aten::len", (value,), node)
            return length, lambda at: self.call("aten::select", (value, dim, at), node)
        if not isinstance(value.type, types.List) and value.type != types.Str:
            self.fail(f"'{value.type}' object is not iterable", node)
        length = self.call("aten::len", (value,), node)
        return length, lambda at: self.call("aten::__getitem__", (value, at), node)

    def _counted_range(self, over: Range, node: ast.expr) -> tuple[Value, Callable[[Value], Value | Sugar]]:
        if not over.bounds:
            return self.constant(_ENDLESS, node, types.Int), lambda at: at
        if len(over.bounds) == 1:
            return over.bounds[0], lambda at: at
        start, stop = over.bounds[:2]
        step = over.bounds[2] if len(over.bounds) > 2 else self.constant(1, node)
        count = self.call("aten::__range_length", (start, stop, step), node)
        return count, lambda at: self.call("aten::__derive_index", (at, start, step), node)

    def static_elements(self, over: Value | Sugar, node: ast.expr) -> Sequence[Value | Sugar] | None:
        """What a loop goes through, where that is known when it is compiled."""
        if isinstance(over, Several):
            return over.parts
        if isinstance(over, Value) and isinstance(over.type, types.Tuple):
            return self.unpacked(over, node)
        if isinstance(over, Members) or (isinstance(over, Value) and isinstance(over.type, types.Class)):
            inner = over.owner if isinstance(over, Members) else over
            kind = over.kind if isinstance(over, Members) else ""
            found = self.world.member(inner, f"*{kind}", self, node)
            return found.parts if isinstance(found, Several) else None
        if isinstance(over, Zipped):
            parts = [self.static_elements(part, node) for part in over.parts]
            known = [len(p) for p in parts if p is not None]
            if not known:
                return None
            length = min(known)
            rows = [p if p is not None else self._at_places(over.parts[k], length, node) for k, p in enumerate(parts)]
            return [Several(row) for row in zip(*rows)]
        return None

    def _at_places(self, over: Any, length: int, node: ast.expr) -> list[Value | Sugar]:
        _, get = self.counted(over, node)
        return [get(self.constant(at, node)) for at in range(length)]

    def _of_ListComp(self, node: ast.ListComp, hint: Type | None) -> Value:
        (generator, *more) = node.generators
        if more:
            raise NotSupportedError("Only a single generator is currently supported", self.source, node)
        if generator.ifs:
            raise NotSupportedError("Comprehension ifs are not supported yet", self.source, node)
        inside = hint.element if isinstance(hint, types.List) else None
        made = self.emit("prim::ListConstruct", (), (types.List(inside or types.Tensor),), node)
        over = self.expression(generator.iter)
        known = self.static_elements(over, generator.iter)
        if known is not None:
            made.remove()
            return self._listed_static(node, generator.target, known, inside)
        count, element = self.counted(over, generator.iter)
        loop = self.emit("prim::Loop", (count, self.constant(True, node)), (), node)
        body = loop.add_block()
        index = body.add_param(types.Int)

        def fill() -> None:
            self.assign(generator.target, element(index))
            value = self.value(node.elt)
            made.output.type = types.List(inside or value.type)
            self.call("aten::append", (made.output, value), node)
            body.end.add_input(self.constant(True, node))

        self.inside(body, fill, {}, node)
        return made.output

    def _listed_static(
        self, node: ast.ListComp, target: ast.expr, known: Sequence[Value | Sugar], inside: Type | None
    ) -> Value:
        values = []
        for part in known:
            self.enter()
            self.assign(target, part)
            values.append(self.value(node.elt))
            self.leave()
        kind = inside or (types.unify_all([v.type for v in values]) if values else types.Tensor)
        assert kind is not None
        return self.emit("prim::ListConstruct", values, (types.List(kind),), node).output

    def _of_DictComp(self, node: ast.DictComp, hint: Type | None) -> Value:
        (generator, *more) = node.generators
        if more or generator.ifs:
            raise NotSupportedError("Comprehension ifs are not supported yet", self.source, node)
        count, element = self.counted(self.expression(generator.iter), generator.iter)
        made = self.emit("prim::DictConstruct", (), (hint or types.Dict(types.Str, types.Tensor),), node)
        loop = self.emit("prim::Loop", (count, self.constant(True, node)), (), node)
        body = loop.add_block()
        index = body.add_param(types.Int)

        def fill() -> None:
            self.assign(generator.target, element(index))
            key, value = self.value(node.key), self.value(node.value)
            made.output.type = types.Dict(key.type, value.type)
            self.call("aten::_set_item", (made.output, key, value), node)
            body.end.add_input(self.constant(True, node))

        self.inside(body, fill, {}, node)
        return made.output


def _leaves_loop(body: Sequence[ast.stmt]) -> bool:
    """Whether statements leave the loop they stand in."""
    for node in body:
        if isinstance(node, ast.Break | ast.Continue | ast.Return):
            return True
        inner = [*getattr(node, "body", ()), *getattr(node, "orelse", ())]
        if isinstance(node, ast.For | ast.While):
            if any(isinstance(n, ast.Return) for n in ast.walk(node)):
                return True
        elif _leaves_loop([n for n in inner if isinstance(n, ast.stmt)]):
            return True
    return False


def _assigned(body: Sequence[ast.stmt]) -> list[str]:
    """The names that statements assign to, in the order in which they come."""
    found: dict[str, None] = {}
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = None
            if isinstance(node, ast.If | ast.Compare | ast.Assert):  # which may tell more of a name
                found.update((n.id, None) for n in ast.walk(node) if isinstance(n, ast.Name))
    return list(found)


__all__ = ["Loops"]
