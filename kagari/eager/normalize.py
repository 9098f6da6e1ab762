"""Normalisation that keeps running statistics: what surrounds the operators, which change nothing."""

from __future__ import annotations

from typing import Any

from .calls import call
from .tensor import Tensor


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Each channel less its mean, divided by its deviation, scaled by `weight` and moved by `bias`.

    While training the statistics are those of the batch, and the running ones move towards them by `momentum`.

    >>> import kagari as torch
    >>> x, mean, var = torch.tensor([[1.0], [3.0]]), torch.zeros(1), torch.ones(1)
    >>> torch.batch_norm(x, None, None, mean, var, True, 0.1, 0.0, False)
    tensor([[-1.],
            [ 1.]])
    >>> mean, var
    (tensor([0.2000]), tensor([1.1000]))
    """
    if training and (running_mean is not None or running_var is not None) and input.numel():
        return _tracked("batch_norm_tracked", input, running_mean, running_var, weight, bias, momentum, eps)
    return call("batch_norm")(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Each channel of each sample less its mean, divided by its deviation, scaled by `weight` and moved by `bias`.

    Running statistics move by `momentum` towards the mean of those of the samples; without `use_input_stats` they are
    what is used.

    >>> import kagari as torch
    >>> x = torch.tensor([[[1.0, 3.0]], [[4.0, 4.0]]])
    >>> torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[[-1.0000,  1.0000]],
    <BLANKLINE>
            [[ 0.0000,  0.0000]]])
    """
    if use_input_stats and (running_mean is not None or running_var is not None):
        return _tracked("instance_norm_tracked", input, running_mean, running_var, weight, bias, momentum, eps)
    return call("instance_norm")(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def _tracked(name: str, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, *rest: Any) -> Tensor:
    """Runs an operator that also returns new running statistics, and writes these over the old ones."""
    result, *new = call(name)(input, running_mean, running_var, *rest)
    for old, value in zip([r for r in (running_mean, running_var) if r is not None], new):
        call("copy_")(old, value.detach())
    return result


FUNCTIONS = (batch_norm, instance_norm)
