"""Images beside each other, saved, and with boxes and masks drawn on them."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch
from kagari.vision import utils
from kagari.vision.pillow import pillow

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(7, 3, 5, 6)).astype(np.float32)
GRIDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (IMAGES, {}),
    "rows of 3": (IMAGES, {"nrow": 3, "padding": 1, "pad_value": 0.5}),
    "normalized": (IMAGES, {"normalize": True}),
    "normalized to a range": (IMAGES, {"normalize": True, "value_range": (-1, 0.5)}),
    "each normalized": (IMAGES, {"normalize": True, "scale_each": True, "nrow": 2}),
    "grey": (IMAGES[:, :1], {"padding": 0}),
    "one": (IMAGES[0], {}),
    "a matrix": (IMAGES[0, 0], {"normalize": True}),
    "bytes": ((IMAGES * 50).astype(np.uint8), {"pad_value": 9}),
    "a list": (list(IMAGES), {"nrow": 4}),
}


def built(library: ModuleType, images: Any) -> Any:
    return [library.from_numpy(x.copy()) for x in images] if isinstance(images, list) else library.from_numpy(images)


@pytest.mark.parametrize("name", GRIDS)
def test_grid(name: str, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    images, options = GRIDS[name]
    made = utils.make_grid(built(torch, images), **options)
    expected = vision_oracle.utils.make_grid(built(oracle, images), **options)
    assert str(made.dtype) == str(expected.dtype)
    np.testing.assert_allclose(made.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_grid_leaves_its_images_alone() -> None:
    images = torch.from_numpy(IMAGES.copy())
    utils.make_grid(images, normalize=True, scale_each=True)
    assert np.array_equal(images.numpy(), IMAGES)


def test_grid_errors() -> None:
    for images in (3, [IMAGES]):
        with pytest.raises(TypeError, match="tensor or list of tensors expected"):
            utils.make_grid(images)
    with pytest.raises(TypeError, match="has to be a tuple"):
        utils.make_grid(torch.zeros(2, 3, 4, 4), normalize=True, value_range=[0, 1])


def test_saved_images(oracle: ModuleType, vision_oracle: ModuleType) -> None:
    pictures = []
    for library, room in ((torch, utils), (oracle, vision_oracle.utils)):
        file = io.BytesIO()
        room.save_image(library.from_numpy(IMAGES), file, format="png", nrow=3, normalize=True)
        pictures.append(np.array(pillow().open(file)))
    assert np.array_equal(*pictures)


BYTES = RNG.integers(0, 256, (3, 40, 50), dtype=np.uint8)
BOXES = np.array([[3, 4, 30, 20], [10.7, 8, 45, 39]], dtype=np.float32)
MASKS = np.stack([np.hypot(*np.mgrid[-20:20, -25:25]) < 9, np.hypot(*np.mgrid[-10:30, -30:20]) < 15])
POINTS = RNG.uniform(0, 40, (2, 3, 2)).astype(np.float32)
SEEN = np.array([[1, 1, 1], [0, 1, 1]], bool)[:, :, None]
FLOW = RNG.normal(size=(2, 2, 9, 11)).astype(np.float32)
DRAWINGS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "boxes": ("draw_bounding_boxes", (BYTES, BOXES), {}),
    "named colours": ("draw_bounding_boxes", (BYTES, BOXES), {"colors": ["red", (1, 2, 3)], "width": 3}),
    "filled": ("draw_bounding_boxes", (BYTES, BOXES), {"fill": True, "colors": "#00ff80"}),
    "labels": ("draw_bounding_boxes", (BYTES, BOXES), {"labels": ["a", None], "label_colors": ["white", "black"]}),
    "labels on colours": (
        "draw_bounding_boxes",
        (BYTES, BOXES),
        {"labels": ["a", "bc"], "fill_labels": True, "label_background_colors": "white", "width": 2},
    ),
    "floats": ("draw_bounding_boxes", (BYTES.astype(np.float32) / 255, BOXES), {}),
    "grey": ("draw_bounding_boxes", (BYTES[:1], BOXES), {}),
    "points": ("draw_keypoints", (BYTES, POINTS), {}),
    "points and lines": (
        "draw_keypoints",
        (BYTES.astype(np.float32) / 255, POINTS, [(0, 1), (1, 2)], "red", 3, 1, SEEN),
        {},
    ),
    "a flow": ("flow_to_image", (FLOW[0],), {}),
    "flows": ("flow_to_image", (FLOW,), {}),
    "masks": ("draw_segmentation_masks", (BYTES, MASKS), {}),
    "one mask": ("draw_segmentation_masks", (BYTES, MASKS[0]), {"alpha": 0.3, "colors": "blue"}),
    "masks on floats": (
        "draw_segmentation_masks",
        (BYTES.astype(np.float32) / 255, MASKS),
        {"colors": ["red", (0, 255, 9)]},
    ),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings(name: str, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    function, arrays, options = DRAWINGS[name]
    made, expected = (
        getattr(room, function)(*[library.from_numpy(x) if isinstance(x, np.ndarray) else x for x in arrays], **options)
        for library, room in ((torch, utils), (oracle, vision_oracle.utils))
    )
    assert str(made.dtype) == str(expected.dtype) and tuple(made.shape) == tuple(expected.shape)
    np.testing.assert_allclose(made.numpy().astype(float), expected.numpy().astype(float), atol=1e-6)


WRONG: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "no tensor": ("draw_bounding_boxes", (3, BOXES), {}),
    "a batch": ("draw_bounding_boxes", (BYTES[None], BOXES), {}),
    "two channels": ("draw_bounding_boxes", (BYTES[:2], BOXES), {}),
    "dtype": ("draw_bounding_boxes", (BYTES.astype(np.int64), BOXES), {}),
    "sizes": ("draw_bounding_boxes", (BYTES, BOXES[:, ::-1].copy()), {}),
    "labels": ("draw_bounding_boxes", (BYTES, BOXES), {"labels": ["a"]}),
    "colours": ("draw_bounding_boxes", (BYTES, BOXES), {"colors": ["red"]}),
    "grey masks": ("draw_segmentation_masks", (BYTES[:1], MASKS), {}),
    "masks of bytes": ("draw_segmentation_masks", (BYTES, MASKS.astype(np.uint8)), {}),
    "no points": ("draw_keypoints", (BYTES, POINTS[0]), {}),
    "visibility of one": ("draw_keypoints", (BYTES, POINTS, None, None, 2, 3, SEEN[0, 0]), {}),
    "grey and points": ("draw_keypoints", (BYTES[:1], POINTS), {}),
    "a flow of doubles": ("flow_to_image", (FLOW.astype(np.float64),), {}),
    "a flow of three": ("flow_to_image", (BYTES.astype(np.float32),), {}),
    "other masks": ("draw_segmentation_masks", (BYTES, MASKS[:, 1:]), {}),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    function, arguments, options = WRONG[name]

    def call(library: ModuleType, room: ModuleType) -> None:
        given = [library.from_numpy(x) if isinstance(x, np.ndarray) else x for x in arguments]
        getattr(room, function)(*given, **options)

    with pytest.raises((TypeError, ValueError)) as expected:
        call(oracle, vision_oracle.utils)
    with pytest.raises(type(expected.value)) as error:
        call(torch, utils)
    assert str(error.value) == str(expected.value)


def test_nothing_to_draw() -> None:
    image = torch.from_numpy(BYTES)
    with pytest.warns(UserWarning, match="doesn't contain any box"):
        assert utils.draw_bounding_boxes(image, torch.empty(0, 4)) is image
    with pytest.warns(UserWarning, match="doesn't contain any mask"):
        assert utils.draw_segmentation_masks(image, torch.empty(0, 40, 50, dtype=torch.bool)) is image
