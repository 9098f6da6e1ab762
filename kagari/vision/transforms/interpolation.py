"""How the numbers between pixels are found."""

from __future__ import annotations

from enum import Enum

from ..pillow import pillow


class InterpolationMode(Enum):
    """The ways to find a number between pixels. `BOX` and `HAMMING` are for Pillow's images alone."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_BY_NUMBER = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers for them."""


def interpolation_mode(given: InterpolationMode | str | int) -> InterpolationMode:
    """A mode by itself, its name, or Pillow's number for it. Raises ValueError for an unknown name or type."""
    if isinstance(given, InterpolationMode):
        return given
    if isinstance(given, int):
        return InterpolationMode(_BY_NUMBER[given])
    if isinstance(given, str):
        modes = [mode.value for mode in InterpolationMode]
        if given.lower() not in modes:
            raise ValueError(f"Invalid interpolation mode: '{given}'. Supported string values are: {modes}.")
        return InterpolationMode(given.lower())
    raise ValueError(
        "Argument interpolation should be an `InterpolationMode` or a corresponding Pillow integer constant, "
        f"but got {given}."
    )


def resampling(mode: InterpolationMode) -> int:
    """Pillow's number for a mode; the two kinds of nearest are one to it."""
    name = "NEAREST" if mode is InterpolationMode.NEAREST_EXACT else mode.name
    number: int = pillow().Resampling[name]
    return number
