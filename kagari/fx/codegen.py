"""The Python that a graph stands for."""

from __future__ import annotations

import keyword
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import names
from .node import Node

if TYPE_CHECKING:
    from .graph import Graph

_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "lshift": "<<",
    "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@", "eq": "==", "ne": "!=", "lt": "<", "gt": ">",
    "le": "<=", "ge": ">=",
}  # fmt: skip
_UNARY = {"pos": "+", "invert": "~", "neg": "-"}
_FORMATS: dict[Any, str] = {
    **{getattr(operator, name): f"{{}} {sign} {{}}" for name, sign in _BINARY.items()},
    **{getattr(operator, name): f"{sign}{{}}" for name, sign in _UNARY.items()},
    operator.getitem: "{}[{}]",
}


@dataclass
class PythonCode:
    """What a graph stands for: the source, and the globals that it needs."""

    src: str
    globals: dict[str, Any]


class Writer:
    """Writes one graph."""

    def __init__(self, graph: Graph, root: str) -> None:
        self.graph, self.root = graph, root
        self.globals: dict[str, Any] = {}
        self.wrapped: dict[str, None] = {}
        self.parameters: list[str] = []
        self.body: list[str] = []

    def named(self, path: str, value: Any) -> str:
        """The name of a global for a value."""
        if path.startswith("torch."):
            self.globals["torch"] = names.torch
            return path
        name = re.sub(r"[^0-9a-zA-Z_]", "_", path)
        while self.globals.setdefault(name, value) is not value and self.globals[name] != value:
            name += "_"
        return name

    def argument(self, value: Any) -> str:
        """An argument as source."""
        if isinstance(value, list):
            return f"[{', '.join(map(self.argument, value))}]"
        if isinstance(value, tuple):
            inner = f"({', '.join(map(self.argument, value))}{',' * (len(value) == 1)})"
            return f"{self.function(type(value))}{inner if value else '()'}" if hasattr(value, "_fields") else inner
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self.argument(k)}: {self.argument(v)}' for k, v in value.items())}}}"
        if isinstance(value, slice):
            return f"slice({', '.join(map(self.argument, (value.start, value.stop, value.step)))})"
        if isinstance(value, Node):
            return value.name
        text = repr(value)
        if isinstance(value, float | complex):
            self.globals.update({"inf": float("inf"), "nan": float("nan")})
        elif text.startswith("torch."):
            self.globals["torch"] = names.torch
        elif text.startswith("device("):
            self.globals["device"] = type(value)
        elif callable(value):
            return self.function(value)
        return text

    def function(self, target: Any) -> str:
        """A function as source."""
        path = names.path(target)
        if path.startswith("builtins."):
            return path.removeprefix("builtins.")
        path = path.replace("operator.", "_operator.", 1) if path.startswith("operator.") else path
        return self.named(path, target)

    def annotated(self, kind: Any) -> str:
        """An annotation as source."""
        if isinstance(kind, type):
            return kind.__name__ if kind.__module__ == "builtins" else self.function(kind)
        return self.named(repr(kind), kind)

    def call(self, node: Node) -> str:
        """The call that a node stands for."""
        arguments = [self.argument(arg) for arg in node.args]
        inner = ", ".join([*arguments, *(f"{name} = {self.argument(arg)}" for name, arg in node.kwargs.items())])
        if node.op == "call_method":
            return f"{arguments[0]}.{node.target}({inner.removeprefix(arguments[0]).removeprefix(', ')})"
        if node.op == "call_module":
            return f"{member(self.root, str(node.target))}({inner})"
        if node.target in _FORMATS and not node.kwargs:
            return _FORMATS[node.target].format(*arguments)
        if node.target is getattr and isinstance(node.args[1], str) and len(node.args) == 2:
            return f"{arguments[0]}.{node.args[1]}"
        if getattr(node.target, "__module__", None) == "math":
            self.wrapped[f"math_{node.target.__name__}"] = None  # type: ignore[union-attr]
        return f"{self.function(node.target)}({inner})"

    def write(self, node: Node, ended: list[str]) -> None:
        """The line of a node; behind it the names that no one needs any more lose their values."""
        kind = "" if node.type is None else f" : {self.annotated(node.type)}"
        if node.op == "placeholder":
            raw = str(node.target)
            default = f" = {self.argument(node.args[0])}" if node.args else ""
            self.parameters.append(f"{raw}{self.noted(node) or kind}{default}")
            if raw.lstrip("*") != node.name:
                self.body.append(f"{node.name} = {raw.lstrip('*')}")
            return
        if node.op == "output":
            self.body.append(f"return {self.argument(node.args[0])}")
            return
        value = member(self.root, str(node.target)) if node.op == "get_attr" else self.call(node)
        end = f";  {' = '.join([*ended, 'None'])}" if ended else ""
        self.body.append(f"{node.name}{self.noted(node) or kind} = {value}{end}")

    def noted(self, node: Node) -> str:
        """What stands behind a name, in place of an annotation of the graph."""
        return ""


def member(root: str, target: str) -> str:
    """The path to a member of a module as source."""
    for atom in target.split("."):
        plain = atom.isidentifier() and not keyword.iskeyword(atom)
        root = f"{root}.{atom}" if plain else f'getattr({root}, "{atom}")'
    return root


def _last_uses(graph: Graph) -> dict[Node, list[str]]:
    """For each node, the names that are not needed behind it."""
    ended: dict[Node, list[str]] = {}
    seen: set[Node] = set()
    for node in reversed(graph.nodes):
        for used in node.all_input_nodes:
            if used not in seen:
                seen.add(used)
                ended.setdefault(node, []).append(used.name)
        if not node.users:
            ended.setdefault(node, []).append(node.name)
    return ended


def generate(graph: Graph, root: str, kind: type[Writer] = Writer) -> PythonCode:
    """The source of a function ``forward`` that computes a graph, as a kind of writer has it."""
    writer, ended, result = kind(graph, root), _last_uses(graph), ""
    for node in graph.nodes:
        if node.op == "output" and node.type is not None:
            result = f" -> {writer.annotated(node.type)}"
        writer.write(node, ended.get(node, []))
    head = "".join(f'torch.fx._symbolic_trace.wrap("{name}")\n' for name in writer.wrapped)
    if head:
        writer.globals["torch"] = names.torch
    lines = "\n".join(f"    {line}" if line else "" for line in writer.body or ["pass"])
    parameters = ", ".join(["self", *writer.parameters])
    return PythonCode(f"\n{head or chr(10)}\ndef forward({parameters}){result}:\n{lines}\n    ", writer.globals)


__all__ = ["PythonCode", "Writer", "generate"]
