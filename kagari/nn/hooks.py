"""Hooks of modules: where they are kept, and how they run around ``forward``."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..autograd import RemovableHandle, is_grad_enabled
from .backward_hooks import Boundary, watch_node
from .global_hooks import everywhere
from .members import forgotten

if TYPE_CHECKING:
    from .module import Module


Table: TypeAlias = OrderedDict[int, Callable]


class CallHooks:
    """The hooks of one module that run when it is called.

    A module without any has no such object: that is the fast path.
    """

    __slots__ = (
        "backward",
        "backward_pre",
        "forward",
        "forward_always_called",
        "forward_pre",
        "forward_pre_with_kwargs",
        "forward_with_kwargs",
        "node",
    )

    forward: Table
    forward_with_kwargs: OrderedDict[int, bool]
    forward_always_called: OrderedDict[int, bool]
    forward_pre: Table
    forward_pre_with_kwargs: OrderedDict[int, bool]
    backward: Table
    backward_pre: Table
    node: Table  # of those that see the gradients of the last operation

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, OrderedDict())

    def is_empty(self) -> bool:
        """Whether there is no hook."""
        return not any(getattr(self, name) for name in self.__slots__)


class StateHooks:
    """The hooks of one module that run when its state is saved or loaded."""

    __slots__ = ("load_post", "load_pre", "save_post", "save_pre")

    save_pre: Table
    save_post: Table
    load_pre: Table
    load_post: Table

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, OrderedDict())


def hook_table(holder: str, make: type, name: str) -> property:
    """One of PyTorch's names for a table of hooks.

    Reading it makes the holder, which is how a module learns that it has hooks.
    """

    def get(self: Module) -> Table:
        try:
            hooks = getattr(self, holder)
        except AttributeError:
            raise AttributeError(forgotten(self, holder), name=holder, obj=self) from None
        if hooks is None:
            hooks = make()
            object.__setattr__(self, holder, hooks)
        return getattr(hooks, name)

    def replace(self: Module, table: Mapping[int, Callable]) -> None:
        get(self)
        setattr(getattr(self, holder), name, OrderedDict(table))

    return property(get, replace)


def insert_hook(table: Table, hook: Callable, prepend: bool = False) -> RemovableHandle:
    """Puts a hook last in its table, or first, and gives back the handle that removes it."""
    handle = RemovableHandle(table, hook)
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


class _After(NamedTuple):
    """A hook that runs after `forward`."""

    hook: Callable
    with_kwargs: bool
    always_call: bool

    def __call__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        new = self.hook(module, args, kwargs, result) if self.with_kwargs else self.hook(module, args, result)
        return result if new is None else new


_NONE = CallHooks()


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs `module.forward` with its own hooks and those of all modules around it."""
    hooks = _NONE if module._hooks is None else module._hooks
    args, kwargs = _run_before(module, hooks, args, kwargs)
    after = [_After(*entry[1:]) for entry in everywhere("forward")]
    after += [
        _After(hook, key in hooks.forward_with_kwargs, key in hooks.forward_always_called)
        for key, hook in hooks.forward.items()
    ]
    backward = [entry.hook for entry in everywhere("backward")] + list(hooks.backward.values())
    backward_pre = [entry.hook for entry in everywhere("backward_pre")] + list(hooks.backward_pre.values())
    boundary = None
    if (backward or backward_pre) and is_grad_enabled():
        boundary = Boundary(module, backward, backward_pre)
        args = boundary.enter(args)

    result, begun = None, 0
    try:
        result = module.forward(*args, **kwargs)
        for begun, hook in enumerate(after, 1):  # noqa: B007 - the handler reads it
            result = hook(module, args, kwargs, result)
    except Exception:
        _run_always(module, [hook for hook in after[begun:] if hook.always_call], args, kwargs, result)
        raise
    if boundary is not None:
        result = boundary.leave(result)
    node = [entry.hook for entry in everywhere("node")] + list(hooks.node.values())
    if node:
        watch_node(module, node, result)
    return result


def _run_before(
    module: Module, hooks: CallHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    before = [(entry.hook, False) for entry in everywhere("forward_pre")]
    before += [(hook, key in hooks.forward_pre_with_kwargs) for key, hook in hooks.forward_pre.items()]
    for hook, with_kwargs in before:
        if not with_kwargs:
            new = hook(module, args)
            if new is not None:
                args = new if isinstance(new, tuple) else (new,)
            continue
        new = hook(module, args, kwargs)
        if new is not None:
            if not (isinstance(new, tuple) and len(new) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {new}."
                )
            args, kwargs = new
    return args, kwargs


def _run_always(
    module: Module, after: list[_After], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    """Runs hooks after a failure; what they raise themselves is a warning."""
    for hook in after:
        try:
            result = hook(module, args, kwargs, result)
        except Exception as error:
            warnings.warn(
                "module forward hook with ``always_call=True`` raised an exception "
                f"that was silenced as another error was raised in forward: {error}",
                stacklevel=4,
            )


__all__ = ["CallHooks", "StateHooks", "call_with_hooks", "hook_table", "insert_hook"]
