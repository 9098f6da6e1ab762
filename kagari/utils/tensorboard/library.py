"""The library `tensorboard`, and Pillow, which it brings: the one place that opens them."""

from __future__ import annotations

import importlib
from typing import Any


def part(name: str) -> Any:
    """A module of TensorBoard's. Raises ModuleNotFoundError, saying what to install, where it is missing."""
    return _opened(f"tensorboard.{name}")


def proto(name: str) -> Any:
    """The messages that one of TensorBoard's files of definitions has."""
    return part(f"compat.proto.{name}_pb2")


def pillow(name: str) -> Any:
    """A module of Pillow's."""
    return _opened(f"PIL.{name}")


def _opened(name: str) -> Any:
    library = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise
        raise ModuleNotFoundError(
            f"event files are written by {library}, which is not installed: pip install 'kagari[tensorboard]'",
            name=library,
        ) from None


__all__ = ["part", "pillow", "proto"]
