"""Weight normalisation by a hook: length and direction as two parameters.

`parametrizations.weight_norm` is the newer way.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from ...eager import Tensor
from ...eager import operators as ops
from ..module import Module
from ..parameter import Parameter

_M = TypeVar("_M", bound=Module)


def normalized_weight(length: Tensor, direction: Tensor, dim: int) -> Tensor:
    """The weight of given lengths and directions."""
    return direction * (length / ops.norm_except_dim(direction, 2, dim))


class WeightNorm:
    """The hook that computes the weight before each call."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight from its two parameters."""
        length, direction = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return normalized_weight(length, direction, self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def _hook_of(module: Module, name: str) -> tuple[int, WeightNorm] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return key, hook
    return None


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    r"""Replaces a weight by its length and its direction, :math:`w = g \frac{v}{\lVert v \rVert}`.

    The parameters are ``{name}_g`` and ``{name}_v``; the weight is computed before each call.

    Args:
        module (Module): the module that has the weight.
        name (str): the weight. Default: ``"weight"``
        dim (int, optional): the dimension of which each slice has a length of its own; ``None`` for one length of all.
            Default: 0

    Deprecated: :func:`kagari.nn.utils.parametrizations.weight_norm` does the same without a hook.

    Source: Salimans and Kingma, *Weight normalization* (2016).

    Example::

        >>> import warnings
        >>> from kagari import nn
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     layer = nn.utils.weight_norm(nn.Linear(3, 2))
        >>> [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
        [('bias', (2,)), ('weight_g', (2, 1)), ('weight_v', (2, 3))]
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if _hook_of(module, name) is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(ops.norm_except_dim(weight.detach(), 2, hook.dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: _M, name: str = "weight") -> _M:
    r"""Makes the weight one parameter again.

    Example::

        >>> import warnings
        >>> from kagari import nn
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     layer = nn.utils.weight_norm(nn.Linear(3, 2))
        >>> list(nn.utils.remove_weight_norm(layer).state_dict())
        ['bias', 'weight']
    """
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    key, hook = found
    weight = hook.compute_weight(module)
    for attribute in (name, f"{name}_g", f"{name}_v"):
        delattr(module, attribute)
    setattr(module, name, Parameter(weight))
    del module._forward_pre_hooks[key]
    return module


__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]
