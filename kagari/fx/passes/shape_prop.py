"""Which shapes the values of a graph have."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...eager import Tensor
from ..interpreter import Interpreter
from ..node import Node, map_aggregate


class TensorMetadata(NamedTuple):
    """What is noted of a tensor."""

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]


def _noted(value: Any) -> Any:
    if isinstance(value, Tensor):
        return TensorMetadata(value.shape, value.dtype, value.requires_grad, value.stride())
    return value


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
