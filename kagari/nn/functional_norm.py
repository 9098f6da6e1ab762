"""Normalisation of channels as functions. See :mod:`kagari.nn.functional`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..eager import Tensor
from ..eager import operators as ops


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalises each channel over the batch, or with running statistics. See :class:`~kagari.nn.BatchNorm2d`."""
    if training:
        _require_several_values(input.shape)
    return ops.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, False)


def _require_several_values(shape: Sequence[int]) -> None:
    """One value is its own mean: what is left after training on it would be nothing but 0."""
    if math.prod(shape[:1]) * math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    r"""Normalises each group of channels of a sample. See :class:`~kagari.nn.GroupNorm`."""
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    n, channels, *rest = input.shape
    _require_several_values([n * channels // num_groups, num_groups, *rest])
    return ops.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalises each channel of each sample. See :class:`~kagari.nn.InstanceNorm2d`."""
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    return ops.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False)


__all__ = ["batch_norm", "group_norm", "instance_norm"]
