"""Running a graph node by node, and making a new one of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..nn import Module
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, Target, map_aggregate, map_arg
from .proxy import GraphAppendingTracer, Proxy


class Interpreter:
    """Runs the graph of a module node by node; subclasses change what a node does.

    Example::

        >>> import kagari as torch
        >>> from kagari import fx
        >>> class Negative(fx.Interpreter):
        ...     def call_function(self, target, args, kwargs):
        ...         return torch.neg(args[0]) if target is torch.relu else super().call_function(target, args, kwargs)
        >>> Negative(fx.symbolic_trace(lambda x: torch.relu(x))).run(torch.ones(2)).tolist()
        [-1.0, -1.0]
    """

    def __init__(self, module: Module, garbage_collect_values: bool = True, graph: Graph | None = None) -> None:
        self.module, self.submodules = module, dict(module.named_modules())
        self.graph: Graph = module.graph if graph is None else graph
        self.garbage_collect_values = garbage_collect_values
        self.env: dict[Node, Any] = {}
        self.args_iter: Iterator[Any] = iter(())

    def run(self, *args: Any, initial_env: dict[Node, Any] | None = None, **options: Any) -> Any:
        """What the graph returns for these arguments."""
        self.env, self.args_iter = dict(initial_env or {}), iter(args)
        left = {node: len(node.users) for node in self.graph.nodes}
        for node in self.graph.nodes:
            if node not in self.env:
                self.env[node] = self.run_node(node)
            if node.op == "output":
                return self.env[node]
            if self.garbage_collect_values:
                self._drop(node, left)
        return None

    def _drop(self, node: Node, left: dict[Node, int]) -> None:
        for used in node.all_input_nodes:
            left[used] -= 1
            if not left[used]:
                del self.env[used]

    def run_node(self, n: Node) -> Any:
        """What one node gives."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a node, with values instead of nodes."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Any, n: Node) -> Any:
        """Arguments with values instead of nodes."""
        return map_arg(args, self.env.__getitem__)

    def fetch_attr(self, target: str) -> Any:
        """The member of the module at a path."""
        value: Any = self.module
        for atom in target.split("."):
            if not hasattr(value, atom):
                raise RuntimeError(f"Node referenced nonexistent target {target}")
            value = getattr(value, atom)
        return value

    def placeholder(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The next argument, or its default."""
        for value in self.args_iter:
            return value
        if args:
            return args[0]
        raise RuntimeError(f"Expected positional argument for parameter {target}, but one was not passed in!")

    def get_attr(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A tensor of the module."""
        return self.fetch_attr(str(target))

    def call_function(self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a function."""
        return target(*args, **kwargs)

    def call_method(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a method of the first argument."""
        return getattr(args[0], str(target))(*args[1:], **kwargs)

    def call_module(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a module."""
        return self.fetch_attr(str(target))(*args, **kwargs)

    def output(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What is returned."""
        return args[0]


class Transformer(Interpreter):
    """Makes a new module by running a graph on proxies; subclasses change what a node becomes.

    Example::

        >>> import kagari as torch
        >>> from kagari import fx
        >>> class Sigmoid(fx.Transformer):
        ...     def call_function(self, target, args, kwargs):
        ...         return super().call_function(torch.sigmoid, args, kwargs)
        >>> Sigmoid(fx.symbolic_trace(lambda x: torch.relu(x))).transform()(torch.zeros(1)).tolist()
        [0.5]
    """

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.new_graph = Graph()
        self.tracer = GraphAppendingTracer(self.new_graph)

    def placeholder(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Proxy:
        """An input of the new graph."""
        return self.tracer.create_proxy("placeholder", target, args, {})

    def get_attr(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Proxy:
        """A tensor of the module in the new graph."""
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function in the new graph."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_module(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A module in the new graph."""
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The new module."""
        result = map_aggregate(super().run(), lambda value: value.node if isinstance(value, Proxy) else value)
        self.new_graph.output(result)
        return GraphModule(self.module, self.new_graph)


__all__ = ["Interpreter", "Transformer"]
