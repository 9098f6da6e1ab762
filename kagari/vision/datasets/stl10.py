"""STL-10: Coates, Lee and Ng, *An analysis of single layer networks in unsupervised feature learning* (2011)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..pillow import pillow
from .archive import ArchiveDataset
from .utils import verify_str_arg


class STL10(ArchiveDataset):
    """Photographs of ten classes, and many of no class. A sample is a picture of Pillow's, 96x96 in colour, and the
    number of its class, -1 for none.

    Args:
        root (str or Path): the folder; the files lie in ``stl10_binary`` below it.
        split (str): ``"train"``, ``"test"``, ``"unlabeled"`` or ``"train+unlabeled"``. Default: ``"train"``
        folds (int, optional): which of ten given parts of the pictures to train with, from 0 to 9. Default: all
        transform, target_transform: functions of a picture and of a number.
        download (bool): whether files that are missing are downloaded. Default: ``False``

    Attributes:
        data (numpy.ndarray): all pictures, (N, 3, 96, 96), uint8.
        labels (numpy.ndarray): the numbers of their classes, (N,).
        classes (list of str): the names of the classes.

    Raises ValueError for another split or part, RuntimeError where a file is missing, has another digest, or can't be
    downloaded.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list: ClassVar = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list: ClassVar = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"], ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]  # fmt: skip
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        if folds is not None and not isinstance(folds, int):
            raise ValueError(f"Expected type None or int for argument folds, but got type {type(folds)}.")
        if folds is not None and not 0 <= folds < 10:
            raise ValueError(f"Value for argument folds should be in the range [0, 10), but got {folds}.")
        self.folds = folds
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        parts = [self._part(name) for name in self.split.split("+")]
        self.data, self.labels = (np.concatenate(part) for part in zip(*parts))
        names = Path(self._path(self.class_names_file))
        self.classes = names.read_text(encoding="utf-8").splitlines() if names.is_file() else []

    def _part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The pictures and labels of a split; the files have columns before rows, and classes from 1 on."""
        images = np.fromfile(self._path(f"{name}_X.bin"), np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
        if name == "unlabeled":
            return images, np.full(len(images), -1)
        labels = np.fromfile(self._path(f"{name}_y.bin"), np.uint8).astype(np.int64) - 1
        if name == "train" and self.folds is not None:
            lines = Path(self._path(self.folds_list_file)).read_text(encoding="utf-8").splitlines()
            chosen = np.array(lines[self.folds].split(), np.int64)
            images, labels = images[chosen], labels[chosen]
        return images, labels

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = pillow().fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self._transformed(picture, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


__all__ = ["STL10"]
