"""Samples: images, masks, boxes and labels, in any nest of tuples, lists and dictionaries."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....eager import Tensor
from ...pillow import is_picture
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video
from .functional import get_dimensions, get_size

Check = type | Callable[[Any], bool]


def leaves(sample: Any) -> list[Any]:
    """What a sample holds, from left to right."""
    if isinstance(sample, dict):
        return [leaf for part in sample.values() for leaf in leaves(part)]
    if isinstance(sample, list | tuple):
        return [leaf for part in sample for leaf in leaves(part)]
    return [sample]


def with_leaves(sample: Any, new: Iterator[Any]) -> Any:
    """A sample of the same structure that holds other things."""
    if isinstance(sample, dict):
        parts = [(key, with_leaves(part, new)) for key, part in sample.items()]
        if isinstance(sample, defaultdict):
            return defaultdict(sample.default_factory, parts)
        return OrderedDict(parts) if isinstance(sample, OrderedDict) else dict(parts)
    if isinstance(sample, list | tuple):
        made = [with_leaves(part, new) for part in sample]
        if isinstance(sample, list):
            return made
        return type(sample)(*made) if hasattr(sample, "_fields") else tuple(made)
    return next(new)


def is_pure_tensor(inpt: Any) -> bool:
    """Whether it is a tensor that does not know what it shows."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, TVTensor)


def is_image(inpt: Any) -> bool:
    """Whether it says that it is an image or a video: a plain tensor does not."""
    return isinstance(inpt, Image | Video) or is_picture(inpt)


def is_array(inpt: Any) -> bool:
    """Whether it is an array of NumPy's."""
    return isinstance(inpt, np.ndarray)


def check_type(obj: Any, types_or_checks: tuple[Check, ...]) -> bool:
    """Whether something is of one of the types, or passes one of the checks."""
    return any(isinstance(obj, one) if isinstance(one, type) else one(obj) for one in types_or_checks)


def has_any(flat_inputs: list[Any], *types_or_checks: Check) -> bool:
    """Whether one of the inputs is of one of the types, or passes one of the checks."""
    return any(check_type(inpt, types_or_checks) for inpt in flat_inputs)


def has_all(flat_inputs: list[Any], *types_or_checks: Check) -> bool:
    """Whether there is an input for each of the types and checks."""
    return all(has_any(flat_inputs, one) for one in types_or_checks)


def get_bounding_boxes(flat_inputs: list[Any]) -> BoundingBoxes:
    """The boxes among the inputs. Raises ValueError unless there are some, once."""
    return _only(flat_inputs, BoundingBoxes, "bounding boxes")


def get_keypoints(flat_inputs: list[Any]) -> KeyPoints:
    """The points among the inputs. Raises ValueError unless there are some, once."""
    return _only(flat_inputs, KeyPoints, "keypoints")


def _only(flat_inputs: list[Any], kind: type, name: str) -> Any:
    found = [inpt for inpt in flat_inputs if isinstance(inpt, kind)]
    if not found:
        raise ValueError(f"No {name} were found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple {name} instances in the sample")
    return found[0]


def query_size(flat_inputs: list[Any]) -> tuple[int, int]:
    """Height and width, which all inputs that have them must share.

    Raises TypeError where none has, ValueError where they differ.
    """
    kinds = (is_pure_tensor, is_image, Mask, BoundingBoxes, KeyPoints)
    sizes = {tuple(get_size(inpt)) for inpt in flat_inputs if check_type(inpt, kinds)}
    if not sizes:
        raise TypeError("No image, video, mask, bounding box of keypoint was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple HxW dimensions in the sample: {sorted(sizes)}")
    height, width = sizes.pop()
    return height, width


def query_chw(flat_inputs: list[Any]) -> tuple[int, int, int]:
    """Channels, height and width, which all images and videos must share.

    Raises TypeError where there are none, ValueError where they differ.
    """
    sizes = {tuple(get_dimensions(inpt)) for inpt in flat_inputs if check_type(inpt, (is_pure_tensor, is_image))}
    if not sizes:
        raise TypeError("No image or video was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {sorted(sizes)}")
    channels, height, width = sizes.pop()
    return channels, height, width
