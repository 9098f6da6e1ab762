"""Tensors that know what they show."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import pytest

import kagari as torch
from kagari.vision import tv_tensors
from kagari.vision.pillow import pillow


def boxes(library: ModuleType, **options: Any) -> Any:
    options = {"format": "xyxy", "canvas_size": (10, 12), **options}
    return library.BoundingBoxes([[0, 0, 5, 5], [1, 2, 3, 4]], **options)


MAKERS = {
    "image": lambda t, tv: tv.Image(t.arange(8.0).reshape(2, 2, 2)),
    "matrix": lambda t, tv: tv.Image([[1, 2], [3, 4]], dtype=t.uint8),
    "video": lambda t, tv: tv.Video(t.zeros(2, 1, 2, 2)),
    "mask": lambda t, tv: tv.Mask([[True, False]]),
    "empty mask": lambda t, tv: tv.Mask(t.zeros(0, 2, 2)),
    "boxes": lambda t, tv: boxes(tv, clamping_mode=None),
    "one box": lambda t, tv: tv.BoundingBoxes(t.ones(4), format=tv.BoundingBoxFormat.CXCYWH, canvas_size=(1, 2)),
    "points": lambda t, tv: tv.KeyPoints([[1.5, 2.0]], canvas_size=(3, 4)),
    "one point": lambda t, tv: tv.KeyPoints([1, 2], canvas_size=(3, 4)),
    "wrapped": lambda t, tv: tv.wrap(t.ones(1, 4), like=boxes(tv), canvas_size=(3, 4), unknown=1),
    "converted": lambda t, tv: boxes(tv).to(t.float64),
    "picture": lambda t, tv: tv.Image(pillow().new("RGB", (3, 2), "red")),
    "grey picture": lambda t, tv: tv.Mask(pillow().new("L", (3, 2))),
}


@pytest.mark.parametrize("name", MAKERS)
def test_kinds_sizes_and_words(name: str, oracle: ModuleType, vision_oracle: ModuleType, v2_oracle: ModuleType) -> None:
    expected = MAKERS[name](oracle, vision_oracle.tv_tensors)
    made = MAKERS[name](torch, tv_tensors)
    assert type(made).__name__ == type(expected).__name__
    assert tuple(made.shape) == tuple(expected.shape)
    assert repr(made) == repr(expected)


ERRORS = {
    "image": lambda tv: tv.Image([1, 2]),
    "boxes": lambda tv: tv.BoundingBoxes([[[1, 2, 3, 4]]], format="XYXY", canvas_size=(1, 1)),
    "format": lambda tv: tv.BoundingBoxes([1, 2, 3, 4], format="XXYY", canvas_size=(1, 1)),
    "mode": lambda tv: boxes(tv, clamping_mode="loose"),
    "points": lambda tv: tv.KeyPoints([[1, 2, 3]], canvas_size=(1, 1)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, vision_oracle: ModuleType, v2_oracle: ModuleType) -> None:
    with pytest.raises((ValueError, KeyError)) as expected:
        ERRORS[name](vision_oracle.tv_tensors)
    with pytest.raises(type(expected.value)) as error:
        ERRORS[name](tv_tensors)
    assert str(error.value) == str(expected.value)


def test_what_keeps_the_kind() -> None:
    made = boxes(tv_tensors, dtype=torch.float32)
    copies = (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.clone(), made.detach())
    for other in (*copies, made.to(torch.float64), made.requires_grad_()):
        assert type(other) is tv_tensors.BoundingBoxes
        assert (other.format.name, other.canvas_size, other.clamping_mode) == ("XYXY", (10, 12), "soft")
    assert type(made + 1) is type(made[0]) is type(torch.stack([made, made])) is torch.Tensor


def test_gradients_are_kept_unless_it_is_said() -> None:
    numbers = torch.ones(1, 1, 2, requires_grad=True)
    assert tv_tensors.Image(numbers).requires_grad and not tv_tensors.Image(numbers, requires_grad=False).requires_grad
    tv_tensors.Image(numbers).sum().backward()
    assert numbers.grad is not None and not tv_tensors.Mask([1.0]).requires_grad


def test_memory_is_shared() -> None:
    numbers = torch.zeros(1, 2, 2)
    tv_tensors.Image(numbers).add_(1)
    assert numbers.sum() == 4
