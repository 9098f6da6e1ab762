"""The operators of neural networks as functions, with PyTorch's signatures; the layers of `kagari.nn` call these.

What is written here is what surrounds an operator: defaults, checks of arguments, deprecated spellings. What the
    operator computes, on
tensors and on their gradients, is one definition in `kagari.ops`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..eager import Tensor
from ..eager import operators as ops
from .functional_activation import (
    celu,
    elu,
    glu,
    gumbel_softmax,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    mish,
    relu,
    relu6,
    rrelu,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from .functional_dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from .functional_norm import (
    batch_norm,
    group_norm,
    instance_norm,
)
from .reduction import check_reduction, legacy_reduction

# These are the operators themselves: PyTorch gives them no wrapping either, and a call costs no frame.
_OPERATORS = frozenset(
    [
        "celu_",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "elu_",
        "gelu",
        "hardshrink",
        "hardtanh_",
        "leaky_relu_",
        "linear",
        "logsigmoid",
        "normalize",
        "prelu",
        "relu_",
        "rms_norm",
        "rrelu_",
        "selu_",
        "softplus",
        "softshrink",
        "threshold_",
    ]
)


def __getattr__(name: str) -> Any:
    """Looks an operator up when it is first asked for: that is what loads the machinery."""
    if name not in _OPERATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(ops, name)
    return found


# Normalisation


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalises over the last ``len(normalized_shape)`` dimensions. See :class:`~kagari.nn.LayerNorm`."""
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


# Look-up and padding


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    r"""Row ``input[i]`` of ``weight`` at each place.

    Args:
        input (Tensor): row numbers, of any shape :math:`(*)`.
        weight (Tensor): :math:`(V, D)`.
        padding_idx (int, optional): a row that gets no gradient.
        max_norm (float, optional): not supported.
        norm_type (float): the norm that ``max_norm`` means.
        scale_grad_by_freq (bool): not supported.
        sparse (bool): accepted; the gradient is dense all the same.

    Returns:
        A tensor of shape :math:`(*, D)`.
    """
    if max_norm is not None or scale_grad_by_freq:
        raise NotImplementedError("embedding does not support max_norm and scale_grad_by_freq")
    return ops.embedding(input, weight, padding_idx)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    r"""Zeros, and a 1 at the place that each element names: :math:`(*)` to :math:`(*, \text{num\_classes})`.

    Args:
        tensor (Tensor): classes, as int64.
        num_classes (int): by default one more than the largest class there is.
    """
    if num_classes == -1 and tensor.numel() and tensor.dtype.category == 1:
        num_classes = int(tensor.max().item()) + 1
    return ops.one_hot(tensor, num_classes)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    r"""Pads ``input`` with ``value``, zero by default.

    Args:
        input (Tensor): of any shape.
        pad (tuple): two amounts for each dimension, the last dimension first; negative ones cut off.
        mode (str): ``'constant'``.
        value (float, optional): what is filled in.
    """
    return ops.pad(input, pad, mode, value or None)


# Losses


def _warn_of_broadcasting(input: Tensor, target: Tensor) -> None:
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
        "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=3,
    )


def _weighted(losses: Tensor, input: Tensor, weight: Tensor, reduction: str) -> Tensor:
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    return _reduced(losses * weight, weight, reduction)


def _reduced(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction == "mean":
        return losses.sum() / weight.sum()
    raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""The squared error :math:`(x - y)^2`, reduced. See :class:`~kagari.nn.MSELoss`.

    With ``weight``, of the shape of ``input``, each error is weighted, and the mean is divided by the sum of the
    weights.
    """
    if target.shape != input.shape:
        _warn_of_broadcasting(input, target)
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if weight is not None:
        return _weighted(ops.mse_loss(input, target, "none"), input, weight, reduction)
    check_reduction(reduction)
    return ops.mse_loss(input, target, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""The absolute error :math:`|x - y|`, reduced. See :class:`~kagari.nn.L1Loss`."""
    if target.shape != input.shape:
        _warn_of_broadcasting(input, target)
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if weight is not None:
        return _weighted(ops.l1_loss(input, target, "none"), input, weight, reduction)
    check_reduction(reduction)
    return ops.l1_loss(input, target, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    r"""Squared below ``beta`` and absolute above, reduced. See :class:`~kagari.nn.SmoothL1Loss`."""
    if target.shape != input.shape:
        _warn_of_broadcasting(input, target)
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction(reduction)
    if beta < 0.0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0.0:
        return ops.l1_loss(input, target, reduction)
    return ops.smooth_l1_loss(input, target, reduction, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    r"""Squared below ``delta`` and linear above, reduced. See :class:`~kagari.nn.HuberLoss`."""
    if target.shape != input.shape:
        _warn_of_broadcasting(input, target)
    if delta <= 0.0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        losses = _weighted(ops.huber_loss(input, target, "none", delta), input, weight, "none")
        # Not divided by the sum of the weights, unlike the others.
        return losses.mean() if reduction == "mean" else _reduced(losses, weight, reduction)
    check_reduction(reduction)
    return ops.huber_loss(input, target, reduction, delta)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The cross entropy of probabilities ``input`` and ``target``, reduced. See :class:`~kagari.nn.BCELoss`."""
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction(reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    return ops.binary_cross_entropy(input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    r"""The cross entropy of :math:`\sigma(\text{input})` and ``target``. See :class:`~kagari.nn.BCEWithLogitsLoss`."""
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction(reduction)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The negative of the log-probability that ``input`` gives to class ``target``.

    See :class:`~kagari.nn.NLLLoss`.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction(reduction)
    return ops.nll_loss(input, target, weight, reduction, ignore_index)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    r"""The cross entropy of logits ``input`` and classes or probabilities ``target``.

    See :class:`~kagari.nn.CrossEntropyLoss`.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_reduction(reduction)
    if not label_smoothing:
        return ops.cross_entropy(input, target, weight, reduction, ignore_index)
    return ops.cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    r"""The divergence :math:`y (\log y - x)` of log-probabilities ``input`` from probabilities ``target``, reduced.

    Args:
        input (Tensor): log-probabilities.
        target (Tensor): probabilities, or with ``log_target`` their logarithms.
        size_average (bool, optional): deprecated, see ``reduction``.
        reduce (bool, optional): deprecated, see ``reduction``.
        reduction (str): ``'none'``, ``'mean'``, ``'sum'`` or ``'batchmean'``, the sum divided by the size of the
            batch, which is what the definition of the divergence says. Default: ``'mean'``
        log_target (bool): whether ``target`` holds logarithms. Default: ``False``
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. "
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition. "
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    if reduction == "batchmean":
        total = ops.kl_div(input, target, "sum", log_target=log_target)
        return total / input.shape[0] if input.ndim else total
    check_reduction(reduction)
    return ops.kl_div(input, target, reduction, log_target=log_target)


# ruff: noqa: F822 - some of these are looked up when they are first asked for
__all__ = [
    "alpha_dropout",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "feature_alpha_dropout",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]
