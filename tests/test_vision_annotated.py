"""Data sets of photographs with objects in them: files are read, shown and refused as the oracle does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kagari.vision import datasets
from kagari.vision.pillow import pillow

XML = """<annotation><folder>V</folder><size><width>6</width><depth/></size><two>1</two><two>2</two>{}</annotation>"""
OBJECT = "<object><name> a </name><part><name>q</name></part><part><name>r</name></part></object>"


def outcome(ask: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What is returned, or type and text of the error."""
    try:
        return ask(*arguments, **options)
    except Exception as error:
        return type(error), str(error)


def numbers(value: Any) -> Any:
    """A picture as its mode and its bytes; other values as they are."""
    return (value.mode, value.tobytes()) if hasattr(value, "tobytes") else value


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """A folder as the archive of 2007 makes it."""
    base = tmp_path / "VOCdevkit" / "VOC2007"
    for name in ("JPEGImages", "SegmentationClass", "Annotations", "ImageSets/Main", "ImageSets/Segmentation"):
        (base / name).mkdir(parents=True)
    for k, objects in enumerate(("", OBJECT, OBJECT * 2)):
        image = np.full((5, 6), 40 * k, np.uint8)
        pillow().fromarray(image).save(base / "JPEGImages" / f"x{k}.jpg")
        pillow().fromarray(image).save(base / "SegmentationClass" / f"x{k}.png")
        (base / "Annotations" / f"x{k}.xml").write_text(XML.format(objects))
    (base / "ImageSets" / "Main" / "train.txt").write_text("x0\nx1\nx2\n")
    (base / "ImageSets" / "Segmentation" / "test.txt").write_text("x2\n")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("VOCDetection", {}),
        ("VOCDetection", {"target_transform": len}),
        ("VOCDetection", {"transforms": lambda image, target: (image.size, target)}),
        ("VOCSegmentation", {"image_set": "test"}),
    ],
)
def test_voc(vision_oracle: ModuleType, voc: Path, kind: str, options: dict[str, Any]) -> None:
    ours, theirs = (getattr(m, kind)(voc, year="2007", **options) for m in (datasets, vision_oracle.datasets))
    assert len(ours) == len(theirs) > 0 and repr(ours) == repr(theirs)
    files = "annotations" if kind == "VOCDetection" else "masks"
    assert ours.images == theirs.images and getattr(ours, files) == getattr(theirs, files)
    for k in range(len(theirs)):
        assert [numbers(x) for x in ours[k]] == [numbers(x) for x in theirs[k]]


@pytest.mark.parametrize("options", [{"year": "2006"}, {"image_set": "test"}, {}, {"year": "2007", "image_set": "val"}])
def test_errors_of_voc(vision_oracle: ModuleType, voc: Path, options: dict[str, Any]) -> None:
    found, wanted = (outcome(m.VOCDetection, voc, **options) for m in (datasets, vision_oracle.datasets))
    assert found == wanted and issubclass(found[0], Exception)


def test_where_voc_lies(vision_oracle: ModuleType) -> None:
    assert datasets.voc.DATASET_YEAR_DICT == vision_oracle.datasets.voc.DATASET_YEAR_DICT


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A folder of images, and a file of annotations."""
    for k in range(3):
        pillow().fromarray(np.full((4, 5), 50 * k, np.uint8)).save(tmp_path / f"{k}.png")
    known = {
        "images": [{"id": number, "file_name": f"{k}.png"} for k, number in enumerate((7, 3, 5))],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 1], "caption": "a"},
            {"id": 4, "image_id": 3, "category_id": 1, "bbox": [0, 0, 5, 4], "caption": "b"},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 2, 2], "caption": "c"},
        ],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
    }
    (tmp_path / "known.json").write_text(json.dumps(known))
    return tmp_path


def test_coco(coco: Path) -> None:
    """The order of images and annotations was seen at torchvision 0.29.1 with pycocotools."""
    data = datasets.CocoDetection(coco, str(coco / "known.json"))
    assert data.ids == [3, 5, 7] and len(data) == 3
    assert repr(data) == f"Dataset CocoDetection\n    Number of datapoints: 3\n    Root location: {coco}"
    assert [[one["id"] for one in target] for _, target in data] == [[4], [], [1, 2]]
    assert data[2][0].mode == "RGB" and data[0][0].getpixel((0, 0)) == (50, 50, 50)
    captions = datasets.CocoCaptions(coco, str(coco / "known.json"), target_transform=sorted)
    assert [target for _, target in captions] == [["b"], [], ["a", "c"]]
    with pytest.raises(ValueError, match="Index must be of type integer, got <class 'str'> instead"):
        data["a"]  # type: ignore[index]


def test_questions_to_annotations(coco: Path) -> None:
    index = datasets.CocoDetection(coco, str(coco / "known.json")).coco
    assert index.getImgIds() == [7, 3, 5] and index.getAnnIds() == [1, 4, 2]
    assert index.getAnnIds([7, 3]) == [1, 2, 4] and index.getAnnIds(7, catIds=1) == [2]
    assert index.getCatIds() == [1, 2] and index.getCatIds(["y"]) == [2]
    assert index.loadCats(2)[0]["name"] == "y" and index.loadImgs([5])[0]["file_name"] == "2.png"
    assert [one["caption"] for one in index.loadAnns([2, 1])] == ["c", "a"]
