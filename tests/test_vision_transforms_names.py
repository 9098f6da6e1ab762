"""Which names there are, and what is only a name for something else."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

import kagari as torch
from kagari.vision import transforms, tv_tensors
from kagari.vision.transforms import v2

# What torchvision has and Kagari does not.
MISSING = {
    "transforms": set(),
    "transforms.functional": set(),
    "transforms.v2": set(),
    "transforms.v2.functional": {"is_pure_tensor"},
    "ops": set(),
    "utils": set(),
    "tv_tensors": {"is_rotated_bounding_format", "set_return_type"},
}  # fmt: skip
KERNELS = ("_image", "_video", "_mask", "_bounding_boxes", "_keypoints")


@pytest.mark.parametrize("name", MISSING)
def test_names(name: str, vision_oracle: ModuleType) -> None:
    ours = importlib.import_module(f"kagari.vision.{name}")
    other = importlib.import_module(f"{vision_oracle.__name__}.{name}")
    assert list(ours.__all__) == sorted(ours.__all__)
    assert all(getattr(ours, one) is not None for one in ours.__all__)
    theirs = {
        one
        for one in dir(other)
        if not one.startswith("_") and getattr(getattr(other, one), "__module__", "").startswith("torchvision")
    }
    missing = theirs - set(ours.__all__)
    if name == "transforms.v2.functional":
        missing = {one for one in missing if not one.endswith(KERNELS)}
    assert missing == MISSING[name]
    assert {one for one in ours.__all__ if not hasattr(other, one)} <= {"v2"}


def test_what_both_interfaces_share_is_one_thing() -> None:
    for name in ("CenterCrop", "RandomHorizontalFlip", "Pad", "ToPILImage"):
        assert getattr(transforms, name) is getattr(v2, name)
    assert issubclass(transforms.ColorJitter, v2.ColorJitter)
    assert v2.functional.hflip is v2.functional.horizontal_flip


def test_own_kinds_of_tensors() -> None:
    class Depth(tv_tensors.TVTensor):
        pass

    depth = torch.arange(3).as_subclass(Depth)
    with pytest.raises(TypeError, match="Depth"):
        v2.functional.vertical_flip(depth)
    assert v2.RandomVerticalFlip(1.0)(depth) is depth

    @v2.functional.register_kernel(v2.functional.vertical_flip, Depth)
    def flipped(inpt: Depth) -> Depth:
        return tv_tensors.wrap(inpt + 1, like=inpt)

    made = v2.RandomVerticalFlip(1.0)(depth)
    assert type(made) is Depth and made.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="builtin TVTensor classes"):
        v2.functional.register_kernel(v2.functional.vertical_flip, tv_tensors.Mask)
    with pytest.raises(ValueError, match="only be registered on functionals"):
        v2.functional.register_kernel(len, Depth)


def test_frames_and_modes() -> None:
    video = tv_tensors.Video(torch.arange(6).reshape(6, 1, 1, 1))
    made = v2.UniformTemporalSubsample(3)(video)
    assert isinstance(made, tv_tensors.Video) and made.flatten().tolist() == [0, 2, 5]
    boxes = tv_tensors.BoundingBoxes([-1, 2, 3, 4], format="XYXY", canvas_size=(5, 5))
    free = v2.SetClampingMode(None)(boxes)
    assert free.clamping_mode is None and boxes.clamping_mode == "soft"
    assert v2.functional.pad(free, 1).tolist() == [[0, 3, 4, 5]]
    with pytest.raises(ValueError, match="must be soft, hard or None"):
        v2.SetClampingMode("loose")
