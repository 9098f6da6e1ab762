"""Images beside each other in one, saved, and with boxes, masks and points drawn on them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ..base.dtypes import bool_, float32, int64, uint8
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.types import finfo
from .pillow import pillow
from .transforms.functional import convert_image_dtype, pil_to_tensor, to_pil_image

Colour = str | tuple[int, ...]
Colours = Colour | Sequence[Colour] | None


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    r"""Images beside each other in one image.

    Args:
        tensor (Tensor or sequence of Tensor): the images. Those of one channel get three.
        nrow (int): how many stand in a row. Default: 8
        padding (int): the pixels between them, and around them all. Default: 2
        normalize (bool): whether the numbers are moved to the range from 0 to 1. Default: ``False``
        value_range (tuple of float, optional): what becomes 0 and 1. Default: the least and the greatest number
        scale_each (bool): whether the range is that of each image rather than of all. Default: ``False``
        pad_value (float): the colour between them. Default: 0

    Shape:
        - Input: :math:`(N, C, H, W)`, or images :math:`(C, H, W)` or :math:`(H, W)`.
        - Output: :math:`(C, H', W')`.

    Raises TypeError for what are no tensors and for a range that is no tuple, ValueError for other dimensions.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.utils import make_grid
        >>> make_grid(torch.rand(10, 3, 8, 8), nrow=5).shape
        torch.Size([3, 22, 52])
    """
    images = _batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        parts = [_normalized(image, value_range) for image in images] if scale_each else []
        images = ops.stack(parts) if parts else _normalized(images, value_range)
    if images.shape[0] == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    size = (channels, (height + padding) * rows + padding, (width + padding) * columns + padding)
    grid: Tensor = ops.full(size, pad_value, dtype=images.dtype)
    for k, image in enumerate(images):
        top, left = (k // columns) * (height + padding) + padding, (k % columns) * (width + padding) + padding
        grid[:, top : top + height, left : left + width] = image
    return grid


def _batch(tensor: Tensor | Sequence[Tensor]) -> Tensor:
    """Images as a batch of at least three channels."""
    if not isinstance(tensor, Tensor):
        if not isinstance(tensor, list | tuple):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for one in tensor:
            if not isinstance(one, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(one)}")
    images: Tensor = tensor if isinstance(tensor, Tensor) else ops.stack(list(tensor))
    if images.ndim == 2:
        images = images.unsqueeze(0)
    if images.ndim == 3:
        images = (images if images.shape[0] != 1 else ops.cat([images] * 3)).unsqueeze(0)
    if images.ndim == 4 and images.shape[1] == 1:
        images = ops.cat([images] * 3, 1)
    if images.ndim != 4:
        raise ValueError(f"images of 2, 3 or 4 dimensions expected, got {images.ndim}")
    return images


def _normalized(images: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    low, high = value_range if value_range is not None else (float(images.min()), float(images.max()))
    return (images.clamp(low, high) - low) / max(high - low, 1e-5)


def save_image(tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Saves images as a picture; several of them as a grid.

    Args:
        tensor (Tensor or sequence of Tensor): what :func:`make_grid` takes, with numbers from 0 to 1.
        fp (str, Path or file): where to.
        format (str, optional): of the file. Default: what its name says
        kwargs: the arguments of :func:`make_grid`.
    """
    grid = make_grid(tensor, **kwargs)
    numbers = (grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).to(uint8)
    pillow().fromarray(numbers.contiguous().numpy()).save(fp, format=format)


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str | None] | None = None,
    colors: Colours = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Colours = None,
    label_background_colors: Colours = None,
    fill_labels: bool = False,
) -> Tensor:
    r"""An image with boxes drawn on it.

    Args:
        image (Tensor): of bytes or of numbers from 0 to 1.
        boxes (Tensor): the boxes, as edges.
        labels (sequence of str, optional): what is written into each.
        colors (colour or sequence of colours, optional): names or red, green, blue, of all or of each. Default: as
            different as can be
        fill (bool): whether the boxes are filled, with a colour that lets the image through. Default: ``False``
        width (int): of the lines. Default: 1
        font (str, optional): a file of a TrueType font.
        font_size (int, optional): of that font. Default: 10
        label_colors (colour or sequence of colours, optional): of the labels. Default: those of the boxes, or
            black where there is something behind them
        label_background_colors (colour or sequence of colours, optional): behind the labels. Default: those of the
            boxes
        fill_labels (bool): whether there is something behind the labels. Default: ``False``

    Shape:
        - Image: :math:`(C, H, W)` with 1 or 3 channels; the result has 3.
        - Boxes: :math:`(N, 4)`.

    Raises TypeError for no tensor, ValueError for images, boxes, labels and colours that can't be.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.utils import draw_bounding_boxes
        >>> image = torch.zeros(3, 4, 4, dtype=torch.uint8)
        >>> draw_bounding_boxes(image, torch.tensor([[0, 0, 2, 2]]), colors="red")[0].tolist()
        [[255, 255, 255, 0], [255, 0, 255, 0], [255, 255, 255, 0], [0, 0, 0, 0]]
    """
    _check_image(image)
    count = len(boxes)
    if count and ((boxes[:, 0] > boxes[:, 2]).any() or (boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them"
        )
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )
    of_boxes = _colours(colors, count)
    of_labels = _colours(label_colors or ("black" if fill_labels else of_boxes), count)
    behind = _colours(label_background_colors or of_boxes, count)
    picture = to_pil_image(convert_image_dtype(_coloured(image), uint8))
    draw = pillow("ImageDraw").Draw(picture, "RGBA" if fill else None)
    letters = _font(font, font_size)
    for k, box in enumerate(boxes.to(int64).tolist()):
        filling = (*of_boxes[k], 100) if fill else None
        draw.rectangle(box, width=width, outline=of_boxes[k], fill=filling)
        if labels is not None and labels[k] is not None:
            at = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = draw.textbbox(at, labels[k], font=letters)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=behind[k])
            draw.text(at, labels[k], fill=of_labels[k], font=letters)
    return convert_image_dtype(pil_to_tensor(picture), image.dtype)


def draw_segmentation_masks(image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Colours = None) -> Tensor:
    r"""An image with masks drawn on it.

    Args:
        image (Tensor): of bytes or of numbers from 0 to 1.
        masks (Tensor): one mask or several, of booleans. Where several overlap, their colour is black.
        alpha (float): how much of a mask's colour there is, against the image. Default: 0.8
        colors (colour or sequence of colours, optional): names or red, green, blue, of all or of each. Default: as
            different as can be

    Shape:
        - Image: :math:`(3, H, W)`.
        - Masks: :math:`(N, H, W)` or :math:`(H, W)`.

    Raises TypeError for no tensor, ValueError for images, masks and colours that can't be.
    """
    _check_image(image, channels=(3,))
    if masks.ndim == 2:
        masks = masks.unsqueeze(0)
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype is not bool_:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.numel() == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    drawn = image.detach().clone()
    for mask, colour in zip(masks, _colours(colors, len(masks))):
        of_image = ops.tensor(colour, dtype=uint8)
        drawn = ops.where(mask, convert_image_dtype(of_image, image.dtype).view(3, 1, 1), drawn)
    drawn = ops.where(masks.sum(0) > 1, 0, drawn)
    return (image * (1 - alpha) + drawn * alpha).to(image.dtype)


def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: Sequence[tuple[int, int]] | None = None,
    colors: Colour | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    r"""An image with points drawn on it, and lines between them.

    Args:
        image (Tensor): of bytes or of numbers from 0 to 1.
        keypoints (Tensor): x and y of the K points of each of N objects.
        connectivity (sequence of tuple of int, optional): the pairs of points with a line between them.
        colors (colour, optional): of the points, a name or red, green, blue. Default: white
        radius (int): of the points. Default: 2
        width (int): of the lines, which are white. Default: 3
        visibility (Tensor, optional): which points are drawn, and with them their lines. Default: all

    Shape:
        - Image: :math:`(3, H, W)`.
        - Points: :math:`(N, K, 2)`, visibility :math:`(N, K)` or :math:`(N, K, 1)`.

    Raises TypeError for no tensor, ValueError for images, points and visibilities that can't be.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.utils import draw_keypoints
        >>> image = torch.zeros(3, 3, 4, dtype=torch.uint8)
        >>> draw_keypoints(image, torch.tensor([[[1, 1]]]), colors="red", radius=1)[0].tolist()
        [[0, 255, 0, 0], [255, 255, 255, 0], [0, 255, 0, 0]]
    """
    _check_image(image, channels=(3,))
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        visibility = ops.ones(keypoints.shape[:-1], dtype=bool_)
    if visibility.ndim == 3:
        visibility = visibility.squeeze(-1)
    if visibility.ndim != 2:
        raise ValueError(f"visibility must be of shape (num_instances, K). Got ndim={visibility.ndim}")
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. "
            f"Got {visibility.shape=} and {keypoints.shape=}"
        )
    picture = to_pil_image(convert_image_dtype(image, uint8))
    draw = pillow("ImageDraw").Draw(picture)
    for points, seen in zip(keypoints.to(int64).tolist(), visibility.to(bool_).tolist()):
        for (x, y), is_seen in zip(points, seen):
            if is_seen:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colors, outline=None, width=0)
        for start, end in connectivity or ():
            if seen[start] and seen[end]:
                draw.line((*points[start], *points[end]), width=width)
    return convert_image_dtype(pil_to_tensor(picture), image.dtype)


def flow_to_image(flow: Tensor) -> Tensor:
    r"""An optical flow as an image: the direction as hue, and the longer, the more colour.

    Args:
        flow (Tensor): how far each pixel goes along x and y, float32.

    Shape:
        - Flow: :math:`(N, 2, H, W)` or :math:`(2, H, W)`.
        - Output: :math:`(N, 3, H, W)` or :math:`(3, H, W)`, uint8; what does not move is white.

    Raises ValueError for other shapes and dtypes.

    Source: Baker and others, A Database and Evaluation Methodology for Optical Flow, 2011.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.utils import flow_to_image
        >>> flow_to_image(torch.tensor([[[0.0, 1.0]], [[0.0, 0.0]]]))
        tensor([[[255, 255]],
        <BLANKLINE>
                [[255,   0]],
        <BLANKLINE>
                [[255,   0]]], dtype=torch.uint8)
    """
    if flow.dtype is not float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    if flow.ndim not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {flow.shape}.")
    length = flow.square().sum(-3).sqrt()
    flow = flow / (length.max() + finfo(float32).eps)
    length = flow.square().sum(-3).sqrt()
    x, y = flow.unbind(-3)
    hues = _hues()
    at = (ops.atan2(-y, -x) / math.pi + 1) / 2 * (len(hues) - 1)
    low = at.floor()
    share = (at - low).unsqueeze(-1)
    low = low.to(int64)
    colour = (1 - share) * hues[low] + share * hues[(low + 1) % len(hues)]
    made = (255 * (1 - length.unsqueeze(-1) * (1 - colour))).floor().to(uint8)
    return made.movedim(-1, -3).contiguous()


def _hues() -> Tensor:
    """All hues from red to red, [55, 3], from 0 to 1; as many between two primary colours as the eye tells apart."""
    colours = ops.zeros(0, 3)
    for steps, full, changing, rises in (
        (15, 0, 1, True), (6, 1, 0, False), (4, 1, 2, True), (11, 2, 1, False), (13, 2, 0, True), (6, 0, 2, False),
    ):  # fmt: skip
        part = ops.zeros(steps, 3)
        rising = (255 * ops.arange(steps) / steps).floor()
        part[:, full] = 255.0
        part[:, changing] = rising if rises else 255 - rising
        colours = ops.cat([colours, part])
    return colours / 255


def _check_image(image: Tensor, channels: tuple[int, ...] = (1, 3)) -> None:
    """Raises TypeError and ValueError for what can't be drawn on."""
    if not isinstance(image, Tensor):
        raise TypeError(f"Tensor expected, got {type(image)}")
    if not (image.dtype is uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3:
        raise ValueError("Pass individual images, not batches")
    if image.shape[0] not in channels:
        raise ValueError(
            "Only grayscale and RGB images are supported"
            if 1 in channels
            else "Pass an RGB image. Other Image formats are not supported"
        )


def _coloured(image: Tensor) -> Tensor:
    return image if image.shape[0] == 3 else ops.cat([image] * 3)


def _colours(given: Colours, count: int) -> list[tuple[int, ...]]:
    """As many colours as there are things to draw. Raises ValueError where too few are given."""
    if given is None:
        steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
        return [tuple(k * step % 255 for step in steps) for k in range(count)]
    many: list[Any] = list(given) if isinstance(given, list) else [given] * count
    if len(many) < count:
        raise ValueError(
            f"Number of colors must be equal or larger than the number of objects, but got {len(many)} < {count}."
        )
    names = pillow("ImageColor")
    return [names.getrgb(one) if isinstance(one, str) else tuple(one) for one in many[:count]]


def _font(font: str | None, size: int | None) -> Any:
    """A font of Pillow's; its own small one where none is asked for."""
    fonts = pillow("ImageFont")
    if font is not None:
        return fonts.truetype(font=font, size=size or 10)
    if size is not None:
        warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=3)
    return fonts.load_default()


__all__ = [
    "draw_bounding_boxes", "draw_keypoints", "draw_segmentation_masks", "flow_to_image", "make_grid", "save_image",
]  # fmt: skip
