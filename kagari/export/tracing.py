"""One run of a module on tensors without memory, for some choices of the sizes that are not fixed: its graph."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..eager import Tensor
from ..eager.aten import schemas
from ..fx.experimental.recorder import Recorder, standing_for
from ..fx.experimental.symbolic_shapes import Symbol, Symbols, SymFloat, SymInt
from ..fx.graph import Graph
from ..fx.node import Node
from ..library.matching import Arguments
from ..nn import Module
from ..utils import _pytree as pytree
from .graph_signature import (
    Argument,
    ConstantArgument,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    SymIntArgument,
    TensorArgument,
)


@dataclass
class Leaf:
    """An argument, or a part of one: its name in the graph, and by which way a program finds it."""

    name: str
    source: str
    value: Any
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    """The shape of a tensor for each choice."""


@dataclass
class Traced:
    """What a run gave."""

    graph: Graph
    inputs: list[InputSpec]
    outputs: list[OutputSpec]
    constants: dict[str, Tensor]
    out_spec: Any
    symbols: Symbols
    root: Module


class ModuleRecorder(Recorder):
    """Notes the calls of a module, whose parameters, buffers and constants are inputs of the graph."""

    def __init__(self, mod: Module, leaves: Sequence[Leaf], symbols: Symbols, count: int) -> None:
        super().__init__(Graph(), Module(), symbols, count)
        self.inputs: list[InputSpec] = []
        self.constants: dict[str, Tensor] = {}
        self._lifted = 0
        self._attributes = _attributes(mod)
        kept = set(mod.state_dict(keep_vars=True))
        for name, parameter in mod.named_parameters():
            self._member(f"p_{_flat(name)}", InputKind.PARAMETER, name, parameter)
        for name, buffer in mod.named_buffers():
            self._member(f"b_{_flat(name)}", InputKind.BUFFER, name, buffer, name in kept)
            if name not in kept:
                self.constants[name] = buffer
        self._before_users = len(self.inputs)
        self.values = [self._leaf(leaf) for leaf in leaves]
        self._first_user: Node | None = next((v for v in map(self._node, leaves) if v is not None), None)

    def _node(self, leaf: Leaf) -> Node | None:
        return next((n for n in self.graph.nodes if n.target == leaf.name), None)

    def _member(self, name: str, kind: InputKind, target: str, value: Tensor, persistent: bool | None = None) -> Node:
        node = self.graph.placeholder(name)
        self.know(value, node, (standing_for(value),) * self.count)
        self.inputs.append(InputSpec(kind, TensorArgument(str(node.target)), target, persistent))
        return node

    def _leaf(self, leaf: Leaf) -> Any:
        """What the program gets for an argument."""
        node = self.graph.placeholder(leaf.name)
        if not isinstance(leaf.value, Tensor):
            self.inputs.append(InputSpec(InputKind.USER_INPUT, ConstantArgument(leaf.name, leaf.value), None))
            return leaf.value
        standing = tuple(standing_for(leaf.value, shape) for shape in leaf.shapes)
        self.know(standing[0], node, standing)
        self.inputs.append(InputSpec(InputKind.USER_INPUT, TensorArgument(leaf.name), None))
        return standing[0]

    def constant(self, tensor: Tensor) -> Node:
        """The input for a tensor that the module has without having registered it, or that the program makes."""
        target = self._attributes.get(id(tensor))
        if target is None:
            target, self._lifted = f"lifted_tensor_{self._lifted}", self._lifted + 1
        with self.graph.inserting_before(self._first_user):
            node = self.graph.placeholder(f"c_{_flat(target)}")
        spec = InputSpec(InputKind.CONSTANT_TENSOR, TensorArgument(str(node.target)), target)
        self.inputs.insert(self._before_users, spec)
        self._before_users += 1
        self.constants[target] = tensor
        return node


def _flat(name: str) -> str:
    return name.removeprefix("self_").replace(".", "_")


def _attributes(mod: Module) -> dict[int, str]:
    """Tensors that modules have as plain attributes, and the paths to them."""
    found: dict[int, str] = {}
    for path, module in mod.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                found.setdefault(id(value), f"{path}.{name}".lstrip("."))
    return found


class _Assigned:
    """Members of modules before a run: what it assigns to buffers becomes a change of them, all else is undone."""

    def __init__(self, mod: Module) -> None:
        self.buffers = [(module, name, value) for module in mod.modules() for name, value in module._buffers.items()]
        self.others = [(module, dict(vars(module))) for module in mod.modules()]

    def record(self, recorder: ModuleRecorder) -> None:
        """Notes the changes of buffers."""
        for module, name, before in self.buffers:
            after = module._buffers[name]
            if after is not before and isinstance(after, Tensor) and isinstance(before, Tensor):
                recorder.call(Arguments(schemas("aten::copy_")[0], [before, after], {}))

    def undo(self) -> None:
        """Has everything as it was."""
        for module, name, before in self.buffers:
            module._buffers[name] = before
        for module, before in self.others:
            changed = [name for name, value in vars(module).items() if before.get(name) is not value]
            for name in changed:
                if isinstance(vars(module)[name], Tensor):
                    warnings.warn(
                        f"The tensor attribute {name} was assigned during export. Such attributes must be registered "
                        "as buffers using the `register_buffer` API",
                        stacklevel=2,
                    )
                if name in before:
                    object.__setattr__(module, name, before[name])
                else:
                    object.__delattr__(module, name)


def trace(mod: Module, leaves: Sequence[Leaf], in_spec: Any, symbols: list[Symbol], sources: dict[str, Any]) -> Traced:
    """Runs a module once. `sources` has, for symbols that inputs have as they are, the leaf and the dimension."""
    count = len(symbols[0].values) if symbols else 1
    known = Symbols(symbols)
    recorder = ModuleRecorder(mod, leaves, known, count)
    made = _size_nodes(recorder, leaves, sources)
    args, kwargs = pytree.tree_unflatten(recorder.values, in_spec)
    assigned = _Assigned(mod)
    try:
        with recorder:
            result = mod(*args, **kwargs)
        assigned.record(recorder)
    except Exception as error:
        steps = [node for node in recorder.graph.nodes if not isinstance(node.meta.get("val"), SymInt | SymFloat)]
        error.reached = len(steps)  # type: ignore[attr-defined]
        raise
    finally:
        assigned.undo()
    parts, out_spec = pytree.tree_flatten(result)
    outputs = [_output(recorder, part) for part in parts]
    recorder.graph.output(tuple(recorder.node_of(part) for part in parts))
    _settle(recorder, made)
    for spec in outputs:
        if isinstance(spec.arg, SymIntArgument):
            spec.arg.name = str(recorder.node_of(parts[outputs.index(spec)]))
    return Traced(recorder.graph, recorder.inputs, outputs, recorder.constants, out_spec, known, recorder.root)


def _size_nodes(recorder: ModuleRecorder, leaves: Sequence[Leaf], sources: dict[str, Any]) -> list[Node]:
    """A node for each symbol that an input has as it is."""
    nodes = []
    for symbol in recorder.symbols.each:
        if symbol.name in sources:
            at, dim = sources[symbol.name]
            placeholder = recorder.found(recorder.values[at]).node
            nodes.append(recorder.size_node(placeholder, dim, symbol.values, "symbol"))
            symbol.make = partial(nodes.__getitem__, -1 + len(nodes))
    return nodes


def _settle(recorder: ModuleRecorder, nodes: list[Node]) -> None:
    """Takes out the steps on sizes that no one uses, and names what reads those of inputs behind the others."""
    count = len(recorder.sizes_read | {(node.args[0], node.args[1]) for node in nodes if node.users})
    for node in reversed(recorder.graph.nodes):
        if not node.users and isinstance(node.meta.get("val"), SymInt | SymFloat):
            recorder.graph.erase_node(node)
    for node in nodes:
        if node.users:
            node.name, count = f"sym_size_int_{count}", count + 1


def _output(recorder: ModuleRecorder, part: Any) -> OutputSpec:
    argument: Argument
    if isinstance(part, Tensor):
        argument = TensorArgument(recorder.found(part).node.name)
    elif isinstance(part, SymInt):
        argument = SymIntArgument(part.node.name)
    elif part is None or isinstance(part, bool | int | float | str):
        argument = ConstantArgument("", part)
    else:
        raise ValueError(
            f"It looks like one of the outputs with type `{type(part)}` is not supported or pytree-flattenable. \n"
            "Exported graphs outputs can only contain the following supported types: tensors, numbers, text and None."
        )
    return OutputSpec(OutputKind.USER_OUTPUT, argument, None)


__all__ = ["Leaf", "Traced", "trace"]
