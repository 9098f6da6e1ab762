"""Calls in scripts: of operators, of functions and methods of scripts, of Python's own functions."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from ..eager.aten import Argument
from . import types
from .emitting import Mismatch
from .frontend import NotSupportedError
from .indexing import Indexing
from .ir import Value
from .sugar import Bound, Builtin, Called, Chosen, Fresh, Ignored, Made, Several, Static, Sugar
from .types import Method, Type


class Calls(Indexing):
    """Makes values of calls."""

    def _of_Attribute(self, node: ast.Attribute, hint: Type | None) -> Value | Sugar:
        return self.attribute(self.expression(node.value), node.attr, node)

    def _of_Call(self, node: ast.Call, hint: Type | None) -> Value | Sugar:
        called = self.expression(node.func)
        if isinstance(called, Static):
            special = self.special(called.value)
            if special is not None:
                found: Value | Sugar = special(self, node, hint)
                return found
        args, kwargs = self.arguments(node)
        return self.called(called, args, kwargs, node)

    def special(self, function: Any) -> Any:
        """What makes the value of a call that looks at its arguments as they are written; None for all others."""
        raise NotImplementedError

    def arguments(self, node: ast.Call) -> tuple[list[Value | Sugar], dict[str, Value | Sugar]]:
        """The arguments of a call, with tuples behind a star taken apart."""
        args: list[Value | Sugar] = []
        for one in node.args:
            if isinstance(one, ast.Starred):
                several = self.expression(one.value)
                if isinstance(several, Several):
                    args += several.parts
                else:
                    args += self.unpacked(self.as_value(several, one), one)
            else:
                args.append(self.expression(one))
        kwargs: dict[str, Value | Sugar] = {}
        for word in node.keywords:
            if word.arg is None:
                raise NotSupportedError("keyword-arg expansion is not supported", self.source, node)
            kwargs[word.arg] = self.expression(word.value)
        return args, kwargs

    def called(
        self, called: Value | Sugar, args: Sequence[Value | Sugar], kwargs: Mapping[str, Value | Sugar], node: ast.Call
    ) -> Value | Sugar:
        """What a call gives."""
        if isinstance(called, Static):
            outcome: Value | Sugar = self.world.call(called.value, list(args), dict(kwargs), self, node)
            return outcome
        if isinstance(called, Fresh):
            return self.emit("prim::CreateObject", (), (called.type,), node).output
        values = [self.as_value(a, node) for a in args]
        words = {name: self.as_value(a, node) for name, a in kwargs.items()}
        if isinstance(called, Builtin):
            return self.call_builtin(called, values, words, node)
        if isinstance(called, Chosen):
            return self.called(self._choice(called, values, words, node), values, words, node)
        if isinstance(called, Bound):
            return self.call_method(called.owner, called.method, values, words, node)
        if isinstance(called, Called):
            return self.call_function(called.method, values, words, node)
        if isinstance(called, Made):
            return self.make_object(called.type, values, words, node)
        if isinstance(called, Ignored):
            return self.call_ignored(called, values, words, node)
        if isinstance(called, Value) and isinstance(called.type, types.Class):
            return self._call_object(called, called.type, values, words, node)
        self.fail(f"'{type(called).__name__}' object is not callable", node)

    def _choice(self, called: Chosen, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Called:
        """Which of two functions is called: an argument says it, which has to be known."""
        given = args[called.place] if len(args) > called.place else kwargs.get(called.name)
        if given is not None and not given.is_constant:
            self.fail(f"the argument {called.name} must be known when the script is compiled", node)
        return Called(called.methods[1 if given is not None and given.constant else 0])

    def call_builtin(self, called: Builtin, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """A call of an operator, or of a method of a tensor, list, dictionary or text."""
        owner = () if called.owner is None else (called.owner,)
        written = self.rewritten(called.name, (*owner, *args), kwargs, node)
        if written is not None:
            return written
        return self.call(called.name, (*owner, *args), node, kwargs)

    def rewritten(self, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        """A call of what is no operator itself, as one of operators; None for an operator."""
        raise NotImplementedError

    def _call_object(
        self, called: Value, kind: types.Class, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        name = "forward" if kind.is_module or kind.is_interface else "__call__"
        if name not in kind.methods:
            self.fail(f"'{kind}' object is not callable", node)
        for before in [m for m in kind.methods if m.startswith("__pre_hook_")]:
            given = self._packed_inputs(args, node)
            changed = self.call_method(called, kind.methods[before], [given], {}, node)
            if changed.type != types.Nothing:
                args = self.unpacked(changed, node) if isinstance(changed.type, types.Tuple) else [changed]
        return self.call_method(called, kind.methods[name], args, kwargs, node)

    def _packed_inputs(self, args: list[Value], node: ast.AST) -> Value:
        return self.emit("prim::TupleConstruct", args, (types.Tuple(tuple(a.type for a in args)),), node).output

    # Functions and methods of scripts

    def matched_method(
        self, method: Method, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST
    ) -> list[Value]:
        """The arguments in order, one for each parameter. Raises ScriptError where they do not fit."""
        rest, left = list(args), dict(kwargs)
        inputs: list[Value] = []
        for name, kind, default in method.arguments:
            if rest and name not in method.keyword_only:
                given = rest.pop(0)
            elif name in left:
                given = left.pop(name)
            elif default is not REQUIRED:
                given = self.constant(default, node)
            else:
                self._refuse(method, f"Argument {name} not provided.", node)
            try:
                inputs.append(
                    self.converted(given, kind, Argument(name, "", spread=method.spread.get(name, 0)), {}, node, True)
                )
            except Mismatch as error:
                self._refuse(method, str(error), node)
        if rest:
            count, most = len(args), len(method.arguments)
            self._refuse(method, f"Expected at most {most} arguments but found {count} positional arguments.", node)
        if left:
            self._refuse(method, f"Unknown keyword argument '{next(iter(left))}'.", node)
        return inputs

    def _refuse(self, method: Method, reason: str, node: ast.AST) -> None:
        written = ", ".join(f"{kind} {name}" for name, kind, _ in method.arguments)
        self.fail(f"\n{method.name}({written}) -> {method.returns or 'Tensor'}:\n{reason}", node)

    def call_method(
        self, owner: Value, method: Method, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST
    ) -> Value:
        """A call of a method."""
        inputs = self.matched_method(method, args, kwargs, node)
        result = self._result_of(method, node)
        return self.emit("prim::CallMethod", (owner, *inputs), (result,), node, name=method.name).output

    def call_function(self, method: Method, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST) -> Value:
        """A call of a function."""
        inputs = self.matched_method(method, args, kwargs, node)
        result = self._result_of(method, node)
        function = self.emit("prim::Constant", (), (types.Code,), node, value=method).output
        return self.emit("prim::CallFunction", (function, *inputs), (result,), node).output

    def _result_of(self, method: Method, node: ast.AST) -> Type:
        try:
            return method.result
        except RecursionError:
            self.fail(f"function '{method.name}' is called recursively. Recursive calls are not supported", node)

    def make_object(
        self, kind: types.Class, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST
    ) -> Value:
        """A new object of a class of scripts."""
        made = self.emit("prim::CreateObject", (), (kind,), node).output
        if "__init__" in kind.methods:
            self.call_method(made, kind.methods["__init__"], args, kwargs, node)
        return made

    def call_ignored(self, called: Ignored, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST) -> Value:
        """A call of what stays Python's. Raises ScriptError where a program does not have it."""
        raise NotImplementedError


REQUIRED: Any = object()
"""In place of the default of a parameter without one."""

__all__ = ["REQUIRED", "Calls"]
