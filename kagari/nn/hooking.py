"""Registering hooks with a module. How they run is in `hooks.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd import RemovableHandle
from .hooks import CallHooks, StateHooks, hook_table, insert_hook
from .saving import Saving

# What holds the hooks, None where there are none, and PyTorch's names for the tables in it.
HOLDERS = {
    "_hooks": (
        "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs", "_backward_hooks", "_backward_pre_hooks", "_backward_node_hooks",
    ),
    "_state_hooks": (
        "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
    ),
}  # fmt: skip


class Hooking(Saving):
    """The part of :class:`Module` that has hooks."""

    _hooks: CallHooks | None

    _forward_hooks = hook_table("_hooks", CallHooks, "forward")
    _forward_hooks_with_kwargs = hook_table("_hooks", CallHooks, "forward_with_kwargs")
    _forward_hooks_always_called = hook_table("_hooks", CallHooks, "forward_always_called")
    _forward_pre_hooks = hook_table("_hooks", CallHooks, "forward_pre")
    _forward_pre_hooks_with_kwargs = hook_table("_hooks", CallHooks, "forward_pre_with_kwargs")
    _backward_hooks = hook_table("_hooks", CallHooks, "backward")
    _backward_pre_hooks = hook_table("_hooks", CallHooks, "backward_pre")
    _backward_node_hooks = hook_table("_hooks", CallHooks, "node")
    _state_dict_hooks = hook_table("_state_hooks", StateHooks, "save_post")
    _state_dict_pre_hooks = hook_table("_state_hooks", StateHooks, "save_pre")
    _load_state_dict_pre_hooks = hook_table("_state_hooks", StateHooks, "load_pre")
    _load_state_dict_post_hooks = hook_table("_state_hooks", StateHooks, "load_post")

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before each ``forward``; what it returns, if not ``None``, replaces the
        arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, which may return a pair.
        """
        handle = insert_hook(self._forward_pre_hooks, hook, prepend)
        _mark(self._forward_pre_hooks_with_kwargs, handle, with_kwargs)
        return handle

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after each ``forward``; what it returns, if not ``None``, replaces the
        output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. With ``always_call`` it runs after an
        exception too.
        """
        handle = insert_hook(self._forward_hooks, hook, prepend)
        _mark(self._forward_hooks_with_kwargs, handle, with_kwargs)
        _mark(self._forward_hooks_always_called, handle, always_call)
        return handle

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` before the gradients pass the module; it may return other ones."""
        return insert_hook(self._backward_pre_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` with the gradients of the module's last operation.

        Deprecated: :meth:`register_full_backward_hook` sees the gradients of the module itself.
        """
        self._refuse_both("backward")
        return insert_hook(self._backward_node_hooks, hook)

    def _refuse_both(self, other: str) -> None:
        if self._hooks is not None and getattr(self._hooks, other):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients have passed the module.

        It may return gradients to replace ``grad_input``, which has one entry for each positional argument.
        """
        self._refuse_both("node")
        return insert_hook(self._backward_hooks, hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before the module is saved."""
        return insert_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` after the module is saved."""

        def checked(*args: Any) -> None:
            if hook(*args) is not None:
                raise RuntimeError("state_dict post-hook must return None")

        return self._register_state_dict_hook(checked)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """As :meth:`register_state_dict_post_hook`; a dictionary that the hook returns replaces the state."""
        return insert_hook(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        if with_module:
            hook = functools.partial(hook, self)
        return insert_hook(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)`` after loading; it may change the lists in place."""
        return insert_hook(self._load_state_dict_post_hooks, hook)


def _mark(table: dict[int, bool], handle: RemovableHandle, flag: bool) -> None:
    if flag:
        table[handle.id] = True
    else:
        table.pop(handle.id, None)  # the mark of a removed hook, whose number came free


__all__ = ["HOLDERS", "Hooking"]
