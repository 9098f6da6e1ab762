"""Data sets whose files come in one archive."""

from __future__ import annotations

import os
from typing import ClassVar

from .utils import check_integrity, download_and_extract_archive
from .vision import VisionDataset


class ArchiveDataset(VisionDataset):
    """The base of data sets that lie in ``base_folder`` below the root, unpacked from ``url``.

    The lists give the name and the MD5 digest of each file.
    """

    base_folder: str
    url: str
    filename: str
    tgz_md5: str
    train_list: ClassVar[list[list[str]]]
    test_list: ClassVar[list[list[str]]]

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _check_integrity(self) -> bool:
        return all(check_integrity(self._path(name), md5) for name, md5 in self.train_list + self.test_list)

    def download(self) -> None:
        """Downloads what is missing. Raises RuntimeError, which names address and folder, where that fails."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)
