"""Bounding boxes and points: format, canvas, and samples without those that say nothing."""

from __future__ import annotations

from typing import Any

from ....eager import Tensor
from ...tv_tensors import BoundingBoxes, BoundingBoxFormat, KeyPoints, Mask, TVTensor, wrap
from ...tv_tensors.boxes import CLAMPING_MODES
from . import functional as F
from .mix import Getter, labels_of
from .structure import get_bounding_boxes, get_keypoints, leaves, with_leaves
from .transform import Transform


class ConvertBoundingBoxFormat(Transform):
    r"""Boxes in another format.

    Args:
        format (str or BoundingBoxFormat): the one that is wanted.
    """

    _transformed_types = (BoundingBoxes,)

    def __init__(self, format: str | BoundingBoxFormat) -> None:
        super().__init__()
        self.format = format

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    r"""Boxes cut at the edges of their canvas.

    Args:
        clamping_mode (str, optional): ``'auto'`` for what the boxes themselves say. Default: ``'auto'``
    """

    _transformed_types = (BoundingBoxes,)

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class SetClampingMode(Transform):
    r"""Boxes that say otherwise whether transforms cut them at the edges of their canvas.

    Args:
        clamping_mode (str, optional): ``'soft'``, ``'hard'``, or None for boxes that are not cut.

    Raises ValueError for another mode.
    """

    _transformed_types = (BoundingBoxes,)

    def __init__(self, clamping_mode: str | None) -> None:
        super().__init__()
        if clamping_mode not in CLAMPING_MODES:
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return wrap(inpt.as_subclass(Tensor), like=inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points moved to the nearest pixel of their canvas."""

    _transformed_types = (KeyPoints,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_keypoints(inpt)


class SanitizeBoundingBoxes(Transform):
    r"""Samples without boxes that are too small or beyond their canvas, and without their labels and masks.

    Args:
        min_size (float): the least width and height. Default: 1
        min_area (float): the least area. Default: 1
        labels_getter (callable, 'default', or None): finds the labels in the sample, one tensor or a tuple of them.
            Default: the second part, or what its name says

    Raises ValueError for bounds below 1, and when called with as many labels as there are no boxes.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import tv_tensors
        >>> from kagari.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 4, 4], [2, 2, 2, 3]], format="XYXY", canvas_size=(8, 8))
        >>> v2.SanitizeBoundingBoxes()({"boxes": boxes, "labels": torch.tensor([1, 2])})["labels"]
        tensor([1])
    """

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Getter = "default") -> None:
        super().__init__()
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        self.min_size = min_size
        self.min_area = min_area
        self.labels_getter = labels_getter
        self._labels_getter = labels_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        boxes = get_bounding_boxes(flat)
        labels = self._labels_getter(sample)
        of_boxes = _checked(labels, boxes, "boxes")
        _, valid = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)
        return _only_valid(sample, flat, valid, of_boxes, (BoundingBoxes, Mask))


class SanitizeKeyPoints(Transform):
    r"""Samples without points beyond their canvas, and without their labels.

    Points may come in groups of more dimensions, such as outlines: a group stays if all of its points lie inside.

    Args:
        labels_getter (callable, 'default', or None): finds the labels in the sample, one tensor or a tuple of them;
            ``'default'`` looks in the second part, and by name. Default: None, there are none

    Raises ValueError when called with as many labels as there are no points.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import tv_tensors
        >>> from kagari.vision.transforms import v2
        >>> points = tv_tensors.KeyPoints([[0.0, 3.0], [9.0, 3.0]], canvas_size=(8, 8))
        >>> v2.SanitizeKeyPoints("default")({"points": points, "labels": torch.tensor([1, 2])})["labels"]
        tensor([1])
    """

    def __init__(self, labels_getter: Getter = None) -> None:
        super().__init__()
        self.labels_getter = labels_getter
        self._labels_getter = labels_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        points = get_keypoints(flat)
        of_points = _checked(self._labels_getter(sample), points, "keypoints")
        _, valid = F.sanitize_keypoints(points)
        return _only_valid(sample, flat, valid, of_points, (KeyPoints,))


def _checked(labels: Any, coordinates: Tensor, name: str) -> list[Tensor]:
    """All labels of boxes or points. Raises ValueError unless there are as many."""
    found = [] if labels is None else [labels] if isinstance(labels, Tensor) else list(labels)
    for one in found:
        if not isinstance(one, Tensor):
            raise ValueError(f"The labels in the input to forward must be a tensor or None, got {type(one)} instead.")
        if len(one) != len(coordinates):
            raise ValueError(
                f"Number of {name} (shape={coordinates.shape}) must match the number of labels (shape={one.shape})."
            )
    return found


def _only_valid(
    sample: Any, flat: list[Any], valid: Tensor, labels: list[Tensor], kinds: tuple[type[TVTensor], ...]
) -> Any:
    """The sample, and of some kinds of tensors and of the labels in it what is valid."""

    def kept(inpt: Any) -> Any:
        if isinstance(inpt, kinds):
            return wrap(inpt.as_subclass(Tensor)[valid], like=inpt)
        return inpt[valid] if any(inpt is one for one in labels) else inpt

    return with_leaves(sample, iter([kept(inpt) for inpt in flat]))


__all__ = [
    "ClampBoundingBoxes",
    "ClampKeyPoints",
    "ConvertBoundingBoxFormat",
    "SanitizeBoundingBoxes",
    "SanitizeKeyPoints",
    "SetClampingMode",
]
