"""Images as they come back from a file that keeps less than all of them."""

from __future__ import annotations

import io
from typing import Any

from .....eager import Tensor
from .....eager import operators as ops
from ....io import decode_jpeg, encode_jpeg
from ....pillow import pillow
from .dispatch import by_kind


def jpeg_image(image: Tensor, quality: int) -> Tensor:
    r"""An image as a JPEG file keeps it.

    Args:
        inpt (any): an image or a video of bytes, or a Pillow image.
        quality (int): from 1, the smallest file, to 100, the nearest to the image.

    Shape:
        - :math:`(*, C, H, W)` with 1 or 3 channels.

    Raises ValueError for another quality, RuntimeError for tensors that are no such images.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.jpeg(torch.full((1, 2, 2), 7, dtype=torch.uint8), quality=90)
        tensor([[[7, 7],
                 [7, 7]]], dtype=torch.uint8)
    """
    if image.numel() == 0:
        return image.clone()
    made: Tensor = ops.stack([decode_jpeg(encode_jpeg(one, quality)) for one in image.reshape(-1, *image.shape[-3:])])
    return made.reshape(image.shape)


def _jpeg_picture(image: Any, quality: int) -> Any:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=quality)
    return pillow().open(file).copy()


jpeg = by_kind(jpeg_image, picture=_jpeg_picture)
