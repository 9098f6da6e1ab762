"""Images in folders, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .vision import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a file's name ends in one of these, which are in lower case; the name's own case does not matter."""
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Whether a file's name is that of an image."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The names of a folder's folders in their order, and the number of each.

    Raises FileNotFoundError where there is none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """The files below the folders of the classes, each with the number of its class, in the order of their names.

    Args:
        directory (str or Path): the folder of the classes' folders.
        class_to_idx (dict, optional): the number of each class. Default: that of `find_classes`
        extensions (str or tuple of str): the endings of files that count.
        is_valid_file: says of a path whether the file counts. Either this or `extensions` is given.
        allow_empty (bool): whether there may be classes without files. Default: ``False``

    Raises ValueError where both or neither is given or there are no classes, FileNotFoundError for classes without
    files.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    counts = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ()))
    samples, found = [], set()
    for name in sorted(class_to_idx):
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            for path in (os.path.join(folder, file) for file in sorted(files)):
                if counts(path):
                    samples.append((path, class_to_idx[name]))
                    found.add(name)
    empty = sorted(class_to_idx.keys() - found)
    if empty and not allow_empty:
        listed = extensions if isinstance(extensions, str) or extensions is None else ", ".join(extensions)
        hint = "" if listed is None else f"Supported extensions are: {listed}"
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)}. {hint}")
    return samples


class DatasetFolder(VisionDataset):
    """Files in folders, one for each class: ``root/cat/1.ext``, ``root/dog/a/2.ext``. A sample is what the loader makes
    of a file, and the number of its class.

    Args:
        root (str or Path): the folder of the classes' folders.
        loader: makes a sample of a path.
        extensions, is_valid_file, allow_empty: as of `make_dataset`.
        transform, target_transform: functions of a sample and of a number.

    Attributes:
        classes (list of str): the names of the classes, in their order.
        class_to_idx (dict): the number of each class.
        samples (list): paths, and the numbers of their classes.
        targets (list of int): these numbers.

    Raises what `find_classes` and `make_dataset` raise.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The files and the numbers of their classes; a subclass may find others."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; a subclass may find others."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


def pil_loader(path: str | Path) -> Any:
    """The picture in a file, in colour."""
    with open(path, "rb") as file:
        return pillow().open(file).convert("RGB")


default_loader = pil_loader


class ImageFolder(DatasetFolder):
    """Images in folders, one for each class: ``root/cat/1.png``, ``root/dog/2.jpg``. A sample is a picture of Pillow's
    in colour, and the number of its class.

    Args:
        root (str or Path): the folder of the classes' folders.
        transform, target_transform: functions of a picture and of a number.
        loader: makes a picture of a path.
        is_valid_file: says of a path whether the file counts. Default: those with an ending of images
        allow_empty (bool): whether there may be classes without images. Default: ``False``

    Attributes and errors are those of `DatasetFolder`; ``imgs`` is another name of ``samples``.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples


__all__ = [
    "IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader", "find_classes", "has_file_allowed_extension",
    "is_image_file", "make_dataset", "pil_loader",
]  # fmt: skip
