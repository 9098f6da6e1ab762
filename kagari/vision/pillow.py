"""Pillow, which reads and writes pictures: the one place that opens it, when it is first needed."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def pillow(part: str = "Image") -> Any:
    """A module of Pillow. Raises ModuleNotFoundError, saying what to install, where it is missing."""
    try:
        return importlib.import_module(f"PIL.{part}")
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        raise ModuleNotFoundError(
            "pictures are read, written and drawn by Pillow, which is not installed: pip install 'kagari[vision]'",
            name="PIL",
        ) from None


def is_picture(value: object) -> bool:
    """Whether it is a picture of Pillow's; Pillow is not opened for the question."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(value, image.Image)


__all__ = ["is_picture", "pillow"]
