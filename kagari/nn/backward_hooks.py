"""How hooks of modules see the gradients: a module's call is a section of the tape with two ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..autograd import Function
from ..eager import Tensor

if TYPE_CHECKING:
    from .module import Module


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


class Boundary:
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


def watch_node(module: Module, hooks: list[Callable], result: Any) -> None:
    """Lets hooks see the gradients of the last operation of a module, whatever it was."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next((value for value in result.values() if isinstance(value, Tensor)), None)
        elif isinstance(result, (tuple, list)) and result:
            result = result[0]
        else:
            return
    if result.grad_fn is not None:
        warnings.warn(
            f"Using a non-full backward hook on {type(module).__name__} is deprecated: it sees the gradients of the "
            "last operation alone. Please use register_full_backward_hook, which sees those of the module.",
            FutureWarning,
            stacklevel=4,
        )
        for hook in hooks:
            result.grad_fn.register_hook(partial(hook, module))


__all__ = ["Boundary", "watch_node"]
