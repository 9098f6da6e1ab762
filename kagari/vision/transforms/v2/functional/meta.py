"""Sizes of inputs of all kinds, and bounding boxes in other formats and inside of their canvas."""

from __future__ import annotations

from typing import Any

from .....eager import Tensor
from .....eager import operators as ops
from ....pillow import is_picture
from ....tv_tensors import BoundingBoxes, BoundingBoxFormat, KeyPoints, Mask, TVTensor, Video, wrap
from ....tv_tensors.boxes import box_format

XYXY, XYWH, CXCYWH = BoundingBoxFormat.XYXY, BoundingBoxFormat.XYWH, BoundingBoxFormat.CXCYWH


def get_size(inpt: Any) -> list[int]:
    """Height and width of an image, a video, a mask, or of the canvas of boxes and points.

    >>> import kagari as torch
    >>> from kagari.vision.transforms.v2 import functional as F
    >>> F.get_size(torch.zeros(3, 4, 5))
    [4, 5]
    """
    if isinstance(inpt, BoundingBoxes | KeyPoints):
        return list(inpt.canvas_size)
    if isinstance(inpt, Tensor):
        if inpt.ndim < 2:
            raise TypeError(f"Input tensor should have at least two dimensions, but got {inpt.ndim}")
        return list(inpt.shape[-2:])
    if is_picture(inpt):
        return [inpt.height, inpt.width]
    raise TypeError(f"get_size() supports images, videos, masks, boxes and points, but got {type(inpt)} instead.")


def get_num_channels(inpt: Any) -> int:
    """How many channels an image or a video has; a matrix has one."""
    if isinstance(inpt, Tensor) and not isinstance(inpt, Mask | BoundingBoxes | KeyPoints):
        if inpt.ndim < 2:
            raise TypeError(f"Input tensor should have at least two dimensions, but got {inpt.ndim}")
        return inpt.shape[-3] if inpt.ndim > 2 else 1
    if is_picture(inpt):
        return len(inpt.getbands())
    raise TypeError(f"get_num_channels() supports images and videos, but got {type(inpt)} instead.")


def get_dimensions(inpt: Any) -> list[int]:
    """Channels, height and width of an image or a video."""
    return [get_num_channels(inpt), *get_size(inpt)]


def get_num_frames(inpt: Any) -> int:
    """How many frames a video has."""
    if isinstance(inpt, Tensor) and (isinstance(inpt, Video) or not isinstance(inpt, TVTensor)):
        return inpt.shape[-4]
    raise TypeError(f"get_num_frames() supports videos, but got {type(inpt)} instead.")


def convert_boxes(boxes: Tensor, old: BoundingBoxFormat, new: BoundingBoxFormat) -> Tensor:
    """Boxes in another format. Halves of integers are rounded so that the way to the centre and back is near."""
    if old is new:
        return boxes
    whole = not boxes.is_floating_point()
    first, second = boxes[..., :2], boxes[..., 2:]
    if old is XYWH:
        second = first + second
    elif old is CXCYWH:
        half = -second.div(-2, rounding_mode="floor") if whole else second / 2
        first = first - half
        second = first + boxes[..., 2:]
    if new is XYWH:
        second = second - first
    elif new is CXCYWH:
        size = second - first
        first = (first + second).div(2, rounding_mode="floor" if whole else None)
        second = size
    return ops.cat([first, second], -1)


def convert_bounding_box_format(
    inpt: Tensor,
    old_format: BoundingBoxFormat | str | None = None,
    new_format: BoundingBoxFormat | str | None = None,
    inplace: bool = False,
) -> Any:
    """Boxes in another format.

    Args:
        inpt (Tensor): the boxes.
        old_format (BoundingBoxFormat or str, optional): of a plain tensor, which does not know it.
        new_format (BoundingBoxFormat or str): the one that is wanted.
        inplace (bool): whether the numbers are written over. Default: ``False``

    Raises TypeError for a format that is missing, ValueError for one that is said twice.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.convert_bounding_box_format(torch.tensor([[1, 2, 4, 7]]), "XYXY", "XYWH")
        tensor([[1, 2, 3, 5]])
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    new = box_format(new_format)
    known = isinstance(inpt, BoundingBoxes)
    if known and old_format is not None:
        raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
    if not known and old_format is None:
        raise ValueError("For pure tensor inputs, `old_format` has to be passed.")
    old = inpt.format if isinstance(inpt, BoundingBoxes) else box_format(old_format or new)
    plain = inpt.as_subclass(Tensor)
    made = convert_boxes(plain, old, new)
    if inplace:
        made = plain.copy_(made)
    return wrap(made, like=inpt, format=new) if isinstance(inpt, BoundingBoxes) else made


def clamp_boxes(
    boxes: Tensor, format: BoundingBoxFormat, canvas_size: tuple[int, int], clamping_mode: str | None
) -> Tensor:
    """Boxes cut at the edges of the canvas, unless the mode is None."""
    if clamping_mode is None:
        return boxes
    height, width = canvas_size
    edges = ops.tensor([width, height, width, height], dtype=boxes.dtype)
    inside = ops.minimum(convert_boxes(boxes, format, XYXY).clamp(min=0), edges)
    return convert_boxes(inside, XYXY, format)


def clamp_bounding_boxes(
    inpt: Tensor,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    clamping_mode: str | None = "auto",
) -> Any:
    """Boxes cut at the edges of their canvas.

    Args:
        inpt (Tensor): the boxes.
        format (BoundingBoxFormat or str, optional): of a plain tensor, which does not know it.
        canvas_size (tuple of int, optional): height and width of the image, of a plain tensor.
        clamping_mode (str, optional): None for boxes as they are; ``'auto'`` is the mode of the boxes themselves.

    Raises ValueError for what is missing or said twice.
    """
    if clamping_mode not in (None, "soft", "hard", "auto"):
        raise ValueError(f"clamping_mode must be soft, hard, auto or None, got {clamping_mode}")
    if isinstance(inpt, BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError("For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed.")
        mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
        return wrap(clamp_boxes(inpt.as_subclass(Tensor), inpt.format, inpt.canvas_size, mode), like=inpt)
    if format is None or canvas_size is None or clamping_mode == "auto":
        raise ValueError("For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be passed.")
    return clamp_boxes(inpt, box_format(format), canvas_size, clamping_mode)


def clamp_points(points: Tensor, canvas_size: tuple[int, int]) -> Tensor:
    """Points moved to the nearest pixel of the canvas."""
    height, width = canvas_size
    return ops.minimum(points.clamp(min=0), ops.tensor([width - 1, height - 1], dtype=points.dtype))


def clamp_keypoints(inpt: Tensor, canvas_size: tuple[int, int] | None = None) -> Any:
    """Points moved to the nearest pixel of their canvas.

    Args:
        inpt (Tensor): the points.
        canvas_size (tuple of int, optional): height and width of the image, of a plain tensor.

    Raises ValueError for a size that is missing or said twice.
    """
    if isinstance(inpt, KeyPoints):
        if canvas_size is not None:
            raise ValueError("For keypoints tv_tensor inputs, `canvas_size` must not be passed.")
        return wrap(clamp_points(inpt.as_subclass(Tensor), inpt.canvas_size), like=inpt)
    if canvas_size is None:
        raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    return clamp_points(inpt, canvas_size)


def sanitize_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Any, Tensor]:
    """The boxes that lie in their canvas and are large enough, and which of them these are.

    Args:
        bounding_boxes (Tensor): the boxes.
        format (BoundingBoxFormat or str, optional): of a plain tensor, which does not know it.
        canvas_size (tuple of int, optional): height and width of the image, of a plain tensor.
        min_size (float): the least width and height. Default: 1
        min_area (float): the least area. Default: 1

    Raises ValueError for what is missing or said twice.
    """
    known = isinstance(bounding_boxes, BoundingBoxes)
    if known and (format is not None or canvas_size is not None):
        raise ValueError(
            "If bounding_boxes is a tv_tensors.BoundingBoxes instance, format and canvas_size must be None. "
            f"Got bounding_boxes={bounding_boxes}, format={format}, canvas_size={canvas_size}"
        )
    if isinstance(bounding_boxes, BoundingBoxes):
        format, canvas_size = bounding_boxes.format, bounding_boxes.canvas_size
    if format is None or canvas_size is None:
        raise ValueError(
            "format and canvas_size cannot be None if bounding_boxes is a pure tensor. "
            f"Got format={format} and canvas_size={canvas_size}"
        )
    plain = bounding_boxes.as_subclass(Tensor)
    left, top, right, bottom = convert_boxes(plain, box_format(format), XYXY).unbind(-1)
    width, height = right - left, bottom - top
    valid = (width >= min_size) & (height >= min_size) & (width * height >= min_area)
    valid = valid & (left >= 0) & (top >= 0) & (right <= canvas_size[1]) & (bottom <= canvas_size[0])
    kept = plain[valid]
    return (wrap(kept, like=bounding_boxes) if isinstance(bounding_boxes, BoundingBoxes) else kept), valid


def sanitize_keypoints(key_points: Tensor, canvas_size: tuple[int, int] | None = None) -> tuple[Any, Tensor]:
    r"""The points that lie in their canvas, and which of them these are; of groups of points those that do wholly.

    Args:
        key_points (Tensor): the points, :math:`(N, 2)`, or groups of them, :math:`(N, *, 2)`.
        canvas_size (tuple of int, optional): height and width of the image, of a plain tensor.

    Raises ValueError for a size that is missing or said twice.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.sanitize_keypoints(torch.tensor([[0, 3], [4, 0], [5, 0]]), canvas_size=(4, 5))
        (tensor([[0, 3],
                [4, 0]]), tensor([ True,  True, False]))
    """
    if isinstance(key_points, KeyPoints):
        if canvas_size is not None:
            raise ValueError(
                "canvas_size must be None when key_points is a tv_tensors.KeyPoints instance. "
                f"Got canvas_size={canvas_size}. Leave it to None or pass key_points as a pure tensor."
            )
        canvas_size = key_points.canvas_size
    if canvas_size is None:
        raise ValueError(
            "canvas_size cannot be None if key_points is a pure tensor. "
            "Set it to an appropriate value or pass key_points as a tv_tensors.KeyPoints object."
        )
    plain = key_points.as_subclass(Tensor)
    edges = ops.tensor([canvas_size[1], canvas_size[0]])
    valid = ((plain >= 0) & (plain < edges)).flatten(1).all(1)
    kept = plain[valid]
    return (wrap(kept, like=key_points) if isinstance(key_points, KeyPoints) else kept), valid
