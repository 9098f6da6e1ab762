"""Graphs as functions: a graph is written down as a function of Python that calls operators, and that is compiled."""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from . import actions, codes, types
from .ir import Block, Graph, Node, Value
from .types import Method

_LITERALS = (int, float, str, bool, type(None))


class Error(Exception):
    """An exception that a script raised, as `torch.jit.Error`."""


def function_of(method: Method) -> Callable[..., Any]:
    """The function that a method is run by, made when it is first called."""
    made: list[Callable[..., Any]] = []

    def run(*args: Any) -> Any:
        if not made:
            made.append(compiled(method.graph, method.name))
        return made[0](*args)

    return run


def compiled(graph: Graph, name: str = "script") -> Callable[..., Any]:
    """The function of Python that computes a graph.

    >>> from kagari.jit.ir import Graph, Node
    >>> from kagari.jit import types
    >>> graph = Graph()
    >>> graph.end.add_input(graph.add_param(types.Int))
    >>> compiled(graph)(3)
    3
    """
    return _Writer(graph, name).function()


def evaluate(node: Node) -> Any:
    """What a node gives whose inputs are known."""
    graph = Graph()
    inputs = [graph.constant(v.constant, v.type) for v in node.inputs]
    copied = graph.append(Node(node.kind, inputs, [v.type for v in node.outputs], node.schema, **node.attributes))
    graph.end.add_input(copied.output)
    return compiled(graph)()


class _Writer:
    """Writes the text of one function."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name
        self.lines: list[str] = []
        self.names: dict[Value, str] = {}
        self.known: dict[str, Any] = {}
        self.level = 1

    def function(self) -> Callable[..., Any]:
        """The function."""
        params = ", ".join(self._name(p) for p in self.graph.params)
        self._block(self.graph)
        results = [self._use(v) for v in self.graph.results]
        self._line(f"return {results[0] if results else None}")
        text = f"def script({params}):\n" + "\n".join(self.lines)
        exec(compile(text, f"<script {self.name}>", "exec"), self.known)
        found: Callable[..., Any] = self.known["script"]
        return found

    def _line(self, text: str) -> None:
        self.lines.append("  " * self.level + text)

    def _name(self, value: Value) -> str:
        return self.names.setdefault(value, f"v{len(self.names)}")

    def _global(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.known)}"
        self.known[name] = value
        return name

    def _use(self, value: Value) -> str:
        if value.is_constant and value not in self.names:
            self.names[value] = self._constant(value.constant)
        return self._name(value)

    def _constant(self, value: Any) -> str:
        if isinstance(value, _LITERALS) and repr(value) not in ("inf", "-inf", "nan"):
            return repr(value)
        if isinstance(value, list):
            return repr(value)  # a new one each time
        return self._global("k", value)

    # Nodes

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            if node.kind == "prim::If":
                self._if(node)
            elif node.kind == "prim::Loop":
                self._loop(node)
            elif node.kind != "prim::Constant":
                self._node(node)

    def _node(self, node: Node) -> None:
        text = self._expression(node)
        if node.schema is not None and node.schema.returns == ("Tensor[]",):
            text = f"list({text})"  # functions give tuples
        names = [self._name(v) for v in node.outputs]
        if not names:
            self._line(text)
        elif node.kind == "prim::CallFunction" and node.inputs[0].type == types.Code:
            self._line(f"{names[0]} = {text}")
        else:
            unpacks = len(names) > 1 or node.kind in ("prim::TupleUnpack", "prim::ListUnpack")
            self._line(f"{', '.join(names)}{',' if unpacks else ''} = {text}")

    def _expression(self, node: Node) -> str:
        writes = _KINDS.get(node.kind)
        if writes is not None:
            return writes(self, node)
        if node.schema is None:
            raise NotImplementedError(f"the operation {node.kind} of scripts is not there yet")
        return self._operator(node)

    def _operator(self, node: Node) -> str:
        schema = node.schema
        assert schema is not None
        action = actions.action(schema)
        args = node.inputs
        if action.takes_all:
            return f"{self._global('f', action.function)}({', '.join(map(self._use, args))})"
        if action.operator:
            return action.operator.format(*map(self._use, args))
        written: list[str] = []
        last = len(args)
        while last and _is_default(args[last - 1], schema.arguments[last - 1]):
            last -= 1
        for value, argument in list(zip(args, schema.arguments))[:last]:
            if argument.keyword_only and _is_default(value, argument):
                continue
            text = self._converted(value, argument.type)
            written.append(f"{argument.name}={text}" if argument.keyword_only else text)
        return f"{self._global('f', action.function)}({', '.join(written)})"

    def _converted(self, value: Value, kind: str) -> str:
        convert = _CONVERTED.get(kind.rstrip("?"))
        if convert is None:
            return self._use(value)
        if value.is_constant:
            return self._constant(convert(value.constant))
        return f"{self._global('c', convert)}({self._use(value)})"

    def _if(self, node: Node) -> None:
        for word, block in zip((f"if {self._use(node.inputs[0])}:", "else:"), node.blocks):
            self._line(word)
            self.level += 1
            self._block(block)
            self._assign(node.outputs, block.results)
            self._line("pass")
            self.level -= 1

    def _assign(self, targets: Sequence[Value], values: Sequence[Value]) -> None:
        if targets:
            self._line(f"{', '.join(map(self._name, targets))} = {', '.join(map(self._use, values))}")

    def _loop(self, node: Node) -> None:
        (body,) = node.blocks
        count, start, *values = node.inputs
        carried, index = body.params[1:], self._name(body.params[0])
        for param, output in zip(carried, node.outputs):
            self.names[output] = self._name(param)
        self._assign(carried, values)
        always = all(v.is_constant and v.constant is True for v in (start, body.results[0]))
        going = f"g{len(self.lines)}"
        if always:
            self._line(f"for {index} in range({self._use(count)}):")
        else:
            self._line(f"{index}, {going} = 0, {self._use(start)}")
            self._line(f"while {going} and {index} < {self._use(count)}:")
        self.level += 1
        self._block(body)
        if not always:
            self._line(f"{going} = {self._use(body.results[0])}")
            self._line(f"{index} += 1")
        self._assign(carried, body.results[1:])
        self._line("pass")
        self.level -= 1


def _is_default(value: Value, argument: Any) -> bool:
    if not value.is_constant or argument.is_required:
        return False
    return bool(value.constant == argument.default and type(value.constant) is type(argument.default))


_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "ScalarType": codes.dtype_of, "MemoryFormat": codes.format_of, "Layout": codes.layout_of,
}  # fmt: skip


# Kinds of nodes


def _listed(w: _Writer, values: Sequence[Value]) -> str:
    return ", ".join(map(w._use, values))


def _get_attribute(w: _Writer, node: Node) -> str:
    owner, name = w._use(node.inputs[0]), node.attributes["name"]
    plain = name.isidentifier() and not name.startswith("__") and not keyword.iskeyword(name)
    return f"{owner}.{name}" if plain else f"getattr({owner}, {name!r})"


def _set_attribute(w: _Writer, node: Node) -> str:
    owner, value = map(w._use, node.inputs)
    return f"setattr({owner}, {node.attributes['name']!r}, {value})"


def _call_method(w: _Writer, node: Node) -> str:
    owner, name = node.inputs[0].type, node.attributes["name"]
    assert isinstance(owner, types.Class)
    if owner.is_interface:
        return f"{w._global('m', _by_name)}({w._use(node.inputs[0])}, {name!r}, {_listed(w, node.inputs[1:])})"
    function = function_of(owner.methods[name])
    return f"{w._global('m', function)}({_listed(w, node.inputs)})"


def _by_name(owner: Any, name: str, *args: Any) -> Any:
    """A method of a module that is known when it runs."""
    return function_of(owner._script_type.methods[name])(owner, *args)


def _call_function(w: _Writer, node: Node) -> str:
    return f"{w._global('m', function_of(node.inputs[0].constant))}({_listed(w, node.inputs[1:])})"


def _tuple(w: _Writer, node: Node) -> str:
    kind = node.output.type
    inside = _listed(w, node.inputs)
    if isinstance(kind, types.Tuple) and kind.python is not None:
        return f"{w._global('t', kind.python)}({inside})"
    return f"({inside}{',' if len(node.inputs) == 1 else ''})"


def _dict(w: _Writer, node: Node) -> str:
    pairs = zip(node.inputs[::2], node.inputs[1::2])
    return "{" + ", ".join(f"{w._use(k)}: {w._use(v)}" for k, v in pairs) + "}"


def _raise(w: _Writer, node: Node) -> str:
    text = node.inputs[0]
    kind = w._use(node.inputs[1]) if len(node.inputs) > 1 else "None"
    return f"{w._global('r', _raises)}({w._use(text)}, {kind}, {node.source!r})"


def _raises(message: str, kind: str | None, source: str) -> None:
    name = "RuntimeError" if kind is None else kind
    place = f'  File "{source.rpartition(":")[0]}"\n' if source else ""
    trace = textwrap.dedent("""\
        The following operation failed in the TorchScript interpreter.
        Traceback of TorchScript (most recent call last):
        """)
    raise Error(f"{trace}{place}{name}: {message}")


def _isinstance(w: _Writer, node: Node) -> str:
    return (
        f"{w._global('i', actions.is_instance)}({w._use(node.inputs[0])}, {w._global('t', node.attributes['types'])})"
    )


def _fork(w: _Writer, node: Node) -> str:
    function = compiled(node.attributes["graph"], "fork")
    return f"{w._global('f', actions.forked)}({w._global('m', function)}, {_listed(w, node.inputs)})"


def _create(w: _Writer, node: Node) -> str:
    return f"{w._global('n', actions.new_object)}({w._global('t', node.output.type)})"


def _ignored(w: _Writer, node: Node) -> str:
    return f"{w._global('p', node.attributes['function'])}({_listed(w, node.inputs)})"


def _first(w: _Writer, node: Node) -> str:
    return w._use(node.inputs[0])


_KINDS: dict[str, Callable[[_Writer, Node], str]] = {
    "prim::GetAttr": _get_attribute, "prim::SetAttr": _set_attribute, "prim::CallMethod": _call_method,
    "prim::CallFunction": _call_function, "prim::TupleConstruct": _tuple, "prim::DictConstruct": _dict,
    "prim::ListConstruct": lambda w, n: f"[{_listed(w, n.inputs)}]",
    "prim::TupleUnpack": _first, "prim::ListUnpack": _first, "prim::unchecked_cast": _first,
    "prim::TupleIndex": lambda w, n: f"{w._use(n.inputs[0])}[{w._use(n.inputs[1])}]",
    "prim::Uninitialized": lambda w, n: "None", "prim::RaiseException": _raise, "prim::isinstance": _isinstance,
    "prim::Print": lambda w, n: f"print({_listed(w, n.inputs)})", "prim::fork": _fork,
    "prim::CreateObject": _create, "prim::IgnoredCall": _ignored,
    "prim::EnumName": lambda w, n: f"{w._use(n.inputs[0])}.name",
    "prim::EnumValue": lambda w, n: f"{w._use(n.inputs[0])}.value",
}  # fmt: skip

__all__ = ["Error", "compiled", "evaluate", "function_of"]
