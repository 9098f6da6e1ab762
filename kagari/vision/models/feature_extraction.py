"""Features from inside of models: modules that return what chosen layers give."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ... import fx, nn


class NodePathTracer(fx.Tracer):
    """A tracer that notes for each node where in the model it was made, in ``node_to_qualname``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.current_module_qualname = ""
        self.node_to_qualname: OrderedDict[fx.Node, str] = OrderedDict()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        before = self.current_module_qualname
        self.current_module_qualname = self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.current_module_qualname = before

    def create_node(self, kind: str, target: Any, args: Any, kwargs: Any, *more: Any, **options: Any) -> fx.Node:
        node = super().create_node(kind, target, args, kwargs, *more, **options)
        self.node_to_qualname[node] = self._numbered(self._path(node))
        return node

    def _path(self, node: fx.Node) -> str:
        path = self.current_module_qualname
        if node.op == "call_module" and path == node.target:
            return path
        name = str(node)
        if re.match(r".+_[0-9]+$", name):
            name = name.rpartition("_")[0]
        return f"{path}.{name}".lstrip(".")

    def _numbered(self, path: str) -> str:
        alike = [
            known for known in self.node_to_qualname.values() if re.fullmatch(rf"{re.escape(path)}(_[0-9]+)?", known)
        ]
        return f"{path}_{len(alike)}" if alike else path


def _tracer(options: dict[str, Any] | None) -> NodePathTracer:
    """A tracer that keeps the modules of ``leaf_modules`` whole."""
    options = dict(options or {})
    leaves = tuple(options.pop("leaf_modules", ()))

    class Keeping(NodePathTracer):
        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            return isinstance(m, leaves) or super().is_leaf_module(m, module_qualified_name)

    return Keeping(**options)


def get_graph_node_names(
    model: nn.Module,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """The names of all nodes of a model, in the order of execution: in training mode, and in evaluation mode.

    Args:
        model (Module): the model.
        tracer_kwargs (dict): options of :class:`NodePathTracer`; ``leaf_modules`` lists classes that stay whole.
        suppress_diff_warning (bool): has no effect, as no warning is given here.
        concrete_args (dict): values that arguments have.

    >>> from kagari import nn
    >>> from kagari.vision.models.feature_extraction import get_graph_node_names
    >>> get_graph_node_names(nn.Sequential(nn.ReLU(), nn.Flatten()))[1]
    ['input', '0', '1']
    """
    found = []
    before = [(module, module.training) for module in model.modules()]
    for mode in (True, False):
        tracer = _tracer(tracer_kwargs)
        tracer.trace(model.train(mode), concrete_args)
        found.append([name for node, name in tracer.node_to_qualname.items() if node.op != "output"])
    for module, training in before:
        module.training = training
    return found[0], found[1]


def create_feature_extractor(
    model: nn.Module,
    return_nodes: list[str] | dict[str, str] | None = None,
    tracer_kwargs: dict[str, Any] | None = None,
    concrete_args: dict[str, Any] | None = None,
) -> fx.GraphModule:
    """A module that returns what chosen nodes of a model give, as a dictionary, in the mode that the model is in.

    Args:
        model (Module): the model.
        return_nodes (list or dict): names of nodes, or of modules, whose last node is meant; a dictionary gives for
            each the name of its result.
        tracer_kwargs (dict): options of :class:`NodePathTracer`; ``leaf_modules`` lists classes that stay whole.
        concrete_args (dict): values that arguments have.

    Raises ValueError for a name that the model does not have.

    >>> import kagari as torch
    >>> from kagari.vision.models.feature_extraction import create_feature_extractor
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.ReLU(), torch.nn.Linear(12, 2))
    >>> made = create_feature_extractor(model, {"1": "features"})(torch.zeros(2, 3, 4))
    >>> [(name, tuple(result.shape)) for name, result in made.items()]
    [('features', (2, 12))]
    """
    if return_nodes is None:
        raise ValueError("return_nodes must be given")
    wanted = dict(return_nodes) if isinstance(return_nodes, dict) else {name: name for name in return_nodes}
    copied = deepcopy(model)
    tracer = _tracer(tracer_kwargs)
    graph = tracer.trace(copied, concrete_args)
    results = {}
    for name, shown in wanted.items():
        within = [n for n, path in tracer.node_to_qualname.items() if f"{path}.".startswith(f"{name}.")]
        if not within or within[-1].op == "output":
            raise ValueError(f"node: '{name}' is not present in model. Hint: use `get_graph_node_names` to make sure")
        results[shown] = within[-1]
    graph.erase_node(graph.output_node())
    graph.output(results)
    made = fx.GraphModule(copied, graph, type(model).__name__)
    graph.eliminate_dead_code()
    made.recompile()
    made.delete_all_unused_submodules()
    return made


__all__ = ["NodePathTracer", "create_feature_extractor", "get_graph_node_names"]
