"""Keeping gradients from growing too large."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from ...autograd import no_grad
from ...eager import Tensor
from ...eager import operators as ops


def _as_list(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in _as_list(parameters) if parameter.grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""The norm of all tensors together, as if they were one vector.

    Args:
        tensors (iterable of Tensor, or Tensor): usually gradients.
        norm_type (float): :math:`p` of the p-norm; ``"inf"`` for the greatest magnitude. Default: 2.0
        error_if_nonfinite (bool): whether a norm of NaN or infinity is an error. Default: ``False``
        foreach: accepted for PyTorch's sake.

    Example::

        >>> import kagari as torch
        >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])]).item()
        5.0
    """
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return ops.zeros(())
    with no_grad():
        norms = [ops.norm(tensor, norm_type) for tensor in tensors]
        total = ops.norm(ops.stack(norms), norm_type)
    if error_if_nonfinite and not ops.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    r"""Scales gradients in place by :math:`\min(1, \text{max\_norm} / (\text{total\_norm} + 10^{-6}))`.

    Example::

        >>> import kagari as torch
        >>> weight = torch.zeros(1, requires_grad=True)
        >>> weight.grad = torch.tensor([8.0])
        >>> torch.nn.utils.clip_grads_with_norm_(weight, 1.0, torch.tensor(8.0))
        >>> round(weight.grad.item(), 4)
        1.0
    """
    with no_grad():
        # Multiplying by 1 where nothing is to be clipped avoids waiting for the value of the norm.
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in _gradients(parameters):
            grad.mul_(factor)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""Scales all gradients together so that their norm is at most ``max_norm``, and gives the norm they had.

    Args:
        parameters (iterable of Tensor, or Tensor): whose gradients are clipped, in place.
        max_norm (float): the greatest norm.
        norm_type (float): :math:`p` of the p-norm; ``"inf"`` for the greatest magnitude. Default: 2.0
        error_if_nonfinite (bool): whether a norm of NaN or infinity is an error. Default: ``False``
        foreach: accepted for PyTorch's sake.

    Source: Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent neural networks* (2013).

    Example::

        >>> import kagari as torch
        >>> weight = torch.zeros(2, requires_grad=True)
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> torch.nn.utils.clip_grad_norm_(weight, 1.0).item()
        5.0
        >>> [round(value, 4) for value in weight.grad.tolist()]
        [0.6, 0.8]
    """
    parameters = _as_list(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    r"""Clips every element of every gradient, in place, to :math:`[-\text{clip\_value}, \text{clip\_value}]`.

    Example::

        >>> import kagari as torch
        >>> weight = torch.zeros(2, requires_grad=True)
        >>> weight.grad = torch.tensor([3.0, -4.0])
        >>> torch.nn.utils.clip_grad_value_(weight, 3.5)
        >>> weight.grad.tolist()
        [3.0, -3.5]
    """
    clip_value = float(clip_value)
    with no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-clip_value, clip_value)


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """A deprecated name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]
