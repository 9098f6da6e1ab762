"""Joining layers of a graph that follow one another."""

from __future__ import annotations

from typing import Any

from ....fx import GraphModule, Node
from ....nn import ReLU
from ..fuser_method_mappings import DEFAULT_OP_LIST_TO_FUSER_METHOD
from .roles import is_relu

_LONGEST = 3


def fuse(model: GraphModule, is_qat: bool) -> GraphModule:
    """The graph of a model in which convolutions or linear maps are joined with the normalisation and the ReLU behind
    them.
    """
    modules: dict[str, Any] = dict(model.named_modules(remove_duplicate=False))
    for node in list(model.graph.nodes):
        if node.op == "call_module":
            _fuse_from(model, node, modules, is_qat)
    made = GraphModule(model, model.graph, "GraphModule")
    made.train(model.training)
    return made


def _fuse_from(model: GraphModule, node: Node, modules: dict[str, Any], is_qat: bool) -> None:
    from_here = [node]
    while len(from_here) < _LONGEST and len(from_here[-1].users) == 1:
        (following,) = from_here[-1].users
        if following.all_input_nodes != [from_here[-1]]:
            break
        from_here.append(following)
    for length in range(len(from_here), 1, -1):
        row = from_here[:length]
        layers = [_layer(n, modules) for n in row]
        method = DEFAULT_OP_LIST_TO_FUSER_METHOD.get(tuple(type(m) for m in layers))
        if method is not None:
            made = method(is_qat, *layers)
            _set(model, modules, str(node.target), made)
            for n in row[:0:-1]:
                n.replace_all_uses_with(row[0])
                model.graph.erase_node(n)
            return


def _layer(node: Node, modules: dict[str, Any]) -> Any:
    """The module that a node calls; a ReLU for a function that is one."""
    if node.op == "call_module":
        return modules[str(node.target)]
    return _relu(modules) if is_relu(node, modules) else None


def _relu(modules: dict[str, Any]) -> Any:
    made = ReLU()
    made.train(modules[""].training)
    return made


def _set(model: Any, modules: dict[str, Any], path: str, made: Any) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, made)
    modules[path] = made


__all__ = ["fuse"]
