"""Images, videos, masks, bounding boxes and points as tensors of their own kinds, which transforms tell apart."""

from __future__ import annotations

from .boxes import BoundingBoxes, BoundingBoxFormat, KeyPoints
from .tensors import Image, Mask, TVTensor, Video, wrap

__all__ = ["BoundingBoxFormat", "BoundingBoxes", "Image", "KeyPoints", "Mask", "TVTensor", "Video", "wrap"]
