"""Exported programs as the JSON that PyTorch's `.pt2` files have."""

from __future__ import annotations

import ast
import json
import math
import operator
from collections import OrderedDict
from typing import Any

from ..base import dtypes
from ..eager import Tensor
from ..eager.aten import Argument
from ..eager.device import Device as device
from ..eager.formats import layout, memory_format
from ..fx.node import Node
from ..library.overloads import OpOverload
from ..utils import _pytree as pytree
from .dynamic_shapes import int_oo
from .exported_program import ExportedProgram
from .graph_signature import ConstantArgument, InputKind, InputSpec, OutputKind, OutputSpec, SymIntArgument

SCALAR_TYPES = {
    "uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "float16": 6, "float32": 7, "float64": 8, "complex32": 9,
    "complex64": 10, "complex128": 11, "bool": 12, "bfloat16": 13, "uint16": 28, "float8_e4m3fn": 29,
    "float8_e5m2": 30, "float8_e4m3fnuz": 31, "float8_e5m2fnuz": 32, "uint32": 34, "uint64": 35,
}  # fmt: skip
MEMORY_FORMATS = {"contiguous_format": 1, "channels_last": 2, "channels_last_3d": 3, "preserve_format": 4}
STRIDED = 7
SCHEMA_VERSION = {"major": 8, "minor": 20}
CONTAINERS = {"builtins.tuple": tuple, "builtins.list": list, "builtins.dict": dict,
              "collections.OrderedDict": OrderedDict}  # fmt: skip
_KINDS = {kind: name for name, kind in CONTAINERS.items()}
_SUMS = {ast.Add: "Add", ast.Mult: "Mul", ast.FloorDiv: "FloorDiv", ast.Mod: "Mod", ast.Pow: "Pow"}
_OPERATORS = {operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.floordiv: "floordiv",
              operator.truediv: "truediv", operator.mod: "mod", operator.pow: "pow", operator.neg: "neg"}  # fmt: skip


def model(program: ExportedProgram, version: str) -> dict[str, Any]:
    """The description of a program. Raises NotImplementedError for what the format here has no form for."""
    graph = {
        "inputs": [_input(spec) for spec in program.graph_signature.input_specs],
        "outputs": [_output(spec) for spec in program.graph_signature.output_specs],
        "nodes": [_node(node) for node in program.graph.nodes if _is_step(node)],
        **_values(program),
        "sym_bool_values": {}, "is_single_tensor_return": False, "custom_obj_values": {}, "sym_float_values": {},
    }  # fmt: skip
    ranges = {
        str(name): {"min_val": r.lower, "max_val": None if r.upper >= int_oo else r.upper}
        for name, r in program.range_constraints.items() if str(name).isidentifier()
    }  # fmt: skip
    signature = {
        "input_specs": [_input_spec(spec) for spec in program.graph_signature.input_specs],
        "output_specs": [_output_spec(spec) for spec in program.graph_signature.output_specs],
    }
    calls = [{"fqn": entry.fqn, "signature": _call(entry.signature)} for entry in program.module_call_graph]
    return {
        "graph_module": {
            "graph": graph, "signature": signature, "module_call_graph": calls, "metadata": {},
            "treespec_namedtuple_fields": {},
        },
        "opset_version": {"aten": 10}, "range_constraints": ranges, "schema_version": SCHEMA_VERSION,
        "verifiers": ["TRAINING"], "torch_version": version, "guards_code": [],
    }  # fmt: skip


def _is_step(node: Node) -> bool:
    return node.op == "call_function" and node.target is not operator.getitem


# Values


def tensor_meta(tensor: Tensor, sizes: Any = None) -> dict[str, Any]:
    """What is known of a tensor without its elements."""
    shape = tuple(tensor.shape) if sizes is None else sizes
    return {
        "dtype": scalar_type(tensor.dtype), "sizes": [_size(n, hint) for n, hint in zip(shape, tensor.shape)],
        "requires_grad": tensor.requires_grad, "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": n} for n in tensor.stride()], "storage_offset": {"as_int": 0}, "layout": STRIDED,
    }  # fmt: skip


def scalar_type(dt: Any) -> int:
    """The number of a dtype."""
    return SCALAR_TYPES[str(dt).removeprefix("torch.")]


def _size(size: Any, hint: int) -> dict[str, Any]:
    text = str(size)
    if text.isdigit():
        return {"as_int": int(text)}
    return {"as_expr": {"expr_str": expression(text), "hint": {"as_int": int(hint)}}}


def expression(text: str) -> str:
    """An expression in sizes as SymPy's programs represent it.

    >>> expression("2*s77")
    "Mul(Integer(2), Symbol('s77', positive=True, integer=True))"
    """
    return _represented(ast.parse(text, mode="eval").body)


def _represented(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return f"Symbol('{node.id}', positive=True, integer=True)"
    if isinstance(node, ast.Constant):
        return f"Integer({node.value!r})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"Mul(Integer(-1), {_represented(node.operand)})"
    if isinstance(node, ast.BinOp):
        left, right = node.left, node.right
        if isinstance(node.op, ast.Sub):
            negative = ast.UnaryOp(ast.USub(), right)
            fixed = isinstance(right, ast.Constant)
            whole = f"Integer(-{ast.unparse(right)})" if fixed else _represented(negative)
            return f"Add({_represented(left)}, {whole})"
        return f"{_SUMS[type(node.op)]}({_represented(left)}, {_represented(right)})"
    raise NotImplementedError(f"export.save: the size {ast.unparse(node)}")


def _values(program: ExportedProgram) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    sizes: dict[str, Any] = {}
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, Tensor):
            name = str(node.target) if node.op == "placeholder" else node.name
            tensors[name] = tensor_meta(value, node.meta.get("shape"))
        elif isinstance(value, int) and not isinstance(value, bool) and node.op == "call_function":
            sizes[node.name] = _size(value, int.__int__(value))
    return {"tensor_values": tensors, "sym_int_values": sizes}


def _constant(value: Any) -> dict[str, Any]:
    """A number, a text, None or what else arguments are."""
    if value is None:
        return {"as_none": True}
    if isinstance(value, bool):
        return {"as_bool": value}
    if isinstance(value, int):
        return {"as_int": value}
    if isinstance(value, float):
        special = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"as_float": value if math.isfinite(value) else special}
    if isinstance(value, complex):
        return {"as_complex": {"real": value.real, "imag": value.imag}}
    if isinstance(value, str):
        return {"as_string": value}
    if isinstance(value, dtypes.dtype):
        return {"as_scalar_type": scalar_type(value)}
    if isinstance(value, device):
        return {"as_device": {"type": value.type, "index": value.index}}
    if isinstance(value, memory_format):
        return {"as_memory_format": MEMORY_FORMATS[value.name]}
    if isinstance(value, layout):
        return {"as_layout": STRIDED}
    raise NotImplementedError(f"export.save: an argument of type {type(value).__name__}")


def _argument(value: Any, kind: str) -> dict[str, Any]:
    """An argument of a type."""
    if isinstance(value, Node):
        return {"as_tensor": {"name": _name(value)}} if _is_tensor(value) else {"as_sym_int": {"as_name": value.name}}
    if not isinstance(value, list | tuple):
        return _constant(value)
    if "Tensor?" in kind:
        return {"as_optional_tensors": [_argument(one, "Tensor?") for one in value]}
    if "Tensor" in kind:
        return {"as_tensors": [{"name": _name(one)} for one in value]}
    if any(isinstance(one, Node) for one in value):
        parts = [{"as_name": one.name} if isinstance(one, Node) else {"as_int": one} for one in value]
        return {"as_sym_ints": parts}
    if "float" in kind:
        return {"as_floats": [float(one) for one in value]}
    return {"as_bools" if "bool" in kind else "as_ints": list(value)}


def _is_tensor(node: Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _name(node: Node) -> str:
    return str(node.target) if node.op == "placeholder" else node.name


# Steps


def _node(node: Node) -> dict[str, Any]:
    trace = (node.stack_trace or "").strip()
    described: dict[str, Any] = {
        "target": "", "inputs": [], "outputs": _results(node), "metadata": {"stack_trace": trace} if trace else {},
        "is_hop_single_tensor_return": None, "name": node.name,
    }  # fmt: skip
    if node.target in _OPERATORS:
        inputs = [{"name": name, "arg": _argument(arg, "int"), "kind": 1} for name, arg in zip("ab", node.args)]
        return {**described, "target": f"_operator.{_OPERATORS[node.target]}", "inputs": inputs}
    if not isinstance(node.target, OpOverload):
        raise NotImplementedError(f"export.save: a call of {node.target}")
    parameters: dict[str, Argument] = {p.name: p for p in node.target._schema.arguments}
    given = dict(zip(parameters, node.args))
    inputs = [{"name": n, "arg": _argument(v, parameters[n].type), "kind": 1} for n, v in given.items()]
    inputs += [{"name": n, "arg": _argument(v, parameters[n].type), "kind": 2} for n, v in node.kwargs.items()]
    return {**described, "target": f"torch.ops.{node.target}", "inputs": inputs}


def _results(node: Node) -> list[dict[str, Any]]:
    value = node.meta.get("val")
    if isinstance(value, Tensor):
        return [{"as_tensor": {"name": node.name}}]
    if isinstance(value, list):
        names = {int(user.args[1]): user.name for user in node.users}
        parts = [{"name": names.get(i, f"{node.name}_unused_{i}")} for i in range(len(value))]
        assert isinstance(node.target, OpOverload)
        if node.target._schema.returns == ("Tensor[]",):
            return [{"as_tensors": parts}]
        return [{"as_tensor": part} for part in parts]
    return [] if value is None else [{"as_sym_int": {"as_name": node.name}}]


# The signature


def _input(spec: InputSpec) -> dict[str, Any]:
    return (
        _constant(spec.arg.value) if isinstance(spec.arg, ConstantArgument) else {"as_tensor": {"name": spec.arg.name}}
    )


def _output(spec: OutputSpec) -> dict[str, Any]:
    if isinstance(spec.arg, ConstantArgument):
        return _constant(spec.arg.value)
    if isinstance(spec.arg, SymIntArgument):
        return {"as_sym_int": {"as_name": spec.arg.name}}
    return {"as_tensor": {"name": spec.arg.name}}


def _input_spec(spec: InputSpec) -> dict[str, Any]:
    argument, target = {"name": spec.arg.name}, spec.target
    if isinstance(spec.arg, ConstantArgument):
        return {"constant_input": {"name": spec.arg.name, "value": _constant(spec.arg.value)}}
    if spec.kind is InputKind.PARAMETER:
        return {"parameter": {"arg": argument, "parameter_name": target}}
    if spec.kind is InputKind.BUFFER:
        return {"buffer": {"arg": argument, "buffer_name": target, "persistent": spec.persistent}}
    if spec.kind is InputKind.CONSTANT_TENSOR:
        return {"tensor_constant": {"arg": argument, "tensor_constant_name": target}}
    return {"user_input": {"arg": {"as_tensor": argument}}}


def _output_spec(spec: OutputSpec) -> dict[str, Any]:
    if spec.kind is OutputKind.BUFFER_MUTATION:
        return {"buffer_mutation": {"arg": {"name": spec.arg.name}, "buffer_name": spec.target}}
    return {"user_output": {"arg": _output(spec)}}


def _call(signature: Any) -> Any:
    if signature is None:
        return None
    specs = {name: dumped(getattr(signature, name)) for name in ("in_spec", "out_spec")}
    return {"inputs": [], "outputs": [], **specs, "forward_arg_names": signature.forward_arg_names}


def dumped(spec: Any) -> str:
    """The structure of a tree as text. Raises NotImplementedError for other containers than Python's own."""
    return json.dumps([1, _tree(spec)])


def _tree(spec: Any) -> dict[str, Any]:
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    if spec.type not in _KINDS:
        raise NotImplementedError(f"export.save: a tree with {spec.type.__name__}")
    children = [_tree(child) for child in spec.children_specs]
    return {"type": _KINDS[spec.type], "context": json.dumps(spec.context), "children_spec": children}


def loaded(text: str) -> Any:
    """The structure of a tree from its text. Raises NotImplementedError for a container that is not known here."""

    def made(node: dict[str, Any]) -> Any:
        if node["type"] is None:
            return None
        if node["type"] not in CONTAINERS:
            raise NotImplementedError(f"export.load: a tree with {node['type']}")
        children = [made(child) for child in node["children_spec"]]
        context = json.loads(node["context"])
        kind = CONTAINERS[node["type"]]
        return kind(zip(context, children)) if kind in (dict, OrderedDict) else kind(children)

    return pytree.tree_structure(made(json.loads(text)[1]))


__all__ = ["MEMORY_FORMATS", "SCALAR_TYPES", "SCHEMA_VERSION", "dumped", "expression", "loaded", "model", "scalar_type",
           "tensor_meta"]  # fmt: skip
