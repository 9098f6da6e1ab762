"""The gradients of convolutions as functions, as `torch.nn.grad`: of the input, and of the weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import grad as _grad
from ..autograd.modes import enable_grad as _enable_grad
from ..autograd.modes import is_grad_enabled as _is_grad_enabled
from ..eager import Tensor
from ..eager.calls import call as _call

_INPUT = """The gradient of `conv{rank}d` with respect to its input.

    Args:
        input_size: the shape of the input
        weight: (O, C / groups, *taps)
        grad_output: the gradient of the output

    The others are those of `conv{rank}d`. Raises RuntimeError where the shapes do not belong together.

    >>> import kagari as torch
    >>> slopes = torch.ones(1, 3, {made})
    >>> torch.nn.grad.conv{rank}d_input((1, 2, {sizes}), torch.ones(3, 2, {taps}), slopes).shape
    torch.Size([1, 2, {sizes}])
    """
_WEIGHT = """The gradient of `conv{rank}d` with respect to its weight.

    Args:
        input: (N, C, *sizes)
        weight_size: the shape of the weight
        grad_output: the gradient of the output

    The others are those of `conv{rank}d`. Raises RuntimeError where the shapes do not belong together.

    >>> import kagari as torch
    >>> slopes = torch.ones(1, 3, {made})
    >>> torch.nn.grad.conv{rank}d_weight(torch.ones(1, 2, {sizes}), (3, 2, {taps}), slopes).shape
    torch.Size([3, 2, {taps}])
    """


def _through(rank: int, x: Tensor, weight: Tensor, given: Tensor, of: Tensor, settings: tuple[Any, ...]) -> Tensor:
    """What passes of the gradient of a convolution's output to one of its arguments."""
    others = [t for t in (x, weight, given) if t is not of]
    tracked = _is_grad_enabled() and any(t.requires_grad for t in others)
    with _enable_grad():
        y = _call(f"conv{rank}d")(x, weight, None, *settings)
    return _grad(y, of, given, create_graph=tracked)[0]


def _of_input(rank: int) -> Callable[..., Tensor]:
    def gradient(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
    ) -> Tensor:
        x = grad_output.new_zeros(input_size, requires_grad=True)
        return _through(rank, x, weight, grad_output, x, (stride, padding, dilation, groups))

    return _named(gradient, f"conv{rank}d_input", _INPUT, rank)


def _of_weight(rank: int) -> Callable[..., Tensor]:
    def gradient(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
    ) -> Tensor:
        weight = grad_output.new_zeros(weight_size, requires_grad=True)
        return _through(rank, input, weight, grad_output, weight, (stride, padding, dilation, groups))

    return _named(gradient, f"conv{rank}d_weight", _WEIGHT, rank)


def _named(gradient: Callable[..., Tensor], name: str, text: str, rank: int) -> Callable[..., Tensor]:
    sizes, made, taps = (", ".join([str(n)] * rank) for n in (5, 3, 3))
    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = text.format(rank=rank, sizes=sizes, made=made, taps=taps)
    return gradient


conv1d_input, conv2d_input, conv3d_input = (_of_input(rank) for rank in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_of_weight(rank) for rank in (1, 2, 3))

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]
