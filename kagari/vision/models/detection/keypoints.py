"""Key points of objects as the places of the largest value in a small square for each box."""

from __future__ import annotations

from collections.abc import Sequence

from ....base.dtypes import float32, int64
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F


def keypoints_to_heatmap(keypoints: Tensor, rois: Tensor, heatmap_size: int) -> tuple[Tensor, Tensor]:
    """Which place of the square each key point has, and whether it is visible and within its box.

    Args:
        keypoints (Tensor): x, y and visibility, [N, K, 3].
        rois (Tensor): the boxes [N, 4], as edges.
        heatmap_size (int): the side of the square.
    """
    first, last = rois[:, None, :2], rois[:, None, 2:]
    points = keypoints[..., :2]
    places = ((points - first) * (heatmap_size / (last - first))).floor().to(int64)
    places = ops.where(points == last, heatmap_size - 1, places)
    within = ((places >= 0) & (places < heatmap_size)).all(-1)
    valid = (within & (keypoints[..., 2] > 0)).to(int64)
    return (places[..., 1] * heatmap_size + places[..., 0]) * valid, valid


def _between(count: int, side: int) -> Tensor:
    """What `count` places have of each of `side` places, [count, side], by cubic interpolation; beyond the edges there
    are the values of the edges.

    As a product with a matrix a map is brought to any size by the same code: each box has a size of its own.
    """
    at = (ops.arange(count) + 0.5) * (side / count) - 0.5
    taps = at.floor().unsqueeze(1) + ops.arange(-1.0, 3.0)
    away = (taps - at.unsqueeze(1)).abs()
    near = (1.25 * away - 2.25) * away * away + 1
    far = ((-0.75 * away + 3.75) * away - 6) * away + 3
    weights = ops.where(away <= 1, near, far)
    made: Tensor = ((taps.clamp(0, side - 1).unsqueeze(2) == ops.arange(side)) * weights.unsqueeze(2)).sum(1)
    return made


def heatmaps_to_keypoints(maps: Tensor, rois: Tensor) -> tuple[Tensor, Tensor]:
    """Key points [N, K, 3] (x, y, 1) and their scores [N, K].

    Args:
        maps (Tensor): for each box and key point a square, [N, K, M, M].
        rois (Tensor): the boxes [N, 4], as edges.
    """
    sizes = (rois[:, 2:] - rois[:, :2]).clamp(min=1)
    points: Tensor = maps.new_zeros((*maps.shape[:2], 3), dtype=float32)
    scores: Tensor = maps.new_zeros(maps.shape[:2], dtype=float32)
    points[..., 2] = 1
    for k, (box, size) in enumerate(zip(rois, sizes)):
        width, height = (int(side) for side in size.ceil().tolist())
        down, across = (_between(count, maps.shape[-1]).to(maps.dtype) for count in (height, width))
        resized = down @ maps[k] @ across.T
        values, best = resized.flatten(1).max(1)
        places = ops.stack([best % width, best // width], 1) + 0.5
        points[k, :, :2] = places * (size / size.new_tensor([width, height])) + box[:2]
        scores[k] = values
    return points, scores


def keypointrcnn_loss(
    keypoint_logits: Tensor,
    proposals: Sequence[Tensor],
    gt_keypoints: Sequence[Tensor],
    keypoint_matched_idxs: Sequence[Tensor],
) -> Tensor:
    """The mean cross entropy of the places of visible key points.

    Args:
        keypoint_logits (Tensor): for each box and key point a square, [N, K, M, M].
        proposals (list of Tensor): the boxes of each image.
        gt_keypoints (list of Tensor): key points of the objects of each image.
        keypoint_matched_idxs (list of Tensor): which object each box is of.

    Raises ValueError for maps that are no squares.
    """
    height, width = keypoint_logits.shape[-2:]
    if height != width:
        raise ValueError(f"keypoint_logits should be squares in the last two dimensions, got {height} x {width}")
    found = [
        keypoints_to_heatmap(points[index], boxes, height)
        for boxes, points, index in zip(proposals, gt_keypoints, keypoint_matched_idxs)
    ]
    places, valid = (ops.cat([part.reshape(-1) for part in parts]) for parts in zip(*found))
    (chosen,) = ops.where(valid > 0)
    if keypoint_logits.numel() == 0 or len(chosen) == 0:
        return keypoint_logits.sum() * 0
    return F.cross_entropy(keypoint_logits.reshape(-1, height * width)[chosen], places[chosen])


def keypointrcnn_inference(x: Tensor, boxes: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """For each image the key points and their scores; see :func:`heatmaps_to_keypoints`."""
    found = [heatmaps_to_keypoints(maps, of) for maps, of in zip(x.split([len(of) for of in boxes]), boxes)]
    return [points for points, _ in found], [scores for _, scores in found]


__all__ = ["heatmaps_to_keypoints", "keypointrcnn_inference", "keypointrcnn_loss", "keypoints_to_heatmap"]
