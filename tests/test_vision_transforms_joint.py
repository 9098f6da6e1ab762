"""Images transformed together with their masks, boxes, points and labels, as torchvision does it from the same seed."""

from __future__ import annotations

import pickle
from collections import OrderedDict, namedtuple
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch
from kagari.vision import tv_tensors
from kagari.vision.pillow import is_picture, pillow
from kagari.vision.transforms import v2

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (3, 24, 30), dtype=np.uint8)
MASKS = RNG.random((4, 24, 30)) > 0.5
BOXES = np.array([[2, 3, 12, 17], [0, 0, 30, 24], [15, 9, 15.5, 20], [-4, 2, 8, 8]], dtype=np.float32)
POINTS = np.array([[2, 3], [29, 23], [11, 9]], dtype=np.float32)


def sample(library: ModuleType, kinds: ModuleType) -> dict[str, Any]:
    """A new one each time: some transforms write."""
    array = library.from_numpy
    return {
        "image": kinds.Image(array(BYTES.copy())),
        "target": [
            kinds.BoundingBoxes(array(BOXES.copy()), format="XYXY", canvas_size=(24, 30)),
            (kinds.Mask(array(MASKS.copy())), kinds.KeyPoints(array(POINTS.copy()), canvas_size=(24, 30))),
        ],
        "picture": pillow().fromarray(BYTES.transpose(1, 2, 0)),
        "labels": array(np.arange(4)),
        "name": "a",
    }


TRANSFORMS = {
    "RandomHorizontalFlip": lambda T, t, k: T.RandomHorizontalFlip(0.7),
    "RandomCrop": lambda T, t, k: T.RandomCrop(20, padding=3, fill={k.Mask: 1, "others": 9}),
    "RandomResizedCrop": lambda T, t, k: T.RandomResizedCrop((10, 15)),
    "Resize": lambda T, t, k: T.Resize(11),
    "CenterCrop": lambda T, t, k: T.CenterCrop((30, 20)),
    "Pad": lambda T, t, k: T.Pad([1, 2, 3, 4]),
    "RandomAffine": lambda T, t, k: T.RandomAffine(30, (0.2, 0.1), (0.7, 1.2), 10),
    "RandomRotation": lambda T, t, k: T.RandomRotation(50, expand=True),
    "RandomPerspective": lambda T, t, k: T.RandomPerspective(0.4, 1.0),
    "ElasticTransform": lambda T, t, k: T.ElasticTransform(30.0, 2.0),
    "RandomZoomOut": lambda T, t, k: T.RandomZoomOut(3, p=1.0),
    "RandomIoUCrop": lambda T, t, k: T.RandomIoUCrop(),
    "ScaleJitter": lambda T, t, k: T.ScaleJitter((20, 20)),
    "ColorJitter": lambda T, t, k: T.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "ToDtype": lambda T, t, k: T.ToDtype({k.Image: t.float32, k.Mask: t.int64, "others": None}, scale=True),
    "ConvertBoundingBoxFormat": lambda T, t, k: T.ConvertBoundingBoxFormat("CXCYWH"),
    "ClampBoundingBoxes": lambda T, t, k: T.Compose([T.ClampBoundingBoxes(), T.ClampKeyPoints()]),
    "SanitizeBoundingBoxes": lambda T, t, k: T.SanitizeBoundingBoxes(2.0),
    "SanitizeKeyPoints": lambda T, t, k: T.SanitizeKeyPoints(lambda sample: sample["labels"][:3]),
    "ToPureTensor": lambda T, t, k: T.ToPureTensor(),
    "Lambda": lambda T, t, k: T.Lambda(lambda boxes: boxes * 2, k.BoundingBoxes),
}


def flat(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    return [value] if parts is None else [leaf for part in parts for leaf in flat(part)]


def same(made: Any, expected: Any) -> None:
    """Of the same kind and with the same numbers; single pixels at edges may be those beside them."""
    assert type(made).__name__ == type(expected).__name__
    if isinstance(expected, str):
        assert made == expected
        return
    for name in ("canvas_size", "clamping_mode"):
        assert getattr(made, name, None) == getattr(expected, name, None)
    assert str(getattr(made, "format", None)) == str(getattr(expected, "format", None))
    ours, other = (np.array(x) if is_picture(x) else x.numpy() for x in (made, expected))
    assert ours.dtype == other.dtype and ours.shape == other.shape
    if ours.dtype in (np.uint8, bool):
        assert (np.abs(ours.astype(int) - other) > 1).mean() < 2e-3 and (
            ours.dtype != bool or (ours != other).mean() < 2e-3
        )
    else:
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_all_parts_of_a_sample(name: str, oracle: ModuleType, vision_oracle: ModuleType, v2_oracle: ModuleType) -> None:
    ours = TRANSFORMS[name](v2, torch, tv_tensors)
    other = TRANSFORMS[name](v2_oracle, oracle, vision_oracle.tv_tensors)
    for seed in range(3):
        torch.manual_seed(seed)
        oracle.manual_seed(seed)
        made, expected = ours(sample(torch, tv_tensors)), other(sample(oracle, vision_oracle.tv_tensors))
        assert torch.rand(1).item() == oracle.rand(1).item(), "other numbers were drawn"
        assert list(made) == list(expected)
        for part, theirs in zip(flat(made), flat(expected), strict=True):
            same(part, theirs)


def test_points_beyond_the_canvas(oracle: ModuleType, vision_oracle: ModuleType, v2_oracle: ModuleType) -> None:
    points = np.array([[[0, 0], [29, 23]], [[3, 4], [30, 4]], [[-0.1, 5], [2, 2]], [[9, 24], [9, 9]]], np.float32)
    for array in (points, points[:, 0], points[:, 1], points.astype(np.int64)):
        made, expected = [], []
        for found, library, kinds, T in (
            (made, torch, tv_tensors, v2),
            (expected, oracle, vision_oracle.tv_tensors, v2_oracle),
        ):
            known, labels = kinds.KeyPoints(library.from_numpy(array), canvas_size=(24, 30)), library.arange(4)
            found += [*T.functional.sanitize_keypoints(known)]
            found += [*T.functional.sanitize_keypoints(library.from_numpy(array), canvas_size=(24, 30))]
            found += T.SanitizeKeyPoints("default")({"points": known, "labels": labels}).values()
        for ours, theirs in zip(made, expected, strict=True):
            same(ours, theirs)
    known = tv_tensors.KeyPoints(torch.from_numpy(points[:, 0]), canvas_size=(24, 30))
    with pytest.raises(ValueError, match="canvas_size must be None"):
        v2.functional.sanitize_keypoints(known, (2, 2))
    with pytest.raises(ValueError, match="canvas_size cannot be None"):
        v2.functional.sanitize_keypoints(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"Number of keypoints .*\(shape=torch.Size\(\[3\]\)\)"):
        v2.SanitizeKeyPoints(lambda sample: torch.zeros(3))(known)


def test_what_a_file_keeps(oracle: ModuleType, v2_oracle: ModuleType) -> None:
    """Pictures as the oracle's, tensors as the pictures."""
    picture = pillow().fromarray(BYTES.transpose(1, 2, 0))
    for seed in range(2):
        torch.manual_seed(seed)
        oracle.manual_seed(seed)
        made, expected = v2.JPEG((5, 90))(picture), v2_oracle.JPEG((5, 90))(picture)
        assert type(made) is type(picture) and np.array_equal(np.array(made), np.array(expected))
    torch.manual_seed(seed)
    video = torch.from_numpy(np.stack([BYTES, BYTES[::-1]]))
    kept = v2.JPEG((5, 90))(tv_tensors.Video(video))
    assert isinstance(kept, tv_tensors.Video) and kept.shape == video.shape
    assert np.array_equal(kept[0].numpy(), np.array(made).transpose(2, 0, 1))
    assert v2.functional.jpeg(video[:0], 50).shape == (0, 3, 24, 30)
    with pytest.raises(ValueError, match="between 1 and 100"):
        v2.functional.jpeg(video, 0)


def test_which_plain_tensors_are_images() -> None:
    flip = v2.RandomHorizontalFlip(1.0)
    first, second = torch.arange(4).reshape(1, 2, 2), torch.arange(4).reshape(1, 2, 2)
    made = flip(first, second)
    assert isinstance(made, tuple) and torch.equal(made[0], first.flip(-1)) and made[1] is second
    image, plain = flip(tv_tensors.Image(first), second)
    assert isinstance(image, tv_tensors.Image) and torch.equal(image, first.flip(-1)) and plain is second


def test_structures_stay() -> None:
    Pair = namedtuple("Pair", ("image", "label"))
    given = OrderedDict(a=Pair(tv_tensors.Image(torch.zeros(1, 4, 4)), 3), b=[])
    made = v2.CenterCrop(2)(given)
    assert type(made) is OrderedDict and type(made["a"]) is Pair and made["b"] == []
    assert made["a"].image.shape == (1, 2, 2) and made["a"].label == 3


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="Found multiple HxW dimensions"):
        v2.RandomCrop(2)(tv_tensors.Image(torch.zeros(1, 4, 4)), tv_tensors.Mask(torch.zeros(5, 4)))
    with pytest.raises(TypeError, match="No image, video, mask"):
        v2.query_size(["a"])
    with pytest.raises(ValueError, match=r"larger than padded input image size \(6, 6\)"):
        v2.RandomCrop(8, padding=1)(torch.zeros(1, 4, 4))


def test_transforms_can_be_pickled() -> None:
    transform = v2.Compose([v2.RandomResizedCrop(4), v2.ColorJitter(0.3), v2.ToDtype(torch.float32, scale=True)])
    again = pickle.loads(pickle.dumps(transform))
    image = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    torch.manual_seed(0)
    made = transform(image)
    torch.manual_seed(0)
    assert torch.equal(again(image), made) and repr(again) == repr(transform)


@pytest.mark.parametrize("kind", ["MixUp", "CutMix"])
@pytest.mark.parametrize("alpha", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("indices", [True, False])
def test_mixed_batches(kind: str, alpha: float, indices: bool, oracle: ModuleType, v2_oracle: ModuleType) -> None:
    images = RNG.normal(size=(4, 3, 8, 9)).astype(np.float32)
    labels = np.array([0, 2, 1, 2]) if indices else RNG.random((4, 3)).astype(np.float32)
    options = {"alpha": alpha, "num_classes": 3}
    ours, other = getattr(v2, kind)(**options), getattr(v2_oracle, kind)(**options)
    assert repr(ours) == repr(other)
    for seed in range(3):
        torch.manual_seed(seed)
        oracle.manual_seed(seed)
        made = ours(*map(torch.from_numpy, (images, labels)))
        expected = other(*map(oracle.from_numpy, (images, labels)))
        assert torch.rand(1).item() == oracle.rand(1).item(), "other numbers were drawn"
        for part, theirs in zip(made, expected, strict=True):
            np.testing.assert_allclose(part.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


BAD = {
    "no classes": lambda T, t: T.MixUp()(t.zeros(2, 3, 4, 4), t.tensor([0, 1])),
    "other classes": lambda T, t: T.MixUp(num_classes=4)(t.zeros(2, 3, 4, 4), t.zeros(2, 3)),
    "labels of 3 dimensions": lambda T, t: T.CutMix()(t.zeros(2, 3, 4, 4), t.zeros(2, 3, 1)),
    "labels that are no tensor": lambda T, t: T.CutMix(labels_getter=lambda batch: 3)(t.zeros(2, 3, 4, 4), 3),
    "getter": lambda T, t: T.CutMix(labels_getter="other"),
    "jitter": lambda T, t: T.ColorJitter(brightness=-1),
    "hue": lambda T, t: T.ColorJitter(hue=0.7),
    "probability": lambda T, t: T.RandomHorizontalFlip(1.5),
    "kernel": lambda T, t: T.GaussianBlur(4),
    "empty": lambda T, t: T.Compose([]),
    "no sequence": lambda T, t: T.Compose(3),
    "padding": lambda T, t: T.Pad([1, 2, 3]),
    "mode": lambda T, t: T.Pad(1, padding_mode="other"),
    "resize": lambda T, t: T.Resize([1, 2, 3]),
    "resize of none": lambda T, t: T.Resize(None),
    "value": lambda T, t: T.RandomErasing(value="other"),
    "scale": lambda T, t: T.RandomErasing(scale=(0.1, 1.1)),
    "degrees": lambda T, t: T.RandomRotation(-1),
    "translate": lambda T, t: T.RandomAffine(0, (0.1, 1.2)),
    "distortion": lambda T, t: T.RandomPerspective(1.2),
    "quality": lambda T, t: T.JPEG((20, 101)),
    "quality of three": lambda T, t: T.JPEG((20, 50, 60)),
    "no quality": lambda T, t: T.JPEG(0.5),
    "min_size": lambda T, t: T.SanitizeBoundingBoxes(0.5),
    "choices": lambda T, t: T.RandomChoice([T.Identity()], [0.1, 0.9]),
    "a picture": lambda T, t: T.Normalize([0.5], [0.5])(pillow().new("L", (2, 2))),
    "boxes alone": lambda T, t: T.RandomIoUCrop()(t.zeros(3, 4, 4)),
}


@pytest.mark.parametrize("name", BAD)
def test_errors(name: str, oracle: ModuleType, v2_oracle: ModuleType) -> None:
    with pytest.raises((TypeError, ValueError)) as expected:
        BAD[name](v2_oracle, oracle)
    with pytest.raises(type(expected.value)) as error:
        BAD[name](v2, torch)
    assert str(error.value) == str(expected.value)
