"""Losses as functions, with PyTorch's signatures: checks of arguments and deprecated spellings around the operators."""

from __future__ import annotations

import warnings

from ..eager import Tensor
from ..eager import operators as ops
from .reduction import NUMBERS, check_reduction, legacy_reduction, reduction_number, settled


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
    reduction = settled(reduction, size_average, reduce)
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
    reduction = settled(reduction, size_average, reduce)
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
    reduction = settled(reduction, size_average, reduce)
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
    reduction = settled(reduction, size_average, reduce)
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
    reduction = settled(reduction, size_average, reduce)
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
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    if reduction == "batchmean":
        total = ops.kl_div(input, target, NUMBERS["sum"], log_target=log_target)
        return total / input.shape[0] if input.ndim else total
    return ops.kl_div(input, target, reduction_number(reduction), log_target=log_target)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The negative log-likelihood of counts ``target`` under Poisson distributions of rate :math:`e^\text{input}`.

    See :class:`~kagari.nn.PoissonNLLLoss`.
    """
    number = NUMBERS[settled(reduction, size_average, reduce)]
    return ops.poisson_nll_loss(input, target, log_input, full, eps, number)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    r"""The negative log-likelihood of ``target`` under normal distributions of mean ``input`` and variance ``var``.

    See :class:`~kagari.nn.GaussianNLLLoss`.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * ops.ones_like(input)
    elif ops.any(var < 0):
        raise ValueError("var has negative entry/entries")
    if reduction not in NUMBERS:
        raise ValueError(f"{reduction} is not valid")
    return ops.gaussian_nll_loss(input, target, var, full, eps, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    r"""The cross entropy of logits :math:`x A^T + b` and ``target``. See :class:`~kagari.nn.LinearCrossEntropyLoss`.

    Args:
        input (Tensor): :math:`(N, E)` or :math:`(E)`.
        linear_weight (Tensor): :math:`A`, of shape :math:`(C, E)` or :math:`(C, d_1, ..., d_K, E)`.
        target (Tensor): classes, :math:`(N)` or :math:`(N, d_1, ..., d_K)`, or a probability for each class.
        linear_bias (Tensor, optional): :math:`b`, of the shape of :math:`A` without :math:`E`.
        weight (Tensor, optional): one number for each class.
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``. Default: ``"mean"``
        ignore_index (int, optional): a class that counts for nothing as a target. Default: -100
        label_smoothing (float): how much of the target is spread evenly over all classes. Default: 0.0
        options: ``None``; the logits are computed at once.
    """
    if options is not None:
        raise NotImplementedError("linear_cross_entropy: logits are computed at once, options are not supported")
    _check_linear(input, linear_weight, linear_bias)
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    outputs = linear_weight.shape[:-1]
    logits = ops.linear(input, linear_weight.reshape(-1, linear_weight.shape[-1]), bias)
    if len(outputs) > 1:
        logits = logits.reshape(-1, *outputs)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(logits, target, weight, None, ignored, None, reduction, label_smoothing)


def _check_linear(input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None) -> None:
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if linear_weight.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}")
    *outputs, features = linear_weight.shape
    if input.shape[-1] != features:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {input.shape[-1]} and "
            f"{features}, respectively"
        )
    if linear_weight.ndim > 2 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != tuple(outputs):
        raise RuntimeError(f"expected linear_bias shape {tuple(outputs)}, got {tuple(linear_bias.shape)}")


__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]
