"""From an exported program to an ONNX graph, node by node."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.dtypes import int64
from ..eager import Tensor
from ..export.exported_program import ExportedProgram
from ..export.graph_signature import ConstantArgument, InputKind
from ..fx.node import Node, map_aggregate
from ..library.overloads import OpOverload
from .builder import Builder, OnnxExporterError, Translate, UnsupportedOperatorError, Val, library, number, place
from .layers import LAYERS
from .pointwise import POINTWISE
from .reduce import REDUCE
from .shapes import SHAPES

TABLE: dict[str, Translate] = {**POINTWISE, **REDUCE, **SHAPES, **LAYERS}
_SIZES = {operator.add: "Add", operator.sub: "Sub", operator.mul: "Mul", operator.floordiv: "Div", operator.mod: "Mod"}
_VIEWS = frozenset((
    "alias", "chunk", "detach", "expand", "expand_as", "flatten", "narrow", "numpy_T", "mT", "movedim", "permute",
    "reshape", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unflatten",
    "unsqueeze", "view", "view_as", "to",
))  # fmt: skip
_WRITTEN = ("fill_", "copy_", "zero_")


class Converter:
    """Makes the nodes for one program."""

    def __init__(self, program: ExportedProgram, custom: Mapping[Any, Translate] | None = None) -> None:
        self.program, self.custom = program, dict(custom or {})
        self.b = Builder()
        self.values: dict[Node, Any] = {}
        self.inputs: list[Val] = []
        self.initializers: dict[str, Tensor] = {}

    def run(self, input_names: Sequence[str], output_names: Sequence[str]) -> tuple[list[Val], list[Val]]:
        """Makes all nodes, and gives the inputs and the outputs. Raises UnsupportedOperatorError for what has no form
        in ONNX, with the line of the program that calls it.
        """
        specs = {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}
        names = list(input_names)
        outputs: list[Val] = []
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node, specs[str(node.target)], names)
            elif node.op == "output":
                outputs = self._outputs(node, output_names)
            elif node.op == "call_function":
                self.values[node] = self._call(node)
            else:
                raise OnnxExporterError(f"torch.onnx: {node.format_node()} has no form in ONNX")
        return self.inputs, outputs

    def _placeholder(self, node: Node, spec: Any, names: list[str]) -> None:
        if isinstance(spec.arg, ConstantArgument):
            self.values[node] = spec.arg.value
            return
        of_user = spec.kind is InputKind.USER_INPUT
        name = (names.pop(0) if names else spec.arg.name) if of_user else str(spec.target)
        value = Val(name, node.meta["val"].dtype, _sizes(node))
        self.values[node] = value
        if of_user:
            self.inputs.append(value)
        elif node.users:
            self.initializers[name] = {**self.program.constants, **self.program.state_dict}[spec.target]

    def _outputs(self, node: Node, names: Sequence[str]) -> list[Val]:
        found: list[Val] = []
        wanted = list(names)
        for part in node.args[0]:
            if not isinstance(part, Node):
                if part is None:
                    continue
                raise OnnxExporterError(f"torch.onnx: an output is the constant {part!r}, which ONNX has no form for")
            value = self.values[part]
            name = wanted.pop(0) if wanted else part.name
            taken = {v.name for v in (*found, *self.inputs)} | set(self.initializers)
            name = name if name not in taken else self.b.name(name)
            self.b.nodes.append(library("helper").make_node("Identity", [value.name], [name], name=f"output_{name}"))
            found.append(Val(name, value.dtype, value.shape))
        return found

    def _call(self, node: Node) -> Any:
        if node.target is operator.getitem:
            value, index = node.args
            return self.values[value][index]
        if node.target in _SIZES:
            parts = [self.b.to(self._value(arg), int64) for arg in node.args]
            return Val(self.b.op(_SIZES[node.target], *parts), int64, ())
        target = node.target
        try:
            if target in self.custom:
                return self._translated(node, self.custom[target])
            if not isinstance(target, OpOverload):
                raise UnsupportedOperatorError("it is no operator of torch.ops.aten")
            return self._operator(node, target)
        except UnsupportedOperatorError as error:
            raise UnsupportedOperatorError(
                f"torch.onnx: {target} has no form in ONNX here: {error}\nIt is called at: {place(node)}"
            ) from None

    def _operator(self, node: Node, target: OpOverload) -> Any:
        name = target._opname
        if name == "_assert_tensor_metadata":
            return None
        found = TABLE.get(f"{name}.{target._overloadname}") or TABLE.get(name)
        if found is None and name.endswith("_"):
            return self._in_place(node, name)
        if found is None:
            raise UnsupportedOperatorError("there is no translation of it")
        return self._translated(node, found)

    def _in_place(self, node: Node, name: str) -> Any:
        """An operator that changes its argument, which no other tensor may see: users behind it have its result."""
        changed = node.args[0]
        others = [user for user in changed.users if user is not node and _is_view(user)]
        if _is_view(changed) or others:
            raise UnsupportedOperatorError("it changes a tensor that shares its memory with another one")
        if changed.op == "placeholder" and self.values[changed].name in self.initializers:
            raise UnsupportedOperatorError("it changes a parameter or buffer")
        if name in _WRITTEN:
            return self._translated(node, _written)
        found = TABLE.get(name.removesuffix("_"))
        if found is None:
            raise UnsupportedOperatorError("there is no translation of it")
        return self._translated(node, found)

    def _translated(self, node: Node, translate: Translate) -> Any:
        val = node.meta.get("val")
        self.b.result = [_Meta(part, tuple(part.shape)) for part in val] if isinstance(val, list) else val
        if isinstance(val, Tensor):
            self.b.result = _Meta(val, _sizes(node))
        if isinstance(val, list):
            for user in node.users:
                self.b.result[user.args[1]] = _Meta(user.meta["val"], _sizes(user))
        args, kwargs = (map_aggregate(part, self._value) for part in (tuple(node.args), node.kwargs))
        try:
            return translate(self.b, *args, **kwargs)
        except TypeError as error:
            raise UnsupportedOperatorError(f"its arguments have no translation: {error}") from error

    def _value(self, part: Any) -> Any:
        return self.values[part] if isinstance(part, Node) else part


class _Meta:
    """The dtype and the sizes of a result; sizes that are not fixed are texts."""

    def __init__(self, tensor: Tensor, shape: tuple[Any, ...]) -> None:
        self.dtype, self.shape = tensor.dtype, shape


def _sizes(node: Node) -> tuple[Any, ...]:
    """The sizes of what a node gives: numbers, or expressions."""
    sizes = node.meta.get("shape", node.meta["val"].shape)
    return tuple(int(n) if not isinstance(n, str) or n.isdigit() else n for n in sizes)


def _is_view(node: Node) -> bool:
    target = node.target
    if target is operator.getitem:
        return _is_view(node.all_input_nodes[0])
    return isinstance(target, OpOverload) and target._opname in _VIEWS


def _written(b: Builder, x: Val, value: Any = 0, *rest: Any) -> Val:
    return b.emit("Expand", b.to(value, x.dtype), b.shape(x))


def value_info(value: Val, names: Mapping[str, str]) -> Any:
    """The description of an input or output; sizes that are not fixed have the names that the user gave them."""
    sizes = [n if isinstance(n, int) else _renamed(n, names) for n in value.shape]
    return library("helper").make_tensor_value_info(value.name, number(value.dtype), sizes)


def _renamed(text: str, names: Mapping[str, str]) -> str | None:
    for symbol, name in names.items():
        text = text.replace(symbol, name)
    return None if text == "?" else text


__all__ = ["Converter", "value_info"]
