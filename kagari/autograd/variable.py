"""`Variable`, what tensors with gradients were once wrapped in. It is kept for programs of that time."""

from __future__ import annotations

from typing import Any

from ..engine.function import Hooks


class _Kind(type):
    """Lets every tensor be an instance."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Hooks.tensor_types)


class Variable(metaclass=_Kind):
    """A tensor with the elements of another one, in the same memory, and a history of its own.

    Args:
        data (Tensor): the elements
        requires_grad (bool): whether it wants gradients. Default: ``False``

    >>> import kagari as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        """The tensor. Raises TypeError for what is none."""
        if not isinstance(data, Hooks.tensor_types):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)


__all__ = ["Variable"]
