"""Graphs as drawings: nodes with what they are, and arrows between them. `pydot` writes them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from .. import names
from ..graph_module import GraphModule
from ..node import Node, shown
from .shape_prop import TensorMetadata

_COLOURS = {
    "placeholder": "AliceBlue", "call_module": "LemonChiffon1", "get_attr": "LightGrey", "output": "PowderBlue",
    "call_function": "Wheat1", "call_method": "PeachPuff1",
}  # fmt: skip
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "{}<>|"})


class FxGraphDrawer:
    """Draws the graph of a module, and those of the modules of that kind inside of it.

    Args:
        graph_module (GraphModule): what is drawn. What :class:`~kagari.fx.passes.shape_prop.ShapeProp` has noted is
            shown.
        name (str): the name of the drawing.
        ignore_getattr (bool): whether reads of parameters are left out. Default: ``False``
        ignore_parameters_and_buffers (bool): whether the tensors of modules are left out. Default: ``False``
        skip_node_names_in_args (bool): whether arguments that are nodes are left out of the texts, as there are arrows.
            Default: ``True``
        parse_stack_trace (bool): whether the line that made a node is shown. Default: ``False``
        dot_graph_shape (str, optional): the shape of nodes. Default: ``"record"``

    Raises RuntimeError where `pydot` is missing.
    """

    def __init__(
        self,
        graph_module: GraphModule,
        name: str,
        ignore_getattr: bool = False,
        ignore_parameters_and_buffers: bool = False,
        skip_node_names_in_args: bool = True,
        parse_stack_trace: bool = False,
        dot_graph_shape: str | None = None,
    ) -> None:
        try:
            self._pydot = importlib.import_module("pydot")
        except ModuleNotFoundError as error:
            raise RuntimeError(
                "FXGraphDrawer requires the pydot package to be installed. Please install pydot through your favorite "
                "Python package manager."
            ) from error
        self._ignore_reads, self._ignore_tensors = ignore_getattr, ignore_parameters_and_buffers
        self._skip_nodes, self._with_lines = skip_node_names_in_args, parse_stack_trace
        self._shape = "record" if dot_graph_shape is None else dot_graph_shape
        self._drawn = {name: self._draw(graph_module, name)}
        for path, module in graph_module.named_modules():
            if isinstance(module, GraphModule) and module is not graph_module:
                inner = f"{name}_{path.replace('.', '_')}"
                self._drawn[inner] = self._draw(module, inner)
        self._name = name

    def get_dot_graph(self, submod_name: str | None = None) -> Any:
        """The drawing, or that of a module inside: an object of pydot's, which writes files."""
        return self.get_main_dot_graph() if submod_name is None else self.get_submod_dot_graph(submod_name)

    def get_main_dot_graph(self) -> Any:
        """The drawing of the whole."""
        return self._drawn[self._name]

    def get_submod_dot_graph(self, submod_name: str) -> Any:
        """The drawing of a module inside."""
        return self._drawn[f"{self._name}_{submod_name}"]

    def get_all_dot_graphs(self) -> dict[str, Any]:
        """All drawings by name."""
        return dict(self._drawn)

    def _draw(self, module: GraphModule, name: str) -> Any:
        drawing = self._pydot.Dot(name, rankdir="TB")
        nodes = [n for n in module.graph.nodes if not (self._ignore_reads and n.op == "get_attr")]
        for node in nodes:
            self._add(drawing, node.name, "|".join(self._lines(module, node)), _COLOURS[node.op])
            if node.op == "call_module" and not self._ignore_tensors:
                inner = module.get_submodule(str(node.target))
                tensors = [("parameter", p) for p in inner.named_parameters()]
                for kind, (own, t) in [*tensors, *(("buffer", b) for b in inner.named_buffers())]:
                    path = f"{node.target}.{own}"
                    self._add(drawing, path, f"{path}|op_code=get_{kind}\\n|{t.dtype}{list(t.shape)}\\n", "Salmon")
                    drawing.add_edge(self._pydot.Edge(path, node.name))
        for node in nodes:
            for used in node.all_input_nodes:
                if used in nodes:
                    drawing.add_edge(self._pydot.Edge(used.name, node.name))
        return drawing

    def _add(self, drawing: Any, name: str, label: str, colour: str) -> None:
        style = {"shape": self._shape, "fillcolor": colour, "style": "filled,rounded", "fontcolor": "#000000"}
        drawing.add_node(self._pydot.Node(name, label=f"{{{label}}}", **style))

    def _lines(self, module: GraphModule, node: Node) -> Iterator[str]:
        """What is written into a node."""
        yield f"name=%{node.name}"
        yield f"op_code={node.op}\\n"
        if node.op == "call_module":
            inner = module.get_submodule(str(node.target))
            yield f"{names.path(type(inner))}\\n"
            constants = getattr(inner, "__constants__", ())
            yield "".join(f"{name}: {getattr(inner, name, None)}\\n" for name in constants)
        else:
            target = node.target if isinstance(node.target, str) else names.path(node.target)
            yield f"target={target}\\n"
            args = [a for a in node.args if not (self._skip_nodes and isinstance(a, Node))]
            kwargs = {k: a for k, a in node.kwargs.items() if not (self._skip_nodes and isinstance(a, Node))}
            if args:
                yield f"args={shown(tuple(args))}\\n".translate(_SPECIAL)
            if kwargs:
                yield f"kwargs={shown(kwargs)}\\n".translate(_SPECIAL)
            yield f"num_users={len(node.users)}\\n"
        meta = node.meta.get("tensor_meta")
        if isinstance(meta, TensorMetadata):
            yield f"dtype={meta.dtype}\\n"
            yield f"shape={tuple(meta.shape)}\\n"
            yield f"requires_grad={meta.requires_grad}\\n"
            yield f"stride={meta.stride}\\n"
        if self._with_lines and node.stack_trace:
            yield f"{node.stack_trace.splitlines()[0].strip()}\\n".translate(_SPECIAL)


__all__ = ["FxGraphDrawer"]
