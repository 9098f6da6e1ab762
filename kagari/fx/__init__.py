"""Programs as graphs that can be read, changed and run: `torch.fx`."""

from __future__ import annotations

from . import _symbolic_trace as _symbolic_trace
from . import experimental, graph, graph_module, interpreter, node, passes, proxy, subgraph_rewriter
from ._symbolic_trace import Tracer, symbolic_trace, wrap
from .graph import Graph
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import replace_pattern

__all__ = [
    "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "experimental", "graph",
    "graph_module", "has_side_effect", "interpreter", "map_arg", "node", "passes", "proxy", "replace_pattern",
    "subgraph_rewriter", "symbolic_trace", "wrap",
]  # fmt: skip
