"""Statements of scripts, and the functions that they make."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from . import types
from .expressions import Condition, Expressions
from .frontend import NotSupportedError, UnsupportedNodeError
from .ir import Block, Node, Value
from .scopes import Frame
from .sugar import Inner, Members, Range, Several, Sugar, Zipped
from .types import Type

_RESULT, _RETURNED, _LEFT = "$result", "$returned", "$left"
_ENDLESS = 9223372036854775807
_NAMES = {ast.Try: "try blocks", ast.Global: "global variables", ast.Nonlocal: "nonlocal variables",
          ast.Import: "import statements", ast.ImportFrom: "import statements", ast.ClassDef: "class definitions",
          ast.AsyncFunctionDef: "async function definitions", ast.AsyncFor: "async for loops",
          ast.AsyncWith: "async with statements", ast.Match: "match statements"}  # fmt: skip
# How a block ends: always by leaving it (True), never (False), or as a value says.
Exit = bool | Value


class Statements(Expressions):
    """Makes nodes of statements."""

    returns: Type | None = None  # what the function is to give, where that was said

    def run(self, body: Sequence[ast.stmt]) -> Exit:
        """The nodes of statements."""
        for at, statement in enumerate(body):
            rest = body[at + 1 :]
            if isinstance(statement, ast.If):
                left = self._if(statement, rest)
                if left is not None:
                    return left
                continue
            left = self.statement(statement)
            if left is True:
                return True
            if left is not False:
                return self._guarded(left, rest, statement)
        return False

    def statement(self, node: ast.stmt) -> Exit:
        """The nodes of one statement; whether it leaves the block."""
        method: Callable[..., Exit | None] | None = getattr(self, f"_on_{type(node).__name__}", None)
        if method is None:
            what = _NAMES.get(type(node), type(node).__name__)
            raise UnsupportedNodeError(f"{what} aren't supported", self.source, _head(node))
        left = method(node)
        return False if left is None else left

    def _guarded(self, left: Value, rest: Sequence[ast.stmt], node: ast.stmt) -> Exit:
        """What follows a statement that may have left the block."""
        if not rest:
            return left
        condition = Condition(left)
        return self._branches(condition, lambda: True, lambda: self.run(rest), node)

    # Branches

    def _if(self, node: ast.If, rest: Sequence[ast.stmt]) -> Exit | None:
        """None where what follows is still to be run."""
        condition = self.condition(node.test)
        if condition.known is not None:
            left = self.run([*(node.body if condition.known else node.orelse), *rest])
            return left
        first, second = _always_leaves(node.body), _always_leaves(node.orelse)
        body, orelse = list(node.body), list(node.orelse)
        if first and not second and not _only_raises(body):
            orelse, rest = [*orelse, *rest], ()
        elif second and not first and not _only_raises(orelse):
            body, rest = [*body, *rest], ()
        left = self._branches(condition, lambda: self.run(body), lambda: self.run(orelse), node)
        if left is False:
            return None if rest else False
        if left is True:
            return True
        return self._guarded(left, rest, node)

    def _branches(
        self, condition: Condition, body: Callable[[], Exit], orelse: Callable[[], Exit], node: ast.AST
    ) -> Exit:
        """A conditional statement of two parts."""
        assert condition.value is not None
        outcome = self.emit("prim::If", (condition.value,), (), node)
        frames, exits = [], []
        for run, refined in ((body, condition.holds), (orelse, condition.fails)):
            outer, self.block = self.block, outcome.add_block()
            self.enter()
            self.refine(refined, node)
            exits.append(run())
            frames.append(self.leave())
            self.block = outer
        raised = [_raises(block) for block in outcome.blocks]
        self._merge(outcome, frames, raised, node)
        if exits[0] is exits[1] and isinstance(exits[0], bool):
            return exits[0]
        if any(raised):
            return exits[raised.index(False)] if not all(raised) else True
        for block, left in zip(outcome.blocks, exits):
            value = left if isinstance(left, Value) else _constant_in(block, left, types.Bool)
            block.end.add_input(value)
        outcome.outputs.append(Value(types.Bool, outcome))
        return outcome.outputs[-1]

    def _merge(self, outcome: Node, frames: list[Frame], raised: list[bool], node: ast.AST) -> None:
        """Has names stand for what they stand for after either of two blocks."""
        first, second = frames
        for name in reversed([*first.names, *(n for n in second.names if n not in first.names)]):
            sides = [frame.find(name) for frame in frames]
            if all(side is sides[0] for side in sides):
                continue
            found = self._merged(name, outcome, sides, raised, node)
            if found is not None:
                self.frame.names.pop(name, None)
                self.frame.names[name] = found

    def _merged(
        self, name: str, outcome: Node, sides: list[Value | Sugar | None], raised: list[bool], node: ast.AST
    ) -> Value | Sugar | None:
        for at, side in enumerate(sides):
            if side is None and not raised[at] and not name.startswith("$"):
                self.frame.missing[name] = ("false" if at else "true"), node
                self.frame.names.pop(name, None)
                return None
        known = [s for s, gone in zip(sides, raised) if s is not None and not gone]
        if not known:
            return None
        if not all(isinstance(k, Value) for k in known):
            return known[0]
        kinds = [k.type for k in known if isinstance(k, Value)]
        common = types.unify_all(kinds) or self.declared.get(name)
        kind = self._refuse_types(name, kinds, node) if common is None else common
        for block, side in zip(outcome.blocks, sides):
            value = side if isinstance(side, Value) else _absent(block, name, kind)
            if isinstance(side, Value) and not _is_visible(side, block):
                value = _absent(block, name, kind)
            block.end.add_input(value)
        made = Value(kind, outcome, "" if name.startswith("$") else name)
        outcome.outputs.append(made)
        return made

    def _refuse_types(self, name: str, kinds: Sequence[Type], node: ast.AST) -> NoReturn:
        if name == _RESULT:
            self.fail(
                f"Previous return statement returned a value of type {kinds[0]} but this return statement returns a "
                f"value of type {kinds[-1]}", self.last_return or node,
            )  # fmt: skip
        self.fail(
            f"Type mismatch: {name} is set to type {kinds[0]} in the true branch and type {kinds[-1]} in the false "
            "branch", node,
        )  # fmt: skip

    # Loops

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
            raise NotSupportedError("else branches of loops aren't supported", self.source, _head(node))

    def _unrolled(self, node: ast.For, parts: Sequence[Value | Sugar]) -> Exit:
        """A loop over what is known when it is compiled: its body for each."""
        if _leaves_loop(node.body):
            raise NotSupportedError(
                "break, continue and return in loops over modules or tuples aren't supported", self.source, _head(node)
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
        flags = [v for v in map(self.frame.names.get, (_LEFT, _RETURNED)) if isinstance(v, Value)]
        if not flags:
            return self.constant(True, node) if test is None else test(False)
        if all(f.is_constant for f in flags) and any(f.constant for f in flags):
            return self.constant(False, node)
        gone = flags[0]
        for flag in flags[1:]:
            gone = self.call("aten::__or__", (gone, flag), node)
        outcome = self.emit("prim::If", (gone,), (types.Bool,), node)
        stop, again = outcome.add_block(), outcome.add_block()
        stop.end.add_input(_constant_in(stop, False, types.Bool))
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
        for name in [*order, _RESULT, _RETURNED]:
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
            body.end.add_input(value if _is_visible(value, body) else param)
            loop.outputs.append(Value(param.type, loop, param.name))
            self.frame.names.pop(name, None)
            self.frame.names[name] = loop.outputs[-1]
        for name in params:
            if name not in order:
                params[name].replace_by(before[name])
        returned = self.frame.names.get(_RETURNED)
        return returned if _RETURNED in frame.names and isinstance(returned, Value) else False

    def _absent_before(self, loop: Node, name: str, kind: Type) -> Value:
        made = (
            Node("prim::Constant", (), (types.Bool,), value=False)
            if name == _RETURNED
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
        over = self.expression(generator.iter)
        known = self.static_elements(over, generator.iter)
        inside = hint.element if isinstance(hint, types.List) else None
        if known is not None:
            return self._listed_static(node, generator.target, known, inside)
        count, element = self.counted(over, generator.iter)
        made = self.emit("prim::ListConstruct", (), (types.List(inside or types.Tensor),), node)
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

    # Leaving a block

    last_return: ast.AST | None = None

    def _on_Return(self, node: ast.Return) -> Exit:
        found = self.constant(None, node) if node.value is None else self.value(node.value, self.returns)
        if self.returns is not None:
            found = self.as_declared(found, self.returns, node)
        self.last_return = node
        self.frame.names[_RESULT] = found
        self.frame.names[_RETURNED] = self.constant(True, node)
        return True

    def as_declared(self, value: Value, kind: Type, node: ast.AST) -> Value:
        """A result as the type that was said for it. Raises ScriptError where it is none."""
        if value.type == types.Tensor and kind in (types.Int, types.Float, types.Number):
            value = self.call(f"aten::{str(kind).title().replace('Number', 'Scalar')}Implicit", (value,), node)
        if not types.is_subtype(value.type, kind):
            self.fail(f"Return value was annotated as having type {kind} but is actually of type {value.type}", node)
        return value

    def _on_Break(self, node: ast.Break) -> Exit:
        self.frame.names[_LEFT] = self.constant(True, node)
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
                raise UnsupportedNodeError("with statements of this kind aren't supported", self.source, _head(node))
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
            raise UnsupportedNodeError("function definitions aren't supported", self.source, _head(node))
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


def _head(node: ast.stmt) -> ast.AST:
    """The word that a statement begins with."""
    word = {"For": 3, "While": 5, "Try": 3, "With": 4, "Global": 6}.get(type(node).__name__)
    if word is None:
        return node
    return ast.Pass(
        lineno=node.lineno, col_offset=node.col_offset, end_lineno=node.lineno, end_col_offset=node.col_offset + word
    )


def _always_leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether statements never reach their end."""
    for node in body:
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return True
        if isinstance(node, ast.If) and _always_leaves(node.body) and _always_leaves(node.orelse):
            return True
    return False


def _only_raises(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends with an exception, and not otherwise."""
    inside = [n for statement in body for n in ast.walk(statement)]
    return not any(isinstance(n, ast.Return | ast.Break | ast.Continue) for n in inside)


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


def _raises(block: Block) -> bool:
    """Whether a block ends with an exception."""
    return any(node.kind == "prim::RaiseException" for node in block.nodes[-1:]) or any(
        node.kind == "prim::If" and len(node.blocks) == 2 and all(_raises(b) for b in node.blocks)
        for node in block.nodes[-1:]
    )


def _is_visible(value: Value, block: Block) -> bool:
    """Whether a value may be used in a block: one of the block itself, or of a block around it."""
    owner = value.node.owner if value.node is not None else None
    around: Block | None = block
    while around is not None:
        if owner is around or value in around.params:
            return True
        around = around.node.owner if around.node is not None else None
    return False


def _absent(block: Block, name: str, kind: Type) -> Value:
    """What stands for a value that a block does not have."""
    if name in (_RETURNED, _LEFT):
        return _constant_in(block, False, types.Bool)
    return block.append(Node("prim::Uninitialized", (), (kind,))).output


def _constant_in(block: Block, value: Any, kind: Type) -> Value:
    return block.append(Node("prim::Constant", (), (kind,), value=value)).output


__all__ = ["Statements"]
