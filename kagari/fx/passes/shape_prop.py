"""Which shapes the values of a graph have."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...eager import Tensor
from ...eager.formats import channels_last, channels_last_3d, contiguous_format
from ..interpreter import Interpreter
from ..node import Node, map_aggregate


class TensorMetadata(NamedTuple):
    """What is noted of a tensor."""

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _format(value: Tensor) -> Any:
    """How a tensor lies in memory, if it has a name."""
    forms = (contiguous_format, channels_last, channels_last_3d)
    fitting = [f for f in forms if f is contiguous_format or value.ndim == (4 if f is channels_last else 5)]
    return next((f for f in fitting if value.is_contiguous(memory_format=f)), None)


def _noted(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    parameters = {"qscheme": value.qscheme()} if value.is_quantized else {}
    return TensorMetadata(
        value.shape, value.dtype, value.requires_grad, value.stride(), _format(value), value.is_quantized, parameters
    )


class ShapeProp(Interpreter):
    """Runs a graph and notes at each node, in ``meta["tensor_meta"]``, the shape and the dtype of what it gave.

    Example::

        >>> import kagari as torch
        >>> from kagari.fx.passes.shape_prop import ShapeProp
        >>> traced = torch.fx.symbolic_trace(lambda x: x.sum(1))
        >>> result = ShapeProp(traced).propagate(torch.ones(2, 3))
        >>> [tuple(node.meta["tensor_meta"].shape) for node in traced.graph.nodes]
        [(2, 3), (2,), (2,)]
    """

    def run_node(self, n: Node) -> Any:
        """What one node gives."""
        result = super().run_node(n)
        if isinstance(result, Tensor | tuple | list | dict):
            n.meta["tensor_meta"] = map_aggregate(result, _noted)
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """What the graph returns for these arguments."""
        return self.run(*args)


__all__ = ["ShapeProp", "TensorMetadata"]
