"""Transforms of images together with their masks, boxes and points: the second version of torchvision's interface."""

from __future__ import annotations

from ..interpolation import InterpolationMode
from . import functional
from .blur import GaussianBlur, GaussianNoise, RandomErasing
from .color import (
    RGB,
    ColorJitter,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from .container import Compose, RandomApply, RandomChoice, RandomOrder
from .convert import (
    ClampBoundingBoxes,
    ClampKeyPoints,
    ConvertBoundingBoxFormat,
    ConvertImageDtype,
    Identity,
    Lambda,
    Normalize,
    PILToTensor,
    ToDtype,
    ToImage,
    ToPILImage,
    ToPureTensor,
    ToTensor,
)
from .crops import (
    CenterCrop,
    FiveCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)
from .structure import check_type, get_bounding_boxes, get_keypoints, has_all, has_any, query_chw, query_size
from .transform import Transform

__all__ = [
    "CenterCrop", "ClampBoundingBoxes", "ClampKeyPoints", "ColorJitter", "Compose", "ConvertBoundingBoxFormat",
    "ConvertImageDtype", "FiveCrop", "GaussianBlur", "GaussianNoise", "Grayscale", "Identity", "InterpolationMode",
    "Lambda", "Normalize", "PILToTensor", "Pad", "RGB", "RandomAdjustSharpness", "RandomApply", "RandomAutocontrast",
    "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
    "RandomInvert", "RandomOrder", "RandomPosterize", "RandomResizedCrop", "RandomSolarize", "RandomVerticalFlip",
    "Resize", "TenCrop", "ToDtype", "ToImage", "ToPILImage", "ToPureTensor", "ToTensor", "Transform", "check_type",
    "functional", "get_bounding_boxes", "get_keypoints", "has_all", "has_any", "query_chw", "query_size",
]  # fmt: skip
