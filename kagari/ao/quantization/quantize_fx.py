"""Quantizing models as graphs: what is quantized is found out from the program, not said layer by layer.

prepared = prepare_fx(model.eval(), get_default_qconfig_mapping("x86"), (example,))
...                                   # run it on examples
quantized = convert_fx(prepared)
"""

from __future__ import annotations

import copy
from typing import Any

from ...fx import GraphModule, Tracer
from ...nn import Module
from .fx.convert import convert
from .fx.fuse import fuse
from .fx.prepare import exchange_for_training, prepare
from .qconfig_mapping import QConfigMapping


class _QuantizationTracer(Tracer):
    """A tracer that leaves layers whole, those of several in one, too, and what it is told to."""

    def __init__(self, names: Any, classes: Any) -> None:
        super().__init__()
        self.names, self.classes = tuple(names), tuple(classes)

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a module is called as it is."""
        whole = "ao.nn" in type(m).__module__ or module_qualified_name in self.names or isinstance(m, self.classes)
        return whole or super().is_leaf_module(m, module_qualified_name)


def _traced(model: Module, config: Any) -> GraphModule:
    found = config or {}
    for name in set(found) - {"non_traceable_module_name", "non_traceable_module_class", "preserved_attributes"}:
        raise NotImplementedError(f"{name} is not there in a configuration of graph mode")
    model = copy.deepcopy(model)

    tracer = _QuantizationTracer(
        found.get("non_traceable_module_name", ()), found.get("non_traceable_module_class", ())
    )
    made = GraphModule(model, tracer.trace(model), "GraphModule")
    made.train(model.training)
    for name in found.get("preserved_attributes", ()):
        setattr(made, name, getattr(model, name))
    return made


def fuse_fx(model: Module, fuse_custom_config: Any = None, backend_config: Any = None) -> GraphModule:
    """A model as a graph in which layers that follow one another are joined. Raises AssertionError in training mode.

    >>> from kagari import nn
    >>> from kagari.ao.quantization.quantize_fx import fuse_fx
    >>> fuse_fx(nn.Sequential(nn.Linear(2, 2), nn.ReLU()).eval()).get_submodule("0")
    LinearReLU(
      (0): Linear(in_features=2, out_features=2, bias=True)
      (1): ReLU()
    )
    """
    _require_default(backend_config)
    return fuse(_traced(model, fuse_custom_config), False)


def _require_default(backend_config: Any) -> None:
    if backend_config is not None:
        raise NotImplementedError("backend_config: there is one way to quantize a graph")


def _mapping(given: Any) -> QConfigMapping:
    return given if isinstance(given, QConfigMapping) else QConfigMapping.from_dict(given)


def prepare_fx(
    model: Module, qconfig_mapping: Any, example_inputs: tuple[Any, ...], prepare_custom_config: Any = None,
    _equalization_config: Any = None, backend_config: Any = None,
) -> GraphModule:  # fmt: skip
    """A model as a graph with observers, for static or dynamic quantization after training.

    Args:
        model: the model, in evaluation mode.
        qconfig_mapping: a :class:`QConfigMapping`, or a dictionary that says one.
        example_inputs: what the model may be called with; the graph does not depend on it.
        prepare_custom_config: "non_traceable_module_name" and "non_traceable_module_class", which are called as they
            are, "preserved_attributes".

    Raises NotImplementedError for other ways of a backend.

    >>> import kagari as torch
    >>> from kagari import nn
    >>> from kagari.ao.quantization import get_default_qconfig_mapping
    >>> from kagari.ao.quantization.quantize_fx import convert_fx, prepare_fx
    >>> example = torch.randn(8, 3)
    >>> prepared = prepare_fx(nn.Sequential(nn.Linear(3, 2)).eval(), get_default_qconfig_mapping(), (example,))
    >>> _ = prepared(example)
    >>> type(convert_fx(prepared).get_submodule("0"))
    <class 'kagari.ao.nn.quantized.linear.Linear'>
    """
    _require_default(backend_config)
    if _equalization_config is not None:
        raise NotImplementedError("equalization is not there")
    return prepare(fuse(_traced(model, prepare_custom_config), False), copy.deepcopy(_mapping(qconfig_mapping)))


def prepare_qat_fx(
    model: Module, qconfig_mapping: Any, example_inputs: tuple[Any, ...], prepare_custom_config: Any = None,
    backend_config: Any = None,
) -> GraphModule:  # fmt: skip
    """:func:`prepare_fx` for training that is aware of quantization: weights and results are fake quantized."""
    _require_default(backend_config)
    mapping = copy.deepcopy(_mapping(qconfig_mapping))
    made = fuse(_traced(model, prepare_custom_config), model.training)
    exchange_for_training(made, mapping)
    made.recompile()
    return prepare(made, mapping)


def convert_fx(
    graph_module: GraphModule, convert_custom_config: Any = None, _remove_qconfig: bool = True,
    qconfig_mapping: Any = None, backend_config: Any = None, keep_original_weights: bool = False,
) -> GraphModule:  # fmt: skip
    """The quantized graph of one that :func:`prepare_fx` or :func:`prepare_qat_fx` made and that was run.

    Raises NotImplementedError for a configuration other than the one of before, and for other ways of a backend.
    """
    _require_default(backend_config)
    if convert_custom_config or qconfig_mapping is not None or keep_original_weights:
        raise NotImplementedError("convert_fx takes a prepared graph as it is, without another configuration")
    return convert(copy.deepcopy(graph_module))


__all__ = ["convert_fx", "fuse_fx", "prepare_fx", "prepare_qat_fx"]
