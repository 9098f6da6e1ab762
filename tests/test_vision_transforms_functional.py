"""What transforms do, as functions: numbers of torchvision's, on tensors, pictures, masks, boxes and points."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch
from kagari.vision import tv_tensors
from kagari.vision.pillow import is_picture, pillow
from kagari.vision.transforms.v2 import functional as F

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (3, 17, 22), dtype=np.uint8)
BYTES[:, 4:9, 3:12] = BYTES[:, :1, :1]  # a flat part, so that there is something to equalize
BOXES = np.array([[1.5, 2, 12, 9], [0, 0, 22, 17], [20, 3, 26, 20]], dtype=np.float32)
POINTS = np.array([[1.5, 2], [20, 16], [0, 0]], dtype=np.float32)


def plain(array: np.ndarray, **known: Any) -> Callable[[ModuleType, ModuleType], Any]:
    return lambda library, kinds: library.from_numpy(array.copy())


def coordinates(kind: str, array: np.ndarray, **known: Any) -> Callable[[ModuleType, ModuleType], Any]:
    def made(library: ModuleType, kinds: ModuleType) -> Any:
        return getattr(kinds, kind)(library.from_numpy(array.copy()), canvas_size=(17, 22), **known)

    return made


def picture(mode: str) -> Callable[[ModuleType, ModuleType], Any]:
    return lambda library, kinds: pillow().fromarray(BYTES.transpose(1, 2, 0)).convert(mode)


INPUTS = {
    "bytes": plain(BYTES),
    "floats": plain(BYTES.astype(np.float32) / 255),
    "batch": plain(np.stack([BYTES, 255 - BYTES]).astype(np.float32) / 255),
    "grey": plain(BYTES[:1]),
    "RGB": picture("RGB"),
    "L": picture("L"),
    "mask": lambda library, kinds: kinds.Mask(library.from_numpy(BYTES[0] % 5)),
    "masks": lambda library, kinds: kinds.Mask(library.from_numpy(BYTES > 99)),
    "video": lambda library, kinds: kinds.Video(library.from_numpy(np.stack([BYTES, 255 - BYTES]))),
    "boxes": coordinates("BoundingBoxes", BOXES, format="XYXY"),
    "whole boxes": coordinates("BoundingBoxes", BOXES.astype(np.int64), format="XYWH"),
    "boxes at centres": coordinates("BoundingBoxes", BOXES, format="CXCYWH", clamping_mode=None),
    "points": coordinates("KeyPoints", POINTS),
}
IMAGES = ("bytes", "floats", "batch", "grey", "RGB", "L", "video")
GEOMETRY = {
    "horizontal_flip": [()],
    "vertical_flip": [()],
    "resize": [(9,), ([30],), ([12, 31],), (None, "bilinear", 11), (9, "bilinear", 10)],
    "crop": [(2, 3, 7, 9), (-2, 10, 12, 20), (14, -3, 9, 8)],
    "center_crop": [(8,), ([9, 30],), ([20, 13],)],
    "five_crop": [([7, 9],)],
    "ten_crop": [(6, True)],
    "resized_crop": [(2, 3, 9, 11, [6, 7])],
    "pad": [(2,), ([1, 3],), ([1, 2, 3, 4], 5), ([0, 1, -2, -3],)],
}
DISPLACEMENT = RNG.uniform(-0.15, 0.15, (1, 17, 22, 2)).astype(np.float32)
SHEAR = ([3.2, -1.5], 1.2, [5.0, -8.0])
WARPS: dict[str, list[tuple[Any, ...]]] = {
    "affine": [(20, *SHEAR), (-75, *SHEAR, "bilinear", 4), (10, [2, 0], 0.7, [0, 0], "bilinear", None, [3, 9])],
    "rotate": [
        (33, "bilinear"),
        (33, "nearest", True),
        (90, "bilinear", True),
        (180,),
        (15, "nearest", False, [2, 3], 9),
    ],
    "perspective": [
        ([[0, 0], [21, 0], [21, 16], [0, 16]], [[2, 1], [19, 3], [21, 15], [4, 14]], *rest)
        for rest in ((), ("nearest", 5))
    ],
    "elastic": [(DISPLACEMENT,), (DISPLACEMENT, "nearest", 3)],
}
TONES: dict[str, list[tuple[Any, ...]]] = {
    "pad": [([2, 1], [7]), (3, 0, "edge"), (3, 0, "reflect"), ([1, 2, 3, 4], 0, "symmetric"), ([-1, 2], 0, "edge")],
    "resize": [
        *[([8, 9], mode) for mode in ("nearest", "nearest-exact", "bicubic", 3)],
        *[([30, 9], mode, None, False) for mode in ("nearest", "bilinear", "bicubic")],
    ],
    "rgb_to_grayscale": [(), (3,)],
    "adjust_brightness": [(0.4,), (1.7,)],
    "adjust_contrast": [(0.4,), (1.7,)],
    "adjust_saturation": [(0.0,), (1.7,)],
    "adjust_hue": [(0.25,), (-0.3,)],
    "adjust_gamma": [(0.6,), (2.2, 1.5)],
    "adjust_sharpness": [(0.3,), (2.0,)],
    "gaussian_blur": [(3,), ([5, 7], [0.8, 1.5])],
    "invert": [()],
    "posterize": [(3,)],
    "solarize": [(0.5,)],
    "autocontrast": [()],
    "equalize": [()],
}
CASES = [(name, arguments, kind) for name, all_ in GEOMETRY.items() for arguments in all_ for kind in INPUTS]
CASES += [(name, arguments, kind) for name, all_ in WARPS.items() for arguments in all_ for kind in INPUTS]
CASES += [(name, arguments, kind) for name, all_ in TONES.items() for arguments in all_ for kind in IMAGES]


def built(library: ModuleType, arguments: tuple[Any, ...]) -> list[Any]:
    return [library.from_numpy(one.copy()) if isinstance(one, np.ndarray) else one for one in arguments]


def parts_of(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def same(made: Any, expected: Any, bytes_off: int = 1) -> None:
    """Of the same kind, size and dtype, with the same numbers; bytes may be rounded the other way."""
    assert type(made).__name__ == type(expected).__name__
    if is_picture(made):
        assert made.mode == expected.mode and made.size == expected.size
        made, expected = np.array(made), np.array(expected)
    else:
        for name in ("canvas_size", "clamping_mode"):
            assert getattr(made, name, None) == getattr(expected, name, None)
        assert str(made.dtype) == str(expected.dtype)
        made, expected = made.numpy(), expected.numpy()
    assert made.shape == expected.shape
    if made.dtype == np.uint8:
        assert np.abs(made.astype(int) - expected).max(initial=0) <= bytes_off
    else:
        np.testing.assert_allclose(made, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("name", "arguments", "kind"), CASES)
@pytest.mark.filterwarnings("ignore:Anti-alias option is always applied")
def test_numbers(name: str, arguments: Any, kind: str, oracle: ModuleType, v2_oracle: ModuleType) -> None:
    theirs, their_kinds = v2_oracle.functional, v2_oracle.functional._geometry.tv_tensors
    try:
        expected = getattr(theirs, name)(INPUTS[kind](oracle, their_kinds), *built(oracle, arguments))
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            getattr(F, name)(INPUTS[kind](torch, tv_tensors), *built(torch, arguments))
        return
    made = getattr(F, name)(INPUTS[kind](torch, tv_tensors), *built(torch, arguments))
    off = 0 if name in GEOMETRY and not any(arguments is other for other in TONES.get(name, [])) else 1
    for ours, other in zip(parts_of(made), parts_of(expected), strict=True):
        same(ours, other, off)
