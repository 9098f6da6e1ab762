"""How detectors match boxes to objects, describe boxes by numbers next to 0, and choose what they learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from .... import nn
from ....autograd import no_grad
from ....base.dtypes import uint8
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ... import ops as vision_ops
from ..blocks import initialize

LARGEST_LOG_SCALE = math.log(1000.0 / 16)


class BalancedPositiveNegativeSampler:
    """Chooses boxes at random, a part of them among the positive ones and the rest among the negative ones.

    Args:
        batch_size_per_image (int): boxes of an image.
        positive_fraction (float): the part of positive ones; where they don't suffice, there are more negative ones.

    >>> import kagari as torch
    >>> from kagari.vision.models.detection._utils import BalancedPositiveNegativeSampler
    >>> positive, negative = BalancedPositiveNegativeSampler(4, 0.5)([torch.tensor([1, 0, 0, -1, 0, 0])])
    >>> int(positive[0].sum()), int(negative[0].sum())
    (1, 3)
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Masks of the chosen positive and negative boxes of each image.

        Args:
            matched_idxs (list of Tensor): for each box of an image at least 1 for positive, 0 for negative, -1 for what
                is not chosen.
        """
        positives, negatives = [], []
        for labels in matched_idxs:
            (positive,), (negative,) = ops.where(labels >= 1), ops.where(labels == 0)
            wanted = min(len(positive), int(self.batch_size_per_image * self.positive_fraction))
            rest = min(len(negative), self.batch_size_per_image - wanted)
            positives.append(_some(labels, positive, wanted))
            negatives.append(_some(labels, negative, rest))
        return positives, negatives


def _some(labels: Tensor, members: Tensor, count: int) -> Tensor:
    """A mask of so many of the members, drawn at random."""
    mask = ops.zeros_like(labels, dtype=uint8)
    mask[members[ops.randperm(len(members))[:count]]] = 1
    return mask


def _centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sizes of boxes that are given as edges."""
    sizes = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sizes, sizes


def encode_boxes(reference_boxes: Tensor, proposals: Tensor, weights: Tensor) -> Tensor:
    """What leads from proposals to boxes: see :class:`BoxCoder`.

    Args:
        reference_boxes (Tensor): the boxes [N, 4], as edges.
        proposals (Tensor): as many proposals.
        weights (Tensor): four factors.
    """
    centres, sizes = _centres(proposals)
    wanted, wanted_sizes = _centres(reference_boxes)
    return ops.cat([(wanted - centres) / sizes, ops.log(wanted_sizes / sizes)], -1) * weights


class BoxCoder:
    r"""Boxes as numbers next to 0: how far they lie from other boxes, and how much larger they are.

    .. math:: (w_x (x - x_a) / w_a,\; w_y (y - y_a) / h_a,\; w_w \log(w / w_a),\; w_h \log(h / h_a))

    with centre, width and height of the box and of the other one, :math:`a`.

    Args:
        weights (tuple of float): the four factors.
        bbox_xform_clip (float): the largest logarithm of a scale that is decoded. Default: :math:`\log(1000 / 16)`

    >>> import kagari as torch
    >>> from kagari.vision.models.detection._utils import BoxCoder
    >>> coder, anchor = BoxCoder((1.0, 1.0, 1.0, 1.0)), torch.tensor([[0.0, 0.0, 4.0, 2.0]])
    >>> code = coder.encode_single(torch.tensor([[2.0, 0.0, 6.0, 2.0]]), anchor)
    >>> code, coder.decode_single(code, anchor)
    (tensor([[0.5000, 0.0000, 0.0000, 0.0000]]), tensor([[2., 0., 6., 2.]]))
    """

    def __init__(self, weights: tuple[float, float, float, float], bbox_xform_clip: float = LARGEST_LOG_SCALE) -> None:
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes: Sequence[Tensor], proposals: Sequence[Tensor]) -> list[Tensor]:
        """The numbers for the boxes of each image."""
        counts = [len(boxes) for boxes in reference_boxes]
        return list(self.encode_single(ops.cat(list(reference_boxes)), ops.cat(list(proposals))).split(counts))

    def encode_single(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """The numbers [N, 4] for boxes [N, 4], as edges, and as many proposals."""
        return encode_boxes(reference_boxes, proposals, reference_boxes.new_tensor(self.weights))

    def decode(self, rel_codes: Tensor, boxes: Sequence[Tensor]) -> Tensor:
        """The boxes [N, K, 4], as edges, for numbers [N, 4 * K] and the proposals of each image, N in all."""
        return self.decode_single(rel_codes, ops.cat(list(boxes))).unflatten(1, (rel_codes.shape[1] // 4, 4))

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """The boxes [N, 4 * K], as edges, for numbers [N, 4 * K] and proposals [N, 4]."""
        centres, sizes = (part.unsqueeze(1) for part in _centres(boxes.to(rel_codes.dtype)))
        codes = rel_codes.unflatten(1, (rel_codes.shape[1] // 4, 4)) / rel_codes.new_tensor(self.weights)
        half = 0.5 * sizes * codes[..., 2:].clamp(max=self.bbox_xform_clip).exp()
        middle = codes[..., :2] * sizes + centres
        made: Tensor = ops.cat([middle - half, middle + half], -1).flatten(1)
        return made


class BoxLinearCoder:
    """Boxes as the distances of their edges from the centres of other boxes, left, top, right and bottom.

    Args:
        normalize_by_size (bool): whether distances are divided by the sizes of the other boxes. Default: ``True``
    """

    def __init__(self, normalize_by_size: bool = True) -> None:
        self.normalize_by_size = normalize_by_size

    def encode(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """How far the edges of proposals [..., 4] are from the centres of as many other boxes, both as edges."""
        centres, sizes = _places(reference_boxes)
        distances = ops.cat([centres - proposals[..., :2], proposals[..., 2:] - centres], -1)
        return distances / ops.cat([sizes, sizes], -1) if self.normalize_by_size else distances

    def decode(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """The boxes [..., 4], as edges, for distances and the boxes from whose centres they are."""
        boxes = boxes.to(rel_codes.dtype)
        centres, sizes = _places(boxes)
        if self.normalize_by_size:
            rel_codes = rel_codes * ops.cat([sizes, sizes], -1)
        return ops.cat([centres - rel_codes[..., :2], centres + rel_codes[..., 2:]], -1)


def _places(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres, as means of edges, and sizes of boxes."""
    return 0.5 * (boxes[..., :2] + boxes[..., 2:]), boxes[..., 2:] - boxes[..., :2]


class Matcher:
    """Gives each prediction the object that it fits best, or says that it fits none.

    Args:
        high_threshold (float): from which quality on a prediction fits.
        low_threshold (float): below which it does not; what lies between them counts as neither.
        allow_low_quality_matches (bool): whether the best predictions for an object fit it, however low their quality.
            Default: ``False``

    Raises AssertionError where the low threshold is above the high one.

    >>> import kagari as torch
    >>> from kagari.vision.models.detection._utils import Matcher
    >>> Matcher(0.7, 0.3)(torch.tensor([[0.9, 0.5, 0.1], [0.1, 0.2, 0.2]]))
    tensor([ 0, -2, -1])
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(self, high_threshold: float, low_threshold: float, allow_low_quality_matches: bool = False) -> None:
        if low_threshold > high_threshold:
            raise AssertionError(f"low_threshold should be <= high_threshold, got {low_threshold} > {high_threshold}")
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        """For each prediction the index of its object, -1 for none, -2 between the thresholds.

        Args:
            match_quality_matrix (Tensor): how well each object [M] and each prediction [N] fit, [M, N].

        Raises ValueError for no objects or no predictions.
        """
        if match_quality_matrix.numel() == 0:
            missing = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {missing} boxes available for one of the images during training")
        best, fitting = match_quality_matrix.max(0)
        matches = ops.where(best < self.high_threshold, self.BETWEEN_THRESHOLDS, fitting)
        matches = ops.where(best < self.low_threshold, self.BELOW_LOW_THRESHOLD, matches)
        if self.allow_low_quality_matches:
            self.set_low_quality_matches_(matches, fitting, match_quality_matrix)
        return matches

    def set_low_quality_matches_(self, matches: Tensor, all_matches: Tensor, match_quality_matrix: Tensor) -> None:
        """Gives the best predictions of each object what they fit best, in place."""
        best = match_quality_matrix.amax(1, keepdim=True)
        (chosen,) = ops.where((match_quality_matrix == best).any(0))
        matches[chosen] = all_matches[chosen]


class SSDMatcher(Matcher):
    """A :class:`Matcher` of one threshold that gives the best prediction of each object to it.

    Args:
        threshold (float): from which quality on a prediction fits.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold, threshold, allow_low_quality_matches=False)

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        matches = super().__call__(match_quality_matrix)
        objects = len(match_quality_matrix)
        matches[match_quality_matrix.argmax(1)] = ops.arange(objects, dtype=matches.dtype)
        return matches


def box_loss(coder: BoxCoder, anchors: Tensor, boxes: Tensor, codes: Tensor, kind: str = "l1") -> Tensor:
    """The sum of what predicted codes of boxes miss: the codes by ``'l1'`` or ``'smooth_l1'``, or the decoded boxes by
    ``'ciou'``, ``'diou'`` or ``'giou'``. Raises ValueError for another kind."""
    if kind in ("l1", "smooth_l1"):
        wanted = coder.encode_single(boxes, anchors)
        loss = F.l1_loss if kind == "l1" else F.smooth_l1_loss
        return loss(codes, wanted, reduction="sum")
    losses = {
        "ciou": vision_ops.complete_box_iou_loss,
        "diou": vision_ops.distance_box_iou_loss,
        "giou": vision_ops.generalized_box_iou_loss,
    }
    if kind not in losses:
        raise ValueError(f"Unsupported loss: {kind}. Expected one of l1, smooth_l1, {', '.join(losses)}")
    return losses[kind](coder.decode_single(codes, anchors), boxes, reduction="sum")


def overwrite_eps(model: nn.Module, eps: float) -> None:
    """Sets what frozen normalizations of a model add to the variance."""
    for module in model.modules():
        if isinstance(module, vision_ops.FrozenBatchNorm2d):
            module.eps = eps


def retrieve_out_channels(model: nn.Module, size: tuple[int, int]) -> list[int]:
    """The channels of each map that a model makes of an image of so many columns and rows."""
    before = model.training
    model.eval()
    with no_grad():
        features = model(ops.zeros((1, 3, size[1], size[0])))
    model.train(before)
    levels = [features] if isinstance(features, Tensor) else features.values()
    return [level.shape[1] for level in levels]


def draw_normal(module: nn.Module, std: float = 0.01) -> None:
    """Draws the weights of convolutions in a module; their biases are zero."""
    initialize(module, convolution=partial(nn.init.normal_, std=std))


def expect(classifier: nn.Conv2d, probability: float) -> None:
    """Fills the bias of a layer so that the sigmoid of what it says is a probability at first."""
    assert classifier.bias is not None
    nn.init.constant_(classifier.bias, -math.log((1 - probability) / probability))


def rename(state: dict[str, Any], names: dict[str, str]) -> None:
    """Gives what files of older versions have in a state its name of today, in place; names are weight's and bias's
    without these words."""
    for old, new in names.items():
        for kind in ("weight", "bias"):
            if f"{old}{kind}" in state:
                state[f"{new}{kind}"] = state.pop(f"{old}{kind}")


def refuse_degenerate(boxes: Sequence[Tensor]) -> None:
    """Raises AssertionError for a box without width or height."""
    for index, of_image in enumerate(boxes):
        (bad,) = ops.where((of_image[:, 2:] <= of_image[:, :2]).any(1))
        if len(bad):
            raise AssertionError(
                "All bounding boxes should have positive height and width. "
                f"Found invalid box {of_image[bad[0]].tolist()} for target at index {index}."
            )


__all__ = [
    "LARGEST_LOG_SCALE", "BalancedPositiveNegativeSampler", "BoxCoder", "BoxLinearCoder", "Matcher", "SSDMatcher",
    "box_loss", "draw_normal", "encode_boxes", "expect", "overwrite_eps",
    "refuse_degenerate", "rename", "retrieve_out_channels",
]  # fmt: skip
