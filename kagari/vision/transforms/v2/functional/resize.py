"""Images, masks, boxes and points of another size."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .....base.dtypes import float32, uint8
from .....eager import Tensor
from .....eager import operators as ops
from .....nn import functional as F
from ....tv_tensors import BoundingBoxFormat
from ...interpolation import InterpolationMode, interpolation_mode, resampling
from .dispatch import by_kind
from .meta import XYXY, get_size

Mode = InterpolationMode | str | int
_SMOOTH = (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.LANCZOS)


def resized_size(
    canvas_size: Sequence[int], size: int | Sequence[int] | None, max_size: int | None = None
) -> tuple[int, int]:
    """Height and width that a resize leads to.

    Two numbers are just that. One is what the smaller edge becomes, unless the larger one became more than `max_size`.
    None makes the larger edge `max_size`. Raises ValueError for what contradicts itself.
    """
    given = [size] if isinstance(size, int) else size
    if given is not None and len(given) not in (1, 2):
        raise ValueError(f"size must be an integer or a sequence of one or two integers, but got {size}.")
    if max_size is not None and given is not None and len(given) != 1:
        raise ValueError(
            "max_size should only be passed if size is None or specifies the length of the smaller edge, i.e. size "
            "should be an int or a sequence of length 1 in torchscript mode."
        )
    if given is not None and len(given) == 2:
        return given[0], given[1]
    height, width = canvas_size
    short, long = sorted((height, width))
    if given is None:
        if not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        new_short, new_long = int(max_size * short / long), max_size
    else:
        new_short, new_long = given[0], int(given[0] * long / short)
        if max_size is not None:
            if max_size <= given[0]:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                    f"size = {size}"
                )
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


def resize_image(
    image: Tensor,
    size: int | Sequence[int] | None,
    interpolation: Mode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Tensor:
    r"""An image of another size.

    Args:
        inpt (any): an image, a video, a mask, boxes, points, or a Pillow image.
        size (int or sequence of int): height and width, or one number for the smaller edge; None for what ``max_size``
            says of the larger one.
        interpolation (InterpolationMode): nearest, nearest-exact, bilinear, bicubic or lanczos; of masks, always
            nearest. Default: bilinear
        max_size (int, optional): the largest size of the larger edge, where ``size`` says the smaller one.
        antialias (bool): whether a smaller image is filtered first; Pillow's always are. Default: ``True``

    Shape:
        - :math:`(*, C, H, W)`.

    Raises ValueError for sizes that contradict each other.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.resize(torch.zeros(3, 4, 8), 2).shape
        torch.Size([3, 2, 4])
    """
    mode = interpolation_mode(interpolation)
    if image.ndim < 3:
        raise ValueError(f"not enough values to unpack (expected 3, got {image.ndim})")
    channels, *old = image.shape[-3:]
    new = resized_size(old, size, max_size)
    if tuple(old) == new:
        return image
    shape = (*image.shape[:-2], *new)
    if image.numel() == 0:
        empty: Tensor = ops.zeros(shape, dtype=image.dtype)
        return empty
    batch = image.reshape(-1, channels, *old)
    smooth = mode in _SMOOTH
    if not batch.is_floating_point() and batch.dtype is not uint8:
        batch = batch.to(float32)
    options: dict[str, Any] = {"align_corners": False, "antialias": bool(antialias)} if smooth else {}
    if mode is InterpolationMode.LANCZOS:
        options["antialias"] = True
    made = F.interpolate(batch, size=list(new), mode=mode.value, **options)
    return (made if made.dtype is image.dtype else made.round().to(image.dtype)).reshape(shape)


def resize_mask(mask: Tensor, size: int | Sequence[int] | None, max_size: int | None = None) -> Tensor:
    """See :func:`resize`."""
    if mask.ndim == 2:
        return resize_image(mask.unsqueeze(0), size, InterpolationMode.NEAREST, max_size).squeeze(0)
    return resize_image(mask, size, InterpolationMode.NEAREST, max_size)


def resize_bounding_boxes(
    bounding_boxes: Tensor,
    canvas_size: tuple[int, int],
    size: int | Sequence[int] | None,
    max_size: int | None = None,
    format: BoundingBoxFormat = XYXY,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`resize`. Returns the new size of the canvas, too. Boxes beyond the canvas stay so in every mode."""
    new = resized_size(canvas_size, size, max_size)
    if new == tuple(canvas_size):
        return bounding_boxes, new
    vertical, horizontal = (after / before for after, before in zip(new, canvas_size))
    return bounding_boxes.mul(ops.tensor([horizontal, vertical] * 2)).to(bounding_boxes.dtype), new


def resize_keypoints(
    keypoints: Tensor, size: int | Sequence[int] | None, canvas_size: tuple[int, int], max_size: int | None = None
) -> tuple[Tensor, tuple[int, int]]:
    """See :func:`resize`. Returns the new size of the canvas, too."""
    new = resized_size(canvas_size, size, max_size)
    if new == tuple(canvas_size):
        return keypoints, new
    vertical, horizontal = (after / before for after, before in zip(new, canvas_size))
    return keypoints.mul(ops.tensor([horizontal, vertical])).to(keypoints.dtype), new


def _resize_picture(
    picture: Any,
    size: int | Sequence[int] | None,
    interpolation: Mode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=4
        )
    height, width = resized_size(get_size(picture), size, max_size)
    if [height, width] == get_size(picture):
        return picture
    return picture.resize((width, height), resampling(interpolation_mode(interpolation)))


resize = by_kind(
    resize_image,
    picture=_resize_picture,
    mask=resize_mask,
    boxes=resize_bounding_boxes,
    points=resize_keypoints,
)
