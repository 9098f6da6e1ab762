"""Hooks of modules: where they are kept, how they run around ``forward``, and how they see gradients."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ..autograd import Function, RemovableHandle, is_grad_enabled
from ..eager import Tensor

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
    )

    forward: Table
    forward_with_kwargs: OrderedDict[int, bool]
    forward_always_called: OrderedDict[int, bool]
    forward_pre: Table
    forward_pre_with_kwargs: OrderedDict[int, bool]
    backward: Table
    backward_pre: Table

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, OrderedDict())


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
        hooks = getattr(self, holder)
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


def call_with_hooks(module: Module, hooks: CallHooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs `module.forward` with its hooks around it."""
    for key, hook in list(hooks.forward_pre.items()):
        if key in hooks.forward_pre_with_kwargs:
            new = hook(module, args, kwargs)
            if new is not None:
                if not (isinstance(new, tuple) and len(new) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {new}."
                    )
                args, kwargs = new
        else:
            new = hook(module, args)
            if new is not None:
                args = new if isinstance(new, tuple) else (new,)

    boundary = None
    if (hooks.backward or hooks.backward_pre) and is_grad_enabled():
        boundary = _Boundary(module, list(hooks.backward.values()), list(hooks.backward_pre.values()))
        args = boundary.enter(args)

    result, called = None, set()
    try:
        result = module.forward(*args, **kwargs)
        for key, hook in list(hooks.forward.items()):
            called.add(key)
            result = _call_forward_hook(module, hooks, key, hook, args, kwargs, result)
    except Exception:
        for key, hook in list(hooks.forward.items()):
            if key in hooks.forward_always_called and key not in called:
                try:
                    result = _call_forward_hook(module, hooks, key, hook, args, kwargs, result)
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception "
                        f"that was silenced as another error was raised in forward: {error}",
                        stacklevel=3,
                    )
        raise
    return result if boundary is None else boundary.leave(result)


def _call_forward_hook(
    module: Module, hooks: CallHooks, key: int, hook: Callable, args: tuple, kwargs: dict, result: Any
) -> Any:
    with_kwargs = key in hooks.forward_with_kwargs
    new = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
    return result if new is None else new


class _Watch(Function):
    """The identity on tensors, which shows their gradients to a callback on the way back."""

    @staticmethod
    def forward(ctx: Any, callback: Callable, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.callback = callback
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *ctx.callback(grads))


class _Boundary:
    """One call of a module as the backward pass sees it: gradients enter at its outputs and leave at its inputs."""

    def __init__(self, module: Module, hooks: list[Callable], pre_hooks: list[Callable]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.inputs: list[int] = []  # the positions of those that require a gradient
        self.outputs: list[int] = []
        self.num_inputs = self.num_outputs = 0
        self.grad_outputs: tuple[Tensor | None, ...] = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.num_inputs = len(args)
        self.inputs = _differentiable(args)
        return _watched(args, self.inputs, self._at_inputs)

    def leave(self, result: Any) -> Any:
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        self.num_outputs = len(outputs)
        self.outputs = _differentiable(outputs)
        outputs = _watched(outputs, self.outputs, self._at_outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _at_outputs(self, grads: tuple[Tensor | None, ...]) -> Iterable[Tensor | None]:
        grads = _spread(grads, self.outputs, self.num_outputs)
        for hook in self.pre_hooks:
            new = hook(self.module, grads)
            if new is not None:
                grads = _checked(new, grads, "Backward pre hook", "grad_output")
        self.grad_outputs = grads
        if self.hooks and not self.inputs:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs "
                "since no inputs require gradients.",
                stacklevel=2,
            )
            for hook in self.hooks:
                new = hook(self.module, (None,) * self.num_inputs, grads)
                if new is not None and not (isinstance(new, tuple) and all(grad is None for grad in new)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None "
                        "or None for all gradients."
                    )
        return [grads[position] for position in self.outputs]

    def _at_inputs(self, grads: tuple[Tensor | None, ...]) -> Iterable[Tensor | None]:
        grads = _spread(grads, self.inputs, self.num_inputs)
        for hook in self.hooks:
            new = hook(self.module, grads, self.grad_outputs)
            if new is not None:
                grads = _checked(new, grads, "Backward hook", "grad_input")
        return [grads[position] for position in self.inputs]


def _differentiable(values: tuple[Any, ...]) -> list[int]:
    return [position for position, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]


def _watched(values: tuple[Any, ...], positions: list[int], callback: Callable) -> tuple[Any, ...]:
    if not positions:
        return values
    watched = list(values)
    tensors = _Watch.apply(callback, *[values[position] for position in positions])
    for position, tensor in zip(positions, tensors, strict=True):
        watched[position] = tensor
    return tuple(watched)


def _spread(grads: tuple[Tensor | None, ...], positions: list[int], length: int) -> tuple[Tensor | None, ...]:
    spread: list[Tensor | None] = [None] * length
    for position, grad in zip(positions, grads, strict=True):
        spread[position] = grad
    return tuple(spread)


def _checked(new: Any, old: tuple[Any, ...], hook: str, name: str) -> tuple[Tensor | None, ...]:
    if isinstance(new, Tensor):
        new = (new,)
    if len(new) != len(old):
        raise RuntimeError(f"{hook} returned an invalid number of {name}, got {len(new)}, but expected {len(old)}")
    return tuple(new)


__all__ = ["CallHooks", "StateHooks", "call_with_hooks", "hook_table", "insert_hook"]
