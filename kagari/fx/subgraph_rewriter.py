"""Replacing every part of a graph that looks like a pattern. The module has PyTorch's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..nn import Module
from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule
from .node import Node


class Match(NamedTuple):
    """A place where a pattern was found."""

    anchor: Node
    """The node that gave what the pattern returns."""
    nodes_map: dict[Node, Node]
    """What the nodes of the pattern were in the graph."""


def _graph(pattern: Callable[..., Any] | GraphModule | Graph) -> Graph:
    if isinstance(pattern, Graph):
        return pattern
    return pattern.graph if isinstance(pattern, GraphModule) else symbolic_trace(pattern).graph


class _Matcher:
    """Finds one pattern."""

    def __init__(self, pattern: Graph) -> None:
        self.pattern = pattern
        self.result = pattern.output_node().all_input_nodes
        if len(self.result) != 1:
            raise ValueError(f"a pattern has to return the result of one node, it returns {len(self.result)}")

    def at(self, anchor: Node) -> dict[Node, Node] | None:
        """What the nodes of the pattern are where it ends at a node; None where it does not."""
        found: dict[Node, Node] = {}
        if not self._same(self.result[0], anchor, found):
            return None
        taken = set(self.inner(found))
        alone = all(n is anchor or taken.issuperset(n.users) for n in taken)
        return found if alone else None

    def inner(self, found: dict[Node, Node]) -> list[Node]:
        """The nodes of the graph that a match takes the place of."""
        return [node for like, node in found.items() if like.op != "placeholder"]

    def _same(self, like: Any, value: Any, found: dict[Node, Node]) -> bool:
        """Whether a value of the graph is what the pattern has there; notes the nodes."""
        if not isinstance(like, Node):
            return self._alike(like, value, found)
        if not isinstance(value, Node):
            return False
        if like in found:
            return found[like] is value
        found[like] = value
        if like.op == "placeholder":
            return True
        alike = like.op == value.op and like.target == value.target
        return alike and self._alike(like.args, value.args, found) and self._alike(like.kwargs, value.kwargs, found)

    def _alike(self, like: Any, value: Any, found: dict[Node, Node]) -> bool:
        if type(like) is not type(value):
            return bool(like == value)
        if isinstance(like, tuple | list):
            return len(like) == len(value) and all(self._same(a, b, found) for a, b in zip(like, value))
        if isinstance(like, dict):
            return like.keys() == value.keys() and all(self._same(a, value[k], found) for k, a in like.items())
        return bool(like == value)


def _free(found: dict[Node, Node], matcher: _Matcher, taken: set[Node]) -> bool:
    return not taken.intersection(matcher.inner(found))


def replace_pattern(
    gm: GraphModule,
    pattern: Callable[..., Any] | GraphModule,
    replacement: Callable[..., Any] | GraphModule,
) -> list[Match]:
    """Puts a replacement in every place of a graph that looks like a pattern, and gives the places.

    A place is a part of the graph with the same operations between the same values; the arguments of the pattern stand
    for any values. What the part computes on the way may not be used elsewhere. Parts that were found do not overlap.

    Args:
        gm (GraphModule): what is changed.
        pattern (callable or GraphModule): what is looked for; it returns the result of one node.
        replacement (callable or GraphModule): what is put there; it has as many arguments.

    Raises ValueError for a pattern that returns several results, or another number of arguments.

    Example::

        >>> import kagari as torch
        >>> from kagari import fx
        >>> traced = fx.symbolic_trace(lambda x, y: torch.relu(x + y) * 2)
        >>> matches = fx.replace_pattern(traced, lambda a, b: torch.relu(a + b), lambda a, b: torch.sigmoid(a - b))
        >>> len(matches), traced(torch.ones(1), torch.ones(1)).tolist()
        (1, [1.0])
    """
    new, matcher = _graph(replacement), _Matcher(_graph(pattern))
    inputs = [[n for n in graph.nodes if n.op == "placeholder"] for graph in (matcher.pattern, new)]
    if len(inputs[0]) != len(inputs[1]):
        raise ValueError(f"the pattern has {len(inputs[0])} arguments, the replacement {len(inputs[1])}")
    matches: list[Match] = []
    taken: set[Node] = set()
    for node in gm.graph.nodes:
        found = matcher.at(node)
        if found is not None and _free(found, matcher, taken):
            taken.update(matcher.inner(found))
            matches.append(Match(node, found))
    _add_modules(gm, replacement)
    changed: dict[Node, Node] = {}
    for match in matches:
        _replace(gm.graph, match, matcher, new, list(zip(*inputs)), changed)
    gm.recompile()
    return matches


def _replace(
    graph: Graph,
    match: Match,
    matcher: _Matcher,
    new: Graph,
    inputs: list[tuple[Node, Node]],
    changed: dict[Node, Node],
) -> None:
    """Puts the replacement before the first use of what a match gives, and takes the match out."""
    values: dict[Node, Node] = {}
    for like, shown in inputs:
        value = match.nodes_map.get(like)
        if value is not None:
            values[shown] = changed.get(value, value)
    first = next((node for node in graph.nodes if node in match.anchor.users), match.anchor)
    with graph.inserting_before(first):
        result = graph.graph_copy(new, values)
    match.anchor.replace_all_uses_with(result)
    changed[match.anchor] = result
    inner = set(matcher.inner(match.nodes_map))
    for node in [n for n in reversed(graph.nodes) if n in inner]:
        graph.erase_node(node)


def _add_modules(gm: GraphModule, replacement: Any) -> None:
    """Gives the module what the replacement calls and the module lacks."""
    if isinstance(replacement, Module):
        there = dict(gm.named_modules())
        for path, module in replacement.named_modules():
            if path and path not in there:
                gm.add_submodule(path, module)


__all__ = ["Match", "replace_pattern"]
