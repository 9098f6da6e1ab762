"""Making models faster for evaluation."""

from __future__ import annotations

import copy
from typing import Any

from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Conv1d, Conv2d, Conv3d, Module
from ...nn.utils.fusion import fuse_conv_bn_eval
from .._symbolic_trace import symbolic_trace
from ..graph_module import GraphModule

_PAIRS = ((Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d))


def fuse(model: Module, inplace: bool = False, no_trace: bool = False) -> GraphModule:
    """Joins each convolution with the batch normalisation behind it, for evaluation.

    Args:
        model (Module): a model in evaluation mode.
        inplace (bool): whether the model itself may be changed. Default: ``False``
        no_trace (bool): whether the model is a :class:`GraphModule` already. Default: ``False``

    Example::

        >>> from kagari import nn
        >>> from kagari.fx.experimental.optimization import fuse
        >>> fused = fuse(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval())
        >>> [str(node.target) for node in fused.graph.nodes if node.op == "call_module"]
        ['0', '2']
    """
    model = model if inplace else copy.deepcopy(model)
    traced = model if no_trace and isinstance(model, GraphModule) else symbolic_trace(model)
    for node in traced.graph.nodes:
        first: Any = node.args[0] if node.op == "call_module" and node.args else None
        if getattr(first, "op", None) != "call_module":
            continue
        norm: Any = traced.get_submodule(str(node.target))
        conv = traced.get_submodule(str(first.target))
        if (type(conv), type(norm)) not in _PAIRS or len(first.users) > 1 or not norm.track_running_stats:
            continue
        *path, name = str(first.target).split(".")
        setattr(traced.get_submodule(".".join(path)), name, fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(first)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


__all__ = ["fuse"]
