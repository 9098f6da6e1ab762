"""Linear algebra, as `torch.linalg`."""

from __future__ import annotations

from typing import Any

from .eager import operators

_OPERATORS = {
    "cross": "linalg_cross", "matmul": "matmul", "vander": "linalg_vander", "vecdot": "linalg_vecdot",
}  # fmt: skip

__all__ = sorted(_OPERATORS)


def __getattr__(name: str) -> Any:
    """A function by its name here. Raises AttributeError for names that are not there."""
    if name not in _OPERATORS:
        raise AttributeError(f"module 'kagari.linalg' has no attribute {name!r}")
    found = globals()[name] = getattr(operators, _OPERATORS[name])
    return found


def __dir__() -> list[str]:
    return list(__all__)
