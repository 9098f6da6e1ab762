"""Street View House Numbers: Netzer and others, *Reading digits in natural images* (2011)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..pillow import pillow
from .mat import read_mat
from .utils import check_integrity, download_url, verify_str_arg
from .vision import VisionDataset


class SVHN(VisionDataset):
    """Photographs of the digits of house numbers: 73,257 to train with, 26,032 to test, and 531,131 easier ones. A
    sample is a picture of Pillow's, 32x32 in colour, and the digit.

    Args:
        root (str or Path): the folder that the files lie in.
        split (str): ``"train"``, ``"test"`` or ``"extra"``. Default: ``"train"``
        transform, target_transform: functions of a picture and of a digit.
        download (bool): whether a file that is missing is downloaded. Default: ``False``

    Attributes:
        data (numpy.ndarray): all pictures, (N, 3, 32, 32), uint8.
        labels (numpy.ndarray): the digits, (N,), int64.

    Raises ValueError for another split, RuntimeError where the file is missing, has another digest, or can't be
    downloaded.
    """

    split_list: ClassVar = {
        "train": [
            "http://ufldl.stanford.edu/housenumbers/train_32x32.mat", "train_32x32.mat",
            "e26dedcc434d2e4c54c9b2d4a06d8373",
        ],
        "test": [
            "http://ufldl.stanford.edu/housenumbers/test_32x32.mat", "test_32x32.mat",
            "eb5a983be6a315427106f1b164d9cef3",
        ],
        "extra": [
            "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat", "extra_32x32.mat",
            "a93ce644f1a588dc4d68dda5feec44a7",
        ],
    }  # fmt: skip

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.file_md5):
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        arrays = read_mat(path)
        self.data = arrays["X"].transpose(3, 2, 0, 1)
        # In the file the digit 0 is of class 10.
        self.labels = arrays["y"].astype(np.int64).squeeze() % 10

    def download(self) -> None:
        """Downloads what is missing. Raises RuntimeError, which names address and folder, where that fails."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = pillow().fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self._transformed(picture, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


__all__ = ["SVHN"]
