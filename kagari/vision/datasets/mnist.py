"""Data sets in the format of MNIST: handwritten digits, pictures of clothes, kana, letters."""

from __future__ import annotations

import os
import shutil
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...base.dtypes import uint8
from ...eager import Tensor
from ...eager.convert import from_numpy
from ..pillow import pillow
from .utils import check_integrity, download_and_extract_archive, download_url, extract_archive, verify_str_arg
from .vision import VisionDataset

_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 to train with and 10,000 to test. A sample is a picture of Pillow's, 28x28 in grey,
    and the digit.

    Args:
        root (str or Path): the folder; the files lie in ``MNIST/raw`` below it, and are named
            ``train-images-idx3-ubyte`` and so on.
        train (bool): whether these are the pictures to train with. Default: ``True``
        transform, target_transform: functions of a picture and of a digit.
        download (bool): whether files that are missing are downloaded. Default: ``False``

    Attributes:
        data (Tensor): all pictures, (N, 28, 28), uint8.
        targets (Tensor): their digits, (N,), int64.
        classes (list of str): the names of the classes.

    Raises RuntimeError where a file is missing or can't be downloaded.

    Source: LeCun et al., *Gradient-based learning applied to document recognition* (1998).
    """

    mirrors: ClassVar = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources: ClassVar = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes: ClassVar = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
        "9 - nine",
    ]  # fmt: skip

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
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = self._load_data()

    def _files(self) -> list[str]:
        """The paths of the unpacked files."""
        return [os.path.join(self.raw_folder, os.path.splitext(name)[0]) for name, _ in self.resources]

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = self._files()[:2] if self.train else self._files()[2:]
        return read_image_file(images), read_label_file(labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(pillow().fromarray(self.data[index].numpy()), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def raw_folder(self) -> str:
        """The folder of the files."""
        return os.path.join(self.root, self.__class__.__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def _check_exists(self) -> bool:
        return all(check_integrity(path) for path in self._files())

    def download(self) -> None:
        """Downloads what is missing. Raises RuntimeError, which names addresses and folder, where that fails."""
        if self._check_exists():
            return
        for filename, md5 in self.resources:
            errors = ""
            for mirror in self.mirrors:
                try:
                    download_and_extract_archive(mirror + filename, self.raw_folder, filename=filename, md5=md5)
                    break
                except RuntimeError as error:
                    errors += f"Tried {mirror}, got:\n{error}\n"
            else:
                raise RuntimeError(f"Error downloading {filename}:\n{errors}")

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Pictures of clothes in ten classes, in the format of `MNIST`, in ``FashionMNIST/raw``.

    Source: Xiao, Rasul and Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms* (2017).
    """

    mirrors: ClassVar = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources: ClassVar = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes: ClassVar = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Handwritten hiragana in ten classes, in the format of `MNIST`, in ``KMNIST/raw``.

    Source: Clanuwat et al., *Deep learning for classical Japanese literature* (2018).
    """

    mirrors: ClassVar = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources: ClassVar = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes: ClassVar = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_CHARACTERS = set(string.digits + string.ascii_letters)
_ALIKE = set("cijklmopsuvwxyz")  # letters whose small form is a class with the large one


class EMNIST(MNIST):
    """Handwritten digits and letters, in the format of `MNIST`, in ``EMNIST/raw``. The pictures are transposed.

    Args:
        root (str or Path): the folder.
        split (str): ``"byclass"``, ``"bymerge"``, ``"balanced"``, ``"letters"``, ``"digits"`` or ``"mnist"``.
        kwargs: as of `MNIST`.

    Raises ValueError for another split, RuntimeError where a file is missing or can't be downloaded.

    Source: Cohen et al., *EMNIST: an extension of MNIST to handwritten letters* (2017).
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict: ClassVar = {
        "byclass": sorted(_CHARACTERS),
        "bymerge": sorted(_CHARACTERS - _ALIKE),
        "balanced": sorted(_CHARACTERS - _ALIKE),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]  # type: ignore[misc]

    def _files(self) -> list[str]:
        prefix = os.path.join(self.raw_folder, f"emnist-{self.split}-{'train' if self.train else 'test'}")
        return [f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"]

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = self._files()
        return read_image_file(images), read_label_file(labels)

    def download(self) -> None:
        if self._check_exists():
            return
        download_url(self.url, self.raw_folder, md5=self.md5)
        extract_archive(os.path.join(self.raw_folder, os.path.basename(self.url)), self.raw_folder)
        packed = Path(self.raw_folder, "gzip")
        for path in sorted(packed.glob("*.gz")):
            extract_archive(path, self.raw_folder)
        shutil.rmtree(packed)


def read_sn3_pascalvincent_tensor(path: str | Path, strict: bool = True) -> Tensor:
    """The tensor in a file of the idx format: the code of a dtype, the number of dimensions, sizes, and elements.

    Raises ValueError for a file of another kind; where `strict` is given, also for one that does not end where the
    elements do.
    """
    data = Path(path).read_bytes()
    dtype = _DTYPES.get(int.from_bytes(data[:3], "big"))
    dims = data[3] if len(data) > 3 else 0
    start = 4 * (dims + 1)
    if dtype is None or not 1 <= dims <= 3 or len(data) < start:
        raise ValueError(f"{path} is no idx file of 1 to 3 dimensions: it begins with {data[:4].hex(' ')}")
    shape = tuple(np.frombuffer(data, ">i4", dims, 4).tolist())
    elements = np.frombuffer(data, dtype, offset=start)
    if strict and elements.size != np.prod(shape):
        raise ValueError(f"{path} has {elements.size} elements, expected those of the shape {shape}")
    return from_numpy(elements.astype(elements.dtype.newbyteorder("="))).view(*shape)


def _read_bytes(path: str, dims: int) -> Tensor:
    read = read_sn3_pascalvincent_tensor(path, strict=False)
    if read.dtype is not uint8 or read.ndim != dims:
        raise ValueError(f"{path} has a tensor of {read.dtype} and {read.ndim} dimensions, expected uint8 and {dims}")
    return read


def read_label_file(path: str) -> Tensor:
    """The labels in an idx file: (N,), int64. Raises ValueError for another dtype or number of dimensions."""
    return _read_bytes(path, 1).long()


def read_image_file(path: str) -> Tensor:
    """The pictures in an idx file: (N, H, W), uint8. Raises ValueError for another dtype or number of dimensions."""
    return _read_bytes(path, 3)


__all__ = [
    "EMNIST", "KMNIST", "MNIST", "FashionMNIST", "read_image_file", "read_label_file", "read_sn3_pascalvincent_tensor",
]  # fmt: skip
