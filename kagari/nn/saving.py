"""Saving a tree of modules to a dictionary, and loading it back: the methods. What they do is in `state.py`."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .hidden import warn_of_hidden
from .hooks import StateHooks
from .members import Unmade
from .parameter import is_lazy
from .placement import Placement
from .registry import NOTED
from .state import (
    EXTRA_STATE,
    _IncompatibleKeys,
    find_unexpected,
    load,
    load_members,
    overrides_extra_state,
    saved_members,
)

if TYPE_CHECKING:
    from .module import Module


class Saving(Placement):
    """The part of :class:`Module` that saves and loads its state."""

    _version: int = 1
    if TYPE_CHECKING:
        _state_hooks: StateHooks | None
    else:
        _state_hooks = Unmade()

    def get_extra_state(self) -> Any:
        """What a subclass saves besides its members. Define it together with :meth:`set_extra_state`."""
        raise RuntimeError("get_extra_state() is called only on modules that define it")

    def set_extra_state(self, state: Any) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        raise RuntimeError("set_extra_state() is called only on modules that define it")

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers of the tree by their paths, sharing memory with the module.

        They are detached unless ``keep_vars``.
        """
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2)
            given: list[Any] = [*args, *(destination, prefix, keep_vars)[len(args) :]]
            destination, prefix, keep_vars = given
        if destination is None:
            if NOTED:
                warn_of_hidden(cast("Module", self))
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        hooks = self._state_hooks
        for hook in () if hooks is None else hooks.save_pre.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in () if hooks is None else hooks.save_post.values():
            result = hook(self, destination, prefix, local_metadata)
            destination = destination if result is None else result
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Saves what belongs to this module alone; a subclass may add to it."""
        for name, value in saved_members(self).items():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
        if overrides_extra_state(self, Saving, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copies parameters and buffers out of ``state_dict`` into the tree.

        Args:
            state_dict (dict): what :meth:`state_dict` gave.
            strict (bool): whether missing and unexpected keys are an error. A wrong shape always is. Default: ``True``
            assign (bool): puts the dictionary's tensors in place of the module's instead of copying. Default: ``False``

        Returns:
            A named tuple of ``missing_keys`` and ``unexpected_keys``.
        """
        if NOTED:
            warn_of_hidden(cast("Module", self))
        return load(cast("Module", self), state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Loads what belongs to this module alone; a subclass may rename keys of older versions first."""
        for hook in () if self._state_hooks is None else list(self._state_hooks.load_pre.values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        load_members(self, state_dict, prefix, assign, strict, missing_keys, error_msgs)
        key = prefix + EXTRA_STATE
        if overrides_extra_state(self, Saving, "set_extra_state"):
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)
        if strict:
            find_unexpected(self, state_dict, prefix, unexpected_keys)


__all__ = ["Saving"]
