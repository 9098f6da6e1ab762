"""Exported programs from the JSON that PyTorch's `.pt2` files have."""

from __future__ import annotations

import ast
import operator
from typing import Any

from ..base import dtypes
from ..eager import Tensor, formats
from ..eager import operators as ops
from ..eager.device import Device as device
from ..fx.experimental.recorder import META
from ..fx.experimental.symbolic_shapes import Symbol, Symbols, symbolic
from ..fx.graph import Graph
from ..fx.node import Node
from ..library import overloads
from ..nn import Module
from .dynamic_shapes import ValueRanges, int_oo
from .exported_program import Conditions, ExportedProgram, ModuleCallEntry, ModuleCallSignature
from .graph_signature import (
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    SymIntArgument,
    TensorArgument,
)
from .search import SizeName
from .serialize import MEMORY_FORMATS, SCALAR_TYPES, SCHEMA_VERSION, loaded

_DTYPES = {number: getattr(dtypes, "bool_" if name == "bool" else name) for name, number in SCALAR_TYPES.items()}
_FORMATS = {number: getattr(formats, name) for name, number in MEMORY_FORMATS.items()}
_SIGNS = {"Add": "+", "Mul": "*", "FloorDiv": "//", "Mod": "%", "PythonMod": "%", "Pow": "**"}
_INPUTS = {"parameter": InputKind.PARAMETER, "buffer": InputKind.BUFFER, "tensor_constant": InputKind.CONSTANT_TENSOR}


def dtype_of(number: int) -> Any:
    """The dtype of a number."""
    return _DTYPES[number]


def text_of(expression: str) -> str:
    """An expression of SymPy's programs as Python.

    >>> text_of("Mul(Integer(2), Symbol('s77', positive=True, integer=True))")
    '2*s77'
    """
    return _written(ast.parse(expression, mode="eval").body, False)


def _written(node: ast.expr, inside: bool) -> str:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise NotImplementedError(f"export.load: the size {ast.unparse(node)}")
    name, first = node.func.id, node.args[0]
    if name in ("Symbol", "Integer"):
        return str(ast.literal_eval(first))
    if name not in _SIGNS:
        raise NotImplementedError(f"export.load: the size {ast.unparse(node)}")
    parts = [_written(arg, True) for arg in node.args]
    if name == "Add":
        parts.sort(key=lambda part: part.lstrip("-").isdigit())
        text = " + ".join(parts).replace("+ -", "- ")
    elif name == "FloorDiv":
        return f"(({parts[0]})//{parts[1]})" if not parts[0].isidentifier() else f"({parts[0]}//{parts[1]})"
    else:
        text = _SIGNS[name].join(parts)
    return f"({text})" if inside and name in ("Add", "Mod") else text


class Loader:
    """Makes a program of its description."""

    def __init__(self, described: dict[str, Any]) -> None:
        version = described["schema_version"]["major"]
        if version != SCHEMA_VERSION["major"]:
            raise RuntimeError(
                f"export.load: the program is of schema version {version}, and {SCHEMA_VERSION['major']} is known"
            )
        self.described, self.module = described, described["graph_module"]
        self.data = self.module["graph"]
        self.graph, self.nodes = Graph(), dict[str, Node]()
        self.symbols = Symbols(self._symbols())

    def _symbols(self) -> list[Symbol]:
        """The symbols with their values in the example, and some others to tell expressions apart."""
        hints: dict[str, int] = {}
        for meta in self.data["tensor_values"].values():
            for size in meta["sizes"]:
                expr = size.get("as_expr")
                if expr is not None and (text := text_of(expr["expr_str"])).isidentifier():
                    hints[text] = expr["hint"]["as_int"]
        count = len(hints)
        each = []
        for k, (name, hint) in enumerate(hints.items()):
            rest = [hint + (i == k) * (j + 1) for i in range(count) for j in range(3)]
            each.append(Symbol(name, (hint, *rest)))
        return each

    def run(self, state: dict[str, Tensor], constants: dict[str, Tensor], example: Any) -> ExportedProgram:
        """The program, with its tensors."""
        inputs = [self._input_spec(spec) for spec in self.module["signature"]["input_specs"]]
        outputs = [self._output_spec(spec) for spec in self.module["signature"]["output_specs"]]
        for spec in inputs:
            node = self.nodes[spec.arg.name] = self.graph.placeholder(spec.arg.name)
            if isinstance(spec.arg, TensorArgument):
                self._describe(node, spec.arg.name)
        for step in self.data["nodes"]:
            self._step(step)
        self.graph.output(tuple(self._value(result) for result in self.data["outputs"]))
        calls = [self._call(entry) for entry in self.module["module_call_graph"]]
        ranges = {
            SizeName(name): ValueRanges(r["min_val"] or 0, int_oo if r["max_val"] is None else r["max_val"])
            for name, r in self.described["range_constraints"].items()
        }
        program = ExportedProgram(
            Module(), self.graph, ExportGraphSignature(inputs, outputs), state, ranges, calls, example, constants,
            self._conditions(inputs, calls),
        )  # fmt: skip
        return program

    # What is said of values

    def _sizes(self, meta: dict[str, Any]) -> list[Any]:
        return [s["as_int"] if "as_int" in s else text_of(s["as_expr"]["expr_str"]) for s in meta["sizes"]]

    def _describe(self, node: Node, name: str) -> None:
        meta = self.data["tensor_values"].get(name)
        if meta is None:
            return
        hints = [s["as_int"] if "as_int" in s else s["as_expr"]["hint"]["as_int"] for s in meta["sizes"]]
        strides = [s["as_int"] if "as_int" in s else s["as_expr"]["hint"]["as_int"] for s in meta["strides"]]
        value = ops.empty_strided(hints, strides, dtype=dtype_of(meta["dtype"]), device=META)
        node.meta["val"] = value.requires_grad_(meta["requires_grad"])
        node.meta["shape"] = tuple(str(size) for size in self._sizes(meta))

    def _value(self, described: dict[str, Any]) -> Any:
        """An argument from its description."""
        ((kind, value),) = described.items()
        if kind in ("as_tensor", "as_sym_int", "as_sym_float"):
            if "name" not in value and "as_name" not in value:
                return value.get("as_int", value.get("as_float"))
            return self._named(value)
        if kind == "as_none":
            return None
        if kind in ("as_tensors", "as_sym_ints", "as_sym_floats"):
            return [self._value({"as_sym_int": part}) if "as_int" in part else self._named(part) for part in value]
        if kind == "as_optional_tensors":
            return [None if "as_none" in part else self._value(part) for part in value]
        if kind == "as_float":
            return float(value)
        if kind == "as_complex":
            return complex(value["real"], value["imag"])
        if kind == "as_scalar_type":
            return dtype_of(value)
        if kind == "as_device":
            return device(value["type"], value["index"])
        if kind == "as_layout":
            return formats.strided
        if kind == "as_memory_format":
            return _FORMATS[value]
        if kind in ("as_int", "as_bool", "as_string", "as_ints", "as_floats", "as_bools"):
            return value
        raise NotImplementedError(f"export.load: an argument {kind.removeprefix('as_')}")

    def _named(self, part: dict[str, Any]) -> Node:
        return self.nodes[part["name"] if "name" in part else part["as_name"]]

    # Steps

    def _step(self, step: dict[str, Any]) -> None:
        args = [self._value(given["arg"]) for given in step["inputs"] if given["kind"] == 1]
        kwargs = {given["name"]: self._value(given["arg"]) for given in step["inputs"] if given["kind"] == 2}
        target = self._target(step["target"])
        outputs = step["outputs"]
        several = len(outputs) > 1 or (outputs and "as_tensors" in outputs[0])
        node = self.graph.create_node("call_function", target, tuple(args), kwargs, self._node_name(step, several))
        trace = step["metadata"].get("stack_trace")
        if trace:
            node.meta["stack_trace"] = f"  {trace}\n"
        if several:
            self._take_apart(node, outputs[0].get("as_tensors", outputs))
        elif outputs:
            ((kind, value),) = outputs[0].items()
            name = value.get("name", value.get("as_name"))
            self.nodes[name] = node
            if kind == "as_tensor":
                self._describe(node, name)
            else:
                self._describe_size(node, name)

    @staticmethod
    def _node_name(step: dict[str, Any], several: bool) -> str | None:
        name: str | None = step.get("name")
        if name is None and not several and step["outputs"]:
            (value,) = step["outputs"][0].values()
            name = value.get("name", value.get("as_name"))
        return name

    def _take_apart(self, node: Node, parts: list[dict[str, Any]]) -> None:
        """Adds the nodes for several results."""
        values = []
        for i, part in enumerate(parts):
            name = part["name"] if "name" in part else part["as_tensor"]["name"]
            made = self.graph.create_node("call_function", operator.getitem, (node, i), {}, name)
            made.meta.update({key: value for key, value in node.meta.items() if key == "stack_trace"})
            self.nodes[name] = made
            self._describe(made, name)
            values.append(made.meta.get("val"))
        node.meta["val"] = values

    def _describe_size(self, node: Node, name: str) -> None:
        described = self.data["sym_int_values"].get(name, {})
        if "as_expr" in described:
            text = text_of(described["as_expr"]["expr_str"])
            rows = zip(*(symbol.values for symbol in self.symbols.each))
            names = [symbol.name for symbol in self.symbols.each]
            values = tuple(eval(text, {}, dict(zip(names, row))) for row in rows)
            node.meta["val"] = symbolic(values, self.symbols, lambda: node)

    @staticmethod
    def _target(text: str) -> Any:
        if text.startswith("_operator."):
            return getattr(operator, text.removeprefix("_operator."))
        *space, name, overload = text.split(".")
        if ".".join(space) != "torch.ops.aten":
            raise NotImplementedError(f"export.load: a call of {text}")
        try:
            return overloads.overload(name, overload)
        except AttributeError:
            raise NotImplementedError(f"export.load: the program calls {text}, which Kagari does not have") from None

    # The signature

    def _input_spec(self, described: dict[str, Any]) -> InputSpec:
        ((kind, value),) = described.items()
        if kind in _INPUTS:
            name = value["arg"]["name"]
            persistent = value["persistent"] if kind == "buffer" else None
            return InputSpec(_INPUTS[kind], TensorArgument(name), value[f"{kind}_name"], persistent)
        if kind == "constant_input":
            return InputSpec(InputKind.USER_INPUT, ConstantArgument(value["name"], self._value(value["value"])), None)
        if kind == "user_input" and "as_tensor" in value["arg"]:
            return InputSpec(InputKind.USER_INPUT, TensorArgument(value["arg"]["as_tensor"]["name"]), None)
        raise NotImplementedError(f"export.load: an input that is a {kind}")

    def _output_spec(self, described: dict[str, Any]) -> OutputSpec:
        ((kind, value),) = described.items()
        if kind == "buffer_mutation":
            return OutputSpec(OutputKind.BUFFER_MUTATION, TensorArgument(value["arg"]["name"]), value["buffer_name"])
        if kind != "user_output":
            raise NotImplementedError(f"export.load: an output that is a {kind}")
        ((of, part),) = value["arg"].items()
        if of == "as_tensor":
            return OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(part["name"]), None)
        if of == "as_sym_int" and "as_name" in part:
            return OutputSpec(OutputKind.USER_OUTPUT, SymIntArgument(part["as_name"]), None)
        return OutputSpec(OutputKind.USER_OUTPUT, ConstantArgument("", self._value(value["arg"])), None)

    @staticmethod
    def _call(entry: dict[str, Any]) -> ModuleCallEntry:
        given = entry["signature"]
        if given is None:
            return ModuleCallEntry(entry["fqn"])
        specs = loaded(given["in_spec"]), loaded(given["out_spec"])
        return ModuleCallEntry(entry["fqn"], ModuleCallSignature([], [], *specs, given.get("forward_arg_names")))

    def _conditions(self, inputs: list[InputSpec], calls: list[ModuleCallEntry]) -> Conditions:
        users = [spec for spec in inputs if spec.kind is InputKind.USER_INPUT]
        shapes = [
            (at, spec.arg.name, tuple(self._sizes(self.data["tensor_values"][spec.arg.name])))
            for at, spec in enumerate(users) if isinstance(spec.arg, TensorArgument)
        ]  # fmt: skip
        return Conditions(shapes)


__all__ = ["Loader", "dtype_of", "text_of"]
