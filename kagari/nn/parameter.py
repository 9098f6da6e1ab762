"""The two kinds of tensor that a module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

from ..eager import Tensor, register_parameter_type
from ..eager import operators as ops


class Parameter(Tensor):
    r"""A tensor that a :class:`Module` registers as one of its parameters when it is assigned as an attribute.

    It shares the memory of ``data`` and is a leaf of the graph, whatever ``data`` was. Results of operations on
    parameters are plain tensors.

    Args:
        data (Tensor): the values. Nothing makes an empty parameter.
        requires_grad (bool): whether gradients are accumulated. Default: ``True``

    Example::

        >>> import kagari as torch
        >>> weight = torch.nn.Parameter(torch.zeros(2))
        >>> weight.requires_grad, weight.is_leaf
        (True, True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = ops.empty(0)
        return Tensor._make_subclass(cls, data.detach(), requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        # `__new__` has made the whole of it. Without this, Tensor's own constructor would see the arguments again.
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copy = memo.get(id(self))
        if copy is None:
            copy = memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        return copy

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.detach(), self.requires_grad)


register_parameter_type(Parameter)


class Buffer(Tensor):
    r"""A tensor that a :class:`Module` registers as one of its buffers when it is assigned as an attribute.

    A buffer is state that is no parameter, such as a running mean: it moves with the module and, if ``persistent``, is
    saved with it.

    Args:
        data (Tensor): the values. Nothing makes an empty buffer.
        persistent (bool): whether the buffer is part of the module's ``state_dict``. Default: ``True``

    Example::

        >>> import kagari as torch
        >>> module = torch.nn.Module()
        >>> module.mean = torch.nn.Buffer(torch.zeros(2))
        >>> list(module.state_dict())
        ['mean']
    """

    __slots__ = ("persistent",)

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = ops.empty(0)
        buffer = Tensor._make_subclass(cls, data.detach(), data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        # As in Parameter.
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        copy = memo.get(id(self))
        if copy is None:
            copy = memo[id(self)] = type(self)(self.detach().clone(), persistent=self.persistent)
        return copy

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _make_buffer, (type(self), self.detach(), self.persistent)


def _make_buffer(cls: type[Buffer], data: Tensor, persistent: bool) -> Buffer:
    return cls(data, persistent=persistent)


__all__ = ["Buffer", "Parameter"]
