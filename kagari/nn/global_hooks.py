"""Hooks of all modules: they run whenever any module is called or registers something."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd import RemovableHandle


class Everywhere(NamedTuple):
    """A hook of all modules: when it runs, and how it is called."""

    kind: str
    hook: Callable
    with_kwargs: bool = False
    always_call: bool = False


# All of them in one table, so that a call of a module asks one question.
EVERYWHERE: OrderedDict[int, Any] = OrderedDict()


def everywhere(kind: str) -> list[Everywhere]:
    """The hooks of all modules of one kind, in the order of their registration."""
    return [entry for entry in EVERYWHERE.values() if entry.kind == kind]


def announce(kind: str, module: Any, name: str, value: Any) -> Any:
    """Shows the registration hooks what is being registered, and gives back what is to be registered."""
    for entry in everywhere(kind) if EVERYWHERE else ():
        new = entry.hook(module, name, value)
        if new is not None:
            value = new
    return value


def _register(kind: str, hook: Callable, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    entry: Any = Everywhere(kind, hook, with_kwargs, always_call)
    return RemovableHandle(EVERYWHERE, entry)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, args)`` before each ``forward`` of any module; what it returns replaces the arguments.

    It runs before the module's own hooks.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> seen = []
        >>> with nn.module.register_module_forward_pre_hook(lambda module, args: seen.append(type(module).__name__)):
        ...     output = nn.Sequential(nn.ReLU(), nn.Tanh())(torch.zeros(1))
        >>> seen
        ['Sequential', 'ReLU', 'Tanh']
    """
    return _register("forward_pre", hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls ``hook(module, args, output)`` after each ``forward`` of any module; what it returns replaces the output.

    With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. With ``always_call`` it runs after an exception
    too. It runs before the module's own hooks.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> with nn.module.register_module_forward_hook(lambda module, args, output: output + 1):
        ...     nn.ReLU()(torch.zeros(1)).item()
        1.0
    """
    return _register("forward", hook, with_kwargs, always_call)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, grad_output)`` before gradients pass any module; it may return other ones."""
    return _register("backward_pre", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` when the gradients have passed any module.

    It may return gradients to replace ``grad_input``.
    """
    _refuse_both("node")
    return _register("backward", hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` with the gradients of the last operation of any module.

    Deprecated: :func:`register_module_full_backward_hook` sees the gradients of the module itself.
    """
    _refuse_both("backward")
    return _register("node", hook)


def _refuse_both(other: str) -> None:
    if everywhere(other):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, parameter)`` when any module registers a parameter; it may return another one."""
    return _register("parameter", hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` when any module registers a buffer; it may return another one."""
    return _register("buffer", hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, child)`` when any module registers a child; it may return another one."""
    return _register("module", hook)


__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]
