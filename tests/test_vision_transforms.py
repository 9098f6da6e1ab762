"""Transforms: from the same seed the images that torchvision makes, and the same words."""

from __future__ import annotations

import importlib
import random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch
from kagari.vision import transforms
from kagari.vision.pillow import is_picture, pillow
from kagari.vision.transforms import v2

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (3, 24, 30), dtype=np.uint8)
INPUTS = {
    "bytes": lambda t: t.from_numpy(BYTES.copy()),
    "floats": lambda t: t.from_numpy(BYTES.astype(np.float32) / 255),
    "picture": lambda t: pillow().fromarray(BYTES.transpose(1, 2, 0)),
}
LINEAR = "bilinear"

# What is made by both interfaces: T is `transforms` or `transforms.v2`.
BOTH = {
    "CenterCrop": lambda T, t: T.CenterCrop((9, 11)),
    "ColorJitter": lambda T, t: T.ColorJitter(0.4, 0.3, (0.5, 1.5), 0.2),
    "ColorJitter of two": lambda T, t: T.ColorJitter(contrast=0.9, hue=(-0.1, 0.3)),
    "FiveCrop": lambda T, t: T.FiveCrop(9),
    "GaussianBlur": lambda T, t: T.GaussianBlur(5),
    "GaussianBlur of one": lambda T, t: T.GaussianBlur((3, 5), 0.7),
    "Grayscale": lambda T, t: T.Grayscale(3),
    "Pad": lambda T, t: T.Pad([1, 2], fill=3),
    "Pad reflect": lambda T, t: T.Pad(3, padding_mode="reflect"),
    "RandomAdjustSharpness": lambda T, t: T.RandomAdjustSharpness(1.8),
    "RandomApply": lambda T, t: T.RandomApply([T.CenterCrop(12), T.RandomHorizontalFlip()], 0.6),
    "RandomAutocontrast": lambda T, t: T.RandomAutocontrast(),
    "RandomCrop": lambda T, t: T.RandomCrop((15, 20)),
    "RandomCrop of one edge": lambda T, t: T.RandomCrop((24, 20)),
    "RandomCrop padded": lambda T, t: T.RandomCrop(24, padding=[2, 3], fill=7),
    "RandomCrop too large": lambda T, t: T.RandomCrop((30, 28), pad_if_needed=True, padding_mode="edge"),
    "RandomEqualize": lambda T, t: T.RandomEqualize(0.7),
    "RandomGrayscale": lambda T, t: T.RandomGrayscale(0.5),
    "RandomHorizontalFlip": lambda T, t: T.RandomHorizontalFlip(),
    "RandomInvert": lambda T, t: T.RandomInvert(),
    "RandomPosterize": lambda T, t: T.RandomPosterize(3),
    "RandomResizedCrop": lambda T, t: T.RandomResizedCrop(11),
    "RandomResizedCrop of wide": lambda T, t: T.RandomResizedCrop((8, 9), scale=(0.9, 1.0), ratio=(3.0, 4.0)),
    "RandomSolarize": lambda T, t: T.RandomSolarize(0.4),
    "RandomVerticalFlip": lambda T, t: T.RandomVerticalFlip(0.3),
    "Resize": lambda T, t: T.Resize(10),
    "Resize to two": lambda T, t: T.Resize((10, 40), T.InterpolationMode.BICUBIC),
    "Resize at most": lambda T, t: T.Resize(10, max_size=12),
    "TenCrop": lambda T, t: T.TenCrop((5, 6), vertical_flip=True),
    "ElasticTransform": lambda T, t: T.ElasticTransform(40.0, [2.0, 3.0]),
    "RandomAffine": lambda T, t: T.RandomAffine(20),
    "RandomAffine of all": lambda T, t: T.RandomAffine(
        (-10, 50), (0.2, 0.1), (0.7, 1.2), (-5, 5, 1, 9), T.InterpolationMode.BILINEAR, 7, (3, 9)
    ),
    "RandomPerspective": lambda T, t: T.RandomPerspective(0.4, 0.8),
    "RandomRotation": lambda T, t: T.RandomRotation(40, T.InterpolationMode.BILINEAR, expand=True),
    "RandomRotation around": lambda T, t: T.RandomRotation((10, 40), center=(3, 4), fill=2),
    "RandomOrder": lambda T, t: T.RandomOrder([T.CenterCrop(20), T.Pad(2), T.RandomHorizontalFlip()]),
    "RandomChoice": lambda T, t: T.RandomChoice([T.CenterCrop(20), T.Pad(2), T.RandomHorizontalFlip()], [1, 2, 3]),
}
AUTO = {
    "AugMix": lambda T, t: T.AugMix(),
    "AugMix of few": lambda T, t: T.AugMix(5, 2, 2, 0.4, all_ops=False),
    "AutoAugment": lambda T, t: T.AutoAugment(),
    "AutoAugment for CIFAR10": lambda T, t: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=7),
    "AutoAugment for SVHN": lambda T, t: T.AutoAugment(T.AutoAugmentPolicy.SVHN, T.InterpolationMode.BILINEAR),
    "RandAugment": lambda T, t: T.RandAugment(),
    "TrivialAugmentWide": lambda T, t: T.TrivialAugmentWide(),
}
TENSORS = {
    "ConvertImageDtype": lambda T, t: T.ConvertImageDtype(t.float64),
    "ConvertImageDtype to bytes": lambda T, t: T.ConvertImageDtype(t.uint8),
    "LinearTransformation": lambda T, t: T.LinearTransformation(t.eye(2160) * 2, t.arange(2160.0)),
    "RandomErasing": lambda T, t: T.RandomErasing(0.8),
    "RandomErasing colours": lambda T, t: T.RandomErasing(value=[1, 2, 3], scale=(0.2, 0.6)),
    "RandomErasing noise": lambda T, t: T.RandomErasing(1.0, value="random"),
}
FLOATS = {"Normalize": lambda T, t: T.Normalize([0.1, 0.2, 0.3], (0.5, 0.25, 1.0))}
PICTURES = {
    "PILToTensor": lambda T, t: T.PILToTensor(),
    "Compose": lambda T, t: T.Compose([T.RandomCrop(20), T.PILToTensor(), T.ConvertImageDtype(t.float32)]),
}
OF_FIRST = {"ToTensor": lambda T, t: T.ToTensor()}
OF_SECOND = {
    "RandomChannelPermutation": lambda T, t: T.RandomChannelPermutation(),
    "RandomPhotometricDistort": lambda T, t: T.RandomPhotometricDistort(),
    "RandomResize": lambda T, t: T.RandomResize(5, 12),
    "RandomShortestSize": lambda T, t: T.RandomShortestSize([9, 12, 15], 17),
    "RandomZoomOut": lambda T, t: T.RandomZoomOut(7, (1.2, 2.0)),
    "ScaleJitter": lambda T, t: T.ScaleJitter((15, 20), (0.5, 1.5)),
    "GaussianNoise": lambda T, t: T.GaussianNoise(0.1, 0.2),
    "RGB": lambda T, t: T.RGB(),
    "ToDtype": lambda T, t: T.ToDtype(t.float32, scale=True),
    "Identity": lambda T, t: T.Identity(),
}
FAMILIES = {
    "first": (transforms, {**BOTH, **AUTO, **TENSORS, **FLOATS, **PICTURES, **OF_FIRST}),
    "second": (v2, {**BOTH, **AUTO, **TENSORS, **FLOATS, **PICTURES, **OF_SECOND}),
}
CASES = [(version, name, kind) for version, (_, all_) in FAMILIES.items() for name in all_ for kind in INPUTS]


def fits(version: str, name: str, kind: str) -> bool:
    if name in BOTH and kind == ("floats" if version == "first" else "picture"):
        return False  # what is one thing is tried once
    if name in AUTO:
        return kind != "floats"
    if name == "LinearTransformation":
        return kind == "floats"
    if name in TENSORS or name == "GaussianNoise":
        return kind != "picture" and not ("noise" in name and kind == "bytes")
    if name in FLOATS:
        return kind == "floats"
    return kind == "picture" if name in PICTURES or name in OF_FIRST else True


def their(version: str, vision_oracle: ModuleType) -> ModuleType:
    name = f"{vision_oracle.__name__}.transforms"
    return importlib.import_module(name if version == "first" else f"{name}.v2")


def numbers(image: Any) -> np.ndarray:
    return np.array(image) if is_picture(image) else image.numpy()


def same(made: Any, expected: Any, off: int = 1) -> None:
    """Bytes may be rounded the other way."""
    if isinstance(expected, tuple):
        for ours, other in zip(made, expected, strict=True):
            same(ours, other)
        return
    assert type(made).__name__ == type(expected).__name__
    ours, other = numbers(made), numbers(expected)
    assert ours.dtype == other.dtype and ours.shape == other.shape
    if ours.dtype == np.uint8:
        assert np.abs(ours.astype(int) - other).max() <= off
    else:
        np.testing.assert_allclose(ours, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("version", "name", "kind"), [case for case in CASES if fits(*case)])
def test_same_images_from_the_same_seed(
    version: str, name: str, kind: str, oracle: ModuleType, vision_oracle: ModuleType
) -> None:
    module, all_ = FAMILIES[version]
    ours, other = all_[name](module, torch), all_[name](their(version, vision_oracle), oracle)
    if name != "LinearTransformation":  # a matrix is a long text
        assert repr(ours) == repr(other)
    for seed in range(6 if name in AUTO else 2):
        torch.manual_seed(seed)
        random.seed(seed)
        made = ours(INPUTS[kind](torch))
        ours_next = (torch.rand(1).item(), random.random())
        oracle.manual_seed(seed)
        random.seed(seed)
        expected = other(INPUTS[kind](oracle))
        assert ours_next == (oracle.rand(1).item(), random.random()), "other numbers were drawn"
        # One change makes more of what another one has rounded.
        same(made, expected, 2 if name in AUTO else 1)
