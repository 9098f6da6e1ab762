"""Methods from recorded modules: each block becomes a graph, with what it uses from outside as parameters."""

from __future__ import annotations

from ..nn import Module
from . import types
from .calls import REQUIRED
from .function import ScriptModule, TracedModule
from .ir import Block, Graph, Node, Value
from .passes import drop_unused
from .python_types import mangled, qualified
from .types import Class, Method

Path = tuple[str, ...]


def traced_type(module: Module) -> Class:
    """The class of a module that was traced: members, and no other attributes. Each module has its own."""
    if isinstance(module, ScriptModule):
        return module._script_type
    kind = Class(mangled(qualified(type(module))), is_module=True)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            kind.attributes[name] = types.Tensor
            kind.parameters.append(name)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            kind.attributes[name] = types.Tensor
            kind.buffers.append(name)
    kind.attributes["training"] = types.Bool
    kind.attributes["_is_full_backward_hook"] = types.optional(types.Bool)
    for name, child in module._modules.items():
        if child is not None:
            kind.attributes[name] = traced_type(child)
    return kind


class Lifter:
    """Makes the methods of a module and of all modules in it."""

    def __init__(self, root: Class) -> None:
        self.root = root

    def type_at(self, path: Path) -> Class:
        """The class of the module at a path."""
        kind = self.root
        for name in path:
            found = kind.attributes[name]
            assert isinstance(found, Class)
            kind = found
        return kind

    def lift(self, graph: Graph, name: str, inputs: list[str]) -> Method:
        """The method of the outermost module."""
        own = Value(self.root, None, "self")
        graph.params.insert(0, own)
        self._lift_block(graph, (), own)
        for node in graph.nodes_of("trace::Attribute"):
            node.remove()
        arguments = [(n, p.type, REQUIRED) for n, p in zip(inputs, graph.params[1:])]
        method = Method(name, arguments, graph.result, made=graph)
        self.root.methods[name] = method
        return method

    def _lift_block(self, block: Block, path: Path, own: Value) -> None:
        """Makes members of what a block reads of its module, and calls of the modules that run in it."""
        members: dict[Path, Value] = {(): own}
        for node in list(block.nodes):
            if node.kind == "trace::Call":
                self._lift_call(node, block, path, members)
            elif node.kind == "trace::Script":
                self._lift_script(node, block, path, members)
        tensors: dict[Path, Value] = {(): own}
        for node in (*block.nodes, block.end):
            self._read_members(node, block, path, tensors)

    def _read_members(self, node: Node, block: Block, path: Path, members: dict[Path, Value]) -> None:
        for at, value in enumerate(node.inputs):
            source = value.node
            if source is None or source.kind != "trace::Attribute":
                continue
            full: Path = source.attributes["path"]
            if full[: len(path)] == path:
                found = self._member(block, members, path, full[len(path) :], types.Tensor)
                found.shape = value.shape
                node.set_input(at, found)

    def _lift_script(self, node: Node, block: Block, path: Path, members: dict[Path, Value]) -> None:
        """A module that is a script, which was called."""
        full: Path = node.attributes["path"]
        owner = self._member(block, members, path, full[len(path) :], self.type_at(full))
        call = Node(
            "prim::CallMethod", (owner, *node.inputs), [v.type for v in node.outputs], name=node.attributes["name"]
        ).before(node)
        for old, new in zip(node.outputs, call.outputs):
            new.name, new.shape = old.name, old.shape
            old.replace_by(new)
        node.remove()

    def _member(self, block: Block, members: dict[Path, Value], path: Path, relative: Path, kind: types.Type) -> Value:
        """A member of a module, read at the beginning of its block."""
        if relative not in members:
            owner = self._member(block, members, path, relative[:-1], self.type_at((*path, *relative[:-1])))
            found = kind if len(relative) == 0 else self.type_at((*path, *relative[:-1])).attributes[relative[-1]]
            made = Node("prim::GetAttr", (owner,), (found,), name=relative[-1])
            name = relative[-1]
            made.output.name = name if name.isidentifier() else f"_{name}"
            block.nodes.insert(0 if owner.node is None else block.nodes.index(owner.node) + 1, made)
            made.owner = block
            members[relative] = made.output
        return members[relative]

    def _lift_call(self, node: Node, block: Block, path: Path, members: dict[Path, Value]) -> None:
        """A module that was called: its block becomes a method, and the node a call of it."""
        full: Path = node.attributes["path"]
        kind = self.type_at(full)
        (inner,) = node.blocks
        graph = Graph()
        own = graph.add_param(kind, "self")
        for inside in list(inner.nodes):
            inner.nodes.remove(inside)
            inside.before(graph.end)
        self._lift_block(graph, full, own)
        outputs, captured = _used_outside(graph), _from_outside(graph)
        table: dict[Value, Value] = {}
        for value in captured:
            table[value] = graph.add_param(value.type, value.name or "argument_1")
            table[value].shape = value.shape
        for inside in graph.walk():
            for at, value in enumerate(inside.inputs):
                if value in table:
                    inside.set_input(at, table[value])
        result = _returned(graph, outputs)
        owner = self._member(block, members, path, full[len(path) :], kind)
        name = _free_name(kind, "forward")
        call = Node("prim::CallMethod", (owner, *captured), (result.type,), name=name).before(node)
        _hand_out(call, outputs, graph, node)
        graph.end.add_input(result)
        drop_unused(graph)
        arguments = [(p.name, p.type, REQUIRED) for p in graph.params[1:]]
        kind.methods[name] = Method(name, _distinct(arguments), graph.result, made=graph)
        node.remove()


def _distinct(arguments: list[tuple[str, types.Type, object]]) -> list[tuple[str, types.Type, object]]:
    """Parameters of names of their own."""
    found: list[tuple[str, types.Type, object]] = []
    for name, kind, default in arguments:
        taken = {n for n, _, _ in found}
        number, free = 1, name
        while free in taken:
            number, free = number + 1, f"{name.rstrip('0123456789')}{number}"
        found.append((free, kind, default))
    return found


def _returned(graph: Graph, outputs: list[Value]) -> Value:
    """What the method gives: what is used outside."""
    if not outputs:
        return graph.constant(None, types.Nothing)
    if len(outputs) == 1:
        return outputs[0]
    kind = types.Tuple(tuple(v.type for v in outputs))
    return graph.append(Node("prim::TupleConstruct", outputs, (kind,))).output


def _hand_out(call: Node, outputs: list[Value], graph: Graph, before: Node) -> None:
    """Has what was used outside come from the call."""
    if len(outputs) > 1:
        results = Node("prim::TupleUnpack", (call.output,), [v.type for v in outputs]).before(before).outputs
    else:
        results = call.outputs
    inside = {*graph.walk(), graph.end}
    for old, new in zip(outputs, results):
        new.shape = old.shape
        for user in dict.fromkeys(old.uses):
            if user not in inside:
                for at, value in enumerate(user.inputs):
                    if value is old:
                        user.set_input(at, new)


def _free_name(kind: Class, name: str) -> str:
    number, free = 0, name
    while free in kind.methods:
        number, free = number + 1, f"{name}{number + 1 if number else 1}"
    return free


def _own_values(block: Block) -> set[Value]:
    return {v for node in block.walk() for v in node.outputs}


def _used_outside(block: Block) -> list[Value]:
    inside = set(block.walk())
    ends = {inner.end for node in inside for inner in node.blocks}
    return [
        v
        for node in block.walk()
        for v in node.outputs
        if not v.is_constant and any(u not in inside and u not in ends for u in v.uses)
    ]


def _from_outside(block: Block) -> list[Value]:
    own = _own_values(block) | {*block.params}
    return list(dict.fromkeys(v for node in block.walk() for v in node.inputs if v not in own and not v.is_constant))


def members_of(made: ScriptModule, module: Module) -> None:
    """Gives a traced module the members of the original."""
    for name, parameter in module._parameters.items():
        made.register_parameter(name, parameter)
    for name, buffer in module._buffers.items():
        made.register_buffer(name, buffer, name not in module._non_persistent_buffers_set)
    object.__setattr__(made, "training", module.training)
    object.__setattr__(made, "_is_full_backward_hook", None)
    for name, child in module._modules.items():
        if child is None or isinstance(child, ScriptModule):
            made.add_module(name, child)
            continue
        kind = made._script_type.attributes[name]
        assert isinstance(kind, Class)
        inner = TracedModule(kind)
        members_of(inner, child)
        made.add_module(name, inner)


__all__ = ["Lifter", "members_of", "traced_type"]
