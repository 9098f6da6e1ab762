"""Pascal VOC: Everingham and others, *The Pascal Visual Object Classes (VOC) Challenge* (2010)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..pillow import pillow
from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset

_SITE = "https://thor.robots.ox.ac.uk/pascal/VOC/"
# The archive of each year: its place, its name here, its digest, and the folder in it.
DATASET_YEAR_DICT = {
    year: {"url": _SITE + place, "filename": name, "md5": md5, "base_dir": base}
    for year, place, name, md5, base in (
        ("2012", "voc2012/VOCtrainval_11-May-2012.tar", "VOCtrainval_11-May-2012.tar",
         "6cd6e144f989b92b3379bac3b3de84fd", "VOCdevkit/VOC2012"),
        ("2011", "voc2011/VOCtrainval_25-May-2011.tar", "VOCtrainval_25-May-2011.tar",
         "6c3384ef61512963050cb5d687e5bf1e", "TrainVal/VOCdevkit/VOC2011"),
        ("2010", "voc2010/VOCtrainval_03-May-2010.tar", "VOCtrainval_03-May-2010.tar",
         "da459979d0c395079b5c75ee67908abb", "VOCdevkit/VOC2010"),
        ("2009", "voc2009/VOCtrainval_11-May-2009.tar", "VOCtrainval_11-May-2009.tar",
         "a3e00b113cfcfebf17e343f59da3caa1", "VOCdevkit/VOC2009"),
        ("2008", "voc2008/VOCtrainval_14-Jul-2008.tar", "VOCtrainval_11-May-2012.tar",
         "2629fa636546599198acfcfbfcf1904a", "VOCdevkit/VOC2008"),
        ("2007", "voc2007/VOCtrainval_06-Nov-2007.tar", "VOCtrainval_06-Nov-2007.tar",
         "c52e279531787c972589f7e41ab4ae64", "VOCdevkit/VOC2007"),
        ("2007-test", "voc2007/VOCtest_06-Nov-2007.tar", "VOCtest_06-Nov-2007.tar",
         "b6e924de25625d8de591ea690078ad9f", "VOCdevkit/VOC2007"),
    )
}  # fmt: skip


class _VOC(VisionDataset):
    """Photographs and, in a folder of its own, a file for each. The arguments are those of `VOCDetection`."""

    _SPLITS_DIR: str
    _TARGET_DIR: str
    _TARGET_FILE_EXT: str

    def __init__(
        self,
        root: str | Path,
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        transforms: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", sorted(name for name in DATASET_YEAR_DICT if name.isdigit()))
        sets = ["train", "trainval", "val", *(["test"] if year == "2007" else [])]
        self.image_set = verify_str_arg(image_set, "image_set", sets)
        known = DATASET_YEAR_DICT["2007-test" if (year, image_set) == ("2007", "test") else year]
        self.url, self.filename, self.md5 = known["url"], known["filename"], known["md5"]
        if download:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.md5)
        folder = os.path.join(self.root, known["base_dir"])
        if not os.path.isdir(folder):
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        listed = os.path.join(folder, "ImageSets", self._SPLITS_DIR, f"{image_set.rstrip()}.txt")
        names = Path(listed).read_text(encoding="utf-8").split()
        self.images = [os.path.join(folder, "JPEGImages", f"{name}.jpg") for name in names]
        self.targets = [os.path.join(folder, self._TARGET_DIR, name + self._TARGET_FILE_EXT) for name in names]

    def __len__(self) -> int:
        return len(self.images)


class VOCSegmentation(_VOC):
    """Photographs and pictures of the class of each pixel. The arguments are those of `VOCDetection`.

    Attributes:
        images, masks (list of str): the files.

    Raises what `VOCDetection` raises.
    """

    _SPLITS_DIR, _TARGET_DIR, _TARGET_FILE_EXT = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self) -> list[str]:
        return self.targets

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = pillow().open(self.images[index]).convert("RGB")
        return self._transformed(image, pillow().open(self.masks[index]))


class VOCDetection(_VOC):
    """Photographs and what is known of the objects in them: the file, as dictionaries in dictionaries.

    Args:
        root (str or Path): the folder; the files lie in ``VOCdevkit`` below it.
        year (str): ``"2007"`` to ``"2012"``. Default: ``"2012"``
        image_set (str): ``"train"``, ``"trainval"`` or ``"val"``; of 2007 ``"test"``, too. Default: ``"train"``
        download (bool): whether the archive is downloaded and unpacked. Default: ``False``
        transform, target_transform: functions of a picture and of a target.
        transforms: a function of both, which returns both.

    Attributes:
        images, annotations (list of str): the files.

    Raises ValueError for another year or set, RuntimeError where the folder is missing or can't be downloaded.
    """

    _SPLITS_DIR, _TARGET_DIR, _TARGET_FILE_EXT = "Main", "Annotations", ".xml"

    @property
    def annotations(self) -> list[str]:
        return self.targets

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = pillow().open(self.images[index]).convert("RGB")
        return self._transformed(image, self.parse_voc_xml(ElementTree.parse(self.annotations[index]).getroot()))

    @staticmethod
    def parse_voc_xml(node: ElementTree.Element) -> dict[str, Any]:
        """An element as a dictionary: its text, if it has one, or its children by their names; those of one name, and
        the objects of an annotation, are a list."""
        if not len(node):
            return {} if node.text is None else {node.tag: node.text.strip()}
        found: dict[str, list[Any]] = {}
        for child in node:
            for name, value in VOCDetection.parse_voc_xml(child).items():
                found.setdefault(name, []).append(value)
        inside: dict[str, Any] = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
        if node.tag == "annotation":
            inside["object"] = found.get("object", [])
        return {node.tag: inside}


__all__ = ["DATASET_YEAR_DICT", "VOCDetection", "VOCSegmentation"]
