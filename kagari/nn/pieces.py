"""A tensor cut into pieces whose gradients are joined in one step.

As views of their own, as `split` makes them, each would have its gradient filled up with zeros to the whole's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import Function, is_grad_enabled
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.answering import told


class _Pieces(Function):
    """The node of a cut."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: list[int], dim: int) -> tuple[Tensor, ...]:
        ctx.dim = dim
        return x.split(sizes, dim)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ops.cat(grads, ctx.dim), None, None


def pieces(x: Tensor, sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of the sizes listed along a dimension. They are not to be changed in place."""
    cut: tuple[Tensor, ...] = _Pieces.apply(x, list(sizes), dim) if is_grad_enabled() else x.split(list(sizes), dim)
    return cut


told(pieces, __name__)

__all__ = ["pieces"]
