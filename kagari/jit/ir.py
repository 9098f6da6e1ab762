"""The graphs that scripts and traces become: values of one assignment each, nodes, and blocks of nodes.

Control flow is structured. `prim::If` has a condition and two blocks, whose results become its own; `prim::Loop` takes
how often at most it runs, whether it begins, and the values that go from one round to the next. Its block gets the
number of the round and these values, and gives whether it goes on and the next ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..eager.aten import Schema
from . import graph_text, types
from .types import Type


class Value:
    """A result of a node or a parameter of a block."""

    __slots__ = ("name", "node", "shape", "type", "uses")

    def __init__(self, type: Type, node: Node | None, name: str = "") -> None:
        self.type, self.node, self.name = type, node, name
        self.uses: list[Node] = []  # a node that uses it twice stands in it twice
        self.shape: str = ""  # what a trace knows of a tensor, as the text of a graph has it

    @property
    def is_constant(self) -> bool:
        """Whether it is known before the program runs."""
        return self.node is not None and self.node.kind == "prim::Constant"

    @property
    def constant(self) -> Any:
        """What it is, where that is known."""
        assert self.node is not None
        return self.node.attributes["value"]

    def replace_by(self, other: Value) -> None:
        """Has all that use it use another value."""
        for node in dict.fromkeys(self.uses):
            for at, value in enumerate(node.inputs):
                if value is self:
                    node.set_input(at, other)


class Node:
    """An operation: its kind, what it takes, and what it gives."""

    def __init__(
        self,
        kind: str,
        inputs: Sequence[Value] = (),
        results: Sequence[Type] = (),
        schema: Schema | None = None,
        source: str = "",
        **attributes: Any,
    ) -> None:
        self.kind, self.schema, self.source, self.attributes = kind, schema, source, attributes
        self.inputs: list[Value] = []
        self.outputs = [Value(t, self) for t in results]
        self.blocks: list[Block] = []
        self.owner: Block | None = None
        for value in inputs:
            self.add_input(value)

    @property
    def output(self) -> Value:
        """The one result."""
        (found,) = self.outputs
        return found

    def add_input(self, value: Value) -> None:
        """Takes one more value."""
        self.inputs.append(value)
        value.uses.append(self)

    def set_input(self, at: int, value: Value) -> None:
        """Takes another value."""
        self.inputs[at].uses.remove(self)
        self.inputs[at] = value
        value.uses.append(self)

    def drop_input(self, at: int) -> None:
        """Takes one value less."""
        self.inputs.pop(at).uses.remove(self)

    def add_block(self) -> Block:
        """A new block inside of it."""
        block = Block(self)
        self.blocks.append(block)
        return block

    def remove(self) -> None:
        """Takes it out of its block, with all that is in its own blocks."""
        for block in self.blocks:
            for node in [block.end, *reversed(block.nodes)]:
                node.remove()
        while self.inputs:
            self.drop_input(-1)
        if self.owner is not None and self is not self.owner.end:
            self.owner.nodes.remove(self)

    def before(self, node: Node) -> Node:
        """Puts it before another one; gives it back."""
        assert node.owner is not None
        at = len(node.owner.nodes) if node is node.owner.end else node.owner.nodes.index(node)
        node.owner.nodes.insert(at, self)
        self.owner = node.owner
        return self


class Block:
    """Nodes in their order, with parameters before and results after them."""

    def __init__(self, node: Node | None = None) -> None:
        self.node = node  # the one that it belongs to
        self.params: list[Value] = []
        self.nodes: list[Node] = []
        self.end = Node("prim::Return")
        self.end.owner = self

    @property
    def results(self) -> list[Value]:
        """What it gives."""
        return self.end.inputs

    def add_param(self, type: Type, name: str = "") -> Value:
        """One more parameter."""
        value = Value(type, None, name)
        self.params.append(value)
        return value

    def append(self, node: Node) -> Node:
        """Adds a node; gives it back."""
        return node.before(self.end)

    def walk(self) -> Iterator[Node]:
        """All nodes, those of inner blocks after the ones they belong to."""
        for node in list(self.nodes):
            yield node
            for block in node.blocks:
                yield from block.walk()


class Graph(Block):
    """The outermost block: a whole function."""

    @property
    def result(self) -> Type:
        """The type of what it gives."""
        return self.results[0].type if self.results else types.Nothing

    def constant(self, value: Any, type: Type, before: Node | None = None, source: str = "") -> Value:
        """A value that is known."""
        node = Node("prim::Constant", (), (type,), source=source, value=value)
        return (self.append(node) if before is None else node.before(before)).output

    def copy_into(self, before: Node, arguments: Sequence[Value]) -> list[Value]:
        """Copies the nodes to where another node is, with values for its parameters; gives the results."""
        table = dict(zip(self.params, arguments))
        _copy_nodes(self, table, before)
        return [table[v] for v in self.results]

    def copy(self) -> Graph:
        """A graph of its own with equal nodes."""
        made = Graph()
        table = {p: _named_param(made, p) for p in self.params}
        _copy_nodes(self, table, made.end)
        for value in self.results:
            made.end.add_input(table[value])
        return made

    def __str__(self) -> str:
        return graph_text.written(self)

    __repr__ = __str__

    def nodes_of(self, kind: str) -> list[Node]:
        """The nodes of a kind, in all blocks."""
        return [node for node in self.walk() if node.kind == kind]


def _named_param(block: Block, like: Value) -> Value:
    made = block.add_param(like.type, like.name)
    made.shape = like.shape
    return made


def _copy_nodes(block: Block, table: dict[Value, Value], before: Node) -> None:
    for node in block.nodes:
        copied = Node(
            node.kind, [table[v] for v in node.inputs], [v.type for v in node.outputs], node.schema, node.source,
            **node.attributes,
        )  # fmt: skip
        copied.before(before)
        for old, new in zip(node.outputs, copied.outputs):
            table[old] = new
            new.name, new.shape = old.name, old.shape
        for inner in node.blocks:
            target = copied.add_block()
            table.update({p: _named_param(target, p) for p in inner.params})
            _copy_nodes(inner, table, target.end)
            for value in inner.results:
                target.end.add_input(table[value])


__all__ = ["Block", "Graph", "Node", "Value"]
