"""Linear algebra, gathered: what the package's own namespace, Tensor and `torch.linalg` have of it."""

from __future__ import annotations

from typing import Any

from . import decompositions, equations, powers, reflections, spectra, symmetric, triangular

_PARTS = (equations, triangular, symmetric, decompositions, spectra, powers, reflections)

FUNCTIONS: tuple[Any, ...] = tuple(f for part in _PARTS for f in part.FUNCTIONS)
METHODS: tuple[Any, ...] = tuple(f for part in _PARTS for f in part.METHODS)
LINALG: dict[str, Any] = {name: f for part in _PARTS for name, f in part.LINALG.items()}
for _name, _f in LINALG.items():  # where pickle finds them; messages have names of their own
    _f.__module__, _f.__qualname__ = f"{__name__.partition('.')[0]}.linalg", _name
