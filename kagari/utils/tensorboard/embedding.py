"""Points with their labels and pictures, for TensorBoard's projector: files beside the event file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import as_array, beside_each_other
from .library import part, pillow

_CONFIG = "projector_config.pbtxt"


def encoded(text: str) -> str:
    """A tag as the name of a folder."""
    for letter in "%/\\":
        text = text.replace(letter, f"%{ord(letter):02x}")
    return text


class Projector:
    """Writes the embeddings of one folder, and the file that lists them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config = part("plugins.projector.projector_config_pb2").ProjectorConfig()

    def add(
        self,
        points: Any,
        metadata: Sequence[Any] | None,
        images: Any,
        step: str,
        tag: str,
        header: Sequence[str] | None,
    ) -> None:
        """Writes points (N, D), what they are called, and images (N, C, H, W) of them.

        Raises AssertionError where these don't fit together.
        """
        points = as_array(points)
        if points.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        place = f"{step}/{encoded(tag)}"
        folder = self.folder / place
        info = self._config.embeddings.add()
        info.tensor_name = f"{tag}:{step}"
        folder.mkdir(parents=True, exist_ok=True)
        if metadata is not None:
            if len(metadata) != len(points):
                raise AssertionError("#labels should equal with #data points")
            _write(folder / "metadata.tsv", _table(metadata, header))
            info.metadata_path = f"{place}/metadata.tsv"
        if images is not None:
            images = as_array(images)
            if len(images) != len(points):
                raise AssertionError("#images should equal with #data points")
            _sprite(images).save(folder / "sprite.png")
            info.sprite.image_path = f"{place}/sprite.png"
            info.sprite.single_image_dim.extend([images.shape[3], images.shape[2]])
        _write(folder / "tensors.tsv", ["\t".join(map(str, row)) for row in points.tolist()])
        info.tensor_path = f"{place}/tensors.tsv"
        (self.folder / _CONFIG).write_text(str(self._config), encoding="utf-8")


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _table(metadata: Sequence[Any], header: Sequence[str] | None) -> list[str]:
    """The labels as lines; with a header each of them is a row of cells."""
    if header is None:
        return [str(label) for label in metadata]
    if len(header) != len(metadata[0]):
        raise AssertionError("len of header must be equal to the number of columns in metadata")
    return ["\t".join(map(str, row)) for row in [header, *metadata]]


def _sprite(images: Any) -> Any:
    """All images in one picture, which is square unless the images are high."""
    side = math.ceil(math.sqrt(len(images)))
    pixels = beside_each_other(images, side).transpose(1, 2, 0)
    pixels = np.pad(pixels, ((0, max(0, pixels.shape[1] - pixels.shape[0])), (0, 0), (0, 0)))
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    if pixels.dtype != np.uint8:
        pixels = (pixels * 255).clip(0, 255).astype(np.uint8)
    return pillow("Image").fromarray(np.ascontiguousarray(pixels))


__all__ = ["Projector", "encoded"]
