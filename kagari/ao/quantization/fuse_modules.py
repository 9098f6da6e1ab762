"""Making one layer of several, by their names."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from ...nn import Identity, Module
from .fuser_method_mappings import get_fuser_method


def fuse_known_modules(mod_list: Sequence[Any], is_qat: bool, additional_fuser_method_mapping: Any = None) -> list[Any]:
    """The layer that takes the place of the first of several, and identities for the others.

    Hooks before the first and behind the last one go with the layer. Raises AssertionError for layers that are not
    fused.
    """
    kinds = tuple(type(m).__mro__[1] if hasattr(m, "parametrizations") else type(m) for m in mod_list)
    fused = get_fuser_method(kinds, additional_fuser_method_mapping)(is_qat, *mod_list)
    for hook in _taken(mod_list[0], "_forward_pre_hooks"):
        fused.register_forward_pre_hook(hook)
    for hook in _taken(mod_list[-1], "_forward_hooks"):
        fused.register_forward_hook(hook)
    made = [fused]
    for _ in mod_list[1:]:
        identity = Identity()
        identity.training = mod_list[0].training
        made.append(identity)
    return made


def _taken(module: Any, table: str) -> list[Any]:
    hooks = getattr(module, table)
    found = list(hooks.values())
    hooks.clear()
    return found


def _fuse(model: Any, names: Sequence[str], is_qat: bool, fuser_func: Callable[..., Any], more: Any) -> None:
    fused = fuser_func([model.get_submodule(name) for name in names], is_qat, more)
    for name, module in zip(names, fused):
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, module)


def _fused(
    model: Any, modules_to_fuse: Any, is_qat: bool, inplace: bool, fuser_func: Callable[..., Any], config: Any
) -> Any:
    more = (config or {}).get("additional_fuser_method_mapping")
    model = model if inplace else copy.deepcopy(model)
    lists = [modules_to_fuse] if all(isinstance(name, str) for name in modules_to_fuse) else modules_to_fuse
    for names in lists:
        _fuse(model, names, is_qat, fuser_func, more)
    return model


def fuse_modules(
    model: Module, modules_to_fuse: Any, inplace: bool = False, fuser_func: Callable[..., Any] = fuse_known_modules,
    fuse_custom_config_dict: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """A model in which layers are joined: convolution and batch normalisation, with or without ReLU, convolution and
    ReLU, linear map and ReLU, batch normalisation and ReLU. In evaluation mode normalisation is multiplied out.

    Args:
        model: the model.
        modules_to_fuse: the names of layers to join, or several lists of them.
        inplace: whether the model itself is changed.
        fuser_func: what makes one layer of several.
        fuse_custom_config_dict: further such functions, by classes, under "additional_fuser_method_mapping".

    Raises AssertionError for layers that are not joined, and for training mode.

    >>> from kagari import nn
    >>> from kagari.ao.quantization import fuse_modules
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
    >>> fuse_modules(model, [["0", "1", "2"]])
    Sequential(
      (0): ConvReLU2d(
        (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
        (1): ReLU()
      )
      (1): Identity()
      (2): Identity()
    )
    """
    return _fused(model, modules_to_fuse, False, inplace, fuser_func, fuse_custom_config_dict)


def fuse_modules_qat(
    model: Module, modules_to_fuse: Any, inplace: bool = False, fuser_func: Callable[..., Any] = fuse_known_modules,
    fuse_custom_config_dict: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """:func:`fuse_modules` for training that is aware of quantization: batch normalisation stays, within the layer."""
    return _fused(model, modules_to_fuse, True, inplace, fuser_func, fuse_custom_config_dict)


__all__ = ["fuse_known_modules", "fuse_modules", "fuse_modules_qat"]
