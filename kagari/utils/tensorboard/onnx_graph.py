"""The graph of a model in a file of ONNX's, as TensorBoard shows it."""

from __future__ import annotations

import os
from typing import Any

from .library import onnx, proto

_attr = proto("attr_value").AttrValue
_shape, _types = proto("tensor_shape").TensorShapeProto, proto("types")


def of_onnx(path: str | os.PathLike[str]) -> Any:
    """The graph of the file: a node for each input, each constant, each operator and, behind them, each output."""
    graph = onnx().load(os.fspath(path)).graph
    nodes = [
        _value(v.name, "Variable", v.type.tensor_type.shape.dim, v.type.tensor_type.elem_type) for v in graph.input
    ]
    nodes += [_value(t.name, "Const", t.dims, t.data_type) for t in graph.initializer]
    made: dict[str, str] = {}  # by value the output of a node that it is
    for node in graph.node:
        inputs = [made.get(name, name) for name in node.input if name]
        name = node.output[0]
        made |= {output: f"{name}:{k}" if k else name for k, output in enumerate(node.output)}
        text = ", ".join(f"{a.name} = {onnx().helper.get_attribute_value(a)}" for a in node.attribute)
        parameters = {"parameters": _attr(s=text.encode())}
        nodes.append(proto("node_def").NodeDef(name=name, op=node.op_type, input=inputs, attr=parameters))
    for v in graph.output:
        end = _value(f"output/{v.name}", "Identity", v.type.tensor_type.shape.dim, v.type.tensor_type.elem_type)
        end.input.append(made.get(v.name, v.name))
        nodes.append(end)
    return proto("graph").GraphDef(node=nodes, versions=proto("versions").VersionDef(producer=22))


def _value(name: str, op: str, dims: Any, kind: int) -> Any:
    """A node for a tensor; a size that is free is 0, and the numbers of dtypes are TensorBoard's."""
    sizes = [_shape.Dim(size=d if isinstance(d, int) else d.dim_value) for d in dims]
    number = _types.DataType.Value(_KINDS.get(onnx().TensorProto.DataType.Name(kind), "DT_INVALID"))
    attributes = {"shape": _attr(shape=_shape(dim=sizes)), "dtype": _attr(type=number)}
    return proto("node_def").NodeDef(name=name, op=op, attr=attributes)


_KINDS = {
    "FLOAT": "DT_FLOAT", "DOUBLE": "DT_DOUBLE", "FLOAT16": "DT_HALF", "BFLOAT16": "DT_BFLOAT16", "INT8": "DT_INT8",
    "INT16": "DT_INT16", "INT32": "DT_INT32", "INT64": "DT_INT64", "UINT8": "DT_UINT8", "BOOL": "DT_BOOL",
}  # fmt: skip

__all__ = ["of_onnx"]
