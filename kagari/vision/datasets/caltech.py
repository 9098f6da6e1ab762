"""Caltech 101: Fei-Fei, Fergus and Perona (2004). Caltech 256: Griffin, Holub and Perona (2007)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..pillow import pillow
from .mat import read_mat
from .utils import download_and_extract_archive, extract_archive, verify_str_arg
from .vision import VisionDataset


class _Categories(VisionDataset):
    """Pictures in one folder for each category, numbered from 1 on.

    Attributes:
        categories (list of str): the names of the folders.
        y (list of int): the category of each picture.
        index (list of int): its number there.
    """

    folder: str
    pictures: str

    def __init__(self, root: str | Path, transform: Any, target_transform: Any, download: bool) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        self.categories = self._categories()
        self.index: list[int] = []
        self.y: list[int] = []
        for number, name in enumerate(self.categories):
            files = os.listdir(os.path.join(self.root, self.folder, name))
            count = sum(file.endswith(".jpg") for file in files)
            self.index += range(1, count + 1)
            self.y += [number] * count

    def _categories(self) -> list[str]:
        return sorted(os.listdir(os.path.join(self.root, self.folder)))

    def _check_integrity(self) -> bool:
        return os.path.exists(os.path.join(self.root, self.folder))

    def download(self) -> None:
        """Downloads what is missing. Raises RuntimeError, which names address and folder, where that fails."""
        raise NotImplementedError

    def _picture(self, index: int) -> Any:
        category = self.y[index]
        name = self.pictures.format(category=category + 1, number=self.index[index])
        picture = pillow().open(os.path.join(self.root, self.folder, self.categories[category], name))
        picture.load()  # which closes the file
        return picture

    def __len__(self) -> int:
        return len(self.index)


class Caltech101(_Categories):
    """Photographs of objects of 101 categories, about 9,000. A sample is a picture of Pillow's and what is asked for:
    the number of its category, the outline of the object, or both.

    Args:
        root (str or Path): the folder; the files lie in ``caltech101`` below it.
        target_type (str or list of str): ``"category"`` or ``"annotation"``, an array of x and y of the points of the
            outline, (2, N). Default: ``"category"``
        transform, target_transform: functions of a picture and of a target.
        download (bool): whether the files are downloaded. Default: ``False``

    Attributes:
        categories (list of str): the names of the categories.
        y (list of int): the category of each picture.

    Raises ValueError for another type of target, RuntimeError where the files are missing or can't be downloaded.
    """

    folder, pictures = "101_ObjectCategories", "image_{number:04d}.jpg"
    _outlines: ClassVar = {  # the folders of outlines that have other names than those of pictures
        "Faces": "Faces_2", "Faces_easy": "Faces_3", "Motorbikes": "Motorbikes_16", "airplanes": "Airplanes_Side_2",
    }  # fmt: skip

    def __init__(
        self,
        root: str | Path,
        target_type: Sequence[str] | str = "category",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        kinds = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [verify_str_arg(kind, "target_type", ("category", "annotation")) for kind in kinds]
        super().__init__(os.path.join(root, "caltech101"), transform, target_transform, download)
        self.annotation_categories = [self._outlines.get(name, name) for name in self.categories]

    def _categories(self) -> list[str]:
        return [name for name in super()._categories() if name != "BACKGROUND_Google"]

    def download(self) -> None:
        if self._check_integrity():
            return
        url = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
        download_and_extract_archive(url, self.root, md5="3138e1922a9193bfa496528edbbc45d0", remove_finished=True)
        unpacked = Path(self.root, "caltech-101")
        for archive in unpacked.glob("*.gz"):
            extract_archive(archive, self.root)
        shutil.rmtree(unpacked)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        category = self.y[index]
        targets: list[Any] = []
        for kind in self.target_type:
            if kind == "category":
                targets.append(category)
            else:
                name = f"annotation_{self.index[index]:04d}.mat"
                path = os.path.join(self.root, "Annotations", self.annotation_categories[category], name)
                targets.append(read_mat(path)["obj_contour"])
        return self._transformed(self._picture(index), tuple(targets) if len(targets) > 1 else targets[0])

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}"


class Caltech256(_Categories):
    """Photographs of objects of 256 categories, and clutter, about 30,000. A sample is a picture of Pillow's and the
    number of its category.

    Args:
        root (str or Path): the folder; the files lie in ``caltech256`` below it.
        transform, target_transform: functions of a picture and of a number.
        download (bool): whether the files are downloaded. Default: ``False``

    Attributes:
        categories (list of str): the names of the categories, which begin with their number.
        y (list of int): the category of each picture.

    Raises RuntimeError where the files are missing or can't be downloaded.
    """

    folder, pictures = "256_ObjectCategories", "{category:03d}_{number:04d}.jpg"

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(os.path.join(root, "caltech256"), transform, target_transform, download)

    def download(self) -> None:
        if not self._check_integrity():
            url = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
            download_and_extract_archive(url, self.root, md5="67b4f42ca05d46448c6bb8ecd2220f6d")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(self._picture(index), self.y[index])


__all__ = ["Caltech101", "Caltech256"]
