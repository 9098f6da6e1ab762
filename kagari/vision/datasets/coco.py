"""COCO: Lin and others, *Microsoft COCO: Common Objects in Context* (2014)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .vision import VisionDataset


class CocoIndex:
    """A file of annotations, by numbers; the names are those of the COCO programming interface.

    Args:
        path (str or Path): the file.

    Attributes:
        dataset (dict): what the file has.
        imgs, anns, cats (dict): images, annotations and categories by their numbers.
        imgToAnns (dict): the annotations of each image that has some.
    """

    def __init__(self, path: str | Path) -> None:
        with open(path, encoding="utf-8") as file:
            self.dataset: dict[str, Any] = json.load(file)
        self.imgs, self.anns, self.cats = (
            {one["id"]: one for one in self.dataset.get(kind, ())} for kind in ("images", "annotations", "categories")
        )
        self.imgToAnns: dict[int, list[dict[str, Any]]] = {}
        for annotation in self.anns.values():
            self.imgToAnns.setdefault(annotation["image_id"], []).append(annotation)

    def getImgIds(self) -> list[int]:
        """The numbers of all images."""
        return list(self.imgs)

    def getCatIds(self, catNms: Iterable[str] = ()) -> list[int]:
        """The numbers of the categories with these names, or of all."""
        names = set(catNms)
        return [number for number, one in self.cats.items() if not names or one["name"] in names]

    def getAnnIds(self, imgIds: int | Iterable[int] = (), catIds: int | Iterable[int] = ()) -> list[int]:
        """The numbers of the annotations of these images and categories, or of all."""
        images, categories = ([ids] if isinstance(ids, int) else list(ids) for ids in (imgIds, catIds))
        found = [one for image in images for one in self.imgToAnns.get(image, ())] if images else self.anns.values()
        return [one["id"] for one in found if not categories or one["category_id"] in categories]

    def loadImgs(self, ids: int | Iterable[int]) -> list[dict[str, Any]]:
        """Images by their numbers."""
        return [self.imgs[number] for number in ([ids] if isinstance(ids, int) else ids)]

    def loadAnns(self, ids: int | Iterable[int]) -> list[dict[str, Any]]:
        """Annotations by their numbers."""
        return [self.anns[number] for number in ([ids] if isinstance(ids, int) else ids)]

    def loadCats(self, ids: int | Iterable[int]) -> list[dict[str, Any]]:
        """Categories by their numbers."""
        return [self.cats[number] for number in ([ids] if isinstance(ids, int) else ids)]


class CocoDetection(VisionDataset):
    """Photographs and the annotations of the objects in them. A sample is a picture of Pillow's and a list of
    dictionaries.

    Args:
        root (str or Path): the folder of the images.
        annFile (str): the file of annotations.
        transform, target_transform: functions of a picture and of a list.
        transforms: a function of both, which returns both.

    Attributes:
        coco (CocoIndex): the annotations.
        ids (list of int): the numbers of the images, in order.

    Raises FileNotFoundError where the file is missing.
    """

    def __init__(
        self,
        root: str | Path,
        annFile: str,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        transforms: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.coco = CocoIndex(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id: int) -> Any:
        path = os.path.join(self.root, self.coco.loadImgs(id)[0]["file_name"])
        return pillow().open(path).convert("RGB")

    def _load_target(self, id: int) -> list[Any]:
        return self.coco.loadAnns(self.coco.getAnnIds(id))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        return self._transformed(self._load_image(self.ids[index]), self._load_target(self.ids[index]))

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """Photographs and what people say of them: a sample is a picture and a list of sentences. See `CocoDetection`."""

    def _load_target(self, id: int) -> list[Any]:
        return [annotation["caption"] for annotation in super()._load_target(id)]


__all__ = ["CocoCaptions", "CocoDetection", "CocoIndex"]
