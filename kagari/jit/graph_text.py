"""Graphs as text: one line for each node, as PyTorch writes them. The numbers of values are Kagari's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ir import Block, Graph, Node, Value


class _Names:
    """A name for each value: the variable's, with a number where it is taken, or a number alone."""

    def __init__(self) -> None:
        self.of: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.numbers = 0
        self.forks: list[tuple[str, Any]] = []

    def name(self, value: Value) -> str:
        """The name of a value."""
        if value not in self.of:
            self.of[value] = self._new(value.name)
            self.taken.add(self.of[value])
        return self.of[value]

    def _new(self, base: str) -> str:
        if not base:
            self.numbers += 1
            return f"%{self.numbers}"
        if f"%{base}" not in self.taken:
            return f"%{base}"
        number = 1
        while f"%{base}.{number}" in self.taken:
            number += 1
        return f"%{base}.{number}"


def written(graph: Graph) -> str:
    """The text of a graph."""
    names = _Names()
    params = ",\n      ".join(_typed(p, names) for p in graph.params)
    lines = [f"graph({params}):", *_lines(graph, names, "  ")]
    lines.append(f"  return ({', '.join(names.name(v) for v in graph.results)})")
    text = "\n".join(lines) + "\n"
    for name, inner in names.forks:
        text += f"with {name} = {written(inner)}"
    return text


def _typed(value: Value, names: _Names) -> str:
    return f"{names.name(value)} : {value.shape or value.type.graph}"


def _lines(block: Block, names: _Names, indent: str) -> Sequence[str]:
    lines = []
    for node in block.nodes:
        lines.append(indent + _line(node, names))
        for number, inner in enumerate(node.blocks):
            params = ", ".join(_typed(p, names) for p in inner.params)
            lines.append(f"{indent}  block{number}({params}):")
            lines += _lines(inner, names, indent + "    ")
            lines.append(f"{indent}    -> ({', '.join(names.name(v) for v in inner.results)})")
    return lines


def _line(node: Node, names: _Names) -> str:
    inputs = ", ".join(names.name(v) for v in node.inputs)
    outputs = ", ".join(_typed(v, names) for v in node.outputs)
    kind = node.kind
    if kind == "prim::fork":
        kind = f"prim::fork_{len(names.forks)}"
        names.forks.append((kind, node.attributes["graph"]))
    scope = f", scope: {node.attributes['scope']}" if "scope" in node.attributes else ""
    source = f" # {node.source}" if node.source else ""
    return f"{outputs} = {kind}{_attributes(node)}({inputs}){scope}{source}"


def _attributes(node: Node) -> str:
    shown = []
    for name, value in node.attributes.items():
        if name in ("scope", "graph") or (name == "value" and value is None):
            continue
        shown.append(f"{name}={_constant(value)}")
    return f"[{', '.join(shown)}]" if shown else ""


def _constant(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int | float | complex | list | tuple):
        return str(value)
    return f"<{type(value).__name__}>"


__all__ = ["written"]
