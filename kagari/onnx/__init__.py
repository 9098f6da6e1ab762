"""Programs as ONNX models, which other systems run: `torch.onnx`. It needs the library `onnx`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..autograd import no_grad
from ..eager import Tensor
from ..export import Dim, ExportedProgram
from ..export import export as export_program
from ..nn import Module
from ..utils import _pytree as pytree
from .builder import OnnxExporterError, UnsupportedOperatorError
from .program import ONNXProgram, model_of

__all__ = ["ONNXProgram", "OnnxExporterError", "UnsupportedOperatorError", "export", "is_in_onnx_export"]

_NEWEST, _OLDEST, _USUAL = 21, 18, 20


_exporting: list[bool] = []


def is_in_onnx_export() -> bool:
    """Whether :func:`export` is running a module."""
    return bool(_exporting)


def export(
    model: Module | ExportedProgram,
    args: tuple[Any, ...] = (),
    f: str | os.PathLike[str] | None = None,
    *,
    kwargs: dict[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_shapes: Any = None,
    dynamic_axes: Mapping[str, Any] | None = None,
    dynamo: bool = True,
    external_data: bool = True,
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    custom_translation_table: Mapping[Any, Callable[..., Any]] | None = None,
    verify: bool = False,
    verbose: bool | None = None,
    optimize: bool = True,
    report: bool = False,
    do_constant_folding: bool = True,
) -> ONNXProgram:
    """A module as an ONNX model: exported by :func:`kagari.export.export`, and its operators translated to ONNX's.

    Nodes whose results no one uses are left out; there is no other optimisation.

    Args:
        model (Module or ExportedProgram): what is exported.
        args (tuple), kwargs (dict): example arguments.
        f: a path to write the model to. Default: it is only returned
        input_names, output_names (sequence of str): names of the arguments and results. Default: those of the module's
            parameters, and those of the operators that give the results
        opset_version (int): the version of ONNX's operators, from 18 to 21. Default: 20
        dynamic_shapes: which sizes are free, as in :func:`kagari.export.export`
        dynamic_axes (dict): the same in an older form: names of inputs, and for each the dimensions with their names
        dynamo (bool): must be true: the way over TorchScript is not there.
        external_data (bool): whether the tensors of a file lie in one beside it. Default: ``True``
        export_params (bool): must be true.
        keep_initializers_as_inputs (bool): whether the parameters are inputs, too. Default: ``False``
        custom_translation_table (dict): functions that make nodes, by operators of `torch.ops`; they get the builder
            (see `kagari/onnx/builder.py`) and the arguments.
        verify (bool): whether the model is run with the example and compared. Default: ``False``
        verbose, optimize, report, do_constant_folding: accepted as PyTorch has them.

    Raises ModuleNotFoundError where the library `onnx` is missing, ``UnsupportedOperatorError`` for an operator without
    a form in ONNX, with the line of the program that calls it, and what :func:`kagari.export.export` raises.

    Example::

        >>> import kagari as torch
        >>> program = torch.onnx.export(torch.nn.Linear(2, 1), (torch.ones(3, 2),), input_names=["x"])
        >>> [node.op_type for node in program.model_proto.graph.node], program(torch.ones(3, 2))[0].shape
        (['Gemm', 'Identity'], torch.Size([3, 1]))
    """
    opset = _USUAL if opset_version is None else opset_version
    if not _OLDEST <= opset <= _NEWEST:
        raise ValueError(f"torch.onnx.export: opset_version has to be from {_OLDEST} to {_NEWEST}, got {opset}")
    if not dynamo or not export_params:
        raise NotImplementedError("torch.onnx.export: dynamo=False and export_params=False are not there yet")
    if dynamic_axes is not None and dynamic_shapes is None:
        dynamic_shapes = _shapes_of(dynamic_axes, input_names or (), args)
    if not isinstance(args, tuple):
        args = (args,)
    _exporting.append(True)
    try:
        if isinstance(model, ExportedProgram):
            program = model
        else:
            program = export_program(model, args, kwargs, dynamic_shapes=dynamic_shapes)
    finally:
        _exporting.pop()
    proto = model_of(
        program, input_names or (), output_names or (), opset, program.size_names, custom_translation_table
    )
    made = ONNXProgram(proto, program)
    if verify:
        _verify(made, args, kwargs or {})
    if f is not None:
        made.save(f, keep_initializers_as_inputs=keep_initializers_as_inputs, external_data=external_data)
    return made


def _shapes_of(dynamic_axes: Mapping[str, Any], input_names: Sequence[str], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The free sizes of `dynamic_axes`, by the order of the arguments."""
    dims: dict[str, Dim] = {}
    found: list[Any] = []
    for name, value in zip(input_names, args):
        axes = dynamic_axes.get(name)
        if axes is None or not isinstance(value, Tensor):
            found.append(None)
        elif isinstance(axes, Mapping):
            found.append({axis: dims.setdefault(label, Dim(label)) for axis, label in axes.items()})
        else:
            found.append(dict.fromkeys(axes, Dim.AUTO))
    return (*found, *[None] * (len(args) - len(found)))


def _verify(made: ONNXProgram, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Runs the model and the program. Raises AssertionError where their results differ."""
    assert made.exported_program is not None
    with no_grad():
        wanted = [
            leaf for leaf in pytree.tree_leaves(made.exported_program.module()(*args, **kwargs)) if leaf is not None
        ]
    for ours, theirs in zip(wanted, made(*args, **kwargs), strict=True):
        if not ours.isclose(theirs, rtol=1e-3, atol=1e-4, equal_nan=True).all():
            raise AssertionError("torch.onnx.export: the model computes something else than the program")
