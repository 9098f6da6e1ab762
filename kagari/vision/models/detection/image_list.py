"""Images of several sizes as one batch."""

from __future__ import annotations

from typing import Any

from ....eager import Tensor


class ImageList:
    """Images of several sizes, padded to a common one, and what sizes they have.

    Args:
        tensors (Tensor): the padded images [N, C, H, W].
        image_sizes (list of tuple): height and width of each image.
    """

    def __init__(self, tensors: Tensor, image_sizes: list[tuple[int, int]]) -> None:
        self.tensors = tensors
        self.image_sizes = image_sizes

    def to(self, device: Any) -> ImageList:
        """The same images on a device."""
        return ImageList(self.tensors.to(device), self.image_sizes)


__all__ = ["ImageList"]
