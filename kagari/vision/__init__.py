"""Images: the interface of torchvision, on Kagari's public interface.

Pictures are read and written by Pillow, which comes with the extra `vision` and is opened when it is first needed.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.28.0"
"""The torchvision whose interface this is."""

_PACKAGES = frozenset(("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"))

__all__ = [
    "__version__", "datasets", "disable_beta_transforms_warning", "get_image_backend", "io", "models", "ops",
    "set_image_backend", "transforms", "tv_tensors", "utils",
]  # fmt: skip


def get_image_backend() -> str:
    """The library that reads pictures."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Says which library reads pictures. Raises ValueError for any other than ``"PIL"``."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. The only option is 'PIL'")


def disable_beta_transforms_warning() -> None:
    """Turns off a warning of older versions, which is not there."""


def __getattr__(name: str) -> Any:
    """The sub-packages, loaded when they are first asked for."""
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
