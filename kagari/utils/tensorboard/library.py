"""The library `tensorboard`, Pillow, which it brings, and `onnx`: the one place that opens them here."""

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


def onnx() -> Any:
    """The library `onnx`."""
    return _opened("onnx", "onnx")


def _opened(name: str, extra: str = "tensorboard") -> Any:
    library = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise
        raise ModuleNotFoundError(
            f"this needs the library {library}, which is not installed: pip install 'kagari[{extra}]'",
            name=library,
        ) from None


__all__ = ["onnx", "part", "pillow", "proto"]
