"""Losses that ask for a margin as functions, with PyTorch's signatures, and the distances they are made of."""

from __future__ import annotations

from collections.abc import Callable

from ..eager import Tensor
from ..eager import operators as ops
from .reduction import NUMBERS, check_reduction, legacy_reduction, settled


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r""":math:`x` where ``target`` is 1, :math:`\max(0, \text{margin} - x)` where it is -1, reduced.

    See :class:`~kagari.nn.HingeEmbeddingLoss`.
    """
    number = NUMBERS[settled(reduction, size_average, reduce)]
    return ops.hinge_embedding_loss(input, target, margin, number)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r""":math:`\max(0, -y (x_1 - x_2) + \text{margin})`, reduced. See :class:`~kagari.nn.MarginRankingLoss`."""
    number = NUMBERS[settled(reduction, size_average, reduce)]
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return ops.margin_ranking_loss(input1, input2, target, margin, number)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r""":math:`\log(1 + e^{-y x})`, reduced. See :class:`~kagari.nn.SoftMarginLoss`."""
    reduction = settled(reduction, size_average, reduce)
    return ops.soft_margin_loss(input, target, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The margins by which scores miss that of class ``target``. See :class:`~kagari.nn.MultiMarginLoss`."""
    reduction = settled(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    return ops.multi_margin_loss(input, target, p, margin, weight, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The margins by which scores of classes miss those of the classes that ``target`` lists.

    See :class:`~kagari.nn.MultiLabelMarginLoss`.
    """
    reduction = settled(reduction, size_average, reduce)
    return ops.multilabel_margin_loss(input, target, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The mean binary cross entropy of a row of logits. See :class:`~kagari.nn.MultiLabelSoftMarginLoss`."""
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if reduction not in NUMBERS:
        raise ValueError(f"{reduction} is not valid")
    return ops.multilabel_soft_margin_loss(input, target, weight, reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r""":math:`1 - c` where ``target`` is 1, :math:`\max(0, c - \text{margin})` where it is -1, of cosines :math:`c`.

    See :class:`~kagari.nn.CosineEmbeddingLoss`.
    """
    number = NUMBERS[settled(reduction, size_average, reduce)]
    return ops.cosine_embedding_loss(input1, input2, target, margin, number)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r""":math:`\max(0, d(a, p) - d(a, n) + \text{margin})`, reduced. See :class:`~kagari.nn.TripletMarginLoss`."""
    number = NUMBERS[settled(reduction, size_average, reduce)]
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return ops.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, number)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r""":func:`triplet_margin_loss` with any distance, by default :func:`pairwise_distance`.

    See :class:`~kagari.nn.TripletMarginWithDistanceLoss`.
    """
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = ops.pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    losses = ops.clamp_min(margin + near - far, 0)
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
