"""Branches of programs as graphs inside of graphs."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from ...eager import Tensor
from ...eager.branches import check_cond
from ...library.overloads import higher_order
from ...utils import _pytree as pytree
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node
from .places import stack

if TYPE_CHECKING:
    from .recorder import Known, Recorder


class _Inputs:
    """The tensors that branches take: the operands, and what they use from outside."""

    def __init__(self) -> None:
        self.known: list[tuple[Tensor, Known]] = []

    def enter(self, tensor: Tensor, known: Known) -> bool:
        """Whether it is one more."""
        new = all(other is not known for _, other in self.known)
        if new:
            self.known.append((tensor, known))
        return new


def record_cond(recorder: Recorder, pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> Any:
    """Notes a call of `torch.cond`, and gives what stands for its results."""
    check_cond(pred, true_fn, false_fn, operands)
    if isinstance(pred, bool):
        with recorder:
            return (true_fn if pred else false_fn)(*operands)
    inputs = _Inputs()
    for leaf in pytree.tree_leaves(tuple(operands)):
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"torch.cond: the operands have to be tensors, got {type(leaf).__name__}")
        inputs.enter(leaf, recorder.found(leaf))
    branches = [_branch(recorder, f, operands, inputs) for f in (true_fn, false_fn)]
    (first, spec), (second, other) = ((results, spec) for _, results, spec in branches)
    described = [
        [(tuple(known.standing[0].shape), known.standing[0].dtype) for known in one] for one in (first, second)
    ]
    if spec != other or described[0] != described[1]:
        raise RuntimeError(
            f"torch.cond: both branches have to give tensors of the same shapes and dtypes, got {described[0]} and "
            f"{described[1]}"
        )
    number = sum(name.startswith("true_graph_") for name in recorder.root._modules)
    nodes = []
    for name, (inner, _, _) in zip(("true_graph", "false_graph"), branches):
        graph = inner.graph
        for _, known in inputs.known[len([n for n in graph.nodes if n.op == "placeholder"]) :]:
            with graph.inserting_before(next(n for n in graph.nodes if n.op != "placeholder")):
                graph.placeholder(known.node.name)
        recorder.root.add_module(f"{name}_{number}", GraphModule(inner.root, graph, f"{name}_{number}"))
        nodes.append(recorder.graph.create_node("get_attr", f"{name}_{number}"))
    given = tuple(known.node for _, known in inputs.known)
    node = recorder.graph.call_function(higher_order.cond, (recorder.found(pred).node, *nodes, given))
    for made in (*nodes, node):
        made.meta["stack_trace"] = stack()
    return pytree.tree_unflatten(_results(recorder, node, first), spec)


def _results(recorder: Recorder, node: Node, first: list[Known]) -> list[Tensor]:
    node.meta["val"] = [known.standing[0] for known in first]
    results = []
    for i, known in enumerate(first):
        part = recorder.graph.call_function(operator.getitem, (node, i))
        part.meta["stack_trace"] = node.meta["stack_trace"]
        standing = tuple(t.view_as(t) for t in known.standing)
        recorder.know(standing[0], part, standing)
        results.append(standing[0])
    return results


def _branch(recorder: Recorder, function: Any, operands: Any, inputs: _Inputs) -> tuple[Recorder, list[Known], Any]:
    """The recorder of a branch, with its graph, what stands for its results, and their structure."""
    graph = Graph()
    inner = recorder.inside(graph, inputs.enter)
    for tensor, known in inputs.known:
        inner.know(tensor, graph.placeholder(known.node.name), known.standing)
    with inner:
        result = function(*operands)
    parts, spec = pytree.tree_flatten(result)
    found = [inner.found(part) for part in parts]
    graph.output(tuple(known.node for known in found))
    return inner, found, spec


__all__ = ["record_cond"]
