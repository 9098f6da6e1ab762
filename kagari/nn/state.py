"""Saving a module's state to a dictionary and loading it back."""

from __future__ import annotations

import itertools
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..autograd import no_grad
from ..eager import Tensor
from ..eager.swapping import swap_tensors
from .conversion import get_swap_module_params_on_conversion
from .parameter import Parameter, is_lazy
from .registry import Registry

if TYPE_CHECKING:
    from .module import Module

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` returns: the keys that the dictionary lacks, and those that the module lacks."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"


def saved_members(module: Registry) -> dict[str, Any]:
    """The module's own members that belong to its state: parameters, then persistent buffers."""
    transient = module._non_persistent_buffers_set
    members = {name: value for name, value in module._parameters.items() if value is not None}
    members.update(
        (name, value) for name, value in module._buffers.items() if value is not None and name not in transient
    )
    return members


def overrides_extra_state(module: Registry, base: type, method: str) -> bool:
    """Whether the module's class has extra state to save or load."""
    return getattr(type(module), method) is not getattr(base, method)


def load_members(
    module: Registry,
    state_dict: Mapping[str, Any],
    prefix: str,
    assign: bool,
    strict: bool,
    missing_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Copies the module's own members out of `state_dict`; what goes wrong is appended to the two lists."""
    for name, member in saved_members(module).items():
        key = prefix + name
        if key not in state_dict:
            if strict:
                missing_keys.append(key)
            continue
        value = state_dict[key]
        if not isinstance(value, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected {_class_name(Tensor)} or Tensor-like object '
                f"from checkpoint but received {type(value)}"
            )
        elif is_lazy(value) and is_lazy(member):
            continue
        elif value.shape != member.shape:
            error_msgs.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
                f"the shape in current model is {member.shape}."
            )
        else:
            if member.is_meta and not value.is_meta and not assign:
                warnings.warn(
                    f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the "
                    "current model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the "
                    "state dictionary to their corresponding key in the module instead of copying them in place?)",
                    stacklevel=2,
                )
            try:
                _load_one(module, name, member, value, assign)
            except Exception as error:
                error_msgs.append(
                    f'While copying the parameter named "{key}", whose dimensions in the model are {member.shape} and '
                    f"whose dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
                )


def _load_one(module: Registry, name: str, member: Tensor, value: Tensor, assign: bool) -> None:
    if get_swap_module_params_on_conversion():
        with no_grad():
            new = member.module_load(value, assign)
        swap_tensors(member, Parameter(new, member.requires_grad) if isinstance(member, Parameter) else new)
        return
    if not assign:
        with no_grad():
            member.copy_(value)
        return
    if isinstance(member, Parameter):
        if not isinstance(value, Parameter):
            value = Parameter(value, requires_grad=member.requires_grad)
        else:
            value.requires_grad_(member.requires_grad)
    setattr(module, name, value)


def find_unexpected(module: Registry, state_dict: Mapping[str, Any], prefix: str, unexpected_keys: list[str]) -> None:
    """Appends the keys below `prefix` that neither the module nor one of its children knows."""
    own = saved_members(module)
    for key in state_dict:
        if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
            continue
        head, dot, _ = key[len(prefix) :].partition(".")
        if (dot and head not in module._modules) or (not dot and head not in own):
            unexpected_keys.append(key)


def load(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> _IncompatibleKeys:
    """Loads the whole tree below `module`, and names everything that did not fit in one error."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    missing_keys: list[str] = []
    unexpected_keys: list[str] = []
    error_msgs: list[str] = []
    metadata = getattr(state_dict, "_metadata", None)
    # Hooks may edit the dictionary: the caller's stays as it was.
    own: Any = OrderedDict(state_dict)
    if metadata is not None:
        own._metadata = metadata

    def visit(module: Module, state_dict: Mapping[str, Any], prefix: str) -> None:
        local = {} if metadata is None else metadata.get(prefix[:-1], {})
        if assign:
            local["assign_to_params_buffers"] = assign
        module._load_from_state_dict(state_dict, prefix, local, True, missing_keys, unexpected_keys, error_msgs)
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                visit(child, {key: value for key, value in state_dict.items() if key.startswith(below)}, below)
        incompatible = _IncompatibleKeys(missing_keys, unexpected_keys)
        for hook in _load_post_hooks(module):
            if hook(module, incompatible) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )

    visit(module, own, "")
    _raise_if_any(module, strict, missing_keys, unexpected_keys, error_msgs)
    return _IncompatibleKeys(missing_keys, unexpected_keys)


def _load_post_hooks(module: Module) -> list[Callable]:
    return [] if module._state_hooks is None else list(module._state_hooks.load_post.values())


def _raise_if_any(
    module: Module, strict: bool, missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str]
) -> None:
    messages = list(error_msgs)
    if strict:
        listed = (("Missing", missing_keys), ("Unexpected", unexpected_keys))
        lines = [f"{kind} key(s) in state_dict: {_quoted(keys)}. " for kind, keys in listed if keys]
        messages = list(itertools.chain(lines, messages))
    if messages:
        text = "\n\t".join(messages)
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{text}")


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _class_name(cls: type) -> str:
    return f"{cls.__module__.partition('.')[0]}.{cls.__name__}"


__all__ = ["EXTRA_STATE", "find_unexpected", "load", "load_members", "overrides_extra_state", "saved_members"]
