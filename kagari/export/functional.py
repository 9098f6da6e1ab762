"""Running an exported graph again, to make another one of it that changes nothing in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..eager import Tensor
from ..eager.overriding import below
from ..fx.experimental.recorder import Recorder, standing_for
from ..fx.experimental.symbolic_shapes import Symbol, Symbols, SymFloat, SymInt
from ..fx.graph import Graph
from ..fx.node import Node, map_arg
from ..library.aten_calls import called
from ..library.matching import fitted
from ..library.overloads import OpOverload
from ..nn import Module
from .decompositions import RULES
from .graph_signature import ExportGraphSignature, InputKind, OutputKind, OutputSpec, SymIntArgument, TensorArgument

if TYPE_CHECKING:
    from .exported_program import ExportedProgram

_MUTATIONS = {InputKind.BUFFER: OutputKind.BUFFER_MUTATION, InputKind.USER_INPUT: OutputKind.USER_INPUT_MUTATION}
Table = Mapping[Any, Callable[..., Any]]


class _Recorder(Recorder):
    asserting = "_assert_tensor_metadata"


class Functional:
    """Makes the program of another one's graph: operators by the rules of a table, and none that works in place."""

    def __init__(self, program: ExportedProgram, table: Table | None) -> None:
        self.program, self.table = program, table
        symbols = _symbols(program.graph)
        self.recorder = _Recorder(Graph(), Module(), symbols, len(symbols.each[0].values) if symbols.each else 1)
        self.values: dict[Node, Any] = {}
        self.changed: dict[Node, None] = {}  # the inputs that get new values

    def run(self) -> tuple[Module, Graph, ExportGraphSignature]:
        """The graph and its signature. Raises NotImplementedError for what changes a tensor that shares its memory."""
        program, specs = self.program, {s.arg.name: s for s in self.program.graph_signature.input_specs}
        outputs: list[OutputSpec] = []
        for node in program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "output":
                outputs = self._outputs(node, specs)
            elif node.op == "call_function":
                self.recorder.at = node.stack_trace
                self.values[node] = self._call(node)
            else:
                raise NotImplementedError(f"run_decompositions: {node.format_node()} has no rule")
        self._drop_unused()
        signature = ExportGraphSignature(list(program.graph_signature.input_specs), outputs)
        return self.recorder.root, self.recorder.graph, signature

    def _placeholder(self, node: Node) -> None:
        made = self.recorder.graph.placeholder(str(node.target))
        value = node.meta.get("val")
        if not isinstance(value, Tensor):
            return
        each = self.recorder.symbols.each
        rows = zip(*(symbol.values for symbol in each)) if each else [()]
        names = [symbol.name for symbol in each]
        shapes = [tuple(eval(str(n), {}, dict(zip(names, row))) for n in node.meta["shape"]) for row in rows]
        standing = tuple(standing_for(value, shape) for shape in shapes)
        self.recorder.know(standing[0], made, standing)
        self.values[node] = standing[0]

    def _value(self, node: Node) -> Any:
        return self.values[node]

    def _call(self, node: Node) -> Any:
        args, kwargs = map_arg(node.args, self._value), map_arg(node.kwargs, self._value)
        target = node.target
        if not isinstance(target, OpOverload):
            if callable(target) and getattr(target, "__module__", "") == "_operator":
                return target(*args, **kwargs)
            raise NotImplementedError(f"run_decompositions: {target} has no rule")
        if target._opname == "sym_size":
            return self.recorder.sizes(args[0])[args[1]]
        if target._schema.mutates and target._opname.endswith("_") and target._opname != "detach_":
            return self._in_place(node, target, args, kwargs)
        return self._decomposed(target, args, kwargs)

    def _note(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return called(self.recorder.call, name, args, kwargs)

    def _note_within(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with below():
            return self._note(name, *args, **kwargs)

    def _decomposed(self, target: OpOverload, args: Any, kwargs: Any) -> Any:
        """The result of an operator, by its rule if there is one."""
        if target._opname == "batch_norm" and args[5] and args[3] is not None:
            raise NotImplementedError("run_decompositions: batch_norm in training changes its running mean in place")
        if self.table is not None:
            rule = self.table.get(target)
            if rule is not None:
                with self.recorder:
                    return rule(*args, **kwargs)
        else:
            name = target._opname
            own = RULES.get(f"{name}.{target._overloadname}") or RULES.get(name)
            if own is not None:
                with self.recorder:
                    result = own(self._note_within, *args, **kwargs)
                if result is not NotImplemented:
                    return result
        found = fitted(target._schema, args, kwargs, True)
        assert found is not None
        return self.recorder.call(found)

    def _in_place(self, node: Node, target: OpOverload, args: Any, kwargs: Any) -> Any:
        """An operator that works in place as one that does not: who uses its argument from then on has the result."""
        root, x = self._origin(node.args[0]), args[0]
        if any(isinstance(v, Tensor) and v is not x and v._storage is x._storage for v in self.values.values()):
            raise NotImplementedError(
                f"run_decompositions: {target} changes a tensor that shares its memory with another one; the program "
                f"does that at\n{node.stack_trace or 'an unknown place'}"
            )
        name = target._opname.removesuffix("_")
        if name == "copy":
            result = args[1] if args[1].dtype is x.dtype else self._note("_to_copy", args[1], dtype=x.dtype)
            if tuple(result.shape) != tuple(x.shape):
                result = self._note("expand", result, list(x.shape))
        elif name in ("fill", "zero"):
            result = self._note("full_like", x, args[1] if name == "fill" else 0)
        else:
            overload = f"{name}.{target._schema.overload}".rstrip(".")
            result = self._note(overload, *args, **kwargs)
        if result is NotImplemented:
            raise NotImplementedError(f"run_decompositions: {target} has no form that does not work in place")
        for old in [old for old in self.values if self.values[old] is x]:
            self.values[old] = result
        if root.op == "placeholder":
            self.changed[root] = None
        return result

    def _origin(self, node: Node) -> Node:
        """The node whose tensor a chain of changes in place has."""
        while isinstance(node.target, OpOverload) and node.target._schema.mutates:
            node = node.all_input_nodes[0]
        return node

    def _outputs(self, node: Node, specs: Mapping[str, Any]) -> list[OutputSpec]:
        recorder, found, nodes = self.recorder, list[OutputSpec](), list[Any]()
        for root in self.changed:
            spec = specs[str(root.target)]
            if spec.kind not in _MUTATIONS:
                raise NotImplementedError(
                    f"run_decompositions: the program changes {spec.target or spec.arg.name} in place"
                )
            nodes.append(recorder.node_of(self.values[root]))
            target = spec.target if spec.kind is InputKind.BUFFER else spec.arg.name
            found.append(OutputSpec(_MUTATIONS[spec.kind], TensorArgument(nodes[-1].name), target))
        for part, spec in zip(node.args[0], self.program.graph_signature.output_specs):
            value = self.values[part] if isinstance(part, Node) else part
            result = recorder.node_of(value)
            nodes.append(result)
            argument = spec.arg
            if isinstance(result, Node):
                sized = isinstance(value, SymInt | SymFloat)
                argument = SymIntArgument(result.name) if sized else TensorArgument(result.name)
            found.append(OutputSpec(spec.kind, argument, spec.target))
        recorder.graph.output(tuple(nodes))
        return found

    def _drop_unused(self) -> None:
        for node in reversed(self.recorder.graph.nodes):
            kept = isinstance(node.target, OpOverload) and node.target._opname.startswith("_assert")
            if not node.users and node.op == "call_function" and not kept:
                self.recorder.graph.erase_node(node)


def _symbols(graph: Graph) -> Symbols:
    """The symbols of a graph's inputs, with the example's values and some others."""
    hints: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "placeholder" and isinstance(node.meta.get("val"), Tensor):
            for text, size in zip(node.meta["shape"], node.meta["val"].shape):
                if str(text).isidentifier():
                    hints.setdefault(str(text), int(size))
    each = []
    for k, (name, hint) in enumerate(hints.items()):
        rest = [hint * (1 + (i == k) * j) for i in range(len(hints)) for j in (1, 2)]
        each.append(Symbol(name, (hint, *rest)))
    return Symbols(each)


__all__ = ["Functional", "Table"]
