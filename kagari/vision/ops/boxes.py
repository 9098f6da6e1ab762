"""Boxes: their area, how far they overlap, other formats, and which of several on one object is kept."""

from __future__ import annotations

import numpy as np

from ...base.dtypes import float32, float64, int32, int64
from ...eager import Tensor
from ...eager import operators as ops

FORMATS = ("xyxy", "xywh", "cxcywh")


def wide(tensor: Tensor) -> Tensor:
    """The numbers in a dtype whose products don't overflow."""
    if tensor.is_floating_point():
        return tensor if tensor.dtype in (float32, float64) else tensor.to(float32)
    return tensor if tensor.dtype in (int32, int64) else tensor.to(int32)


def _to_edges(boxes: Tensor, format: str) -> Tensor:
    """Boxes as their left, top, right and bottom edges."""
    if format == "xyxy":
        return boxes
    first, size = boxes[..., :2], boxes[..., 2:]
    if format == "xywh":
        return ops.cat([first, first + size], -1)
    return ops.cat([first - 0.5 * size, first + 0.5 * size], -1)


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    r"""Boxes in another format.

    Args:
        boxes (Tensor): the boxes.
        in_fmt (str): theirs: ``'xyxy'`` for the edges left, top, right and bottom, ``'xywh'`` for left, top, width and
            height, ``'cxcywh'`` for centre, width and height.
        out_fmt (str): the one that is wanted.

    Shape:
        - :math:`(N, 4)`.

    Raises ValueError for unknown formats.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> ops.box_convert(torch.tensor([[1.0, 2.0, 4.0, 8.0]]), "xyxy", "cxcywh")
        tensor([[2.5000, 5.0000, 3.0000, 6.0000]])
    """
    if in_fmt not in FORMATS or out_fmt not in FORMATS:
        raise ValueError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    edges = _to_edges(boxes, in_fmt)
    if out_fmt == "xyxy":
        return edges
    first, last = edges[..., :2], edges[..., 2:]
    return ops.cat([first if out_fmt == "xywh" else (first + last) / 2, last - first], -1)


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    r"""The areas of boxes.

    Args:
        boxes (Tensor): the boxes.
        fmt (str): their format; see :func:`box_convert`. Default: ``'xyxy'``

    Shape:
        - Input: :math:`(*, 4)`.
        - Output: :math:`(*)`.

    Raises ValueError for an unknown format.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> ops.box_area(torch.tensor([[1.0, 2.0, 4.0, 8.0]]))
        tensor([18.])
    """
    if fmt not in FORMATS:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    boxes = wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _shared(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """The areas that all pairs have in common, and those that they cover."""
    first, second = boxes1.unsqueeze(-2), boxes2.unsqueeze(-3)
    low = ops.maximum(first[..., :2], second[..., :2])
    high = ops.minimum(first[..., 2:], second[..., 2:])
    size = wide(high - low).clamp(min=0)
    common = size[..., 0] * size[..., 1]
    return common, box_area(boxes1).unsqueeze(-1) + box_area(boxes2).unsqueeze(-2) - common


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    r"""Of all pairs of boxes, the area that they have in common by the area that they cover.

    Args:
        boxes1 (Tensor): boxes.
        boxes2 (Tensor): boxes.
        fmt (str): their format; see :func:`box_convert`. Default: ``'xyxy'``

    Shape:
        - Input: :math:`(N, 4)` and :math:`(M, 4)`.
        - Output: :math:`(N, M)`.

    Raises ValueError for an unknown format.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> ops.box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.3333]])
    """
    if fmt not in FORMATS:
        raise ValueError(f"Unsupported Box IoU Calculation for given fmt {fmt}.")
    common, covered = _shared(_to_edges(boxes1, fmt), _to_edges(boxes2, fmt))
    return common / covered


def _around(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the smallest box around each pair."""
    first, second = boxes1.unsqueeze(-2), boxes2.unsqueeze(-3)
    low = ops.minimum(first[..., :2], second[..., :2])
    high = ops.maximum(first[..., 2:], second[..., 2:])
    width, height = wide(high - low).clamp(min=0).unbind(-1)
    return width, height


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    r"""Of all pairs of boxes, :func:`box_iou` less the part of the smallest box around both that neither covers.

    Shape:
        - Input: :math:`(N, 4)` and :math:`(M, 4)`, as edges.
        - Output: :math:`(N, M)`, from -1 to 1.

    Source: Rezatofighi and others, Generalized Intersection over Union, 2019.
    """
    common, covered = _shared(boxes1, boxes2)
    width, height = _around(boxes1, boxes2)
    area = width * height
    return common / covered - (area - covered) / area


def _distance(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """:func:`box_iou` less the squared distance of the centres by that of the corners around both; and the former."""
    width, height = _around(boxes1, boxes2)
    diagonal = width**2 + height**2 + eps
    centres = [wide((boxes[..., :2] + boxes[..., 2:]) / 2) for boxes in (boxes1, boxes2)]
    apart = wide(centres[0].unsqueeze(-2) - centres[1].unsqueeze(-3))
    iou = box_iou(boxes1, boxes2)
    return iou - (apart**2).sum(-1) / diagonal, iou


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    r"""Of all pairs of boxes, :func:`box_iou` less how far their centres are apart.

    Args:
        boxes1 (Tensor): boxes, as edges.
        boxes2 (Tensor): boxes, as edges.
        eps (float): added to the denominator. Default: 1e-7

    Shape:
        - Input: :math:`(N, 4)` and :math:`(M, 4)`.
        - Output: :math:`(N, M)`.

    Source: Zheng and others, Distance-IoU Loss, 2019.
    """
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    return _distance(boxes1, boxes2, eps)[0]


def shape_difference(first: Tensor, second: Tensor) -> Tensor:
    """How different two shapes are, from 0 to 1: of the angles of the diagonals. Boxes as edges."""
    angles = [ops.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (first, second)]
    return (4 / np.pi**2) * (angles[0] - angles[1]) ** 2


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    r"""Of all pairs of boxes, :func:`distance_box_iou` less how different their shapes are.

    Args:
        boxes1 (Tensor): boxes, as edges.
        boxes2 (Tensor): boxes, as edges.
        eps (float): added to the denominators. Default: 1e-7

    Shape:
        - Input: :math:`(N, 4)` and :math:`(M, 4)`.
        - Output: :math:`(N, M)`.

    Source: Zheng and others, Distance-IoU Loss, 2019.
    """
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    near, iou = _distance(boxes1, boxes2, eps)
    different = shape_difference(boxes1.unsqueeze(-2), boxes2.unsqueeze(-3))
    return near - (different / (1 - iou + different + eps)).detach() * different


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    r"""Boxes cut at the edges of an image.

    Args:
        boxes (Tensor): boxes, as edges.
        size (tuple of int): height and width of the image.

    Shape:
        - :math:`(*, 4)`.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> ops.clip_boxes_to_image(torch.tensor([[-1.0, 2.0, 9.0, 8.0]]), (5, 6))
        tensor([[0., 2., 6., 5.]])
    """
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return ops.stack([x, y], -1).reshape(boxes.shape)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    r"""The indices of the boxes [N, 4], as edges, both of whose sides are at least so long."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return ops.where((width >= min_size) & (height >= min_size))[0]


def masks_to_boxes(masks: Tensor) -> Tensor:
    r"""The smallest box around each mask, as edges: the first and the last pixel.

    Shape:
        - Input: :math:`(N, H, W)`; what is not 0 is part of the mask.
        - Output: :math:`(N, 4)`.
    """
    boxes = np.zeros((len(masks), 4), dtype=np.float32)
    for row, mask in zip(boxes, masks.detach().numpy()):
        y, x = np.nonzero(mask)
        row[:] = x.min(), y.min(), x.max(), y.max()
    made: Tensor = ops.from_numpy(boxes)
    return made


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    r"""Which boxes to keep: from the highest score on, each that overlaps with none that is kept.

    Args:
        boxes (Tensor): boxes, as edges.
        scores (Tensor): of each box.
        iou_threshold (float): two boxes overlap where their :func:`box_iou` is greater.

    Shape:
        - Input: :math:`(N, 4)` and :math:`(N)`.
        - Output: :math:`(K)`, indices in the order of the scores.

    Raises RuntimeError for other shapes.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import ops
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.1, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
        >>> ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5)
        tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise RuntimeError(f"boxes should be a 2d tensor of 4 columns, got {tuple(boxes.shape)}")
    if scores.ndim != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(
            "boxes and scores should have same number of elements in dimension 0, got "
            f"{boxes.shape[0]} and {tuple(scores.shape)}"
        )
    left, top, right, bottom = boxes.detach().numpy().T
    areas = (right - left) * (bottom - top)
    order = scores.detach().argsort(descending=True, stable=True).numpy()
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            overlaps = common / (areas[best] + areas[rest] - common) > iou_threshold
        order = rest[~overlaps]
    made: Tensor = ops.tensor([int(index) for index in kept], dtype=int64)
    return made


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    r"""Which boxes to keep, of each class by itself. See :func:`nms`.

    Args:
        boxes (Tensor): boxes, as edges.
        scores (Tensor): of each box.
        idxs (Tensor): the class of each box; boxes of different classes don't suppress each other.
        iou_threshold (float): from which on two boxes overlap.

    Shape:
        - Input: :math:`(N, 4)`, :math:`(N)` and :math:`(N)`.
        - Output: :math:`(K)`, indices in the order of the scores.
    """
    if boxes.numel() == 0:
        empty: Tensor = ops.empty((0,), dtype=int64)
        return empty
    kept = []
    for group in np.unique(idxs.numpy()):
        (members,) = ops.where(idxs == group.item())
        kept.append(members[nms(boxes[members], scores[members], iou_threshold)])
    joined = ops.cat(kept)
    made: Tensor = joined[scores[joined].argsort(descending=True, stable=True)]
    return made


__all__ = [
    "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou", "distance_box_iou",
    "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes",
]  # fmt: skip
