"""Losses of detection: of classes that are rarely there, and of boxes."""

from __future__ import annotations

from ...eager import Tensor
from ...eager import operators as ops
from ...nn import functional as F
from .boxes import shape_difference, wide


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
    )


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    r"""Cross entropy that counts what is clear already for little: :math:`-\alpha_t (1 - p_t)^\gamma \log p_t`.

    Args:
        inputs (Tensor): numbers whose sigmoid is the probability.
        targets (Tensor): 1 and 0, of the same shape.
        alpha (float): the weight of what is 1, against 1 less that; -1 for none. Default: 0.25
        gamma (float): how little. Default: 2
        reduction (str): ``'none'``, ``'mean'`` or ``'sum'``. Default: ``'none'``

    Raises ValueError for another weight or reduction.

    Source: Lin and others, Focal Loss for Dense Object Detection, 2017.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> ops.sigmoid_focal_loss(torch.zeros(1), torch.ones(1))
        tensor([0.0433])
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = inputs.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = entropy * (1 - p_t) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _overlap(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each pair: the common area by the covered one, the covered one, width and height of the box around both."""
    low = ops.maximum(boxes1[..., :2], boxes2[..., :2])
    size = (ops.minimum(boxes1[..., 2:], boxes2[..., 2:]) - low).clamp(min=0)
    common = size[..., 0] * size[..., 1]
    areas = [(b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (boxes1, boxes2)]
    covered = areas[0] + areas[1] - common
    around = ops.maximum(boxes1[..., 2:], boxes2[..., 2:]) - ops.minimum(boxes1[..., :2], boxes2[..., :2])
    return common / (covered + eps), covered, around[..., 0], around[..., 1]


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    r"""1 less :func:`generalized_box_iou`, of each pair of boxes.

    Args:
        boxes1 (Tensor): boxes, as edges.
        boxes2 (Tensor): as many.
        reduction (str): ``'none'``, ``'mean'`` or ``'sum'``. Default: ``'none'``
        eps (float): added to the denominators. Default: 1e-7

    Shape:
        - Input: :math:`(N, 4)` or :math:`(4)`.
        - Output: :math:`(N)`, or a scalar.

    Raises ValueError for another reduction.
    """
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    iou, covered, width, height = _overlap(boxes1, boxes2, eps)
    area = width * height
    return _reduced(1 - (iou - (area - covered) / (area + eps)), reduction)


def _distance_loss(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """1 less :func:`distance_box_iou`, and the common area by the covered one."""
    iou, _, width, height = _overlap(boxes1, boxes2, eps)
    apart = (boxes1[..., :2] + boxes1[..., 2:] - boxes2[..., :2] - boxes2[..., 2:]) / 2
    return 1 - iou + (apart**2).sum(-1) / (width**2 + height**2 + eps), iou


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    r"""1 less :func:`distance_box_iou`, of each pair of boxes. See :func:`generalized_box_iou_loss`."""
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    return _reduced(_distance_loss(boxes1, boxes2, eps)[0], reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    r"""1 less :func:`complete_box_iou`, of each pair of boxes. See :func:`generalized_box_iou_loss`."""
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    loss, iou = _distance_loss(boxes1, boxes2, eps)
    different = shape_difference(boxes1, boxes2)
    return _reduced(loss + (different / (1 - iou + different + eps)).detach() * different, reduction)


__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss", "sigmoid_focal_loss"]
