"""Functions of Python as functions of scripts."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from collections import ChainMap
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import types
from .branches import always_leaves
from .calls import REQUIRED
from .frontend import NotSupportedError, ScriptError, Source, parsed
from .ir import Graph
from .passes import clean
from .python_types import NoType, Scripted, evaluated, is_own, mangled, of_annotation, qualified, spread
from .running import evaluate
from .scopes import World
from .special import Compiler
from .types import Class, Method, Type

_COMMENT = re.compile(r"#\s*type:\s*\((?P<args>.*)\)\s*->\s*(?P<result>.+?)\s*$", re.MULTILINE)


class Definition:
    """A function of Python that is to be compiled: its tree, and the names it sees."""

    def __init__(self, function: Callable[..., Any], owner: Class | None, scripted: Scripted) -> None:
        self.function, self.owner, self.scripted = inspect.unwrap(function), owner, scripted
        self.tree, self.source = parsed(self.function)

    @property
    def names(self) -> ChainMap[str, Any]:
        """The names that the function sees, as they are now."""
        closed: dict[str, Any] = {}
        for name, cell in zip(self.function.__code__.co_freevars, self.function.__closure__ or ()):
            with suppress(ValueError):  # it has no value yet
                closed[name] = cell.cell_contents
        return ChainMap(closed, self.function.__globals__, vars(builtins))

    def annotation(self, node: ast.expr | None, source: Source) -> Type:
        """The type that an annotation writes. Raises ScriptError for one that is none of scripts."""
        if node is None:
            return types.Tensor
        try:
            return of_annotation(evaluated(node, self.names), self.scripted)
        except (NoType, NameError, AttributeError, TypeError) as error:
            raise ScriptError(str(error) or "Unknown type annotation", source, node) from error

    def method(self, world: World) -> Method:
        """The function as one of scripts, whose graph is made when it is asked for."""
        self._check()
        arguments, keyword_only, returns = self._signature()
        name = self.tree.name if self.owner is not None else mangled(qualified(self.function))
        method = Method(name, arguments, returns, keyword_only=keyword_only)
        for p in self.tree.args.args:
            count = spread(evaluated(p.annotation, self.names)) if p.annotation is not None else 0
            if count:
                method.spread[p.arg] = count
        method.arguments = [
            (name, kind, [default] * method.spread[name] if name in method.spread and type(default) is int else default)
            for name, kind, default in arguments
        ]
        method.build = lambda: self._graph(method, world)
        return method

    def _check(self) -> None:
        a = self.tree.args
        for extra, stars in ((a.vararg, 1), (a.kwarg, 2)):
            if extra is not None:
                extra.col_offset -= stars
                raise NotSupportedError(
                    "Compiled functions can't take variable number of arguments or use keyword-only arguments with "
                    "defaults", self.source, extra,
                )  # fmt: skip

    def _signature(self) -> tuple[list[tuple[str, Type, Any]], frozenset[str], Type | None]:
        a = self.tree.args
        parameters = [*a.posonlyargs, *a.args]
        defaults: list[ast.expr | None] = [None] * (len(parameters) - len(a.defaults)) + list(a.defaults)
        values = [REQUIRED] * (len(parameters) - len(a.defaults)) + list(self.function.__defaults__ or ())
        if self.owner is not None and not self._is_static():
            parameters, defaults, values = parameters[1:], defaults[1:], values[1:]
        comment = _COMMENT.search(self.source.text)
        kinds = self._commented(comment, len(parameters)) if comment else None
        arguments: list[tuple[str, Type, Any]] = []
        for at, (p, default) in enumerate(zip(parameters, values)):
            kind = kinds[at] if kinds else self._kind(p, default)
            arguments.append((p.arg, kind, self._default(default, p)))
        words = self.function.__kwdefaults__ or {}
        for p in a.kwonlyargs:
            arguments.append((p.arg, self._kind(p, words.get(p.arg, REQUIRED)), words.get(p.arg, REQUIRED)))
        returns = self.annotation(self.tree.returns, self.source) if self.tree.returns is not None else None
        if returns == types.Anything and is_own(self.function):
            returns = None
        if comment is not None:
            returns = self.annotation(ast.parse(comment["result"], mode="eval").body, self.source)
        return arguments, frozenset(p.arg for p in a.kwonlyargs), returns

    def _is_static(self) -> bool:
        return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in self.tree.decorator_list)

    def _commented(self, comment: re.Match[str], count: int) -> list[Type]:
        inside = ast.parse(f"({comment['args']},)" if comment["args"].strip() else "()", mode="eval").body
        assert isinstance(inside, ast.Tuple)
        if len(inside.elts) != count:
            self.fail(
                f"Number of type annotations ({len(inside.elts)}) did not match the number of parameters ({count})"
            )
        return [self.annotation(one, self.source) for one in inside.elts]

    def fail(self, message: str) -> None:
        """Raises the error for the whole function."""
        raise ScriptError(message, self.source, self.tree)

    def _kind(self, parameter: ast.arg, default: Any) -> Type:
        if parameter.annotation is not None:
            return self.annotation(parameter.annotation, self.source)
        return types.Tensor

    def _default(self, value: Any, parameter: ast.arg) -> Any:
        if isinstance(value, list | dict | set):
            self.fail(
                "Mutable default parameters are not supported because Python binds them to the function and they "
                "persist across function calls.\n As a workaround, make the default None and instantiate the default "
                f"parameter within the body of the function. Found {type(value)} on parameter {parameter.arg}"
            )
        return value

    def _graph(self, method: Method, world: World) -> Graph:
        graph = Graph()
        compiler = Compiler(self.source, graph, world)
        if self.owner is not None and not self._is_static():
            own = self.tree.args.args[0].arg
            compiler.frame.names[own] = graph.add_param(self.owner, own)
        compiled_body(compiler, method, self.tree.body, self.tree)
        return graph


def compiled_body(compiler: Compiler, method: Method, body: list[ast.stmt], tree: ast.FunctionDef) -> None:
    """Makes the nodes of a function whose parameters are to be added."""
    graph = compiler.graph
    for name, kind, _ in method.arguments:
        compiler.frame.names[name] = graph.add_param(kind, name)
        if kind != types.Tensor:
            compiler.declared[name] = kind
    compiler.returns = method.returns
    if not always_leaves(body):
        last = body[-1] if body else tree
        nothing = ast.copy_location(ast.Return(ast.copy_location(ast.Constant(None), last)), last)
        body = [*body, nothing]
    compiler.run(body)
    result = compiler.frame.names.get("$result")
    if result is None:  # it always raises
        result = compiler.constant(None, tree)
    graph.end.add_input(compiler.as_value(result, tree))
    clean(graph, evaluate)


__all__ = ["Definition", "compiled_body"]
