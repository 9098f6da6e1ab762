"""`Graph`: a list of nodes, each of which uses results of those before it."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Iterator
from typing import Any

from . import names
from .codegen import PythonCode, Writer, generate
from .node import OPERATIONS, Node, Target, map_aggregate, map_arg
from .readable import Readable


class _Names:
    """Names that are taken."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.counts: dict[str, int] = {}

    def make(self, candidate: str) -> str:
        """A name like the candidate that nothing has yet."""
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        base, number = candidate, None
        ending = re.fullmatch(r"(.*)_(\d+)", candidate)
        if ending is not None:
            base, number = ending[1], int(ending[2])
        while candidate in self.used or keyword.iskeyword(candidate) or hasattr(builtins, candidate):
            number = self.counts.get(base, 0) + 1 if number is None else number + 1
            candidate = f"{base}_{number}"
            self.counts[base] = number
        self.used.add(candidate)
        return candidate


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


class _Nodes:
    """The nodes of a graph in order."""

    def __init__(self, root: Node, backwards: bool = False) -> None:
        self._root, self._backwards = root, backwards

    def __iter__(self) -> Iterator[Node]:
        step = "_prev" if self._backwards else "_next"
        node = getattr(self._root, step)
        while node is not self._root:
            if not node._erased:
                yield node
            node = getattr(node, step)

    def __reversed__(self) -> _Nodes:
        return _Nodes(self._root, not self._backwards)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Reference(str):
    """The name of a node, where a pickle can't have the node."""


def _rebuilt(lines: list[tuple[Any, ...]]) -> Graph:
    """The graph of a pickle."""
    made, nodes = Graph(), dict[str, Node]()

    def resolved(part: Any) -> Any:
        return nodes[part] if isinstance(part, _Reference) else part

    for name, op, target, args, kwargs, kind in lines:
        function = names.at(target) if op == "call_function" and isinstance(target, str) else target
        arguments = map_aggregate(args, resolved), map_aggregate(kwargs, resolved)
        nodes[name] = made.create_node(op, function, *arguments, name, kind)
    return made


class _Inserting:
    """Where nodes go until the end of a ``with`` block."""

    def __init__(self, graph: Graph, place: Node) -> None:
        self._graph, self._before = graph, graph._place
        graph._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._graph._place = self._before


class Graph:
    """Steps in order: placeholders, what is computed of them, and an output.

    Example::

        >>> import kagari as torch
        >>> from kagari import fx
        >>> graph = fx.Graph()
        >>> x = graph.placeholder("x")
        >>> result = graph.output(graph.call_function(torch.relu, (x,)))
        >>> print(graph)
        graph():
            %x : [num_users=1] = placeholder[target=x]
            %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
            return relu
    """

    def __init__(self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: Any = None) -> None:
        self._root = Node(self, "", "root", "", (), {})
        self._place, self._names = self._root, _Names()
        self.owning_module, self._tracer_cls, self._tracer_extras = owning_module, tracer_cls, tracer_extras

    @property
    def nodes(self) -> _Nodes:
        """The nodes in order."""
        return _Nodes(self._root)

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *(str(node.format_node()) for node in self.nodes)])

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Adds a node where nodes are inserted now: at the end, if nothing else was said.

        Raises AssertionError for an operation that does not exist.
        """
        if op not in OPERATIONS:
            raise AssertionError(f"op must be one of {', '.join(OPERATIONS)}, got {op}")
        made = Node(self, self._names.make(name or self._like(target)), op, target, args or (), kwargs or {}, type_expr)
        self._place.prepend(made)
        return made

    def _like(self, target: Target) -> str:
        if isinstance(target, str):
            return _snake(f"_{target.lstrip('*')}" if target.startswith("*") else target.replace(".", "_"))
        return _snake(names.short(target))

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """Adds an input."""
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """Adds a tensor of the module."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """Adds a call of a module inside the module."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """Adds a call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self, the_function: Callable[..., Any], args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """Adds a call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, type_expr=type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """Adds the last node, which says what is returned."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def inserting_before(self, n: Node | None = None) -> _Inserting:
        """A ``with`` block in which nodes are added before this one, or before all."""
        return _Inserting(self, self._root._next if n is None else n)

    def inserting_after(self, n: Node | None = None) -> _Inserting:
        """A ``with`` block in which nodes are added behind this one, or behind all."""
        return _Inserting(self, self._root if n is None else n._next)

    def erase_node(self, to_erase: Node) -> None:
        """Takes a node out. Raises RuntimeError where its result is used."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: "
                f"{to_erase.users}!"
            )
        to_erase._set((), {})
        before, after = to_erase._prev, to_erase._next
        to_erase._leave()
        to_erase._prev, to_erase._next, to_erase._erased = before, after, True  # a walk that stands here goes on
        if self._place is to_erase:
            self._place = after

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """Adds a copy of a node, mostly one of another graph, with its arguments replaced."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Any], return_output_node: bool = False) -> Any:
        """Adds all nodes of a graph but those in ``val_map``, and gives what it returns."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], val_map.__getitem__)
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, val_map.__getitem__)
        return None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Graph:
        made, copies = Graph(), dict[Node, Any]()
        for node in self.nodes:
            copies[node] = made.node_copy(node, copies.__getitem__)
        return made

    def __reduce__(self) -> Any:
        def line(node: Node) -> tuple[Any, ...]:
            known = node.op == "call_function" and names.known(node.target)
            arguments = (map_arg(part, lambda used: _Reference(used.name)) for part in (node.args, node.kwargs))
            return node.name, node.op, known.path if known else node.target, *arguments, node.type

        return _rebuilt, ([line(node) for node in self.nodes],)

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of an operation and, if it is given, a target."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def output_node(self) -> Node:
        """The node that says what is returned."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Takes out what no one uses, and says whether there was anything."""
        self.lint()
        impure, before = is_impure_node or Node.is_impure, len(self.nodes)
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
        return len(self.nodes) < before

    def lint(self) -> None:
        """Checks that nodes use results of earlier ones, and that what they name is in the module.

        Raises RuntimeError for an argument that is not there yet, ValueError for a target that the module lacks.
        """
        seen: set[Node] = set()
        for node in self.nodes:
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' does not belong to this Graph")
                if used not in seen:
                    raise RuntimeError(
                        f"Argument '{used}' of Node '{node}' was used before it has been defined! Please check that "
                        f"Nodes in the graph are topologically ordered\n{self}"
                    )
            seen.add(node)
            if node.op in ("call_module", "get_attr") and self.owning_module is not None:
                self._check_target(node)

    def _check_target(self, node: Node) -> None:
        holder = self.owning_module
        for atom in str(node.target).split("."):
            if not hasattr(holder, atom):
                raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute {atom}")
            holder = getattr(holder, atom)

    def python_code(self, root_module: str, *, verbose: bool = False) -> PythonCode:
        """The graph as Python, and the globals that it needs; ``root_module`` is how it calls the module. With
        ``verbose``, what is known of values and where the program computes them is there, too.
        """
        return generate(self, root_module, Readable if verbose else Writer)

    def print_tabular(self) -> None:
        """Prints the nodes as a table."""
        head: tuple[str, ...] = ("opcode", "name", "target", "args", "kwargs")
        lines: list[tuple[str, ...]] = [
            head,
            *((n.op, n.name, str(n.target), str(n.args), str(n.kwargs)) for n in self.nodes),
        ]
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        lines.insert(1, tuple("-" * width for width in widths))
        for line in lines:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


__all__ = ["Graph", "PythonCode"]
