"""The kinds of tensor that a module registers when they are assigned to it, and those whose shape is not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Self

from ..base.dtypes import dtype
from ..eager import Size, Tensor, register_parameter_type
from ..eager import operators as ops
from ..eager.device import Device
from ..eager.overlay import Overlay


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
    __torch_function__ = None  # type: ignore[assignment]

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = ops.empty(0)
        return Tensor._make_subclass(cls, _plain(data).detach(), requires_grad)

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


def _plain(data: Tensor) -> Tensor:
    """What a parameter or buffer is to be made of. Raises NotImplementedError for a nested or masked tensor."""
    if isinstance(data, Overlay):
        raise NotImplementedError(f"a {type(data).__name__} as a parameter or buffer is not there")
    return data


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
    __torch_function__ = None  # type: ignore[assignment]

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = ops.empty(0)
        buffer = Tensor._make_subclass(cls, _plain(data).detach(), data.requires_grad)
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


class UninitializedTensorMixin(Tensor):
    """What has a dtype and no shape; operators refuse it until it is materialized."""

    __slots__ = ()
    cls_to_become: type[Tensor] = Tensor
    _tells_of_members = False

    @property
    def shape(self) -> Size:
        """Not known: RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def materialize(
        self, shape: int | Sequence[int], device: str | Device | None = None, dtype: dtype | None = None
    ) -> None:
        """Makes it an ordinary parameter or buffer of a shape, in place; the values are whatever lies in memory."""
        data = self.data
        self.data = ops.empty(shape, device=device or data.device, dtype=dtype or data.dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        name = getattr(getattr(function, "__self__", None), "display", function.__name__)
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {name}. This error happens when you are using a "
            "`LazyModule` or explicitly manipulating `torch.nn.parameter.UninitializedParameter` objects. When using "
            "LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    def share_memory_(self) -> NoReturn:
        """There is nothing to share: RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, None, self.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = memo.get(id(self))
        if copy is None:
            copy = memo[id(self)] = type(self)(self.requires_grad, None, self.dtype)
        return copy


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    r"""A :class:`Parameter` whose shape is not known yet; :meth:`materialize` gives it one.

    Args:
        requires_grad (bool): whether gradients are accumulated. Default: ``True``
        device (device, optional): where it will lie.
        dtype (dtype, optional): its type.

    Example::

        >>> from kagari import nn
        >>> weight = nn.UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> type(weight) is nn.Parameter, tuple(weight.shape)
        (True, (2, 3))
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: str | Device | None = None, dtype: dtype | None = None
    ) -> UninitializedParameter:
        return Tensor._make_subclass(cls, ops.empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # As in Parameter.
        pass


class UninitializedBuffer(UninitializedTensorMixin):
    r"""A buffer whose shape is not known yet; :meth:`materialize` gives it one.

    Args:
        requires_grad (bool): whether gradients are wanted. Default: ``False``
        device (device, optional): where it will lie.
        dtype (dtype, optional): its type.
        persistent (bool): whether it is part of the module's ``state_dict``. Default: ``True``

    Example::

        >>> import kagari as torch
        >>> module = torch.nn.Module()
        >>> module.mean = torch.nn.UninitializedBuffer()
        >>> module.mean.materialize(2)
        >>> tuple(module.state_dict()["mean"].shape)
        (2,)
    """

    __slots__ = ()
    persistent: bool

    def __new__(
        cls,
        requires_grad: bool = False,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        made = Tensor._make_subclass(cls, ops.empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # As in Parameter.
        pass


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]
