"""CIFAR-10 and CIFAR-100: Krizhevsky, *Learning multiple layers of features from tiny images* (2009)."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...serialization import safe_globals
from ...serialization.unpickle import SafeUnpickler
from ..pillow import pillow
from .archive import ArchiveDataset
from .utils import check_integrity


class CIFAR10(ArchiveDataset):
    """Photographs of ten classes: 50,000 to train with and 10,000 to test. A sample is a picture of Pillow's, 32x32 in
    colour, and the number of its class.

    The files are pickles; they are read as data, and run no code.

    Args:
        root (str or Path): the folder; the files lie in ``cifar-10-batches-py`` below it.
        train (bool): whether these are the pictures to train with. Default: ``True``
        transform, target_transform: functions of a picture and of a number.
        download (bool): whether files that are missing are downloaded. Default: ``False``

    Attributes:
        data (numpy.ndarray): all pictures, (N, 32, 32, 3), uint8.
        targets (list of int): the numbers of their classes.
        classes (list of str): the names of the classes.
        class_to_idx (dict): the number of each class.

    Raises RuntimeError where a file is missing, has another digest, or can't be downloaded.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: ClassVar = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: ClassVar = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        batches = [_read(self._path(name)) for name, _ in (self.train_list if train else self.test_list)]
        pixels = np.concatenate([batch["data"].pixels() for batch in batches])
        self.data = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.targets = [n for batch in batches for n in batch.get("labels") or batch["fine_labels"]]
        if not check_integrity(self._path(self.meta["filename"]), self.meta["md5"]):
            raise RuntimeError("Dataset metadata file not found or corrupted. You can use download=True to download it")
        self.classes = _read(self._path(self.meta["filename"]))[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(pillow().fromarray(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """Photographs of a hundred classes, otherwise as `CIFAR10`; the files lie in ``cifar-100-python``."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: ClassVar = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list: ClassVar = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta: ClassVar = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}


class _Type:
    """What a pickle says of an array's dtype."""

    def __init__(self, name: str, *rest: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        """The order of bytes and what else there is to say: nothing for single bytes."""


class _Array:
    """What a pickle says of an array."""

    def __init__(self, *start: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def pixels(self) -> np.ndarray:
        """The array, if it is one of bytes in C's order. Raises UnpicklingError if not."""
        _, shape, dtype, fortran, data = self.state
        if dtype.name not in ("u1", "|u1") or fortran:
            raise pickle.UnpicklingError(f"expected an array of uint8 in C's order, got one of {dtype.name}")
        return np.frombuffer(data if isinstance(data, bytes) else data.encode("latin1"), np.uint8).reshape(shape)


# The names that arrays of old and of new pickles go by.
_NAMES = [
    (_Array, "numpy.core.multiarray._reconstruct"), (_Array, "numpy._core.multiarray._reconstruct"),
    (_Array, "numpy.ndarray"), (_Type, "numpy.dtype"),
]  # fmt: skip


def _read(path: str) -> dict[str, Any]:
    """The dictionary in a pickle. Raises UnpicklingError for anything but data and arrays."""

    def no_storage(saved_id: Any) -> Any:
        raise pickle.UnpicklingError(f"{path} asks for the storage {saved_id!r}")

    with safe_globals(_NAMES):
        found = SafeUnpickler(Path(path).read_bytes(), no_storage, encoding="latin1").load()
    if not isinstance(found, dict):
        raise pickle.UnpicklingError(f"{path} has a {type(found).__name__}, expected a dict")
    return found


__all__ = ["CIFAR10", "CIFAR100"]
