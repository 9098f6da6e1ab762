"""`GraphModule`: a module whose ``forward`` is generated from a graph."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

from ..nn import Module
from .folder import write
from .graph import Graph


def _rebuilt(members: dict[str, Any], graph: Graph, name: str, training: bool, meta: dict[str, Any]) -> GraphModule:
    """What a pickle or a copy is made of."""
    holder = Module()
    for key, value in members.items():
        setattr(holder, key, value)
    made = GraphModule(holder, graph, name)
    object.__setattr__(made, "training", training)
    made.meta = meta
    return made


class GraphModule(Module):
    """A module that runs a graph.

    Args:
        root (Module or dict): where the modules and tensors that the graph names are.
        graph (Graph): what the module does.
        class_name (str): the name of its class in print.

    Raises RuntimeError for a root of another type, or one that lacks what the graph names.

    Example::

        >>> import kagari as torch
        >>> from kagari import fx
        >>> traced = fx.symbolic_trace(torch.nn.Sequential(torch.nn.ReLU()))
        >>> traced(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        """Each has a class of its own, for its ``forward``."""
        base = next(kind for kind in cls.__mro__ if kind.__dict__.get("_of_one") is None)
        made: GraphModule = object.__new__(type("GraphModuleImpl", (base,), {"_of_one": True}))
        return made

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        if not isinstance(root, Module | Mapping):
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        if isinstance(root, Module):
            object.__setattr__(self, "training", root.training)
        targets = [str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")]
        for target in targets if isinstance(root, Module) else sorted(targets, key=lambda name: name.count(".")):
            self._take(root, target)
        self.meta: dict[str, Any] = {}
        self.graph = graph

    def _take(self, root: Any, target: str) -> None:
        """Puts a member of the root at the same place here."""
        if isinstance(root, Mapping):
            if target not in root:
                raise RuntimeError(f"a node refers to target {target} but that target was not provided in root")
            value = root[target]
        else:
            value = root
            for atom in target.split("."):
                value = getattr(value, atom)
        *path, name = target.split(".")
        holder: Any = self
        for atom in path:
            if not hasattr(holder, atom):
                holder.add_module(atom, Module())
            holder = getattr(holder, atom)
        if isinstance(root, Module) and target in dict(root.named_buffers()):
            holder.register_buffer(name, value)
        else:
            setattr(holder, name, value)

    @property
    def graph(self) -> Graph:
        """The graph; to assign another one makes the code anew."""
        return self._graph

    @graph.setter
    def graph(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(graph)}")
        object.__setattr__(self, "_graph", graph)
        graph.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The source of ``forward``."""
        return self._code

    def recompile(self) -> Any:
        """Makes ``forward`` anew from the graph, which has been changed, and gives the code."""
        made = self._graph.python_code("self")
        object.__setattr__(self, "_code", made.src)
        space = dict(made.globals)
        exec(compile(made.src, f"<eval_with_key {id(self)}>", "exec"), space)
        type(self).forward = space["forward"]
        return made

    def _members(self) -> dict[str, Any]:
        own = {**self._parameters, **self._buffers, **self._modules}
        tensors = {n: v for n, v in vars(self).items() if n not in own and n.startswith("_tensor_constant")}
        return {**own, **tensors}

    def _state(self) -> tuple[Any, ...]:
        return self._members(), self._graph, type(self).__name__, self.training, self.meta

    def __reduce__(self) -> Any:
        return _rebuilt, self._state()

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        members, graph, name, training, meta = self._state()
        return _rebuilt(copy.deepcopy(members, memo), copy.deepcopy(graph), name, training, dict(meta))

    def __copy__(self) -> GraphModule:
        members, graph, name, training, meta = self._state()
        return _rebuilt(members, copy.deepcopy(graph), name, training, meta)

    def to_folder(self, folder: str | os.PathLike[str], module_name: str = "FxModule") -> None:
        """Writes the module into a folder, as a package from which a class of this name can be imported."""
        write(self, folder, module_name)

    def add_submodule(self, target: str, m: Module) -> bool:
        """Adds a module at a path, and says whether that could be done."""
        *path, name = target.split(".")
        holder: Module = self
        for atom in path:
            if not hasattr(holder, atom):
                holder.add_module(atom, Module())
            holder = getattr(holder, atom)
            if not isinstance(holder, Module):
                return False
        holder.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Takes the module at a path out, and says whether there was one."""
        *path, name = target.split(".")
        holder: Any = self
        for atom in path:
            holder = getattr(holder, atom, None)
        if not isinstance(holder, Module) or not isinstance(getattr(holder, name, None), Module):
            return False
        delattr(holder, name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Takes out the modules that the graph does not call."""
        used = [str(node.target) for node in self._graph.nodes if node.op in ("call_module", "get_attr")]
        for path, _ in list(self.named_modules()):
            kept = any(name == path or name.startswith(f"{path}.") or path.startswith(f"{name}.") for name in used)
            if path and not kept:
                self.delete_submodule(path)

    def print_readable(self, print_output: bool = True) -> str:
        """Prints the module as a class, with the shapes of values where they are known, and gives the text."""
        lines = self._graph.python_code("self", verbose=True).src.strip("\n").rstrip().split("\n")
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        text = f"class {type(self).__name__}(torch.nn.Module):\n{body}\n"
        for child in self.children():
            if isinstance(child, GraphModule):
                inner = child.print_readable(print_output=False).rstrip("\n").split("\n")
                text += "\n" + "".join(f"    {line}\n" if line else "\n" for line in inner)
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        hint = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__repr__(), self._code, hint])


__all__ = ["GraphModule"]
