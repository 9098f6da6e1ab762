"""A module as a sequence of smaller ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from ...nn import Module
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, map_arg


class _Partition:
    """The nodes of one part, and what it takes from others and gives to them, in the order in which that is needed."""

    def __init__(self, name: str) -> None:
        self.name, self.nodes = name, list[Node]()
        self.inputs: dict[Node, None] = {}
        self.outputs: dict[Node, None] = {}
        self.needs: dict[str, None] = {}
        self.serves: dict[str, None] = {}


def split_module(
    m: GraphModule,
    root_m: Module | None,
    split_callback: Callable[[Node], Any],
    qualname_map: dict[str, str] | None = None,
    keep_original_order: bool | None = False,
    keep_original_node_name: bool | None = False,
    keep_original_input_name: bool = True,
    *,
    partition_affix: str | None = None,
    tuple_return: bool = False,
) -> GraphModule:
    """A module whose graph calls one module for each part of another graph.

    Args:
        m (GraphModule): what is split.
        root_m (Module): has no effect; the members are taken from ``m``.
        split_callback (callable): says for each node to which part it belongs, by a number or a name. It is not asked
            of inputs, outputs and reads of parameters, which stay outside.
        qualname_map (dict, optional): gets, by the name of a member of a part, its name in ``m``.
        keep_original_order (bool): whether parts are called in the order in which their first nodes stand, and
            parameters read where they are needed. Default: ``False``
        keep_original_node_name (bool): whether nodes in parts have the names that they had. Default: ``False``
        keep_original_input_name (bool): whether inputs of parts have the names of what they get, rather than `arg_0`
            and so on. Default: ``True``
        partition_affix (str, optional): stands in the name of each part.
        tuple_return (bool): whether a part returns a tuple although it is of one. Default: ``False``

    Raises RuntimeError where two parts would have to be called before each other.

    Example::

        >>> import kagari as torch
        >>> from kagari.fx.passes.split_module import split_module
        >>> traced = torch.fx.symbolic_trace(lambda x: (x + 1).relu().sum())
        >>> split = split_module(traced, None, lambda node: 0 if node.name == "add" else 1)
        >>> print(split.code.strip())
        def forward(self, x):
            submod_0 = self.submod_0(x);  x = None
            submod_1 = self.submod_1(submod_0);  submod_0 = None
            return submod_1
        >>> split(torch.tensor([1.0, -3.0]))
        tensor(2.)
    """
    parts = _assigned(m.graph, split_callback)
    order = list(parts) if keep_original_order else _sorted(parts)
    base, members = Graph(), dict[str, Any]()
    made: dict[Node, Any] = {}
    outside = [node for node in m.graph.nodes if node.op in ("placeholder", "get_attr")]

    def add_outside(nodes: Iterable[Node]) -> None:
        for node in nodes:
            if node not in made:
                made[node] = base.node_copy(node, made.__getitem__)
                if node.op == "get_attr":
                    members[str(node.target)] = _member(m, str(node.target))

    add_outside(n for n in outside if n.op == "placeholder" or not keep_original_order)
    for number in order:
        part = parts[number]
        name = "_".join(["submod", *([partition_affix] if partition_affix else []), part.name])
        add_outside(n for n in part.inputs if n.op == "get_attr")
        members[name], called = _module_of(
            m, part, bool(keep_original_node_name), keep_original_input_name, tuple_return
        )
        for inner, outer in called.items():
            if qualname_map is not None:
                qualname_map[f"{name}.{inner}"] = outer
        result = base.call_module(name, tuple(made[n] for n in part.inputs))
        for k, node in enumerate(part.outputs):
            alone = len(part.outputs) == 1 and not tuple_return
            made[node] = result if alone else base.call_function(operator.getitem, (result, k))
    final = m.graph.output_node()
    add_outside(n for n in outside if final in n.users)
    base.output(map_arg(final.args[0], made.__getitem__)).meta = dict(final.meta)
    return GraphModule(members, base)


def _assigned(graph: Graph, split_callback: Callable[[Node], Any]) -> dict[str, _Partition]:
    """The parts by name, in the order of their first nodes."""
    parts: dict[str, _Partition] = {}
    part_of: dict[Node, str] = {}
    for node in graph.nodes:
        if node.op in ("placeholder", "get_attr"):
            continue
        own = None
        if node.op != "output":
            name = part_of[node] = str(split_callback(node))
            own = parts.setdefault(name, _Partition(name))
            own.nodes.append(node)
        for used in node.all_input_nodes:
            source = parts.get(part_of.get(used, ""))
            if source is own:
                continue
            if own is not None:
                own.inputs[used] = None
            if source is not None:
                source.outputs[used] = None
                if own is not None:
                    own.needs[source.name] = source.serves[own.name] = None
    return parts


def _sorted(parts: dict[str, _Partition]) -> list[str]:
    """The parts, each behind those that it takes something from."""
    missing = {name: set(part.needs) for name, part in parts.items()}
    ready = [name for name in parts if not missing[name]]
    order = []
    while ready:
        name = ready.pop()
        order.append(name)
        for other in parts[name].serves:
            missing[other].discard(name)
            if not missing[other]:
                ready.append(other)
    if len(order) < len(parts):
        raise RuntimeError("cycle exists between partitions!")
    return order


def _module_of(
    m: GraphModule, part: _Partition, keep_node_names: bool, keep_input_names: bool, as_tuple: bool
) -> tuple[GraphModule, dict[str, str]]:
    """A part as a module, and the names that its members had."""
    graph, made = Graph(), dict[Node, Any]()
    members: dict[str, Any] = {}
    names: dict[str, str] = {}
    for k, node in enumerate(part.inputs):
        made[node] = graph.placeholder(node.name if keep_input_names else f"arg_{k}", node.type)
        made[node].meta = dict(node.meta)
    for node in part.nodes:
        target = node.target
        if node.op == "call_module":
            target = str(node.target).replace(".", "_")
            members[target], names[target] = _member(m, str(node.target)), str(node.target)
        args, kwargs = map_arg(node.args, made.__getitem__), map_arg(node.kwargs, made.__getitem__)
        name = node.name if keep_node_names else None
        made[node] = graph.create_node(node.op, target, args, kwargs, name, node.type)
        made[node].meta = dict(node.meta)
    results = tuple(made[node] for node in part.outputs)
    graph.output(results[0] if len(results) == 1 and not as_tuple else results)
    return GraphModule(members, graph), names


def _member(m: Module, path: str) -> Any:
    found: Any = m
    for atom in path.split("."):
        found = getattr(found, atom)
    return found


__all__ = ["split_module"]
