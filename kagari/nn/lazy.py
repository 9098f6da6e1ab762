"""Layers that learn the size of their inputs from the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.device import Device
from .linear import Linear
from .module import Module
from .parameter import UninitializedParameter, is_lazy


class LazyModuleMixin(Module):
    """What a layer inherits from, before the layer that it becomes, to make its parameters at the first call.

    A subclass makes its parameters as :class:`UninitializedParameter` and its buffers as
    :class:`UninitializedBuffer`, and materializes them in :meth:`initialize_parameters`, which gets what the call got.
    After the first call the module is one of class ``cls_to_become``, if that is not ``None``.

    A state that is loaded before the first call gives the shapes as well.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materializes parameters and buffers by the arguments of the first call; every subclass defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(member) for member in chain(self._parameters.values(), self._buffers.values()))

    def _infer_parameters(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        self.initialize_parameters(*args, **(kwargs or {}))
        if self.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        # By number: the hooks of a copied module lie in tables of their own.
        for table, handle in (
            (self._forward_pre_hooks, self._initialize_hook),
            (self._forward_pre_hooks_with_kwargs, self._initialize_hook),
            (self._load_state_dict_pre_hooks, self._load_hook),
        ):
            table.pop(handle.id, None)
        del self._initialize_hook, self._load_hook
        if self._hooks is not None and self._hooks.is_empty():
            self._hooks = None
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become  # type: ignore[assignment]

    def _lazy_load_hook(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name, member in chain(self._parameters.items(), self._buffers.items()):
            value = state_dict.get(prefix + name)
            if is_lazy(member) and value is not None and not is_lazy(value):
                member.materialize(value.shape)


class LazyLinear(LazyModuleMixin, Linear):
    r"""A :class:`Linear` layer that takes ``in_features`` from its first input.

    Args:
        out_features (int): the size of each output.
        bias (bool): whether to add a bias. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyLinear(3)
        >>> tuple(layer(torch.zeros(2, 5)).shape)
        (2, 3)
        >>> layer
        Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            _materialize(self, weight=(self.out_features, self.in_features), bias=(self.out_features,))
            self.reset_parameters()
        if not self.in_features:
            self.in_features = input.shape[-1]


def _materialize(module: Module, **shapes: tuple[int, ...]) -> None:
    """Gives members their shapes, as far as they have none yet."""
    for name, shape in shapes.items():
        member = getattr(module, name)
        if is_lazy(member):
            member.materialize(shape)


__all__ = ["LazyLinear", "LazyModuleMixin"]
