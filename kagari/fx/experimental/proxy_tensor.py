"""Programs as graphs of `torch.ops.aten`. The module has PyTorch's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...eager import Tensor
from ...nn import Module
from ...utils import _pytree as pytree
from ..graph import Graph
from ..graph_module import GraphModule
from .recorder import Recorder, standing_for


def make_fx(
    f: Callable[..., Any],
    decomposition_table: Mapping[Any, Callable[..., Any]] | None = None,
    tracing_mode: str = "real",
    **options: Any,
) -> Callable[..., GraphModule]:
    """A function that gives, for example arguments, the graph of the operators that a function calls.

    The function is run on tensors without memory, whatever the mode says. It may not ask for values of tensors.

    Args:
        f (callable): a function of tensors, or of nested lists, tuples and dictionaries of them.
        decomposition_table: must be empty.
        tracing_mode (str): `real`, `fake` or `symbolic`; sizes are those of the arguments. Default: ``"real"``
        options: accepted as PyTorch has them.

    Raises NotImplementedError where a call has no operator in `torch.ops.aten`, and for a table of decompositions.

    Example::

        >>> import kagari as torch
        >>> from kagari.fx.experimental.proxy_tensor import make_fx
        >>> graph = make_fx(lambda x: torch.relu(x) + 1)(torch.ones(2))
        >>> print(graph.code.strip())
        def forward(self, x_1):
            relu = torch.ops.aten.relu.default(x_1);  x_1 = None
            add = torch.ops.aten.add.Tensor(relu, 1);  relu = None
            return add
    """
    if decomposition_table:
        raise NotImplementedError("make_fx: decomposition_table is not there yet")

    def trace(*args: Any) -> GraphModule:
        return _traced(f, args)

    return trace


def _traced(f: Callable[..., Any], args: tuple[Any, ...]) -> GraphModule:
    graph, root = Graph(), Module()
    recorder = Recorder(graph, root)
    leaves, spec = pytree.tree_flatten(args)
    standing = []
    for leaf, name in zip(leaves, _names(f, len(leaves))):
        node = graph.placeholder(f"{name}_1")
        value = leaf
        if isinstance(leaf, Tensor):
            value = standing_for(leaf)
            recorder.know(value, node, (value,))
        standing.append(value)
    with recorder:
        result = f(*pytree.tree_unflatten(standing, spec))
    graph.output(pytree.tree_map(recorder.node_of, result))
    return GraphModule(root, graph, getattr(f, "__name__", type(f).__name__))


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """A name for each leaf: that of the parameter, where each parameter is one."""
    names = [p.name for p in inspect.signature(f).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    return names[:count] if len(names) >= count else [f"arg{i}" for i in range(count)]


__all__ = ["make_fx"]
