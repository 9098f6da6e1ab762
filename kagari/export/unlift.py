"""The module of an exported program: its graph with parameters as members, called as the module that was exported."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from ..fx.codegen import PythonCode
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule
from ..fx.node import Node, map_arg
from ..library import overloads
from ..nn import Module, Parameter
from ..utils import _pytree as pytree
from .graph_signature import ConstantArgument, InputKind, OutputKind

if TYPE_CHECKING:
    from .exported_program import ExportedProgram

Check = tuple[str, Callable[[tuple[Any, ...]], bool]]
"""A condition on the arguments, and its text."""


def _flatten(tree: Any, spec: Any) -> list[Any]:
    return pytree.tree_flatten((tuple(tree[0]), tree[1]))[0]


_fx_pytree = SimpleNamespace(tree_flatten_spec=_flatten)


class CallGraph(Graph):
    """A graph whose generated function takes and gives what the exported module does."""

    names: list[str]
    keywords: list[str]

    def python_code(self, root_module: str, *, verbose: bool = False) -> PythonCode:
        """The graph as Python, and the globals that it needs."""
        made = super().python_code(root_module, verbose=verbose)
        head, _, body = made.src.partition("def forward(")
        parameters, _, body = body.partition("):\n")
        flat = ", ".join([part.partition(":")[0].strip() for part in _split(parameters)[1:]])
        positional = ", ".join(name for name in self.names if name not in self.keywords)
        keywords = ", ".join(f"{name!r}:{name}" for name in self.keywords)
        taken = f"    {flat}, = fx_pytree.tree_flatten_spec(([{positional}], {{{keywords}}}), self._in_spec)\n"
        lines = body.rstrip().split("\n")
        result = lines[-1].removeprefix("    return ")
        lines[-1] = f"    return pytree.tree_unflatten({result}, self._out_spec)"
        signature = ", ".join(["self", *self.names])
        source = f"{head}def forward({signature}):\n{taken if flat else ''}" + "\n".join(lines) + "\n    "
        return PythonCode(source, {**made.globals, "fx_pytree": _fx_pytree, "pytree": pytree})


def _split(parameters: str) -> list[str]:
    """Parameters, some of which have annotations with commas in quotes."""
    parts, quoted = [""], False
    for letter in parameters:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


class GuardsFn(Module):
    """Checks the arguments of an exported program. Raises AssertionError where they are not what it takes."""

    def __init__(self, checks: list[Check]) -> None:
        super().__init__()
        self._checks = checks

    def forward(self, *args: Any) -> None:
        """Checks the arguments in the order of the graph's inputs."""
        for text, holds in self._checks:
            if not holds(args):
                raise AssertionError(f"Guard failed: {text}")


class UnliftedModule(GraphModule):
    """What `ExportedProgram.module()` gives."""

    _in_spec: Any
    _out_spec: Any

    def train(self, mode: bool = True) -> NoReturn:
        """Raises NotImplementedError: an exported graph is one mode's alone."""
        raise NotImplementedError("Calling train() is not supported yet.")

    def eval(self) -> NoReturn:
        """Raises NotImplementedError: an exported graph is one mode's alone."""
        raise NotImplementedError("Calling eval() is not supported yet.")


def unlifted(program: ExportedProgram, check_guards: bool = True) -> UnliftedModule:
    """The module of a program."""
    signature, in_spec = program.graph_signature, program.call_spec.in_spec
    root, graph = _members(program), CallGraph()
    positional, keywords = in_spec.children_specs
    graph.keywords = list(keywords.context or ())
    graph.names = [*program.argument_names[: positional.num_children], *graph.keywords]
    nodes: dict[Node, Any] = {}
    inputs = {spec.arg.name: spec for spec in signature.input_specs}
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    users = [node for node in placeholders if inputs[str(node.target)].kind is InputKind.USER_INPUT]
    for node in users:
        nodes[node] = graph.node_copy(node)
    for node in placeholders:
        target = inputs[str(node.target)].target
        if node not in nodes and target is not None:
            nodes[node] = graph.create_node("get_attr", target, name=target.replace(".", "_"))
    if check_guards and users:
        root._guards_fn = GuardsFn(program.checks())
        graph.call_module("_guards_fn", tuple(nodes[node] for node in users))
    for node in program.graph.nodes:
        if node.op == "get_attr":
            setattr(root, str(node.target), getattr(program.graph_module, str(node.target)))
    _copy_body(program, graph, nodes)
    made = UnliftedModule(root, graph)
    type(made).__name__ = "GraphModule"
    object.__setattr__(made, "_in_spec", in_spec)
    object.__setattr__(made, "_out_spec", program.call_spec.out_spec)
    made.register_forward_pre_hook(_checked, with_kwargs=True)
    return made


def _copy_body(program: ExportedProgram, graph: Graph, nodes: dict[Node, Any]) -> None:
    """Copies the steps; new values of buffers are written to them, the rest of the output is returned."""
    for node in program.graph.nodes:
        if node.op == "output":
            results = node.args[0]
        elif node not in nodes:
            nodes[node] = graph.node_copy(node, nodes.__getitem__)
    members = {spec.target: spec.arg.name for spec in program.graph_signature.input_specs}
    by_name = {str(node.target): made for node, made in nodes.items() if node.op == "placeholder"}
    returned = []
    for spec, result in zip(program.graph_signature.output_specs, results):
        value = map_arg(result, nodes.__getitem__)
        if spec.kind in (OutputKind.BUFFER_MUTATION, OutputKind.USER_INPUT_MUTATION):
            name = members[spec.target] if spec.kind is OutputKind.BUFFER_MUTATION else str(spec.target)
            graph.call_function(overloads.overload("copy_", "default"), (by_name[name], value))
        else:
            returned.append(value)
    graph.output(tuple(returned))


def _members(program: ExportedProgram) -> Module:
    """A module with the parameters, buffers and constants of a program at their paths."""
    root = Module()
    values = {**program.constants, **program.state_dict}
    for spec in program.graph_signature.input_specs:
        if spec.kind is InputKind.USER_INPUT or spec.target is None:
            continue
        *path, name = spec.target.split(".")
        holder = root
        for atom in path:
            if atom not in holder._modules:
                holder.add_module(atom, Module())
            holder = holder._modules[atom]
        value = values[spec.target]
        if spec.kind is InputKind.BUFFER:
            holder.register_buffer(name, value, persistent=bool(spec.persistent))
        elif spec.kind is InputKind.PARAMETER:
            holder.register_parameter(name, value if isinstance(value, Parameter) else Parameter(value))
        else:
            setattr(holder, name, value)
    return root


def _checked(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments of a call in the order of the exported one. Raises ValueError for another structure of them."""
    order = list(module._in_spec.children_specs[1].context or ())
    if set(kwargs) == set(order):
        kwargs = {name: kwargs[name] for name in order}
    elif order:
        raise ValueError(
            f"Ran into a kwarg keyword mismatch: Got the following keywords {list(kwargs)} but expected {order}"
        )
    found = pytree.tree_structure((args, kwargs))
    if found != module._in_spec:
        raise ValueError(
            f"Trying to flatten user inputs with exported input tree spec: \n{module._in_spec}\nbut actually got "
            f"inputs with tree spec of: \n{found}.\nPlease check that the inputs have the same number and type of "
            "args and kwargs as the ones you used when tracing."
        )
    return args, kwargs


def _is_same(at: int, value: Any, args: tuple[Any, ...]) -> bool:
    return type(args[at]) is type(value) and bool(args[at] == value)


def constant_checks(program: ExportedProgram) -> list[Check]:
    """That numbers and texts are those of the example."""
    found: list[Check] = []
    for at, spec in enumerate(program.graph_signature._inputs(InputKind.USER_INPUT)):
        if isinstance(spec.arg, ConstantArgument):
            value = spec.arg.value
            text = f"{spec.arg.name} {'is' if value is None else '=='} {value!r}"
            found.append((text, partial(_is_same, at, value)))
    return found


__all__ = ["Check", "GuardsFn", "UnliftedModule", "constant_checks", "unlifted"]
