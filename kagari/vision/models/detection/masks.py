"""Masks of objects: from an image to a small square for each box, and back."""

from __future__ import annotations

from collections.abc import Sequence

from ....base.dtypes import int64
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ...ops import roi_align


def project_masks_on_boxes(gt_masks: Tensor, boxes: Tensor, matched_idxs: Tensor, M: int) -> Tensor:
    """The masks [N, M, M] within boxes [N, 4], each of the mask [K, H, W] that its index says."""
    regions = ops.cat([matched_idxs.to(boxes.dtype).unsqueeze(1), boxes], 1)
    return roi_align(gt_masks[:, None].to(regions.dtype), regions, (M, M), 1.0)[:, 0]


def maskrcnn_loss(
    mask_logits: Tensor,
    proposals: Sequence[Tensor],
    gt_masks: Sequence[Tensor],
    gt_labels: Sequence[Tensor],
    mask_matched_idxs: Sequence[Tensor],
) -> Tensor:
    """The mean binary cross entropy of the masks of the right classes.

    Args:
        mask_logits (Tensor): for each box and class, [N, C, M, M].
        proposals (list of Tensor): the boxes of each image.
        gt_masks, gt_labels (list of Tensor): masks and classes of the objects of each image.
        mask_matched_idxs (list of Tensor): which object each box is of.
    """
    side = mask_logits.shape[-1]
    labels = ops.cat([label[index] for label, index in zip(gt_labels, mask_matched_idxs)])
    targets = ops.cat([project_masks_on_boxes(*one, side) for one in zip(gt_masks, proposals, mask_matched_idxs)])
    if targets.numel() == 0:
        return mask_logits.sum() * 0
    return F.binary_cross_entropy_with_logits(mask_logits[ops.arange(len(labels)), labels], targets)


def maskrcnn_inference(x: Tensor, labels: Sequence[Tensor]) -> list[Tensor]:
    """For each image the probabilities [N, 1, M, M] of the masks [N, C, M, M] of the classes of its boxes."""
    joined = ops.cat(list(labels))
    chosen = x.sigmoid()[ops.arange(len(joined)), joined][:, None]
    return list(chosen.split([len(label) for label in labels]))


def expand_boxes(boxes: Tensor, scale: float) -> Tensor:
    """Boxes [N, 4], as edges, of another size around the same centres."""
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * scale
    centres = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    return ops.cat([centres - half, centres + half], 1)


def expand_masks(mask: Tensor, padding: int) -> tuple[Tensor, float]:
    """Masks [..., M, M] with a border of zeros, and how much larger they are."""
    side = mask.shape[-1]
    return F.pad(mask, (padding,) * 4), (side + 2 * padding) / side


def _spread(first: Tensor, last: Tensor, side: int, size: int) -> Tensor:
    """Along one dimension, how much of each of the `side` elements of masks lies in each of the `size` pixels of an
    image, [N, size, side]: linearly between elements, and nothing beyond the first and the last pixel of a mask."""
    pixels = ops.arange(size)
    first, last = first.unsqueeze(1), ops.maximum(first, last).unsqueeze(1)
    at = ((pixels - first + 0.5) * (side / (last - first + 1)) - 0.5).clamp(0, side - 1)
    within = (pixels >= first) & (pixels <= last)
    near = (1 - (at.unsqueeze(2) - ops.arange(side)).abs()).clamp(min=0)
    made: Tensor = near * within.unsqueeze(2)
    return made


def _pasted(masks: Tensor, boxes: Tensor, height: int, width: int) -> Tensor:
    """Images [N, H, W] with masks [N, M, M] in boxes [N, 4], whose edges are whole pixels: both directions are products
    with matrices, which do for boxes of all sizes at once."""
    left, top, right, bottom = boxes.unbind(1)
    side = masks.shape[-1]
    down = _spread(top, bottom, side, height).to(masks.dtype)
    across = _spread(left, right, side, width).to(masks.dtype)
    return down @ masks @ across.transpose(1, 2)


def paste_mask_in_image(mask: Tensor, box: Tensor, im_h: int, im_w: int) -> Tensor:
    """An image [H, W] of zeros with a mask [M, M] in a box, whose edges are whole pixels."""
    return _pasted(mask[None], box[None], im_h, im_w)[0]


def paste_masks_in_image(masks: Tensor, boxes: Tensor, img_shape: Sequence[int], padding: int = 1) -> Tensor:
    """Images [N, 1, H, W] with masks [N, 1, M, M] in boxes [N, 4]."""
    masks, scale = expand_masks(masks, padding)
    places = expand_boxes(boxes, scale).to(int64)
    height, width = img_shape
    if len(masks) == 0:
        empty: Tensor = masks.new_empty((0, 1, height, width))
        return empty
    return _pasted(masks[:, 0], places, height, width)[:, None]


__all__ = [
    "expand_boxes", "expand_masks", "maskrcnn_inference", "maskrcnn_loss", "paste_mask_in_image",
    "paste_masks_in_image", "project_masks_on_boxes",
]  # fmt: skip
