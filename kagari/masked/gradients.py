"""Gradients with a mask: of what was not there, there is none, which is not to say that it is zero.

The gradient of the data of a masked tensor is masked itself. It goes through the backward operators of the tape: what
they make of it, if of the same shape, has the same mask.
"""

from __future__ import annotations

from typing import Any

from ..autograd.function import Function
from ..base.dtypes import int32
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.overlay import elements, pointwise, wrapped
from .tensor import MaskedTensor, masked_of


class Marked(Function):
    """Data as they are; their gradient has a mask."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, mask: Tensor) -> Tensor:
        """The data."""
        ctx.mask = mask
        return data.view_as(data)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """The gradient, zero where there is none."""
        return masked_of(ops.where(ctx.mask, elements(grad), ops.zeros((), dtype=grad.dtype)), ctx.mask), None


# Operators that put elements to other places, as their backward operators do with the mask.
_MOVING = frozenset((
    "alias", "clone", "expand", "flatten", "narrow", "permute", "reshape", "select", "slice", "squeeze", "t",
    "to_dtype", "transpose", "unflatten", "unsqueeze", "view",
))  # fmt: skip


def passed_back(backward: Any, args: tuple[Any, ...]) -> Any:
    """A backward operator with masked gradients among its arguments. What is no operator on elements, and moves none,
    gives plain ones.
    """
    masks = [a._mask for a in args if isinstance(a, MaskedTensor)]
    result = backward.run(tuple([elements(a) for a in args]), () if masks else args)
    if not masks:
        return result
    name = backward.name.removesuffix("_backward")
    if name in _MOVING:
        moved = [a._mask.to(a.dtype) if isinstance(a, MaskedTensor) else elements(a) for a in args]
        mask = backward.run(tuple(moved))
        return masked_of(result, mask != 0)
    return wrapped(result, lambda t: masked_of(t, reduced(masks[0], t.shape))) if name in pointwise() else result


def reduced(mask: Tensor, shape: Any) -> Tensor:
    """Whether anything is there, where a tensor of this shape was broadcast to the mask's."""
    return mask if mask.shape == shape else mask.to(int32).sum_to_size(shape) > 0
