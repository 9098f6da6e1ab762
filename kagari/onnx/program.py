"""`ONNXProgram`: an ONNX model and the exported program that it was made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..eager import Tensor
from ..eager import operators as ops
from ..export import ExportedProgram
from ..utils import _pytree as pytree
from .builder import library, numpy_dtype
from .convert import Converter, value_info


def model_of(
    program: ExportedProgram,
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int,
    size_names: Mapping[str, str],
    custom: Mapping[Any, Callable[..., Any]] | None = None,
) -> Any:
    """The model of a program. Raises UnsupportedOperatorError for what has no form in ONNX."""
    helper = library("helper")
    converter = Converter(program, custom)
    inputs, outputs = converter.run(input_names, output_names)
    arrays = {**{name: _array(t) for name, t in converter.initializers.items()}, **converter.b.constants}
    nodes = _used(converter.b.nodes, {value.name for value in outputs})
    needed = {name for node in nodes for name in node.input}
    tensors = [library("numpy_helper").from_array(a, name) for name, a in arrays.items() if name in needed]
    described = [[value_info(value, size_names) for value in values] for values in (inputs, outputs)]
    graph = helper.make_graph(nodes, "main_graph", *described, tensors)
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, producer_name="kagari", ir_version=_IR_VERSIONS[opset])


_IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10}


def _used(nodes: list[Any], wanted: set[str]) -> list[Any]:
    """The nodes whose outputs are used."""
    kept: list[Any] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _array(tensor: Tensor) -> np.ndarray:
    detached = tensor.detach().contiguous()
    if str(tensor.dtype) == "torch.bfloat16":
        widened: np.ndarray = detached.float().numpy().astype(numpy_dtype(tensor.dtype))
        return widened
    array: np.ndarray = detached.numpy()
    return array


class ONNXProgram:
    """What :func:`export` gives: the model, as `model_proto`, and the program that it was made of.

    Calling it runs the model with the reference implementation of the library `onnx`, and gives a tuple of tensors.
    """

    def __init__(self, model_proto: Any, exported_program: ExportedProgram | None) -> None:
        self.model_proto, self.exported_program = model_proto, exported_program

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        names = [", ".join(value.name for value in values) for values in (graph.input, graph.output)]
        version = self.model_proto.opset_import[0].version
        return f"ONNXProgram({names[0]} -> {names[1]}, {len(graph.node)} nodes, opset {version})"

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        """What the model gives for the arguments of the exported module."""
        leaves = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        session = library("reference").ReferenceEvaluator(self.model_proto)
        names = [value.name for value in self.model_proto.graph.input]
        results = session.run(None, {name: _array(leaf) for name, leaf in zip(names, leaves, strict=True)})
        return tuple(ops.tensor(np.asarray(result)) for result in results)

    def save(
        self,
        destination: str | os.PathLike[str],
        *,
        include_initializers: bool = True,
        keep_initializers_as_inputs: bool = False,
        external_data: bool | None = None,
    ) -> None:
        """Writes the model to a file.

        Args:
            destination: the path.
            include_initializers (bool): must be true.
            keep_initializers_as_inputs (bool): whether the parameters are inputs, too. Default: ``False``
            external_data (bool): whether tensors lie in a file beside it, with `.data` at the end. Default: ``None``,
                where the model has more than 1.5 GB

        Raises NotImplementedError for a model without its tensors.
        """
        if not include_initializers:
            raise NotImplementedError("ONNXProgram.save: include_initializers=False is not there yet")
        model = type(self.model_proto)()
        model.CopyFrom(self.model_proto)
        if keep_initializers_as_inputs:
            helper = library("helper")
            for tensor in model.graph.initializer:
                info = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
                model.graph.input.append(info)
        if external_data is None:
            external_data = model.ByteSize() > _LARGE
        beside = f"{Path(destination).name}.data"
        if external_data:
            Path(destination).with_name(beside).unlink(missing_ok=True)  # the library appends
        library().save_model(
            model,
            os.fspath(destination),
            save_as_external_data=external_data,
            location=beside if external_data else None,
        )


_LARGE = 1_500_000_000

__all__ = ["ONNXProgram", "model_of"]
