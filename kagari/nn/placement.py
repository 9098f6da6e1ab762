"""Moving and casting a tree of modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from ..autograd import no_grad
from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from ..eager.swapping import swap_tensors
from .conversion import get_overwrite_module_params_on_conversion, get_swap_module_params_on_conversion
from .parameter import Parameter, is_lazy
from .tree import Tree


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Device | None, dtype | None, bool]:
    """The device, the dtype and `non_blocking` that the arguments of ``to`` ask for."""
    rest = list(args)
    place, kind = kwargs.get("device"), kwargs.get("dtype")
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
        place, kind = tensor.device, tensor.dtype
    else:
        if rest and (rest[0] is None or isinstance(rest[0], (str, int, Device))):
            place = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], dtype)):
            kind = rest.pop(0)
    non_blocking = rest.pop(0) if rest and isinstance(rest[0], bool) else kwargs.get("non_blocking", False)
    if rest or not kwargs.keys() <= {"device", "dtype", "non_blocking", "memory_format"}:
        got = [type(value).__name__ for value in args] + [
            f"{key}={type(value).__name__}" for key, value in kwargs.items()
        ]
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({', '.join(got)}), but expected one of:\n"
            " * (device device = None, dtype dtype = None, bool non_blocking = False)\n"
            " * (dtype dtype, bool non_blocking = False)\n"
            " * (Tensor tensor, bool non_blocking = False)\n"
        )
    return (None if place is None else Device(place)), kind, non_blocking


class Placement(Tree):
    """The part of :class:`Module` that changes where its members lie and of which type they are."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces the data of every parameter and gradient, and every buffer, by ``fn`` of it.

        Parameters stay the same objects, unless :mod:`torch.__future__` says otherwise.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for name, parameter in self._parameters.items():
                if parameter is not None:
                    self._convert(name, parameter, fn)
            for name, buffer in self._buffers.items():
                if is_lazy(buffer):
                    buffer.data = fn(buffer.data)
                elif buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def _convert(self, name: str, parameter: Parameter, fn: Callable[[Tensor], Tensor]) -> None:
        """Replaces the data of a parameter and of its gradient, or both as a whole."""
        grad = parameter.grad
        if get_swap_module_params_on_conversion():
            self._swap(name, parameter, fn)
        elif get_overwrite_module_params_on_conversion() and not is_lazy(parameter):
            new = self._parameters[name] = Parameter(fn(parameter.data), parameter.requires_grad)
            new.grad = None if grad is None else fn(grad).requires_grad_(grad.requires_grad)
        else:
            parameter.data = fn(parameter.data)
            if grad is not None:
                grad.data = fn(grad.data)

    def _swap(self, name: str, parameter: Parameter, fn: Callable[[Tensor], Tensor]) -> None:
        grad, changed = parameter.grad, fn(parameter.data)
        if changed is parameter.data or changed.data_ptr() == parameter.data_ptr() != 0:
            return
        parameter.grad = None
        try:
            swap_tensors(parameter, Parameter(changed, parameter.requires_grad))
        except RuntimeError as error:
            parameter.grad = grad
            raise RuntimeError(f"_apply(): Couldn't swap {type(self).__name__}.{name}") from error
        if grad is not None:
            swap_tensors(grad, fn(grad).requires_grad_(grad.requires_grad))
            parameter.grad = grad

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves and casts the tree in place: ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.

        Only floating-point members are cast. ``to(memory_format=torch.channels_last)`` orders the members of four
        and five dimensions.
        """
        place, kind, non_blocking = parse_to(args, kwargs)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")

        def convert(tensor: Tensor) -> Tensor:
            cast = kind if tensor.is_floating_point() or tensor.is_complex() else None
            if tensor.is_meta and place is not None and place.type != "meta":
                raise NotImplementedError(
                    "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
                    "torch.nn.Module.to() when moving module from meta to a different device."
                )
            form = kwargs.get("memory_format") if tensor.ndim in (4, 5) else None
            return tensor.to(place or tensor.device, cast or tensor.dtype, non_blocking, memory_format=form)

        return self._apply(convert)

    def to_empty(self, *, device: str | Device | int | None, recurse: bool = True) -> Self:
        """Moves the tree to a device without copying its values."""
        return self._apply(lambda tensor: ops.empty_like(tensor, device=device), recurse=recurse)

    def cpu(self) -> Self:
        """Moves the tree to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: int | Device | None = None) -> Self:
        """Moves the tree to a GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def type(self, dst_type: dtype | str) -> Self:
        """Casts every parameter and buffer, integers too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Self:
        """Casts floating-point members to 32 bits."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self) -> Self:
        """Casts floating-point members to 64 bits."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self) -> Self:
        """Casts floating-point members to 16 bits (IEEE)."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def bfloat16(self) -> Self:
        """Casts floating-point members to 16 bits (brain float)."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor)

    def share_memory(self) -> Self:
        """Moves parameters and buffers to memory that other processes see: see :meth:`Tensor.share_memory_`."""
        return self._apply(lambda tensor: tensor.share_memory_())


__all__ = ["Placement", "parse_to"]
