"""Changes of graphs that keep what they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import types
from .ir import Block, Graph, Node, Value

# What has an effect besides its results.
_EFFECTS = frozenset((
    "prim::SetAttr", "prim::CallMethod", "prim::CallFunction", "prim::RaiseException", "prim::Print", "aten::warn",
    "aten::set_grad_enabled", "prim::IgnoredCall", "aten::manual_seed",
))  # fmt: skip
_FOLDED = (types.Int, types.Float, types.Bool, types.Str, types.Nothing)
_KEPT = frozenset(("prim::Constant", "prim::unchecked_cast", "prim::Uninitialized", "prim::CreateObject"))


def clean(graph: Graph, evaluate: Callable[[Node], Any]) -> None:
    """What every graph goes through once it is made."""
    fold(graph, graph, evaluate)
    for block in blocks_of(graph):
        _join_conditions(block)
    drop_unused(graph)
    _pool_constants(graph)


def _pool_constants(graph: Graph) -> None:
    """Has each constant once, before all else."""
    known: dict[Any, Node] = {}
    for node in graph.nodes_of("prim::Constant"):
        value = node.attributes["value"]
        plain = isinstance(value, int | float | str | bool | None)
        first = known.setdefault((str(node.output.type), type(value), repr(value) if plain else id(value)), node)
        assert node.owner is not None
        node.owner.nodes.remove(node)
        if first is not node:
            node.output.replace_by(first.output)
        node.owner = graph
    graph.nodes[0:0] = known.values()


def has_effect(node: Node) -> bool:
    """Whether a node does more than to give results."""
    if node.kind in _EFFECTS or (node.schema is not None and node.schema.mutates):
        return True
    return any(has_effect(inner) for block in node.blocks for inner in block.nodes)


def drop_unused(block: Block) -> None:
    """Removes nodes whose results nobody uses, and results of control flow that nobody uses."""
    for node in reversed(list(block.nodes)):
        if node.kind == "prim::If":
            _drop_results(node, 0)
        elif node.kind == "prim::Loop":
            _drop_carried(node)
        for inner in node.blocks:
            drop_unused(inner)
        if not has_effect(node) and not any(v.uses for v in node.outputs):
            node.remove()


def _drop_results(node: Node, offset: int) -> None:
    for at in reversed(range(len(node.outputs))):
        if not node.outputs[at].uses:
            node.outputs.pop(at)
            for block in node.blocks:
                block.end.drop_input(at + offset)


def _drop_carried(node: Node) -> None:
    """Removes values that a loop passes from round to round for nobody."""
    (body,) = node.blocks
    for at in reversed(range(len(node.outputs))):
        param = body.params[at + 1]
        own = body.end.inputs[at + 1]
        feeds_itself = own is param and all(use is body.end for use in param.uses)
        if not node.outputs[at].uses and (feeds_itself or not param.uses):
            node.outputs.pop(at)
            body.end.drop_input(at + 1)
            body.params.pop(at + 1)
            node.drop_input(at + 2)


def fold(graph: Graph, block: Block, evaluate: Callable[[Node], Any]) -> None:
    """Computes what depends on constants alone, where the result can't be changed; takes branches that are known."""
    for node in list(block.nodes):
        if node.owner is None or node not in block.nodes:
            continue
        if node.kind == "prim::If" and node.inputs[0].is_constant:
            _take_branch(node, node.blocks[0 if node.inputs[0].constant else 1])
            fold(graph, block, evaluate)
            return
        for inner in node.blocks:
            fold(graph, inner, evaluate)
        if _is_foldable(node):
            try:
                value = evaluate(node)
            except Exception:  # it fails when the program runs
                continue
            kind = node.output.type if value is not None else types.Nothing
            made = graph.constant(value, kind, node, node.source)
            made.name = ""
            node.output.replace_by(made)
            node.remove()


def _join_conditions(block: Block) -> None:
    """An `If` whose two results are known, on a condition that is a known result of the `If` before it, is a result of
    that one, too.
    """
    for node in list(block.nodes):
        if node.kind != "prim::If" or len(node.outputs) != 1 or not _is_choice(node):
            continue
        source = node.inputs[0].node
        if source is None or source.kind != "prim::If" or source.owner is not block:
            continue
        at = source.outputs.index(node.inputs[0])
        given = [inner.results[at] for inner in source.blocks]
        if not all(v.is_constant for v in given):
            continue
        joined = Value(node.output.type, source)
        source.outputs.append(joined)
        for inner, value in zip(source.blocks, given):
            chosen = node.blocks[0 if value.constant else 1].results[0].constant
            made = inner.append(Node("prim::Constant", (), (joined.type,), value=chosen))
            inner.end.add_input(made.output)
        node.output.replace_by(joined)
        node.remove()


def _is_choice(node: Node) -> bool:
    """Whether both branches do nothing but to give a constant."""
    return all(
        inner.results[0].is_constant and all(n.kind == "prim::Constant" for n in inner.nodes) for inner in node.blocks
    )


def _is_foldable(node: Node) -> bool:
    if node.kind in _KEPT or has_effect(node) or len(node.outputs) != 1 or not node.inputs or node.blocks:
        return False
    if node.schema is None or not all(v.is_constant for v in node.inputs):
        return False
    return node.output.type in _FOLDED


def _take_branch(node: Node, block: Block) -> None:
    """Puts the nodes of one branch in the place of the whole."""
    for inner in list(block.nodes):
        block.nodes.remove(inner)
        inner.before(node)
    for output, result in zip(node.outputs, list(block.results)):
        output.replace_by(result)
    node.remove()


def captured(graph: Graph) -> list[Value]:
    """The values from outside that a graph uses, which become its parameters."""
    own: set[Value] = set(graph.params)
    for node in graph.walk():
        own.update(node.outputs)
        for block in node.blocks:
            own.update(block.params)
    found: dict[Value, Value] = {}
    for node in [*graph.walk(), graph.end]:
        for at, value in enumerate(node.inputs):
            if value not in own:
                if value not in found:
                    found[value] = graph.add_param(value.type, value.name)
                node.set_input(at, found[value])
    return list(found)


def inlined(graph: Graph) -> Graph:
    """The graph with the graphs of all that it calls in it."""
    made = graph.copy()
    while True:
        calls = [n for n in made.walk() if callee(n) is not None]
        if not calls:
            return made
        for node in calls:
            method = callee(node)
            assert method is not None
            arguments = node.inputs if node.kind == "prim::CallMethod" else node.inputs[1:]
            results = method.graph.copy_into(node, arguments)
            node.output.replace_by(results[0])
            node.remove()


def callee(node: Node) -> types.Method | None:
    """What a node calls, where that is known."""
    if node.kind == "prim::CallFunction":
        found: types.Method = node.inputs[0].constant
        return found
    if node.kind == "prim::CallMethod":
        owner = node.inputs[0].type
        if isinstance(owner, types.Class) and not owner.is_interface:
            return owner.methods[node.attributes["name"]]
    return None


def blocks_of(block: Block) -> Iterator[Block]:
    """The block and all inside of it."""
    yield block
    for node in block.nodes:
        for inner in node.blocks:
            yield from blocks_of(inner)


__all__ = ["blocks_of", "callee", "captured", "clean", "drop_unused", "fold", "has_effect", "inlined"]
